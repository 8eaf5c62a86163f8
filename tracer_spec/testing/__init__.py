"""The conformance kit: what a plugin promises, as tests that anybody can run over theirs.

Three lines in a file that pytest collects run every test of a kind::

    from tracer_spec.testing import SurrogateContract

    class TestMine(SurrogateContract):
        plugin = "my-surrogate"

``plugin`` is the name of one that is installed, or the :class:`~tracer_spec.plugin.Plugin` itself; ``options`` are what a
spec would write after ``with:``. A failure says what was found, what the contract is, and how to fix it. Without pytest,
:func:`breaches` runs the same tests. The kit imports neither pytest nor anything else that tracer-spec itself does without.
"""

from tracer_spec.testing.acceptors import AcceptorContract
from tracer_spec.testing.calibrators import CalibratorContract
from tracer_spec.testing.contract import Contract, ContractBreachError, breaches
from tracer_spec.testing.embedders import EmbedderContract
from tracer_spec.testing.families import FamilyContract
from tracer_spec.testing.guards import GuardContract
from tracer_spec.testing.sources import SourceContract
from tracer_spec.testing.surrogates import SurrogateContract
from tracer_spec.testing.vector_readers import VectorReaderContract

__all__ = [
    "AcceptorContract",
    "CalibratorContract",
    "Contract",
    "ContractBreachError",
    "EmbedderContract",
    "FamilyContract",
    "GuardContract",
    "SourceContract",
    "SurrogateContract",
    "VectorReaderContract",
    "breaches",
]
