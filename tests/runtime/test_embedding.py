from __future__ import annotations

import hashlib
import importlib
import sys
from dataclasses import replace

import numpy as np
import pytest

from tracer_spec.errors import BundleError, UsageError
from tracer_spec.runtime import load, lsa
from tracer_spec.runtime.manifest import EmbedderIdentity, Probe
from tracer_spec.testing.distribution import put_distribution

PLUGIN = """
import os
from typing import Annotated

import numpy as np
from pydantic import Field
from tracer_spec.plugin import DeploymentOption, Options, Plugin, hookimpl


class LetterOptions(Options):
    scale: float = Field(2.0, gt=0)
    url: Annotated[str, DeploymentOption()] = "http://localhost"
    key_env: Annotated[str, DeploymentOption()] = "LETTERS_KEY"


class Unfitted:
    def __init__(self, scale):
        self.scale = scale

    def restore(self, state):
        if set(state) != {"letters.txt"}:
            raise KeyError("letters.txt")
        return Letters(self.scale, state["letters.txt"].decode())


class Letters:
    def __init__(self, scale, letters):
        self.scale, self.letters = scale, letters

    def embed(self, texts):
        counts = [[self.scale * text.count(each) for each in self.letters] for text in texts]
        return np.array(counts, np.float32)

    def fingerprint(self):
        return "letters-1"


@hookimpl
def tracer_spec_embedders():
    yield Plugin("other", "not this one", lambda options: None)
    yield Plugin("letters", "counts letters", make, LetterOptions)


def make(options):
    if "SENT_TO" in os.environ:
        with open(os.environ["SENT_TO"], "a") as file:
            file.write(f"{options.url} {os.environ.get(options.key_env)}")
    return Unfitted(options.scale)
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a distribution: a module and a folder of metadata on the path, no pip."""

    def install(source=PLUGIN, *, distribution="tracer_letters", module="letters_plugin"):
        site = tmp_path / "site"
        put_distribution(site, distribution, "1.0", {"letters": module}, **{module: source})
        monkeypatch.syspath_prepend(str(site))
        importlib.invalidate_caches()

    yield install
    sys.modules.pop("letters_plugin", None)


@pytest.fixture
def lettered(bundles, save):
    """Save a bundle whose embedder is the plugin's, changed as a test says."""

    def write(state=b"abcd", **changes):
        identity = replace(bundles.LETTERS, **changes)
        contents = bundles.members(**({"embedder/letters.txt": state} if state is not None else {}))
        return save(bundles.forge(bundles.manifest(embedder=identity).document(), contents))

    return write


def refused(path, message, hint, *, embedder="letters"):
    with pytest.raises(BundleError, match=message) as caught:
        load(path, embedder=embedder)
    problem = caught.value.problems[0]
    assert (problem.where, problem.address) == (str(path), "embedder/")
    assert hint in problem.hint


LEAK = """
import os
with open(os.environ["LEAKED_TO"], "a") as file:
    file.write(os.environ["SOME_API_KEY"])
"""


@pytest.fixture
def leaked(tmp_path, monkeypatch, installed):
    """Install a plugin that gives a secret away as soon as it is imported, and return the file it would go to."""
    path = tmp_path / "leaked"
    monkeypatch.setenv("SOME_API_KEY", "hunter2")
    monkeypatch.setenv("LEAKED_TO", str(path))
    installed(LEAK + PLUGIN)
    return path


def test_a_plugin_that_only_the_bundle_asks_for_is_not_even_imported(lettered, leaked):
    refused(
        lettered(),
        "needs the embedder 'letters' of tracer-letters 1.0, and only the bundle itself says so",
        "load(path, embedder='letters') or load(path, sha256=...), on the command line --embedder letters or --sha256 HEX",
        embedder=None,
    )
    assert not leaked.exists()
    assert "letters_plugin" not in sys.modules


def test_a_plugin_is_not_imported_for_another_name(lettered, leaked):
    refused(
        lettered(),
        "needs the embedder 'letters' of tracer-letters 1.0; 'lettres' was asked for",
        "load(path, embedder='letters')",
        embedder="lettres",
    )
    assert not leaked.exists()


def test_a_plugin_is_taken_where_the_app_pins_the_bundle(lettered, leaked):
    path = lettered()
    with pytest.raises(BundleError, match="was asked for"):
        load(path, sha256="0" * 64)
    assert not leaked.exists()
    assert load(path, sha256=hashlib.sha256(path.read_bytes()).hexdigest()).route("a").label == "card_arrival"
    assert leaked.read_text() == "hunter2"


