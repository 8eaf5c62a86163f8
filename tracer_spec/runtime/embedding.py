"""Restores the embedder of a bundle and checks that it is the one that the policy was built on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tracer_spec.errors import UsageError
from tracer_spec.runtime.manifest import EmbedderIdentity, Manifest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tracer_spec.runtime.embedder_identity import Placed

# what a bundle of the app's own vectors does not need is imported where it is used: such a bundle starts sooner


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
    from tracer_spec.runtime.embedder_check import check_vectors, compare_fingerprint
    from tracer_spec.runtime.embedder_identity import Placed, check_consent, state_of

    if embedder is None or isinstance(embedder, str):
        check_consent(identity, embedder, is_pinned=is_pinned)
        restored = _restore(identity, state_of(members), dict(embedder_options or {}))
    elif embedder_options:
        raise UsageError("embedder_options are given with an embedder that is made already", hint="make it with them")
    else:
        restored = embedder
    compare_fingerprint(restored, Placed(identity))  # before any text goes anywhere
    if getattr(restored, "is_service", False):
        return ServiceEmbedder(restored, manifest)
    check_vectors(restored, manifest)
    return restored


def check_built_in(manifest: Manifest, members: Mapping[str, bytes]) -> bool:
    """Restore and compare what of the embedder comes from the bundle alone; return whether there is anything of it.

    Raises
    ------
    BundleError
        Where it cannot be restored, or is not what the policy was built on.
    """
    from tracer_spec.runtime.embedder_check import compare_fingerprint
    from tracer_spec.runtime.embedder_identity import is_built_in, is_joined, placed_parts, state_of

    identity = manifest.embedder
    if identity.probe is None:
        return False
    if is_built_in(identity):
        restore_embedder(manifest, members)
        return True
    if not is_joined(identity):
        return False
    from tracer_spec.runtime.concat import states_of

    parts = placed_parts(identity)
    held = [each for each in zip(parts, states_of(state_of(members), len(parts)), strict=True) if each[0].is_built_in]
    for part, state in held:
        compare_fingerprint(_restore_part(part, state, {}), part)
    return bool(held)


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
            from tracer_spec.runtime.embedder_check import check_vectors

            hint = "requests are deferred until the service answers with the vectors of the model that the policy was built on"
            check_vectors(self._embedder, self._manifest, hint)
            self._is_checked = True


def _restore(identity: EmbedderIdentity, state: Mapping[str, bytes], given: dict[str, Any]) -> TextEmbedder:
    """Make the embedder that the manifest names."""
    from tracer_spec.runtime.embedder_check import compare_fingerprint, refusing
    from tracer_spec.runtime.embedder_identity import Placed, is_joined, placed_parts

    parts = placed_parts(identity)
    options: tuple[dict[str, Any], ...] = tuple({} for _ in parts)
    if given:
        from tracer_spec.runtime.embedder_plugins import options_by_part

        with refusing(Placed(identity), "cannot be restored"):
            options = options_by_part(parts, given)
    if not is_joined(identity):
        return _restore_part(parts[0], state, options[0])
    from tracer_spec.runtime.concat import Concat, read_identity, states_of

    states = states_of(state, len(parts))
    made = [_restore_part(*each) for each in zip(parts, states, options, strict=True)]
    for part, embedder in zip(parts, made, strict=True):
        compare_fingerprint(embedder, part)  # the whole is compared too, and cannot say which part it is
    return Concat(tuple(made), read_identity(identity.options).weights)


def _restore_part(part: Placed, state: Mapping[str, bytes], given: Mapping[str, Any]) -> TextEmbedder:
    """Make one embedder from its state and the options of both."""
    from tracer_spec.runtime.embedder_check import placing, refusing

    with refusing(part, "cannot be restored"):
        if part.is_built_in:
            from tracer_spec.runtime import lsa

            with placing(part):
                return lsa.restore(state)
        from tracer_spec.runtime.embedder_plugins import make_plugin

        made: Any = make_plugin(part, given)
        with placing(part):
            restored: TextEmbedder = made.restore(state) if hasattr(made, "restore") else made
    return restored
