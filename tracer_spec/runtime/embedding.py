"""Restores the embedder of a bundle and checks that it is the one that the policy was built on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tracer_spec.errors import BundleError, UsageError
from tracer_spec.runtime.archive import EMBEDDER, MANIFEST
from tracer_spec.runtime.manifest import EmbedderIdentity, Manifest
from tracer_spec.runtime.signal_errors import pass_signal_error

GROUP = "tracer_spec"
HOOK = "tracer_spec_embedders"
OURS = "tracer-spec"
TOLERANCE = 1e-4


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
        _check_consent(identity, embedder, is_pinned=is_pinned)
        restored = _restore(identity, _state(members), dict(embedder_options or {}))
    elif embedder_options:
        raise UsageError("embedder_options are given with an embedder that is made already", hint="make it with them")
    else:
        restored = embedder
    try:
        _check_fingerprint(restored.fingerprint(), identity)  # before any text goes anywhere
    except BundleError:
        raise
    except Exception as error:
        pass_signal_error(error)
        raise _refusal(f"fails on the probe texts: {_said(error)}", identity) from error
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


def is_built_in(identity: EmbedderIdentity) -> bool:
    """Return whether the embedder comes from the bundle alone."""
    return identity.use == "lsa" and _normal(identity.distribution) == OURS


def _check_consent(identity: EmbedderIdentity, asked: str | None, *, is_pinned: bool) -> None:
    """Refuse, before it is imported, a plugin that only the bundle asks for."""
    if asked == identity.use or (asked is None and (is_pinned or is_built_in(identity))):
        return
    fact = ", and only the bundle itself says so" if asked is None else f"; '{asked}' was asked for"
    raise BundleError(
        f"needs the embedder '{identity.use}' of {identity.distribution} {identity.version}{fact}",
        address=EMBEDDER,
        hint=f"load(path, embedder='{identity.use}') or load(path, sha256=...), "
        f"on the command line --embedder {identity.use} or --sha256 HEX, where you trust who made the bundle",
    )


def _state(members: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name.removeprefix(EMBEDDER): content for name, content in members.items() if name.startswith(EMBEDDER)}


def _restore(identity: EmbedderIdentity, state: Mapping[str, bytes], given: dict[str, Any]) -> TextEmbedder:
    """Make the embedder that the manifest names."""
    try:
        if is_built_in(identity):
            from tracer_spec.runtime import lsa

            _check_options(identity, given, frozenset())
            return lsa.restore(state)
        plugin = _find_plugin(identity)
        _check_options(identity, given, plugin.options.deployment_options())
        made: Any = plugin.make(_validated(plugin.options, identity, given))
        restored: TextEmbedder = made.restore(state) if hasattr(made, "restore") else made
    except (BundleError, UsageError):
        raise
    except Exception as error:
        pass_signal_error(error)
        raise _refusal(f"cannot be restored: {_said(error)}", identity) from error
    return restored


def _validated(options: Any, identity: EmbedderIdentity, given: dict[str, Any]) -> Any:
    """Return the options of both; a wrong one of the app's is its own mistake, and may be a secret."""
    try:
        return options.model_validate({**identity.options, **given})
    except ValueError as error:  # of pydantic, which the runtime does not import
        for each in getattr(error, "errors", list)():
            if each["loc"] and each["loc"][0] in given:
                what = f"the embedder '{identity.use}' does not take the value of {each['loc'][0]}: {each['msg']}"
                hint = f"'tracer-spec plugins {identity.use}' lists its options"
                raise UsageError(what, address="embedder_options", hint=hint) from None
        raise


def _check_options(identity: EmbedderIdentity, given: dict[str, Any], deployment: frozenset[str]) -> None:
    """Check that the app and the bundle each give only options that are theirs to give."""
    allowed = ", ".join(sorted(deployment)) or "none"
    foreign = sorted(given.keys() - deployment)
    if foreign:
        raise UsageError(
            f"the embedder '{identity.use}' does not take {', '.join(foreign)} from the app; allowed: {allowed}",
            address="embedder_options",
            hint="the bundle holds the options that decide the vectors",
        )
    held = sorted((identity.options.keys() & deployment) - given.keys())
    if held:
        raise BundleError(
            f"sets {', '.join(held)} of the embedder '{identity.use}', which only the app may",
            address=f"{MANIFEST} embedder.options",
            hint=f"load(path, embedder_options={{'{held[0]}': ...}}), on the command line --embedder-option {held[0]}=...",
        )


def _find_plugin(identity: EmbedderIdentity) -> Any:
    """Return the plugin's descriptor from the entry points of its distribution alone."""
    import importlib.metadata

    wanted = _normal(identity.distribution)
    entries = [
        entry
        for entry in importlib.metadata.entry_points(group=GROUP)
        if entry.dist is not None and _normal(entry.dist.name) == wanted
    ]
    for entry in entries:
        for plugin in getattr(entry.load(), HOOK, tuple)():
            if plugin.name == identity.use:
                return plugin
    found = (
        f"{identity.distribution} is installed without it" if entries else f"{identity.distribution} is not installed"
    )
    raise BundleError(
        f"needs the embedder '{identity.use}' of {identity.distribution} {identity.version}; {found}",
        address=EMBEDDER,
        hint=f"{_same_release(identity)}, or pass load(path, embedder=...)",
    )


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


def _check_fingerprint(got: str, identity: EmbedderIdentity) -> None:
    if got != identity.fingerprint:
        raise _refusal(
            f"has the fingerprint {str(got)[:80]!r}; the policy was built on {identity.fingerprint!r}", identity
        )


def _refusal(what: str, identity: EmbedderIdentity, hint: str = "") -> EmbedderError:
    what = f"the embedder '{identity.use}' {what}"
    return EmbedderError(what, address=EMBEDDER, hint=hint or _same_release(identity))


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _same_release(identity: EmbedderIdentity) -> str:
    return f"pip install {identity.distribution}=={identity.version}"


def _normal(distribution: str) -> str:
    """Return a distribution's name as PyPA's name normalisation writes it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()
