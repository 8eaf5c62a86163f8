"""What is wrong with the options of a plugin, told once, at its place, with what to write."""

from __future__ import annotations

import pytest

from tracer_spec.errors import SpecError
from tracer_spec.plan import load_plan
from tracer_spec.plugin.registry import find_plugins

SPEC = """\
version: 1
name: small
traces: {use: jsonl, with: {path: t.jsonl}}
target: {agreement: 0.9}
"""


def problems(tmp_path, more):
    (tmp_path / "router.yaml").write_text(SPEC + more)
    with pytest.raises(SpecError) as caught:
        load_plan(tmp_path / "router.yaml", find_plugins())
    return [(each.address, each.what, each.hint) for each in caught.value.problems]


@pytest.mark.parametrize(
    "embedder", ["precomputed", "{use: precomputed}", "{use: precomputed, as: mine}"], ids=["name", "use", "as"]
)
def test_a_plugin_that_needs_options_and_has_none_is_shown_with_room_for_them(tmp_path, embedder):
    assert problems(tmp_path, f"embedder: {embedder}\n") == [
        (
            "embedder.with",
            "give exactly one of path and column; got neither",
            "give its options: {use: precomputed, with: {...}}",
        )
    ]


@pytest.mark.parametrize(
    ("embedder", "where"),
    [
        ("{use: precomputed, with: {path: '${UNSET}'}}", "embedder.with.path"),
        ("[lsa, {use: precomputed, with: {path: '${UNSET}'}}]", "embedder[1].with.path"),
        (
            "{use: concat, with: {of: [lsa, {use: precomputed, with: {path: '${UNSET}'}}]}}",
            "embedder.with.of[1].with.path",
        ),
    ],
    ids=["alone", "in a list", "a part"],
)
def test_what_options_lack_for_want_of_a_variable_is_told_as_the_variable_alone(tmp_path, monkeypatch, embedder, where):
    monkeypatch.delenv("UNSET", raising=False)
    assert [each[:2] for each in problems(tmp_path, f"embedder: {embedder}\n")] == [
        (where, "the environment variable UNSET is not set")
    ]


@pytest.mark.parametrize(
    ("more", "at", "of"),
    [
        ("embedder: {use: concat, with: {of: [lsa, lsa]}}", "embedder.with.of[1]", "embedder.with.of[0]"),
        (
            "embedder: {use: concat, with: {of: [lsa, {use: lsa, weight: 2}]}}",
            "embedder.with.of[1]",
            "embedder.with.of[0]",
        ),
        ("embedder: [{use: lsa, as: a}, {use: lsa, as: lsa, with: {dim: 512}}]", "embedder[1]", "embedder[0]"),
        ("embedder: lsa\nacceptor: [neighbours, logistic, {use: logistic, as: lsa}]", "acceptor[2]", "acceptor[1]"),
        ("embedder: lsa\nfamilies: [global, {use: global, as: lsa}]", "families[1]", "families[0]"),
    ],
)
def test_what_is_given_twice_and_can_bring_nothing_is_refused(tmp_path, more, at, of):
    ((where, what, hint),) = problems(tmp_path, more + "\n")
    name = "lsa" if "use: concat" in more or "as: lsa" in more else ""
    assert (where, what) == (at, f"'{name}' has the plugin and the options of {of}, and adds nothing to it")
    assert hint == "take it out, or give it other options"


@pytest.mark.parametrize(
    "more",
    [
        "embedder: {use: concat, with: {of: [lsa, {use: lsa, with: {dim: 16}}]}}",
        "embedder: lsa\nzoo: [mlp, {use: mlp, as: other-seed}]",
        "embedder: lsa\nguards: [prototypes, {use: prototypes, as: other-seed}]",
    ],
)
def test_two_of_other_options_or_of_another_seed_are_two(tmp_path, more):
    (tmp_path / "router.yaml").write_text(SPEC + more + "\n")
    assert load_plan(tmp_path / "router.yaml", find_plugins())


def test_a_format_whose_label_is_a_variable_without_a_value_has_a_label(tmp_path, monkeypatch):
    monkeypatch.delenv("UNSET", raising=False)
    more = "embedder: lsa\n"
    text = SPEC.replace("t.jsonl}", "t.jsonl}, format: {text: a, label: '${UNSET}'}")
    (tmp_path / "router.yaml").write_text(text + more)
    with pytest.raises(SpecError) as caught:
        load_plan(tmp_path / "router.yaml", find_plugins())
    assert [each.address for each in caught.value.problems] == ["traces.format.label"]


@pytest.mark.parametrize(
    ("embedder", "where", "hint"),
    [
        (
            "{use: concat, with: {of: [lsa, {use: lsa, as: small, dim: 8}]}}",
            ["embedder.with.of[1].as", "embedder.with.of[1].dim"],
            [
                "take it out: a part of another plugin is called by its number",
                "options of a plugin go under 'with': {use: lsa, with: {dim: 8}}",
            ],
        ),
        ("{of: [lsa, lsa]}", ["embedder.use", "embedder.of"], ["", "options of a plugin go under 'with'"]),
        ("{lsa: 8}", ["embedder.use", "embedder.lsa"], ["", "options of a plugin go under 'with'"]),
        (
            "{lsa: }",
            ["embedder.use", "embedder.lsa"],
            ["", "options of a plugin go under 'with': {use: lsa, with: {}}"],
        ),
    ],
    ids=["as of a part", "a list", "a number", "nothing"],
)
def test_what_is_shown_under_with_is_what_a_plugin_takes(tmp_path, embedder, where, hint):
    told = problems(tmp_path, f"embedder: {embedder}\n")
    assert [each[0] for each in told] == where
    assert [given for _, _, given in told if given.startswith(("take", "options"))] == [each for each in hint if each]


def test_an_expression_of_an_embedders_options_that_is_no_jmespath_is_told_where_it_is_written(tmp_path):
    ((where, what, _),) = problems(tmp_path, "embedder: {use: precomputed, with: {column: 'emb['}}\n")
    assert where == "embedder.with.column"
    assert what.startswith("'emb[' is not JMESPath")
