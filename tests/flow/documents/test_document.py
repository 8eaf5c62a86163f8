"""Every document comes back as it was written, and nothing that is put in its place does more than be refused."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.json_values import REMOVED, changed, paths
from tests.report import documents
from tracer_spec.errors import BundleError, DataError
from tracer_spec.flow.documents.audit import AuditDocument
from tracer_spec.flow.documents.certificate import CertificateDocument
from tracer_spec.flow.documents.frontier import FrontierDocument
from tracer_spec.flow.documents.lock import LockDocument
from tracer_spec.flow.lock.file import read_lock
from tracer_spec.runtime import read_bundle

SAMPLES = {
    CertificateDocument: documents.certificate(n_certify=600, scores=[0.1, 0.5]),
    FrontierDocument: documents.frontier(3),
    AuditDocument: documents.audit(["card_arrival", "top_up", "fraud_report"], text="where is it?"),
}
LOCK = {
    "lock": 1,
    "looks": [{"builds": ["0123456789abcdef"], "sketch": "AAAAAAAAAAEAAAAAAAAAAg=="}],
    "build": {
        "spec": {"digest": "0" * 64, "keys": {"target.agreement": 0.9, "zoo.dt.use": "dt", "seed": 7, "average": True}},
        "seed": 7,
        "traces": {"digest": "1" * 64, "read": 9, "kept": 8, "dropped": {"no label": 1}, "fit": 5, "certify": 3},
        "plugins": {"surrogate dt": "tracer-spec 0.1.0"},
        "libraries": {"numpy": "2.0.0"},
        "embedder": {"fingerprint": "lsa 1"},
        "certificate": {
            key: documents.certificate()[key]
            for key in (
                "status", "claim", "measure", "target", "confidence", "look", "level", "n", "k", "p_value", "estimate"
            )
        },
        "policy": {
            "family": "l2d",
            "stages": [{"surrogate": "dt", "acceptor": "logistic", "guards": [], "threshold": 0.9}],
        },
        "bundle": {"sha256": "2" * 64, "version": "0123456789ab", "created": None, "members": {"policy.onnx": "a" * 12}},
    },
}  # fmt: skip
# 4.0 is an integer to a schema, and a number of any size is a number
BEYOND_A_SCHEMA = (
    "holds a control character",
    "rising order",
    "more scores",
    "one edge more",
    "should be a valid integer",
    "should be a valid number",
    "should be a finite number",
    "is not valid JSON",
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 10**400) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


@st.composite
def mutated(draw, document):
    at = draw(st.sampled_from([path for path in paths(document) if path]))
    return changed(document, at, draw(st.just(REMOVED) | JUNK))


def refusal(read, kind):
    """Return what was read, or None with the problems that are told."""
    try:
        return read(), ()
    except kind as error:
        return None, error.problems


def encoded(document):
    return json.dumps(document, ensure_ascii=True).encode()


@pytest.mark.parametrize("kind", SAMPLES, ids=lambda kind: kind.member)
def test_a_document_comes_back_as_it_was_written(kind):
    read = kind.read(encoded(SAMPLES[kind]))
    assert kind.read(read.to_json()) == read
    assert kind.read(read.to_json()).to_json() == read.to_json()


@pytest.mark.parametrize("kind", SAMPLES, ids=lambda kind: kind.member)
@given(data=st.data())
def test_a_document_that_was_tampered_with_is_read_or_refused_and_nothing_else(kind, data):
    document = data.draw(mutated(SAMPLES[kind]))
    read, problems = refusal(lambda: kind.read(encoded(document)), BundleError)
    assert all(each.address == kind.member and each.what and each.hint for each in problems)
    assert read is None or kind.read(read.to_json()) == read


@pytest.mark.parametrize("kind", SAMPLES, ids=lambda kind: kind.member)
@given(data=st.data())
def test_what_the_schema_takes_is_read(kind, data):
    document = data.draw(mutated(SAMPLES[kind]))
    if jsonschema.Draft202012Validator(kind.schema_document()).is_valid(document):
        _, problems = refusal(lambda: kind.read(encoded(document)), BundleError)
        assert all(any(each in problem.what for each in BEYOND_A_SCHEMA) for problem in problems), problems


@given(data=st.data())
def test_a_lock_that_was_tampered_with_is_read_or_refused_and_nothing_else(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("lock", numbered=True) / "router.lock"
    path.write_bytes(encoded(data.draw(mutated(LOCK))))
    read, problems = refusal(lambda: read_lock(path), DataError)
    assert all(each.where == str(path) and each.what and each.hint for each in problems)
    if read is not None:
        path.write_bytes(read.document.to_json())
        assert read_lock(path) == read


@pytest.mark.parametrize("sketch", [[-1], [1 << 64], [1.0], "AAA", "AAAA"])
def test_a_sketch_that_is_none_is_refused(tmp_path, sketch):
    looks = [{**LOCK["looks"][0], "sketch": sketch}]
    (tmp_path / "router.lock").write_bytes(encoded({**LOCK, "looks": looks}))
    with pytest.raises(DataError, match="sketch"):
        read_lock(tmp_path / "router.lock")


def test_a_lock_comes_back_with_the_keys_of_later_releases():
    later = {**LOCK, "later": [1], "build": {**LOCK["build"], "later": {"a": None}}}
    assert json.loads(LockDocument.model_validate(later).to_json()) == later
    jsonschema.validate(LOCK, LockDocument.schema_document())


def test_a_key_of_a_later_release_is_passed_over_and_whoever_writes_one_is_stopped():
    later = {**SAMPLES[AuditDocument], "later": 1, "cost": {**SAMPLES[AuditDocument]["cost"], "later": 1}}
    assert AuditDocument.read(encoded(later)) == AuditDocument.read(encoded(SAMPLES[AuditDocument]))
    with pytest.raises(ValueError, match="later"):
        AuditDocument(later=1)


def test_a_document_of_a_later_version_is_refused_with_the_command_that_helps():
    with pytest.raises(BundleError, match="is of schema_version 2; this release reads 1") as caught:
        CertificateDocument.read(encoded({**SAMPLES[CertificateDocument], "schema_version": 2}))
    assert caught.value.problems[0].hint == "pip install --upgrade tracer-spec"


@pytest.mark.parametrize(
    ("kind", "path", "value", "message"),
    [
        (AuditDocument, ("labels", 1, "n"), True, r"labels\[1\].n is True; it should be a valid integer"),
        (AuditDocument, ("n",), 3.5, "n is 3.5; it should be a valid integer"),
        (AuditDocument, ("labels", 0, "agree"), 101, r"labels\[0\] has agree, handled and n that are not in rising order"),
        (AuditDocument, ("agree",), 10**6, "it has agree, handled and n that are not in rising order"),
        (AuditDocument, ("stages", 0, "scores", "edges"), [0, 1], r"scores has not one edge more than it has bins"),
        (AuditDocument, ("flow", 0, "to"), "stage 0", r"flow\[0\].to is 'stage 0'; it should match pattern"),
        (FrontierDocument, ("chains", 0, "candidates", 2, "front"), 1, r"front is 1; it should be a valid bool"),
        (FrontierDocument, ("zoo", 0, "status"), "lost", "it should be 'trained', 'screened' or 'skipped'"),
        (FrontierDocument, ("chains", 0, "candidates"), {}, r"candidates is an object; it should be a valid list"),
        (CertificateDocument, ("walk", 0, "coverage"), 1.5, r"walk\[0\].coverage is 1.5; it should be less than or equal to 1"),
        (CertificateDocument, ("scores",), [0.5] * 257, "scores is a list; it should have at most 256 items"),
    ],
)  # fmt: skip
def test_a_value_that_no_build_writes_is_named_with_its_place(kind, path, value, message):
    with pytest.raises(BundleError, match=message):
        kind.read(encoded(changed(SAMPLES[kind], path, value)))


def test_the_documents_of_the_first_release_of_format_1_are_read_as_telling_little():
    bundle = read_bundle(Path(__file__).parents[2] / "runtime" / "data" / "format-1.tracer")
    certificate, audit = CertificateDocument.of_bundle(bundle), AuditDocument.of_bundle(bundle)
    assert (certificate.claim, certificate.target, certificate.walk) == ("agreement", None, ())
    assert (audit.counts, audit.labels, audit.slices) == (None, (), None)
    assert FrontierDocument.of_bundle(bundle) == FrontierDocument()
    with pytest.raises(BundleError, match="target is missing"):
        certificate.claimed("certified")
