"""``certificate.v1.json`` describes every certificate that a build can write, and no other document."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from tracer_spec.builtin.calibrators.empirical import Empirical
from tracer_spec.builtin.calibrators.pareto_testing import ParetoTesting
from tracer_spec.builtin.calibrators.risk_control import RiskControl
from tracer_spec.flow.certifying.draft import draft_certificate
from tracer_spec.flow.documents.certificate_schema import certificate_schema
from tracer_spec.flow.documents.writers import as_json, certificate_document
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
    return json.loads(as_json(certificate_document(replace(certificate, **more), target)))


AGREEMENT, END_TO_END = Target(0.95, 0.9), Target(None, 0.9, end_to_end=0.95)


@pytest.mark.parametrize(
    ("calibrator", "target", "agreement", "status"),
    [
        (ParetoTesting(), AGREEMENT, 0.99, "certified"),
        (ParetoTesting(), AGREEMENT, 0.5, "refused"),
        (RiskControl(), END_TO_END, 0.99, "certified"),
        (RiskControl(), END_TO_END, 0.5, "refused"),
        (Empirical(), AGREEMENT, 0.99, "certified"),
    ],
)
def test_every_certificate_fits_the_schema_and_has_all_its_keys(calibrator, target, agreement, status):
    written = document(calibrator, target, agreement=agreement, look=2, scores=(0.25, 0.5))
    jsonschema.validate(written, certificate_schema())
    assert written["status"] == status
    assert written["measure"] == ("agreement" if target is AGREEMENT else "end_to_end")
    assert set(written) == set(certificate_schema()["properties"])


def test_a_draft_fits_the_schema():
    draft = draft_certificate(CHAINS[0].candidates, 600, AGREEMENT)
    written = json.loads(as_json(certificate_document(draft, AGREEMENT)))
    jsonschema.validate(written, certificate_schema())
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
        jsonschema.validate({**document(ParetoTesting(), AGREEMENT), **change}, certificate_schema())


def test_a_key_that_is_missing_does_not_fit():
    for key in certificate_schema()["properties"]:
        written = document(ParetoTesting(), AGREEMENT)
        del written[key]
        assert not jsonschema.Draft202012Validator(certificate_schema()).is_valid(written), key