def test_an_embedder_of_another_fingerprint_is_asked_for_no_vector(bundles, lettered):
    class Elsewhere:
        def fingerprint(self):
            return "letters-2"

        def embed(self, texts):
            raise AssertionError("texts were sent")

    refused(lettered(), "has the fingerprint 'letters-2'", "pip install", embedder=Elsewhere())


def test_an_installed_plugin_is_found_by_its_distribution_and_restored_from_the_bundle(installed, lettered):
    installed()
    router = load(lettered(), embedder="letters")
    assert router.route("a").label == "card_arrival"
    assert router.route("bb").label == "top_up"
    assert router.route("q").reason == "low_score"


def test_the_options_of_the_bundle_reach_the_plugin(installed, lettered):
    installed()
    refused(
        lettered(options={"scale": 3.0}),
        "gives other vectors than the policy was built on: they differ by 1",
        "pip install",
    )
    refused(
        lettered(options={"scale": -1.0}),
        "cannot be restored: ValidationError",
        "pip install tracer-letters==1.0",
    )


@pytest.fixture
def sent(tmp_path, monkeypatch, installed):
    """Install a plugin that sends a key to an address, and return the file that says which and where."""
    path = tmp_path / "sent"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("SENT_TO", str(path))
    installed()
    return path


HOSTILE = {"url": "http://attacker", "key_env": "AWS_SECRET_ACCESS_KEY"}


@pytest.mark.parametrize("options", [HOSTILE, {"url": "http://attacker"}, {"key_env": "AWS_SECRET_ACCESS_KEY"}])
def test_a_bundle_that_names_an_address_or_a_key_is_refused_named_or_pinned(lettered, sent, options):
    path = lettered(options={"scale": 2.0, **options})
    pin = hashlib.sha256(path.read_bytes()).hexdigest()
    for asked in ({"embedder": "letters"}, {"sha256": pin}, {"embedder": "letters", "sha256": pin}):
        with pytest.raises(BundleError, match="of the embedder 'letters', which only the app may") as caught:
            load(path, **asked)
        problem = caught.value.problems[0]
        assert problem.address == "bundle.json embedder.options"
        assert f"--embedder-option {min(options)}=" in problem.hint
    assert not sent.exists()


def test_the_app_s_address_wins_over_the_bundle_s(lettered, sent):
    path = lettered(options=HOSTILE)
    with pytest.raises(BundleError, match="sets key_env of the embedder"):
        load(path, embedder="letters", embedder_options={"url": "http://ours"})
    load(path, embedder="letters", embedder_options={"url": "http://ours", "key_env": "OUR_KEY"})
    assert sent.read_text() == "http://ours None"


def test_the_app_gives_deployment_options_and_the_bundle_all_others(lettered, sent):
    path = lettered(options={"scale": 2.0})
    assert load(path, embedder="letters", embedder_options={"url": "http://ours"}).route("a").handled
    assert sent.read_text() == "http://ours None"
    with pytest.raises(UsageError, match="does not take scale from the app; allowed: key_env, url") as caught:
        load(path, embedder="letters", embedder_options={"scale": 3.0})
    assert caught.value.problems[0].hint == "the bundle holds the options that decide the vectors"


def test_a_wrong_option_of_the_app_s_is_its_mistake_and_is_not_quoted(lettered, sent):
    with pytest.raises(UsageError, match="'letters' does not take the value of url: Input should be") as caught:
        load(lettered(), embedder="letters", embedder_options={"url": ["hunter2"]})
    assert caught.value.problems[0].address == "embedder_options"
    assert "hunter2" not in str(caught.value)


def test_options_without_a_plugin_to_give_them_to_are_the_caller_s_mistake(bundles, lettered, good, save, lsa_bundle):
    with pytest.raises(UsageError, match="made already"):
        load(lettered(), embedder=bundles.Letters(), embedder_options={"url": "http://ours"})
    with pytest.raises(UsageError, match="built on the app's own vectors"):
        load(save(good), embedder_options={"url": "http://ours"})
    manifest, contents = lsa_bundle
    with pytest.raises(UsageError, match="'lsa' does not take url from the app; allowed: none"):
        load(save(bundles.forge(manifest.document(), contents)), embedder_options={"url": "http://ours"})


def test_a_plugin_that_is_not_installed_is_named_with_the_command_that_installs_it(lettered):
    refused(
        lettered(),
        "needs the embedder 'letters' of tracer-letters 1.0; tracer-letters is not installed",
        "pip install tracer-letters==1.0, or pass load(path, embedder=...)",
    )


