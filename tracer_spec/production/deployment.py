"""A bundle at work inside an app: one kind of answer, a coin that audits, and a log of what was decided."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, NoReturn, TypeAlias

from tracer_spec.errors import UsageError
from tracer_spec.production.coin import Coin
from tracer_spec.production.decision_log import DecisionLog
from tracer_spec.production.plain_answer import plain
from tracer_spec.runtime import Decision, Router, load
from tracer_spec.runtime.embedding import TextEmbedder
from tracer_spec.runtime.router import Vector

ROUTER, TEACHER, NOBODY = "router", "teacher", "nobody"
LIVE, SHADOW, CANARY = "live", "shadow", "canary"

Teacher: TypeAlias = Callable[[str], Any]


class Label(str):
    """The label of a request, cleaned alike whoever gave it; empty where the teacher's answer is no label.

    Parameters
    ----------
    by : str
        ``router`` or ``teacher``.
    decision : Decision or None
        What the router decided, also where the teacher answered; None without a bundle.
    audited : bool
        Whether the coin chose this request for the teacher.
    raw : object
        What the teacher answered; None where it was not asked.
    id : str
        The request's id.
    """

    __slots__ = ("audited", "by", "decision", "id", "raw")

    by: str
    decision: Decision | None
    audited: bool
    raw: Any
    id: str

    def __reduce__(self) -> tuple[Any, ...]:
        return _label, (str(self), self.by, self.decision, self.audited, self.raw, self.id)


def _label(text: str, by: str, decision: Decision | None, audited: bool, raw: Any, request_id: str) -> Label:
    label = Label(text)
    label.by, label.decision, label.audited, label.raw, label.id = by, decision, audited, raw, request_id
    return label


class _Request(NamedTuple):
    """One request on its way."""

    id: str
    time: datetime
    text: str
    audited: bool
    decision: Decision | None


class Deployment:
    """Answers requests by a bundle, or by the teacher; made by :func:`deploy`.

    Notes
    -----
    One deployment serves many threads, and asyncio, and survives ``os.fork``. What the teacher raises passes untouched, and is
    in the log as a request that nobody answered.
    """

    def __init__(
        self,
        router: Router | None,
        teacher: Teacher,
        *,
        log: DecisionLog | None,
        owns_log: bool,
        coin: Coin,
        mode: str,
        model: str | None,
        texts: bool,
    ) -> None:
        self.router, self.log, self.mode = router, log, mode
        self._teacher, self._coin, self._model, self._texts = teacher, coin, model, texts
        self._owns_log = owns_log

    def classify(self, text: str, *, id: str | None = None, vector: Vector | None = None) -> Label:  # noqa: A002
        """Return the label of a text.

        Parameters
        ----------
        text : str
            What the teacher is asked: the text, or the whole prompt where the bundle has steps of ``traces.extract``.
        id : str or None
            The request's id, which a retry shares; drawn where it is None.
        vector : array-like of shape (d,) or None
            The text's vector, where the app brings vectors.

        Returns
        -------
        Label
            A string, with ``by``, ``decision``, ``audited``, ``raw`` and ``id`` beside it.

        Raises
        ------
        TypeError
            Where the teacher is asynchronous: use :meth:`aclassify`.
        """
        request = self._begin(text, id)
        if self.router is not None:
            request = request._replace(decision=self.router.route(text if vector is None else vector))
        if self._is_the_routers(request):
            return self._end(request, ROUTER)
        try:
            raw = self._teacher(text)
            if isinstance(raw, Awaitable):
                _refuse_awaitable(raw)
        except BaseException:
            self._end(request, NOBODY)
            raise
        return self._end(request, TEACHER, raw)

    async def aclassify(self, text: str, *, id: str | None = None, vector: Vector | None = None) -> Label:  # noqa: A002
        """Return the label of a text, as :meth:`classify`; the teacher's answer is awaited where it can be."""
        request = self._begin(text, id)
        if self.router is not None:
            request = request._replace(decision=await self.router.aroute(text if vector is None else vector))
        if self._is_the_routers(request):
            return self._end(request, ROUTER)
        try:
            raw = self._teacher(text)
            if isinstance(raw, Awaitable):
                raw = await raw
        except BaseException:
            self._end(request, NOBODY)
            raise
        return self._end(request, TEACHER, raw)

    def close(self) -> None:
        """Write what waits for the log, where the deployment made it."""
        if self.log is not None and self._owns_log:
            self.log.close()

    def __enter__(self) -> Deployment:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin(self, text: str, request_id: str | None) -> _Request:
        """Draw the coin, before anything else is known of the request."""
        own_id = os.urandom(12).hex() if request_id is None else str(request_id)
        return _Request(own_id, datetime.now(UTC), text, self.router is None or self._coin.falls(own_id), None)

    @staticmethod
    def _is_the_routers(request: _Request) -> bool:
        return request.decision is not None and request.decision.handled and not request.audited

    def _end(self, request: _Request, by: str, raw: Any = None) -> Label:
        """Clean the answer, log it and return it."""
        values = plain(raw)
        teachers = self._clean(values) if by == TEACHER else None
        if self.log is not None:
            self.log.put(self._record(request, by, values, teachers))
        decision = request.decision
        own = decision.label if by == ROUTER and decision is not None else teachers
        return _label(own or "", by, decision, request.audited and self.router is not None, raw, request.id)

    def _clean(self, raw: Any) -> str | None:
        """Return the teacher's label; without a bundle there are no steps, and a text is taken as it is."""
        if self.router is not None:
            return self.router.normalize(raw)
        return raw.strip() or None if isinstance(raw, str) else None

    def _record(self, request: _Request, by: str, raw: Any, teachers: str | None) -> dict[str, Any]:
        """Return the line of the log: see ``schemas/decision.v1.json``."""
        head: dict[str, Any] = {"id": request.id, "time": request.time.isoformat(timespec="milliseconds")}
        if self._texts:
            head["input"] = request.text
        else:
            head["input_sha256"] = hashlib.sha256(request.text.encode("utf-8", "surrogatepass")).hexdigest()
        head |= {"teacher": teachers, "teacher_raw": raw, "model": self._model if by == TEACHER else None}
        return head | {"router": None if request.decision is None else self._story(request, request.decision, by)}

    def _story(self, request: _Request, decision: Decision, by: str) -> dict[str, Any]:
        router = self.router
        return {
            "name": router.name if router else "",
            "version": router.version if router else "",
            "mode": self.mode,
            "label": decision.label,
            "handled": decision.handled,
            "score": decision.score,
            "stage": decision.stage,
            "reason": str(decision.reason),
            "audit": request.audited,
            "audit_rate": self._coin.rate,
            "served": by,
        }


