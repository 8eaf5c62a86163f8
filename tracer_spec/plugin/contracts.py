"""What a plugin is, and what each kind of plugin gives back.

These are Protocols and plain data: a plugin inherits from nothing but :class:`Options`. What it gives back is data
(ONNX graphs, bytes), so that nothing of it, embedders aside, is needed to serve. Shapes: ``n`` rows, ``d`` dimensions,
``k`` classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from tracer_spec.plugin.deployment import aliases, mark_of

if TYPE_CHECKING:
    from onnx import ModelProto

Vectors: TypeAlias = NDArray[np.float32]
Scores: TypeAlias = NDArray[np.float32]
Classes: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]

Made_co = TypeVar("Made_co", covariant=True)


class Options(BaseModel):
    """The options of a plugin: a frozen pydantic model that knows every key it takes.

    Field descriptions, defaults and ranges become the schema an editor completes from, and the page that
    ``tracer-spec plugins NAME`` prints.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def deployment_options(cls, held: Mapping[str, Any] | None = None) -> frozenset[str]:
        """Return the names of the options marked by :class:`DeploymentOption`, and aliases, of effect beside ``held``."""
        cls.model_rebuild()  # a field whose type was not known yet has no marks
        return frozenset(
            spelled
            for name, field in cls.model_fields.items()
            if (mark := mark_of(field)) and not (held or {}).get(mark.unless)
            for spelled in (name, *aliases(field))
        )


@dataclass(frozen=True, slots=True)
class Plugin(Generic[Made_co]):
    """What a hook yields: an inert description of one plugin.

    Parameters
    ----------
    name : str
        What a spec writes after ``use:``; lower case letters, digits and dashes.
    summary : str
        One line, for ``tracer-spec plugins``.
    make : callable
        ``make(options)`` gives the working part, by the contract of its kind. Heavy imports live inside it.
    options : type of Options
        Validated before ``make`` is called; :class:`Options` itself where there are none.
    takes_weights : bool
        For surrogates and acceptors: whether ``fit`` takes ``sample_weight``. Without it a learner trains on every row alike.
    """

    name: str
    summary: str
    make: Callable[[Any], Made_co]
    options: type[Options] = Options
    takes_weights: bool = False


def _in_no_record(options: Any) -> None:
    """Return None: the vectors lie beside the records."""


@dataclass(frozen=True, slots=True)
class VectorReaderPlugin(Plugin["VectorReader"]):
    """Describes an "embedder" whose vectors come with the traces: its part is a :class:`VectorReader`.

    Parameters
    ----------
    column : callable
        ``column(options)`` gives the JMESPath of the vector inside a record; None where it is not in the record.
    """

    column: Callable[[Any], str | None] = _in_no_record


# --- traces ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Record:
    """One raw record of a source, with its address.

    Parameters
    ----------
    where : str
        ``file:line`` (or ``file#row``) for messages.
    data : mapping
        The record; empty where it could not be read.
    problem : str
        Why it could not be read; empty for a good record. ``traces.on_error`` says what becomes of it.
    """

    where: str
    data: Mapping[str, Any]
    problem: str = ""


class Source(Protocol):
    """Streams raw records. Whatever keeps it from starting at all raises :class:`~tracer_spec.errors.DataError`."""

    def records(self) -> Iterator[Record]:
        """Yield records in a stable order, one at a time, never the whole input in memory."""
        ...


# --- embedders -------------------------------------------------------------------------------------------------------


class Embedder(Protocol):
    """Turns texts into vectors: the same text gives the same vector, alone or in a batch, today or next year."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one finite row per text, shape (n, d), float32."""
        ...

    def fingerprint(self) -> str:
        """Identify the function text → vector: equal fingerprints promise equal vectors."""
        ...

    def state(self) -> Mapping[str, bytes]:
        """Return what :meth:`Restorable.restore` needs, as files of the bundle; empty where options say it all."""
        ...


@runtime_checkable
class Fittable(Protocol):
    """An embedder that learns from texts. It sees texts of fit rows only, and no label."""

    def fit(self, texts: Sequence[str], *, seed: int) -> Embedder:
        """Return a fitted embedder."""
        ...


@runtime_checkable
class Restorable(Protocol):
    """An embedder that comes back from its state."""

    def restore(self, state: Mapping[str, bytes]) -> Embedder:
        """Return the embedder whose :meth:`Embedder.state` this is."""
        ...


@runtime_checkable
class Service(Protocol):
    """An embedder that calls a service, and so can be out of reach: ``is_service`` is True.

    ``make`` and :meth:`Embedder.fingerprint` call nothing. A bundle is loaded without calling it, so that an app starts while
    the service is down, and its vectors are compared with the bundle's at its first answer.
    """

    is_service: bool


