"""Once fit, never certify: what builds and drafts have fitted is kept in the lock, whatever is asked for later."""

import json

import numpy as np
import pytest
import yaml

import tracer_spec as ts
from tracer_spec.errors import DataError
from tracer_spec.flow.lock.file import read_lock
from tracer_spec.flow.lock.fitted import dealt_before
from tracer_spec.flow.prepare import part, read_traces
from tracer_spec.plan import make_plan
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.spec import load_spec

SPEC = {
    "version": 1,
    "name": "fitted",
    "traces": {
        "use": "jsonl",
        "with": {"path": "traces.jsonl"},
        "format": {"text": "q", "label": "a", "id": "id", "time": "t"},
    },
    "embedder": {"use": "precomputed", "with": {"column": "v"}},
    "zoo": ["logreg"],
    "target": {"agreement": 0.9},
}


@pytest.fixture
def world(tmp_path):
    """A spec over a log that can grow, its builds, and the ids that a build of it would certify on."""

    class World:
        folder = tmp_path

        def log(self, n):
            rng = np.random.default_rng(7)
            label, noise = rng.integers(0, 2, 3000), rng.normal(size=(3000, 2))
            rows = [
                {
                    "id": f"i{k}",
                    "other": f"o{k}",
                    "q": f"request {k}",
                    "a": "ab"[label[k]],
                    "t": 1e9 + 60 * k,
                    "g": f"g{k // 3}",
                }
                | {"v": (label[k] * 5 + noise[k]).round(4).tolist()}
                for k in range(n)
            ]
            (tmp_path / "traces.jsonl").write_text("\n".join(map(json.dumps, rows)))
            return self

        def build(self, draft=False, **options):
            return ts.build(tmp_path / "router.yaml", out=tmp_path / "out.tracer", draft=draft, **options)

        def certify(self):
            plan = make_plan(load_spec(tmp_path / "router.yaml"), find_plugins())
            traces = read_traces(plan)
            sides = part(traces, plan.spec.split, dealt_before(plan, traces))
            return {traces.texts[row] for row in sides.certify}

        def spec(self, traces=None, **changes):
            document = SPEC | changes
            document["traces"] = SPEC["traces"] | (traces or {})
            (tmp_path / "router.yaml").write_text(yaml.safe_dump(document))
            return self

        @property
        def everything(self):
            return {json.loads(line)["q"] for line in (tmp_path / "traces.jsonl").read_text().splitlines()}

    return World().log(400).spec()


def test_a_larger_share_certifies_on_no_row_that_a_draft_has_fitted(world):
    world.spec(split={"certify": 0.1})
    small = world.certify()
    world.build(draft=True)
    assert world.spec(split={"certify": 0.5}).certify() == small
    result = world.build()
    assert result.n_certify == len(small)
    assert world.log(600).certify() - small <= {f"request {k}" for k in range(400, 600)}  # rows that no draft has seen


def test_a_smaller_share_stays_the_smallest(world):
    for share in (0.4, 0.2, 0.3):
        world.spec(split={"certify": share}).build(draft=True)
    assert read_lock(world.folder / "router.lock").document.fitted.share == 0.2


def test_another_strategy_certifies_on_no_row_that_was_fitted_under_the_first(world):
    held_out = world.certify()
    world.build(draft=True)
    newest = {f"request {k}" for k in range(240, 400)}
    assert world.spec(split={"strategy": "temporal"}).certify() == held_out & newest
    assert world.spec(split={"strategy": "grouped", "key": "g"}).certify() <= held_out


def test_what_a_cut_in_time_has_fitted_does_not_certify_at_random(world):
    newest = world.spec(split={"strategy": "temporal"}).certify()
    world.build(draft=True)
    assert world.spec(split={"certify": 0.9}).certify() <= newest


