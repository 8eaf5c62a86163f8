"""Bundles whose embedder is made of others, and what such a bundle may lie about: every verb refuses it by its address."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

from tracer_spec.cli.main import main
from tracer_spec.errors import BundleError
from tracer_spec.runtime import load, lsa
from tracer_spec.runtime.concat import Concat

VERBS = (["inspect"], ["verify"], ["report"], ["route", "--text", "card"])


@pytest.fixture
def lsa_twice(bundles):
    """The document and the members of a bundle of two built-in parts, to be changed by a test."""
    parts = bundles.TWO_PARTS
    return bundles.joined(parts, [bundles.lsa_identity(part) for part in parts])


def test_the_bundle_is_good_before_it_lies(bundles, save, lsa_twice):
    assert load(save(bundles.forge(*lsa_twice))).route("top up").reason == "low_score"


def part(document, number):
    return document["embedder"]["options"]["of"][number]


def drop_a_part(document, members):
    del document["embedder"]["options"]["of"][1]


def drop_all(document, members):
    document["embedder"]["options"] = {}


def nine_parts(document, members):
    document["embedder"]["options"]["of"] *= 5


def a_third_part(document, members):
    document["embedder"]["options"]["of"].append(part(document, 0))


def no_options(document, members):
    part(document, 1).pop("options")


def an_unknown_key(document, members):
    part(document, 1)["probe"] = None


def a_name_with_a_path(document, members):
    part(document, 1)["use"] = "../../lsa"


def a_distribution_for_a_shell(document, members):
    part(document, 1)["distribution"] = "x; rm -rf /"


def concat_in_concat(document, members):
    document["embedder"]["options"]["of"][1] = {
        key: each for key, each in copy.deepcopy(document["embedder"]).items() if key != "probe"
    }


def a_huge_weight(document, members):
    document["embedder"]["options"]["weights"] = [1e300, 1.0]


def a_negative_weight(document, members):
    document["embedder"]["options"]["weights"] = [-1.0, 1.0]


def a_word_for_a_weight(document, members):
    document["embedder"]["options"]["weights"] = ["NaN", 1.0]


def a_file_of_no_part(document, members):
    members["embedder/words.txt"] = b"card\n"


def a_file_of_part_two(document, members):
    members["embedder/2/words.txt"] = b"card\n"


def a_part_by_another_spelling(document, members):
    members["embedder/00/words.txt"] = members.pop("embedder/0/words.txt")


SEEN_AT_ONCE = {
    drop_a_part: ("bundle.json embedder.options.of", "is a list of 1, not a list of 2 to 8"),
    drop_all: ("bundle.json embedder.options.of", "is missing"),
    nine_parts: ("bundle.json embedder.options.of", "is a list of 10, not a list of 2 to 8"),
    a_third_part: ("bundle.json embedder.options", "describes 3 parts and 2 weights"),
    no_options: ("bundle.json embedder.options.of[1].options", "is missing"),
    an_unknown_key: ("bundle.json embedder.options.of[1].probe", "is a key that this library does not know"),
    a_name_with_a_path: ("bundle.json embedder.options.of[1].use", "does not match"),
    a_distribution_for_a_shell: ("bundle.json embedder.options.of[1].distribution", "does not match"),
    concat_in_concat: ("bundle.json embedder.options.of[1].use", "is 'concat' itself, and parts have no parts"),
    a_huge_weight: ("bundle.json embedder.options.weights", "is 1e+300, not in [0.001, 1000.0]"),
    a_negative_weight: ("bundle.json embedder.options.weights", "is -1.0, not in [0.001, 1000.0]"),
    a_word_for_a_weight: ("bundle.json embedder.options.weights", "is a text, not a number"),
    a_file_of_no_part: ("embedder/words.txt", "belongs to none of the 2 parts of concat"),
    a_file_of_part_two: ("embedder/2/words.txt", "belongs to none of the 2 parts of concat"),
    a_part_by_another_spelling: ("embedder/00/words.txt", "belongs to none of the 2 parts of concat"),
}


@pytest.mark.parametrize("lie", SEEN_AT_ONCE, ids=lambda lie: lie.__name__)
def test_a_lie_about_the_parts_is_refused_by_every_verb(bundles, save, lsa_twice, lie, capsys, tmp_path):
    honest = save(bundles.forge(*lsa_twice), "honest.tracer")
    lie(*lsa_twice)
    path = save(bundles.forge(*lsa_twice))
    address, what = SEEN_AT_ONCE[lie]
    with pytest.raises(BundleError) as caught:
        load(path)
    problem = caught.value.problems[0]
    assert (problem.where, problem.address) == (str(path), address)
    assert what in problem.what
    assert problem.hint
    for verb, *rest in (*VERBS, ["diff", str(honest)], ["promote", str(tmp_path / "releases")]):
        assert main([verb, str(path), *rest]) == 4, verb
        assert address in capsys.readouterr().err


def test_a_manifest_of_thousands_of_nested_parts_or_of_a_weight_that_is_no_number_is_no_manifest(
    bundles, save, lsa_twice
):
    document, members = lsa_twice
    deep = json.dumps(document).replace(
        '"weights": [2.0', '"deep": ' + '{"of": [' * 5000 + "]}" * 5000 + ', "weights": [2.0'
    )
    for text, what in ((deep, "levels deep"), (json.dumps(document).replace("[2.0", "[NaN"), "is not valid JSON")):
        assert text != json.dumps(document)
        data = bundles.pack({"bundle.json": text.encode(), **members})
        with pytest.raises(BundleError, match=what) as caught:
            load(save(data))
        assert caught.value.problems[0].address == "bundle.json"


def swapped_states(document, members):
    for name in lsa.MEMBERS:
        first, second = f"embedder/0/{name}", f"embedder/1/{name}"
        members[first], members[second] = members[second], members[first]


def no_words(document, members):
    del members["embedder/1/words.txt"]


def a_stranger_s_file(document, members):
    members["embedder/1/0/words.txt"] = b"card\n"


def a_damaged_file(document, members):
    members["embedder/1/words.txt"] = b"up\nup\n"


def another_fingerprint(document, members):
    part(document, 1)["fingerprint"] = "0" * 64


def another_dimension(document, members):
    other = lsa.Lsa(
        ("fraud", "up"), ("fra",), np.full(3, 10, np.uint8), np.ones((3, 5), np.int8), max_chars=200, chars=(3, 3)
    )
    members.update({f"embedder/1/{name}": content for name, content in other.state().items()})
    part(document, 1)["fingerprint"] = other.fingerprint()
    first = lsa.restore({name: members[f"embedder/0/{name}"] for name in lsa.MEMBERS})
    document["embedder"]["fingerprint"] = Concat((first, other), (2.0, 1.0)).fingerprint()


def other_weights(document, members):
    document["embedder"]["options"]["weights"] = [1.0, 1.0]


def other_probes(document, members):
    document["embedder"]["probe"]["vectors"][1][2] += 0.25


SEEN_WHEN_RESTORED = {
    swapped_states: ("embedder/0/", "the embedder 'lsa' has the fingerprint"),
    no_words: ("embedder/1/", "the state of lsa has the files"),
    a_stranger_s_file: ("embedder/1/", "the state of lsa has the files"),
    a_damaged_file: ("embedder/1/words.txt", "a line twice"),
    another_fingerprint: ("embedder/1/", "the embedder 'lsa' has the fingerprint"),
    another_dimension: ("embedder/", "of shape (3, 7) (2 of lsa + 5 of lsa); the policy was built on (3, 4)"),
    other_weights: ("embedder/", "the embedder 'concat' has the fingerprint"),
    other_probes: (
        "embedder/1/",
        "the embedder 'lsa' gives other vectors than the policy was built on: they differ by 0.25",
    ),
}


@pytest.mark.parametrize("lie", SEEN_WHEN_RESTORED, ids=lambda lie: lie.__name__)
def test_a_lie_about_what_a_part_does_names_the_part(bundles, save, lsa_twice, lie, capsys, tmp_path):
    lie(*lsa_twice)
    path = save(bundles.forge(*lsa_twice))
    address, what = SEEN_WHEN_RESTORED[lie]
    with pytest.raises(BundleError) as caught:
        load(path)
    problem = caught.value.problems[0]
    assert (problem.where, problem.address) == (str(path), address)
    assert what in problem.what
    for verb, *rest in (["verify"], ["route", "--text", "card"], ["promote", str(tmp_path / "releases")]):
        assert main([verb, str(path), *rest]) == 4, verb
        assert f"{path}  {address}\n" in capsys.readouterr().err
