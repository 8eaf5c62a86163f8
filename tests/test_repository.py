"""What the README promises, kept: its commands are those that run, its samples work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_ci_runs_the_readmes_test_command_to_the_letter():
    (command,) = [block.strip() for block in blocks(README, "sh") if "pytest" in block]
    assert "\n" not in command
    assert command in [line.strip() for line in (ROOT / ".ci" / "run").read_text().splitlines()]


SKIPS = """
import pytest

def test_of_what_is_here():
    pass

def test_of_a_program_that_is_not_here():
    pytest.skip("no browser")

def test_of_data_that_are_not_here():
    pytest.skip("needs the real traces in ../shared/data")

@pytest.mark.xfail
def test_that_fails_as_it_should():
    raise AssertionError
"""


@pytest.mark.parametrize(
    ("meant", "outcomes"),
    [("1", "1 failed, 1 passed, 1 skipped, 1 xfailed, 1 error"), ("", "1 passed, 3 skipped, 1 xfailed")],
)
def test_where_every_test_is_meant_to_run_a_skip_is_a_failure_unless_it_is_listed(tmp_path, meant, outcomes):
    (tmp_path / "conftest.py").write_bytes((ROOT / "conftest.py").read_bytes())
    (tmp_path / "test_some.py").write_text(SKIPS)
    (tmp_path / "test_none.py").write_text("import pytest\npytest.importorskip('nowhere_to_be_found')\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--continue-on-collection-errors"]
    env = {**os.environ, "TRACER_SPEC_TEST_ALL": meant}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    counted = re.findall(r"\d+ (?:failed|errors?|passed|skipped|xfailed)", done.stdout.splitlines()[-1])
    assert ", ".join(counted) == outcomes, done.stdout
    assert ("was meant to run, and skipped: Skipped: no browser" in done.stdout) is bool(meant)
    assert "export TRACER_SPEC_TEST_ALL=1" in (ROOT / ".ci" / "run").read_text()


def test_the_readmes_main_job_is_one_command_on_the_quickstart():
    (command,) = [block.strip() for block in blocks(README, "sh") if "pip install -q '.[build]'" in block]
    assert "\n" not in command
    assert command.endswith("tracer-spec build specs/quickstart/router.yaml")


def test_the_readmes_spec_is_valid(tmp_path):
    from tracer_spec.plan import make_plan
    from tracer_spec.plugin.registry import find_plugins
    from tracer_spec.spec import load_spec
    from tracer_spec.spec.model import DEFAULT_ZOO

    (text,) = blocks(README, "yaml")
    (tmp_path / "router.yaml").write_text(text)
    (tmp_path / "labels.txt").write_text("top_up\ncard_arrival\n")
    plan = make_plan(load_spec(tmp_path / "router.yaml"), find_plugins())
    assert [surrogate.alias for surrogate in plan.zoo] == ["logreg", "mlp", "mlp-large-steps"]
    assert yaml.safe_load(text)["zoo"] == list(DEFAULT_ZOO)


def test_the_readmes_exit_codes_are_those_of_the_errors():
    from tracer_spec.cli.commands.build import REFUSED
    from tracer_spec.cli.failure import BUG, INTERRUPTED
    from tracer_spec.cli.main import READER_LEFT
    from tracer_spec.errors import BundleError, DataError, LockError, PluginError, SpecError, UsageError

    told = [int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)]
    kinds = (DataError, PluginError, SpecError, UsageError, BundleError, LockError)
    assert told == sorted({0, REFUSED, BUG, INTERRUPTED, READER_LEFT, *(kind.exit_code for kind in kinds)})


def test_the_links_of_the_readme_lead_somewhere():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_plugin_that_the_plugins_page_shows_works_as_shown(tmp_path):
    page = (ROOT / "plugins" / "README.md").read_text(encoding="utf-8")
    (code,) = blocks(page, "python")
    (snippet,) = blocks(page, "yaml")
    site = tmp_path / "site"
    info = site / "tracer_spec_sqlite-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tracer-spec-sqlite\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[tracer_spec]\nsqlite = tracer_spec_sqlite\n")
    (site / "tracer_spec_sqlite.py").write_text(code)
    options = yaml.safe_load(snippet)["traces"]["with"]
    script = f"""
import sqlite3
from tracer_spec.plugin.registry import find_plugins
with sqlite3.connect("log.db") as database:
    database.execute("CREATE TABLE calls (body, answer)")
    database.execute("INSERT INTO calls VALUES ('where is it', 'order_status')")
plugin = find_plugins().get("source", "sqlite").plugin
options = plugin.options.model_validate({options!r}, context={{"root": "."}})
print([(record.where, dict(record.data)) for record in plugin.make(options).records()])
"""
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(site), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stderr == ""
    assert result.stdout == "[('./log.db#1', {'input': 'where is it', 'teacher': 'order_status'})]\n"
