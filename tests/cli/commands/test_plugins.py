"""``plugins`` and ``schema``: what is installed, sound or not, and what an editor completes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Literal

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import Field

from tests.zygote import python_path
from tracer_spec.cli.text.options import option_rows, yaml_snippet
from tracer_spec.plugin import Options
from tracer_spec.testing.distribution import put_distribution

ROOT = Path(__file__).parents[3]


def install(folder: Path, name: str, module: str, code: str) -> dict[str, str]:
    """Put a distribution on the path as pip would leave it, without pip."""
    put_distribution(folder, name, "0.3", {module: module}, **{module: code})
    return {"PYTHONPATH": python_path(folder)}


SURROGATE = """\
from pydantic import Field
from tracer_spec.plugin import Options, Plugin, hookimpl

class SharpOptions(Options):
    sharpness: float = Field(10.0, gt=0, description="how fast scores fall")

@hookimpl
def tracer_spec_surrogates():
    yield Plugin({name!r}, "nearest centroid", print, SharpOptions)
"""


def test_every_built_in_plugin_is_listed_and_sound(run):
    result = run("plugins", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    assert document["schema_version"] == 1
    ours = {(row["kind"], row["name"]) for row in document["plugins"] if row["distribution"] == "tracer-spec"}
    assert {
        ("source", "jsonl"),
        ("embedder", "lsa"),
        ("surrogate", "logreg"),
        ("acceptor", "logistic"),
    } <= ours
    assert {("family", "rsb"), ("calibrator", "pareto-testing")} <= ours
    assert {row["state"] for row in document["plugins"] if row["distribution"] == "tracer-spec"} == {"ok"}


def test_a_third_partys_plugin_is_listed_with_its_distribution(run, tmp_path):
    env = install(tmp_path / "site", "acme-centroid", "acme", SURROGATE.format(name="centroid"))
    result = run("plugins", env=env)
    assert re.search(r"^surrogate +centroid +acme-centroid +0\.3 +ok +nearest centroid$", result.stdout, re.MULTILINE)


def test_a_plugin_that_does_not_import_is_listed_as_broken_and_why(run, tmp_path):
    env = install(tmp_path / "site", "acme-broken", "acme_broken", "import a_module_that_is_not_there\n")
    result = run("plugins", env=env)
    assert result.returncode == 0
    assert re.search(r"acme_broken +acme-broken +0\.3 +broken +ModuleNotFoundError: No module named", result.stdout)
    assert "not usable: acme_broken" in result.stdout
    result = run("plugins", "acme_broken", env=env)
    assert result.returncode == 2
    assert "hint: fix or uninstall acme-broken; 'tracer-spec plugins' lists every plugin's state" in result.stderr
    result = run("plugins", "centroid-of-acme", env=env)  # its name is not known: its module does not import
    assert "hint: what is installed and broken may provide it: acme-broken 0.3 (ModuleNotFoundError: " in result.stderr


def test_two_plugins_of_one_name_are_both_listed_as_duplicates(run, tmp_path):
    env = install(tmp_path / "site", "acme-logreg", "acme_logreg", SURROGATE.format(name="logreg"))
    rows = json.loads(run("plugins", "--json", env=env).stdout)["plugins"]
    twice = [row for row in rows if row["name"] == "logreg"]
    assert {row["distribution"] for row in twice} == {"acme-logreg", "tracer-spec"}
    assert {row["state"] for row in twice} == {"duplicate"}


def test_one_plugin_is_explained_with_ranges_defaults_and_yaml(run, tmp_path):
    env = install(tmp_path / "site", "acme-centroid", "acme", SURROGATE.format(name="centroid"))
    result = run("plugins", "centroid", env=env)
    assert result.returncode == 0
    assert result.stdout == (
        "centroid  surrogate, acme-centroid 0.3\n"
        "nearest centroid\n"
        "\n"
        "options\n"
        "  sharpness  (number, > 0, default 10.0)\n"
        "      how fast scores fall\n"
        "\n"
        "in a spec\n"
        "  zoo:\n"
        "    - use: centroid\n"
        "      with:\n"
        "        sharpness: 10.0  # number, > 0\n"
    )


def test_an_unknown_plugin_is_a_usage_error_with_the_near_name(run):
    result = run("plugins", "logrge")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("no plugin is called 'logrge'; known: ")
    assert "hint: did you mean 'logreg'?" in result.stderr


def test_a_plugin_of_ours_that_is_not_installed_is_named_with_what_installs_it(run):
    result = run("plugins", "lightgbm")
    assert result.returncode == 2
    assert "hint: pip install tracer-spec-lightgbm (./plugins/tracer-spec-lightgbm in a clone)" in result.stderr


# --- options ------------------------------------------------------------------------------------------------


class Everything(Options):
    path: str = Field(description="where")
    rate: float = Field(0.5, gt=0, le=1)
    hidden: list[int] = Field([256], description="layers")
    norm: Literal["l2", "none"] = "l2"
    limit: int | None = Field(None, ge=1)


def test_options_are_told_with_types_ranges_and_defaults():
    rows = {row.name: row for row in option_rows(Everything)}
    assert (rows["path"].type, rows["path"].required) == ("string", True)
    assert (rows["rate"].type, rows["rate"].range, rows["rate"].shown) == ("number", "> 0 and ≤ 1", "0.5")
    assert (rows["hidden"].type, rows["hidden"].shown) == ("list of integer", "[256]")
    assert (rows["norm"].type, rows["norm"].range) == ("'l2' or 'none'", "")
    assert (rows["limit"].type, rows["limit"].range, rows["limit"].shown) == (
        "integer or null",
        "≥ 1",
        "null",
    )


class Step(Options):
    name: str = Field(description="what to do")
    then: list[Step] = Field([], description="steps after it")


class Reader(Options):
    separator: Literal[",", ";"] = ","
    rows: int = Field(2_000_000, ge=1, le=3_000_000)


class Nested(Options):
    tables: dict[str, str | list[str] | Reader] = Field({}, description="table to file, or to how it is read")
    steps: list[Step] = Field([])
    names: dict[str, str] = Field({})
    only: Reader | None = None


def test_what_objects_hold_is_told_by_address():
    rows = {row.name: row for row in option_rows(Nested)}
    assert {name: row.type for name, row in rows.items()} == {
        "tables": "object of (string or list of string or object)",
        "steps": "list of object",
        "names": "object of string",
        "only": "object or null",
    }
    held = {each.name: (each.type, each.range, each.required) for row in rows.values() for each in row.inner}
    assert held == {
        "tables.NAME.separator": ("',' or ';'", "", False),
        "tables.NAME.rows": ("integer", "≥ 1 and ≤ 3000000", False),
        "steps[].name": ("string", "", True),
        "steps[].then": ("list of object", "", False),
        "only.separator": ("',' or ';'", "", False),
        "only.rows": ("integer", "≥ 1 and ≤ 3000000", False),
    }


def test_options_that_hold_themselves_are_told_once():
    name, then = option_rows(Step)
    assert (name.name, then.name, then.inner) == ("name", "then", ())


NESTED = """\
from pydantic import Field
from tracer_spec.plugin import Options, Plugin, hookimpl

