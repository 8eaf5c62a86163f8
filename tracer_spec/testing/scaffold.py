"""Writes a distribution that holds one working plugin, with its conformance test: what ``plugins new`` does."""

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
_PREPARE = """
    missing = {"path": "nothing-here.db", "query": "SELECT 1"}
    expected = [{"input": "where is my card?", "teacher": "card"}, {"input": "refund me", "teacher": "refund"}]

    def prepare(self, folder):
        with contextlib.closing(sqlite3.connect(folder / "log.db")) as database:
            database.execute("CREATE TABLE calls (body, answer)")
            database.executemany("INSERT INTO calls VALUES (:input, :teacher)", self.expected)
            database.commit()
        return {"path": "log.db", "query": "SELECT body AS input, answer AS teacher FROM calls ORDER BY rowid"}
"""


@dataclass(frozen=True, slots=True)
class Scaffold:
    """A distribution in the making.

    Parameters
    ----------
    kind, name : str
        The plugin's.
    files : dict of str to str
        Paths in the distribution's folder, and what they hold.
    """

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
    """Return the files of a distribution with one working plugin; nothing is written.

    Parameters
    ----------
    kind : str
        source, embedder, surrogate, acceptor, guard, family or calibrator.
    name : str
        What a spec will write after ``use:``.

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
    scaffold.files.update(
        {
            f"{scaffold.module}.py": plugin_code(kind, name),
            "pyproject.toml": _pyproject(scaffold),
            "README.md": _readme(scaffold),
            "tests/test_conformance.py": conformance_test(kind, name),
        }
    )
    return scaffold


def write_scaffold(scaffold: Scaffold, into: Path) -> Path:
    """Write a distribution into a new folder of ``into``, and return that folder.

    Raises
    ------
    UsageError
        Where the folder is there already, or cannot be written: nothing is ever overwritten.
    """
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
    code = (files("tracer_spec.testing.templates") / f"{kind}.py").read_text(encoding="utf-8")
    return code.replace(f'"my-{kind}"', f'"{name}"')


def conformance_test(kind: str, name: str) -> str:
    """Return the test that holds the plugin to its contract."""
    contract = f"{kind.capitalize()}Contract"
    body = f'from tracer_spec.testing import {contract}\n\n\nclass TestContract({contract}):\n    plugin = "{name}"\n'
    return f"import contextlib\nimport sqlite3\n\n{body}{_PREPARE}" if kind == "source" else body


def how_in_a_spec(kind: str, name: str) -> str:
    """Return the lines of a spec that use the plugin."""
    return _HOW_IN_A_SPEC[kind].format(name=name)


def _pyproject(scaffold: Scaffold) -> str:
    ours = version("tracer-spec")
    return f"""\
[build-system]
requires = ["hatchling>=1.24"]
build-backend = "hatchling.build"

[project]
name = "{scaffold.distribution}"
version = "0.1.0"
description = "The {scaffold.kind} '{scaffold.name}' for tracer-spec."
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["tracer-spec>={ours}"]

[project.optional-dependencies]
dev = ["pytest>=8.2"]

# the one line by which tracer-spec finds the plugin
[project.entry-points.tracer_spec]
{scaffold.name} = "{scaffold.module}"

[tool.hatch.build.targets.wheel]
include = ["{scaffold.module}.py"]

[tool.pytest.ini_options]
addopts = ["-W", "error"]
testpaths = ["tests"]
"""


def _readme(scaffold: Scaffold) -> str:
    snippet = how_in_a_spec(scaffold.kind, scaffold.name)
    explain = f"tracer-spec plugins {scaffold.name}"
    return f"""\
# {scaffold.distribution}

The {scaffold.kind} `{scaffold.name}` for [tracer-spec](https://pypi.org/project/tracer-spec/).

```sh
pip install -e '.[dev]'
{"pytest".ljust(len(explain))}   # the whole contract of its kind
{explain}   # its options, as others see them
```

In a spec:

```yaml
{snippet}
```
"""
