from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.json_values import REMOVED, changed, paths
from tracer_spec import text_steps
from tracer_spec.errors import BundleError
from tracer_spec.runtime import limits
from tracer_spec.runtime.manifest import Serve
from tracer_spec.runtime.manifest_reader import read_manifest
from tracer_spec.runtime.manifest_schema import manifest_schema
from tracer_spec.runtime.strict_json import read_json

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def document(bundles):
    """A sealed manifest as JSON, with an embedder and its probe."""
    return json.loads(
        bundles.manifest(embedder=bundles.LETTERS, created="2026-01-02T03:04:05Z").sealed(bundles.members()).to_json()
    )


def read(bundles, document):
    return read_manifest(bundles.canonical(bundles.reversioned(document)))


def test_a_manifest_comes_back_from_its_json(bundles):
    for embedder in (bundles.LETTERS, bundles.VECTORS):
        sealed = bundles.manifest(embedder=embedder).sealed(bundles.members())
        again = read_manifest(sealed.to_json())
        assert again == sealed
        assert again.to_json() == sealed.to_json()


def test_the_version_is_the_digest_of_everything_but_itself_and_the_date(bundles, document):
    pinned = {key: value for key, value in document.items() if key not in ("version", "created")}
    assert document["version"] == hashlib.sha256(bundles.canonical(pinned)).hexdigest()[:12]
    dated = bundles.manifest(created="2030-01-01T00:00:00Z").sealed(bundles.members())
    assert dated.version == bundles.manifest().sealed(bundles.members()).version
    assert bundles.manifest().sealed(bundles.members(**{"audit.json": b"{} "})).version != dated.version
    assert bundles.manifest(name="another").sealed(bundles.members()).version != dated.version


