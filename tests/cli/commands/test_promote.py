"""``promote`` and ``rollback``: what they say to people and to programs, and that whatever takes a bundle takes the folder."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.report import documents
from tests.runtime import bundles

APPS = "  running     apps keep the bundle that they have opened: restart them (serve: reload)\n"


@pytest.fixture
def made(tmp_path):
    """Return the titles of two bundles of one router, ``one.tracer`` and ``two.tracer``."""
    titles = []
    for seed, name in enumerate(["one", "two"]):
        manifest = bundles.manifest(
            provenance={**bundles.manifest().provenance, "seed": seed},
            labels=(*bundles.LABELS[:2], name),
            policy=bundles.PolicySummary("global", bundles.manifest().policy.stages, ()),
        )
        data = bundles.forge(manifest.document())
        (tmp_path / f"{name}.tracer").write_bytes(data)
        titles.append(
            (hashlib.sha256(data).hexdigest(), f"support-intents {manifest.sealed(bundles.members()).version}")
        )
    return titles


def test_shadow_says_who_answers_and_how_it_ends(run, made):
    (one, first), (two, second) = made
    shadow = (
        "  in shadow   the teacher answers every request of ts.deploy, ts.openai_transport and serve, and audits it\n"
        "  end it      tracer-spec promote live live --live\n"
    )
    file = f"  file        live/{one}.tracer\n"
    log = ", for the log alone"
    steps = {
        "promote one.tracer live --shadow": (
            f"promoted  live\n  decides     {first}  all requests{log}\n{shadow}{APPS}{file}"
        ),
        "promote one.tracer live": f"unchanged  live\n  decides     {first}  all requests{log}\n{shadow}{file}",
        "promote two.tracer live --canary 0.1": (
            f"canary  live\n  decides     {second}  10 % of the requests{log}\n  the rest    {first}\n{shadow}"
            f"  new         1 label: two\n  gone        1 label: one\n{APPS}  file        live/{two}.tracer\n"
        ),
        "rollback live": (
            f"rolled back  live\n  decides     {first}  all requests{log}\n{shadow}  ended       {second}\n"
            f"  new         1 label: one\n  gone        1 label: two\n{APPS}{file}"
        ),
        "promote live live --live": (
            f"promoted  live\n  decides     {first}  all requests\n"
            f"  live        the mode of each app counts again\n{APPS}{file}"
        ),
    }
    for command, expected in steps.items():
        assert run(*command.split()).stdout == expected, command
    nowhere = run("rollback", "live")
    assert (
        "let the teacher answer everything until the next bundle: tracer-spec promote live live --shadow"
        in nowhere.stderr
    )


def test_each_step_says_who_decides_and_the_way_back(run, made):
    (one, first), (two, second) = made
    steps = {
        "promote one.tracer live": (
            f"promoted  live\n  decides     {first}  all requests\n{APPS}  file        live/{one}.tracer\n"
        ),
        "promote two.tracer live --canary 0.1": (
            f"canary  live\n  decides     {second}  10 % of the requests\n  the rest    {first}\n"
            f"  new         1 label: two\n  gone        1 label: one\n{APPS}  file        live/{two}.tracer\n"
        ),
        "promote two.tracer live --canary 0": (
            f"canary ended  live\n  decides     {first}  all requests again\n  ended       {second}\n{APPS}"
        ),
        "promote two.tracer live": (
            f"promoted  live\n  decides     {second}  all requests\n  before      {first}\n"
            "  back        tracer-spec rollback live\n"
            f"  new         1 label: two\n  gone        1 label: one\n{APPS}  file        live/{two}.tracer\n"
        ),
        "promote ./two.tracer live": (
            f"unchanged  live\n  decides     {second}  all requests\n  file        live/{two}.tracer\n"
        ),
        "rollback live": (
            f"rolled back  live\n  decides     {first}  all requests again\n  undone      {second}\n"
            f"  new         1 label: one\n  gone        1 label: two\n{APPS}  file        live/{one}.tracer\n"
        ),
        "promote two.tracer live --keep 0": (
            f"promoted  live\n  decides     {second}  all requests\n  before      {first}\n"
            "  new         1 label: two\n  gone        1 label: one\n  removed     1 bundle that nothing pointed to\n"
            f"{APPS}  file        live/{two}.tracer\n"
        ),
    }
    for call, text in steps.items():
        done = run(*call.split())
        assert (done.returncode, done.stderr, done.stdout) == (0, "", text), call


def test_a_program_reads_one_document(run, made):
    (one, _), (two, second) = made
    run("promote", "one.tracer", "live")
    told = json.loads(run("promote", "two.tracer", "live", "--canary", "0.25", "--json").stdout)
    assert told["changed"] is True
    assert told["release"] == {
        "schema_version": 1,
        "current": one,
        "canary": {"sha256": two, "share": 0.25},
        "history": [],
    }
    assert told["bundle"] == {
        "name": "support-intents",
        "version": second.split()[1],
        "sha256": two,
        "path": f"live/{two}.tracer",
    }
    assert (told["before"]["sha256"], told["labels"]) == (one, {"added": ["two"], "removed": ["one"]})
    back = json.loads(run("rollback", "live", "--json").stdout)
    assert (back["release"]["canary"], back["bundle"]["sha256"]) == (None, one)


def claiming(place, **changes):
    """Write a bundle of one router that claims something."""
    certificate = json.dumps(documents.certificate(**changes)).encode()
    place.write_bytes(bundles.forge(contents=bundles.members(**{"certificate.json": certificate})))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"target": 0.9}, "the claim is weaker than before: target 0.92 → 0.9"),
        ({"confidence": 0.9}, "the claim is weaker than before: confidence 0.95 → 0.9"),
        ({"measure": "end_to_end"}, "the two claims are about different rates, so neither is stronger"),
    ],
)
def test_a_claim_that_is_weaker_than_the_one_before_is_told_of(run, tmp_path, changes, told):
    claiming(tmp_path / "one.tracer")
    claiming(tmp_path / "two.tracer", **changes)
    warning = f"  claim       WARNING: {told}\n"
    assert "WARNING" not in run("promote", "one.tracer", "live").stdout
    for options in (("--canary", "0.1"), ()):
        done = run("promote", "two.tracer", "live", *options)
        assert (done.returncode, done.stdout.count(warning)) == (0, 1)
    assert "WARNING" not in run("promote", "two.tracer", "live").stdout, "nothing changes"
    back = run("rollback", "live").stdout
    assert ("WARNING" in back) == ("measure" in changes), "the claim before was the stronger one"
    document = json.loads(run("promote", "two.tracer", "live", "--json").stdout)
    assert document["weaker"] == f"{told[:1].upper()}{told[1:]}."


def test_what_goes_wrong_is_told_with_its_exit_code(run, made, tmp_path):
    (tmp_path / "empty").mkdir()
    for call, code, what in (
        ("promote nowhere.tracer live", 4, "there is no such file"),
        ("promote one.tracer live --canary 0.5", 2, "a canary needs a current bundle"),
        ("promote one.tracer live --canary 1", 2, "1.0 is not in the range 0<=x<1"),
        ("promote one.tracer one.tracer", 1, "the folder cannot be made: File exists"),
        ("promote one.tracer live --sha256 " + "0" * 64, 4, "was asked for"),
        ("rollback nowhere", 2, "there is no such folder"),
        ("rollback empty", 2, "is a folder without release.json"),
    ):
        done = run(*call.split())
        assert (done.returncode, done.stdout) == (code, ""), call
        assert what in done.stderr
        assert "Traceback" not in done.stderr
    run("promote", "one.tracer", "live")
    done = run("rollback", "live")
    assert (done.returncode, done.stderr.splitlines()[1]) == (
        1,
        "  there is nothing to go back to: no bundle was promoted before the current one",
    )


def test_whatever_takes_a_bundle_takes_the_folder(run, bundle):
    assert run("promote", str(bundle), "live").returncode == 0
    for call in (
        ("route", "--text", "where is my parcel?"),
        ("inspect", "--brief"),
        ("verify",),
    ):
        of_file, of_folder = (run(call[0], each, *call[1:]) for each in (str(bundle), "live"))
        assert (of_folder.returncode, of_folder.stderr) == (0, "")
        place = f"live/{hashlib.sha256(bundle.read_bytes()).hexdigest()}.tracer"
        assert of_folder.stdout.replace(place, str(bundle)) == of_file.stdout
    assert run("diff", "live", str(bundle), "--exit-code").returncode == 0