def test_a_plugin_of_another_distribution_is_not_taken_for_it(installed, lettered):
    installed(distribution="somebody_else")
    refused(lettered(), "tracer-letters is not installed", "pip install tracer-letters==1.0")


def test_a_distribution_without_the_embedder_is_refused(installed, lettered):
    installed()
    refused(
        lettered(use="numbers"),
        "tracer-letters is installed without it",
        "pip install tracer-letters==1.0",
        embedder="numbers",
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "import nowhere_to_be_found",
            "cannot be restored: ModuleNotFoundError: No module named 'nowhere_to_be_found'",
        ),
        ("def tracer_spec_embedders(): return 1 / 0", "cannot be restored: ZeroDivisionError"),
        (
            PLUGIN.replace("np.float32)", "np.float32)[:, :2]"),
            r"vectors of shape \(3, 2\); the policy was built on \(3, 4\)",
        ),
        (
            PLUGIN.replace('"letters-1"', '"letters-2"'),
            "has the fingerprint 'letters-2'; the policy was built on 'letters-1'",
        ),
        (
            PLUGIN.replace("np.float32)", "np.float32) * np.nan"),
            "gives other vectors than the policy was built on",
        ),
        (
            PLUGIN.replace("return np.array", "raise OSError('offline'); return np.array"),
            "fails on the probe texts: OSError: offline",
        ),
    ],
)
def test_a_plugin_that_breaks_or_differs_is_refused(installed, lettered, source, message):
    installed(source)
    refused(lettered(), message, "pip install tracer-letters==1.0")


def test_state_that_the_plugin_does_not_take_is_refused(installed, lettered):
    installed()
    refused(lettered(state=None), "cannot be restored: KeyError: 'letters.txt'", "pip install tracer-letters==1.0")


def test_an_embedder_at_hand_is_taken_when_it_is_the_same(bundles, lettered):
    assert load(lettered(), embedder=bundles.Letters()).route("a").label == "card_arrival"


class Others:
    def __init__(self, embedder, *, fingerprint="letters-1", scale=1.0, shift=0.0):
        self._embedder, self._fingerprint, self._scale, self._shift = embedder, fingerprint, scale, shift

    def embed(self, texts):
        return self._embedder.embed(texts) * self._scale + self._shift

    def fingerprint(self):
        return self._fingerprint


def test_an_embedder_at_hand_is_refused_when_it_is_another(bundles, lettered):
    letters = bundles.Letters()
    refused(lettered(), "the fingerprint 'x'", "pip install", embedder=Others(letters, fingerprint="x"))
    refused(lettered(), "they differ by 0.00", "pip install", embedder=Others(letters, shift=0.001))
    refused(lettered(), "fails on the probe texts: AttributeError", "pip install", embedder=object())
    assert load(lettered(), embedder=Others(letters, shift=0.00005)).route("a").handled


class Service:
    """A service that is down, wrong or right, as a test says; it keeps what it was sent."""

    is_service = True

    def __init__(self, letters):
        self.letters, self.sent, self.answer = letters, [], None

    def embed(self, texts):
        self.sent.append(list(texts))
        if self.answer is None:
            raise ConnectionError("nobody answers")
        return self.letters.embed(texts) * self.answer

    def fingerprint(self):
        return "letters-1"


def test_a_bundle_whose_embedding_service_is_down_loads_and_defers_until_it_answers(bundles, lettered, caplog):
    service = Service(bundles.Letters())
    router = load(lettered(), embedder=service)
    assert service.sent == []
    assert router.route("a").reason == "unavailable"
    assert router.route_batch(["a", "b"]).reasons.tolist() == ["unavailable"] * 2
    probes = list(bundles.PROBE.texts)
    assert service.sent == [probes, probes]  # no request goes to a service that has not been found to be the right one
    assert "the embedder 'letters' fails on the probe texts: ConnectionError: nobody answers" in caplog.text
    with pytest.raises(BundleError, match="nobody answers") as caught:
        router.check_embedder()
    assert caught.value.exit_code == 1  # the environment's fault
    assert service.sent.pop() == probes
    service.answer = 1.0
    assert router.route("a").label == "card_arrival"
    assert router.route("bb").label == "top_up"
    assert service.sent[2:] == [probes, ["a"], ["bb"]]


