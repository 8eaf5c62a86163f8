"""Options of an embedder that hold a secret and would travel in the bundle."""

import pytest

from tracer_spec.cli import main
from tracer_spec.errors import SpecError
from tracer_spec.plan import load_plan
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.testing.distribution import put_distribution

PLUGIN = """
from typing import Annotated
from pydantic import Field, SecretStr
from tracer_spec.plugin import DeploymentOption, Options, Plugin, hookimpl

class Login(Options):
    user: str = ""
    passwd: str = ""

class DoorOptions(Options):
    login: Login | None = None
    logins: list[Login] = []
    access: str = Field("", alias="accessToken")
    apiKey: str = ""
    authorization: str = ""
    api_key: str = ""
    token: str = ""
    pad_token: str = "[PAD]"
    api_key_env: str = ""
    door: SecretStr | None = None
    password: Annotated[str, DeploymentOption()] = ""
    dim: int = 4

@hookimpl
def tracer_spec_embedders():
    yield Plugin("door", "opens with a key", lambda options: None, options=DoorOptions)
"""

TRAVELS = """\
version: 1
name: small
traces: {use: jsonl, with: {path: traces.jsonl}}
embedder: EMBEDDER
zoo: [logreg]
target: {agreement: 0.9}
"""


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """Install the embedder, and return what plans a spec with these options of it."""
    site = tmp_path / "site"
    put_distribution(site, "acme-door", "3", {"door": "acme_door_plugin"}, acme_door_plugin=PLUGIN)
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("MYKEY", "sk-supersecret")
    monkeypatch.setenv("DIM", "5")

    def plan(options, embedder="{use: door, with: {OPTIONS}}"):
        spec = tmp_path / "router.yaml"
        spec.write_text(TRAVELS.replace("EMBEDDER", embedder.replace("OPTIONS", options)))
        return load_plan(spec, find_plugins())

    return plan


@pytest.mark.parametrize(
    "option",
    ['api_key: "${MYKEY}"', "api_key: sk-supersecret", 'token: "${MYKEY}"', "door: sk-supersecret", 'door: "${MYKEY}"'],
)
@pytest.mark.parametrize(
    ("embedder", "at"),
    [
        ("{use: door, with: {OPTIONS}}", "embedder.with"),
        ("{use: concat, with: {of: [lsa, {use: door, with: {OPTIONS}}]}}", "embedder.with.of[1].with"),
        ("[lsa, {use: door, with: {OPTIONS}}]", "embedder[1].with"),
    ],
)
def test_a_secret_that_a_bundle_would_hold_is_refused_where_it_is_written(planned, option, embedder, at):
    name = option.partition(":")[0]
    with pytest.raises(SpecError) as caught:
        planned(option, embedder)
    (problem,) = caught.value.problems
    assert problem.address == f"{at}.{name}"
    assert "router.yaml:4:" in problem.where
    assert problem.what == f"'{name}' is a secret, and the embedder 'door' of acme-door 3 would have the bundle hold it"
    assert f"the name of a variable, '{name}_env'" in problem.hint
    assert "supersecret" not in str(caught.value)


@pytest.mark.parametrize(
    ("option", "at"),
    [
        ("login: {user: me, passwd: sk-supersecret}", "login.passwd"),
        ("logins: [{user: me}, {user: you, passwd: sk-supersecret}]", "logins[1].passwd"),
        ("accessToken: ${MYKEY}", "accessToken"),
        ("apiKey: sk-supersecret", "apiKey"),
        ("authorization: ${MYKEY}", "authorization"),
    ],
)
def test_a_secret_is_found_inside_options_and_under_each_of_its_names(planned, option, at):
    with pytest.raises(SpecError) as caught:
        planned(option.replace("${MYKEY}", '"${MYKEY}"'))
    (problem,) = caught.value.problems
    assert problem.address == f"embedder.with.{at}"


@pytest.mark.parametrize(
    "options",
    [
        "",
        "login: {user: me}",
        "api_key_env: MYKEY",
        'password: "${MYKEY}"',  # stays where it runs
        'pad_token: "[SEP]"',
        'dim: "${DIM}"',
    ],
)
def test_what_holds_no_secret_or_does_not_travel_passes(planned, options):
    assert planned(options).embedder.provided.name == "door"


def test_validate_tells_it_without_the_secret(planned, tmp_path, capsys):
    with pytest.raises(SpecError):
        planned('api_key: "${MYKEY}"')
    assert main(["validate", str(tmp_path / "router.yaml")]) == 2
    told = capsys.readouterr()
    assert "'api_key' is a secret" in told.err + told.out
    assert "supersecret" not in told.err + told.out


def test_credentials_are_told_of_beside_another_mistake_in_the_same_options(tmp_path):
    given = {"path": "s3://key:hunter2@bucket/traces.jsonl", "nonsense": 1}
    spec = {"version": 1, "name": "two", "traces": {"use": "jsonl", "with": given}, "embedder": "lsa"}
    with pytest.raises(SpecError) as refused:
        load_plan(spec | {"target": {"agreement": 0.9}}, find_plugins())
    assert {"traces.with", "traces.with.nonsense"} <= {each.address for each in refused.value.problems}
    assert "hunter2" not in str(refused.value)
