"""What a plugin says of a part of its options, or of another writing of them, holds nothing that comes from a variable."""

from __future__ import annotations

import json
import zipfile

import pytest
import yaml

import tracer_spec as ts
from tracer_spec.cli import main
from tracer_spec.errors import PluginError
from tracer_spec.testing.distribution import put_distribution

# tells one of its options, or what it makes of it: an expression of Python over 'it', which is all of the option
PLUGIN = """
import base64, json, urllib.parse
from typing import Any
from tracer_spec.errors import DataError, PluginError
from tracer_spec.plugin import Options, Plugin, hookimpl

class TellingOptions(Options):
    dsn: str = ""
    token: str = ""
    password: str | int = ""
    pwd: str = ""
    pin: int = 0
    port: int = 0
    headers: dict[str, Any] = {}
    account_env: str = ""
    lacks: bool = False
    says: str = "it"

class Telling:
    def __init__(self, options):
        self.options = options

    def told(self):
        import os
        o = self.options
        at = os.environ.get(o.account_env)
        values = (o.dsn, o.token, o.password, o.pin, o.headers.get("Authorization"), at)
        it = next(str(each) for each in values if each)
        return "y" * 180 + " no login with <" + str(eval(o.says)) + ">"

    def records(self):
        raise RuntimeError(self.told())

    def fit(self, *args, **more):
        raise (ImportError if self.options.lacks else RuntimeError)(self.told())

@hookimpl
def tracer_spec_sources():
    yield Plugin("telling", "fails", Telling, TellingOptions)

@hookimpl
def tracer_spec_surrogates():
    yield Plugin("telling", "fails", Telling, TellingOptions)
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
PEM = "-----BEGIN KEY-----\nMIIabcdefgh\nq/9+wxyz==\n-----END KEY-----"
ACCOUNT = json.dumps({"type": "service_account", "private_key": PEM, "client_id": "12345"})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    put_distribution(tmp_path / "site", "acme-telling", "3", {"telling": "acme_telling"}, acme_telling=PLUGIN)
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.chdir(tmp_path)
    rows = [
        {"id": f"t{n}", "input": f"my {'card' if n % 2 else 'loan'} {n}", "teacher": f"t{n % 2}"} for n in range(400)
    ]
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "router.yaml").write_text(SPEC)
    return tmp_path


def spec_of(options, place="traces", **others):
    """Return the spec with a plugin of these options."""
    plugin = {"use": "telling", "with": options | others}
    return yaml.safe_load(SPEC) | {place: ["logreg", plugin] if place == "zoo" else plugin}


def said_of(options, says):
    """Return what is said of a source that fails."""
    with pytest.raises(PluginError) as caught:
        ts.build(spec_of(options, says=says))
    assert "no login with <" in str(caught.value)
    return f"{caught.value} {caught.value!r}"


PART = {"dsn": "host=db password=${PW}"}
LAST = "it.split('=')[-1]"


@pytest.mark.parametrize(
    "options",
    [PART, {"headers": {"Authorization": "Bearer ${PW}"}}, {"token": "v1.${PW}.${OTHER}"}, {"dsn": "${OTHER}${PW}"}],
    ids=str,
)
@pytest.mark.parametrize("says", ["it", LAST, "it[-9:]", "it.split()[-1]", "'S3cr3tPW9'", "'s3CR3Tpw9'"])
def test_a_variable_inside_a_longer_value_is_not_told(folder, monkeypatch, options, says):
    monkeypatch.setenv("PW", "S3cr3tPW9")
    monkeypatch.setenv("OTHER", "0therw1se")
    said = said_of(options, says).lower()
    assert "s3cr3tpw9" not in said
    assert "0therw1se" not in said


@pytest.mark.parametrize("lacks", [False, True])
def test_a_variable_inside_a_longer_value_is_in_no_console_bundle_report_and_lock(folder, capsys, monkeypatch, lacks):
    pytest.importorskip("jinja2")
    monkeypatch.setenv("PW", "S3cr3tPW9")
    options = f"{{dsn: 'host=db password=${{PW}}', says: \"it.split('=')[-1]\", lacks: {str(lacks).lower()}}}"
    zoo = f"zoo=[logreg, {{use: telling, with: {options}}}]"
    assert main(["build", "router.yaml", "--set", zoo, "--report", "report.html", "-v"]) == (1 if lacks else 0)
    said = "".join(capsys.readouterr())
    assert "no login with <...>" in said
    if not lacks:
        with zipfile.ZipFile(folder / "dist" / "small.tracer") as bundle:
            said += "".join(bundle.read(name).decode("latin-1") for name in bundle.namelist())
        said += (folder / "report.html").read_text() + (folder / "router.lock").read_text()
    assert "S3cr3tPW9" not in said


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        (PEM, ["MIIabcdefgh", "q/9+wxyz"]),
        (PEM.replace("\n", "\\n"), ["MIIabcdefgh", "q/9+wxyz"]),
        (ACCOUNT, ["MIIabcdefgh", "q/9+wxyz"]),
        ("Ab  cd  Efgh12", ["Efgh12"]),
    ],
)
@pytest.mark.parametrize("option", ["token", "dsn", "account_env"])
@pytest.mark.parametrize(
    "says",
    [
        "it",
        "repr(it)",
        "json.dumps(it)",
        "' '.join(it.split())",
        "it.encode()",
        "it.replace(chr(92) + 'n', chr(10))",
        "o",
    ],
)
def test_a_secret_of_several_lines_or_blanks_is_not_told(folder, monkeypatch, value, hidden, option, says):
    monkeypatch.setenv("PEM", value)
    said = said_of({option: "PEM" if option == "account_env" else "${PEM}"}, says)
    assert not [each for each in hidden if each in said], said


@pytest.mark.parametrize("value", [PEM, PEM.replace("\n", "\\n"), PEM.replace("\n", "\r\n"), ACCOUNT])
@pytest.mark.parametrize("line", [1, 2])
def test_a_line_of_a_secret_is_not_told_but_what_every_key_begins_with_is(folder, monkeypatch, value, line):
    monkeypatch.setenv("PEM", value)
    alone = PEM.split("\n")[line]
    assert "<...>" in said_of({"token": "${PEM}"}, repr(alone))
    assert "<-----BEGIN KEY----->" in said_of({"token": "${PEM}"}, "'-----BEGIN KEY-----'")


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("host=db password=S3cr3tPW9 user=me", "S3cr3tPW9"),
        ("Server=db;Pwd=S3cr3tPW9;Port=1", "S3cr3tPW9"),
        ("AccountName=me;AccountKey=S3cr3tPW9==;", "S3cr3tPW9=="),
        ("Bearer S3cr3tPW9", "S3cr3tPW9"),
        ('{"user": "me", "password": "S3\\"cr3tPW9"}', 'S3"cr3tPW9'),
        ("postgresql://u:S3cr3t%2FPW9@host/a@b", "S3cr3t/PW9"),
        ("postgresql://u:S3cr3t/PW9@host/a", "S3cr3t/PW9"),
        ("https://S3cr3tPW9@host/a", "S3cr3tPW9"),
        ("https://host/a?name=x&sig=S3cr3tPW9&n=1", "S3cr3tPW9"),
        ("https://host/a?X-Amz-Signature=S3cr3tPW9", "S3cr3tPW9"),
    ],
)
def test_what_a_variable_calls_a_secret_is_not_told_alone(folder, monkeypatch, value, part):
    monkeypatch.setenv("DSN", value)
    assert "<...>" in said_of({"dsn": "${DSN}"}, repr(part))
    assert "host db, me" in said_of({"dsn": "${DSN}"}, "'host db, me'")


def test_the_password_of_a_login_is_not_told_alone(folder, monkeypatch):
    monkeypatch.setenv("LOGIN", "me:S3cr3tPW9")
    assert "<...>" in said_of({"token": "${LOGIN}"}, "it.split(':')[1]")
    assert "<...>" in said_of({"account_env": "LOGIN"}, "it.split(':')[1]")


@pytest.mark.parametrize(
    "options",
    [{"password": 48151623}, {"password": "48151623"}, {"password": "${PIN}"}, {"pin": "${PIN}"}, {"dsn": "n=${PIN}"}],
    ids=str,
)
def test_a_number_is_as_secret_as_a_text(folder, monkeypatch, options):
    monkeypatch.setenv("PIN", "48151623")
    ((name, value),) = options.items()
    written = json.dumps(value) if name == "dsn" or isinstance(value, int) else value  # without quotes it is a number
    source = f"traces:\n  use: telling\n  with:\n    {name}: {written}"
    (folder / "router.yaml").write_text(SPEC.replace("traces: {use: jsonl, with: {path: traces.jsonl}}", source))
    with pytest.raises(PluginError) as caught:
        ts.build("router.yaml")
    assert "no login with <" in str(caught.value)
    assert "48151623" not in str(caught.value)


def test_a_short_secret_is_not_told_where_it_is_a_word(folder, monkeypatch):
    monkeypatch.setenv("SH", "k3y")
    assert "<..., but ask3y>" in said_of({"token": "${SH}"}, "it + ', but ask3y'")


def test_what_no_name_calls_a_secret_is_told_where_it_is_short(folder, monkeypatch):
    monkeypatch.setenv("PORT", "5432")
    monkeypatch.setenv("HOST", "db.eu")
    assert "<host db.eu, port 5432>" in said_of({"dsn": "${HOST}:${PORT}", "port": 5432}, "'host db.eu, port 5432'")


@pytest.mark.parametrize("options", [{"pwd": 48151623}, {"pwd": 48151623, "pin": "x"}], ids=str)
def test_a_secret_of_the_wrong_type_is_refused_without_it(folder, options):
    with pytest.raises(ts.SpecError) as caught:
        ts.build(spec_of(options))
    assert "... is not a string" in str(caught.value)
    assert "48151623" not in str(caught.value)