@runtime_checkable
class VectorReader(Protocol):
    """An "embedder" whose vectors come with the traces; the app brings its own at run time."""

    def read(
        self, rows: Sequence[int], ids: Sequence[str | None], vectors: Sequence[Any], texts: Sequence[str]
    ) -> Vectors:
        """Return vectors, shape (n, d), float32.

        Parameters
        ----------
        rows : sequence of int
            The position of each trace among the records read, from 0.
        ids : sequence of str or None
            The id of each trace.
        vectors : sequence
            What the record holds at the path :attr:`VectorReaderPlugin.column`; None where there is none.
        texts : sequence of str
            The text of each trace; empty where it has none.
        """
        ...


# --- learners --------------------------------------------------------------------------------------------------------


class Surrogate(Protocol):
    """A trained candidate model."""

    def scores(self, X: Vectors) -> Scores:
        """Return class probabilities, shape (n, k), in [0, 1], rows summing to 1 (0 for a class never seen)."""
        ...

    def to_onnx(self) -> ModelProto:
        """Return the graph ``embedding (n, d) float32 -> scores (n, k) float32``, equal to :meth:`scores` to 1e-5."""
        ...


class SurrogateLearner(Protocol):
    """Trains a surrogate, on one thread, the same for the same seed."""

    def fit(self, X: Vectors, y: Classes, *, n_classes: int, seed: int) -> Surrogate:
        """Train on ``X`` (n, d) and ``y`` (n,) in [0, n_classes); some classes may be missing from ``y``.

        Where the plugin says that it ``takes_weights``, ``fit`` also takes ``sample_weight``, shape (n,), positive and of
        mean 1 over all fit rows: how many requests each row speaks for. It is left out where all rows weigh the same, and
        weights of 1 teach what no weights teach.

        Raise :class:`~tracer_spec.errors.PluginError` where these data cannot be learned: the reason becomes a row of
        the report, and the build goes on without this surrogate.
        """
        ...


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an acceptor learns from: fit rows, scored by surrogates that had not seen them.

    Parameters
    ----------
    X : ndarray of shape (n, d), float32
    scores : ndarray of shape (n, k), float32
        Out-of-fold scores of the surrogate.
    agrees : ndarray of shape (n,), bool
        Whether the top-scored class is the teacher's; False where the teacher's label is off the list.
    y : ndarray of shape (n,), int64
        The teacher's class, -1 where its label is off the list.
    votes : ndarray of shape (n, m - 1), float32, or None
        Where the surrogate averages m members: what each but the last gives to the class that the mean puts first.
    folds : ndarray of shape (n,), int64, or None
        The fold that held each row out, copies of one text in one: a row should be compared with other folds alone.
    """

    X: Vectors
    scores: Scores
    agrees: Mask
    y: Classes
    votes: Scores | None = None
    folds: Classes | None = None


class Acceptor(Protocol):
    """A trained acceptor."""

    def accepts(self, X: Vectors, scores: Scores, votes: Scores | None = None) -> Scores:
        """Return the predicted probability of agreement, shape (n,), in [0, 1]."""
        ...

    def to_onnx(self) -> ModelProto:
        """Return ``embedding (n, d), scores (n, k), votes (n, m - 1) -> accept (n,)``, all float32.

        Equal to :meth:`accepts` to 1e-5. Inputs that it has no use for may be left out.
        """
        ...


class AcceptorLearner(Protocol):
    """Trains an acceptor."""

    def fit(self, evidence: Evidence, *, seed: int) -> Acceptor:
        """Train on out-of-fold evidence, which may all agree or not at all; ``sample_weight`` as surrogates take it."""
        ...


# --- guards ----------------------------------------------------------------------------------------------------------


class Guard(Protocol):
    """A trained guard: refuses inputs far from the fit rows."""

    @property
    def limit(self) -> float:
        """Return the largest distance that passes, taken from fit rows."""
        ...

    def distances(self, X: Vectors, labels: Classes) -> Scores:
        """Return the distance of each row under the class predicted for it, shape (n,), at least 0."""
        ...

    def to_onnx(self) -> ModelProto:
        """Return ``embedding (n, d) float32, label (n,) int64 -> distance (n,) float32``."""
        ...


class GuardLearner(Protocol):
    """Trains a guard."""

    def fit(self, X: Vectors, y: Classes, *, n_classes: int, seed: int) -> Guard:
        """Train on ``X`` (n, d) and the teacher's classes ``y`` (n,)."""
        ...


# --- who ships it ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Provided:
    """A plugin as the registry knows it: what it is, its kind, and who ships it."""

    kind: str
    plugin: Plugin[Any] = field(repr=False)
    distribution: str
    version: str

    @property
    def name(self) -> str:
        """Return the name a spec uses."""
        return self.plugin.name
