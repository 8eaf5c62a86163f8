"""Packages that builds and measurements need and routing does not: the extra ``build`` of the distribution brings them."""

from __future__ import annotations

import importlib.util

from tracer_spec.errors import MissingDependencyError
from tracer_spec.text_format import listing

INSTALL = "pip install 'tracer-spec[build]'"

# what code imports: what a package index calls it
PACKAGES = {"onnx": "onnx", "scipy": "scipy", "skl2onnx": "skl2onnx", "sklearn": "scikit-learn"}


def check_build_packages(task: str, *modules: str) -> None:
    """Find out that a task could not be finished before it begins; nothing is imported.

    Parameters
    ----------
    task : str
        What needs them, as the message calls it: ``building``.
    *modules : str
        Keys of :data:`PACKAGES`; all of them where none is named.

    Raises
    ------
    MissingDependencyError
        Where one of them is not installed.
    """
    absent = [PACKAGES[each] for each in modules or PACKAGES if importlib.util.find_spec(each) is None]
    if absent:
        raise _missing(task, absent)


def missing_build_package(error: ImportError) -> MissingDependencyError | None:
    """Return the error that names the extra, where what could not be found is a package of it; else None."""
    module = (error.name or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and module in PACKAGES and importlib.util.find_spec(module) is None:
        return _missing("this", [PACKAGES[module]])
    return None


def _missing(task: str, packages: list[str]) -> MissingDependencyError:
    verb = "is" if len(packages) == 1 else "are"
    return MissingDependencyError(f"{task} needs {listing(packages)}, which {verb} not installed", hint=INSTALL)
