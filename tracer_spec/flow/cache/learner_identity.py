"""Digest of what a training depends on besides its rows: code, options, libraries and processor.

A version alone does not identify code that is being worked on, so the sources of a plugin's package are digested whole, and
so are ours. What cannot be pinned down that way is not remembered at all.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import sys
from functools import lru_cache, partial
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tracer_spec.runtime.manifest import normal_name

if TYPE_CHECKING:
    from tracer_spec.plan import Resolved

_OURS = "tracer-spec"
_PACKAGE = Path(__file__).parents[2]
# parts of ours that train nothing
_IDLE = frozenset(("cli", "report", "testing"))
_MOST_FILES = 2000
_NAME = re.compile(r"[A-Za-z0-9._-]+")
# the extra that brings what a build trains with
_OF_BUILD = re.compile(r"extra == ['\"]build['\"]")


def identity(learner: Resolved) -> bytes | None:
    """Return a digest of everything, rows and seed aside, that decides what a learner comes to; None where nobody can tell.

    Nobody can tell where ``make`` is a closure, where an option names a file, and where a package below the plugin's own is
    installed editable.
    """
    provided = learner.provided
    code, packages = _code(provided.plugin.make), _packages(provided.distribution, provided.name)
    options = _options(learner.options)
    if code is None or packages is None or options is None:
        return None
    named = [provided.kind, provided.name, provided.distribution, provided.version]
    return _digest(named, options, code, _sources(_PACKAGE), packages, _machine())


@lru_cache(maxsize=1)
def own_identity() -> bytes:
    """Return a digest of our own sources, the libraries below them, and the processor."""
    return _digest(_sources(_PACKAGE), _packages(_OURS), _machine())


def _digest(*facts: Any) -> bytes:
    return hashlib.sha256(json.dumps([1, *facts], sort_keys=True).encode()).digest()


def _options(options: Any) -> Any:
    """Return options as JSON; None where they name a file, whose content can change, or are not JSON."""
    try:
        dumped = options.model_dump(mode="json")
        named = any(text and (Path(text).is_absolute() or Path(text).exists()) for text in _strings(dumped))
    except (TypeError, ValueError, OSError):
        return None
    return None if named else dumped


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict | list):
        return [text for each in (value.values() if isinstance(value, dict) else value) for text in _strings(each)]
    return [value] if isinstance(value, str) else []


def _code(make: Any) -> str | None:
    """Return a digest of the package, or module, that a plugin's ``make`` stands in."""
    inner = make.func if isinstance(make, partial) else make
    if str(getattr(inner, "__module__", "")).startswith("tracer_spec.builtin."):
        return "built in"  # a name among ours says the rest, and our sources are digested anyway
    if isinstance(make, FunctionType):
        carries = bool(make.__closure__ or make.__defaults__ or make.__kwdefaults__)
    else:
        carries = not isinstance(make, type) or "<locals>" in make.__qualname__
    module = sys.modules.get(getattr(make, "__module__", None) or "")
    if carries or module is None or not getattr(module, "__file__", None):
        return None
    root, name = Path(str(module.__file__)), module.__name__
    while "." in name:
        name = name.rpartition(".")[0]
        parent = getattr(sys.modules.get(name), "__file__", None)
        if parent is None:  # a namespace: what lies beside belongs to others
            break
        root = Path(parent)
    return _sources(root.parent if root.name == "__init__.py" else root)


@lru_cache(maxsize=64)
def _sources(root: Path) -> str | None:
    """Return a digest of a module, or of every module of a package."""
    files = sorted(root.rglob("*.py")) if root.is_dir() else [root]
    ours = root == _PACKAGE
    if len(files) > _MOST_FILES:
        return None
    digest = hashlib.sha256()
    for file in files:
        place = file.relative_to(root)
        if ours and place.parts[0] in _IDLE:
            continue
        content = file.read_bytes()
        digest.update(f"{place.as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _packages(root: str, learner: str = "") -> dict[str, str] | None:
    """Return the version of a distribution and of all that it requires; None where one of those is installed editable."""
    found: dict[str, str] = {}
    waiting = [normal_name(root), _OURS]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        installed = _installed(name)
        if installed.is_editable and name not in (normal_name(root), _OURS):
            return None
        found[name] = installed.version
        for written in installed.requires:
            match = _NAME.match(written)
            if match and (
                "extra ==" not in written
                or (name == _OURS and _OF_BUILD.search(written))
                or _is_trained_with(normal_name(match[0]), name, normal_name(root), learner)
            ):
                waiting.append(normal_name(match[0]))
    return found


class _Installed(NamedTuple):
    version: str
    requires: tuple[str, ...] = ()
    is_editable: bool = False


@lru_cache(maxsize=1024)
def _installed(name: str) -> _Installed:
    """Return what is known of a distribution, whose metadata take a millisecond to read."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return _Installed("absent")
    origin = json.loads(found.read_text("direct_url.json") or "{}")
    return _Installed(found.version, tuple(found.requires or ()), bool(origin.get("dir_info", {}).get("editable")))


def _is_trained_with(extra: str, distribution_: str, root: str, learner: str) -> bool:
    """Tell whether what an extra brings can matter: of a third party's plugin anything may.

    Ours bring tools of development too. The library that a learner of ours needs gives the learner its name (``xgboost``, from
    ``xgboost`` or ``xgboost-cpu``).
    """
    if distribution_ == _OURS:
        return root == _OURS and bool(learner) and extra.startswith(learner)
    return distribution_ == root


@lru_cache(maxsize=1)
def _machine() -> list[Any]:
    """Say what arithmetic depends on: the interpreter, the processor, the linear algebra library."""
    python = [platform.python_implementation(), *platform.python_version_tuple()[:2]]
    cpu = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
        cpu = next((line for line in lines if line.startswith(("flags", "Features"))), cpu)
    blas: Any = np.show_config(mode="dicts")
    blas = blas.get("Build Dependencies", {}).get("blas", {}) if isinstance(blas, dict) else {}
    system = [platform.system(), platform.machine(), hashlib.sha256(cpu.encode()).hexdigest()]
    return [*python, *system, blas.get("name"), blas.get("version")]
