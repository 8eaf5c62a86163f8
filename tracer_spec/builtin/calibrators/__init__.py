"""The built-in calibrators, one file each."""

from __future__ import annotations

from tracer_spec.plugin import Calibrator, Plugin


def calibrators() -> list[Plugin[Calibrator]]:
    """Return the built-in calibrators."""
    from tracer_spec.builtin.calibrators.pareto_testing import ParetoTesting

    return [
        Plugin(
            "pareto-testing",
            "exact tests along the chain of greatest predicted utility, one error budget for all",
            lambda _: ParetoTesting(),
        )
    ]