def test_groups_of_another_key_are_all_fitted(world):
    world.spec(split={"strategy": "grouped", "key": "g"}).build(draft=True)
    with pytest.raises(DataError, match="no trace may certify"):
        world.spec(split={"strategy": "grouped", "key": "id"}).certify()
    assert world.log(500).certify() <= {f"request {k}" for k in range(400, 500)}


@pytest.mark.parametrize("before", [None, "t < `1000012000`"])
def test_another_condition_of_what_certifies_brings_no_row_back(world, before):
    """To filter the certify rows until they pass is trying until it passes: what one condition left out has been fitted."""
    world.spec(split={"certify_where": before} if before else {}).build(draft=True)
    for tried in ("contains(other, '1')", "contains(other, '2')", "t > `1000006000`"):
        with pytest.raises(DataError, match="no trace may certify"):
            world.spec(split={"certify_where": tried}).certify()
    fresh = {f"request {k}" for k in range(400, 600)}
    assert world.log(600).certify() <= fresh


def test_the_same_condition_certifies_on_the_same_rows_again(world):
    chosen = world.spec(split={"certify_where": "contains(other, '1')"}).certify()
    assert len(chosen) > 20
    world.build(draft=True)
    assert world.certify() == chosen


def test_rows_of_other_logs_stay_without_the_right_once_a_router_was_seen_whatever_becomes_of_its_log(world):
    """Logs are rotated away: the lock keeps when the router was first seen."""
    with_rate = SPEC["traces"]["format"] | {"certify": "audit", "rate": "rate"}
    rows = [json.loads(line) for line in (world.folder / "traces.jsonl").read_text().splitlines()]
    routed = [
        {**row, "id": f"d{row['id']}", "q": f"routed {row['q']}", "audit": True, "rate": 0.5} for row in rows[200:]
    ]
    (world.folder / "decisions.jsonl").write_text("\n".join(map(json.dumps, routed)))
    sources = [SPEC["traces"], SPEC["traces"] | {"with": {"path": "decisions.jsonl"}, "format": with_rate}]
    document = {**SPEC, "traces": sources}
    (world.folder / "router.yaml").write_text(yaml.safe_dump(document))
    world.build(draft=True)
    kept = read_lock(world.folder / "router.lock").document.fitted.routed_from
    assert kept == rows[200]["t"]
    (world.folder / "decisions.jsonl").write_text("\n".join(map(json.dumps, routed[100:])))
    plan = make_plan(load_spec(world.folder / "router.yaml"), find_plugins())
    traces = read_traces(plan)
    sides = part(traces, plan.spec.split, dealt_before(plan, traces))
    others = [traces.times[row] for row in sides.certify if not traces.sampling.is_said[row]]
    assert max(others) < kept


@pytest.mark.parametrize(
    "change",
    [
        {"id": "other"},
        {"id": None},
        {"text": "join(' ', [q, 'please'])"},
        {"id": "other", "text": "join(' ', [q, 'please'])"},
    ],
)
def test_another_spelling_of_id_or_text_deals_no_row_out_anew(world, change):
    world.build(draft=True)
    world.spec(traces={"format": SPEC["traces"]["format"] | change})
    with pytest.raises(DataError, match="no trace may certify") as refusal:
        world.build()
    assert "the id and the text that the lock was begun with" in refusal.value.problems[0].hint


def test_cutting_texts_otherwise_moves_no_row_that_has_an_id(world):
    world.build(draft=True)
    before = world.certify()
    world.spec(traces={"extract": ["after:request "]})
    assert {f"request {text}" for text in world.certify()} == before


@pytest.mark.parametrize("steps", [["after:request "], ["regex:[0-9]+"]])
def test_without_ids_texts_that_are_cut_otherwise_have_all_been_fitted_up_to_the_newest(world, steps):
    no_ids = {key: value for key, value in SPEC["traces"]["format"].items() if key != "id"}
    world.spec(traces={"format": no_ids}).build(draft=True)
    world.spec(traces={"format": no_ids, "extract": steps})
    with pytest.raises(DataError, match="no trace may certify"):
        world.build()
    assert world.log(500).certify() <= {str(k) for k in range(400, 500)}


