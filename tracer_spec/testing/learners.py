"""What the contracts of surrogates and guards share: both learn from vectors and their classes."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from tracer_spec.errors import TracerError
from tracer_spec.plugin import Classes, Vectors
from tracer_spec.testing.contract import Contract, ContractBreachError
from tracer_spec.testing.rows import N_CLASSES, clusters


class LearnerContract(Contract):
    """What surrogates and guards promise alike; :class:`SurrogateContract` and :class:`GuardContract` add the rest."""

    _a_refusal_is: ClassVar[str] = ""

    def _fit(self, X: Vectors, y: Classes, *, seed: int = 1) -> Any:
        return self.made().fit(X, y, n_classes=N_CLASSES, seed=seed)

    def _trained(self) -> Any:
        return self.kept("trained", lambda: self._fit(*clusters(200)))

    def _use(self, fitted: Any, X: Vectors, y: Classes) -> None:
        """Ask a trained part about rows."""
        raise NotImplementedError

    def _learned(self, what: str, X: Vectors, y: Classes) -> Any:
        """Return what is trained on rows that are hard to learn; None where it refuses them, as it may."""
        try:
            return self._fit(X, y)
        except TracerError:
            return None
        except Exception as error:
            raise ContractBreachError(
                f"on {what} it raised {type(error).__name__}: {error}",
                f"learn them, or raise tracer_spec.errors.PluginError with the reason{self._a_refusal_is}",
            ) from error

    def test_vectors_that_are_not_finite_are_refused(self) -> None:
        """Training on NaN or infinity raises PluginError: a vector that is not finite is a fault of the embedder."""
        for value in (np.nan, np.inf):
            X, y = clusters(60)
            X[7, 3] = value
            try:
                self._fit(X, y)
            except TracerError:
                continue
            self.require(
                False,
                f"it trained on a vector that holds {value}",
                fix="raise tracer_spec.errors.PluginError where not numpy.isfinite(X).all()",
            )

    def test_inputs_stay_as_they_are(self) -> None:
        """X and y belong to the caller: training and scoring read them, and they may be read-only."""
        X, y = clusters(200)
        before = X.tobytes(), y.tobytes()
        X.flags.writeable = y.flags.writeable = False
        self._use(self._fit(X, y), X, y)
        self.require((X.tobytes(), y.tobytes()) == before, "training changed X or y", fix="copy before you write")
