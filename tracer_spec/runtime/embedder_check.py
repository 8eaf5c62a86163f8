"""Checks that an embedder is the one that a policy was built on: its fingerprint, and the vectors of the probe texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tracer_spec.errors import BundleError, EmbedderError, TracerError, UnreachableError, UsageError
from tracer_spec.runtime.archive import EMBEDDER
from tracer_spec.runtime.embedder_identity import Placed, is_joined, placed_parts
from tracer_spec.runtime.manifest import Manifest
from tracer_spec.runtime.same_vectors import apart, is_same
from tracer_spec.runtime.signal_errors import pass_signal_error

if TYPE_CHECKING:
    from numpy.typing import NDArray


@contextmanager
def refusing(placed: Placed, what: str) -> Iterator[None]:
    """Turn whatever a plugin raises into an error that names it."""
    try:
        yield
    except (BundleError, UsageError):
        raise
    except Exception as error:
        pass_signal_error(error)
        raise _because(what, error, placed) from error


@contextmanager
def placing(placed: Placed) -> Iterator[None]:
    """Give the address of a part's file in the bundle to an error about the file, which the part knows by its own name."""
    try:
        yield
    except BundleError as error:
        problems = (
            replace(each, address=placed.state_at + each.address.removeprefix(EMBEDDER))
            if each.address.startswith(EMBEDDER)
            else each
            for each in error.problems
        )
        raise type(error).of(tuple(problems)) from error.__cause__


def compare_fingerprint(embedder: Any, placed: Placed) -> None:
    """Compare the function text to vector with the one that the policy was built on, by name."""
    wanted = placed.identity.fingerprint
    with refusing(placed, "fails on the probe texts"):
        got = embedder.fingerprint()
    if got != wanted:
        raise _refusal(f"has the fingerprint {str(got)[:80]!r}; the policy was built on {wanted!r}", placed)


def check_vectors(embedder: Any, manifest: Manifest, hint: str = "") -> None:
    """Compare what an embedder makes of the probe texts with the manifest's vectors.

    Parameters
    ----------
    embedder : TextEmbedder
    manifest : Manifest
    hint : str
        What to do, where the embedder is a service; it may then be out of reach.

    Raises
    ------
    UnreachableError
        Where a service does not answer.
    EmbedderError
        Where the vectors are others; the address is that of the part that makes them.
    """
    identity, probe = manifest.embedder, manifest.embedder.probe
    if probe is None:
        return
    wanted = np.array(probe.vectors)
    made = _made(embedder, Placed(identity), probe.texts, hint)
    got = made[0][1] if len(made) == 1 else embedder.join([X for _, X in made])
    if got.shape != wanted.shape:
        sizes = "" if len(made) == 1 else f" ({' + '.join(f'{X.shape[1]} of {each.identity.use}' for each, X in made)})"
        fact = f"gives the probe texts vectors of shape {got.shape}{sizes}; the policy was built on {wanted.shape}"
        raise _refusal(fact, Placed(identity), hint)
    away = apart(got, wanted)
    if not is_same(away, wanted):
        makers = [each for each, X in made for _ in range(X.shape[1])]
        fact = f"gives other vectors than the policy was built on: they differ by {away.max():.3g}"
        raise _refusal(fact, makers[int(away.max(axis=0).argmax())], hint)


def _made(
    embedder: Any, whole: Placed, texts: Sequence[str], hint: str
) -> list[tuple[Placed, NDArray[np.float64] | NDArray[np.float32]]]:
    """Return what the embedder makes of texts; of one that is made of others, what each of those does."""
    if is_joined(whole.identity):
        from tracer_spec.runtime.concat import Concat

        if isinstance(embedder, Concat):
            parts = zip(placed_parts(whole.identity), embedder.parts, strict=True)
            return [(placed, _of_part(part, placed, texts, hint)) for placed, part in parts]
    return [(whole, _embedded(embedder, whole, texts, hint))]


def _of_part(part: Any, placed: Placed, texts: Sequence[str], hint: str) -> NDArray[np.float64]:
    """Return a part's vectors, which must be rows before they can be joined."""
    X = _embedded(part, placed, texts, hint)
    if X.ndim != 2 or len(X) != len(texts):
        raise _refusal(
            f"gives {len(texts)} probe texts vectors of shape {X.shape}, not ({len(texts)}, d)", placed, hint
        )
    return X


def _embedded(embedder: Any, placed: Placed, texts: Sequence[str], hint: str) -> NDArray[np.float64]:
    try:
        return np.asarray(embedder.embed(list(texts)), np.float64)
    except Exception as error:
        pass_signal_error(error)
        refusal = _because("fails on the probe texts", error, placed, hint)
        is_away = hint and getattr(embedder, "is_service", False)
        raise (UnreachableError.of(refusal.problems) if is_away else refusal) from error


def _refusal(what: str, placed: Placed, hint: str = "") -> EmbedderError:
    what = f"the embedder '{placed.identity.use}' {what}"
    return EmbedderError(what, address=placed.state_at, hint=hint or placed.identity.same_release)


def _because(what: str, error: Exception, placed: Placed, hint: str = "") -> EmbedderError:
    """Return the refusal of an embedder that raised; a plugin that says what to do is quoted with it."""
    if isinstance(error, TracerError):
        said = error.problems[0]
        return _refusal(f"{what}: {_shown(said.what)}", placed, hint or said.hint)
    return _refusal(f"{what}: {type(error).__name__}: {_shown(str(error))}", placed, hint)


def _shown(text: str) -> str:
    return " ".join(text.split())[:300]
