"""A router by its address: what travels to the workers of an engine, each of which loads it once."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from tracer_spec.runtime.arrow import ColumnsT, route_arrow
from tracer_spec.runtime.decision import Batch
from tracer_spec.runtime.load import load
from tracer_spec.runtime.router import Matrix, Router


class RouterRef:
    """Names a bundle, and loads it where and when it is first used: once a process, whoever asks.

    A router cannot be pickled; this can (pickle, cloudpickle), in some hundred bytes, so that any engine may carry it to its
    workers, however these are started.

    Parameters
    ----------
    path : str or path-like
        The ``.tracer`` file, at a place that every worker sees.
    sha256 : str or None
        The digest that the file must have, in each worker. Without it, a file that is replaced while work goes on gives the
        later workers another router.
    embedder : str or None
        The name of the installed plugin that may make the embedder, as in :func:`~tracer_spec.runtime.load`.
    embedder_options : mapping or None
        The plugin's deployment options: JSON values.
    allow_uncertified : bool
        As in :func:`~tracer_spec.runtime.load`.

    Notes
    -----
    Nothing is read before the first use. What :func:`~tracer_spec.runtime.load` raises is raised then, and at each use until
    it succeeds. A child of ``os.fork`` goes on with its parent's routers.

    Examples
    --------
    >>> ref = RouterRef("dist/support-intents.tracer")
    >>> ref.route_batch(["where is my card?"])  # doctest: +SKIP
    """

    __slots__ = ("_options", "allow_uncertified", "embedder", "path", "sha256")

    def __init__(
        self,
        path: str | os.PathLike[str],
        sha256: str | None = None,
        *,
        embedder: str | None = None,
        embedder_options: Mapping[str, Any] | None = None,
        allow_uncertified: bool = False,
    ) -> None:
        self.path, self.sha256, self.embedder = os.fspath(path), sha256, embedder
        self.allow_uncertified = allow_uncertified
        self._options = None if embedder_options is None else json.dumps(dict(embedder_options), sort_keys=True)

    @property
    def embedder_options(self) -> dict[str, Any] | None:
        """Return the plugin's deployment options."""
        options: dict[str, Any] | None = None if self._options is None else json.loads(self._options)
        return options

    @property
    def router(self) -> Router:
        """Return the router, which is loaded where this process has not done so."""
        router = _LOADED.get(self)
        if router is None:
            with _LOCKS.of(self):
                router = _LOADED.get(self) or self._load()
                _LOADED[self] = router
        return router

    def route_batch(self, queries: Sequence[str] | Matrix) -> Batch:
        """Decide on many inputs: see :meth:`.Router.route_batch`."""
        return self.router.route_batch(queries)

    def route_arrow(
        self, batch: ColumnsT, *, text: str | None = None, vector: str | None = None, prefix: str = ""
    ) -> ColumnsT:
        """Decide on the rows of an Arrow batch; needs pyarrow.

        Parameters
        ----------
        batch : pyarrow.RecordBatch, pyarrow.Table, or what Arrow's C interface makes a table of
            Its columns are kept as they are.
        text, vector : str
            The column to decide on: of strings, or of lists of d numbers. One of the two.
        prefix : str
            Stands before the names of the columns of decisions, where the batch has such columns.

        Returns
        -------
        pyarrow.RecordBatch or pyarrow.Table
            The batch, and ``label`` and ``stage``, null where deferred, ``handled``, ``score`` and ``reason``. A null is
            decided on as a blank text, or as a vector that is not finite: it is deferred.

        Raises
        ------
        DataError
            Where there is no such column, or it holds something else.
        DimensionError, TypeError
            As :meth:`.Router.route_batch`.
        UsageError
            Where both columns are named or none, or the batch has a column of a decision's name.
        """
        return route_arrow(self.router, batch, text=text, vector=vector, prefix=prefix)

    def _load(self) -> Router:
        return load(
            self.path,
            embedder=self.embedder,
            embedder_options=self.embedder_options,
            sha256=self.sha256,
            allow_uncertified=self.allow_uncertified,
        )

    def _key(self) -> tuple[Any, ...]:
        return (self.path, self.sha256, self.embedder, self._options, self.allow_uncertified)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RouterRef) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        pinned = f", sha256={self.sha256!r}" if self.sha256 else ""
        return f"RouterRef({self.path!r}{pinned})"


class _Locks:
    """One lock for each reference, so that two bundles are loaded side by side, and one bundle once."""

    def __init__(self) -> None:
        self.renew()

    def of(self, ref: RouterRef) -> threading.Lock:
        with self._one:
            return self._all.setdefault(ref, threading.Lock())

    def renew(self) -> None:
        """Forget who holds what: a thread that loaded while its process was forked is not in the child."""
        self._one, self._all = threading.Lock(), dict[RouterRef, threading.Lock]()


_LOADED: dict[RouterRef, Router] = {}
_LOCKS = _Locks()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_LOCKS.renew)
