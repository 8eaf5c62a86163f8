"""What a plugin says when it fails holds no secret of the spec, wherever it is told."""

from __future__ import annotations

import json
import zipfile

import pytest

import tracer_spec as ts
from tracer_spec.cli import main
from tracer_spec.errors import TracerError
from tracer_spec.testing.distribution import put_distribution

# each says all it knows, of what it is given and of what it finds in the environment
PLUGIN = """
import os
from typing import Annotated
import numpy as np
from tracer_spec.errors import PluginError
from tracer_spec.plugin import DeploymentOption, Options, Plugin, hookimpl

class LeakyOptions(Options):
    url: str = ""
    password: Annotated[str, DeploymentOption()] = ""
    key_env: Annotated[str, DeploymentOption()] = ""
    place: str = ""
    is_ours: bool = False

class Leaky:
    def __init__(self, options):
        self.is_ours = options.is_ours
        key = os.environ.get(options.key_env, "")
        self.told = (
            f"{options.place} {'x' * 250} no answer of {options.url} ({options.password}, {key}): password=hunter2-db, "
            f"{options.url}"
        )

    def fit(self, *args, **more):
        raise (RuntimeError if self.is_ours else PluginError)(self.told)

    def embed(self, texts):
        raise PluginError(self.told, hint=self.told)

    def records(self):
        raise OSError(self.told)

    def fingerprint(self):
        return "leaky"

    def state(self):
        return {}

@hookimpl
def tracer_spec_sources():
    yield Plugin("leaky", "fails", Leaky, LeakyOptions)

@hookimpl
def tracer_spec_surrogates():
    yield Plugin("leaky", "fails", Leaky, LeakyOptions)
    yield Plugin("noting", "says where it learned", Noting, LeakyOptions)

@hookimpl
def tracer_spec_embedders():
    yield Plugin("leaky", "fails", lambda options: Silent(options), LeakyOptions)

class Noting:
    def __init__(self, options):
        self._notes = [f"this was learned at {options.place}"]

    def fit(self, X, y, **more):
        from tracer_spec.plugin.registry import find_plugins
        plugin = find_plugins().get("surrogate", "logreg").plugin
        return Noted(plugin.make(plugin.options()).fit(X, y, **more), self._notes)

class Noted:
    def __init__(self, fitted, notes):
        self.to_onnx, self.notes = fitted.to_onnx, notes

class Silent:
    def __init__(self, options):
        self._leaky = Leaky(options)
        self.embed, self.fingerprint, self.state = self._leaky.embed, self._leaky.fingerprint, self._leaky.state
"""
SPEC = """\
version: 1
name: small
traces: {use: jsonl, with: {path: traces.jsonl}}
embedder: lsa
zoo: [logreg]
families: [global]
target: {agreement: 0.8}
"""
LEAKY = "{use: leaky, with: {url: '${LEAKY_URL}', password: '${OPENS}', key_env: KEY_NAME, place: '${PLACE}'}}"
SECRETS = ("place-of-ours", "hunter2-db", "hunter2-password", "hunter2-key", "hunter2")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    put_distribution(tmp_path / "site", "acme-leaky", "3", {"leaky": "acme_leaky_plugin"}, acme_leaky_plugin=PLUGIN)
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEAKY_URL", "postgresql://u:hunter2-db@host/x")
    monkeypatch.setenv("OPENS", "hunter2-password")
    monkeypatch.setenv("KEY_NAME", "hunter2-key")
    monkeypatch.setenv("PLACE", "place-of-ours")
    rows = [
        {"id": f"t{n}", "input": f"my {'card' if n % 2 else 'loan'} {n}", "teacher": f"t{n % 2}"} for n in range(400)
    ]
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "router.yaml").write_text(SPEC)
    return tmp_path


@pytest.mark.parametrize("place", ["traces", "embedder", "zoo"])
@pytest.mark.parametrize("form", [[], ["--json"], ["--format", "github"]], ids=["text", "json", "github"])
def test_an_error_of_a_plugin_is_told_without_a_secret(folder, capsys, place, form):
    told = f"[{LEAKY}]" if place == "zoo" else LEAKY
    code = main(["build", "router.yaml", "--set", f"{place}={told}", *form])
    said = "".join(capsys.readouterr())
    assert code == 1
    assert "no answer of" in said
    assert not [each for each in SECRETS if each in said], said


@pytest.mark.parametrize("error", ["PluginError", "RuntimeError"])
def test_a_surrogate_that_fails_leaves_no_secret_in_bundle_lock_report_and_result(folder, capsys, error):
    pytest.importorskip("jinja2")
    leaky = LEAKY.replace("}}", f", is_ours: {str(error == 'RuntimeError').lower()}}}}}")
    assert main(["build", "router.yaml", "--set", f"zoo=[logreg, {leaky}]", "--report", "report.html", "-v"]) == 0
    said = "".join(capsys.readouterr())
    assert "leaky was skipped: " in said
    assert "no answer of" in said
    with zipfile.ZipFile(folder / "dist" / "small.tracer") as bundle:
        said += "".join(bundle.read(name).decode("latin-1") for name in bundle.namelist())
    said += (folder / "report.html").read_text() + (folder / "router.lock").read_text()
    assert not [each for each in SECRETS if each in said]


def test_what_a_learner_says_of_itself_is_told_without_what_comes_from_the_environment(folder, capsys):
    noting = "{use: noting, with: {place: '${PLACE}'}}"
    assert main(["build", "router.yaml", "--set", f"zoo=[{noting}]", "-v"]) == 0
    said = "".join(capsys.readouterr())
    assert "this was learned at ..." in said
    with zipfile.ZipFile(folder / "dist" / "small.tracer") as bundle:
        said += "".join(bundle.read(name).decode("latin-1") for name in bundle.namelist())
    assert "place-of-ours" not in said


@pytest.mark.parametrize("written", ["place-of-ours", "${UNSET:-place-of-ours}"])
def test_what_the_spec_itself_says_is_told(folder, capsys, written):
    told = LEAKY.replace("${PLACE}", written).replace(", password: '${OPENS}'", "")
    assert main(["build", "router.yaml", "--set", f"traces={told}"]) == 1
    assert "place-of-ours" in capsys.readouterr().err


def test_a_path_from_the_environment_is_told_since_people_must_mend_it(folder, capsys, monkeypatch):
    monkeypatch.setenv("TRACES", "nowhere.jsonl")
    assert main(["build", "router.yaml", "--set", "traces.with.path=${TRACES}"]) == 1
    assert "nowhere.jsonl" in capsys.readouterr().err


def test_an_error_in_python_is_without_a_secret_too(folder):
    with pytest.raises(TracerError) as caught:
        ts.build("router.yaml", overrides=[f"traces={LEAKY}"])
    assert "no answer of" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("place", ["zoo=[{use: leaky, with: OPTIONS}]", "embedder={use: leaky, with: OPTIONS}"])
def test_credentials_in_the_address_of_any_plugin_are_refused_since_a_bundle_has_a_copy_of_the_spec(
    folder, capsys, place
):
    given = place.replace("OPTIONS", "{url: 'postgresql://u:hunter2@host/x'}")
    assert main(["validate", "router.yaml", "--set", given]) == 2
    said = capsys.readouterr().err
    assert "the address holds credentials, and a bundle has a copy of the spec" in said
    assert "hunter2" not in said
