from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, parser

from tracer_spec.errors import BundleError, UsageError
from tracer_spec.runtime import limits, load, read_bundle
from tracer_spec.runtime.archive import pack, unpack
from tracer_spec.runtime.bundle import parse_bundle
from tracer_spec.runtime.load import open_router
from tracer_spec.runtime.manifest_reader import read_manifest


def refused(path, message, *, address=None, **options):
    """Check that loading is refused, and by whom."""
    with pytest.raises(BundleError, match=message) as caught:
        load(path, **options)
    problem = caught.value.problems[0]
    assert problem.where == str(path)
    assert problem.hint
    if address is not None:
        assert problem.address == address


def test_a_bundle_is_read_with_its_manifest_members_and_digest(bundles, good, save):
    bundle = read_bundle(save(good))
    assert bundle.manifest == bundles.manifest().sealed(bundles.members())
    assert bundle.members == bundles.members()
    assert bundle.sha256 == hashlib.sha256(good).hexdigest()


def test_a_digest_pins_the_whole_file(bundles, good, save):
    path = save(good)
    digest = hashlib.sha256(good).hexdigest()
    assert load(path, sha256=digest).sha256 == digest
    assert load(path, sha256=digest.upper()).sha256 == digest
    other = bundles.manifest(created="2026-01-01T00:00:00Z").document()
    refused(save(bundles.forge(other)), f"{digest} was asked for", sha256=digest)
    with pytest.raises(UsageError, match="is 'abc', not 64 hexadecimal digits"):
        load(path, sha256="abc")


def test_a_flipped_byte_in_any_member_names_the_member(bundles, good, save):
    for name, content in unpack(good).items():
        at = good.index(content) + len(content) // 2
        refused(
            save(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]),
            "does not match its checksum",
            address=name,
        )


def test_a_flipped_byte_whose_checksum_was_made_right_is_caught_by_the_digest(bundles, good, save):
    members = unpack(good)
    for name in members:
        if name != "bundle.json":
            flipped = members[name][:-2] + bytes([members[name][-2] ^ 1]) + members[name][-1:]
            refused(save(pack({**members, name: flipped})), "does not have the digest", address=name)


def test_a_changed_manifest_whose_checksum_was_made_right_is_caught_by_its_version(good, save):
    members = unpack(good)
    changed = members["bundle.json"].replace(b'"draft"', b'"certified"').replace(b"logreg", b"logreh")
    refused(save(pack({**members, "bundle.json": changed})), "contents make it", address="bundle.json version")


def test_every_truncation_is_refused(good, save):
    for length in [*range(0, len(good), 97), len(good) - 1, len(good) - 22]:
        refused(save(good[:length]), "does not start as a ZIP|does not end as a bundle")


def test_members_swapped_between_two_bundles_are_refused(bundles, good, save):
    lenient = bundles.members(**{"policy.onnx": bundles.policy_onnx(bundles.graph_text(thresholds=(0.1, 0.1)))})
    other = unpack(bundles.forge(contents=lenient))
    ours = unpack(good)
    refused(
        save(pack({**ours, "policy.onnx": other["policy.onnx"]})),
        "does not have the digest|has .* bytes",
        address="policy.onnx",
    )
    refused(
        save(pack({**ours, "bundle.json": other["bundle.json"]})),
        "does not have the digest|has .* bytes",
        address="policy.onnx",
    )


def test_a_graph_from_another_build_is_refused_even_with_its_digest_made_right(bundles, save):
    lenient = bundles.members(**{"policy.onnx": bundles.policy_onnx(bundles.graph_text(thresholds=(0.1, 0.1)))})
    refused(
        save(bundles.forge(contents=lenient)),
        "score is under the manifest's threshold",
        address="policy.onnx",
    )


