import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracer_spec as ts
from tracer_spec.errors import DataError
from tracer_spec.flow.documents.lock import FittedEntry, LockDocument, Series
from tracer_spec.flow.lock.file import SKETCH_SIZE, lock_path, read_lock, united, united_fitted, write_lock
from tracer_spec.flow.lock.ledger import Look, count_look, looks_elsewhere, next_look, sketch, with_look
from tracer_spec.flow.prepare import part, read_traces
from tracer_spec.flow.preview.certifiable import preview
from tracer_spec.flow.progress import StageStarted
from tracer_spec.plan import make_plan
from tracer_spec.plugin import Target
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.spec import load_spec
from tracer_spec.stats.binomial import fewest_trials
from tracer_spec.stats.multiple import look_level


def rows(start, stop):
    return sketch((f"id {i}".encode() for i in range(start, stop)), (f"text {i}".encode() for i in range(start, stop)))


@pytest.fixture
def look(tmp_path):
    """Return how to take a look: what is tested, whatever the level, at which rows; it gives the number."""
    path = tmp_path / "router.lock"

    def take(test, seen, *, fresh=False):
        found = count_look(path, seen, 0.05, lambda level: test, fresh=fresh, newest=None)
        found.write_down()
        return found.number

    take.ledger = lambda: read_lock(path).ledger
    take.path = path
    return take


def test_the_first_look_is_the_first_and_the_same_test_again_is_no_new_one(look):
    assert [look("a", rows(0, 100)), look("a", rows(0, 100))] == [1, 1]
    assert [series.builds for series in look.ledger()] == [("a",)]


def test_other_tests_on_overlapping_rows_count_up_and_keep_their_numbers(look):
    assert [look(test, rows(0, 100 + n)) for n, test in enumerate("abc")] == [1, 2, 3]
    assert look("b", rows(0, 102)) == 2


def test_looks_at_the_same_rows_in_another_lock_of_the_folder_are_told(look, tmp_path):
    look("a", rows(0, 100))
    (tmp_path / "poetry.lock").write_text("[metadata]")  # of another program
    (tmp_path / "damaged.lock").write_text("{")
    copy = tmp_path / "try2.lock"
    (note,) = looks_elsewhere(copy, rows(50, 200))
    assert note.startswith(
        "router.lock, beside try2.lock, holds 1 look at these certify rows: each spec spends an error budget"
    )
    assert "cp router.lock try2.lock" in note
    assert looks_elsewhere(copy, rows(100, 200)) == ()
    assert looks_elsewhere(look.path, rows(0, 100)) == (), "its own looks are counted, not warned of"
    found = count_look(copy, rows(0, 100), 0.05, lambda level: "b", fresh=False, newest=None)
    assert (found.number, found.notes) == (1, looks_elsewhere(copy, rows(0, 100)))
    copy.write_bytes(look.path.read_bytes())
    assert looks_elsewhere(copy, rows(0, 100)) == (), "a lock that was copied counts these looks itself"
    look("c", rows(0, 100))
    (note,) = looks_elsewhere(copy, rows(50, 200))
    assert "holds 1 look at" in note
    assert "cp " not in note, "a lock that is there is not to be overwritten"
    copy.unlink()
    text = sketch((), (f"text {n}".encode() for n in range(3)))
    assert looks_elsewhere(copy, text | rows(300, 400), fresh=True) == (), "a text that is asked again is no old row"


@pytest.mark.parametrize("fresh", [False, True])
def test_a_lock_of_other_rows_that_are_numbered_alike_is_not_told(look, tmp_path, fresh):
    look("a", rows(0, 400))
    ids = [f"id {n}".encode() for n in range(400)]
    greetings = [f"text {n}".encode() for n in range(20)]  # which people write to every router
    others = [*greetings, *(f"other text {n}".encode() for n in range(380))]
    other = tmp_path / "other.lock"
    assert looks_elsewhere(other, sketch(ids, others), fresh=fresh) == ()
    for of_both in (sketch(ids, others[:-60] + [f"text {n}".encode() for n in range(340, 400)]), rows(340, 1000)):
        assert len(looks_elsewhere(other, of_both, fresh=fresh)) == 1, "an overlap of 60 rows"
    assert count_look(look.path, sketch(ids, others), 0.05, lambda level: "b", fresh=False, newest=None).number == 2, (
        "its own looks count by ids alone"
    )


