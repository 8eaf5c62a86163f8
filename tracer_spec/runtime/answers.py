"""The teacher's answers at run time: cleaned by the steps that travel in the bundle."""

from __future__ import annotations

from tracer_spec.errors import BundleError, SpecError
from tracer_spec.runtime.archive import MANIFEST
from tracer_spec.runtime.manifest import Manifest
from tracer_spec.text_steps import StepError
from tracer_spec.text_steps.labels import LabelCleaner
from tracer_spec.text_steps.patterns import check_step_cost


def cleaner_of(manifest: Manifest) -> LabelCleaner:
    """Return what makes labels of the teacher's answers, as the build did.

    Raises
    ------
    BundleError
        Where the bundle does not hold the steps, or one of them makes no sense, or could take long on some answer.
    """
    answers = manifest.answers
    if answers is None:
        raise BundleError(
            "does not say how the teacher's answers become labels",
            address=f"{MANIFEST} answers",
            hint="build it again, with one labels.normalize and aliases for all sources, and no regex that could take long",
        )
    aliases = {each.answer: each.label for each in answers.aliases}
    try:
        for step in answers.normalize:
            check_step_cost(step)
        # the labels' own spelling is given back; where an alias leads elsewhere, they were inferred and are spelt as they are
        allowed = manifest.labels if {*aliases.values()} <= {*manifest.labels} else None
        return LabelCleaner(answers.normalize, aliases, allowed)
    except (SpecError, StepError) as error:
        raise BundleError(f"holds steps that cannot be used: {error}", address=f"{MANIFEST} answers") from None