def test_a_version_that_is_not_that_digest_is_refused(document):
    with pytest.raises(BundleError, match="is 000000000000, but the manifest's contents make it"):
        read_manifest(json.dumps({**document, "version": "0" * 12}).encode())


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["format"], REMOVED, "bundle.json format.*is missing"),
        (["format"], True, "bundle.json format.*is true, not a whole number"),
        (["name"], "", "bundle.json name.*not a text of 1 to 200 characters"),
        (["name"], 7, "bundle.json name.*is 7, not a text"),
        (["status"], "refused", "is 'refused'; allowed: certified, uncertified, draft"),
        (["created"], "yesterday", "bundle.json created.*does not match"),
        (["spec_digest"], "sha256:00", "bundle.json spec_digest.*does not match"),
        (["labels"], [], "labels.*a list of 0, not a list of 1 to"),
        (["labels"], ["a", "a"], "labels.*has 'a' twice"),
        (["labels"], ["a", 1], r"labels\[1\].*is 1, not a text"),
        (["labels"], ["a", ""], r"labels\[1\].*is '', not a text"),
        (["labels"], ["a", None], r"labels\[1\].*is null, not a text"),
        (["labels"], {"a": 1}, "labels.*is an object, not a list"),
        (["dimension"], 0, "dimension.*is 0, not a whole number from 1"),
        (["dimension"], 10**9, "dimension.*is 1000000000, not a whole number"),
        (["dimension"], 4.0, "dimension.*is 4.0, not a whole number"),
        (["embedder"], None, "embedder.*is null, not an object"),
        (["embedder", "use"], "x; rm -rf /", "embedder.use.*does not match"),
        (["embedder", "distribution"], "a b", "embedder.distribution.*does not match"),
        (["embedder", "version"], "$(id)", "embedder.version.*does not match"),
        (["embedder", "options"], [], "embedder.options.*is a list, not an object"),
        (["embedder", "probe", "vectors"], [[1, 2, 3, 4]], "has 3 texts and 1 vectors"),
        (
            ["embedder", "probe", "vectors", 1],
            [1, 2, 3],
            r"probe.vectors\[1\].*has 3 numbers; the dimension is 4",
        ),
        (["embedder", "probe", "vectors", 0, 0], "1", r"probe.vectors\[0\].*is a text, not a number"),
        (["embedder", "probe", "vectors", 0, 0], 10**400, r"probe.vectors\[0\].*is not finite"),
        (["policy", "stages"], [], "policy.stages.*a list of 0"),
        (
            ["policy", "stages", 1, "threshold"],
            1.5,
            r"policy.stages\[1\].threshold.*is 1.5, not in \[0.0, 1.0\]",
        ),
        (["policy", "stages", 1, "threshold"], -0.1, r"threshold.*is -0.1, not in"),
        (["policy", "stages", 1, "threshold"], None, "null exactly where there is no acceptor"),
        (["policy", "stages", 1, "acceptor"], None, "null exactly where there is no acceptor"),
        (["policy", "stages", 1, "extra"], 1, r"policy.stages\[1\].extra.*does not know"),
        (["policy", "defer_labels"], ["nobody"], "names 'nobody', which is not a label"),
        (["provenance"], [], "provenance.*is a list, not an object"),
        (["members", "policy.onnx"], REMOVED, "does not list policy.onnx"),
        (["members", "certificate.json"], REMOVED, "does not list certificate.json"),
        (["members", "policy.onnx", "bytes"], -1, "policy.onnx.bytes.*is -1, not a whole number"),
        (["members", "policy.onnx", "sha256"], "A" * 64, "policy.onnx.sha256.*does not match"),
        (["members", "../x"], {"bytes": 0, "sha256": "0" * 64}, "is no name for a member"),
        (["members", "bundle.json"], {"bytes": 0, "sha256": "0" * 64}, "is no name for a member"),
        (["extra"], 1, "bundle.json extra.*is a key that this library does not know"),
    ],
)
def test_a_manifest_that_breaks_the_schema_is_refused_by_address(bundles, document, path, value, message):
    with pytest.raises(BundleError, match=f"(?s){message}") as caught:
        read(bundles, changed(document, path, value))
    assert caught.value.problems[0].hint


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(3, "pip install -U tracer-spec"), (999, "pip install -U tracer-spec"), (0, "build it again")],
)
def test_another_format_is_refused_with_the_command_that_helps(document, number, remedy):
    with pytest.raises(BundleError, match=f"is of bundle format {number}; this library reads formats 1 to 2") as caught:
        read_manifest(json.dumps({"format": number, "whatever": document}).encode())
    assert remedy in caught.value.problems[0].hint


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not valid JSON"),
        (b"[]", "JSON of type list, not an object"),
        (b'{"a":1,"a":2}', "the key 'a' is given twice"),
        (b'{"a":NaN}', "NaN is not a number"),
        (b'{"a":-Infinity}', "-Infinity is not a number"),
        (b'{"a":1e999}', "1e999 is too large"),
        (b'{"a":"\xff"}', "not valid JSON"),
        (b'{"a":"\\ud800"}', "not valid JSON"),
        (b"\xef\xbb\xbf{}", "not valid JSON"),
        (b'{"a":' + b"1" * 5000 + b"}", "not valid JSON"),
        (b'{"a":' + b"[" * 40 + b"]" * 40 + b"}", "nests 41 levels deep; at most 32"),
        (b"[" * 200_000, "nests 200000 levels deep"),
        (b'{"a":' * 200_000, "nests 200000 levels deep"),
        (b'"' + b'\\"' * 200_000, "not valid JSON"),
    ],
)
def test_json_that_could_hurt_is_refused(data, message):
    with pytest.raises(BundleError, match=message):
        read_json(data, member="bundle.json")


def test_json_larger_than_its_bound_is_not_parsed():
    with pytest.raises(BundleError, match="is 101 bytes of JSON; at most 100"):
        read_json(b"[" * 101, member="bundle.json", max_bytes=100)


