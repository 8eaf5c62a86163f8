"""The page in a real browser: it draws, answers mouse and keyboard, fetches nothing, and runs nothing of a trace."""

from __future__ import annotations

import json
import time

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.production.decisions import traffic
from tests.report.test_monitored import followed
from tracer_spec.report.page import render

TEXT = "where is my card?"
AT_MOST_S = 120
"""How long a test waits for what should come at once before it calls it lost."""


@pytest.fixture(scope="module")
def place(documents, tmp_path_factory):
    """Write pages to files and return their addresses by name."""
    folder = tmp_path_factory.mktemp("pages")
    labels = ("card_arrival", "top_up", "fraud_report", *(f"label {number}" for number in range(20)))
    pages = {
        "full": documents.full(labels, text=TEXT),
        "hostile": documents.full(documents.HOSTILE, text=documents.HOSTILE[0], spec=documents.HOSTILE[0]),
    }
    html = {name: render(bundle).html for name, bundle in pages.items()}
    html["monitored"] = render(pages["full"], None, followed(traffic(3000, 0.9, minutes=15))).html
    for name, text in html.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: (folder / f"{name}.html").as_uri() for name in html}


@pytest.fixture
def visit(chromium, place):
    """Open a page at some width and theme, and wait until its charts are drawn."""

    def go(name="full", *, width=1280, theme="light", media=""):
        chromium.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        feature = {"name": "prefers-color-scheme", "value": theme}
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": [feature]})
        chromium.get_log("browser"), chromium.get_log("performance")
        chromium.get(place[name])
        end = time.monotonic() + AT_MOST_S
        while not chromium.execute_script("return document.documentElement.dataset.drawn"):
            assert time.monotonic() < end, chromium.get_log("browser")
            time.sleep(0.02)
        return chromium

    return go


def requested(browser):
    """Return the addresses that the page asked for."""
    entries = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [entry["params"]["request"]["url"] for entry in entries if entry["method"] == "Network.requestWillBeSent"]


def column(browser, table, number):
    script = (
        "return [...document.querySelectorAll(arguments[0])].map(each => each.cells[arguments[1]].innerText.trim())"
    )
    return browser.execute_script(script, f"{table} tbody tr:not([hidden])", number)


def test_every_chart_is_drawn_without_a_message_or_a_request(visit, place):
    browser = visit()
    assert browser.get_log("browser") == []
    assert [url for url in requested(browser) if not url.startswith("data:")] == [place["full"]]
    drawn = browser.execute_script(
        "return [...document.querySelectorAll('[data-chart]')]"
        ".map(e => [e.dataset.chart, e.querySelectorAll('path, text').length > 5])"
    )
    stages = ["scores-1", "reliability-1", "scores-2", "reliability-2"]
    names = ["front", "walk", "flow", *stages, "slices-0", "slices-1"]
    assert drawn == [[name, True] for name in names]


def test_the_chart_of_a_log_is_drawn_and_tells_its_numbers(visit, place):
    browser = visit("monitored")
    assert browser.get_log("browser") == []
    assert [url for url in requested(browser) if not url.startswith("data:")] == [place["monitored"]]
    told = hover(browser, "#monitored")
    assert told[0::2] == ["From", "Audited", "In these days", "Since release"]
    assert told[1].startswith("2026-03-")
    assert len(column(browser, "#monitored", 0)) == 32


def test_nothing_of_a_hostile_trace_runs(visit, place):
    browser = visit("hostile")
    assert browser.execute_script("return window.ran === undefined")
    assert browser.get_log("browser") == []
    assert [url for url in requested(browser) if not url.startswith("data:")] == [place["hostile"]]
    assert browser.execute_script("return document.querySelectorAll('main img, main script, main iframe').length") == 0
    assert "<img src=x onerror='window.ran=2'>" in column(browser, "#labels-table", 0)
    hover(browser, "#flow", selector=".mark-path path")
    assert browser.execute_script(
        "return window.ran === undefined && document.querySelectorAll('#tip *:not(dl, dt, dd)').length === 0"
    )


def hover(browser, section, number=0, selector=".mark-symbol path"):
    """Move the pointer over a mark of a section's chart and return the words of its details."""
    chart = browser.find_element(By.CSS_SELECTOR, f"{section} .chart")
    browser.execute_script("document.getElementById('tip').hidden = true")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", chart)
    ActionChains(browser).move_to_element(chart.find_elements(By.CSS_SELECTOR, selector)[number]).perform()
    end = time.monotonic() + AT_MOST_S
    while not browser.execute_script("return !document.getElementById('tip').hidden"):
        assert time.monotonic() < end, "no details were shown"
        time.sleep(0.02)
    return (
        browser.execute_script("return document.getElementById('tip').innerText")
        .replace("\N{NO-BREAK SPACE}", " ")
        .split("\n")
    )


def test_a_hover_over_a_policy_shows_its_details_and_escape_hides_them(visit, documents):
    browser = visit()
    for mark in (0, 17, 60):
        told = hover(browser, "#front", mark)
        assert told[::2] == ["Family", "Surrogates", "Coverage", "Agreement", "Thresholds"]
        assert told[1::2] in [
            [
                chain["family"],
                " then ".join(chain["surrogates"]),
                f"{100 * each['coverage']:.1f} %",
                f"{100 * each['agreement']:.1f} %",
                f"{each['thresholds'][0]:.4f}",
            ]
            for chain in documents.frontier()["chains"]
            for each in chain["candidates"]
        ]
    ActionChains(browser).send_keys(Keys.ESCAPE).perform()
    assert browser.execute_script("return document.getElementById('tip').hidden")


