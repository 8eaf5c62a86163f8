import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracer_spec as ts
from tracer_spec.errors import DataError
from tracer_spec.flow.documents.lock import Series
from tracer_spec.flow.lock.file import SKETCH_SIZE, lock_path, read_lock, united
from tracer_spec.flow.lock.ledger import Look, next_look, sketch
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
    return sketch(str(i).encode() for i in range(start, stop))


def test_the_first_look_is_the_first_and_the_same_build_again_is_no_new_one():
    number, ledger = next_look((), "a", rows(0, 100))
    assert number == 1
    assert next_look(ledger, "a", rows(0, 100)) == (1, ledger)


def test_other_builds_on_overlapping_rows_count_up_and_keep_their_numbers():
    ledger = ()
    for expected, build in enumerate("abc", start=1):
        number, ledger = next_look(ledger, build, rows(0, 100 + expected))
        assert number == expected
    assert next_look(ledger, "b", rows(0, 102))[0] == 2


def test_rows_never_seen_start_a_series_of_their_own():
    _, ledger = next_look((), "a", rows(0, 100))
    number, ledger = next_look(ledger, "b", rows(100, 200))
    assert (number, len(ledger)) == (1, 2)


def test_a_look_that_overlaps_two_series_counts_after_the_looks_of_both():
    ledger = (
        Series(builds=("a", "b"), rows=rows(0, 50)),
        Series(builds=("c",), rows=rows(100, 150)),
        Series(builds=("d",), rows=rows(900, 950)),
    )
    number, ledger = next_look(ledger, "e", rows(20, 120))
    assert number == 4
    assert [series.builds for series in ledger] == [("d",), ("a", "b", "c", "e")]


def test_a_hundredth_of_common_rows_among_many_is_seen():
    first, second = rows(0, 200_000), rows(198_000, 398_000)
    assert len(first) == SKETCH_SIZE
    assert Series(builds=("a",), rows=first).overlaps(second)
    assert not Series(builds=("a",), rows=first).overlaps(rows(200_000, 400_000))


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20), st.sampled_from("abcdefgh")), max_size=12))
def test_the_levels_spent_on_rows_in_common_never_exceed_the_budget(builds):
    ledger = ()
    spent = {}
    for start, length, build in builds:
        number, ledger = next_look(ledger, build, rows(start, start + length))
        spent[build, start, length] = look_level(number, 0.05)
        for series in ledger:
            assert sum(look_level(j, 0.05) for j in range(1, len(series.builds) + 1)) <= 0.05
    assert all(0 < level <= 0.05 for level in spent.values())


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
        "version: 1\nname: looks\ntraces: {use: jsonl, with: {path: traces.jsonl}}\n"
        "embedder: {use: lsa, with: {dim: 8}}\nzoo: [logreg]\ntarget: {agreement: 0.9}\n"
    )
    return path


def build(spec_file, *overrides, **options):
    return ts.build(spec_file, out=spec_file.parent / "out.tracer", overrides=overrides, **options)


def test_every_look_is_written_beside_the_spec_and_spends_its_share(spec_file):
    first = build(spec_file)
    assert (first.status, first.certificate.look) == ("certified", 1)
    assert first.certificate.level == look_level(1, 0.05)
    again = build(spec_file)
    assert (again.certificate.look, again.sha256) == (1, first.sha256)
    other_seed = build(spec_file, "seed=1")
    assert (other_seed.certificate.look, other_seed.certificate.level) == (2, look_level(2, 0.05))
    assert all(step.passed == (step.p_value <= look_level(2, 0.05)) for step in other_seed.certificate.walk)


def test_what_no_test_depends_on_is_no_new_look(spec_file):
    build(spec_file)
    renamed = build(spec_file, "name=renamed", "report.text=true")
    assert renamed.certificate.look == 1


def test_a_draft_spends_no_look_and_routes_only_where_it_may(spec_file):
    result = build(spec_file, draft=True)
    assert (result.status, result.certificate.look, result.certificate.walk) == ("draft", None, ())
    assert not lock_path(str(spec_file)).exists()
    with pytest.raises(ts.BundleError, match="draft"):
        ts.load(result.bundle)
    assert ts.load(result.bundle, allow_draft=True).route("about the chip card number 1").label == "card"


def test_a_build_that_can_test_nothing_spends_no_look(spec_file):
    result = build(spec_file, "target.agreement=0.9999")
    assert result.status == "refused"
    assert not lock_path(str(spec_file)).exists()


def test_the_advice_of_a_refusal_counts_the_looks_that_were_taken(spec_file):
    for seed in range(3):
        build(spec_file, f"seed={seed}")
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
            build(spec_file, "seed=1")

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


def test_a_label_to_defer_that_no_fit_row_has_stops_build_and_plan_before_any_look(spec_file):
    with pytest.raises(DataError) as refusal:
        build(spec_file, "defer_labels=[laon]")
    (problem,) = refusal.value.problems
    assert (problem.address, problem.what) == ("defer_labels", "no fit row has the label 'laon'")
    assert problem.hint.startswith("did you mean 'loan'?; correct it")
    assert not lock_path(str(spec_file)).exists()
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
    for text in ("", "{", "[]", '{"lock": 1}', '{"lock": 1, "looks": [{"builds": [], "rows": "!"}]}', '{"lock": 2}'):
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
    build(spec_file, "seed=1")
    base = lock.read_text()
    build(spec_file, "seed=2")
    ours = lock.read_text()
    lock.write_text(base)
    build(spec_file, "seed=3")
    lock.write_text(in_conflict(ours, lock.read_text()))
    merged = build(spec_file, "seed=4")
    assert merged.certificate.look == 4
    assert "router.lock held a merge conflict; it is written anew, with the looks of both branches" in merged.warnings
    assert not read_lock(lock).in_conflict
    assert build(spec_file, "seed=3").certificate.look == 3


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
            _, ledger = next_look(ledger, name, rows(start, start + length))
        return ledger

    ours, theirs = ledger_of(left), ledger_of(right)
    both = united(ours, theirs)
    for series in (*ours, *theirs):
        (home,) = [each for each in both if each.overlaps(series.rows)]
        assert set(series.builds) <= set(home.builds)
        assert series.rows <= home.rows
        assert len(set(home.builds)) == len(home.builds) or len(set(series.builds)) < len(series.builds)
