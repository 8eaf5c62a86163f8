"""``frontier.json``: every candidate of every chain, which of them are on the front, and which one ships."""

from dataclasses import replace

import jsonschema
import pytest

from tracer_spec.flow.documents.frontier import Competitor, FrontierDocument, LabelNames, Learner
from tracer_spec.plugin import Candidate, Chain, Model, Stage

GATE = Stage(Model("s", b""), Model("accept", b""), 0.8)
ALL = Stage(Model("t", b""))
GATED, CASCADE, OPEN = (
    Candidate("l2d", (GATE,), 1000, 400, 399),
    Candidate("rsb", (GATE, ALL), 1000, 900, 810),
    Candidate("global", (ALL,), 1000, 1000, 870),
)
CHAINS = [
    Chain("l2d", ("s",), (GATED,)),
    Chain("rsb", ("s", "t"), (CASCADE,)),
    Chain("global", ("t",), (OPEN,)),
]
ZOO = [
    Learner(name="s", status="trained", agreement=0.9, reason="", bytes=120, notes=("slow",)),
    Learner(name="u", status="skipped", reason="it needs two labels", bytes=0),
]


def test_a_frontier_tells_every_candidate_and_what_became_of_the_zoo():
    names = LabelNames(weight=3.0, agreement=0.7, without=0.6, unable=("gbt",))
    lost = Competitor(
        name="lsa",
        chosen=False,
        agreement=None,
        coverage=None,
        power=None,
        candidate_coverage=None,
        reason="no learner",
        zoo=tuple(ZOO),
    )
    written = FrontierDocument.of(CHAINS, [GATED, OPEN], GATED, ZOO, names, [lost]).document()
    jsonschema.validate(written, FrontierDocument.schema_document())
    assert set(written) == set(FrontierDocument.schema_document()["properties"])
    told = [(chain["family"], chain["surrogates"], each) for chain in written["chains"] for each in chain["candidates"]]
    assert told == [
        ("l2d", ["s"], rates(0.4, 399 / 400, [0.8], front=True, chosen=True)),
        ("rsb", ["s", "t"], rates(0.9, 0.9, [0.8, None], front=False, chosen=False)),
        ("global", ["t"], rates(1.0, 0.87, [None], front=True, chosen=False)),
    ]
    assert [(row["name"], row["status"], row["agreement"]) for row in written["zoo"]] == [
        ("s", "trained", 0.9),
        ("u", "skipped", None),
    ]


@pytest.mark.parametrize(
    ("moved", "home", "place"),
    [
        (Candidate("l2d", (replace(GATE, threshold=0.9),), 1000, 300, 299), 0, 0),
        (Candidate("l2d", (replace(GATE, threshold=0.7),), 1000, 500, 480), 0, 1),
        (Candidate("rsb", (replace(GATE, threshold=0.7),), 1000, 500, 480), 1, 0),
    ],
)
def test_what_ships_at_a_threshold_that_certify_rows_moved_stands_in_its_chain(moved, home, place):
    chains = FrontierDocument.of(CHAINS, [GATED, OPEN], moved, ZOO).chains
    assert [sum(each.chosen for each in chain.candidates) for chain in chains] == [at == home for at in range(3)]
    ships = chains[home].candidates[place]
    assert (ships.chosen, ships.coverage, ships.thresholds) == (True, moved.coverage, (moved.policy[0].threshold,))


def rates(coverage, agreement, thresholds, **marks):
    return {"coverage": coverage, "agreement": agreement, "thresholds": thresholds, **marks}


@pytest.mark.parametrize(
    "change",
    [{"chains": [{"family": "l2d"}]}, {"zoo": [{"name": "s"}]}, {"schema_version": 2}, {"extra": 1}],
    ids=lambda change: next(iter(change)),
)
def test_what_no_build_writes_does_not_fit(change):
    written = FrontierDocument.of(CHAINS, [GATED], GATED, ZOO).document()
    assert not jsonschema.Draft202012Validator(FrontierDocument.schema_document()).is_valid(written | change)
