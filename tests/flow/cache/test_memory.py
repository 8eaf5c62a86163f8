"""Incremental builds: what was trained on the same inputs is not trained again, and anything else is."""

import functools
import importlib
import json
import sys

import numpy as np
import pytest

import tracer_spec as ts
from tests.zygote import call
from tracer_spec.flow.cache import learner_identity as identities
from tracer_spec.flow.cache.learner_identity import identity
from tracer_spec.flow.cache.memory import Kept, Memory
from tracer_spec.flow.cache.store import Entry, Store
from tracer_spec.flow.progress import StageDone, StepDone
from tracer_spec.plan import Resolved
from tracer_spec.plugin import Options, Plugin
from tracer_spec.plugin.contracts import Provided
from tracer_spec.plugin.paths import LocalPath
from tracer_spec.plugin.registry import find_plugins

WORDS = {"card": ["card", "chip", "plastic"], "loan": ["loan", "borrow", "interest"], "fee": ["fee", "charge", "cost"]}
FILLER = ["please", "my", "the", "about", "today", "again", "why"]


def traces(n=300, seed=0):
    rng = np.random.default_rng(seed)
    labels = sorted(WORDS)
    for number in range(n):
        label = labels[rng.integers(3)]
        words = [*rng.choice(FILLER, 3), rng.choice(WORDS[label]), rng.choice(WORDS[labels[rng.integers(3)]])]
        yield {"id": f"e{number}", "input": " ".join(words), "teacher": label}


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Return how to build a small spec with a cache of its own; it gives the result and what was told."""
    monkeypatch.setenv("TRACER_SPEC_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TRACER_SPEC_CACHE_MB", raising=False)

    def run(rows=None, *, cache=True, check=False, zoo=("logreg", "dt"), **changes):
        (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows or traces()))
        spec = {
            "version": 1,
            "name": "small",
            "traces": {"use": "jsonl", "with": {"path": "traces.jsonl"}},
            "embedder": {"use": "lsa", "with": {"dim": 12}},
            "zoo": list(zoo),
            "guards": ["prototypes"],
            "families": ["global", "l2d"],
            "target": {"agreement": 0.7},
        }
        (tmp_path / "router.yaml").write_text(json.dumps(spec | changes))
        events = []
        result = ts.build(
            tmp_path / "router.yaml",
            out=tmp_path / "out.tracer",
            workers=1,
            cache=cache,
            check=check,
            observe=events.append,
        )
        steps = [each.step for each in events if isinstance(each, StepDone) and each.stage == "train"]
        (trained,) = (each.summary for each in events if isinstance(each, StageDone) and each.stage == "train")
        return result, [step for step in steps if "reused" not in step], trained

    return run


def test_a_change_of_the_target_alone_trains_nothing_and_comes_to_what_training_would(build):
    _, trained, told = build()
    assert len(trained) == 2 * 5
    assert "reused" not in told
    stricter, trained, told = build(target={"agreement": 0.75, "confidence": 0.9, "min_coverage": 0.1})
    assert trained == []
    # each of two learners on four folds and whole, two acceptors, one guard
    assert told.endswith("(13 of 13 fits reused)")
    whole, trained, _ = build(cache=False, target={"agreement": 0.75, "confidence": 0.9, "min_coverage": 0.1})
    assert len(trained) == 2 * 5
    assert stricter.sha256 == whole.sha256 != ""


def test_one_more_learner_trains_that_one_alone(build):
    build(zoo=["logreg"])
    _, trained, _ = build(zoo=["logreg", "dt"])
    assert {step.split()[0] for step in trained} == {"dt"}


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"zoo": ["sgd", {"use": "dt", "with": {"max_depth": 3}}]},
        {"split": {"folds": 3}},
        {"rows": [row | {"teacher": "fee"} if row["id"] == "e7" else row for row in traces()]},
    ],
    ids=["seed", "learners", "folds", "one label"],
)
def test_whatever_training_depends_on_is_noticed(build, changes):
    build()
    warm, trained, _ = build(**changes)
    cold, all_trained, _ = build(cache=False, **changes)
    assert warm.sha256 == cold.sha256
    if "rows" not in changes:
        # the trainings on all rows are the same, however the folds are dealt
        assert trained == [step for step in all_trained if "split" not in changes or "fold" in step]
        assert trained


def test_a_check_trains_again_since_that_is_what_it_is_for(build):
    _, first, _ = build()
    _, again, told = build(check=True)
    assert again == first
    assert "reused" not in told


def test_plan_tells_what_a_build_would_find_and_what_it_would_do(build, tmp_path):
    def planned(*options):
        done = call("plan", "router.yaml", "-q", "--no-curve", *options, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def counts(*options):
        cache = json.loads(planned("--json", *options))["cache"]
        return cache["is_fitted"], cache["n_fits_known"], cache["n_fits"]

    build(cache=False)
    assert counts() == (False, None, None)
    assert "trainings: unknown until the rest is embedded" in planned()
    build()
    assert counts() == (True, 10, 10)
    assert counts("--set", "target.agreement=0.75") == (True, 10, 10)
    assert counts("--set", "seed=1") == (False, None, None)
    assert counts("--set", "zoo=[logreg, sgd]") == (True, 5, 10)
    assert "trainings: 5 of 10 of surrogates are there; 5 will run" in planned("--set", "zoo=[logreg, sgd]")
    # the first fold has yet to rank four
    assert counts("--set", "zoo=[logreg, dt, sgd, mlp]") == (True, 2, None)


# --- what identifies a learner ---------------------------------------------------------------------------------------


class FileOptions(Options):
    path: LocalPath | None = None
    depth: int = 1


@pytest.fixture
def resolved(tmp_path, monkeypatch):
    """Return a learner whose make stands in a module on disk, and the module's file."""
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "their_learner.py"
    path.write_text("def make(options):\n    return 1\n")
    monkeypatch.delitem(sys.modules, "their_learner", raising=False)
    module = importlib.import_module("their_learner")

    def of(make=module.make, version="1", **options):
        identities._sources.cache_clear()
        plugin = Plugin("theirs", "", make, FileOptions)
        return Resolved("theirs", Provided("surrogate", plugin, "their-dist", version), FileOptions(**options))

    yield of, path
    sys.modules.pop("their_learner", None)


