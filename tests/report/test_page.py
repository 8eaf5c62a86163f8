"""The page as text: what it says, what it leaves out and says so, how large it gets."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from pathlib import Path

import pytest

from tests.runtime import bundles
from tracer_spec.errors import BundleError
from tracer_spec.report.page import MOST_BYTES, render
from tracer_spec.runtime import read_bundle

FORMAT_1 = Path(__file__).parents[1] / "runtime" / "data" / "format-1.tracer"
NBSP = "\N{NO-BREAK SPACE}"


def told(page):
    """Return the text of a page, without its scripts and styles."""
    body = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).replace(NBSP, " ").split())


@pytest.fixture(scope="module")
def page(documents):
    return render(documents.full())


def test_the_page_opens_with_the_claim_and_says_what_alone_is_certified(page, documents):
    claim = documents.certificate()["claim"]
    words = told(page.html)
    assert words.index(f"W{claim[1:]}.") < words.index("Only the sentence above is certified.")
    assert "482 of 500 handled certify rows agree with the teacher (p = 0.004, of 0.05 allowed)" in words


SECTIONS = (
    "front",
    "walk",
    "labels",
    "flow",
    "acceptor",
    "slices",
    "reasons",
    "confusions",
    "boundary",
    "examples",
    "suspects",
    "cost",
    "basis",
    "provenance",
)


def test_a_full_bundle_has_every_section_in_order_and_lacks_none(page):
    assert page.sections == SECTIONS
    assert [each.reason for each in page.absent] == [
        "no log of decisions was given: report BUNDLE --log LOG",
        "no previous bundle was given: report BUNDLE --previous OLD",
    ]
    assert tuple(re.findall(r'<section id="([^"]+)"', page.html)) == (*SECTIONS, "absent")


def test_numbers_on_the_page_are_those_of_the_documents(page):
    words = told(page.html)
    assert "top_up 100 99.0 % 90.9 % 1" in words  # rows, handled, 90 of 99 agree, deferred
    assert "a day $20.00 $10.00 $10.00" in words
    assert "3 50.0 % 500 482 0.004 ✓ passed ships" in words
    assert "prototypes 7 3 42.9 %" in words


def test_a_bundle_of_format_1_gets_a_page_that_says_what_is_missing():
    page = render(read_bundle(FORMAT_1))
    assert page.sections == ("provenance",)
    assert len(page.absent) == 15
    assert "made by an earlier version, does not hold it; build it again" in told(page.html)


def test_a_draft_is_called_a_draft_and_claims_nothing(documents):
    manifest = bundles.manifest(status="draft").document()
    drafted = documents.certificate(
        status="draft", claim="a draft", confidence=None, walk=[], n=None, k=None, p_value=None, level=None
    )
    page = render(
        documents.bundle(
            manifest=manifest, certificate=drafted, audit=documents.audit(["a", "b"]), frontier=documents.frontier()
        )
    )
    words = told(page.html)
    assert "✎ draft A draft. Nothing is certified and the certify rows stay sealed" in words
    assert "asked for, not certified" in words
    assert "The certified walk a draft opens no certify row" in words


def test_a_calibrator_without_confidence_is_not_called_certified(documents):
    page = render(documents.bundle(certificate=documents.certificate(confidence=None, calibrator="empirical")))
    assert "○ uncertified" in told(page.html)
    assert 'tile-certified"' not in page.html


def test_a_rare_label_whose_requests_get_another_label_is_noted_under_the_claim(documents):
    audit = documents.audit(["card", "loan"])
    audit["labels"][1] = {"label": "loan", "n": 9, "handled": 9, "agree": 1}
    page = render(documents.bundle(certificate=documents.certificate(), audit=audit))
    assert "Note Fit rows of rare labels answered with another label: 'loan' 8 of 9." in told(page.html)


def test_a_previous_bundle_adds_what_changed_for_users_for_trust_and_by_label(documents):
    labels = ["card_arrival", "top_up"]
    before = documents.audit(labels)
    before["labels"][1] |= {"handled": 20, "agree": 19}
    before |= {"handled": 120, "agree": 109}
    old = documents.bundle(
        certificate=documents.certificate(target=0.9),
        frontier=documents.frontier(),
        audit=before,
        thresholds=(0.8, 0.9),
    )
    page = render(documents.full(labels), old)
    assert page.sections == ("changes", *SECTIONS)
    assert [each.title for each in page.absent] == ["Since release"]
    words = told(page.html)
    assert "coverage 0.600 → 0.995" in words
    assert "Of 1,000 requests about 995 are answered by the surrogate, 600 before" in words
    assert "1 change beyond noise" in words
    assert "top_up change 20.0 % 99.0 % +79.0 95.0 % 90.9 % card_arrival 100.0 % 100.0 % +0.0 90.0 % 90.0 %" in words


def test_the_same_bundle_gives_the_same_page(page, documents):
    assert render(documents.full()).html == page.html


def test_texts_are_told_only_where_the_bundle_has_them(page, documents):
    assert "Texts are left out" in page.html
    assert "<blockquote" not in page.html
    assert "where is my <b>card</b>?" in told(render(documents.full(text="where is my <b>card</b>?")).html)


def test_a_thousand_long_labels_and_texts_stay_under_the_limit_and_are_counted(documents):
    labels = [f"{number:04d} <&'\">{'&' * 300}" for number in range(1500)]
    many = documents.audit(labels, text="<" * 5000)
    for name, most in (("boundary", 30), ("suspects", 50), ("confusions", 50)):
        many[name] *= most
    many["slices"][0]["parts"] *= 100
    spec = "# " + "<&>" * 50_000
    page = render(
        documents.bundle(certificate=documents.certificate(), frontier=documents.frontier(3000), audit=many, spec=spec)
    )
    assert 897_000 < len(page.html.encode()) < MOST_BYTES
    words = told(page.html)
    shown_labels = len(
        re.findall(
            r'<tr><th scope="row" dir="auto">\d{4} [^/]*</th><td class="num" data-v="100">100</td><td class="barred"',
            page.html,
        )
    )
    assert f"{1500 - shown_labels:,} more labels not shown" in words
    assert "6,000 policies that were considered" in words


def test_the_policy_of_the_page_allows_its_own_scripts_and_styles_and_nothing_else(page):
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]+)"', page.html)[1])
    directives = dict(each.split(" ", 1) for each in policy.split("; "))
    scripts = re.findall(r"<script>(.*?)</script>", page.html, re.DOTALL)
    styles = re.findall(r"<style>(.*?)</style>", page.html, re.DOTALL)

    def digests(texts):
        return " ".join(
            f"'sha256-{base64.b64encode(hashlib.sha256(each.encode()).digest()).decode()}'" for each in texts
        )

    assert directives == {
        "default-src": "'none'",
        "script-src": digests(scripts),
        "style-src": digests(styles),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_hostile_text_stands_on_the_page_as_text_and_in_its_data_as_data(documents):
    previous = documents.full(documents.HOSTILE[:3])
    page = render(
        documents.full(documents.HOSTILE, text=documents.HOSTILE[0], spec=documents.HOSTILE[0]), previous
    ).html
    markup = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    assert not re.search(r"<(script|img|svg onload)", markup)
    assert "<script>window.ran=1" in told(page)
    for data in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL):
        assert not set(data) & set("<>&\u2028\u2029")
        json.loads(data)
    assert not set(page) & set("\x00\x1b\u202e")


def test_names_in_a_document_steer_no_terminal_that_the_page_is_printed_on(documents):
    name = "\x1b[31mred\u202e\x9b"
    page = render(documents.bundle(certificate=documents.certificate(), frontier=documents.frontier(name=name))).html
    assert "[31mred" in page
    assert not set(page) & set(name[:1] + name[-2:])


def test_a_document_of_the_wrong_kind_is_named_with_its_place(documents):
    with pytest.raises(BundleError) as caught:
        render(documents.bundle(audit={"schema_version": 1, "labels": [{"label": 3, "n": -1}]}))
    (problem,) = caught.value.problems
    assert problem.address == "audit.json"
    assert problem.what == "labels[0].n is -1; it should be greater than or equal to 0"
