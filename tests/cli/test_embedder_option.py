"""The commands that open a bundle import its plugin only where the caller asks for it, by name or by the bundle's digest."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from tests.zygote import python_path
from tracer_spec.testing.distribution import put_distribution

PLUGIN = """
import os
from typing import Annotated

import numpy as np
from pydantic import Field
from tracer_spec.plugin import DeploymentOption, Options, Plugin, hookimpl

with open(os.environ["LEAKED_TO"], "a") as file:
    file.write(os.environ["SOME_API_KEY"])


class WordOptions(Options):
    host: Annotated[str, DeploymentOption()] = Field("", description="where")
    folder: Annotated[str, DeploymentOption(unless="inside")] = Field("", description="where the words are")
    inside: bool = Field(True, description="carry the words in the bundle")


class Words:
    def __init__(self, options):
        if options.host:
            with open(os.environ["LEAKED_TO"], "a") as file:
                file.write(f" to {options.host}")

    def embed(self, texts):
        return np.array([[text.count("card"), text.count("loan"), len(text) / 50] for text in texts], np.float32)

    def fingerprint(self):
        return "words-1"

    def state(self):
        return {}


@hookimpl
def tracer_spec_embedders():
    yield Plugin("words", "counts two words", Words, WordOptions)
"""
SPEC = """\
version: 1
name: small
traces: {use: jsonl, with: {path: traces.jsonl}}
embedder: words
zoo: [logreg]
families: [l2d]
target: {agreement: 0.8}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory, call_in):
    """Build a bundle with a plugin that gives a secret away when it is imported, and one without it."""
    folder = tmp_path_factory.mktemp("place")
    put_distribution(folder / "site", "tracer-words", "1.0", {"words": "words_plugin"}, words_plugin=PLUGIN)
    rows = [{"input": f"my {'card' if n % 2 else 'loan'} {n}", "teacher": f"t{n % 2}"} for n in range(400)]
    (folder / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "fresh.jsonl").write_text(
        "".join(json.dumps(row | {"input": row["input"] + " please"}) + "\n" for row in rows)
    )
    (folder / "router.yaml").write_text(SPEC)
    beside = "{use: words, with: {inside: false, folder: there}}"
    for name, embedder in (("words", "words"), ("lsa", "lsa"), ("beside", beside)):
        done = call_in(
            *("build", "router.yaml", "--out", f"{name}.tracer", "--set", f"embedder={embedder}"),
            cwd=folder,
            env=with_plugin(folder),
        )
        assert done.returncode == 0, done.stderr
    return folder


def with_plugin(folder: Path) -> dict[str, str]:
    site, leak = folder / "site", folder / "leaked"
    leak.unlink(missing_ok=True)
    return {"PYTHONPATH": python_path(site), "SOME_API_KEY": "hunter2", "LEAKED_TO": str(leak)}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


COMMANDS = [
    ("route", "words.tracer", "--text", "my card"),
    ("verify", "words.tracer", "fresh.jsonl", "-q"),
    ("diff", "lsa.tracer", "words.tracer", "--traces", "fresh.jsonl"),
    ("diff", "words.tracer", "lsa.tracer", "--traces", "fresh.jsonl"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: f"{command[0]}-{command[1]}")
def test_a_plugin_that_only_the_bundle_asks_for_is_not_imported(place, call_in, command):
    done = call_in(*command, cwd=place, env=with_plugin(place))
    assert done.returncode == 4
    assert "needs the embedder 'words' of tracer-words 1.0, and only the bundle itself says so" in done.stderr
    assert "--embedder words or --sha256 HEX" in done.stderr
    assert not (place / "leaked").exists()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: f"{command[0]}-{command[1]}")
@pytest.mark.parametrize("by", ["name", "digest"])
def test_it_is_imported_where_the_caller_asks_for_it(place, call_in, command, by):
    bundles = [place / each for each in command if each.endswith(".tracer")]
    asked = ("--embedder", "words") if by == "name" else ("--sha256", *map(digest, bundles))
    done = call_in(*command, *asked, cwd=place, env=with_plugin(place))
    assert done.returncode == 0, done.stderr
    assert (place / "leaked").read_text() == "hunter2"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: f"{command[0]}-{command[1]}")
@pytest.mark.parametrize("by", ["name", "digest"])
def test_its_address_comes_from_the_command_line(place, call_in, command, by):
    bundles = [place / each for each in command if each.endswith(".tracer")]
    asked = ("--embedder", "words") if by == "name" else ("--sha256", *map(digest, bundles))
    done = call_in(*command, *asked, "--embedder-option", "host=ours", cwd=place, env=with_plugin(place))
    assert done.returncode == 0, done.stderr
    assert (place / "leaked").read_text() == "hunter2 to ours"


def test_whoever_promotes_or_inspects_a_bundle_is_told_how_its_plugin_is_asked_for(place, call_in):
    for name, calls in {
        "words": (
            ("promote", "words.tracer", "live"),
            ("promote", "words.tracer", "live"),
            ("inspect", "words.tracer"),
        ),
        "lsa": (("promote", "lsa.tracer", "others"), ("inspect", "lsa.tracer")),
    }.items():
        for call in calls:
            done = call_in(*call, cwd=place, env=with_plugin(place))
            assert (done.returncode, done.stderr) == (0, "")
            assert ("--embedder words" in done.stdout) is (name == "words"), done.stdout
            assert not (place / "leaked").exists()
    call_in("promote", "lsa.tracer", "live", cwd=place)
    assert "--embedder" not in call_in("promote", "lsa.tracer", "live", cwd=place).stdout
    back = call_in("rollback", "live", "--json", cwd=place)
    assert json.loads(back.stdout)["embedder"] == "words"
    call_in("promote", "lsa.tracer", "live", cwd=place)
    told = call_in("rollback", "live", cwd=place).stdout
    assert "load with   --embedder words, or embedder='words' in Python" in told
    done = call_in("route", "live", "--text", "my card", cwd=place, env=with_plugin(place))
    assert (done.returncode, "--embedder words or --sha256 HEX" in done.stderr) == (4, True)


