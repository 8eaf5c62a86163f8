"""The built-in shapes of policy, one file each."""

from __future__ import annotations

from tracer_spec.plugin import Family, Plugin


def families() -> list[Plugin[Family]]:
    """Return the built-in families."""
    from tracer_spec.builtin.families.cascade import Cascade
    from tracer_spec.builtin.families.gated import Gated
    from tracer_spec.builtin.families.open import Open

    return [
        Plugin("global", "one surrogate that accepts all", lambda _: Open()),
        Plugin("l2d", "one surrogate behind a calibrated acceptor", lambda _: Gated()),
        Plugin("rsb", "a second surrogate, trained on what the first defers", lambda _: Cascade()),
    ]
