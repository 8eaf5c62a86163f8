"""Restores the embedder of a bundle and checks that it is the one that the policy was built on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tracer_spec.errors import BundleError, UsageError
from tracer_spec.runtime.archive import EMBEDDER, MANIFEST
from tracer_spec.runtime.manifest import CONCAT, LSA, EmbedderIdentity, Manifest, PartIdentity
from tracer_spec.runtime.signal_errors import pass_signal_error

TOLERANCE = 1e-4
SEPARATOR = ","
"""Between the names of several plugins that an app asks for."""


class TextEmbedder(Protocol):
    """What the runtime needs of an embedder."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one finite row per text, shape (n, d)."""
        ...

    def fingerprint(self) -> str:
        """Identify the function text to vector."""
        ...


def restore_embedder(
    manifest: Manifest,
    members: Mapping[str, bytes],
    *,
    embedder: TextEmbedder | str | None = None,
    embedder_options: Mapping[str, Any] | None = None,
    is_pinned: bool = False,
) -> TextEmbedder | None:
    """Return the embedder that the policy was built on.

    Parameters
    ----------
    manifest : Manifest
    members : mapping of str to bytes
        The bundle's.
    embedder : TextEmbedder, str or None
        One that the app has at hand, or the name of the plugin that the app lets the bundle use. The built-in
        ``lsa`` is restored from the bundle alone.
    embedder_options : mapping or None
        The plugin's deployment options. A bundle decides all others, and never these.
    is_pinned : bool
        Whether the app knows the bundle by its digest; it may then name its plugin itself.

    Returns
    -------
    TextEmbedder or None
        None where the app brings vectors.

    Raises
    ------
    BundleError
        Where only the bundle asks for its plugin, the bundle holds a deployment option, or the embedder is not
        installed, cannot be restored, or is not the one that the policy was built on.
    UsageError
        Where ``embedder`` is given, but the app is to bring vectors, or an option is not one that the app may give.
    """
    identity = manifest.embedder
    if identity.probe is None:
        if embedder is not None or embedder_options:
            raise UsageError(
                "this bundle was built on the app's own vectors, and has no probe to know an embedder by",
                hint="leave embedder and embedder_options out and pass vectors to route",
            )
        return None
    if embedder is None or isinstance(embedder, str):
        check_consent(identity, embedder, is_pinned=is_pinned)
        restored = _restore(identity, _state(members), dict(embedder_options or {}))
    elif embedder_options:
        raise UsageError("embedder_options are given with an embedder that is made already", hint="make it with them")
    else:
        restored = embedder
    _compare_fingerprint(restored, identity)  # before any text goes anywhere
    if getattr(restored, "is_service", False):
        return ServiceEmbedder(restored, manifest)
    _check_vectors(restored, manifest)
    return restored


class EmbedderError(BundleError):
    """An embedder is out of reach, or is not the one that the policy was built on. Its message quotes no request."""


class UnreachableError(EmbedderError):
    """A service does not answer: the environment's fault, and not the bundle's."""

    exit_code = 1


class ServiceEmbedder:
    """A service that is compared with the bundle at its first answer, since it may be down when the bundle is loaded.

    Parameters
    ----------
    embedder : TextEmbedder
        Its fingerprint has been compared.
    manifest : Manifest
    """

    def __init__(self, embedder: TextEmbedder, manifest: Manifest) -> None:
        self._embedder = embedder
        self._manifest = manifest
        self._is_checked = False

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row per text, once the service has been found to be the right one."""
        self.check()
        return self._embedder.embed(texts)

    def fingerprint(self) -> str:
        """Return the embedder's."""
        return self._embedder.fingerprint()

    def check(self) -> None:
        """Compare the probe vectors, unless that was done already.

        Raises
        ------
        EmbedderError
            Where the service does not answer, or gives other vectors. It is asked again the next time.
        """
        if not self._is_checked:
            hint = "requests are deferred until the service answers with the vectors of the model that the policy was built on"
            _check_vectors(self._embedder, self._manifest, hint)
            self._is_checked = True


def is_joined(identity: PartIdentity) -> bool:
    """Return whether the embedder is made of others."""
    return identity.is_ours(CONCAT)


def parts_of(identity: PartIdentity) -> tuple[PartIdentity, ...]:
    """Return the embedders that it is made of; itself where it is made of none.

    Raises
    ------
    BundleError
        Where the manifest describes no such parts.
    """
    if not is_joined(identity):
        return (identity,)
    from tracer_spec.runtime.concat import read_identity  # read where it is needed: other bundles start sooner

    found = read_identity(identity.options).of
    if any(map(is_joined, found)):
        raise BundleError(
            f"has a part that is '{CONCAT}' itself",
            address=f"{MANIFEST} embedder.options",
            hint="fetch the bundle again, or build it again with 'tracer-spec build'",
        )
    return found


def from_plugins(identity: PartIdentity) -> tuple[PartIdentity, ...]:
    """Return the embedders that an installed plugin must make, each once."""
    found = (each for each in parts_of(identity) if not each.is_ours(LSA))
    return tuple({(each.use, each.distribution): each for each in found}.values())


def is_built_in(identity: PartIdentity) -> bool:
    """Return whether the embedder comes from the bundle alone."""
    return not from_plugins(identity)