def test_a_lock_of_the_same_rows_is_told_whatever_their_number_and_their_ids(look, tmp_path):
    texts = [f"text {n}".encode() for n in range(3 * SKETCH_SIZE)]
    look("a", sketch((f"id {n}".encode() for n in range(len(texts))), texts))
    other = tmp_path / "other.lock"
    for named in (
        sketch((), texts),
        sketch((f"req-{n}".encode() for n in range(len(texts))), texts[: len(texts) // 2]),
    ):
        assert len(looks_elsewhere(other, named)) == 1


def test_a_lock_that_is_not_in_the_checkout_of_ci_is_told_of(tmp_path, monkeypatch):
    path = tmp_path / "router.lock"

    def notes():
        return count_look(path, rows(0, 100), 0.05, lambda level: "a", fresh=False, newest=None).notes

    assert notes() == ()
    monkeypatch.setenv("CI", "true")
    (note,) = notes()
    assert note.startswith("there is no router.lock in this checkout, and this is CI: the look that this build takes")
    write_lock(path, LockDocument(looks=()))
    assert notes() == ()


def test_rows_never_seen_start_a_series_of_their_own(look):
    assert [look("a", rows(0, 100)), look("b", rows(100, 200))] == [1, 1]
    assert len(look.ledger()) == 2


def test_a_look_that_overlaps_two_series_counts_after_the_looks_of_both(look):
    ledger = (
        Series(builds=("a", "b"), sketch=rows(0, 50)),
        Series(builds=("c",), sketch=rows(100, 150)),
        Series(builds=("d",), sketch=rows(900, 950)),
    )
    write_lock(look.path, LockDocument(looks=ledger))
    assert look("e", rows(20, 120)) == 4
    assert [series.builds for series in look.ledger()] == [("d",), ("a", "b", "c", "e")]


def test_rows_are_known_again_by_their_ids_and_by_their_texts(look):
    ids, texts = [b"1", b"2"], [b"where is it", b"stop"]
    assert look("a", sketch(ids, texts)) == 1
    assert look("b", sketch([b"x1", b"x2"], texts)) == 2  # another expression for the id
    assert look("c", sketch(ids, [b"q: where is it", b"q: stop"])) == 3  # another for the text
    assert look("d", sketch([b"1 ", b"2 "], [b"q: where", b"q: stopped"])) == 1


def test_fresh_rows_may_ask_what_was_asked_before_but_not_most_of_it(look):
    old = [f"text {i}".encode() for i in range(100)]
    assert look("a", sketch((b"%d" % i for i in range(100)), old)) == 1
    some = [*old[:40], *(f"new {i}".encode() for i in range(60))]
    assert look("b", sketch((b"n%d" % i for i in range(100)), some)) == 2
    assert (
        look("c", sketch((b"m%d" % i for i in range(100)), [*old[:40], *(b"o%d" % i for i in range(60))]), fresh=True)
        == 1
    )
    assert (
        look("d", sketch((b"p%d" % i for i in range(100)), [*old[:60], *(b"q%d" % i for i in range(40))]), fresh=True)
        > 1
    )


@pytest.mark.parametrize("n", [500, 2000, 8000])
def test_fresh_rows_without_ids_that_were_all_looked_at_are_seen_inside_a_ledger_larger_than_its_sketch(n):
    texts = [b"text %d" % i for i in range(40_000)]
    ledger = with_look((), [], "a" * 64, sketch((), texts))
    assert next_look(ledger, sketch((), texts[:n]), fresh=True, repeated=0.0) == 2
    assert next_look(ledger, sketch((), [b"new %d" % i for i in range(n)]), fresh=True, repeated=0.0) == 1


def test_without_ids_a_look_counts_where_more_texts_are_known_than_people_ask_again():
    texts = [b"text %d" % i for i in range(1000)]
    ledger = with_look((), [], "a" * 64, sketch((), texts))
    new = sketch((), [*texts[:100], *(b"new %d" % i for i in range(900))])
    asked_again = [next_look(ledger, new, fresh=True, repeated=share) for share in (0.0, 0.05, 0.1, 0.3)]
    assert asked_again == [2, 2, 1, 1]
    assert (
        next_look(ledger, sketch((), texts[:3]) | sketch((), [b"b", b"c", b"d", b"e"]), fresh=True, repeated=0.0) == 1
    )


@pytest.mark.parametrize("exponent", [1.2, 1.6, 3.0])
def test_requests_of_one_traffic_are_fresh_without_ids(exponent):
    rng = np.random.default_rng(0)
    for m, n in ((400, 400), (3000, 300), (300, 3000)):
        old, new = ([b"%d" % each for each in rng.zipf(exponent, size) % 100_000] for size in (m, n))
        counts = Counter(new)
        repeated = sum(size for size in counts.values() if size > 1) / n
        ledger = with_look((), [], "a" * 64, sketch((), old))
        known = len(set(old) & set(new)) / len(set(new))
        assert next_look(ledger, sketch((), new), fresh=True, repeated=repeated) == 1 or known > 0.5


def test_a_test_is_known_again_at_the_level_that_led_to_it(look, tmp_path):
    path, seen = look.path, rows(0, 100)
    for expected in (1, 2, 3, 2):
        test_at = {1: "{:.1e}".format, 2: "b {:.1e}".format, 3: "c {:.1e}".format}[expected]
        found = count_look(path, seen, 0.05, test_at, fresh=False, newest=None)
        found.write_down()
        assert (found.number, found.level) == (expected, look_level(expected, 0.05))


def test_where_nothing_is_tested_no_look_is_written(look):
    found = count_look(look.path, rows(0, 10), 0.05, lambda level: None, fresh=False, newest=None)
    assert (found.number, found.is_taken) == (1, True)


def test_a_small_set_of_rows_inside_a_large_one_is_seen():
    large = sketch((), (b"%d" % i for i in range(400_000)))
    assert len(large) == SKETCH_SIZE
    missed = 0
    for start in range(0, 400_000, 16_000):
        missed += not Series(builds=("a",), sketch=large).overlaps(
            sketch((), (b"%d" % i for i in range(start, start + 800)))
        )
    assert missed == 0  # each is missed with probability 7e-8
    assert not Series(builds=("a",), sketch=large).overlaps(sketch((), (b"%d" % i for i in range(400_000, 400_800))))


def test_up_to_its_size_a_sketch_holds_every_row():
    assert len(sketch((), (b"%d" % i for i in range(SKETCH_SIZE)))) == SKETCH_SIZE
    whole = Series(builds=("a",), sketch=rows(0, SKETCH_SIZE))
    assert all(whole.overlaps(rows(i, i + 1)) for i in range(0, SKETCH_SIZE, 97))


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20), st.sampled_from("abcdefgh")), max_size=12))
def test_the_levels_spent_on_rows_in_common_never_exceed_the_budget(tmp_path_factory, builds):
    path = tmp_path_factory.mktemp("lock") / "router.lock"
    for start, length, build in builds:
        found = count_look(
            path, rows(start, start + length), 0.05, lambda level, build=build: build, fresh=False, newest=None
        )
        found.write_down()
        assert 0 < found.level <= 0.05
        for series in read_lock(path).ledger:
            assert sum(look_level(j, 0.05) for j in range(1, len(series.builds) + 1)) <= 0.05


