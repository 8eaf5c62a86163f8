"""A part that another distribution makes: by consent alone, and named where it is not the one that was built on."""

from __future__ import annotations

import hashlib
import importlib
import sys

import pytest

from tracer_spec.cli.main import main
from tracer_spec.errors import BundleError
from tracer_spec.runtime import load
from tracer_spec.runtime.manifest import PartIdentity
from tracer_spec.testing.distribution import put_distribution

PLUGIN = """
from typing import Annotated
import numpy as np
from tracer_spec.plugin import DeploymentOption, Options, Plugin, hookimpl


class TwoOptions(Options):
    letters: str = "ar"
    url: Annotated[str, DeploymentOption()] = "http://localhost"


class Two:
    def __init__(self, options):
        self.letters = options.letters

    def embed(self, texts):
        return np.array([[text.count(each) for each in self.letters] for text in texts], np.float32)

    def fingerprint(self):
        return f"two {self.letters}"

    def state(self):
        return {}


@hookimpl
def tracer_spec_embedders():
    yield Plugin("two", "counts two letters", Two, TwoOptions)
"""


@pytest.fixture
def lsa_and_two(bundles, tmp_path, monkeypatch):
    """The document and the members of a bundle of a built-in part and a plugin's, which is installed."""
    put_distribution(tmp_path / "site", "tracer_two", "1.0", {"two": "two_plugin"}, two_plugin=PLUGIN)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    importlib.invalidate_caches()
    two_plugin = importlib.import_module("two_plugin")
    two = two_plugin.Two(two_plugin.TwoOptions())
    del sys.modules["two_plugin"]
    first = bundles.TWO_PARTS[0]
    identity = PartIdentity("two", "tracer_two", "1.0", {"letters": "ar"}, two.fingerprint())
    yield bundles.joined((first, two), (bundles.lsa_identity(first), identity))
    sys.modules.pop("two_plugin", None)


def second(lsa_and_two):
    return lsa_and_two[0]["embedder"]["options"]["of"][1]


def refused(path, address, what, **given):
    with pytest.raises(BundleError, match=what) as caught:
        load(path, **given)
    problem = caught.value.problems[0]
    assert (problem.where, problem.address) == (str(path), address)
    return problem.hint


def test_a_part_s_plugin_is_not_imported_without_consent(bundles, save, lsa_and_two):
    path = save(bundles.forge(*lsa_and_two))
    for asked in (None, "concat", "lsa", "lsa,concat", "tow"):
        hint = refused(path, "embedder/", r"needs the embedder 'two' of tracer_two 1\.0", embedder=asked)
        assert "load(path, embedder='two')" in hint
        assert "two_plugin" not in sys.modules
    assert load(path, embedder="two").route("card").reason == "low_score"
    assert load(path, sha256=hashlib.sha256(path.read_bytes()).hexdigest()).route("card").reason == "low_score"


def test_a_part_s_deployment_option_in_a_bundle_is_refused_by_its_address(bundles, save, lsa_and_two):
    second(lsa_and_two)["options"]["url"] = "http://attacker"
    path = save(bundles.forge(*lsa_and_two))
    hint = refused(path, "bundle.json embedder.options.of[1].options", "sets url of the embedder 'two'", embedder="two")
    assert "--embedder-option 1.url=..." in hint
    assert load(path, embedder="two", embedder_options={"1.url": "http://ours"}).route("card").reason == "low_score"


@pytest.mark.parametrize(
    ("changed", "address", "what"),
    [
        ({"distribution": "nobody"}, "embedder/1/", "needs the embedder 'two' of nobody 1.0; nobody is not installed"),
        ({"use": "three"}, "embedder/1/", "tracer_two is installed without it"),
        ({"options": {"letters": 3}}, "embedder/1/", "the embedder 'two' cannot be restored: ValidationError"),
        ({"options": {"letters": "ab"}}, "embedder/1/", "the embedder 'two' has the fingerprint 'two ab'"),
    ],
)
def test_a_part_that_its_plugin_does_not_make_is_named(bundles, save, lsa_and_two, changed, address, what):
    second(lsa_and_two).update(changed)
    path = save(bundles.forge(*lsa_and_two))
    assert refused(path, address, what, embedder=changed.get("use", "two"))


@pytest.mark.parametrize(
    ("source", "what"),
    [
        (
            PLUGIN.replace("np.float32)", "np.float32) * np.nan"),
            "'two' gives other vectors than the policy was built on",
        ),
        (
            PLUGIN.replace("text.count(each)", "1 + text.count(each)"),
            "'two' gives other vectors than the policy was built on",
        ),
        (
            PLUGIN.replace("np.float32)", "np.float32)[0]"),
            r"'two' gives 3 probe texts vectors of shape \(2,\), not \(3, d\)",
        ),
        (
            PLUGIN.replace("return np.array", "raise OSError('off'); return np.array"),
            "'two' fails on the probe texts: OSError: off",
        ),
    ],
)
def test_a_part_that_makes_other_vectors_is_named(bundles, save, lsa_and_two, source, what, tmp_path):
    put_distribution(tmp_path / "site", "tracer_two", "1.0", {"two": "two_other"}, two_other=source)
    importlib.invalidate_caches()
    path = save(bundles.forge(*lsa_and_two))
    assert "pip install tracer_two==1.0" in refused(path, "embedder/1/", what, embedder="two")
    sys.modules.pop("two_other")


def test_verify_checks_the_built_in_part_where_the_other_s_plugin_is_not_asked_for(bundles, save, lsa_and_two, capsys):
    document, members = lsa_and_two
    assert main(["verify", str(save(bundles.forge(document, members)))]) == 0
    assert (
        "two of tracer_two 1.0 was not loaded; what the bundle itself holds is what it was built with"
        in capsys.readouterr().out
    )
    members["embedder/0/words.txt"] = b"card\npot"
    assert main(["verify", str(save(bundles.forge(document, members)))]) == 4
    assert "embedder/0/\n  the embedder 'lsa' has the fingerprint" in capsys.readouterr().err
