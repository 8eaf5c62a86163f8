"""A distribution with one working plugin and its conformance test: what ``plugins new`` writes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from tracer_spec.errors import UsageError, did_you_mean
from tracer_spec.plugin.registry import KINDS, find_plugins

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_MAX_NAME = 50
_HOW_IN_A_SPEC = {
    "source": "traces:\n  use: {name}\n  with:\n    path: log.db\n"
    "    query: SELECT body AS input, answer AS teacher FROM calls ORDER BY id",
    "embedder": "embedder: {{use: {name}}}",
    "surrogate": "zoo: [logreg, {name}]",
    "acceptor": "acceptor: {{use: {name}}}",
    "guard": "guards: [{name}]",
    "family": "families: [global, {name}]",
    "calibrator": "target: {{agreement: 0.9, calibrator: {name}}}",
}


@dataclass(frozen=True, slots=True)
class Scaffold:
    """A distribution in the making: a plugin's kind and name, and paths in the distribution's folder to what they hold."""

    kind: str
    name: str
    files: dict[str, str]

    @property
    def distribution(self) -> str:
        """Return the name of the distribution and of its folder."""
        return f"tracer-spec-{self.name}"

    @property
    def module(self) -> str:
        """Return the name of its module."""
        return self.distribution.replace("-", "_")


def make_scaffold(kind: str, name: str) -> Scaffold:
    """Return a distribution with one working plugin, which a spec will use by its name; nothing is written.

    Raises
    ------
    UsageError
        For a kind that does not exist, a name that is not one, and the name of a plugin that is installed.
    """
    if kind not in KINDS:
        raise UsageError(
            f"there is no kind of plugin called '{kind}'; there are {', '.join(KINDS)}", hint=did_you_mean(kind, KINDS)
        )
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME:
        raise UsageError(
            f"'{name}' cannot name a plugin: lower case letters, digits and single dashes, a letter first, "
            f"at most {_MAX_NAME} characters",
            hint=f"for example: acme-{kind}",
        )
    taken = find_plugins().of_kind(kind).get(name)
    if taken is not None:
        raise UsageError(
            f"the {kind} '{name}' is provided by {taken.distribution} {taken.version} already",
            hint="choose another name: two plugins of one kind and name are both refused",
        )
    scaffold = Scaffold(kind, name, {})
    shown = {"kind": kind, "name": name, "distribution": scaffold.distribution, "module": scaffold.module}
    test = "test_source_conformance.py" if kind == "source" else "test_conformance.py"
    explain = f"tracer-spec plugins {name}"
    scaffold.files.update(
        {
            f"{scaffold.module}.py": plugin_code(kind, name),
            "pyproject.toml": _filled("pyproject.toml", ours=version("tracer-spec"), **shown),
            "README.md": _filled(
                "README.md",
                snippet=how_in_a_spec(kind, name),
                explain=explain,
                pytest="pytest".ljust(len(explain)),
                **shown,
            ),
            "tests/test_conformance.py": _filled(test, contract=f"{kind.capitalize()}Contract", **shown),
        }
    )
    return scaffold


def write_scaffold(scaffold: Scaffold, into: Path) -> Path:
    """Write a distribution into a new folder of ``into``, and return that folder; nothing is ever overwritten."""
    folder = into / scaffold.distribution
    try:
        folder.mkdir(parents=True)
        for name, content in scaffold.files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(content, encoding="utf-8")
    except FileExistsError:
        raise UsageError(f"'{folder}' is there already", hint="choose another name or folder") from None
    except OSError as error:
        raise UsageError(f"'{folder}' cannot be written: {error.strerror}", hint="choose another folder") from None
    return folder


def plugin_code(kind: str, name: str) -> str:
    """Return a complete module that provides one plugin of a kind, under a name."""
    return _template(f"{kind}.py").replace(f'"my-{kind}"', f'"{name}"')


def how_in_a_spec(kind: str, name: str) -> str:
    """Return the lines of a spec that use the plugin."""
    return _HOW_IN_A_SPEC[kind].format(name=name)


def _filled(file: str, **shown: str) -> str:
    return _template(f"{file}.txt").format(**shown)


def _template(file: str) -> str:
    return (files("tracer_spec.testing.templates") / file).read_text(encoding="utf-8")
