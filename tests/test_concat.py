"""``concat``: built, shipped and restored part by part; a third party's part only where the app asks for it."""

from __future__ import annotations

import json
import sys
import zipfile

import numpy as np
import pytest
from jsonschema import Draft202012Validator

import tracer_spec as ts
from tracer_spec.cli.commands.schema import router_document
from tracer_spec.errors import BundleError, PluginError, SpecError, UsageError
from tracer_spec.plan import make_plan
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.report.spec_values import spec_values
from tracer_spec.runtime import read_bundle
from tracer_spec.runtime.concat import Concat
from tracer_spec.spec import load_spec
from tracer_spec.testing.distribution import put_distribution

LETTERS = {"use": "letters", "with": {"letters": "abcdxyz", "key": "/srv/hidden-place"}}
WORDS = ("card", "loan", "rent")


def spec_of(tmp_path, *parts):
    rng = np.random.default_rng(0)
    rows = [WORDS[at] for at in rng.integers(0, 3, 300)]
    lines = [json.dumps({"input": f"my {each} number {i}", "teacher": each}) for i, each in enumerate(rows)]
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    return {
        "version": 1,
        "name": "joined",
        "traces": {"use": "jsonl", "with": {"path": str(tmp_path / "t.jsonl")}},
        "embedder": {"use": "concat", "with": {"of": list(parts)}},
        "zoo": ["logreg"],
        "families": ["l2d"],
        "target": {"agreement": 0.8},
    }


def built(tmp_path, *parts):
    result = ts.build(spec_of(tmp_path, *parts), out=tmp_path / "joined.tracer", workers=1, cache=False)
    assert result.status == "certified"
    return tmp_path / "joined.tracer"


class Fixed:
    def __init__(self, *rows):
        self.rows = np.array(rows, np.float32)

    def embed(self, texts):
        return self.rows[: len(texts)]


def test_each_part_has_its_share_of_the_length_and_an_unknown_text_stays_zero():
    joined = Concat((Fixed([3, 4], [0, 0], [0, 0]), Fixed([7], [7], [0])), (2.0, 1.0))
    long, short = 2 / np.sqrt(5), 1 / np.sqrt(5)
    wanted = [[0.6 * long, 0.8 * long, short], [0, 0, short], [0, 0, 0]]
    np.testing.assert_allclose(joined.embed(["a", "b", "c"]), wanted, rtol=1e-6)


def test_a_bundle_of_built_in_parts_is_restored_from_itself_alone(tmp_path):
    path = built(tmp_path, "lsa", {"use": "lsa", "with": {"chars": [3, 5]}, "weight": 0.5})
    router = ts.load(path)
    assert router.route("my loan number 9").label == "loan"
    assert {"embedder/0/words.txt", "embedder/1/words.txt"} <= set(zipfile.ZipFile(path).namelist())


def test_a_part_of_another_distribution_is_taken_by_consent_and_told_where_it_runs_by_the_app(tmp_path, letters):
    path = built(tmp_path, "lsa", LETTERS)
    with zipfile.ZipFile(path) as archive:
        assert b"hidden-place" not in archive.read("bundle.json")
    with pytest.raises(BundleError, match=r"needs the embedder 'letters' of tracer_letters 1\.0, and only the bundle"):
        ts.load(path)
    router = ts.load(path, embedder="letters", embedder_options={"key": "/elsewhere"})
    assert router.route("my rent number 9").label == "rent"
    with pytest.raises(UsageError, match="parts 'lsa' and 'letters' do not take letters from the app; allowed: key"):
        ts.load(path, embedder="letters", embedder_options={"letters": "q"})


def test_an_option_that_two_parts_take_is_given_by_the_number_of_the_part(tmp_path, letters):
    path = built(tmp_path, "letters", LETTERS)
    with pytest.raises(UsageError, match="both take key") as caught:
        ts.load(path, embedder="letters", embedder_options={"key": "/x"})
    assert caught.value.problems[0].hint == "say which: 0.key"
    ts.load(path, embedder="letters", embedder_options={"1.key": "/x"})


@pytest.mark.parametrize(
    ("part", "where", "said"),
    [
        ("lsaa", "embedder.with.of[1]", "no embedder is called 'lsaa'"),
        ({"use": "lsa", "with": {"dim": 1}}, "embedder.with.of[1].with.dim", "dim"),
        (
            {"use": "precomputed", "with": {"column": "v"}},
            "embedder.with.of[1]",
            "only embedders of texts can be joined",
        ),
        ({"use": "concat", "with": {"of": ["lsa", "lsa"]}}, "embedder.with.of[1]", "is made of parts itself"),
    ],
)
def test_what_is_wrong_with_a_part_is_told_at_its_place(tmp_path, part, where, said):
    with pytest.raises(SpecError) as caught:
        make_plan(load_spec(spec_of(tmp_path, "lsa", part), environ={}), find_plugins())
    problem = caught.value.problems[0]
    assert problem.address.startswith(where)
    assert said in f"{problem.address} {problem.what}"


