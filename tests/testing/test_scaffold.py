"""``plugins new`` writes distributions that keep their contract as they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib

import pytest
import yaml

from tracer_spec.cli.commands.plugins_new import command
from tracer_spec.errors import UsageError
from tracer_spec.plan import make_plan
from tracer_spec.plugin.registry import KINDS, find_plugins
from tracer_spec.spec import load_spec
from tracer_spec.testing.distribution import put_distribution
from tracer_spec.testing.scaffold import how_in_a_spec, make_scaffold, write_scaffold

SPEC = """\
version: 1
name: small
traces: {use: jsonl, with: {path: traces.jsonl}}
embedder: lsa
zoo: [logreg]
target: {agreement: 0.9}
"""


def ship(folder, kind, name):
    """Write a scaffold and the metadata that installing it would leave; return its folder."""
    scaffold = make_scaffold(kind, name)
    written = write_scaffold(scaffold, folder)
    project = tomllib.loads(scaffold.files["pyproject.toml"])["project"]
    put_distribution(written, project["name"], project["version"], project["entry-points"]["tracer_spec"])
    return written


def test_what_it_writes_for_every_kind_passes_its_own_test(tmp_path):
    folders = [ship(tmp_path, kind, f"acme-{kind}") for kind in KINDS]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders)), "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-W",
            "error",
            "-q",
            "--import-mode=importlib",
            "-p",
            "no:cacheprovider",
            str(tmp_path),
        ],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "passed" in run.stdout
    assert "skipped" not in run.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_the_lines_of_a_spec_that_its_readme_shows_make_a_plan(kind, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ship(tmp_path, kind, f"acme-{kind}"))
    shown = how_in_a_spec(kind, f"acme-{kind}")
    assert shown in (tmp_path / f"tracer-spec-acme-{kind}" / "README.md").read_text()
    spec = yaml.safe_load(SPEC) | yaml.safe_load(shown)
    plan = make_plan(load_spec(spec), find_plugins())
    assert (kind, f"acme-{kind}", f"tracer-spec-acme-{kind}", "0.1.0") in {
        (each.provided.kind, each.provided.name, each.provided.distribution, each.provided.version)
        for each in plan.resolved
    }


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        (
            "surrogat",
            "x",
            "there is no kind of plugin called 'surrogat'; there are source, embedder, surrogate, acceptor, guard, family, "
            "calibrator\n  hint: did you mean 'surrogate'?",
        ),
        (
            "guard",
            "My_Guard",
            "'My_Guard' cannot name a plugin: lower case letters, digits and single dashes, a letter first, at most 50 "
            "characters\n  hint: for example: acme-guard",
        ),
        ("guard", "../../etc", "'../../etc' cannot name a plugin"),
        ("surrogate", "logreg", "the surrogate 'logreg' is provided by tracer-spec 0.1.0 already"),
    ],
)
def test_a_kind_or_a_name_that_will_not_do_is_refused(kind, name, said):
    with pytest.raises(UsageError) as refused:
        make_scaffold(kind, name)
    assert str(refused.value).startswith(said)


def test_nothing_is_overwritten(tmp_path):
    scaffold = make_scaffold("guard", "acme")
    folder = write_scaffold(scaffold, tmp_path)
    (folder / "README.md").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        write_scaffold(scaffold, tmp_path)
    assert (folder / "README.md").read_text() == "mine"


def test_the_command_says_what_it_wrote_and_what_to_do_next(tmp_path, capsys):
    command.main(["guard", "acme", "--into", str(tmp_path), "--json"], standalone_mode=False)
    document = json.loads(capsys.readouterr().out)
    assert document == {
        "schema_version": 1,
        "kind": "guard",
        "name": "acme",
        "distribution": "tracer-spec-acme",
        "folder": str(tmp_path / "tracer-spec-acme"),
        "files": ["README.md", "pyproject.toml", "tests/test_conformance.py", "tracer_spec_acme.py"],
    }
    assert all((tmp_path / "tracer-spec-acme" / name).is_file() for name in document["files"])
    command.main(["guard", "other", "--into", str(tmp_path)], standalone_mode=False)
    assert "pip install -e" in capsys.readouterr().out