@pytest.fixture
def spec_file(tmp_path):
    """Write a spec over traces that certify in a second."""
    words = {"card": "card chip visa plastic", "loan": "loan borrow mortgage interest"}
    lines = []
    for i in range(400):
        label = ("card", "loan")[i % 2]
        text = f"about the {words[label].split()[i % 4]} {words[label].split()[(i // 4) % 4]} number {i % 7}"
        lines.append(json.dumps({"id": str(i), "input": text, "teacher": label}))
    (tmp_path / "traces.jsonl").write_text("\n".join(lines))
    path = tmp_path / "router.yaml"
    path.write_text(
        "version: 1\nname: looks\ntraces: {use: jsonl, with: {path: traces.jsonl}, repeats: traffic}\n"
        "embedder: {use: lsa, with: {dim: 8}}\nzoo: [logreg]\ntarget: {agreement: 0.9}\n"
    )
    return path


def build(spec_file, *overrides, **options):
    return ts.build(spec_file, out=spec_file.parent / "out.tracer", overrides=overrides, **options)


def other_zoo(n):
    """Return an override that trains another surrogate, and so tests another policy."""
    return f"zoo=[{{use: logreg, with: {{C: {n}}}}}]"


def test_every_look_is_written_beside_the_spec_and_spends_its_share(spec_file):
    first = build(spec_file)
    assert (first.status, first.certificate.look) == ("certified", 1)
    assert first.certificate.level == look_level(1, 0.05)
    again = build(spec_file)
    assert (again.certificate.look, again.sha256) == (1, first.sha256)
    other = build(spec_file, other_zoo(2))
    assert (other.certificate.look, other.certificate.level) == (2, look_level(2, 0.05))
    assert all(step.passed == (step.p_value <= look_level(2, 0.05)) for step in other.certificate.walk)


