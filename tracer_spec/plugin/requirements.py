"""What is said of a plugin that fails, and of one that needs what is not installed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tracer_spec.errors import MissingDependencyError, without_secrets
from tracer_spec.plugin.contracts import Provided

# what passes through a third party's code and is no fault of it: all else is, be it the end of the process or a panic of Rust,
# which is no Exception
NO_FAULT = (KeyboardInterrupt, GeneratorExit)
_REQUIREMENT = re.compile(r"""^([A-Za-z0-9._-]+).*;.*\bextra\s*==\s*['"]([^'"]+)['"]""")


def missing_dependency(provided: Provided, error: ImportError) -> MissingDependencyError:
    """Return the error that says which module a plugin misses, with the command that installs it.

    Where an extra of the plugin's distribution brings the module, the command names that extra. Otherwise it
    names the distribution: a module is not always called as what ships it, and a guess may install a stranger.
    """
    module = (error.name or "").partition(".")[0]
    needs = f"needs the module '{module}', which cannot be imported" if module else "fails to import what it needs"
    what = f"{provided_by(provided)} {needs}: {error}"
    extra = _extra_of(provided.distribution, module)
    target = f"'{provided.distribution}[{extra}]'" if extra else provided.distribution
    return MissingDependencyError(what, hint=f"pip install {'' if extra else '--upgrade '}{target}")


def _extra_of(distribution: str, module: str) -> str:
    """Return the extra of a distribution that brings a module: the one that brings the least besides."""
    import importlib.metadata

    try:
        requirements = importlib.metadata.requires(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return ""
    brings: dict[str, list[str]] = {}
    for requirement in requirements:
        match = _REQUIREMENT.match(requirement)
        if match:
            brings.setdefault(match[2], []).append(match[1].lower().replace("-", "_").replace(".", "_"))
    fitting = [extra for extra, modules in brings.items() if module.lower() in modules]
    return min(fitting, key=lambda extra: (len(brings[extra]), extra), default="")


def provided_by(provided: Provided) -> str:
    """Name a plugin and who ships it, for messages."""
    return f"the {provided.kind} '{provided.name}' of {provided.distribution} {provided.version}"


def said_by(error: BaseException, most: int = 300, secrets: Iterable[str] = ()) -> str:
    r"""Return the type of an error and what it says, on one line, without secrets, cut after so many characters.

    Examples
    --------
    >>> said_by(ValueError("two\n  lines")), said_by(SystemExit(3))
    ('ValueError: two lines', 'SystemExit: 3')
    """
    text = " ".join(without_secrets(str(error), secrets).split())[:most]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