def test_another_log_under_another_spelling_is_begun_anew(world):
    world.build(draft=True)
    lines = (world.folder / "traces.jsonl").read_text().splitlines()
    new = {"other": "n{}", "q": "something else {}"}
    rows = [
        (row := json.loads(line)) | {key: text.format(k) for key, text in new.items()} | {"t": row["t"] + 30}
        for k, line in enumerate(lines)
    ]
    (world.folder / "traces.jsonl").write_text("\n".join(map(json.dumps, rows)))
    world.spec(traces={"format": SPEC["traces"]["format"] | {"id": "other"}})
    assert world.build().status == "certified"


def test_fresh_certifies_on_all_rows_since_the_last_look_at_full_delta_and_trains_on_all_older(world):
    world.spec(split={"strategy": "fresh"})
    first = world.build()
    assert (first.status, first.certificate.look) == ("certified", 1)
    with pytest.raises(DataError, match="no trace is newer than the last look"):
        world.spec(split={"strategy": "fresh"}, zoo=[{"use": "logreg", "with": {"C": 2}}]).build()
    world.spec(split={"strategy": "fresh"}).log(600)
    assert world.certify() == {f"request {k}" for k in range(400, 600)}
    second = world.build()
    assert (second.status, second.certificate.look, second.n_certify, second.n_fit) == ("certified", 1, 200, 400)
    assert any("newest traces" in each for each in second.certificate.assumptions)
    again = world.build()
    assert (again.sha256, again.certificate.look) == (second.sha256, 1)
    assert world.build(locked=True).status == world.build(check=True).status == "certified"


def test_drafts_leave_fresh_rows_fresh(world):
    world.spec(split={"strategy": "fresh"}).build()
    world.log(600).build(draft=True)
    assert world.certify() == {f"request {k}" for k in range(400, 600)}


@pytest.mark.parametrize("first", [{"certify": 0.4}, {"strategy": "temporal"}, {"strategy": "grouped", "key": "g"}])
def test_a_refused_fresh_build_keeps_nobody_from_making_the_pinned_build_again(world, first):
    released = world.spec(split=first).build()
    assert released.status == "certified"
    refused = world.log(600).spec(split={"strategy": "fresh"}, target={"agreement": 0.9999}).build()
    assert refused.status == "refused"
    world.log(400).spec(split=first)
    before = (world.folder / "router.lock").read_bytes()
    assert world.build(locked=True).sha256 == world.build(check=True).sha256 == released.sha256
    assert (world.folder / "router.lock").read_bytes() == before
    with pytest.raises(DataError, match="no trace may certify") as refusal:
        world.build()
    assert "'build --locked' makes again the build that the lock pins" in refusal.value.problems[0].hint


def test_after_a_share_was_lowered_by_a_draft_and_all_was_fitted_the_pinned_build_is_still_that_share(world):
    world.spec(split={"certify": 0.3}).build(draft=True)
    released = world.spec(split={"certify": 0.4}).build()
    world.log(600).spec(split={"strategy": "fresh"}).build()
    world.spec(split={"strategy": "fresh"}, target={"agreement": 0.9999}).log(800).build()
    pinned = world.log(600).spec(split={"strategy": "fresh"}).build(locked=True)
    assert pinned.n_certify == 200
    assert released.n_certify < 150


def test_a_draft_estimates_where_no_row_may_certify_any_more(world):
    world.spec(split={"certify": 0.4}).build()
    world.log(600).spec(split={"strategy": "fresh"}).build()
    for n, split in ((600, {"strategy": "fresh"}), (400, {"certify": 0.4})):
        result = world.log(n).spec(split=split, target={"agreement": 0.91}).build(draft=True)
        assert result.status == "draft"
        assert 0.3 * n < result.n_certify < 0.5 * n
        assert any("no trace of these may certify any more" in each for each in result.warnings)
        with pytest.raises(DataError):
            world.build()


