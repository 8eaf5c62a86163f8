"""The section on a log of decisions: what it says of the claim since release."""

from __future__ import annotations

import html
import json
import re

import pytest

from tests.production.decisions import line, traffic, watched
from tracer_spec.production.monitoring.claims import LabelClaim
from tracer_spec.production.monitoring.log import Reading
from tracer_spec.production.monitoring.monitor import Monitor
from tracer_spec.report.page import render
from tracer_spec.text_format import as_share


def followed(lines, **changed) -> tuple[Monitor, Reading]:
    return watched(lines, **changed), Reading((), len(lines), ("<b>a.jsonl</b> is a copy of b.jsonl, and is not read",))


def chart_data(page) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="chart-monitored">(.*?)</script>', page.html)[1])


@pytest.fixture(scope="module")
def refuted(documents):
    return render(documents.full(), None, followed(traffic(6000, 0.8, minutes=15)))


def test_a_page_with_a_log_opens_with_it_and_names_a_claim_that_is_refuted(refuted):
    assert refuted.sections[0] == "monitored"
    assert "Since release" not in {each.title for each in refuted.absent}
    assert 'class="verdict verdict-refuted"' in refuted.html
    assert "✗</span> refuted" in refuted.html
    assert "Refuted, by the log since release: agreement has been under the 0.92 that was claimed" in refuted.html
    assert "&lt;b&gt;a.jsonl&lt;/b&gt; is a copy" in refuted.html


def heading(page) -> str:
    return html.unescape(re.search(r'<h1 id="claim">(.*?)</h1>', page.html)[1])


def tiles(page) -> dict[str, str]:
    """Return the numbers at the top, by their kind and name."""
    found = re.findall(r'class="tile tile-(\w+)"><dt>(.*?) <span.*?<b>(.*?)</b>', page.html)
    return {f"{kind} {name}": html.unescape(value) for kind, name, value in found}


def test_a_refuted_claim_is_history_and_the_headline_says_since_when_and_by_how_many_audits(refuted):
    monitor, _ = followed(traffic(6000, 0.8, minutes=15))
    at = monitor.tally.refuted
    assert heading(refuted) == (
        "Refuted, by the log since release: agreement has been under the 0.92 that was claimed, as was shown after "
        f"{at.n} audited rows on {at.time[:10]}."
    )
    assert "At release this was certified: With 95 % confidence, this router agrees" in refuted.html
    assert "Only the sentence above is certified" not in refuted.html
    assert "In shadow mode the teacher answers everything until the next bundle" in refuted.html
    assert "; audited rows may certify the next bundle: add the log" in refuted.html


def test_no_number_of_a_refuted_claim_looks_certified_and_those_beside_it_are_measured(refuted):
    monitor, _ = followed(traffic(6000, 0.8, minutes=15))
    assert tiles(refuted) == {
        "refuted Agreement": "≥ 92 %",
        "measured Coverage": as_share(monitor.coverage.share),
        "measured Agreement": as_share(monitor.agreement.share),
        "projection Saved": tiles(refuted)["projection Saved"],
    }


def test_of_claims_of_labels_those_that_fell_are_named_with_when_each_was_refuted(documents):
    claim = LabelClaim("a", "missed", 0.1)
    right = [line(n, audit=True, teacher="b", label="b") for n in range(400)]
    wrong = [line(400 + n, audit=True, teacher="a", label="b" if n % 3 == 0 else "a") for n in range(150)]
    monitor, reading = followed([*right, *wrong], label_claims=(claim,), target=0.6, measured=None)
    page = render(documents.full(), None, (monitor, reading))
    assert heading(page) == (
        "Refuted, by the log since release: what was claimed of 'a' (missed) does not hold, as was shown after "
        f"{monitor.claims[0].refuted.n} audited rows on 2026-03-01."
    )
    assert "claimed Agreement" in tiles(page)
    assert not [each for each in tiles(page) if each.startswith("certified")]


def test_a_claim_that_holds_stays_certified(documents):
    page = render(documents.full(), None, followed(traffic(500, 0.96, minutes=30)))
    assert 'class="verdict verdict-certified"' in page.html
    assert "Holds, by the log since release: agreement may be 0.92 or more" in page.html


def test_a_log_that_lacks_files_never_says_a_bare_holds(documents):
    monitor, reading = followed(traffic(500, 0.96, minutes=30))
    monitor.tally.missing_files = 2
    page = render(documents.full(), None, (monitor, reading))
    assert "Holds, of a log that lacks 2 files: agreement may be 0.92 or more" in page.html
    assert "the log lacks 2 files with earlier decisions of this bundle" in page.html


def test_the_chart_has_the_rate_since_release_with_its_interval_and_the_table_its_numbers(refuted):
    monitor, _ = followed(traffic(6000, 0.8, minutes=15))
    band = next(each["data"]["values"] for each in chart_data(refuted)["layer"] if each["mark"]["type"] == "area")
    course = monitor.progress()
    assert len(band) == len(course) > 50
    assert band[-1]["y"] == monitor.rate.share
    assert (band[-1]["lo"], band[-1]["hi"]) == (monitor.rate.lower, monitor.rate.upper)
    assert f'<td class="num" data-v="{course[-1].own.n}">{course[-1].own.n}</td>' in refuted.html


def test_a_log_of_one_day_or_without_an_audit_has_no_chart_and_says_why(documents):
    day = render(documents.full(), None, followed(traffic(100, 0.95)))
    assert "chart-monitored" not in day.html
    deferred = [line(number, handled=False, teacher="b", minutes=900) for number in range(50)]
    page = render(documents.full(), None, followed(deferred))
    assert "chart-monitored" not in page.html
    assert "none of 50 rows was audited" in page.html


def test_an_end_to_end_claim_is_told_as_such(documents):
    page = render(documents.full(), None, followed(traffic(900, 0.97, minutes=30), measure="end_to_end", target=0.95))
    assert "The end-to-end rate since release" in page.html
    assert "audited rows get no label but the teacher&#39;s" in page.html
