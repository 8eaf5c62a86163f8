"""``concat`` of two parts that other distributions make: a service, and one that the app must say where it runs."""

from __future__ import annotations

import importlib
import json
import sys

import numpy as np
import pytest

import tracer_spec as ts
from tracer_spec.errors import BundleError, UsageError
from tracer_spec.testing.distribution import put_distribution

SERVICE = """
from typing import Annotated
import pathlib
import numpy as np
from pydantic import Field
from tracer_spec.errors import PluginError
from tracer_spec.plugin import DeploymentOption, Options, Plugin, hookimpl


class FarOptions(Options):
    url: Annotated[str, DeploymentOption()] = Field("", description="a folder: calls are written down there")


class Far:
    is_service = True

    def __init__(self, options):
        self.place = pathlib.Path(options.url)

    def embed(self, texts):
        with open(self.place / "calls", "a") as calls:
            calls.writelines(f"{text}\\n" for text in texts)
        if (self.place / "down").exists():
            raise PluginError("nobody answers", hint="start it")
        sign = -1 if (self.place / "other").exists() else 1
        return np.array([[1 + sign * len(text) % 7, text.count("a")] for text in texts], np.float32).reshape(len(texts), 2)

    def fingerprint(self):
        return "far 1"

    def state(self):
        return {}


@hookimpl
def tracer_spec_embedders():
    yield Plugin("far", "asks a service", Far, FarOptions)
"""
LOCAL = """
from typing import Annotated
import numpy as np
from pydantic import Field
from tracer_spec.plugin import DeploymentOption, Options, Plugin, hookimpl


class NearOptions(Options):
    words: list[str] = Field(description="what is counted")
    url: Annotated[str | None, DeploymentOption()] = Field(None, description="where its model is")


class Near:
    def __init__(self, options):
        self.words, self.url = options.words, options.url

    def embed(self, texts):
        assert self.url, "url is not given"
        return np.array([[each in text for each in self.words] for text in texts], np.float32).reshape(len(texts), -1)

    def fingerprint(self):
        return f"near {self.words}"

    def state(self):
        return {}


@hookimpl
def tracer_spec_embedders():
    yield Plugin("near", "counts words", Near, NearOptions)
"""
WORDS = ("card", "loan", "rent")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with traces, where both plugins are installed and the service writes down what it is asked."""
    folder = tmp_path_factory.mktemp("services")
    put_distribution(folder / "site", "tracer_far", "1.0", {"far": "far_part"}, far_part=SERVICE)
    put_distribution(folder / "site", "tracer_near", "2.0", {"near": "near_part"}, near_part=LOCAL)
    rows = [WORDS[at] for at in np.random.default_rng(0).integers(0, 3, 300)]
    lines = [json.dumps({"input": f"my {each} number {i}", "teacher": each}) for i, each in enumerate(rows)]
    (folder / "t.jsonl").write_text("\n".join(lines))
    sys.path.insert(0, str(folder / "site"))
    importlib.invalidate_caches()
    yield folder
    sys.path.remove(str(folder / "site"))
    for module in ("far_part", "near_part"):
        sys.modules.pop(module, None)


def spec_of(place, **more):
    far = {"use": "far", "with": {"url": str(place)}}
    near = {"use": "near", "with": {"words": list(WORDS), "url": str(place)}, **more}
    return {
        "version": 1,
        "name": "services",
        "traces": {"use": "jsonl", "with": {"path": str(place / "t.jsonl")}},
        "embedder": {"use": "concat", "with": {"of": ["lsa", far, near]}},
        "zoo": ["logreg"],
        "families": ["l2d"],
        "target": {"agreement": 0.8},
    }


def remember(patch, place):
    patch.setenv("TRACER_SPEC_CACHE", str(place / "cache"))
    patch.setenv("TRACER_SPEC_CACHE_MB", "100")


@pytest.fixture(scope="module")
def bundle(place):
    with pytest.MonkeyPatch.context() as patch:
        remember(patch, place)
        result = ts.build(spec_of(place), out=place / "services.tracer", workers=1)
    assert result.status == "certified"
    return place / "services.tracer"


@pytest.fixture
def calls(place):
    """Return what the service was asked since the test began."""
    path = place / "calls"
    path.write_text("")
    yield lambda: path.read_text().splitlines()
    for name in ("down", "other"):
        (place / name).unlink(missing_ok=True)


def given(place):
    return {"embedder": "near,far", "embedder_options": {"1.url": str(place), "2.url": "/models"}}


def test_each_part_is_told_where_it_runs_by_its_number(place, bundle, calls):
    assert str(place).encode() not in bundle.read_bytes().partition(b"router.yaml")[0]
    for one in ("near", "far"):
        with pytest.raises(BundleError, match=f"'{one}' alone was asked for") as caught:
            ts.load(bundle, embedder=one)
        assert "load(path, embedder='far,near')" in caught.value.problems[0].hint
    with pytest.raises(UsageError, match=r"the embedder's parts 1 \(far\) and 2 \(near\) both take url") as caught:
        ts.load(bundle, embedder="near,far", embedder_options={"url": str(place)})
    assert caught.value.problems[0].hint == "say which: 1.url"
    with pytest.raises(UsageError, match=r"do not take 0\.url, 3\.url from the app; allowed: url"):
        ts.load(bundle, embedder="near,far", embedder_options={"0.url": "x", "3.url": "y"})
    router = ts.load(bundle, **given(place))
    assert router.route("my loan number 7").label == "loan"


def test_a_service_among_the_parts_is_not_called_by_loading_and_is_compared_at_its_first_answer(place, bundle, calls):
    router = ts.load(bundle, **given(place))
    assert calls() == []
    probes = list(router.manifest.embedder.probe.texts)
    assert router.route("my rent number 7").label == "rent"
    assert len(calls()) == len("\n".join(probes).splitlines()) + 1
    assert calls()[-1] == "my rent number 7"


def test_a_service_among_the_parts_that_is_out_of_reach_defers_and_one_that_is_another_is_sent_no_request(
    place, bundle, calls, caplog
):
    router = ts.load(bundle, **given(place))
    (place / "down").touch()
    assert router.route("my secret").reason == "unavailable"
    with pytest.raises(BundleError, match="the embedder 'far' fails on the probe texts: nobody answers") as caught:
        router.check_embedder()
    assert (caught.value.exit_code, caught.value.problems[0].address) == (1, "embedder/1/")
    (place / "down").unlink()
    (place / "other").touch()
    assert router.route_batch(["my secret", "my rent"]).reasons.tolist() == ["unavailable"] * 2
    assert "the embedder 'far' gives other vectors than the policy was built on" in caplog.text
    assert not [each for each in calls() if "secret" in each]
    (place / "other").unlink()
    assert router.route("my rent number 7").label == "rent"
    (place / "down").touch()
    assert router.route("my card number 7").reason == "unavailable"
    (place / "down").unlink()
    assert router.route("my card number 7").label == "card"


def test_a_local_part_beside_a_service_that_fails_is_no_service_out_of_reach(place, bundle, calls):
    router = ts.load(bundle, embedder="near,far", embedder_options={"1.url": str(place)})
    with pytest.raises(BundleError, match="the embedder 'near' fails on the probe texts: AssertionError") as caught:
        router.check_embedder()
    assert (caught.value.exit_code, caught.value.problems[0].address) == (4, "embedder/2/")


def test_a_build_that_changes_another_part_does_not_ask_the_service_again(place, bundle, calls, monkeypatch):
    remember(monkeypatch, place)
    other = spec_of(place, weight=0.5)
    assert ts.build(other, out=place / "other.tracer", workers=1).status == "certified"
    other["embedder"]["with"]["of"][2]["with"]["words"] = ["card", "loan", "rent", "my"]
    assert ts.build(other, out=place / "other.tracer", workers=1).status == "certified"
    assert calls() == []
