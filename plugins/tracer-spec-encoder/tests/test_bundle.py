"""From a spec to a decision through the command line, with the model inside the bundle and beside it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import tracer_spec as ts
from tiny_encoder import constant, node, save, tiny_model, tiny_tokenizer
from tracer_spec.errors import BundleError
from tracer_spec.flow.bundle_file import bundle_bytes
from tracer_spec.runtime import archive
from tracer_spec.runtime.bundle import read_bundle

from tracer_spec_encoder import EncoderOptions
from tracer_spec_encoder.embedder import EncoderEmbedder

SPEC = """\
version: 1
name: small
traces: {{use: jsonl, with: {{path: traces.jsonl}}}}
embedder: {{use: encoder, with: {{path: models/tiny, max_tokens: 32{more}}}}}
zoo: [logreg]
target: {{agreement: 0.8}}
"""
JOINED = SPEC.replace(
    "{{use: encoder, with: {{path: models/tiny, max_tokens: 32{more}}}}}",
    "{{use: concat, with: {{of: [lsa, {{use: encoder, with: {{path: models/tiny{more}}}}}]}}}}",
)
ABOUT = {"arrival": "where is my card", "fees": "why was I charged a fee", "rates": "what is the exchange rate"}


def command(folder, *words):
    ran = [sys.executable, "-W", "error", "-m", "tracer_spec", *words]
    return subprocess.run(ran, cwd=folder, capture_output=True, text=True, check=False)


def build(folder, more="", spec=SPEC, model=None):
    save(folder / "models" / "tiny", model)
    rng = np.random.default_rng(0)
    rows = []
    for i in range(400):
        label = list(ABOUT)[i % 3]
        words = rng.permutation(ABOUT[label].split())[: rng.integers(2, 6)]
        rows.append(json.dumps({"id": str(i), "input": " ".join(words), "teacher": label}))
    (folder / "traces.jsonl").write_text("\n".join(rows))
    (folder / "router.yaml").write_text(spec.format(more=more))
    return command(folder, "build", "router.yaml")


def built(folder, more="", spec=SPEC):
    done = build(folder, more, spec)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "dist" / "small.tracer"


@pytest.mark.parametrize(
    ("nodes", "extra"),
    [
        ([node("ReduceMean", ["hidden", "first"], "mean", keepdims=1), node("Sub", ["hidden", "mean"], "out")], [0]),
        ([node("Dropout", ["hidden", "share", "yes"], "out")], [0]),
    ],
    ids=["mixes the texts of a run", "draws at random"],
)
def test_a_model_that_gives_a_text_another_vector_alone_is_refused_before_a_look_is_spent(tmp_path, nodes, extra):
    constants = [constant("first", extra), constant("share", 0.5, np.float32), constant("yes", True, bool)]
    model = tiny_model(nodes=nodes, outputs=("out",), extra=constants)
    done = build(tmp_path, model=model)
    assert (done.returncode, done.stdout) == (1, "")
    assert "the embedder 'encoder' gives a text another vector when asked again" in done.stderr
    assert json.loads((tmp_path / "router.lock").read_text())["looks"] == []


@pytest.fixture(scope="module")
def inside(tmp_path_factory):
    return built(tmp_path_factory.mktemp("inside"))


@pytest.fixture(scope="module")
def beside(tmp_path_factory):
    return built(tmp_path_factory.mktemp("beside"), ", in_bundle: false")


def repacked(bundle, folder, **changes):
    """Write the bundle with another model, as who can make a bundle could: every digest fits, the fingerprint too."""
    held = read_bundle(bundle)
    changed = {f"embedder/{name.replace('_', '.')}": content for name, content in changes.items()}
    members = {**held.members, **changed}
    state = {
        name.removeprefix("embedder/"): content for name, content in members.items() if name.startswith("embedder/")
    }
    options = EncoderOptions.model_validate(held.manifest.embedder.options)
    fingerprint = EncoderEmbedder(options).restore(state).fingerprint()
    manifest = replace(held.manifest, embedder=replace(held.manifest.embedder, fingerprint=fingerprint))
    data, _ = bundle_bytes(manifest, members)
    (folder / "changed.tracer").write_bytes(data)
    return folder / "changed.tracer"


def test_one_file_is_built_and_routes_wherever_it_is(inside, tmp_path):
    members = archive.unpack(inside.read_bytes())
    assert members["embedder/model.onnx"] == tiny_model()
    assert members["embedder/tokenizer.json"] == tiny_tokenizer()
    assert json.loads(members["bundle.json"])["embedder"]["options"].keys() >= {"in_bundle", "pooling", "max_tokens"}
    assert b"models/tiny" not in members["bundle.json"]
    (tmp_path / "small.tracer").write_bytes(inside.read_bytes())
    done = command(tmp_path, "route", "small.tracer", "--embedder", "encoder", "--text", "where is my card")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["label"] == "arrival"
    refused = command(tmp_path, "route", "small.tracer", "--text", "where is my card")
    assert refused.returncode == 4
    assert "--embedder encoder" in refused.stderr


def test_beside_the_bundle_the_app_says_where_the_model_is(beside, tmp_path):
    assert not [name for name in archive.unpack(beside.read_bytes()) if name.startswith("embedder/")]
    models = {name: save(tmp_path / name, tiny_model(seed=seed)) for name, seed in (("same", 0), ("other", 1))}
    router = ts.load(beside, embedder="encoder", embedder_options={"path": str(models["same"])})
    assert router.route("where is my card").label == "arrival"
    with pytest.raises(BundleError, match="the policy was built on"):
        ts.load(beside, embedder="encoder", embedder_options={"path": str(models["other"])})
    with pytest.raises(BundleError, match="the bundle does not hold the model, and nothing says where it is") as caught:
        ts.load(beside, embedder="encoder")
    assert "load(path, embedder_options={'path': ...})" in caught.value.problems[0].hint
    with pytest.raises(BundleError, match="nowhere' is not a folder") as caught:
        ts.load(beside, embedder="encoder", embedder_options={"path": str(tmp_path / "nowhere")})
    assert caught.value.problems[0].hint == "give the folder of an ONNX model and its tokenizer.json"


@pytest.mark.parametrize("spec", [SPEC, JOINED])
def test_a_place_beside_a_bundle_that_carries_the_model_is_a_mistake(inside, tmp_path, spec):
    path = inside if spec is SPEC else built(tmp_path, spec=JOINED)
    done = command(
        *(path.parent, "route", path.name, "--embedder", "encoder", "--embedder-option", "path=elsewhere"),
        *("--text", "where is my card"),
    )
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    assert (
        "not take path from the app; allowed: none hint: the bundle carries what path would say: leave it out" in said
    )


def test_two_places_of_one_model_are_the_apps_mistake(beside):
    places = ["--embedder-option", "path=/secret", "--embedder-option", "package=acme"]
    done = command(beside.parent, "route", beside.name, "--embedder", "encoder", *places, "--text", "card")
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    assert "does not take package, path together: Value error, give exactly one of path, repo and package" in said
    assert "pydantic.dev" not in done.stderr
    assert "/secret" not in done.stderr


def test_a_build_gives_the_same_bytes_twice_and_the_same_decisions_either_way(inside, beside, tmp_path):
    again = built(tmp_path)
    assert again.read_bytes() == inside.read_bytes()
    texts = [*ABOUT.values(), "my fee", "unheard of", ""]
    one = ts.load(inside, embedder="encoder").route_batch(texts)
    options = {"path": str(tmp_path / "models" / "tiny")}
    other = ts.load(beside, embedder="encoder", embedder_options=options)
    assert one.labels == other.route_batch(texts).labels
    assert [other.route(text).score for text in texts] == one.scores.tolist()


HOSTILE = {
    "other words": ({"model_onnx": tiny_model(seed=1)}, "gives other vectors than the policy was built on"),
    "no model": ({"model_onnx": b"\x0a\xff"}, "is not an ONNX model"),
    "another tokenizer": ({"tokenizer_json": tiny_tokenizer(special=False)}, "gives other vectors"),
    "no tokenizer": ({"tokenizer_json": b"{}"}, "is not a tokenizer"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_bundle_whose_model_was_exchanged_is_refused(inside, tmp_path, name):
    changes, said = HOSTILE[name]
    with pytest.raises(BundleError, match=said):
        ts.load(repacked(inside, tmp_path, **changes), embedder="encoder")


def test_a_member_that_was_changed_is_refused_before_it_is_read(inside, tmp_path):
    members = archive.unpack(inside.read_bytes())
    members["embedder/model.onnx"] = tiny_model(seed=1)
    (tmp_path / "changed.tracer").write_bytes(archive.pack(members))
    with pytest.raises(BundleError, match=r"embedder/model.onnx"):
        ts.load(tmp_path / "changed.tracer", embedder="encoder")


def test_a_part_of_concat_is_loaded_like_the_encoder_alone(tmp_path):
    path = built(tmp_path, ", in_bundle: false", JOINED)
    with pytest.raises(BundleError, match=r"the embedder 'encoder' .* nothing says where it is") as caught:
        ts.load(path, embedder="encoder")
    problem = caught.value.problems[0]
    assert problem.address == "embedder/1/"
    assert "load(path, embedder_options={'path': ...})" in problem.hint
    options = {"path": str(tmp_path / "models" / "tiny")}
    assert ts.load(path, embedder="encoder", embedder_options=options).route("where is my card").label == "arrival"
    save(tmp_path / "models" / "other", tiny_model(seed=1))
    with pytest.raises(BundleError, match="the embedder 'encoder' has the fingerprint") as caught:
        ts.load(path, embedder="encoder", embedder_options={"1.path": str(tmp_path / "models" / "other")})
    assert caught.value.problems[0].address == "embedder/1/"