def test_what_a_part_finds_wrong_with_its_options_once_it_is_made_is_told_at_its_place(tmp_path, letters):
    plan = make_plan(load_spec(spec_of(tmp_path, "lsa", LETTERS), environ={}), find_plugins())
    part = plan.embedder.parts[1]
    for said, told in (
        ("embedder.with.path", "embedder.with.of[1].with.path"),
        ("embedder", "embedder.with.of[1]"),
        ("embedder.with.of[1].with.path", "embedder.with.of[1].with.path"),
        ("embedder_options", "embedder_options"),
        ("traces", "traces"),
    ):
        with pytest.raises(PluginError) as caught, part.attribute_errors():
            raise PluginError("is not a folder", address=said)
        assert caught.value.problems[0].address == told, said


@pytest.mark.parametrize(
    ("parts", "valid"),
    [
        (["lsa", "letters"], True),
        (["lsa", LETTERS | {"weight": 2}], True),
        (["lsa", {"use": "letters", "weight": "${W}", "with": {"letters": "${L:-abc}"}}], True),
        (["lsa"], False),
        (["lsa", "lsaa"], False),
        (["lsa", "precomputed"], False),
        (["lsa", "concat"], False),
        (["lsa", {"use": "letters", "wait": 2}], False),
        (["lsa", {"use": "letters", "weight": 0}], False),
        (["lsa", {"use": "letters", "with": {"leters": "abc"}}], False),
        (["lsa", {"use": "lsa", "with": {"dim": 1}}], False),
        (["lsa", {"with": {"dim": 8}}], False),
    ],
)
def test_an_editor_checks_the_parts_as_it_checks_an_embedder(tmp_path, letters, parts, valid):
    schema = router_document()
    Draft202012Validator.check_schema(schema)
    spec = spec_of(tmp_path, *parts)
    for embedder in (spec["embedder"], ["lsa", spec["embedder"]]):
        assert Draft202012Validator(schema).is_valid({**spec, "embedder": embedder}) == valid


def test_an_editor_completes_the_names_and_the_options_of_parts(letters):
    schema = router_document()
    name, mapping = schema["$defs"]["embedder.concat"]["$defs"]["WeightedPart"]["anyOf"]
    names = dict(zip(name["anyOf"][0]["enum"], name["anyOf"][0]["enumDescriptions"], strict=True))
    assert names["letters"] == "counts letters"
    assert "lsa" in names
    assert not names.keys() & {"concat", "precomputed"}
    assert mapping["properties"].keys() == {"use", "weight", "with"}
    assert {"$ref": "#/$defs/embedder.letters"} in [rule["then"]["properties"]["with"] for rule in mapping["allOf"]]
    assert "x-part" not in json.dumps(schema)


def test_what_the_spec_says_of_each_part_is_told_on_its_own(tmp_path):
    told = spec_values(read_bundle(built(tmp_path, {"use": "lsa", "with": {"dim": 8}}, {"use": "lsa", "weight": 2})))
    assert told["embedder.with.of[0].with.dim"] == "8"
    assert told["embedder.with.of[1].weight"] == "2"


def test_what_the_command_line_gave_a_part_is_not_told_and_neither_is_what_it_replaced(tmp_path, letters):
    def told(override):
        out = tmp_path / "set.tracer"
        ts.build(
            spec_of(tmp_path, "lsa", LETTERS), out=out, overrides=[override, "zoo[0].with.C=2"], workers=1, cache=False
        )
        found = spec_values(read_bundle(out))
        assert found["zoo.logreg.with.C"] == "given by --set, not told"
        return {address: text for address, text in found.items() if address.startswith("embedder.")}

    one = told("embedder.with.of[1].with.letters=abcdxy")
    assert one["embedder.with.of.letters.with.letters"] == "given by --set, not told"
    assert one["embedder.with.of.lsa"] == "lsa"
    everything = {"embedder.use": "concat", "embedder.with": "given by --set, not told"}
    assert told("embedder.with={of: [lsa, {use: letters, with: {letters: abcdxy}}]}") == everything
    assert told("embedder={use: concat, with: {of: [lsa, letters]}}") == everything


JOINER = """
from tracer_spec.builtin.embedders import concat
from tracer_spec.plugin import hookimpl
from tracer_spec.plugin.joining import JoiningPlugin


@hookimpl
def tracer_spec_embedders():
    yield JoiningPlugin("blend", "joins", concat.ConcatJoiner, concat.ConcatOptions, parts=concat.parts_of)
"""


def test_an_embedder_of_others_from_another_distribution_is_refused_before_anything_is_built(tmp_path, monkeypatch):
    put_distribution(tmp_path / "site", "tracer_blend", "1.0", {"blend": "blend_part"}, blend_part=JOINER)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    spec = spec_of(tmp_path, "lsa", "lsa")
    spec["embedder"]["use"] = "blend"
    with pytest.raises(
        SpecError, match=r"'blend' of tracer_blend 1\.0 cannot be used: .* could not be loaded: only 'concat'"
    ):
        ts.build(spec, out=tmp_path / "blend.tracer", workers=1)
    assert not (tmp_path / "blend.tracer").exists()
    sys.modules.pop("blend_part", None)


def test_what_a_part_of_a_third_party_fails_with_is_told_at_its_place(tmp_path, letters):
    plan = make_plan(load_spec(spec_of(tmp_path, "lsa", LETTERS), environ={}), find_plugins())
    with pytest.raises(PluginError) as caught, plan.embedder.parts[1].attribute_errors():
        raise ValueError("no such word")
    (problem,) = caught.value.problems
    assert problem.address == "embedder.with.of[1]"
    assert "failed: ValueError: no such word" in problem.what