def test_brackets_inside_strings_do_not_count_as_depth():
    assert read_json(b'{"a":"' + b'[{\\"' * 100 + b'"}', member="x") == {"a": '[{"' * 100}


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("ab/.-0é", max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=4,
)
BEYOND_A_SCHEMA = (
    "extract[",
    "which is not a label",
    "null exactly where",
    "texts and",
    "numbers; the dimension",
    "is not finite",
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_the_schema_and_the_reader_refuse_the_same_manifests(bundles, document, data):
    number = data.draw(st.sampled_from([1, 2]))
    document = (
        document
        if number == 1
        else {
            **document,
            "format": 2,
            "extract": ["after:Text: ", "strip"],
            "answers": {"normalize": ["json:intent"], "aliases": [{"answer": "top-up", "label": "b"}]},
            "serve": {"match": "model", "text": None, "answer": "{label}"},
        }
    )
    path = data.draw(st.sampled_from([each for each in paths(document) if each and each != ("version",)]))
    value = data.draw(st.just(REMOVED) | JUNK)
    mutated = bundles.reversioned(changed(document, path, value))
    validator = jsonschema.Draft202012Validator(manifest_schema(number))
    try:
        read(bundles, mutated)
        refused = ""
    except BundleError as error:
        refused = str(error)
    if any(each in refused for each in BEYOND_A_SCHEMA):
        return
    whole_floats = isinstance(value, float) and value.is_integer()  # 4.0 is an integer to a schema, not to the reader
    assert validator.is_valid(mutated) == (not refused) or whole_floats, refused


def test_the_manifest_made_by_the_build_fits_the_schema(bundles):
    sealed = bundles.manifest(embedder=bundles.LETTERS).sealed(bundles.members())
    jsonschema.validate(json.loads(sealed.to_json()), manifest_schema(1))
    unthresholded = replace(sealed.policy.stages[0], acceptor=None, threshold=None)
    document = replace(sealed, policy=replace(sealed.policy, stages=(unthresholded,))).document()
    jsonschema.validate(document, manifest_schema(1))


def test_a_bundle_may_hold_the_steps_that_a_spec_may():
    assert (limits.CUTS, limits.CUT_CHARACTERS) == (text_steps.MAX_CUTS, text_steps.MAX_CUT_CHARACTERS)


def test_a_manifest_with_extract_is_of_format_2_and_one_without_keeps_the_bytes_of_format_1(bundles):
    without = bundles.manifest().sealed(bundles.members())
    cut = bundles.manifest(extract=("after:Text: ",)).sealed(bundles.members())
    assert (without.format, cut.format) == (1, 2)
    assert "extract" not in without.document()
    jsonschema.validate(json.loads(cut.to_json()), manifest_schema(2))
    assert read_manifest(cut.to_json()) == cut
    assert cut.version != without.version


def test_a_manifest_says_how_requests_are_served_only_where_its_spec_does(bundles):
    without = bundles.manifest(extract=("after:Text: ",)).sealed(bundles.members())
    served = bundles.manifest(serve=Serve("contains(model, 'a')", None, "{label}")).sealed(bundles.members())
    assert "serve" not in without.document()
    assert (read_manifest(without.to_json()).serve, served.format) == (None, 2)
    assert read_manifest(served.to_json()) == served
    jsonschema.validate(json.loads(served.to_json()), manifest_schema(2))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"extract": [], "serve": {"match": "a"}}, "serve.text.*is missing"),
        (
            {"extract": [], "serve": {"match": "a" * 2001, "text": None, "answer": None}},
            "serve.match.*not a text of 1 to 2000",
        ),
        ({"extract": ["strip"] * 9}, "extract.*a list of 9"),
        ({"extract": "strip"}, "extract.*not a list"),
        ({"extract": ["after:" + "a" * 2000]}, r"extract\[0\].*not a text of 1 to 2000 characters"),
        ({"extract": ["strip", "think"]}, r"extract\[1\].*is 'think', which is no step"),
        ({"extract": ["regex:(a+)+b"]}, r"extract\[0\].*which repeats what can itself match in several ways"),
        ({"extract": ["between:a"]}, r"extract\[0\].*which does not have two markers"),
        ({"extract": ["strip"], "format": 1}, "answers.*is a key that this library does not know"),
        ({}, "extract.*is missing"),
        ({"extract": [], "answers": {"normalize": "strip", "aliases": []}}, "answers.normalize.*not a list"),
        ({"extract": [], "answers": {"normalize": []}}, "answers.aliases.*is missing"),
    ],
)
def test_steps_that_a_bundle_brings_are_checked_before_a_text_meets_them(bundles, document, changes, message):
    with pytest.raises(BundleError, match=f"(?s)bundle.json {message}"):
        read(bundles, {**document, "format": 2, "answers": None, **changes})