def test_a_bundle_keeps_no_address(place, call_in):
    done = call_in(
        *("build", "router.yaml", "--out", "host.tracer", "--set", "embedder={use: words, with: {host: inside}}"),
        cwd=place,
        env=with_plugin(place),
    )
    assert done.returncode == 0, done.stderr
    assert (place / "leaked").read_text().count(" to inside") >= 1
    with zipfile.ZipFile(place / "host.tracer") as file:
        assert json.loads(file.read("bundle.json"))["embedder"]["options"] == {"inside": True}


@pytest.mark.parametrize("given", ["host", "=ours"])
def test_an_option_that_is_not_a_pair_is_a_mistake(place, call_in, given):
    done = call_in("route", "words.tracer", "--text", "a", "--embedder-option", given, cwd=place)
    assert done.returncode == 2
    assert "--embedder-option takes KEY=VALUE" in done.stderr


def option(*pairs):
    return ("--embedder", "words", *(word for pair in pairs for word in ("--embedder-option", pair)))


ROUTE, VERIFY = ("route", "words.tracer", "--text", "my card"), ("verify", "words.tracer", "fresh.jsonl", "-q")


@pytest.mark.parametrize("command", [ROUTE, VERIFY], ids=["route", "verify"])
def test_an_option_that_the_bundle_leaves_without_effect_is_a_mistake(place, call_in, command):
    done = call_in(*command, *option("folder=there"), cwd=place, env=with_plugin(place))
    assert done.returncode == 2
    assert "the embedder 'words' does not take folder from the app; allowed: host\n" in done.stderr
    assert "  hint: the bundle carries what folder would say: leave it out\n" in done.stderr
    beside = ["beside.tracer" if each == "words.tracer" else each for each in command]
    assert call_in(*beside, *option("folder=there"), cwd=place, env=with_plugin(place)).returncode == 0


@pytest.mark.parametrize(
    ("old", "new", "given", "said"),
    [
        ("words", "beside", option("folder=there"), None),
        ("lsa", "beside", option("folder=there", "host=ours"), None),
        ("lsa", "words", option("folder=there"), "the bundle carries what folder would say: leave it out"),
        ("words", "beside", option("file=a"), "the embedder 'words' does not take file from the app; allowed: "),
        ("lsa", "lsa", ("--embedder", "words"), "neither bundle needs the embedder 'words'"),
        ("lsa", "lsa", ("--embedder-option", "host=ours"), "does not take host from the app; allowed: none"),
    ],
)
def test_diff_gives_an_option_to_the_bundles_that_take_it_and_refuses_one_that_none_takes(
    place, call_in, old, new, given, said
):
    call = ("diff", f"{old}.tracer", f"{new}.tracer", "--traces", "fresh.jsonl")
    done = call_in(*call, *given, cwd=place, env=with_plugin(place))
    assert done.returncode == (0 if said is None else 2), done.stderr
    assert (said or "") in done.stderr


@pytest.mark.parametrize(
    ("given", "command"),
    [
        (
            "{use: words, with: {inside: false, folder: there, host: a b}}",
            "--embedder words --embedder-option folder=there --embedder-option 'host=a b'",
        ),
        ("{use: words, with: {folder: there}}", "--embedder words"),
        (
            "{use: concat, with: {of: [lsa, {use: words, with: {host: ours}}]}}",
            "--embedder words --embedder-option 1.host=ours",
        ),
        ("{use: words, with: {host: 'http://${WHO}@a'}}", "--embedder words --embedder-option host=..."),
        ("{use: words, with: {host: '${WHERE}'}}", "--embedder words --embedder-option host=..."),
    ],
)
def test_the_next_command_gives_the_options_that_the_bundle_does_not_hold(place, call_in, given, command):
    env = with_plugin(place) | {"WHO": "me:hunter3", "WHERE": "hunter3-house"}
    done = call_in("build", "router.yaml", "--out", "next.tracer", "--set", f"embedder={given}", cwd=place, env=env)
    assert done.returncode == 0, done.stderr
    assert f"tracer-spec route next.tracer {command} --text" in " ".join(done.stdout.split())
    assert "hunter3" not in done.stdout + done.stderr


def test_diff_refuses_a_bundle_of_another_digest(place, call_in):
    one, other = digest(place / "lsa.tracer"), digest(place / "words.tracer")
    call = ("diff", "lsa.tracer", "words.tracer", "--sha256")
    assert call_in(*call, one, other, cwd=place).returncode == 0
    done = call_in(*call, other, one, cwd=place)
    assert done.returncode == 4
    assert f"has the sha256 {one}; {other} was asked for" in done.stderr


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("verify", "lsa.tracer"), "--embedder is given without TRACES"),
        (("diff", "lsa.tracer", "words.tracer"), "--embedder is given without --traces"),
    ],
)
def test_an_embedder_with_nothing_to_embed_is_a_mistake(place, call_in, command, message):
    done = call_in(*command, "--embedder", "words", cwd=place)
    assert done.returncode == 2
    assert message in done.stderr
    done = call_in(*command, "--embedder-option", "host=ours", cwd=place)
    assert done.returncode == 2
    assert message.replace("--embedder", "--embedder-option") in done.stderr
