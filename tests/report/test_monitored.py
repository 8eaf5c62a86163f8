"""The section on a log of decisions: what it says of the claim since release."""

from __future__ import annotations

import json
import re

import pytest

from tests.production.decisions import line, reference, traffic
from tracer_spec.production.monitoring.log import Reading
from tracer_spec.production.monitoring.monitor import Monitor
from tracer_spec.report.page import render


def followed(lines, **changed) -> tuple[Monitor, Reading]:
    monitor = Monitor(reference(**changed))
    for each in lines:
        monitor.add(each)
    return monitor, Reading((), len(lines), ("<b>a.jsonl</b> is a copy of b.jsonl, and is not read",))


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


def test_a_claim_that_holds_stays_certified(documents):
    page = render(documents.full(), None, followed(traffic(500, 0.96, minutes=30)))
    assert 'class="verdict verdict-certified"' in page.html
    assert "Holds, by the log since release: agreement may be 0.92 or more" in page.html


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
