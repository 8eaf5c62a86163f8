"""Whether a bundle can carry the steps that make labels of the teacher's answers: an app that deploys it needs them."""

from __future__ import annotations

from tracer_spec.spec.model import RouterSpec
from tracer_spec.spec.nodes import address
from tracer_spec.text_steps import StepError
from tracer_spec.text_steps.patterns import check_step_cost

_REFUSED = "so 'deploy' and 'serve' refuse the bundle; 'route' takes it"


def steps_note(spec: RouterSpec) -> str:
    """Return why a bundle of the spec cannot carry the steps and aliases, with the remedy; empty where it can."""
    if len({(each.labels.normalize, tuple(sorted(each.labels.aliases.items()))) for each in spec.sources}) > 1:
        return (
            f"traces: the sources have different labels.normalize or aliases, {_REFUSED}; write one of each that reads the "
            "answers of all sources"
        )
    for number, step in enumerate(spec.sources[0].labels.normalize):
        try:
            check_step_cost(step)
        except StepError as error:
            where = address((*spec.source_path(0), "labels", "normalize", number))
            return f"{where}: the step {error.fact}, {_REFUSED}; {error.hint}"
    return ""
