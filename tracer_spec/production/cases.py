"""A request from the coin to its line of the log: the one path of every request, wherever it comes in."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from tracer_spec.errors import UsageError
from tracer_spec.production.coin import Coin
from tracer_spec.production.plain_answer import plain, unanswered
from tracer_spec.runtime import Decision, Router
from tracer_spec.runtime.router import Vector
from tracer_spec.text_steps import ToolCall

ROUTER, TEACHER, NOBODY = "router", "teacher", "nobody"
LIVE, SHADOW, CANARY = "live", "shadow", "canary"


class Log(Protocol):
    """What takes the lines: a :class:`~tracer_spec.production.decision_log.DecisionLog`, or what stands before one."""

    def put(self, record: Mapping[str, Any]) -> bool:
        """Take a line, without waiting; return whether there was room for it."""


class Label(str):
    """The label of a request, cleaned alike whoever gave it; empty where the teacher's answer is no label.

    Parameters
    ----------
    by : str
        ``router``, ``teacher``, or ``nobody`` where the teacher failed.
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


class Case(NamedTuple):
    """One request that is not answered yet.

    Parameters
    ----------
    audited : bool
        Whether the coin chose it for the teacher, before anything was known of it.
    is_forced : bool
        Whether the app asked for the teacher: no matter of chance, so such a request is not an audited one.
    decision : Decision or None
        None without a bundle.
    """

    id: str
    time: datetime
    text: str
    audited: bool
    is_forced: bool
    decision: Decision | None

    @property
    def is_the_routers(self) -> bool:
        """Return whether the router may answer."""
        return self.decision is not None and self.decision.handled and not self.audited and not self.is_forced


class Cases:
    """Opens a case for each request, and ends it with the answer and the line of the log.

    Parameters
    ----------
    router : Router or None
    log : Log or None
    coin : Coin
    mode : str
        As in :func:`~tracer_spec.production.deployment.deploy`; for the log, since the coin has it in its rate.
    model : str or None
        The teacher's model, where an answer does not say it.
    texts : bool
        Whether the log holds texts, or their sha256 alone.

    Notes
    -----
    The coin is drawn first, whatever comes of the request.
    """

    def __init__(
        self,
        router: Router | None,
        *,
        log: Log | None,
        coin: Coin,
        mode: str,
        model: str | None = None,
        texts: bool = True,
    ) -> None:
        self.router, self.log, self.mode = router, log, mode
        self._coin, self._model, self._texts = coin, model, texts

    def begin(
        self,
        text: str,
        request_id: str | None = None,
        *,
        vector: Vector | None = None,
        force_teacher: bool = False,
    ) -> Case:
        """Draw the coin and let the router decide.

        Parameters
        ----------
        text : str
            As :meth:`tracer_spec.Router.route` takes it, a whole prompt too.
        request_id : str or None
            Which a retry shares; drawn where it is None or empty.
        vector : array-like of shape (d,) or None
            The text's vector, where the app brings vectors.
        force_teacher : bool
            Whether the teacher answers whatever coin and router say.
        """
        case = self._draw(text, request_id, force_teacher)
        if self.router is None:
            return case
        return case._replace(decision=self.router.route(text if vector is None else vector))

    async def abegin(
        self,
        text: str,
        request_id: str | None = None,
        *,
        vector: Vector | None = None,
        force_teacher: bool = False,
    ) -> Case:
        """Draw the coin and let the router decide, as :meth:`begin`, on the event loop."""
        case = self._draw(text, request_id, force_teacher)
        if self.router is None:
            return case
        return case._replace(decision=await self.router.aroute(text if vector is None else vector))

    def _draw(self, text: str, request_id: str | None, force_teacher: bool) -> Case:
        """Draw the coin, before anything else is known of the request."""
        own_id = id_of(request_id)
        audited = self.router is None or self._coin.falls(own_id)
        return Case(own_id, datetime.now(UTC), text, audited, force_teacher, None)

    def end(self, case: Case, by: str, raw: Any = None, model: str | None = None) -> Label:
        """Clean the answer, log it and return the label.

        Parameters
        ----------
        case : Case
        by : str
            ``router``, ``teacher``, or ``nobody``.
        raw : object
            The teacher's answer: a text, JSON values, or an object with ``model_dump``. None is an answer that is no label;
            where the call failed, ``by`` is ``nobody``.
        model : str or None
            The teacher's model, where the answer says it.
        """
        values = unanswered("none") if by == TEACHER and raw is None else plain(raw)
        teachers = self._clean(raw if isinstance(raw, ToolCall) else values) if by == TEACHER else None
        if self.log is not None:
            self.log.put(self._record(case, by, values, teachers, model))
        decision = case.decision
        own = decision.label if by == ROUTER and decision is not None else teachers
        return _label(own or "", by, decision, case.audited and self.router is not None, raw, case.id)

    def _clean(self, raw: Any) -> str | None:
        """Return the teacher's label; without a bundle there are no steps, and a text is taken as it is."""
        if self.router is not None:
            return self.router.normalize(raw)
        return raw.strip() or None if isinstance(raw, str) else None

    def _record(self, case: Case, by: str, raw: Any, teachers: str | None, model: str | None) -> dict[str, Any]:
        """Return the line of the log: see ``schemas/decision.v1.json``."""
        head: dict[str, Any] = {"id": case.id, "time": moment(case.time)}
        if self._texts:
            head["input"] = case.text
        else:
            head["input_sha256"] = hashlib.sha256(case.text.encode("utf-8", "surrogatepass")).hexdigest()
        head |= {"teacher": teachers, "teacher_raw": raw, "model": (model or self._model) if by == TEACHER else None}
        return head | {"router": None if case.decision is None else self._story(case, case.decision, by)}

    def _story(self, case: Case, decision: Decision, by: str) -> dict[str, Any]:
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
            "audit": case.audited,
            "audit_rate": self._coin.rate,
            "served": by,
        }


def id_of(given: str | None) -> str:
    """Return a request's id; one is drawn where none is given, or an empty one, which many requests would share."""
    return os.urandom(12).hex() if given is None or str(given) == "" else str(given)


def moment(time: datetime) -> str:
    """Return a time as the logs have it."""
    return time.isoformat(timespec="milliseconds")


def coin_of(mode: str, audit: float, secret: bytes | None) -> Coin:
    """Return the coin of a mode: what the teacher answers for the mode's sake is audited as well.

    Raises
    ------
    UsageError
        For a mode that does not exist, a rate that is not in [0, 1], or a secret that is not bytes.
    """
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
