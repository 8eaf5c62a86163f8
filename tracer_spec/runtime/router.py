"""Routes texts or vectors: the policy of a bundle, ready to decide."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar

import numpy as np

from tracer_spec.runtime.bundle import Bundle, naming
from tracer_spec.runtime.decision import BLANK, REASONS, UNAVAILABLE, Batch, Decision, Reason
from tracer_spec.runtime.embedding import ServiceEmbedder, TextEmbedder
from tracer_spec.runtime.inputs import Rows, as_rows, as_vector, cut_of, embed_texts, log_failure
from tracer_spec.runtime.manifest import Manifest
from tracer_spec.runtime.onnx_runtime import runtime_errors
from tracer_spec.runtime.row_binding import OUT_OF_RANGE, OneRow, RowBatches
from tracer_spec.text_steps.blank import is_blank

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tracer_spec.text_steps.labels import LabelCleaner

T = TypeVar("T")
Vector: TypeAlias = "NDArray[Any] | Sequence[float]"
Matrix: TypeAlias = "NDArray[Any] | Sequence[Vector]"

_FLOAT32 = np.dtype(np.float32)
_REASON_OF = dict(enumerate(REASONS))
HANDLED = Reason.HANDLED


class Router:
    """Decides, per input, whether the surrogate answers (handled) or the teacher must (deferred).

    Made by :func:`~tracer_spec.runtime.load`. One router serves many threads at once. It survives ``os.fork``, since it
    starts no thread of its own; it cannot be pickled, so that a process that is started afresh loads its own.

    Notes
    -----
    Whatever is in doubt is deferred with a reason, never guessed: low scores, inputs far from the training data, labels that
    are denied, vectors that are not finite, and an embedder that fails. A vector of the wrong dimension is the caller's bug
    and raises.

    A failure is any ``Exception`` of the embedder, and one of ONNX Runtime's own. Others pass to the caller: what a
    signal's handler raises, wherever it interrupts, ``KeyboardInterrupt`` and ``SystemExit``.
    """

    __slots__ = (
        "_batches",
        "_certificate",
        "_cleaner",
        "_cut",
        "_dimension",
        "_embedder",
        "_errors",
        "_idle",
        "_labels",
        "_manifest",
        "_on_loop",
        "_run_bound",
        "_session",
        "_sha256",
        "_shape",
        "_where",
    )

    def __init__(
        self, bundle: Bundle, certificate: Mapping[str, Any], session: Any, embedder: TextEmbedder | None
    ) -> None:
        self._manifest = bundle.manifest
        self._sha256 = bundle.sha256
        self._where = bundle.where
        self._certificate = dict(certificate)
        self._cleaner: LabelCleaner | None = None
        self._cut = cut_of(bundle.manifest.extract)
        self._embedder = embedder
        self._on_loop = True
        if embedder is not None:
            from tracer_spec.runtime.embedder_identity import is_built_in  # a bundle of vectors starts sooner

            self._on_loop = is_built_in(bundle.manifest.embedder)
        self._session = session
        self._run_bound = session.run_with_iobinding
        self._errors = runtime_errors()
        self._idle: list[OneRow] = []  # as many as ever ran at once
        self._dimension = bundle.manifest.dimension
        self._shape = (self._dimension,)
        # a mapping, since a tuple would take a negative index
        self._labels = dict(enumerate(bundle.manifest.labels))
        self._batches = RowBatches(session, bundle.manifest.labels)

    def route(self, query: str | Vector) -> Decision:
        """Decide on one input.

        Parameters
        ----------
        query : str or array-like of shape (d,)
            A text, where the bundle has an embedder; or its vector, of any real type. Where the bundle has steps of
            ``traces.extract``, the text may be the whole prompt that it stands in.

        Returns
        -------
        Decision

        Raises
        ------
        DimensionError
            Where the vector is not of shape (d,).
        TypeError
            Where the query is neither, or is a text and the app is to bring vectors.
        """
        if type(query) is np.ndarray and query.dtype is _FLOAT32 and query.shape == self._shape:
            vector = query
        elif isinstance(query, str):
            text = query if self._cut is None else self._cut(query)
            if is_blank(text) and self._embedder is not None:
                return BLANK
            embedded = self._embed([text])
            if embedded is None:
                return UNAVAILABLE
            vector = embedded[0]
        else:
            vector = as_vector(query, self._dimension)
        try:
            try:
                row = self._idle.pop()  # whoever took one has it alone until it is put back
            except IndexError:
                row = OneRow(self._session, self._dimension)
            row.vector[0] = vector
            self._run_bound(row.binding)
        except self._errors as error:  # a graph that fails is no reason to lose the request
            return log_failure(error, UNAVAILABLE)
        score = row.score.item()
        if row.handled.item():
            label = self._labels.get(row.label.item())
            if label is None:
                return log_failure(OUT_OF_RANGE, UNAVAILABLE)
            decision = Decision(label, True, score, row.stage.item(), HANDLED)
        else:
            why = _REASON_OF.get(row.reason.item())
            if why is None:
                return log_failure(OUT_OF_RANGE, UNAVAILABLE)
            decision = Decision(None, False, score, None, why) if why is not Reason.UNAVAILABLE else UNAVAILABLE
        self._idle.append(row)
        return decision

    def route_batch(self, queries: Sequence[str] | Matrix) -> Batch:
        """Decide on many inputs, in bounded memory.

        Parameters
        ----------
        queries : sequence of str, or array-like of shape (n, d)
            All texts or all vectors.

        Returns
        -------
        Batch
            In the order of ``queries``.

        Raises
        ------
        DimensionError, TypeError
            As :meth:`route`.
        """
        rows = as_rows(queries, self._dimension)
        if rows.matrix is not None or self._embedder is None:
            return self._batches.route(rows, self._embed)
        texts = rows.texts if self._cut is None else [self._cut(text) for text in rows.texts]
        wanted = [row for row, text in enumerate(texts) if not is_blank(text)]
        batch = self._batches.route(Rows(texts=[texts[row] for row in wanted]), self._embed)
        return batch if len(wanted) == len(texts) else batch.among_blank(wanted, len(texts))

    def classify(self, text: str, teacher: Callable[[str], T], *, vector: Vector | None = None) -> str | T:
        """Return the surrogate's label where handled, else whatever the teacher returns.

        Parameters
        ----------
        text : str
            What the teacher is asked.
        teacher : callable
            ``teacher(text)``; called only where deferred. What it raises passes untouched.
        vector : array-like of shape (d,) or None
            The text's vector, where the app brings vectors.

        Raises
        ------
        TypeError
            Where the teacher is asynchronous: use :meth:`aclassify`.
        """
        decision = self.route(text if vector is None else vector)
        if decision.handled:
            return decision.label  # type: ignore[return-value]
        answer = teacher(text)
        if hasattr(answer, "__await__"):
            if hasattr(answer, "close"):
                answer.close()  # or Python warns that it was never awaited
            raise TypeError("the teacher is asynchronous; use: await router.aclassify(text, teacher)")
        return answer

    async def aclassify(
        self, text: str, teacher: Callable[[str], Awaitable[T] | T], *, vector: Vector | None = None
    ) -> str | T:
        """Return the surrogate's label where handled, else what the teacher returns, awaited where it can be.

        Notes
        -----
        The decision itself runs on the event loop, since it takes microseconds; an embedder that is not built in may take
        longer, or wait for a network, and runs in a thread. A teacher that is not asynchronous blocks the loop.
        """
        decision = await self.aroute(text if vector is None else vector)
        if decision.handled:
            return decision.label  # type: ignore[return-value]
        answer = teacher(text)
        return await answer if isinstance(answer, Awaitable) else answer

    async def aroute(self, query: str | Vector) -> Decision:
        """Decide on one input as :meth:`route`, in a thread where a third party's embedder may take long."""
        if self._on_loop or not isinstance(query, str):
            return self.route(query)
        import asyncio

        return await asyncio.to_thread(self.route, query)

    def normalize(self, answer: Any) -> str | None:
        """Return the label of a teacher's answer, by the spec's own steps and aliases; None where it is no label.

        Parameters
        ----------
        answer : object
            A text; JSON values, which need the step ``json:KEY``; None where there is no answer.

        Raises
        ------
        BundleError
            Where the bundle does not hold the steps: it is of format 1, or a pattern of them could take long on some answer.
        """
        if self._cleaner is None:
            from tracer_spec.runtime.answers import cleaner_of

            with naming(self._where):
                self._cleaner = cleaner_of(self._manifest)
        return self._cleaner.clean(answer)[0] or None

    def check_embedder(self) -> None:
        """Compare an embedding service with the bundle now, instead of at its first answer.

        Any other embedder was compared when the bundle was loaded.

        Raises
        ------
        BundleError
            Where the service does not answer, or gives other vectors. Until it gives the right ones, requests are deferred.
        """
        if isinstance(self._embedder, ServiceEmbedder):
            with naming(self._where):
                self._embedder.check()

    @property
    def name(self) -> str:
        """Return the router's name."""
        return self._manifest.name

    @property
    def version(self) -> str:
        """Return the version: the first 12 hexadecimal digits of the digest of the bundle's contents."""
        return self._manifest.version

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the labels that the surrogate knows, denied ones included."""
        return self._manifest.labels

    @property
    def dimension(self) -> int:
        """Return d, the length of a vector."""
        return self._dimension

    @property
    def certificate(self) -> dict[str, Any]:
        """Return ``certificate.json``, a fresh copy."""
        return copy.deepcopy(self._certificate)

    @property
    def manifest(self) -> Manifest:
        """Return what the bundle says of itself."""
        return self._manifest

    @property
    def where(self) -> str:
        """Return the bundle's place, for messages."""
        return self._where

    @property
    def sha256(self) -> str:
        """Return the digest of the whole file."""
        return self._sha256

    def __repr__(self) -> str:
        policy = self._manifest.policy
        stages = " -> ".join(stage.surrogate for stage in policy.stages)
        return (
            f"<Router {self.name} {self.version}: {policy.family} ({stages}), {len(self.labels)} labels, "
            f"{self._manifest.embedder.use} ({self._dimension}), {self._manifest.status}>"
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError("a router cannot be pickled or copied; load the bundle in each process")

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float32] | None:
        """Return the vectors of texts, or None where there are none to be had."""
        if self._embedder is None:
            raise TypeError(
                f"this bundle takes vectors of {self._dimension} numbers, not texts, and has no embedder: pass vectors of "
                f"shape ({self._dimension},), made as those it was built on (embedder: {self._manifest.embedder.use})"
            )
        return embed_texts(self._embedder, texts, self._dimension)
