from __future__ import annotations

import contextlib
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer_spec.builtin import tracer_spec_surrogates
from tracer_spec.builtin.surrogates.bounds import Pace, at_most, sample_rows
from tracer_spec.errors import PluginError

pytestmark = pytest.mark.usefixtures("no_collector")  # an alarm may not be lost in it

A_LONG_TIME_S = 3600

PLUGINS = {plugin.name: plugin for plugin in tracer_spec_surrogates()}


def hard_rows(n: int = 3000, d: int = 64, k: int = 30) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, d)).astype(np.float32), rng.integers(0, k, n)


def learner(name: str, **options: Any) -> Any:
    plugin = PLUGINS[name]
    return plugin.make(plugin.options(**options))


def busy(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(100))


def busy_until(is_so: Callable[[], object]) -> None:
    """Be busy until something is so; that it never is, the time limit of the test tells."""
    while not is_so():
        busy(0.01)


@pytest.fixture(autouse=True)
def no_alarm_is_left_behind() -> Iterator[None]:
    before = signal.getsignal(signal.SIGALRM)
    yield
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) == before


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("rf", {"trees": 10_000}),
        ("et", {"trees": 10_000}),
        ("mlp", {"max_iter": 10_000, "tol": 0}),
        ("sgd", {"max_iter": 10_000, "tol": 1e-12}),
    ],
)
def test_a_slow_fit_is_abandoned(name: str, options: dict[str, Any]) -> None:
    X, y = hard_rows()
    with pytest.raises(PluginError, match=rf"'{name}' was still training after 0\.5 s, its max_seconds") as refusal:
        learner(name, max_seconds=0.5, **options).fit(X, y, n_classes=30, seed=1)
    assert "max_rows" in refusal.value.problems[0].hint


@pytest.mark.parametrize("name", ["gbt", "xgboost"])
def test_boosting_that_would_take_too_long_is_refused_after_a_few_rounds(name: str) -> None:
    X, y = hard_rows()
    with pytest.raises(PluginError) as refusal:
        learner(name, rounds=10_000, max_seconds=20).fit(X, y, n_classes=30, seed=1)
    assert re.fullmatch(
        rf"'{name}' would take about [\d,]+ s: 2 of 10000 rounds took \d+\.\d s; its max_seconds is 20",
        refusal.value.problems[0].what,
    )


def interrupt_inside(function: str) -> None:
    """Send Ctrl-C once the main thread is inside a function; its handler runs there."""

    def is_inside() -> bool:
        stack = traceback.extract_stack(sys._current_frames()[threading.main_thread().ident or 0])
        return any(frame.name == function for frame in stack)

    busy_until(is_inside)
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("name", "options", "function"),
    [
        ("mlp", {"max_iter": 10_000, "tol": 0}, "_fit_stochastic"),
        ("rf", {"trees": 10_000}, "_parallel_build_trees"),
    ],
)
def test_ctrl_c_ends_a_fit_and_leaves_no_half_trained_model(name: str, options: dict[str, Any], function: str) -> None:
    X, y = hard_rows()
    interrupter = threading.Thread(target=interrupt_inside, args=(function,), daemon=True)
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        learner(name, max_seconds=A_LONG_TIME_S, **options).fit(X, y, n_classes=30, seed=1)
    interrupter.join()


def test_a_fit_within_its_time_is_left_alone() -> None:
    with at_most(A_LONG_TIME_S, "quick"):
        busy(0.01)


def test_errors_inside_come_out_as_they_are() -> None:
    with pytest.raises(KeyError), at_most(A_LONG_TIME_S, "broken"):
        raise KeyError("x")


def swallow_exceptions_for_ever() -> None:
    while True:
        with contextlib.suppress(Exception):
            busy(0.01)


def swallow_everything_once() -> None:
    with contextlib.suppress(BaseException):
        busy(0.2)


def work_within(seconds: float, name: str, *works: Any) -> Any:
    """Return a piece of work that does others one by one, all of them within a bound."""

    def work() -> None:
        with at_most(seconds, name):
            for each in works:
                each()

    return work


def shrug_off(work: Any) -> Any:
    """Return the same work, undisturbed by its own refusal."""

    def undisturbed() -> None:
        with pytest.raises(PluginError, match="'inner'"):
            work()

    return undisturbed


def dawdle() -> None:
    busy_until(lambda: False)


