"""The contract of a family."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tracer_spec.plugin import Chain
from tracer_spec.testing.contract import Contract

if TYPE_CHECKING:
    from tracer_spec.flow.training.workshop import Workshop


class FamilyContract(Contract):
    """What every family promises, over a real workshop of two surrogates and 600 rows.

    Examples
    --------
    >>> class TestL2d(FamilyContract):
    ...     plugin = "l2d"
    """

    kind = "family"

    @staticmethod
    def _workshop() -> Workshop:
        from tracer_spec.testing.small_workshop import small_workshop

        return small_workshop()

    def _chains(self) -> list[Chain]:
        return self.kept("chains", lambda: list(self.made().propose(self._workshop())))

    def test_it_proposes_chains(self) -> None:
        """Propose yields chains, each with its family's name, its surrogates' names and at least one candidate."""
        chains, known = self._chains(), {each.name for each in self._workshop().trained}
        self.require(bool(chains), "it proposes nothing over an easy workshop", fix="yield a chain for each surrogate")
        for each in chains:
            self.require(
                isinstance(each, Chain), f"it yields {type(each).__name__}", fix="yield tracer_spec.plugin.Chain"
            )
            self.require(
                bool(each.candidates) and each.family == self.descriptor.name and set(each.surrogates) <= known,
                f"a chain of the family {each.family!r} has {len(each.candidates)} candidates of {', '.join(each.surrogates)}",
                fix=f"name the family {self.descriptor.name!r} and the surrogates as the workshop does",
            )

    def test_coverage_rises_along_a_chain(self) -> None:
        """Each candidate handles what the one before it handles, and answers it alike: chains are nested."""
        workshop = self._workshop()
        for chain in self._chains():
            before = np.zeros(workshop.n_rows, bool)
            wrong_before = np.zeros(workshop.n_rows, bool)
            for position, candidate in enumerate(chain.candidates):
                handled, agrees = workshop.replay(candidate.policy)
                wrong = handled & ~agrees
                dropped = int((before & ~handled).sum()) + int((wrong_before & ~wrong).sum())
                self.require(
                    dropped == 0,
                    f"candidate {position} of the chain {', '.join(chain.surrogates)} takes {dropped} decisions back",
                    fix="order candidates by falling threshold, and keep earlier stages as they are; "
                    "start another chain where that cannot be",
                )
                before, wrong_before = handled, wrong

    def test_candidates_carry_the_workshops_counts(self) -> None:
        """A candidate's numbers are the workshop's, out of fold: nothing is scored or estimated elsewhere."""
        workshop = self._workshop()
        for chain in self._chains():
            for candidate in chain.candidates:
                counted = workshop.candidate(candidate.family, candidate.policy)
                self.require(
                    counted == candidate,
                    f"a candidate says {candidate.n_agree} of {candidate.n_handled} handled; "
                    f"the workshop counts {counted.n_agree} of {counted.n_handled}",
                    fix="make candidates with workshop.candidate(family, policy)",
                )

    def test_its_policies_compile(self) -> None:
        """A policy is made of the workshop's stages, and compiles into one graph."""
        from tracer_spec.flow.compile import compile_policy
        from tracer_spec.testing.rows import DIMENSION, N_CLASSES

        for chain in self._chains():
            compile_policy(chain.candidates[-1].policy, dimension=DIMENSION, denied=[False] * N_CLASSES)

    def test_it_proposes_the_same_again(self) -> None:
        """The same workshop gives the same chains in the same order."""
        again = list(self.made().propose(self._workshop()))
        self.require(
            again == self._chains(),
            "proposing again gives other chains",
            fix="draw nothing, and sort what has no order",
        )

    def test_a_workshop_where_nothing_may_be_answered_is_no_fault(self) -> None:
        """Where guards and denied labels leave nothing to handle, it proposes nothing, or candidates that handle nothing."""
        from tracer_spec.testing.small_workshop import small_workshop

        handled = sum(
            each.n_handled for chain in self.made().propose(small_workshop(closed=True)) for each in chain.candidates
        )
        self.require(
            handled == 0,
            f"it handles {handled} rows that no surrogate may answer",
            fix="take stages from workshop.stage",
        )
