"""What of an embedder goes into a bundle, checked before anything is trained or tested."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tracer_spec.plugin import Restorable
from tracer_spec.runtime.archive import EMBEDDER, is_member_name

if TYPE_CHECKING:
    from tracer_spec.plan import Resolved

_MOST = 200


def carried(resolved: Resolved, made: Any, fitted: Any) -> dict[str, bytes]:
    """Return the state that a bundle holds of an embedder that ``made`` was fitted to.

    Raises
    ------
    PluginError
        Where a bundle could not hold the embedder, or hands back another one than was built on.
    """
    mark = _fingerprint_of(resolved, fitted)
    if resolved.reads_vectors:
        return {}
    state = _state_of(resolved, made, fitted)
    # without a state it is the options alone that bring it back: not made again for it, which may load a model again
    back = (made.restore(state) if state else made).fingerprint()
    if back != mark:
        how = "when it comes back from its state" if state else "as an app makes it: what it learned is in no state"
        raise resolved.fault(f"has the fingerprint {mark!r:.80}, and {back!r:.80} {how}")
    return state


def _fingerprint_of(resolved: Resolved, embedder: Any) -> str:
    """Return an embedder's fingerprint.

    Raises
    ------
    PluginError
        Where it is no text of 1 to 200 characters, or changes from call to call: no app could load the bundle.
    """
    mark = embedder.fingerprint()
    if not (isinstance(mark, str) and 0 < len(mark) <= _MOST):
        raise resolved.fault(f"has the fingerprint {mark!r:.80}; a text of 1 to {_MOST} characters is wanted")
    again = embedder.fingerprint()
    if again != mark:
        raise resolved.fault(
            f"has the fingerprint {mark!r:.80}, and {again!r:.80} when asked again: no app could load its bundle"
        )
    return mark


def _state_of(resolved: Resolved, made: Any, fitted: Any) -> dict[str, bytes]:
    """Return the state of an embedder that ``made`` was fitted to.

    Raises
    ------
    PluginError
        Where it is no mapping of a file's name to bytes, or nothing brings it back.
    """
    state = fitted.state()
    if not isinstance(state, Mapping):
        raise resolved.fault(f"has a state of the type {type(state).__name__}; a mapping of names to bytes is wanted")
    for name, content in state.items():
        if not isinstance(content, bytes):
            raise resolved.fault(f"has {name!r:.80} in its state as {type(content).__name__}; bytes are wanted")
        if not (isinstance(name, str) and is_member_name(f"{EMBEDDER}{name}")):
            raise resolved.fault(
                f"has {name!r:.80} in its state; a file of letters, digits, '.', '_' and '-' is wanted"
            )
    if state and not isinstance(made, Restorable):
        raise resolved.fault(f"has a state, and no restore() that would bring it back from {', '.join(state)[:80]}")
    return dict(state)