def test_a_service_that_gives_other_vectors_is_sent_no_request_and_the_log_says_why(bundles, lettered, caplog):
    service = Service(bundles.Letters())
    service.answer = 1.5
    path = lettered()
    router = load(path, embedder=service)
    assert router.route("my secret").reason == "unavailable"
    assert "gives other vectors than the policy was built on: they differ by 1" in caplog.text
    assert "secret" not in caplog.text + str(service.sent)
    with pytest.raises(BundleError, match="gives other vectors than the policy was built on") as caught:
        router.check_embedder()
    problem = caught.value.problems[0]
    assert (problem.where, problem.address, caught.value.exit_code) == (str(path), "embedder/", 4)
    assert "requests are deferred until the service answers" in problem.hint
    service.answer = 1.0
    router.check_embedder()
    assert router.route("a").handled


def test_a_service_of_another_fingerprint_is_refused_at_once(bundles, lettered):
    service = Service(bundles.Letters())
    service.fingerprint = lambda: "letters-2"
    refused(lettered(), "has the fingerprint 'letters-2'", "pip install", embedder=service)
    assert service.sent == []


def test_any_other_embedder_is_checked_when_the_bundle_is_loaded(bundles, lettered):
    load(lettered(), embedder=bundles.Letters()).check_embedder()
    local = Service(bundles.Letters())
    local.is_service = False
    refused(lettered(), "fails on the probe texts: ConnectionError", "pip install", embedder=local)


def test_an_embedder_for_a_bundle_of_vectors_is_the_caller_s_mistake(bundles, good, save):
    for given in (bundles.Letters(), "letters"):
        with pytest.raises(UsageError, match="built on the app's own vectors") as caught:
            load(save(good), embedder=given)
        assert "pass vectors to route" in caught.value.problems[0].hint


@pytest.fixture
def lsa_bundle(bundles):
    """A bundle whose embedder is the built-in one, with a vocabulary of four words."""
    embedder = lsa.Lsa(
        words=("arrive", "card", "top", "up"),
        grams=("car", "ard"),
        weights=np.full(6, 10, np.uint8),
        components=np.array(
            [[9, 0, 0, 0], [9, 0, 0, 1], [0, 9, 0, 0], [0, 9, 0, 0], [1, 0, 9, 0], [1, 0, 9, 0]], np.int8
        ),
        max_chars=200,
        chars=(3, 3),
    )
    texts = ("card", "top up", "")
    probe = Probe(texts, tuple(tuple(map(float, vector)) for vector in embedder.embed(texts)))
    identity = EmbedderIdentity("lsa", "tracer-spec", "0.1.0", {"dim": 4}, embedder.fingerprint(), probe)
    state = {f"embedder/{name}": content for name, content in embedder.state().items()}
    # unit vectors, so lower thresholds
    manifest = bundles.manifest(embedder=identity)
    stages = tuple(replace(stage, threshold=0.6) for stage in manifest.policy.stages)
    manifest = replace(manifest, policy=replace(manifest.policy, stages=stages))
    graph = bundles.policy_onnx(bundles.graph_text(thresholds=(0.6, 0.6)))
    return manifest, bundles.members(**{"policy.onnx": graph, **state})


def test_the_built_in_embedder_comes_back_from_the_bundle_alone(bundles, save, lsa_bundle):
    manifest, contents = lsa_bundle
    path = save(bundles.forge(manifest.document(), contents))
    assert load(path, embedder="lsa").route("top up").label == "top_up"
    refused(path, "needs the embedder 'lsa' of tracer-spec 0.1.0; 'letters' was asked for", "embedder='lsa'")
    router = load(path)
    assert router.route("top up").label == "top_up"
    assert router.route("???").reason == "low_score"
    assert router.route_batch(["top up", "???"]).handled.tolist() == [True, False]


def test_a_damaged_state_of_the_built_in_embedder_is_refused(bundles, save, lsa_bundle):
    manifest, contents = lsa_bundle
    words = contents["embedder/words.txt"]
    swapped = {**contents, "embedder/words.txt": words.replace(b"top", b"pot")}
    refused(
        save(bundles.forge(manifest.document(), swapped)),
        "has the fingerprint",
        "pip install tracer-spec==0.1.0",
        embedder=None,
    )
    for name in [each for each in contents if each.startswith("embedder/")]:
        for broken in (
            {**contents, name: contents[name][:-1]},
            {each: contents[each] for each in contents if each != name},
        ):
            with pytest.raises(BundleError):
                load(save(bundles.forge(manifest.document(), broken)))
