"""What ``router.lock`` says of the last certified build, and builds that are held to it."""

import json
import shutil
from pathlib import Path

import jsonschema
import pytest

import tracer_spec as ts
from tests.zygote import call
from tracer_spec.errors import UsageError
from tracer_spec.flow.documents.lock import LockDocument
from tracer_spec.flow.lock.file import read_lock
from tracer_spec.flow.lock.spec_keys import told_keys
from tracer_spec.flow.progress import StageDone
from tracer_spec.runtime.bundle import read_bundle
from tracer_spec.spec import load_spec, spec_digest

ROOT = Path(__file__).parents[3]
SPEC = """\
version: 1
name: locked
traces: {use: jsonl, with: {path: traces.jsonl}, repeats: traffic}
embedder: {use: lsa, with: {dim: 8}}
zoo: [logreg]
families: [l2d]
target: {agreement: 0.9}
"""
WORDS = {"card": "card chip visa plastic", "loan": "loan borrow mortgage interest"}


def trace(number):
    label = ("card", "loan")[number % 2]
    words = WORDS[label].split()
    text = f"about the {words[number % 4]} {words[number // 4 % 4]} number {number % 7}"
    return {"id": str(number), "input": text, "teacher": label}


def write_traces(folder, rows):
    (folder / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return a folder with a spec, its traces, its bundle and its lock."""
    folder = tmp_path_factory.mktemp("locked")
    write_traces(folder, map(trace, range(300)))
    (folder / "router.yaml").write_text(SPEC)
    assert ts.build(folder / "router.yaml", out=folder / "out.tracer", workers=1).status == "certified"
    return folder


@pytest.fixture
def folder(built, tmp_path):
    return Path(shutil.copytree(built, tmp_path / "here"))


def build(folder, *overrides, **options):
    return ts.build(folder / "router.yaml", out=folder / "out.tracer", overrides=overrides, workers=1, **options)


def entry(folder):
    return read_lock(folder / "router.lock").document.build.document()


def files(folder):
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def refused(folder, *overrides, before_stage="train", **options):
    """Return the error of a build that is held to the lock, after making sure that it touched nothing and ended in time."""
    before, stages = files(folder), []
    with pytest.raises(ts.LockError) as error:
        build(folder, *overrides, observe=lambda event: stages.append(event), **options)
    assert files(folder) == before
    assert before_stage not in {event.stage for event in stages if isinstance(event, StageDone)}
    assert error.value.exit_code == 5
    return error.value


# --- what is written --------------------------------------------------------------------------------------------------


def test_a_lock_names_the_inputs_and_the_outcome_as_the_bundle_does(built):
    locked, bundle = entry(built), read_bundle(built / "out.tracer")
    manifest, certificate = bundle.manifest, json.loads(bundle.members["certificate.json"])
    assert locked["bundle"]["sha256"] == bundle.sha256
    assert locked["bundle"]["version"] == manifest.version
    assert set(locked["bundle"]["members"]) == set(manifest.members)
    assert all(manifest.members[name].sha256.startswith(head) for name, head in locked["bundle"]["members"].items())
    assert locked["spec"]["digest"] == manifest.spec_digest
    assert locked["embedder"]["fingerprint"] == manifest.embedder.fingerprint
    provenance = manifest.provenance
    assert locked["libraries"] == provenance["libraries"]
    assert {key: locked["traces"][key] for key in ("digest", "read", "kept", "dropped", "fit", "certify")} == {
        key: provenance["traces"][key] for key in ("digest", "read", "kept", "dropped", "fit", "certify")
    }
    assert locked["certificate"] == {key: certificate[key] for key in locked["certificate"]}
    assert locked["policy"]["stages"][0]["threshold"] == manifest.policy.stages[0].threshold


def test_a_lock_fits_its_schema(built):
    jsonschema.validate(json.loads((built / "router.lock").read_text()), LockDocument.schema_document())
    without = {key: value for key, value in entry(built).items() if key != "traces"}
    assert not jsonschema.Draft202012Validator(LockDocument.schema_document()).is_valid(
        {"lock": 1, "looks": [], "build": without}
    )


def test_a_draft_writes_nothing_and_a_refusal_leaves_the_pinned_build(folder):
    before = files(folder)
    ts.build(folder / "router.yaml", out=folder / "draft.tracer", draft=True, workers=1)
    assert (folder / "router.lock").read_bytes() == before["router.lock"]
    assert build(folder, "target.agreement=0.9999").status == "refused"
    assert entry(folder) == json.loads(before["router.lock"])["build"]


def test_building_again_leaves_the_lock_byte_for_byte(folder):
    before = files(folder)
    build(folder)
    assert files(folder) == before


def test_neither_a_secret_nor_a_path_nor_a_text_of_a_trace_reaches_a_lock(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "hunter2")
    write_traces(tmp_path, [trace(number) | {"kind": "a"} for number in range(300)])
    hostile = SPEC.replace("path: traces.jsonl", f"path: {tmp_path}/traces.jsonl")
    hostile = hostile.replace("zoo: [logreg]", "zoo: [{use: logreg, as: one}, {use: dt, with: {max_depth: 3}}]")
    where = "input != '${SECRET}' && kind != '/home/me'"
    hostile += "report: {text: true}\n"
    hostile = hostile.replace("}\nembedder", f', format: {{preset: native, where: "{where}"}}}}\nembedder')
    (tmp_path / "router.yaml").write_text(hostile)
    labels = tmp_path / "labels.txt"
    labels.write_text("card\nloan\n")
    result = build(tmp_path, f"traces.labels.allowed={labels}", "zoo[0].with.max_rows=31337")
    assert result.status == "certified"
    text = (tmp_path / "router.lock").read_text()
    for private in ("hunter2", "/home/me", str(tmp_path), "31337", *(trace(number)["input"] for number in range(300))):
        assert private not in text
    jsonschema.validate(json.loads(text), LockDocument.schema_document())


def test_keys_are_told_so_that_a_change_can_be_named_and_private_ones_are_not(tmp_path, monkeypatch):
    monkeypatch.setenv("NAME", "logreg")
    path = tmp_path / "router.yaml"
    path.write_text(SPEC.replace("[logreg]", '["${NAME}", {use: mlp, with: {hidden: [16], alpha: 0.1}}]'))
    changed = ["zoo[1].with.alpha=0.5", "traces.labels.allowed=/home/me/labels.txt", "target.labels.acme.missed=0.1"]
    told = told_keys(load_spec(path, overrides=changed))
    assert told["target.agreement"] == 0.9
    assert told["target.labels"].startswith("sha256:")
    assert not any("acme" in key for key in told)
    assert told["zoo.mlp.with.hidden"] == "[16]"
    assert (told["zoo[0].use"], told.get("zoo[0].as", "")) == ("not told", "")
    assert told["zoo.mlp.with.alpha"] == "not told"
    assert told["traces.labels.allowed"].startswith("sha256:")
    assert "seed" not in told


# --- --locked ---------------------------------------------------------------------------------------------------------


def test_locked_builds_the_same_bundle_and_leaves_the_lock(folder):
    lock, bundle = (folder / "router.lock").read_bytes(), (folder / "out.tracer").read_bytes()
    (folder / "out.tracer").unlink()
    result = build(folder, locked=True)
    assert (result.status, result.warnings) == ("certified", ())
    assert (folder / "out.tracer").read_bytes() == bundle
    assert (folder / "router.lock").read_bytes() == lock


@pytest.mark.parametrize(
    ("override", "address", "words"),
    [
        ("target.agreement=0.95", "spec", "target.agreement was 0.9, is 0.95"),
        ("name=other", "spec", "name is another"),
        ("zoo=[logreg, dt]", "spec", "zoo.dt.use was not there, is 'dt'"),
        ("seed=7", "seed", "was 0, is 7"),
    ],
)
def test_a_changed_spec_is_named_by_its_key(folder, override, address, words):
    problems = {each.address: each for each in refused(folder, override, locked=True).problems}
    assert words in problems[address].what
    assert all(each.where.endswith("router.lock") for each in problems.values())
    assert "'tracer-spec build" in list(problems.values())[-1].hint


def test_changed_traces_are_told_with_their_counts(folder):
    write_traces(folder, map(trace, range(299)))
    error = refused(folder, locked=True)
    (problem,) = error.problems
    assert problem.address == "traces"
    assert "read was 300, is 299; kept was 300, is 299" in problem.what
    found = {each.address: (each.was, each.now) for each in error.differences}
    assert found["traces.kept"] == (300, 299)
    assert found["traces.digest"][0] == entry(folder)["traces"]["digest"]


@pytest.mark.parametrize(
    ("key", "file", "was", "same", "now"),
    [
        ("allowed", "labels.txt", "card\nloan\n", "# what there is\ncard\n\nloan\n", "card\nloan\nother\n"),
        ("describe", "what.yaml", "card: plastic\n", "# what it is\ncard: plastic\n", "card: plastic money\n"),
    ],
)
def test_a_file_of_labels_is_an_input_by_what_it_holds(folder, key, file, was, same, now):
    (folder / file).write_text(was)
    (folder / "router.yaml").write_text(SPEC.replace("traffic}", f"traffic, labels: {{{key}: {file}}}}}"))
    build(folder)
    (folder / file).write_text(same)
    build(folder, locked=True)
    (folder / file).write_text(now)
    (problem,) = refused(folder, locked=True, before_stage="embed").problems
    assert (problem.address, problem.what) == ("files", f"what the file of traces.labels.{key} holds is another")
    assert problem.hint.startswith("'tracer-spec build ")


def test_a_lock_from_before_files_were_told_is_held_to_what_it_tells(folder):
    (folder / "labels.txt").write_text("card\nloan\n")
    (folder / "router.yaml").write_text(SPEC.replace("traffic}", "traffic, labels: {allowed: labels.txt}}"))
    made = build(folder)
    lock = json.loads((folder / "router.lock").read_text())
    del lock["build"]["files"], lock["build"]["dealt"]
    (folder / "router.lock").write_text(json.dumps(lock))
    assert build(folder, locked=True).sha256 == made.sha256


@pytest.mark.parametrize(
    ("path", "address", "words"),
    [
        (("libraries", "numpy"), "libraries", "numpy was '0.0.1', is "),
        (("plugins", "surrogate logreg"), "plugins", "surrogate logreg was '0.0.1', is 'tracer-spec "),
        (("embedder", "fingerprint"), "embedder", "fingerprint was '0.0.1', is "),
    ],
)
def test_a_plugin_a_library_or_an_embedder_of_another_version_is_named(folder, path, address, words):
    lock = json.loads((folder / "router.lock").read_text())
    lock["build"][path[0]][path[1]] = "0.0.1"
    (folder / "router.lock").write_text(json.dumps(lock))
    (problem,) = refused(folder, locked=True).problems
    assert (problem.address, words in problem.what) == (address, True)
    assert "ended before" not in problem.hint


def test_a_value_that_the_lock_does_not_tell_is_said_to_be_the_one(folder, monkeypatch):
    block = "embedder:\n  use: lsa\n  with:\n    dim: ${DIM}"
    (folder / "router.yaml").write_text(SPEC.replace("embedder: {use: lsa, with: {dim: 8}}", block))
    monkeypatch.setenv("DIM", "8")
    build(folder)
    monkeypatch.setenv("DIM", "7")
    (problem,) = refused(folder, locked=True).problems
    assert problem.what.startswith("digest was ")
    assert "no key that the lock tells differs" in problem.what
    assert not any(each.now == 7 for each in refused(folder, locked=True).differences)


@pytest.mark.parametrize("option", ["locked", "check"])
def test_without_a_pinned_build_there_is_nothing_to_be_held_to(folder, option):
    lock = folder / "router.lock"
    lock.write_text(json.dumps({key: value for key, value in json.loads(lock.read_text()).items() if key != "build"}))
    assert refused(folder, **{option: True}).problems[0].what.startswith("the lock pins no build")
    lock.write_text(f"<<<<<<< HEAD\n{lock.read_text()}\n=======\n{lock.read_text()}\n>>>>>>> branch\n")
    (problem,) = refused(folder, **{option: True}).problems
    assert (problem.what, "keeps the looks of both" in problem.hint) == ("the lock holds a merge conflict", True)
    lock.unlink()
    assert refused(folder, **{option: True}).problems[0].what == "there is no lock"


def test_a_lock_whose_looks_were_taken_out_pins_nothing(folder):
    lock = json.loads((folder / "router.lock").read_text())
    (folder / "router.lock").write_text(json.dumps(lock | {"looks": []}))
    for option in ("locked", "check"):
        (problem,) = refused(folder, before_stage="certify", **{option: True}).problems
        assert (problem.address, "a lock that was edited" in problem.hint) == ("looks", True)


def test_a_mapping_has_no_lock_and_a_draft_is_not_held_to_one(folder):
    with pytest.raises(ts.LockError, match="a spec given as a mapping has no lock file"):
        ts.build(
            {"version": 1, "name": "m", "traces": "jsonl", "embedder": "lsa", "target": {"agreement": 0.9}}
            | {"traces": {"use": "jsonl", "with": {"path": str(folder / "traces.jsonl")}}},
            locked=True,
        )
    with pytest.raises(UsageError, match="a draft is neither locked nor checked"):
        build(folder, draft=True, locked=True)


def test_a_build_that_was_killed_between_bundle_and_lock_is_explained_and_made_good_by_the_next(folder):
    before = (folder / "router.lock").read_bytes()
    second = build(folder, "target.agreement=0.91")
    after = json.loads((folder / "router.lock").read_text())
    # as if the power had gone after the bundle was renamed: the look is written down, the pinned build is the old one
    (folder / "router.lock").write_text(json.dumps(after | {"build": json.loads(before)["build"]}))
    hint = refused(folder, "target.agreement=0.91", locked=True).problems[-1].hint
    assert "is a build of what there is now, which ended before it could write the lock" in hint
    again = build(folder, "target.agreement=0.91")
    assert (again.sha256, again.certificate.look) == (second.sha256, second.certificate.look)
    assert entry(folder) == after["build"]


# --- --check ----------------------------------------------------------------------------------------------------------


def test_a_check_of_the_same_is_the_same_and_writes_nothing(folder, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")  # the time is the lock's, not the environment's
    (folder / "out.tracer").unlink()
    before = files(folder)
    result = build(folder, check=True)
    assert files(folder) == before
    assert (result.status, result.bundle, result.sha256) == ("certified", None, entry(folder)["bundle"]["sha256"])


def test_a_check_of_other_inputs_needs_no_build(folder):
    error = refused(folder, "target.agreement=0.91", check=True)
    assert error.problems[0].what == "target.agreement was 0.9, is 0.91"


def test_a_comment_in_the_spec_is_no_other_input_but_makes_another_bundle(folder):
    (folder / "router.yaml").write_text(f"{SPEC}# a comment\n")
    (problem,) = refused(folder, check=True).problems
    assert (problem.address, problem.what) == ("bundle", "router.yaml is another")
    assert "'--check' says what differs" in build(folder, locked=True).warnings[0]
    # the bundle has the new comment by now, and no build was cut short
    (problem,) = refused(folder, check=True).problems
    assert "ended before" not in problem.hint


def test_a_check_names_both_sha256_and_what_differs_in_the_result(folder):
    lock = json.loads((folder / "router.lock").read_text())
    pinned = lock["build"]
    right = pinned["bundle"]["sha256"]
    pinned["bundle"]["sha256"], pinned["bundle"]["members"]["policy.onnx"] = "a" * 64, "b" * 12
    pinned["certificate"]["k"] -= 1
    (folder / "router.lock").write_text(json.dumps(lock))
    before = files(folder)
    with pytest.raises(ts.LockError) as error:
        build(folder, check=True)
    assert files(folder) == before
    found = {each.address: (each.was, each.now) for each in error.value.differences}
    assert found["bundle.sha256"] == ("a" * 64, right)
    assert found["certificate.k"] == (pinned["certificate"]["k"], pinned["certificate"]["k"] + 1)
    said = {each.address: each.what for each in error.value.problems}
    assert "policy.onnx is another" in said["bundle"]
    assert said["certificate"].startswith("k was ")


# --- the command line -------------------------------------------------------------------------------------------------


def build_there(folder, *args):
    return call("build", "router.yaml", "--out", "out.tracer", "-q", *args, cwd=folder)


def test_the_command_line_ends_in_5_where_there_is_a_difference_and_in_0_where_there_is_none(folder):
    same = build_there(folder, "--check")
    assert same.returncode == 0, same.stderr
    assert same.stdout.startswith("same  locked ")
    assert entry(folder)["bundle"]["sha256"] in same.stdout
    other = build_there(folder, "--locked", "--set", "target.agreement=0.95", "--json")
    assert other.returncode == 5
    document = json.loads(other.stdout)["error"]
    assert document["exit_code"] == 5
    assert {"address": "spec.keys.target.agreement", "was": 0.9, "is": 0.95} in document["differences"]


def test_the_spec_digest_of_a_lock_is_that_of_the_spec(built):
    assert entry(built)["spec"]["digest"] == spec_digest(load_spec(built / "router.yaml").spec)
