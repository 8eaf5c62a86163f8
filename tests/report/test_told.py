"""Provenance is free JSON of whoever wrote the file: what is no count is not told, and nothing fails of it."""

from dataclasses import replace

import pytest

from tracer_spec.cli.text.bundle import makings
from tracer_spec.flow.documents.audit import AuditDocument
from tracer_spec.flow.documents.certificate import CertificateDocument
from tracer_spec.report.facts import bundle_facts
from tracer_spec.report.page import render
from tracer_spec.report.told import told_traces

COUNTS = {"read": 1521, "kept": 1500, "dropped": {"duplicate id": 21}, "fit": 910, "certify": 590, "unknown_labels": 3}
ODD = ["1521", None, [], [[]], {}, True, -1, 0.5, float("inf"), 10**40]


def with_provenance(documents, **told):
    """Return a whole bundle whose provenance tells so."""
    whole = documents.full()
    return replace(whole, manifest=replace(whole.manifest, provenance=told))


def facts(bundle):
    """Return what ``inspect`` tells, and see to it that the page can be made too."""
    certificate = CertificateDocument.model_validate_json(bundle.members["certificate.json"])
    audit = AuditDocument.model_validate_json(bundle.members["audit.json"])
    assert render(bundle).html
    return {fact.name: fact.text for fact in (*bundle_facts(bundle, certificate, audit), *makings(bundle))}


def test_counts_are_told(documents):
    sources = [{"source": "jsonl", "read": 7, "kept": 7, "dropped": {}}]
    told = facts(with_provenance(documents, traces=COUNTS | {"sources": sources}, libraries={"onnx": "1"}))
    assert told["traces"].startswith("1,521 read, 1,500 kept; dropped: 21 duplicate id; 910 fit, 590 certify; ")
    assert told["traces"].endswith("; 3 answers off the list")
    assert told["sources"] == "jsonl: 7 read, 7 kept"
    assert told["built with"] == "onnx 1"


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_what_is_no_count_is_not_told_and_stops_nothing(documents, odd):
    for key in ("read", "kept", "fit", "certify"):
        assert "traces" not in facts(with_provenance(documents, traces=COUNTS | {key: odd}))
    assert told_traces(with_provenance(documents, traces=COUNTS | {"unknown_labels": odd})).n_unknown == 0
    assert told_traces(with_provenance(documents, traces=COUNTS | {"dropped": {"no text": odd}})) is None
    assert told_traces(with_provenance(documents, traces=odd)) is None
    for sources in (odd, [odd], [{"source": odd}], [COUNTS | {"source": "a", "kept": odd}]):
        assert "sources" not in facts(with_provenance(documents, traces=COUNTS | {"sources": sources}))
    assert facts(with_provenance(documents, traces=odd, libraries=odd, plugins=odd, seed=odd))["built with"] == ""
