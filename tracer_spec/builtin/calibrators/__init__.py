"""The built-in calibrators, one file each."""

from __future__ import annotations

from tracer_spec.builtin.calibrators.empirical import Empirical
from tracer_spec.builtin.calibrators.pareto_testing import ParetoTesting
from tracer_spec.builtin.calibrators.risk_control import RiskControl
from tracer_spec.plugin import CalibratorPlugin


def calibrators() -> list[CalibratorPlugin]:
    """Return the built-in calibrators."""
    return [
        CalibratorPlugin(
            "pareto-testing",
            "certifies the agreement of what is handled: exact tests along one chain, one error budget for all",
            lambda _: ParetoTesting(),
        ),
        CalibratorPlugin(
            "risk-control",
            "certifies the share of all traffic that gets the teacher's label (target.end_to_end)",
            lambda _: RiskControl(),
            measure="end_to_end",
        ),
        CalibratorPlugin(
            "empirical",
            "no confidence: the largest coverage that reached the target on the rows it was chosen on",
            lambda _: Empirical(),
            tests=False,
        ),
    ]