def test_what_no_test_depends_on_is_no_new_look(spec_file):
    build(spec_file)
    renamed = build(spec_file, "name=renamed", "report.text=true")
    assert renamed.certificate.look == 1


def test_a_draft_spends_no_look_and_routes_only_where_it_may(spec_file):
    result = build(spec_file, draft=True)
    assert (result.status, result.certificate.look, result.certificate.walk) == ("draft", None, ())
    assert read_lock(lock_path(str(spec_file))).ledger == ()
    with pytest.raises(ts.BundleError, match="draft"):
        ts.load(result.bundle)
    assert ts.load(result.bundle, allow_uncertified=True).route("about the chip card number 1").label == "card"


def test_a_build_that_can_test_nothing_spends_no_look(spec_file):
    result = build(spec_file, "target.agreement=0.9999")
    assert result.status == "refused"
    assert read_lock(lock_path(str(spec_file))).ledger == ()


def test_the_advice_of_a_refusal_counts_the_looks_that_were_taken(spec_file):
    for seed in range(3):
        build(spec_file, other_zoo(10 * seed + 5))
    refused = build(spec_file, "target.agreement=0.9999")  # opens nothing: the next build's look is the fourth
    assert refused.advice.fewest_handled == fewest_trials(0.9999, look_level(4, 0.05))


def test_a_look_that_opened_the_rows_leaves_less_to_the_next_build():
    look = Look(2, look_level(2, 0.05), look_level(3, 0.05), lock_path("router.yaml"), (), ())
    target = Target(agreement=0.9, end_to_end=None, confidence=0.95, min_coverage=0.05)
    assert look.left_by(target, opened=True).delta == look_level(3, 0.05)
    assert look.left_by(target, opened=False).delta == look_level(2, 0.05)


def test_two_builds_at_once_never_count_as_one_look(spec_file):
    def slower(event):
        """Let another build look while this one is about to certify."""
        if event == StageStarted("certify"):
            build(spec_file, other_zoo(20))

    with pytest.raises(DataError) as refusal:
        build(spec_file, observe=slower)
    (problem,) = refusal.value.problems
    assert problem.what.startswith("another build has written the lock since this one read it")
    assert problem.where == str(lock_path(str(spec_file)))
    (series,) = read_lock(lock_path(str(spec_file))).ledger
    assert len(series.builds) == 1  # the other's: this one opened nothing
    assert build(spec_file).certificate.look == 2