def test_version_options_and_code_under_the_same_version_identify_a_learner(resolved):
    of, path = resolved
    first = identity(of())
    assert first == identity(of())
    assert len({first, identity(of(version="2")), identity(of(depth=2))}) == 3
    path.write_text("def make(options):\n    return 2\n")
    assert identity(of()) != first


def test_what_nobody_can_pin_down_is_not_remembered(resolved, tmp_path):
    of, _ = resolved
    factor = 2
    assert identity(of(make=lambda options: factor)) is None
    assert identity(of(make=functools.partial(print, 1))) is None
    assert identity(of(path=str(tmp_path / "lexicon.txt"))) is None
    assert Memory(Store(tmp_path / "store")).key("surrogate", of(make=lambda options: factor), 1) is None


def test_a_package_below_that_is_installed_editable_cannot_be_pinned_down(tmp_path, monkeypatch, resolved):
    of, _ = resolved
    for name, requires, editable in (("their-dist", "Requires-Dist: below\n", False), ("below", "", True)):
        folder = tmp_path / f"{name.replace('-', '_')}-1.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n{requires}")
        if editable:
            (folder / "direct_url.json").write_text('{"url": "file:///x", "dir_info": {"editable": true}}')
    identities._installed.cache_clear()
    assert identity(of()) is None
    (tmp_path / "below-1.dist-info" / "direct_url.json").unlink()
    identities._installed.cache_clear()
    assert identity(of()) is not None
    identities._installed.cache_clear()