def test_extra_and_missing_members_are_refused(bundles, good, save):
    members = unpack(good)
    refused(
        save(pack({**members, "embedder/weights": b"x"})),
        "is not listed in bundle.json",
        address="embedder/weights",
    )
    for name in members:
        fewer = {each: content for each, content in members.items() if each != name}
        refused(save(pack(fewer)), "is missing", address=name)


def test_a_bundle_that_was_zipped_again_is_refused(good, save):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as again:
        for name, content in unpack(good).items():
            again.writestr(name, content)
    refused(save(buffer.getvalue()), "is compressed", address="bundle.json")


def test_a_symlink_member_is_refused(good, save):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as again:
        for name, content in unpack(good).items():
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = (
                3,
                (0o120777 if name == "policy.onnx" else 0o100644) << 16,
            )
            again.writestr(info, content)
    refused(save(buffer.getvalue()), "is a symbolic link", address="policy.onnx")


def test_a_file_that_is_no_bundle_at_all_is_refused(save, tmp_path):
    refused(save(b""), "does not start as a ZIP")
    refused(save(b"hello"), "does not start as a ZIP")
    refused(tmp_path / "absent.tracer", "there is no such file")
    refused(tmp_path, r"is a folder without release\.json")
    if hasattr(os, "mkfifo"):
        refused("/dev/null", "is not a file")
        os.mkfifo(tmp_path / "pipe.tracer")
        refused(tmp_path / "pipe.tracer", "is not a file")


def test_a_file_larger_than_any_bundle_is_not_read(tmp_path):
    path = tmp_path / "huge.tracer"
    with path.open("wb") as file:
        file.truncate(limits.BUNDLE_BYTES + 1)
    refused(path, f"is {limits.BUNDLE_BYTES + 1} bytes; at most {limits.BUNDLE_BYTES} are read")


def test_a_draft_is_refused_unless_asked_for(bundles, save):
    path = save(bundles.forge(bundles.manifest(status="draft").document()))
    refused(path, "is a draft: nothing is certified about it", address="bundle.json status")
    with pytest.raises(BundleError) as caught:
        load(path)
    told = "build it without --draft; to try it out, in Python: load(path, allow_uncertified=True)"
    assert caught.value.problems[0].hint == told
    assert load(path, allow_uncertified=True).manifest.status == "draft"


def test_what_promises_nothing_is_refused_unless_asked_for(bundles, save):
    path = save(bundles.forge(bundles.manifest(status="uncertified").document()))
    refused(path, "is uncertified: its calibrator promises nothing", address="bundle.json status")
    assert load(path, allow_uncertified=True).manifest.status == "uncertified"


def test_a_newer_format_is_refused_with_the_upgrade(bundles, save):
    document = {**bundles.manifest().document(), "format": 3, "novelty": {}}
    path = save(bundles.forge(document))
    refused(path, "is of bundle format 3; this library reads formats 1 to 2")
    with pytest.raises(BundleError, match="pip install -U tracer-spec"):
        load(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is not valid JSON"),
        (b"[" * 100_000, "nests 100000 levels deep"),
        (b"[]", "not an object"),
        (b'{"a":1,"a":1}', "given twice"),
        (b'{"p":NaN}', "NaN is not a number"),
        (b'{"p":[' + b"[]," * 5_000_000 + b"[]]}", "holds more than 1000000 items"),
        (b'{"p":[' + b'{"a":1},' * 1_900_000 + b"1]}", "holds more than 1000000 items"),
        (b'{"p":[' + b"1," * 2_000_000 + b"1]}", "holds more than 1000000 items"),
    ],
)
def test_a_certificate_that_is_no_plain_json_object_is_refused(bundles, save, content, message):
    path = save(bundles.forge(contents=bundles.members(**{"certificate.json": content})))
    refused(path, message, address="certificate.json")


def edited(bundles, *replacements):
    """Return the policy with parts of its text replaced."""
    text = bundles.graph_text()
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return bundles.policy_onnx(text)


