"""Opens ``policy.onnx`` in ONNX Runtime and checks that it is the graph that the manifest describes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tracer_spec.errors import BundleError
from tracer_spec.runtime import limits
from tracer_spec.runtime.archive import POLICY
from tracer_spec.runtime.decision import INPUT, OUTPUTS, REASONS, Reason
from tracer_spec.runtime.manifest import Manifest
from tracer_spec.runtime.onnx_runtime import error_line, import_onnxruntime, open_session, runtime_errors
from tracer_spec.runtime.signal_errors import pass_signal_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

_REBUILD = "build it again with 'tracer-spec build'; where that does not help, upgrade: pip install -U onnxruntime"


def open_policy(model: bytes, manifest: Manifest) -> Any:
    """Open ``policy.onnx`` and check its inputs, its outputs, and what it answers on a few vectors.

    Raises
    ------
    BundleError
        Where the graph is not the one that the manifest describes.
    TracerError
        Where ONNX Runtime cannot be imported.
    """
    import_onnxruntime()
    try:
        session = open_session(model)
    except Exception as error:  # noqa: BLE001 - what it raises on a damaged graph is not only of its own types
        pass_signal_error(error)
        raise BundleError(f"does not load: {error_line(error)}", address=POLICY, hint=_REBUILD) from None
    _check_interface(session, manifest)
    vectors = _smoke_vectors(manifest)
    try:
        # so many at a time, since that is what the check of the graph's cost has bounded
        starts = range(0, len(vectors), limits.ROWS_AT_LOAD)
        parts = [session.run(list(OUTPUTS), {INPUT: vectors[at : at + limits.ROWS_AT_LOAD]}) for at in starts]
    except runtime_errors() as error:
        pass_signal_error(error)
        raise BundleError(f"does not run: {error_line(error)}", address=POLICY, hint=_REBUILD) from None
    if any(np.ndim(output) != 1 for part in parts for output in part):
        raise _disagrees(f"answers with outputs of the shapes {[output.shape for output in parts[0]]}")
    _check_outputs(vectors, [np.concatenate(columns) for columns in zip(*parts, strict=True)], manifest)
    return session


def _check_interface(session: Any, manifest: Manifest) -> None:
    """Compare names, types and shapes."""
    try:
        inputs = [(each.name, each.type, each.shape) for each in session.get_inputs()]
        outputs = [(each.name, each.type, each.shape) for each in session.get_outputs()]
        metadata = session.get_modelmeta().custom_metadata_map
    except UnicodeDecodeError as error:
        raise _disagrees(f"has names that are not UTF-8: {error}") from None
    d = manifest.dimension
    if not (
        [(name, kind, shape[1:]) for name, kind, shape in inputs] == [(INPUT, "tensor(float)", [d])]
        and not isinstance(inputs[0][2][0], int)
    ):
        raise _disagrees(f"takes {_shown(inputs)}; the manifest says {INPUT} tensor(float) [n, {d}]")
    if not (
        [(name, kind) for name, kind, _ in outputs] == list(OUTPUTS.items())
        and all(len(shape) == 1 for _, _, shape in outputs)
    ):
        wanted = [(name, kind, ["n"]) for name, kind in OUTPUTS.items()]
        raise _disagrees(f"gives {_shown(outputs)}; a policy gives {_shown(wanted)}")
    # a graph without names is taken as it is; one with other names than the manifest's is of another build
    for key, ours in (("labels", as_list(manifest.labels)), ("name", manifest.name)):
        if metadata.get(key, ours) != ours:
            raise _disagrees(f"has {key} {metadata[key][:80]!r} in its metadata; the manifest says {ours[:80]!r}")


def as_list(names: Sequence[str]) -> str:
    """Return names as the metadata of a graph holds them: a list in JSON."""
    return json.dumps(list(names), ensure_ascii=False, separators=(",", ":"))


def _shown(signature: Sequence[tuple[str, str, Sequence[int | str | None]]]) -> str:
    shown = (f"{name} {kind} [{', '.join(map(str, shape))}]" for name, kind, shape in signature)
    return ", ".join(shown)[:300] or "nothing"


def _smoke_vectors(manifest: Manifest) -> NDArray[np.float32]:
    """Return vectors to try the graph on: zero, each kind of nonsense, some directions, the probes."""
    d = manifest.dimension
    angles = np.arange(1, 5, dtype=np.float64)[:, None] * np.arange(1, d + 1)
    waves = np.cos(angles)
    waves /= np.linalg.norm(waves, axis=1, keepdims=True)
    nonsense = np.zeros((4, d))
    nonsense[1:, 0] = (np.nan, np.inf, -np.inf)
    probe = manifest.embedder.probe
    probes = np.array(probe.vectors) if probe else np.empty((0, d))
    with np.errstate(over="ignore"):
        return np.concatenate([nonsense, waves, probes]).astype(np.float32)


def _check_outputs(vectors: NDArray[np.float32], outputs: list[NDArray[Any]], manifest: Manifest) -> None:
    """Check that answers are within the manifest's bounds, and that the five outputs tell one story."""
    n = len(vectors)
    if any(output.shape != (n,) for output in outputs):
        raise _disagrees(f"answers {n} vectors with outputs of the shapes {[output.shape for output in outputs]}")
    label, handled, score, stage, reason = outputs
    for name, values, most in (
        ("label", label, len(manifest.labels) - 1),
        ("stage", stage, len(manifest.policy.stages) - 1),
        ("reason", reason, len(REASONS) - 1),
    ):
        least = 0 if name == "reason" else -1
        if values.min() < least or values.max() > most:
            raise _disagrees(
                f"answers a {name} of {values.min()} or {values.max()}; the manifest allows {least} to {most}"
            )
    if not ((handled == (label >= 0)).all() and (handled == (stage >= 0)).all() and (handled == (reason == 0)).all()):
        raise _disagrees("contradicts itself: handled, label, stage and reason do not say the same")
    lost = ~np.isfinite(vectors).all(axis=1)
    if (reason[lost] != Reason.UNAVAILABLE.number).any():
        raise _disagrees("decides on a vector that is not finite")
    thresholds = np.array([stage.threshold or 0.0 for stage in manifest.policy.stages], np.float32)
    if not (score[handled] >= thresholds[stage[handled]]).all():
        raise _disagrees("handles a vector whose score is under the manifest's threshold")
    denied = {manifest.labels.index(name) for name in manifest.policy.defer_labels}
    if denied.intersection(label[handled].tolist()):
        raise _disagrees("answers a label of defer_labels")


def _disagrees(what: str) -> BundleError:
    return BundleError(what, address=POLICY, hint="the graph and bundle.json are not of one build: build it again")
