"""Checks that the workers of a Spark session can route, before a stage is started that would fail in its middle."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from tracer_spec import __version__
from tracer_spec.errors import DataError, MissingDependencyError, TracerError
from tracer_spec.runtime.router_ref import RouterRef

ERRORS = (PySparkException, Py4JError)
"""What Spark raises; an iterator over rows raises Java's own."""

# what a worker runs besides Spark's own; its distribution's name for pip
NEEDED = {
    "pyarrow": "pyarrow",
    "numpy": "numpy",
    "onnxruntime": "onnxruntime",
    "tracer_spec": "tracer-spec",
    "tracer_spec_spark": "tracer-spec-spark",
}
# in a message of Spark, in its different versions: the driver and a worker run different minor versions of Python
_OTHER_PYTHON = ("PYTHON_VERSION_MISMATCH", "Python in worker has different version")
# the end of a traceback of Python inside a message of Spark; an error of ours has lines that are indented
_RAISED = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception): .*(?:\n  \S.*)*", re.MULTILINE)
# the first cause inside a message of Java
_CAUSED = re.compile(r"^Caused by: [\w.$]+: (.*)", re.MULTILINE)
_MARK = "tracer-spec on a worker: "


def check_workers(session: Any) -> None:
    """Raise where the workers cannot route; one small job.

    Parameters
    ----------
    session : SparkSession
        Classic or Connect.

    Raises
    ------
    MissingDependencyError
        Where a package is missing on the workers.
    DataError
        Where they run another minor version of Python, or another version of tracer-spec.
    TracerError
        Where Spark says something else.
    """
    from pyspark.sql.functions import udf

    try:
        said = session.range(0, 1, 1, 1).select(udf(_probe(tuple(NEEDED)), "string", useArrow=False)("id")).first()
    except ERRORS as error:
        raise told(error) from None
    check_found(json.loads(said[0]))


def check_found(found: dict[str, Any]) -> None:
    """Raise where what a worker says it has will not do; see :func:`check_workers`."""
    python, version = found["python"], found["version"]
    missing = [package for module, package in NEEDED.items() if not found["has"][module]]
    if missing:
        raise MissingDependencyError(
            f"Spark's workers run {python}, which has no {', '.join(missing)}",
            hint=f"{python} -m pip install {' '.join(missing)} on every worker, or name a Python that has them: "
            "PYSPARK_PYTHON, set before the session starts",
        )
    if version != __version__:
        raise DataError(
            f"Spark's workers have tracer-spec {version}, and this is {__version__}: decisions may differ",
            hint=f"{python} -m pip install 'tracer-spec=={__version__}' on every worker",
        )


def told(error: BaseException) -> TracerError:
    """Return what an error of Spark says, in a line, as an error of ours."""
    said = str(error)
    if any(each in said for each in _OTHER_PYTHON):
        mine = f"{sys.version_info.major}.{sys.version_info.minor}"
        return DataError(
            f"Spark's workers run another Python than this one, which is {mine}",
            hint=f"name a Python {mine} that every worker has: PYSPARK_PYTHON, set before the session starts",
        )
    of_ours = said.partition(_MARK)[2].partition("\n")[0]
    if of_ours:
        return DataError(of_ours)
    raised = _RAISED.findall(said) or _CAUSED.findall(said)
    line = raised[-1] if raised else (said.strip() or type(error).__name__).splitlines()[0]
    return TracerError(f"Spark says: {' '.join(line.split())[:400]}", hint="Spark's log says more")


def in_worker(module: str, name: str, *given: Any) -> Callable[[Any], Any]:
    """Return a function that a worker makes for itself, once a task: ``tracer_spec_spark.MODULE.NAME(*given)``.

    Parameters
    ----------
    module, name : str
        Where it is made.
    given : plain values
        What it is made of.

    Notes
    -----
    Being local, it travels whole, and is read on a worker that has nothing of ours, so that this is said in our words.
    """
    mark, made = _MARK, list[Callable[[Any], Any]]()

    def run(value: Any) -> Any:
        if not made:
            import importlib
            import sys

            try:
                made.append(getattr(importlib.import_module(f"tracer_spec_spark.{module}"), name)(*given))
            except ImportError as error:
                raise RuntimeError(
                    f"{mark}{sys.executable} has no {error.name}: python -m pip install tracer-spec-spark there"
                ) from None
        return made[0](value)

    return run


def quoted(name: str) -> str:
    """Return a column's name as Spark's expressions take it, whatever is in it."""
    return "`" + name.replace("`", "``") + "`"


def router_ref(shipped: Mapping[str, Any]) -> RouterRef:
    """Return the router that was shipped; called on a worker, which loads it once."""
    from pyspark import SparkFiles

    place = SparkFiles.get(shipped["place"]) if shipped["is_brought"] else shipped["place"]
    return RouterRef(
        place,
        shipped["sha256"],
        embedder=shipped["embedder"],
        embedder_options=shipped["embedder_options"],
        allow_uncertified=shipped["allow_uncertified"],
    )


def _probe(modules: tuple[str, ...]) -> Callable[[Any], str]:
    """Return what tells a worker's Python and packages; being local, it travels whole, and needs nothing of ours there."""

    def probe(_: Any) -> str:
        import importlib.util
        import json
        import sys

        has = {module: importlib.util.find_spec(module) is not None for module in modules}
        version = importlib.import_module("tracer_spec").__version__ if has["tracer_spec"] else None
        return json.dumps({"python": sys.executable, "has": has, "version": version})

    return probe
