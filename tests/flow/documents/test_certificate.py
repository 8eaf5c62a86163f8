"""A certificate: what a build writes fits the schema, nothing else does, and a claim is read back with nothing on trust."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from tracer_spec.builtin.calibrators.empirical import Empirical
from tracer_spec.builtin.calibrators.pareto_testing import ParetoTesting
from tracer_spec.builtin.calibrators.risk_control import RiskControl
from tracer_spec.errors import BundleError
from tracer_spec.flow.certifying.draft import draft_certificate
from tracer_spec.flow.documents.certificate import CertificateDocument, Claim
from tracer_spec.plugin import Candidate, Chain, Model, Stage, Target

ROOT = Path(__file__).parents[3]


def candidate(n_handled, n_agree, threshold):
    gate = Stage(Model("s", b""), Model("accept", b"") if threshold else None, threshold)
    return Candidate("l2d", (gate,), 1000, n_handled, n_agree)


CHAINS = [Chain("l2d", ("s",), (candidate(400, 399, 0.8), candidate(800, 790, 0.5), candidate(1000, 900, 0.0)))]


class Rows:
    def __init__(self, n, agreement):
        self.n, self.agreement = n, agreement

    def __len__(self):
        return self.n

    def count(self, policy):
        handled = round(self.n * (1 - policy[0].threshold))
        return handled, round(handled * self.agreement)


def document(calibrator, target, *, agreement=0.99, **more):
    rows = Rows(600, agreement)
    certificate = calibrator.certify(calibrator.order(CHAINS, len(rows), target), rows, target)
    return CertificateDocument.of(replace(certificate, measure=target.measure, **more)).document()


AGREEMENT, END_TO_END = Target(0.95, 0.9), Target(None, 0.9, end_to_end=0.95)


@pytest.mark.parametrize(
    ("calibrator", "target", "agreement", "status"),
    [
        (ParetoTesting(), AGREEMENT, 0.99, "certified"),
        (ParetoTesting(), AGREEMENT, 0.5, "refused"),
        (RiskControl(), END_TO_END, 0.99, "certified"),
        (RiskControl(), END_TO_END, 0.5, "refused"),
        (Empirical(), AGREEMENT, 0.99, "uncertified"),
    ],
)
def test_every_certificate_fits_the_schema_and_has_all_its_keys(calibrator, target, agreement, status):
    written = document(calibrator, target, agreement=agreement, look=2, scores=(0.25, 0.5))
    jsonschema.validate(written, CertificateDocument.schema_document())
    assert written["status"] == status
    assert written["measure"] == ("agreement" if target is AGREEMENT else "end_to_end")
    assert set(written) == set(CertificateDocument.schema_document()["properties"]) - {"labels"}


def test_a_draft_fits_the_schema():
    draft = draft_certificate(CHAINS[0].candidates, 600, AGREEMENT)
    written = CertificateDocument.of(draft).document()
    jsonschema.validate(written, CertificateDocument.schema_document())
    assert (written["status"], written["confidence"], written["n"], written["scores"]) == ("draft", None, None, [])


@pytest.mark.parametrize(
    "change",
    [
        {"target": 1},
        {"confidence": 0},
        {"status": "proved"},
        {"measure": "speed"},
        {"claim": ""},
        {"extra": 1},
        {"look": 0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_no_build_writes_does_not_fit(change):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document(ParetoTesting(), AGREEMENT), **change}, CertificateDocument.schema_document())


def test_a_key_that_is_missing_does_not_fit():
    for key in CertificateDocument.schema_document()["required"]:
        written = document(ParetoTesting(), AGREEMENT)
        del written[key]
        assert not jsonschema.Draft202012Validator(CertificateDocument.schema_document()).is_valid(written), key


# --- the claim read back -----------------------------------------------------------------------------------------------

GOOD = {"claim": "c", "measure": "agreement", "target": 0.9, "confidence": 0.95, "n_certify": 3, "scores": [0.1, 0.2]}


def claimed(certificate, status):
    return CertificateDocument.read(json.dumps(certificate).encode()).claimed(status)


def test_a_claim_is_read_back_from_the_certificate():
    assert claimed(GOOD, "certified") == Claim("c", "agreement", 0.9, 0.95, 3, (0.1, 0.2))
    assert claimed({**GOOD, "confidence": None}, "certified").confidence is None
    assert claimed(GOOD, "draft").confidence is None


def test_a_certificate_of_before_measures_were_named_is_read_by_its_calibrator():
    old = {key: value for key, value in GOOD.items() if key not in ("measure", "scores")}
    assert claimed({**old, "calibrator": "risk-control"}, "certified").measure == "end_to_end"
    assert claimed({**old, "calibrator": "pareto-testing"}, "certified").measure == "agreement"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": None}, "target is missing, not a number between 0 and 1"),
        ({"target": 1.0}, "target is 1.0"),
        ({"target": True}, "target is True"),
        ({"confidence": "x"}, "confidence is 'x'; it should be a valid number"),
        ({"measure": "speed"}, "measure is 'speed'; it should be 'agreement' or 'end_to_end'"),
        ({"n_certify": -1}, "n_certify is -1; it should be greater than or equal to 0"),
        ({"scores": [0.1] * 4}, "it has more scores than n_certify"),
        ({"scores": ["x"]}, r"scores\[0\] is 'x'"),
        ({"scores": {}}, "scores is an object"),
        ({"walk": [{"n": 3}]}, r"walk\[0\].coverage is missing"),
    ],
)
def test_a_certificate_that_cannot_be_verified_is_refused(change, message):
    with pytest.raises(BundleError, match=message) as caught:
        claimed({**GOOD, **change}, "certified")
    assert caught.value.problems[0].address == "certificate.json"