def test_the_same_build_twice_at_once_is_one_look(spec_file):
    def slower(event):
        if event == StageStarted("certify"):
            build(spec_file)

    assert build(spec_file, observe=slower).certificate.look == 1


def test_a_draft_never_takes_the_place_of_a_bundle_that_routes(spec_file, monkeypatch):
    monkeypatch.chdir(spec_file.parent)
    certified = ts.build(spec_file)
    draft = ts.build(spec_file, draft=True)
    assert (certified.bundle.as_posix(), draft.bundle.as_posix()) == ("dist/looks.tracer", "dist/looks.draft.tracer")
    assert ts.load(certified.bundle).manifest.version == certified.version


def test_what_a_calibrator_that_promises_nothing_builds_is_uncertified_and_routes_only_where_it_may(
    spec_file, monkeypatch
):
    monkeypatch.chdir(spec_file.parent)
    certified = ts.build(spec_file)
    pinned = read_lock(lock_path(str(spec_file))).document.build
    result = ts.build(spec_file, overrides=["target.calibrator=empirical"])
    assert (result.status, result.bundle.as_posix()) == ("uncertified", "dist/looks.uncertified.tracer")
    assert (result.certificate.chosen is not None, result.document()["certificate"]["confidence"]) == (True, None)
    with pytest.raises(ts.BundleError, match="is uncertified: its calibrator promises nothing"):
        ts.load(result.bundle)
    routed = ts.load(result.bundle, allow_uncertified=True).route("about the chip card number 1")
    assert routed.label == "card"
    assert ts.load(certified.bundle).manifest.version == certified.version
    assert read_lock(lock_path(str(spec_file))).document.build == pinned


def test_a_label_to_defer_that_no_fit_row_has_stops_build_and_plan_before_any_look(spec_file):
    with pytest.raises(DataError) as refusal:
        build(spec_file, "defer_labels=[laon]")
    (problem,) = refusal.value.problems
    assert (problem.address, problem.what) == ("defer_labels", "no fit row has the label 'laon'")
    assert problem.hint.startswith("did you mean 'loan'?; correct it")
    assert read_lock(lock_path(str(spec_file))).ledger == ()
    plan = make_plan(load_spec(spec_file, overrides=["defer_labels=[laon]"]), find_plugins())
    traces = read_traces(plan)
    with pytest.raises(DataError, match="no fit row has the label 'laon'"):
        preview(
            plan.spec,
            traces,
            part(traces, plan.spec.split),
            target=plan.target,
            allowed_labels=plan.allowed_labels,
            makes_a_test=plan.makes_a_test,
            lock=lock_path(plan.loaded.file),
        )


def test_a_damaged_lock_stops_the_build_instead_of_forgetting_looks(spec_file):
    build(spec_file)
    lock = lock_path(str(spec_file))
    for text in ("", "{", "[]", '{"lock": 1}', '{"lock": 1, "looks": [{"builds": [], "sketch": "!"}]}', '{"lock": 2}'):
        lock.write_text(text)
        with pytest.raises(DataError, match="lock"):
            build(spec_file)
        assert lock.read_text() == text


def test_other_parts_of_a_lock_stay_as_they_are(spec_file):
    lock = lock_path(str(spec_file))
    lock.write_text(json.dumps({"lock": 1, "looks": [], "bundle": {"sha256": "ab"}}))
    build(spec_file)
    read = read_lock(lock)
    assert read.document.document()["bundle"] == {"sha256": "ab"}
    assert len(read.ledger) == 1


def test_a_mapping_has_no_lock_and_its_certificate_counts_no_looks(spec_file):
    import yaml

    spec = yaml.safe_load(spec_file.read_text())
    spec["traces"]["with"]["path"] = str(spec_file.parent / "traces.jsonl")
    result = ts.build(spec, out=spec_file.parent / "m.tracer")
    assert (result.certificate.look, result.certificate.level) == (None, 0.05)


CONFLICT = "<<<<<<< HEAD\n{}||||||| base\n{}=======\n{}>>>>>>> branch\n"


