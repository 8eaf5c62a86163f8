"""``embedder`` as a list: fit rows choose one, and from there on the build is that of the one."""

from __future__ import annotations

import importlib
import json
import re
import zipfile

import numpy as np
import pytest

import tracer_spec as ts
from tests.letters import MODULE
from tracer_spec.cli import main
from tracer_spec.cli.text.build import build_outcome
from tracer_spec.errors import SpecError
from tracer_spec.flow.certify_rows import Sealed
from tracer_spec.flow.prepare import part, read_traces
from tracer_spec.flow.progress import StageDone
from tracer_spec.plan import make_plan
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.spec import load_spec, spec_digest

WORDS = ("card", "loan", "rent")
# two dimensions hardly tell three labels from each other
NARROW = {"use": "lsa", "as": "narrow", "with": {"dim": 2, "vocabulary": 100}}
WIDE = {"use": "lsa", "as": "wide", "with": {"dim": 16}}
# of other options, and no other vectors: no text is so long
AGAIN = {"use": "lsa", "as": "again", "with": {"dim": 16, "max_chars": 1999}}


def rows_of(n=400):
    rng = np.random.default_rng(0)
    filler = ["please", "can", "you", "tell", "me", "about", "this", "today", "again", "why", "when"]
    said = [WORDS[at] for at in rng.integers(0, 3, n)]
    texts = [" ".join([*rng.choice(filler, 6), each, str(i)]) for i, each in enumerate(said)]
    return [
        {"id": f"e{i}", "input": text, "teacher": each} for i, (text, each) in enumerate(zip(texts, said, strict=True))
    ]


@pytest.fixture
def spec(tmp_path):
    def make(embedder, rows=None):
        (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows or rows_of())))
        return {
            "version": 1,
            "name": "choice",
            "traces": {"use": "jsonl", "with": {"path": str(tmp_path / "t.jsonl")}},
            "embedder": embedder,
            "zoo": ["logreg"],
            "families": ["l2d"],
            "target": {"agreement": 0.8},
        }

    return make


def built(source, out, **asked):
    return ts.build(source, out=out, workers=1, **({"cache": False} | asked))


def chosen(result):
    return [each.name for each in result.embedders if each.chosen]


