"""Bug reports to paste into an issue: versions, platform and frames, no data."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
import tempfile
import traceback
from pathlib import Path

from tracer_spec import __version__
from tracer_spec.errors import Problem, without_secrets

_LIBRARIES = [
    "click",
    "numpy",
    "onnx",
    "onnxruntime",
    "pluggy",
    "pydantic",
    "PyYAML",
    "scikit-learn",
    "scipy",
    "skl2onnx",
    "xgboost",
]
_LONGEST_MESSAGE = 200


def write_report(error: BaseException) -> Problem:
    """Write the report to the temp folder and return the problem that names it."""
    what = f"a bug in tracer-spec: {_headline(error)}"
    try:
        with tempfile.NamedTemporaryFile("wb", prefix="tracer-spec-bug-", suffix=".txt", delete=False) as file:
            file.write(describe(error).encode("utf-8", "backslashreplace"))
    except OSError:
        return Problem("", what, "no report could be written to the temp folder; run again with TMPDIR set")
    hint = f"a report to paste into an issue is in {file.name}; read it first: its message may quote data"
    return Problem("", what, hint)


def describe(error: BaseException) -> str:
    """Return the report: no arguments, no environment, no variables, messages cut short, folders masked."""
    lines = [
        f"tracer-spec {__version__}",
        f"Python {platform.python_version()} ({platform.python_implementation()}) on {platform.platform()}",
        f"libraries: {', '.join(_versions())}",
        "",
    ]
    for link in _chain(error):
        lines.append(_headline(link))
        lines += [
            f"  {_mask(frame.filename)}:{frame.lineno} in {frame.name}"
            for frame in traceback.extract_tb(link.__traceback__)
        ]
    return "\n".join(lines) + "\n"


def _chain(error: BaseException) -> list[BaseException]:
    """Return the error and what caused it, outermost first."""
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in links:
        links.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return links


def _headline(error: BaseException) -> str:
    """Return type and message on one line; a message may quote data, so only its beginning is kept."""
    message = without_secrets(" ".join(str(error).split()))
    if len(message) > _LONGEST_MESSAGE:
        message = message[:_LONGEST_MESSAGE] + " [...]"
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _mask(path: str) -> str:
    """Shorten a path to what says which code it is, not whose machine."""
    for folder in sorted(sys.path, key=len, reverse=True):
        if folder and path.startswith(folder.rstrip("/\\")):
            return path[len(folder) :].lstrip("/\\")
    return Path(path).name


def _versions() -> list[str]:
    """Return the installed libraries with their versions."""
    found = []
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