def names_in(asked: str | None) -> frozenset[str]:
    """Return the plugins that an app asks for, of ``NAME`` or ``NAME,NAME``."""
    return frozenset(name.strip() for name in (asked or "").split(SEPARATOR)) - {""}


def check_consent(identity: PartIdentity, asked: str | None, *, is_pinned: bool) -> None:
    """Refuse, before it is imported, a plugin that only the bundle asks for, and a name that is none of the bundle's."""
    names, needed = names_in(asked), from_plugins(identity)
    known = {identity.use, *(each.use for each in parts_of(identity))}
    if asked is not None and not (names and names <= known):
        refused, fact = (needed or (identity,))[0], f"; '{asked}' was asked for"
    else:
        missing = [each for each in needed if each.use not in names and not (asked is None and is_pinned)]
        if not missing:
            return
        refused = missing[0]
        fact = ", and only the bundle itself says so" if asked is None else f"; '{asked}' alone was asked for"
    all_names = SEPARATOR.join(sorted(each.use for each in needed)) or identity.use
    raise BundleError(
        f"needs the embedder '{refused.use}' of {refused.distribution} {refused.version}{fact}",
        address=EMBEDDER,
        hint=f"load(path, embedder='{all_names}') or load(path, sha256=...), "
        f"on the command line --embedder {all_names} or --sha256 HEX, where you trust who made the bundle",
    )


def _state(members: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name.removeprefix(EMBEDDER): content for name, content in members.items() if name.startswith(EMBEDDER)}


def _restore(identity: EmbedderIdentity, state: Mapping[str, bytes], given: dict[str, Any]) -> TextEmbedder:
    """Make the embedder that the manifest names."""
    parts = parts_of(identity)
    options: tuple[dict[str, Any], ...] = tuple({} for _ in parts)
    if given:
        from tracer_spec.runtime.embedder_plugins import options_by_part

        with _refusing(identity, "cannot be restored"):
            options = options_by_part(parts, given)
    if not is_joined(identity):
        return _restore_part(identity, state, options[0])
    from tracer_spec.runtime.concat import Concat, read_identity, states_of

    states = states_of(state, len(parts))
    made = [_restore_part(*each) for each in zip(parts, states, options, strict=True)]
    for part, embedder in zip(parts, made, strict=True):
        if not is_built_in(part):  # the whole is compared too, and cannot say which part it is
            _compare_fingerprint(embedder, part)
    return Concat(tuple(made), read_identity(identity.options).weights)


def _restore_part(identity: PartIdentity, state: Mapping[str, bytes], given: Mapping[str, Any]) -> TextEmbedder:
    """Make one embedder from its state and the options of both."""
    with _refusing(identity, "cannot be restored"):
        if is_built_in(identity):
            from tracer_spec.runtime import lsa

            return lsa.restore(state)
        from tracer_spec.runtime.embedder_plugins import make_plugin  # a bundle that needs no plugin starts sooner

        made: Any = make_plugin(identity, given)
        restored: TextEmbedder = made.restore(state) if hasattr(made, "restore") else made
    return restored


@contextmanager
def _refusing(identity: PartIdentity, what: str) -> Iterator[None]:
    """Turn whatever a plugin raises into an error that names it."""
    try:
        yield
    except (BundleError, UsageError):
        raise
    except Exception as error:
        pass_signal_error(error)
        raise _refusal(f"{what}: {_said(error)}", identity) from error


def _check_vectors(embedder: TextEmbedder, manifest: Manifest, hint: str = "") -> None:
    """Compare what an embedder makes of the probe texts with the manifest's vectors."""
    identity, probe = manifest.embedder, manifest.embedder.probe
    if probe is None:
        return
    try:
        got = np.asarray(embedder.embed(list(probe.texts)), np.float64)
    except Exception as error:
        pass_signal_error(error)
        refusal = _refusal(f"fails on the probe texts: {_said(error)}", identity, hint)
        raise (UnreachableError.of(refusal.problems) if hint else refusal) from error
    wanted = np.array(probe.vectors)
    if got.shape != wanted.shape:
        fact = f"gives the probe texts vectors of shape {got.shape}; the policy was built on {wanted.shape}"
        raise _refusal(fact, identity, hint)
    furthest = float(np.abs(got - wanted).max())
    if not furthest <= TOLERANCE * max(1.0, float(np.abs(wanted).max())):
        fact = f"gives other vectors than the policy was built on: they differ by {furthest:.3g}"
        raise _refusal(fact, identity, hint)


def _compare_fingerprint(embedder: TextEmbedder, identity: PartIdentity) -> None:
    """Compare the function text to vector with the one that the policy was built on, by name."""
    with _refusing(identity, "fails on the probe texts"):
        got = embedder.fingerprint()
    if got != identity.fingerprint:
        raise _refusal(
            f"has the fingerprint {str(got)[:80]!r}; the policy was built on {identity.fingerprint!r}", identity
        )


def _refusal(what: str, identity: PartIdentity, hint: str = "") -> EmbedderError:
    what = f"the embedder '{identity.use}' {what}"
    return EmbedderError(what, address=EMBEDDER, hint=hint or identity.same_release)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