@pytest.mark.parametrize("shift", [36000.0, 7.0 * 3600])
def test_without_ids_a_clock_that_was_moved_makes_no_row_fresh(world, shift):
    without_ids = {"format": {key: at for key, at in SPEC["traces"]["format"].items() if key != "id"}}
    world.log(900).spec(traces=without_ids, split={"strategy": "fresh"})
    assert world.build().certificate.look == 1
    rows = [json.loads(line) for line in (world.folder / "traces.jsonl").read_text().splitlines()]
    (world.folder / "traces.jsonl").write_text("\n".join(json.dumps(row | {"t": row["t"] + shift}) for row in rows))
    assert world.build().certificate.look == 2


def test_a_row_dated_ahead_of_the_clock_ends_no_fresh_build_and_never_counts_as_newer(world):
    stray = json.dumps({"id": "stray", "other": "o", "q": "stray", "a": "a", "t": 4.1e9, "g": "g", "v": [0.1, 0.2]})

    def log(n):
        path = world.log(n).folder / "traces.jsonl"
        path.write_text(path.read_text() + "\n" + stray)

    log(400)
    first = world.spec(split={"strategy": "fresh"}).build()
    assert sum("1 trace is dated more than a day ahead" in each for each in first.warnings) == 1
    lock = read_lock(world.folder / "router.lock").document.fitted
    assert (lock.newest, lock.looked_until, len(lock.ahead)) == (1e9 + 60 * 399, 1e9 + 60 * 399, 1)
    with pytest.raises(DataError, match="no trace is newer than the last look"):
        world.spec(split={"strategy": "fresh"}, zoo=[{"use": "logreg", "with": {"C": 2}}]).build()
    world.spec(split={"strategy": "fresh"})
    log(600)
    assert world.certify() == {f"request {k}" for k in range(400, 600)}
    second = world.build()
    assert (second.status, second.certificate.look, second.n_certify) == ("certified", 1, 200)
    assert world.build().sha256 == second.sha256
    assert world.build(check=True).status == "certified"


def test_a_log_that_lies_ahead_of_the_clock_as_a_whole_keeps_its_times(world):
    world.spec(traces={"format": SPEC["traces"]["format"] | {"time": "to_number(join('', ['4', to_string(t)]))"}})
    world.build(draft=True)
    assert read_lock(world.folder / "router.lock").document.fitted.newest > 4e9


def test_fresh_needs_times(world):
    world.spec(traces={"format": {"text": "q", "label": "a", "id": "id"}}, split={"strategy": "fresh"})
    with pytest.raises(ts.SpecError, match="a fresh split needs the time of each trace"):
        world.build()


@pytest.mark.parametrize("strategy", ["fresh", "temporal"])
def test_a_log_without_times_is_refused_before_its_first_look_and_not_after_it(world, strategy):
    world.spec(
        traces={"format": {"text": "q", "label": "a", "id": "id", "time": "nothing"}}, split={"strategy": strategy}
    )
    with pytest.raises(DataError, match=r"a split by time needs a time on every trace; 400 of 400 have none"):
        world.build()


def test_a_refusal_to_certify_old_rows_names_the_bound_that_left_them_out_of_the_look(world):
    traces = {**SPEC["traces"], "max_rows": 250}
    world.spec(traces=traces, split={"strategy": "fresh"}).build()
    assert read_lock(world.folder / "router.lock").document.fitted.left_out == 150
    with pytest.raises(DataError, match=r"'traces\.max_rows' left out 150 traces then, and those older than the look"):
        world.spec(split={"strategy": "fresh"}, zoo=[{"use": "logreg", "with": {"C": 2}}]).build()
    assert len(world.log(900).certify()) > 400