def hurry() -> None:
    pass


def test_the_time_bound_gets_through_code_that_swallows_exceptions() -> None:
    with pytest.raises(PluginError, match=r"'stubborn' was still training after 0\.05 s"):
        work_within(0.05, "stubborn", swallow_exceptions_for_ever)()


def test_time_lost_to_code_that_swallows_everything_is_found_out_at_the_end() -> None:
    with pytest.raises(PluginError, match=r"'stubborn' was still training after 0\.05 s"):
        work_within(0.05, "stubborn", swallow_everything_once)()


@pytest.mark.parametrize(("outer", "inner", "who"), [(A_LONG_TIME_S, 0.05, "inner"), (0.05, A_LONG_TIME_S, "outer")])
def test_the_tighter_of_two_nested_bounds_holds(outer: float, inner: float, who: str) -> None:
    with pytest.raises(PluginError, match=f"'{who}'"):
        work_within(outer, "outer", work_within(inner, "inner", dawdle))()


def test_an_outer_bound_still_holds_after_an_inner_one() -> None:
    with pytest.raises(PluginError, match="'outer'"):
        work_within(2.5, "outer", work_within(2, "inner", hurry), dawdle)()


def test_an_outer_bound_still_holds_after_an_inner_one_was_broken() -> None:
    with pytest.raises(PluginError, match="'outer'"):
        work_within(2.5, "outer", shrug_off(work_within(0.05, "inner", dawdle)), dawdle)()


def test_somebody_elses_alarm_rings_at_its_time_and_is_given_back() -> None:
    rung: list[float] = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(time.monotonic()))
    try:
        started = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with at_most(A_LONG_TIME_S, "inner"):
            busy_until(lambda: rung)
        assert len(rung) == 1
        assert rung[0] - started > 0.05
        signal.setitimer(signal.ITIMER_REAL, 0.15)
        with at_most(A_LONG_TIME_S, "inner"):
            busy(0.02)
        busy_until(lambda: len(rung) == 2)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_outside_the_main_thread_nothing_is_bounded_and_nothing_breaks() -> None:
    done: list[bool] = []

    def work() -> None:
        with at_most(0.01, "thread"):
            busy(0.05)
        done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]


def test_the_pace_is_judged_from_the_second_round_on() -> None:
    pace = Pace(10, 0.01, "slow")
    busy(0.05)
    pace.check(1)
    with pytest.raises(PluginError, match=r"'slow' would take about [\d,]+ s: 2 of 10 rounds took [\d,]+\.\d s"):
        pace.check(2)
    Pace(10, A_LONG_TIME_S, "fast").check(2)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=60).map(np.array), st.integers(1, 80), st.integers(0, 2**63))
def test_a_sample_has_its_size_no_row_twice_and_every_class_it_has_room_for(
    y: np.ndarray, max_rows: int, seed: int
) -> None:
    rows = sample_rows(y, max_rows, seed)
    assert len(rows) == min(len(y), max_rows)
    assert (np.diff(rows) > 0).all()
    assert len(set(y[rows])) == min(len(set(y)), max_rows)
    np.testing.assert_array_equal(rows, sample_rows(y, max_rows, seed))


def test_samples_of_different_seeds_differ() -> None:
    y = np.zeros(1000, int)
    assert set(sample_rows(y, 100, 1)) != set(sample_rows(y, 100, 2))


def test_max_rows_trains_on_a_sample_and_says_so() -> None:
    X, y = hard_rows()
    y[0] = 30  # one row of its class
    sampled = learner("rf", trees=3, max_rows=200).fit(X, y, n_classes=31, seed=4)
    assert sampled.notes == ("trained on 200 of 3,000 rows (max_rows)",)
    assert [tree.tree_.n_node_samples[0] <= 200 for tree in sampled.model.estimators_] == [True] * 3
    assert sampled.layout.seen.tolist() == list(range(31))
    rows = sample_rows(y, 200, 4)
    by_hand = learner("rf", trees=3).fit(X[rows], y[rows], n_classes=31, seed=4)
    np.testing.assert_array_equal(sampled.scores(X), by_hand.scores(X))


def test_max_rows_that_do_not_bind_change_nothing() -> None:
    X, y = hard_rows(200)
    assert learner("rf", trees=3, max_rows=200).fit(X, y, n_classes=30, seed=4).notes == ()
