"""What a decision of a policy is estimated to cost."""

from __future__ import annotations

from collections.abc import Sequence

from tracer_spec.plugin import Policy, Stage
from tracer_spec.runtime.graph_cost import decision_cost


class DecisionCosts:
    """Costs of graphs, each counted once."""

    def __init__(self) -> None:
        self._of_graph: dict[bytes, int] = {}

    def of(self, policy: Policy, reached: Sequence[float]) -> float:
        """Return the mean cost of a decision where a share of the traffic, in [0, 1], reaches each stage.

        Returns
        -------
        float
            In the units of :func:`tracer_spec.runtime.graph_cost.decision_cost`.
        """
        return sum(share * self._stage(stage) for stage, share in zip(policy, reached, strict=True))

    def _stage(self, stage: Stage) -> int:
        models = [
            stage.surrogate,
            *([stage.acceptor] if stage.acceptor else []),
            *(each.guard for each in stage.fences),
        ]
        return sum(self._graph(model.onnx) for model in models)

    def _graph(self, graph: bytes) -> int:
        if graph not in self._of_graph:
            self._of_graph[graph] = decision_cost(graph)
        return self._of_graph[graph]
