"""A bundle at work inside an app: one kind of answer, a coin that audits, and a log of what was decided."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn, TypeAlias

from tracer_spec.errors import UsageError
from tracer_spec.production.cases import LIVE, NOBODY, ROUTER, TEACHER, Cases, Label, coin_of
from tracer_spec.production.decision_log import DecisionLog
from tracer_spec.production.released import Versions, load_released
from tracer_spec.runtime import Router
from tracer_spec.runtime.embedding import TextEmbedder
from tracer_spec.runtime.router import Vector

Teacher: TypeAlias = Callable[[str], Any]


class Deployment:
    """Answers requests by a bundle, or by the teacher; made by :func:`deploy`.

    Notes
    -----
    One deployment serves many threads, and asyncio, and survives ``os.fork``. What the teacher raises passes untouched, and is
    in the log as a request that nobody answered.
    """

    def __init__(self, cases: Versions[Cases], teacher: Teacher, *, log: DecisionLog | None, owns_log: bool) -> None:
        self.router, self.log, self.mode = cases.current.router, log, cases.current.mode
        self._cases, self._teacher, self._owns_log = cases, teacher, owns_log

    def classify(self, text: str, *, id: str | None = None, vector: Vector | None = None) -> Label:  # noqa: A002
        """Return the label of a text.

        Parameters
        ----------
        text : str
            What the teacher is asked: the text, or the whole prompt where the bundle has steps of ``traces.extract``.
        id : str or None
            The request's id, which a retry shares; drawn where it is None or empty.
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
        cases = self._cases.of(id)
        case = cases.begin(text, id, vector=vector)
        if case.is_the_routers:
            return cases.end(case, ROUTER)
        try:
            raw = self._teacher(text)
            if isinstance(raw, Awaitable):
                _refuse_awaitable(raw)
        except BaseException:
            cases.end(case, NOBODY)
            raise
        return cases.end(case, TEACHER, raw)

    async def aclassify(self, text: str, *, id: str | None = None, vector: Vector | None = None) -> Label:  # noqa: A002
        """Return the label of a text, as :meth:`classify`; the teacher's answer is awaited where it can be."""
        cases = self._cases.of(id)
        case = await cases.abegin(text, id, vector=vector)
        if case.is_the_routers:
            return cases.end(case, ROUTER)
        try:
            raw = self._teacher(text)
            if isinstance(raw, Awaitable):
                raw = await raw
        except BaseException:
            cases.end(case, NOBODY)
            raise
        return cases.end(case, TEACHER, raw)

    def close(self) -> None:
        """Write what waits for the log, where the deployment made it."""
        if self.log is not None and self._owns_log:
            self.log.close()

    def __enter__(self) -> Deployment:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


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
        Without a bundle everything is asked of the teacher and logged: how to get traces where there are none. Of a folder of
        releases with a canary, the canary's bundle decides its share of the requests.
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
        where the router may answer that share of requests. A folder of releases that is in shadow is so for every mode.
    secret : bytes or None
        Ties the coin to the request's id, and so the version where there is a canary: see
        :class:`~tracer_spec.production.coin.Coin`.
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
    coin_of(mode, audit, secret)  # a mode that does not exist is refused before anything is read
    released = None
    if bundle is not None:
        released = load_released(bundle, embedder=embedder, embedder_options=embedder_options, sha256=sha256)
        for router in released.routers:
            router.normalize(None)  # a bundle that cannot clean an answer says so now
        mode = released.mode(mode)
    coin = coin_of(mode, audit, secret)
    written = log if log is None or isinstance(log, DecisionLog) else DecisionLog(log)

    def cases_of(router: Router | None) -> Cases:
        return Cases(router, log=written, coin=coin, mode=mode, model=model, texts=texts)

    cases = Versions(cases_of(None)) if released is None else released.versions(cases_of, secret)
    return Deployment(cases, teacher, log=written, owns_log=written is not log)


def _refuse_awaitable(answer: Any) -> NoReturn:
    if hasattr(answer, "close"):
        answer.close()  # or Python warns that it was never awaited
    raise TypeError("the teacher is asynchronous; use: await deployment.aclassify(text)")
