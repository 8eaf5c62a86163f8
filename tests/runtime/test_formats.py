"""A bundle of every format there ever was. A file here is never made again: it must load as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tracer_spec.errors import BundleError
from tracer_spec.runtime import load
from tracer_spec.runtime.manifest import FORMAT

DATA = Path(__file__).parent / "data"
FORMAT_1 = "72145d0d3563bed63fa7b31d6420282eafd9b42b7044ceba6453ac36462af47a"

FORMAT_2 = "3b435b06eb61f8d3cd781a581420475ea08e9b7d31f63721970948f99aa1327d"


def test_a_bundle_of_format_1_loads_and_decides_as_on_its_first_day():
    router = load(DATA / "format-1.tracer", sha256=FORMAT_1)
    assert (router.name, router.version) == ("support-intents", "246a215dee1f")
    decisions = [router.route(x)[:2] for x in np.eye(4) * 2]
    assert decisions == [("card_arrival", True), ("top_up", True), (None, False), ("top_up", True)]
    with pytest.raises(BundleError, match="does not say how the teacher's answers become labels"):
        router.normalize("top_up")


def test_a_bundle_of_format_2_loads_and_takes_texts_out_of_their_prompts(bundles):
    router = load(DATA / "format-2.tracer", sha256=FORMAT_2, embedder=bundles.Letters())
    assert (router.name, router.version) == ("support-intents", "a6e5a7608a2a")
    texts = ["Classify.\nText: a \nLabel:", "a", "Text: d", "cc"]
    decisions = [router.route(text)[:2] for text in texts]
    assert decisions == [("card_arrival", True), ("card_arrival", True), ("top_up", True), (None, False)]
    assert [router.normalize(each) for each in ('{"intent": " top-up"}', "a word", None)] == ["top_up", None, None]


def test_every_format_has_its_file():
    wanted = [f"format-{number}.tracer" for number in range(1, FORMAT + 1)]
    assert sorted(path.name for path in DATA.glob("*.tracer")) == wanted