def test_only_what_ours_are_trained_with_identifies_them(tmp_path, monkeypatch):
    """Not a formatter, a type checker or what draws the report, whatever an extra of ours asks for."""
    packages = identities._packages
    identities._installed.cache_clear()
    trained, booster = packages("tracer-spec", "logreg"), packages("tracer-spec", "xgboost")
    assert {"tracer-spec", "numpy", "scikit-learn", "scipy", "onnx", "skl2onnx"} <= trained.keys()
    assert trained.keys().isdisjoint({"ruff", "mypy", "pytest", "jinja2", "pyarrow", "xgboost", "xgboost-cpu"})
    assert {"xgboost", "xgboost-cpu"} <= booster.keys()
    assert booster.keys() - {"xgboost", "xgboost-cpu", "nvidia-nccl-cu12"} == trained.keys()
    before = identity(Resolved("x", *_built_in("surrogate", "logreg"))), identities.own_identity()
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "ruff-99.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: ruff\nVersion: 99\n")
    identities._installed.cache_clear()
    identities.own_identity.cache_clear()
    assert (identity(Resolved("x", *_built_in("surrogate", "logreg"))), identities.own_identity()) == before
    identities._installed.cache_clear()


def test_whatever_a_third_partys_extra_brings_identifies_its_learner(tmp_path, resolved):
    of, _ = resolved
    known = {}
    for version in ("1", "2"):
        for name, requires in (("their-dist", "Requires-Dist: below; extra == 'fast'\n"), ("below", "")):
            folder = tmp_path / f"{name.replace('-', '_')}-1.dist-info"
            folder.mkdir(exist_ok=True)
            (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}")
        identities._installed.cache_clear()
        known[version] = identity(of())
    identities._installed.cache_clear()
    assert known["1"] != known["2"]


def _built_in(kind, name):
    provided = find_plugins().get(kind, name)
    return provided, provided.plugin.options()


def test_every_built_in_that_is_trained_is_remembered():
    for kind in ("surrogate", "acceptor", "guard"):
        for provided in find_plugins().of_kind(kind).values():
            assert identity(Resolved("x", provided, provided.plugin.options())) is not None, provided.name


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_parts_and_facts_come_back_as_they_were(tmp_path):
    memory = Memory(Store(tmp_path))
    scores = np.arange(6, dtype=np.float32).reshape(3, 2)
    memory.keep("surrogate", b"key", Kept({"onnx": b"\0graph", "scores": scores}, {"notes": ["é"]}, 1.5))
    kept = memory.recall(b"key")
    assert (kept.parts["onnx"], dict(kept.facts), kept.seconds, kept.is_reused) == (
        b"\0graph",
        {"notes": ["é"]},
        1.5,
        True,
    )
    assert kept.parts["scores"].dtype == np.float32
    assert kept.parts["scores"].tolist() == scores.tolist()
    assert memory.recall(b"other") is None
    memory.store.close()


@pytest.mark.parametrize("header", [{}, {"parts": 3}, {"parts": [["onnx", 4, ["<f4", 7]]]}, {"parts": [[1]]}])
def test_what_is_not_laid_out_as_ours_is_trained_again(tmp_path, header):
    memory = Memory(Store(tmp_path))
    memory.store.put(b"key", "surrogate", Entry(b"1234", header))
    assert memory.recall(b"key") is None
    memory.store.close()


def test_what_fails_is_not_remembered_and_is_tried_again(tmp_path):
    memory = Memory(Store(tmp_path))

    def fail():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        memory.remembered("guard", b"key", fail)
    assert memory.remembered("guard", b"key", lambda: Kept({"onnx": b"1"})).parts["onnx"] == b"1"
    assert memory.remembered("guard", b"key", fail).is_reused
    assert (memory.n_fits, memory.n_reused) == (2, 1)
    memory.store.close()