OUTPUTS = "int64[n] label, bool[n] handled, float[n] score, int64[n] stage, int64[n] reason"
GRAPHS = {
    "wrong input width": (
        (
            ("float[n, 4] embedding", "float[n, 5] embedding"),
            ("float[4, 3]", "float[5, 3]"),
            ("0.0, 0.0, 0.0}", "0.0, 0.0, 0.0, 0.0, 0.0, 0.0}"),
            ("0.0, 3.0, 0.0}", "0.0, 3.0, 0.0, 0.0, 0.0, 0.0}"),
        ),
        "takes embedding tensor.float. .n, 5.; the manifest says embedding",
    ),
    "unknown input width": (
        (("float[n, 4] embedding", "float[n, d] embedding"),),
        "takes embedding tensor.float. .n, d.",
    ),
    "one row at a time": (
        (("float[n, 4] embedding", "float[1, 4] embedding"), (OUTPUTS, OUTPUTS.replace("[n]", "[1]"))),
        "takes embedding tensor.float. .1, 4.",
    ),
    "input of another name": ((("embedding", "vector"),), "takes vector tensor"),
    "two inputs": (
        (("float[n, 4] embedding)", "float[n, 4] embedding, float[n] other)"),),
        "takes embedding .*, other",
    ),
    "output missing": (
        ((", int64[n] reason)", ")"),),
        "gives label .*stage tensor.int64. .n.; a policy gives",
    ),
    "outputs in another order": (
        (("int64[n] label, bool[n] handled", "bool[n] handled, int64[n] label"),),
        "gives handled",
    ),
    "output of another rank": (
        (
            ("float[n] score,", "float[n, 1] score,"),
            (
                "score = Where(handled0, score0, score1)",
                "s = Where(handled0, score0, score1)\n score = Unsqueeze(s, axis)",
            ),
        ),
        "gives .*score tensor.float. .n, 1.",
    ),
    "output of another type": (
        (
            ("int64[n] stage", "int32[n] stage"),
            (
                "stage = Where(handled0, int_0, stage1)",
                "s = Where(handled0, int_0, stage1)\n stage = Cast<to = 6>(s)",
            ),
        ),
        "gives .*stage tensor.int32.",
    ),
    "label beyond the list": (
        (
            (
                "label = Where(handled0, top0, label1)",
                "l = Where(handled0, top0, label1)\n label = Add(l, int_4)",
            ),
        ),
        "answers a label of 3 or ",
    ),
    "label that is not deferred": ((("int_m1 = {-1}", "int_m1 = {-2}"),), "answers a label of -2"),
    "stage beyond the policy": (
        (("stage = Where(handled0, int_0, stage1)", "stage = Where(handled0, int_4, stage1)"),),
        "answers a stage of -1 or 4; the manifest allows -1 to 1",
    ),
    "reason beyond the list": (
        (("reason = Where(finite, why, int_4)", "r = Where(finite, why, int_4)\n reason = Add(r, int_1)"),),
        "answers a reason of",
    ),
    "handled without a label": (
        (("label = Where(handled0, top0, label1)", "label = Where(handled, int_m1, int_m1)"),),
        "contradicts itself",
    ),
    "handled and a reason not to": (
        (("why = Where(handled, int_0, why_guard)", "why = Where(handled, int_1, why_guard)"),),
        "contradicts itself",
    ),
    "decides on nan": (
        (("reason = Where(finite, why, int_4)", "reason = Where(finite, why, int_1)"),),
        "decides on a vector that is not finite",
    ),
    "answers a denied label": (
        (("allowed = {1, 1, 0}", "allowed = {1, 1, 1}"),),
        "answers a label of defer_labels",
    ),
    "does not join up": (
        (("able = And(finite, near)", "able = And(finite, nowhere)"),),
        "uses the value 'nowhere', which nothing before it gives",
    ),
    "fails when run": (
        (("near = LessOrEqual(", "wrong = Reshape(embedding, axis)\n near = LessOrEqual("),),
        "does not run: |does not load: ",
    ),
    "weight is nan": ((("W0 = {3.0", "W0 = {nan"),), "has a number that is not finite in the constant 'W0'"),
    "weight is infinite": (
        (("W0 = {3.0", "W0 = {inf"),),
        "has a number that is not finite in the constant 'W0'",
    ),
    "own operator": (
        (
            ('opset_import: ["" : 18]', 'opset_import: ["" : 18, "com.microsoft": 1]'),
            ("logits0 = MatMul(embedding, W0)", "logits0 = com.microsoft.FusedMatMul(embedding, W0)"),
        ),
        "operators of the domain 'com.microsoft'",
    ),
}