class Login(Options):
    key_env: str = Field(description="the variable that holds the key")

class LogOptions(Options):
    logins: dict[str, Login] = Field({}, description="host to login")

@hookimpl
def tracer_spec_sources():
    yield Plugin("acme-log", "the log of acme", print, LogOptions)
"""


def test_what_objects_hold_is_explained_under_the_option_and_completed_by_an_editor(run, tmp_path):
    env = install(tmp_path / "site", "acme-log", "acme", NESTED)
    assert run("plugins", "acme-log", env=env).stdout == (
        "acme-log  source, acme-log 0.3\n"
        "the log of acme\n"
        "\n"
        "options\n"
        "  logins  (object of object, default {})\n"
        "      host to login\n"
        "      logins.NAME.key_env  (string, required)\n"
        "          the variable that holds the key\n"
        "\n"
        "in a spec\n"
        "  traces:\n"
        "    use: acme-log\n"
        "    with:\n"
        "      logins: {}  # object of object\n"
    )
    (told,) = json.loads(run("plugins", "acme-log", "--json", env=env).stdout)["plugins"]
    assert [each["name"] for each in told["options"][0]["options"]] == ["logins.NAME.key_env"]
    spec = {"version": 1, "name": "small", "embedder": "lsa", "zoo": ["logreg"], "target": {"agreement": 0.9}}
    checker = Draft202012Validator(json.loads(run("schema", env=env).stdout))

    def complaints(**options):
        traces = {"use": "acme-log", "with": options}
        return [error.message for error in checker.iter_errors({**spec, "traces": traces})]

    assert complaints(logins={"a": {"key_env": "KEY"}}) == []
    assert complaints(logins={"a": {"key_env": 3}})
    assert complaints(logins={"a": {"key": "KEY"}})


@pytest.mark.parametrize("kind", ["source", "embedder", "surrogate", "acceptor", "guard", "family", "calibrator"])
def test_the_snippet_is_yaml_that_gives_back_every_default(kind):
    rows = [row for row in option_rows(Everything) if not row.required]
    parsed = yaml.safe_load("\n".join(yaml_snippet(kind, "mine", rows)))
    (reference,) = parsed.values()
    if kind == "calibrator":
        reference = reference["calibrator"]
    if isinstance(reference, list):
        (reference,) = reference
    assert reference == {"use": "mine", "with": {row.name: row.default for row in rows}}


# --- schema -------------------------------------------------------------------------------------------------


def test_the_bare_schema_is_the_committed_one(run):
    result = run("schema", "--bare")
    assert json.loads(result.stdout) == json.loads((ROOT / "schemas" / "router.v1.json").read_text())


def test_the_schema_knows_the_options_of_installed_plugins(run, tmp_path):
    env = install(tmp_path / "site", "acme-centroid", "acme", SURROGATE.format(name="centroid"))
    text = run("schema", env=env).stdout
    assert "how fast scores fall" in text
    assert "sharpness" not in run("schema", "--bare", env=env).stdout


@pytest.mark.parametrize(("file", "newest"), [("trace", "trace.v1.json"), ("bundle", "bundle.v2.json")])
def test_the_other_schemas_are_the_newest_that_are_committed(run, file, newest):
    result = run("schema", file)
    assert json.loads(result.stdout) == json.loads((ROOT / "schemas" / newest).read_text())