def test_a_list_of_one_is_the_one(spec, tmp_path):
    one, listed = spec(WIDE), spec([WIDE])
    assert spec_digest(load_spec(one).spec) == spec_digest(load_spec(listed).spec)
    alone, in_list = built(one, tmp_path / "a.tracer"), built(listed, tmp_path / "b.tracer")
    assert in_list.embedders == alone.embedders == ()
    assert "embedders" not in alone.document()
    with zipfile.ZipFile(tmp_path / "a.tracer") as a, zipfile.ZipFile(tmp_path / "b.tracer") as b:
        policies = [archive.read(name) for archive in (a, b) for name in archive.namelist() if name.endswith(".onnx")]
    assert policies[: len(policies) // 2] == policies[len(policies) // 2 :]


def test_the_embedder_that_promises_more_is_chosen_and_told_everywhere(spec, tmp_path):
    result = built(spec([NARROW, WIDE]), tmp_path / "c.tracer")
    assert (result.status, chosen(result)) == ("certified", ["wide"])
    told = result.document()["embedders"]
    assert [(each["name"], each["chosen"]) for each in told] == [("narrow", False), ("wide", True)]
    assert told[1]["agreement"] > told[0]["agreement"]
    assert any("the embedder 'wide' was chosen of 2" in each for each in result.certificate.assumptions)
    facts = {each.name: each.text for each in build_outcome(result, "build", out=tmp_path / "c.tracer").facts}
    narrow, wide, why = facts["embedders"].splitlines()
    assert re.fullmatch(r"narrow: nothing to test, out-of-fold agreement [.\d]+; .* to embed, .* to train", narrow)
    assert re.match(r"wide: expected coverage [.\d]+ \([.\d]+ at a chance of [.\d]+\), out-of-fold agreement", wide)
    assert why == "wide was chosen: the candidate that would be tested first is one of its own"
    assert told[1]["coverage"] == pytest.approx(told[1]["power"] * told[1]["candidate_coverage"])
    with zipfile.ZipFile(tmp_path / "c.tracer") as archive:
        rows = json.loads(archive.read("frontier.json"))["embedders"]
    for row, each in zip(rows, told, strict=True):
        assert [learner["name"] for learner in row["zoo"]] == ["logreg"]
        assert {key: row[key] for key in ("name", "chosen", "agreement", "coverage", "power")}.items() <= each.items()
        assert not [key for key in row if key.endswith("_s")]  # a bundle holds no time of a machine
    assert main(["report", str(tmp_path / "c.tracer"), "-o", str(tmp_path / "r.html")]) == 0
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "The embedders: 2 competed" in page
    assert "the candidate that would be tested first is one of its own" in page
    assert ts.load(tmp_path / "c.tracer").route("please tell me about loan").label == "loan"


def test_of_embedders_that_promise_the_same_the_first_listed_is_chosen(spec, tmp_path):
    assert chosen(built(spec([AGAIN, WIDE]), tmp_path / "c.tracer")) == ["again"]
    assert chosen(built(spec([WIDE, AGAIN]), tmp_path / "c.tracer")) == ["wide"]


def test_certify_rows_replaced_whole_leave_the_choice_as_it_was(spec, tmp_path):
    before = built(spec([NARROW, WIDE]), tmp_path / "c.tracer")
    plan = make_plan(load_spec(spec([NARROW, WIDE])), find_plugins())
    traces = read_traces(plan)
    certify = {traces.ids[at] for at in part(traces, plan.spec.split).certify}
    others = [
        {"id": row["id"], "input": f"xyzzy {row['id']}", "teacher": "unheard-of"} if row["id"] in certify else row
        for row in rows_of()
    ]
    after = built(spec([NARROW, WIDE], others), tmp_path / "d.tracer")
    assert after.status == "refused"

    def promised(result):
        return [(each.name, each.chosen, each.agreement, each.coverage) for each in result.embedders]

    assert promised(before) == promised(after)


def test_certify_rows_are_embedded_by_the_chosen_one_alone(spec, tmp_path, monkeypatch):
    embed, asked = Sealed.embed, []

    def watched(self, embedder, *args, **kwargs):
        asked.append(embedder.resolved.alias)
        return embed(self, embedder, *args, **kwargs)

    monkeypatch.setattr(Sealed, "embed", watched)
    built(spec([NARROW, WIDE]), tmp_path / "c.tracer")
    assert asked == ["wide"]


def test_where_nothing_would_be_tested_agreement_decides(spec, tmp_path):
    strict = spec([NARROW, WIDE]) | {"target": {"agreement": 0.99999}}
    result = built(strict, tmp_path / "c.tracer")
    assert (result.status, chosen(result)) == ("refused", ["wide"])
    assert [each.coverage for each in result.embedders] == [None, None]


def test_a_lock_pins_the_chosen_one_and_a_check_builds_the_same(spec, tmp_path):
    path = tmp_path / "router.yaml"
    path.write_text(json.dumps(spec([NARROW, WIDE])))
    first = built(path, tmp_path / "c.tracer")
    assert built(path, tmp_path / "c.tracer", locked=True).sha256 == first.sha256
    assert built(path, tmp_path / "c.tracer", check=True).sha256 == first.sha256


def test_the_cache_trains_nothing_twice(spec, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACER_SPEC_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TRACER_SPEC_CACHE_MB", raising=False)
    first = built(spec([NARROW, WIDE]), tmp_path / "c.tracer", cache=True)
    seen = []
    again = built(spec([NARROW, WIDE]), tmp_path / "c.tracer", cache=True, observe=seen.append)
    (told,) = [each.summary for each in seen if isinstance(each, StageDone) and each.stage == "train"]
    n_reused, n_fits = map(int, re.findall(r"(\d+) of (\d+) fits reused", told)[0])
    assert n_reused == n_fits > 0
    assert again.sha256 == first.sha256


def test_a_learner_with_several_acceptors_is_named_once_among_the_trained(spec, tmp_path):
    seen = []
    built(
        {**spec(WIDE), "acceptor": ["logistic", "neighbours"]}, tmp_path / "a.tracer", cache=False, observe=seen.append
    )
    (told,) = [each.summary for each in seen if isinstance(each, StageDone) and each.stage == "train"]
    assert told == "trained: logreg"


def test_plan_and_validate_name_all_that_compete(spec, tmp_path, capsys):
    path = tmp_path / "router.yaml"
    path.write_text(json.dumps(spec([NARROW, WIDE])))
    main(["plan", str(path)])
    said = " ".join(capsys.readouterr().out.split())
    assert "narrow, wide compete, and fit rows choose one" in said
    for name in ("narrow", "wide"):
        assert f"by traces and target: logreg alone on {name}, trained on" in said
        assert f"cache {name}: " in said
    main(["plan", str(path), "--json"])
    told = json.loads(capsys.readouterr().out)["embedders"]
    assert [each["name"] for each in told] == ["narrow", "wide"]
    now = [next(point for point in each["curve"]["points"] if point["traces"] == 400) for each in told]
    # the two curves are not one curve told twice
    assert now[0]["expected"][0]["coverage"] < 0.2 < 0.8 < now[1]["expected"][0]["coverage"]
    main(["validate", str(path)])
    assert "narrow or wide embedder" in capsys.readouterr().out
    path.write_text(
        json.dumps(spec([NARROW, {"use": "concat", "with": {"of": ["lsa", {"use": "lsa", "with": {"dim": 64}}]}}]))
    )
    main(["plan", str(path), "--no-curve"])
    assert "embedder narrow, concat, lsa; surrogate" in capsys.readouterr().out


def test_an_embedder_that_reads_vectors_does_not_compete(spec):
    with pytest.raises(SpecError, match="only embedders of texts compete") as caught:
        make_plan(load_spec(spec(["lsa", {"use": "precomputed", "with": {"column": "v"}}])), find_plugins())
    assert [each.address for each in caught.value.problems] == ["embedder[1]"]


def test_each_model_is_loaded_once(spec, tmp_path, letters):
    joined = {"use": "concat", "with": {"of": ["lsa", {"use": "letters", "with": {"letters": "acd"}}]}}
    built(spec(["letters", NARROW, joined]), tmp_path / "c.tracer")
    assert importlib.import_module(MODULE).made == ["acdelnort", "acd"]
