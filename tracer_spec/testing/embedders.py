"""The contract of an embedder of texts."""

from __future__ import annotations

import contextlib
import hashlib
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args
from unittest import mock

import numpy as np
from pydantic import BaseModel, SecretBytes, SecretStr

from tracer_spec.errors import TracerError
from tracer_spec.plugin import Fittable, Restorable, VectorReader, Vectors
from tracer_spec.plugin.deployment import KEY_WORDS, aliases, parts_of, words_of
from tracer_spec.plugin.joining import JoiningPlugin
from tracer_spec.plugin.paths import LocalPath
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.testing.contract import Contract
from tracer_spec.testing.graphs import require_equal, require_rows
from tracer_spec.testing.rows import ODD_TEXTS, TEXTS

_ONE_BY_ONE = "compute each text's vector from that text alone: no padding, no statistics of the batch"

# words in the name of an option that tell where an embedder runs, or what opens the door there
_PLACES = KEY_WORDS | frozenset((
    "address", "cache", "device", "dir", "directory", "endpoint", "env", "file", "folder", "host", "hostname", "path", "port",
    "proxy", "repo", "repository", "server", "socket", "uri", "url",
))  # fmt: skip


class EmbedderContract(Contract):
    """What every embedder of texts promises.

    Attributes
    ----------
    tolerance : float
        How far apart vectors of one text may be, alone and in batches of any size and order; what a policy was built on
        is compared with what serves at 1e-4.
    texts : sequence of str
        What it is fitted on and asked for.
    others : sequence of mapping
        Options that make another function from text to vector of it, and must make another fingerprint.

    Examples
    --------
    >>> class TestLsa(EmbedderContract):
    ...     plugin = "lsa"
    ...     options = {"dim": 16}
    ...     others = [{"dim": 8}]
    """

    kind = "embedder"
    tolerance: float = 1e-5
    texts: Sequence[str] = TEXTS
    others: Sequence[Mapping[str, Any]] = ()

    def made(self, given: Mapping[str, Any] | None = None) -> Any:
        """Return the embedder, made anew; of its parts, found among the plugins installed, where it is made of others."""
        made, plugin = super().made(given), self.descriptor
        if not isinstance(plugin, JoiningPlugin):
            return made
        registry, parts = find_plugins(), []
        for part in plugin.parts(self.validated(given)).values():
            found = registry.get(self.kind, part.use).plugin
            parts.append(found.make(found.options.model_validate(part.options)))
        return made.of(parts)

    def _ready(self, part: Any = None) -> Any:
        """Return an embedder, fitted where it learns."""
        part = self.made() if part is None else part
        self.require(
            not isinstance(part, VectorReader),
            "it reads vectors instead of embedding texts",
            fix="test it with VectorReaderContract",
        )
        return part.fit(tuple(self.texts), seed=1) if isinstance(part, Fittable) else part

    def _embedder(self) -> Any:
        return self.kept("embedder", self._ready)

    def _vectors(self) -> Vectors:
        return self.kept("vectors", lambda: self._embedder().embed(tuple(self.texts)))

    def test_each_text_gets_a_finite_row(self) -> None:
        """embed(texts) is float32 (n, d), finite, of one d for ever, for a list and for a tuple of texts."""
        X = self._vectors()
        d = X.shape[-1] if getattr(X, "ndim", 0) == 2 else 0
        self.require(
            d > 0, f"embed gives an array of shape {getattr(X, 'shape', None)}", fix="return (n, d), one row a text"
        )
        require_rows(self, X, (len(self.texts), d), "embed")
        require_rows(self, self._embedder().embed(list(self.texts[:3])), (3, d), "embed, given a list,")

    def test_a_text_has_the_same_vector_alone_and_in_any_batch(self) -> None:
        """The same text gives the same vector, alone or in a batch, first or last, now or later."""
        X, embedder = self._vectors(), self._embedder()
        alone = np.concatenate([embedder.embed([text]) for text in self.texts[:8]])
        self._require_alike(alone, X[:8], "vectors alone and in a batch")
        reverse = embedder.embed(tuple(reversed(self.texts)))[::-1]
        self._require_alike(reverse, X, "vectors of one batch and of its reverse")
        mixed = embedder.embed([self.texts[0], *ODD_TEXTS])[:1]
        self._require_alike(mixed, X[:1], "vectors beside short and beside very long texts")

    def _require_alike(self, got: Vectors, wanted: Vectors, what: str) -> None:
        require_equal(self, got, wanted, what, tolerance=self.tolerance, fix=_ONE_BY_ONE)

    def test_different_texts_have_different_vectors(self) -> None:
        """It tells texts apart."""
        distinct = len(np.unique(np.round(self._vectors(), 5), axis=0))
        self.require(
            distinct > len(self.texts) // 2,
            f"{len(self.texts)} texts have {distinct} different vectors",
            fix="keep the order of texts, and let a vector depend on its text",
        )

    def test_any_unicode_text_has_a_vector(self) -> None:
        """Nothing, other scripts, combining marks, control characters and 20,000 characters get a finite vector too."""
        d = self._vectors().shape[1]
        for text in ODD_TEXTS:
            require_rows(self, self._embedder().embed([text]), (1, d), f"embed([{text[:24]!r}])")

    def test_no_texts_give_no_rows(self) -> None:
        """embed([]) is float32 of shape (0, d)."""
        X = self._embedder().embed([])
        self.require(
            isinstance(X, np.ndarray) and X.ndim == 2 and len(X) == 0 and X.dtype == np.float32,
            f"embed([]) gives {getattr(X, 'dtype', type(X).__name__)} of shape {getattr(X, 'shape', None)}",
            fix="return numpy.zeros((0, d), numpy.float32)",
        )

    def test_its_fingerprint_is_of_the_function(self) -> None:
        """fingerprint() is a short string: the same for the same function from text to vector, before and after use."""
        embedder = self._embedder()
        mark = embedder.fingerprint()
        self.require(
            isinstance(mark, str) and 0 < len(mark) <= 200,
            f"the fingerprint is {mark!r:.80}",
            fix=f"return a digest, such as hashlib.sha256(...).hexdigest(): {len(hashlib.sha256().hexdigest())} characters",
        )
        self._vectors()
        marks = {mark, embedder.fingerprint(), self._ready().fingerprint()}
        self.require(
            len(marks) == 1,
            f"one function has the fingerprints {', '.join(sorted(marks))}",
            fix="digest what decides the vectors (weights, revision, options), and no time, path or address",
        )
        for given in self.others:
            other = self._ready(self.made(given))
            self.require(
                other.fingerprint() != mark,
                f"the options {dict(given)} leave the fingerprint as it is",
                fix="digest every option that changes vectors",
            )

    def test_options_that_say_where_it_runs_are_declared(self) -> None:
        """An address, a key, a path or a repository is a DeploymentOption: a stranger's bundle could set any other option."""
        declared = self.descriptor.options.deployment_options()
        hidden = sorted(name for name in _place_options(self.descriptor.options) if name not in declared)
        self.require(
            not hidden,
            f"the options {', '.join(hidden)} go into bundles and are read from them",
            fix=f"declare them: {hidden[0] if hidden else 'url'}: Annotated[str, DeploymentOption()] = Field(...)",
        )

    def test_a_service_is_called_for_texts_alone(self) -> None:
        """Where is_service is true, make and fingerprint connect to nothing: a bundle loads while the service is down."""
        connected: list[Any] = []

        def refuse(_socket: socket.socket, address: Any) -> None:
            connected.append(address)
            raise ConnectionRefusedError(f"connecting to {address}")

        with mock.patch.object(socket.socket, "connect", refuse), contextlib.suppress(ConnectionRefusedError):
            part = self.made()
            if getattr(part, "is_service", False):
                part.fingerprint()
            else:
                connected.clear()
        self.require(
            not connected,
            f"it connects to {connected[:1]} before it is given a text",
            fix="connect when texts are embedded, and take the fingerprint from the options alone",
        )

    def test_it_comes_back_from_its_state(self) -> None:
        """The bundle's options, through JSON, the app's, and state() bring the embedder back in another process."""
        from tracer_spec.runtime.archive import EMBEDDER, is_member_name

        state = self._embedder().state()
        for name, content in state.items():
            self.require(
                is_member_name(f"{EMBEDDER}{name}") and isinstance(content, bytes),
                f"the state holds {name!r} as {type(content).__name__}",
                fix="name files by letters, digits, '.', '_' and '-', and give their content as bytes",
            )
        made = self.made(self.validated().model_dump(mode="json"))
        self.require(
            not state or isinstance(made, Restorable),
            f"the state holds {', '.join(state)}, and what make gives has no restore",
            fix="give it restore(state), or keep the state empty where options say it all",
        )
        back = made.restore(dict(state)) if isinstance(made, Restorable) else made
        self.require(
            back.fingerprint() == self._embedder().fingerprint(),
            "it comes back with another fingerprint",
            fix="keep in the state, or in the options, all that the fingerprint digests",
        )
        require_equal(self, back.embed(tuple(self.texts)), self._vectors(), "vectors before and after", tolerance=1e-6,
                      fix="keep all that decides vectors in the state or the options")  # fmt: skip

    def test_fitting_twice_gives_the_same_state(self) -> None:
        """Fitting on the same texts with the same seed gives the same bytes; texts are read and left as they are."""
        texts = list(self.texts)
        self._embedder().embed(texts)
        self.require(texts == list(self.texts), "embed changed the list of texts", fix="copy before you write")
        self.require(
            dict(self._ready().state()) == dict(self._embedder().state()),
            "two embedders fitted alike have different states",
            fix="hand the seed to everything that draws, sort what has no order, and write no time into files",
        )

    def test_few_texts_are_learned_or_refused(self) -> None:
        """Where it learns: texts that cannot be learned raise DataError or PluginError with the reason."""
        part = self.made()
        if not isinstance(part, Fittable):
            return
        for texts in ((), ("",), ("one text",), ("two", "texts")):
            try:
                embedder = part.fit(texts, seed=0)
            except TracerError:
                continue
            X = embedder.embed(["two"])
            require_rows(self, X, (1, X.shape[-1]), f"embed, fitted on {len(texts)} texts,")


def _place_options(options: type[BaseModel]) -> Iterator[str]:
    """Yield the options whose name or type tells where an embedder runs, by what they hold too."""
    for name, field in options.model_fields.items():
        parts = list(parts_of(field.annotation))
        telling = (*get_args(LocalPath)[1:], SecretStr, SecretBytes)
        nested = [each for each in parts if isinstance(each, type) and issubclass(each, BaseModel)]
        if (
            any(each in telling for each in (*field.metadata, *parts))
            or any(_PLACES & words_of(spelled) for spelled in (name, *aliases(field)))
            or any(True for each in nested for _ in _place_options(each))
        ):
            yield name