@pytest.mark.parametrize("case", GRAPHS)
def test_a_graph_that_is_not_the_manifest_s_policy_is_refused(bundles, save, case):
    replacements, message = GRAPHS[case]
    probe = bundles.manifest(embedder=bundles.LETTERS)
    contents = bundles.members(**{"policy.onnx": edited(bundles, *replacements)})
    # probes reach what the smoke vectors may not: a handled input, and one whose label is denied
    path = save(bundles.forge(with_probe(bundles, probe), contents))
    refused(path, message, address="policy.onnx", embedder=bundles.Letters())


def with_probe(bundles, manifest):
    texts = ("a", "bb", "cc", "dd", "")
    document = manifest.document()
    document["embedder"]["probe"] = {"texts": list(texts), "vectors": bundles.Letters().embed(texts).tolist()}
    return document


def test_the_unedited_graph_passes_the_same_checks(bundles, save):
    path = save(bundles.forge(with_probe(bundles, bundles.manifest(embedder=bundles.LETTERS))))
    assert load(path, embedder=bundles.Letters()).route("bb").label == "top_up"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("labels", '["top_up","card_arrival","fraud_report"]', "has labels .* in its metadata; the manifest says"),
        ("labels", "nonsense", "has labels 'nonsense' in its metadata"),
        ("name", "another", "has name 'another' in its metadata; the manifest says 'support-intents'"),
    ],
)
def test_a_graph_whose_metadata_names_another_policy_is_refused(bundles, save, key, value, message):
    model = parser.parse_model(bundles.graph_text())
    helper.set_model_props(model, {key: value})
    contents = bundles.members(**{"policy.onnx": model.SerializeToString()})
    refused(save(bundles.forge(contents=contents)), message, address="policy.onnx")


def test_a_graph_whose_metadata_names_this_policy_loads(bundles, save):
    model = parser.parse_model(bundles.graph_text())
    labels = json.dumps(bundles.LABELS, ensure_ascii=False, separators=(",", ":"))
    helper.set_model_props(model, {"labels": labels, "name": "support-intents", "author": "somebody"})
    path = save(bundles.forge(contents=bundles.members(**{"policy.onnx": model.SerializeToString()})))
    assert load(path).route([2, 0, 0, 0]).label == "card_arrival"


def test_external_data_never_opens_a_file(bundles, save, tmp_path):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(np.ones(12, np.float32).tobytes())
    model = parser.parse_model(bundles.graph_text())
    weights = next(each for each in model.graph.initializer if each.name == "W0")
    weights.ClearField("float_data")
    weights.data_location = 1
    for key, value in (("location", str(secret)), ("offset", "0"), ("length", "48")):
        entry = weights.external_data.add()
        entry.key, entry.value = key, value
    contents = bundles.members(**{"policy.onnx": model.SerializeToString()})
    refused(save(bundles.forge(contents=contents)), "keeps a constant in another file", address="policy.onnx")