def in_conflict(ours, theirs):
    """Return what git leaves of two versions that have nothing in common."""
    return CONFLICT.format(ours, '{"lock": 1, "looks": []}\n', theirs)


def test_after_a_merge_conflict_the_looks_of_both_branches_count(spec_file):
    lock = lock_path(str(spec_file))
    build(spec_file, other_zoo(10))
    base = lock.read_text()
    build(spec_file, other_zoo(20))
    ours = lock.read_text()
    lock.write_text(base)
    build(spec_file, other_zoo(30))
    lock.write_text(in_conflict(ours, lock.read_text()))
    merged = build(spec_file, other_zoo(40))
    assert merged.certificate.look == 4
    assert "router.lock held a merge conflict; it is written anew, with the looks of both branches" in merged.warnings
    assert not read_lock(lock).in_conflict
    assert build(spec_file, other_zoo(30)).certificate.look == 3


def test_a_conflict_that_cannot_be_told_apart_stops_the_build_and_says_how_to_bring_it_back(spec_file):
    lock = lock_path(str(spec_file))
    lock.write_text(in_conflict("{", "{}\n"))
    with pytest.raises(DataError) as refusal:
        build(spec_file)
    (problem,) = refusal.value.problems
    assert problem.what == "the lock holds a merge conflict, and its two versions cannot be told apart any more"
    assert problem.hint.startswith("'git checkout --merge -- router.lock' brings the conflict back")


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20), st.sampled_from("abcdef")), max_size=6),
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20), st.sampled_from("abcdef")), max_size=6),
)
def test_putting_two_ledgers_together_forgets_no_look_and_no_row(left, right):
    def ledger_of(builds):
        ledger = ()
        for start, length, name in builds:
            ledger = united(ledger, (Series(builds=(name,), sketch=rows(start, start + length)),))
        return ledger

    ours, theirs = ledger_of(left), ledger_of(right)
    both = united(ours, theirs)
    for series in (*ours, *theirs):
        (home,) = [each for each in both if each.overlaps(series.sketch)]
        assert set(series.builds) <= set(home.builds)
        assert series.sketch <= home.sketch
        assert len(set(home.builds)) == len(home.builds) or len(set(series.builds)) < len(series.builds)


def fitted(**changes):
    given = {"told_apart_by": "0" * 12, "share": 0.4, "newest": 100.0, "rows": frozenset([2, 4])} | changes
    return FittedEntry(**given)


def test_after_a_merge_what_either_branch_fitted_stays_fitted(tmp_path):
    ours = fitted(groups={"a": 0.3, "b": 0.2}, looked_until=90.0)
    theirs = fitted(
        share=0.05,
        groups={"a": 0.1},
        until=80.0,
        newest=200.0,
        looked_until=70.0,
        routed_from=60.0,
        rows=frozenset([5]),
    )
    for one, other in ((ours, theirs), (theirs, ours)):
        versions = [LockDocument(looks=(), fitted=each).to_json().decode() for each in (one, other)]
        (tmp_path / "router.lock").write_text(in_conflict(*versions))
        both = read_lock(tmp_path / "router.lock").document.fitted
        assert (both.share, dict(both.groups), both.until, both.newest) == (0.05, {"a": 0.1, "b": 0.2}, 80.0, 200.0)
        assert (both.looked_until, both.routed_from, both.rows) == (90.0, 60.0, {2, 4, 5})
    assert united_fitted(ours, None) == united_fitted(None, ours) == ours


@pytest.mark.parametrize(("newest", "until"), [(200.0, 200.0), ("unknown", "all")])
def test_branches_that_told_rows_apart_in_two_ways_have_fitted_all_of_them(newest, until):
    both = united_fitted(fitted(), fitted(told_apart_by="1" * 12, newest=newest))
    assert (both.share, dict(both.groups), both.until, both.newest) == (None, {}, until, newest)
    assert united_fitted(fitted(until="all"), fitted(until=3.0)).until == "all"