def test_a_hover_over_any_chart_shows_its_details(visit):
    browser = visit()
    for section, selector, names in [
        ("#walk", ".mark-symbol path", ["Test", "Outcome", "Coverage", "Agree", "p-value"]),
        ("#flow", ".mark-path path", ["From", "To", "Rows", "Of all"]),
        ("#acceptor", ".mark-rect path", ["Score", "Surrogate", "Rows", "Share"]),
        ("#acceptor figure + figure", ".mark-symbol path", ["Scores", "Mean score", "Agreement", "Rows"]),
        ("#slices", ".mark-symbol path", ["Part", "Rows", "Handled", "Agreement", "Interval"]),
    ]:
        told = hover(browser, section, selector=selector)
        assert told[::2] == names
        assert "undefined" not in told


def test_labels_sort_by_mouse_and_by_keyboard(visit):
    browser = visit()
    before = column(browser, "#labels-table", 0)
    headers = browser.find_elements(By.CSS_SELECTOR, "#labels-table th[data-sort]")
    button = headers[2].find_element(By.TAG_NAME, "button")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()
    assert headers[2].get_attribute("aria-sort") == "descending"
    assert column(browser, "#labels-table", 0)[:2] == ["card_arrival", "top_up"]
    button.send_keys(Keys.ENTER)
    assert headers[2].get_attribute("aria-sort") == "ascending"
    rates = [float(text.split()[0]) for text in column(browser, "#labels-table", 2)]
    assert rates == sorted(rates)
    headers[0].find_element(By.TAG_NAME, "button").send_keys(Keys.SPACE)
    assert [each.get_attribute("aria-sort") for each in headers] == ["ascending", None, None, None, None]
    names = column(browser, "#labels-table", 0)
    assert sorted(names) == sorted(before)
    assert names[3:6] == ["label 0", "label 1", "label 2"] or names.index("label 2") < names.index("label 10")


def test_a_label_is_found_by_typing(visit):
    browser = visit()
    browser.find_element(By.ID, "find").send_keys("FRAUD")
    assert column(browser, "#labels-table", 0) == ["fraud_report"]
    assert browser.find_element(By.CSS_SELECTOR, "[data-found]").text == "1 of 23 labels"


def test_the_first_stops_of_the_keyboard_are_the_skip_link_and_the_theme_and_both_show(visit):
    browser = visit()
    focused = "const e = document.activeElement; return [e.className || e.id, getComputedStyle(e).outlineStyle]"
    ActionChains(browser).send_keys(Keys.TAB).perform()
    assert browser.execute_script(focused) == ["skip", "solid"]
    assert browser.execute_script("return document.activeElement.getBoundingClientRect().top >= 0")
    ActionChains(browser).send_keys(Keys.TAB).perform()
    assert browser.execute_script(focused) == ["theme", "solid"]


def luminance(colour):
    parts = [int(each) / 255 for each in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_from_its_ground_in_both_themes(visit, theme):
    browser = visit(theme=theme)
    script = """
    const out = [];
    for (const e of document.querySelectorAll('main *, header *, footer *')) {
      if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || !e.checkVisibility()) continue;
      let ground = e; let back = 'rgba(0, 0, 0, 0)';
      while (ground && (back = getComputedStyle(ground).backgroundColor) === 'rgba(0, 0, 0, 0)') ground = ground.parentElement;
      const style = getComputedStyle(e);
      if (style.stroke !== 'none') continue; // the halo behind a text
      out.push([e instanceof SVGElement ? style.fill : style.color, back, e.textContent.slice(0, 40)]);
    }
    return out;
    """
    found = browser.execute_script(script)
    assert len(found) > 200
    for front, back, text in found:
        light, dark = sorted((luminance(front), luminance(back)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, front, back)
    assert (luminance(found[0][1]) > 0.9) == (theme == "light")


def test_the_theme_can_be_changed_and_charts_follow(visit):
    browser = visit()
    colour = "return getComputedStyle(document.querySelector('#front .mark-text text')).fill"
    before = browser.execute_script(colour)
    browser.find_element(By.ID, "theme").click()
    assert luminance(browser.execute_script(colour)) > 3 * luminance(before)
    assert browser.find_element(By.ID, "theme").text == "Light theme"


def test_a_phone_shows_the_page_without_scrolling_sideways(visit):
    browser = visit(width=390)
    assert browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]") == [390, 390]
    wide = "return [...document.querySelectorAll('.chart svg')].map(e => e.getBoundingClientRect().right).filter(x => x > 391)"
    assert browser.execute_script(wide) == []


def test_print_is_light_and_whole_even_from_the_dark(visit):
    import base64

    browser = visit(theme="dark", media="print")
    assert luminance(browser.execute_script("return getComputedStyle(document.body).backgroundColor")) > 0.9
    assert browser.execute_script("return document.querySelector('nav').checkVisibility()") is False
    printed = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {})["data"])
    assert printed.startswith(b"%PDF-")
    assert 3 <= printed.count(b"/Type /Page\n") <= 20