def deploy(
    bundle: str | os.PathLike[str] | Router | None,
    *,
    teacher: Teacher,
    log: str | os.PathLike[str] | DecisionLog | None = None,
    audit: float = 0.02,
    mode: str = LIVE,
    secret: bytes | None = None,
    model: str | None = None,
    texts: bool = True,
    embedder: TextEmbedder | str | None = None,
    embedder_options: Mapping[str, Any] | None = None,
    sha256: str | None = None,
) -> Deployment:
    """Put a bundle to work in front of a teacher.

    Parameters
    ----------
    bundle : str, path-like, Router or None
        Without a bundle everything is asked of the teacher and logged: how to get traces where there are none.
    teacher : callable
        ``teacher(text)`` returns the LLM's answer, or an awaitable of it for :meth:`Deployment.aclassify`. The answer may be
        a text, JSON values, or an object with ``model_dump``; the bundle's steps of ``labels.normalize`` read it.
    log : str, path-like, DecisionLog or None
        The folder of the log of decisions. None logs nothing, and then no later build or monitor can know how it went.
    audit : float
        The share of requests that the teacher answers whatever the router would say, in [0, 1]. They are an unbiased sample of
        all traffic: what ``verify`` measures, what certifies the next build.
    mode : str
        ``live``; ``shadow``, where the teacher answers everything and the router's decisions are logged; or ``canary:SHARE``,
        where the router may answer that share of requests.
    secret : bytes or None
        Ties the coin to the request's id: see :class:`~tracer_spec.production.coin.Coin`.
    model : str or None
        The teacher's model, for the log.
    texts : bool
        Whether the log holds texts, or their sha256 alone. A build needs texts.
    embedder, embedder_options, sha256
        As in :func:`tracer_spec.load`.

    Returns
    -------
    Deployment
        A context manager: leaving it writes what waits for the log.

    Raises
    ------
    UsageError
        For a mode that does not exist, a rate that is not in [0, 1], a secret that is not bytes, or a teacher that cannot be
        called.
    BundleError
        As :func:`tracer_spec.load`; and for a bundle of format 1, which does not hold the steps for the teacher's answers.
    DataError
        Where the log's folder cannot be written to.

    Examples
    --------
    >>> with deploy("dist/intents.tracer", teacher=call_llm, log="decisions/") as intents:  # doctest: +SKIP
    ...     label = intents.classify("where is my card?")
    >>> label, label.by  # doctest: +SKIP
    ('card_arrival', 'router')
    """
    if not callable(teacher):
        raise UsageError(f"the teacher is called with a text, and a value of type {type(teacher).__name__} cannot be")
    coin = _coin(mode, audit, secret)
    router = bundle
    if router is not None and not isinstance(router, Router):
        router = load(router, embedder=embedder, embedder_options=embedder_options, sha256=sha256)
    if router is not None:
        router.normalize(None)  # a bundle that cannot clean an answer says so now
    written = log if log is None or isinstance(log, DecisionLog) else DecisionLog(log)
    return Deployment(
        router,
        teacher,
        log=written,
        owns_log=written is not log,
        coin=coin,
        mode=mode,
        model=model,
        texts=texts,
    )


def _coin(mode: str, audit: float, secret: bytes | None) -> Coin:
    """Return the coin of a mode: what the teacher answers for the mode's sake is audited as well."""
    name, _, share = str(mode).partition(":")
    try:
        Coin(audit)
        if name == CANARY and share:
            return Coin(1 - _share(share) * (1 - audit), secret)
        if mode in (LIVE, SHADOW):
            return Coin(audit if mode == LIVE else 1.0, secret)
    except ValueError as error:
        raise UsageError(str(error)) from None
    raise UsageError(f"there is no mode '{mode}'", hint="live, shadow, or canary:SHARE such as canary:0.1")


def _share(written: str) -> float:
    try:
        share = float(written)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError(f"the share of a canary must be between 0 and 1, got {written}")
    return share


def _refuse_awaitable(answer: Any) -> NoReturn:
    if hasattr(answer, "close"):
        answer.close()  # or Python warns that it was never awaited
    raise TypeError("the teacher is asynchronous; use: await deployment.aclassify(text)")