@settings(max_examples=150)
@given(st.data())
def test_a_bundle_with_changed_bytes_is_refused_and_nothing_else_is_raised(good, data):
    changed = bytearray(good)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(good) - 1))] ^= data.draw(st.integers(1, 255))
    if bytes(changed) == good:
        return
    with pytest.raises(BundleError):
        parse_bundle(bytes(changed))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_forged_bundle_is_refused_or_routes_and_nothing_else_is_raised(bundles, data):
    contents = bundles.members()
    name = data.draw(st.sampled_from(["policy.onnx", "policy.onnx", "certificate.json", "bundle.json"]))
    document = bundles.manifest().document()
    if name == "bundle.json":
        text = bytearray(bundles.canonical(bundles.resealed(document, contents)))
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
        forged = pack({"bundle.json": _with_right_version(bundles, bytes(text)), **contents})
    else:
        content = bytearray(contents[name])
        for _ in range(data.draw(st.integers(1, 3))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        forged = bundles.forge(document, {**contents, name: bytes(content)})
    try:
        router = open_router(parse_bundle(forged), allow_uncertified=True)
    except BundleError:
        return
    X = np.eye(router.dimension, dtype=np.float32) * 2
    answers = [*router.route_batch(X), *map(router.route, X)]
    assert all(decision.label in (*router.labels, None) for decision in answers)


def _with_right_version(bundles, text):
    try:
        return bundles.canonical(bundles.reversioned(json.loads(text)))
    except (ValueError, TypeError):
        return text


ESCAPES = ("\x1b]0;gone\x07", "\u202egnp.exe", "a\u200bb", "\x9b2J")
COMMANDS = ("::error file=x::gone", "##[error]gone", "##vso[task.complete]")


@pytest.mark.parametrize("text", [*ESCAPES, *COMMANDS, "two\nlines"])
def test_a_name_that_steers_a_terminal_or_a_log_is_refused(bundles, save, text):
    policy = bundles.manifest().policy
    stage = replace(policy.stages[0], surrogate=text, guards=(text,))
    for address, changes in {
        "name": {"name": text},
        "policy.family": {"policy": replace(policy, family=text)},
        r"policy.stages\[0\].surrogate": {"policy": replace(policy, stages=(stage, *policy.stages[1:]))},
    }.items():
        path = save(bundles.forge(bundles.manifest(**changes).document()))
        with pytest.raises(BundleError, match=f"bundle.json {address}\n.*not a plain name") as caught:
            read_bundle(path)
        assert not any(each in str(caught.value) for each in (*ESCAPES, *COMMANDS))


@pytest.mark.parametrize("text", ESCAPES)
def test_a_certificate_or_provenance_with_control_characters_is_refused(bundles, save, text):
    for certificate in ({"claim": text}, {"assumptions": ["fine", text]}, {text: 1}):
        path = save(bundles.forge(contents=bundles.members(**{"certificate.json": bundles.canonical(certificate)})))
        refused(path, "which holds a control character")
    for provenance in ({"libraries": {"numpy": text}}, {"plugins": [{"name": text}]}, {text: 1}):
        document = bundles.manifest(provenance=provenance).document()
        refused(
            save(bundles.forge(document)),
            "which holds a control character",
        )


@pytest.mark.parametrize("text", [*ESCAPES, *COMMANDS])
def test_labels_stay_as_they_are_and_messages_about_them_are_plain(bundles, save, text):
    labels = (text, "top_up", "fraud_report")
    assert load(save(bundles.forge(bundles.manifest(labels=labels).document()))).labels == labels
    document = bundles.manifest().document()
    for broken in (
        {**document, text: 1},
        {**document, "labels": [text, text]},
        {**document, "policy": {**document["policy"], "defer_labels": [text]}},
        {**document, "members": {text: {}}},
        {**document, "embedder": {**document["embedder"], "use": text}},
    ):
        version = bundles.reversioned(broken)
        with pytest.raises(BundleError) as caught:
            read_manifest(bundles.canonical(version))
        assert not any(each in str(caught.value) for each in (*ESCAPES, *COMMANDS))
