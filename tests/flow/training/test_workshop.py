from dataclasses import dataclass

import numpy as np
import pytest

from tracer_spec.errors import PluginError
from tracer_spec.flow.progress import LearnerDone
from tracer_spec.flow.training.fit_rows import FitRows
from tracer_spec.flow.training.thresholds import thresholds_at_levels
from tracer_spec.flow.training.workshop import N_LEVELS
from tracer_spec.graph import Scorer, constant_scores
from tracer_spec.plan import Resolved
from tracer_spec.plugin import LabelTarget, Options, Target

N, K = 24, 3


class Favour(Options):
    """Options of a surrogate that prefers one class everywhere, and of one that fails."""

    label: int = 0
    fails: bool = False


@dataclass
class Favours:
    options: Favour

    def fit(self, X, y, *, n_classes, seed):
        if self.options.fails:
            raise PluginError("it fails")
        self.scores = np.full(n_classes, 0.1)
        self.scores[self.options.label] = 0.8
        return self

    def to_onnx(self):
        return constant_scores(self.scores, 2)


class Gate(Options):
    """Options of what lets rows pass: by the number of the row or by the label predicted, up to a limit; or it fails."""

    by: str = "first"
    most: int = N
    fails: bool = False


@pytest.fixture(scope="module")
def rows():
    """Return rows numbered from 0 of which half have class 0, two off the list; row 0 is the surest."""
    X = np.stack([np.arange(N), np.ones(N)], axis=1).astype(np.float32)
    y = np.random.default_rng(0).permutation([0] * 12 + [1] * 8 + [2] * 2 + [-1] * 2)
    return FitRows(X, y, np.arange(N) % 4, K)


@pytest.fixture(scope="module")
def gate(telling):
    """Return how to make an acceptor that is surer the lower a row's number is, and guards of a limit."""

    @dataclass
    class Low:
        options: Gate

        def fit(self, *rows, **settings):
            if self.options.fails:
                raise PluginError("no gate for this one")
            return self

        @property
        def limit(self):
            return float(self.options.most)

        def to_onnx(self):
            return telling.exported(
                "low (float[n, 2] embedding) => (float[n] accept)"
                "{ first = Gather <axis = 1> (embedding, nought) share = Div(first, rows) accept = Sub(one, share) }",
                nought=np.int64(0),
                rows=np.float32(N),
                one=np.float32(1),
            )

    class Near(Low):
        def to_onnx(self):
            return telling.exported(
                "near (float[n, 2] embedding, int64[n] label) => (float[n] distance)"
                "{ first = Gather <axis = 1> (embedding, nought) predicted = Cast <to = 1> (label)"
                f"  distance = Identity({self.options.by}) }}",
                nought=np.int64(0),
            )

    def make(kind, **options):
        provided = telling.provided(kind, {"acceptor": Low, "guard": Near}[kind], Gate)
        return Resolved(f"{kind} by {options.get('by')}", provided, Gate(**options))

    return make


@pytest.fixture(scope="module")
def make(telling, rows, gate):
    """Return how to make a workshop of surrogates that each favour a class."""
    plugin = telling.provided("surrogate", Favours, Favour)

    def workshop(zoo, **changes):
        learners = [Resolved(name, plugin, Favour(**options)) for name, options in zoo.items()]
        return telling.workshop(rows, **({"zoo": learners, "acceptors": [gate("acceptor")], "guards": []} | changes))

    return workshop


def by_name(workshop):
    return {each.name: each for each in workshop.trained}


def test_the_best_three_are_trained_ranked_by_agreement_and_every_learner_is_reported(make, rows):
    events = []
    zoo = {"weak": {"label": 2}, "fails": {"fails": True}, "good": {"label": 1}, "best": {}, "same": {}}
    workshop = make(zoo, average=False, observe=events.append)
    assert [each.name for each in workshop.trained] == ["best", "same", "good"]
    assert [each.agreement for each in workshop.trained] == [12 / N, 12 / N, 8 / N]
    reports = {each.name: each for each in workshop.reports}
    assert list(reports) == list(zoo)
    assert [reports[name].status for name in zoo] == ["screened", "skipped", "trained", "trained", "trained"]
    share = (rows.y[rows.folds == 0] == 2).mean()
    assert reports["weak"].reason == f"agreed with the teacher on {share:.1%} of the first fold; the best 3 went on"
    assert reports["fails"].reason == "it fails"
    assert reports["best"].n_bytes == len(by_name(workshop)["best"].surrogate.onnx)
    assert {each.name for each in events if isinstance(each, LearnerDone)} == set(zoo)


def test_equals_are_averaged_two_at_most_and_the_weak_are_not(make):
    workshop = make({"good": {"label": 1}, "best": {}, "same": {}})
    average = by_name(workshop)["average(best, same)"]
    assert average.members == ("best", "same")
    assert set(by_name(workshop)) == {"good", "best", "same", "average(best, same)"}
    assert workshop.reports[-1].name == "average(best, same)"
    three = make({"a": {}, "b": {}, "c": {}})
    assert set(by_name(three)) == {"a", "b", "c", "average(a, b)"}
    apart = make({"good": {"label": 1}, "best": {}})
    assert set(by_name(apart)) == {"good", "best"}
    assert set(by_name(make({"a": {}, "b": {}}, average=False))) == {"a", "b"}


def test_a_learner_without_a_gate_is_skipped_with_the_reason(make, gate):
    workshop = make({"a": {}, "b": {"label": 1}}, acceptors=[gate("acceptor", fails=True)])
    assert workshop.trained == ()
    assert [(each.status, each.reason) for each in workshop.reports] == [("skipped", "no gate for this one")] * 2


def test_each_surrogate_is_there_once_for_each_acceptor_and_the_best_surrogates_come_first(make, gate):
    acceptors = [gate("acceptor", by=by) for by in ("x", "y")]
    workshop = make({"good": {"label": 1}, "best": {}, "same": {}}, acceptors=acceptors)
    found = [(each.name, each.acceptor.name) for each in workshop.trained]
    names = ["best", "same", "average(best, same)", "good"]
    assert found == [(name, f"acceptor by {by}") for name in names for by in ("x", "y")]
    assert [each.name for each in workshop.reports] == ["good", "best", "same", "average(best, same)"]
    for each in workshop.trained:
        assert workshop.gated(workshop.stage(each, 0.5)) is each
        second = workshop.residual(each, np.arange(N) > 4)
        assert (second.name, second.acceptor.name) == (each.name, each.acceptor.name)


def test_a_surrogate_goes_on_with_the_acceptors_that_could_be_trained_and_the_others_are_told(make, gate):
    workshop = make({"a": {}}, acceptors=[gate("acceptor", by="x", fails=True), gate("acceptor", by="y")])
    assert [each.acceptor.name for each in workshop.trained] == ["acceptor by y"]
    (report,) = workshop.reports
    assert (report.status, report.notes) == ("trained", ("acceptor 'acceptor by x' failed: no gate for this one",))
    nothing = make({"a": {}}, acceptors=[gate("acceptor", by=by, fails=True) for by in ("x", "y")])
    assert nothing.reports[0].reason == "; ".join(
        f"acceptor 'acceptor by {by}' failed: no gate for this one" for by in ("x", "y")
    )


def test_labels_that_are_denied_are_never_eligible(make):
    workshop = make({"a": {}, "b": {"label": 1}}, denied=np.array([True, False, False]))
    eligible = {name: each.eligible.tolist() for name, each in by_name(workshop).items()}
    assert eligible == {"a": [False] * N, "b": [True] * N}


def test_the_acceptor_of_each_surrogate_has_a_seed_of_its_own(telling):
    workshop = telling.workshop(telling.fit_rows(), acceptors=[telling.learner("acceptor", of="seed")])
    accepted = [each.accept.tolist() for each in workshop.trained]
    assert len(accepted) == 3  # two learners, and their average
    assert len({each[0] for each in accepted}) == 3
    assert all(len(set(each)) == 1 for each in accepted)  # the gates of one surrogate differ by rows alone


def test_a_stage_is_gated_by_the_acceptor_unless_it_accepts_all(make):
    workshop = make({"a": {}})
    (a,) = workshop.trained
    gated, open_stage = workshop.stage(a, 0.5), workshop.stage(a, None)
    assert (gated.surrogate, gated.acceptor, gated.threshold) == (a.surrogate, a.acceptor, 0.5)
    assert (open_stage.surrogate, open_stage.acceptor, open_stage.threshold) == (a.surrogate, None, 0.0)
    assert workshop.gated(gated) is workshop.gated(open_stage) is a


def test_a_stage_is_made_of_what_the_workshop_trained(make):
    with pytest.raises(TypeError, match="a stage is made of what the workshop trained, not of str"):
        make({"a": {}}).stage("a", None)


def test_a_replay_hands_each_row_to_the_first_stage_that_accepts_it(make, rows):
    workshop = make({"a": {}, "b": {"label": 1}}, average=False)
    trained = by_name(workshop)
    policy = (workshop.stage(trained["a"], 0.75), workshop.stage(trained["b"], 0.5))
    handled, agrees = workshop.replay(policy)
    expected = []
    for number in range(N):
        accept = np.float32(1 - number / N)
        answer = 0 if accept >= 0.75 else 1 if accept >= 0.5 else None
        expected.append((answer is not None, answer is not None and answer == rows.y[number]))
    assert list(zip(handled.tolist(), agrees.tolist(), strict=True)) == expected
    candidate = workshop.candidate("pair", policy)
    counts = (candidate.family, candidate.n_rows, candidate.n_handled, candidate.n_agree)
    assert counts == ("pair", N, sum(h for h, _ in expected), sum(a for _, a in expected))


def test_a_replay_accepts_a_score_that_equals_the_threshold_and_no_denied_answer(make):
    workshop = make({"a": {}})
    (a,) = workshop.trained
    assert workshop.replay((workshop.stage(a, float(a.accept[7])),))[0].tolist() == [number <= 7 for number in range(N)]
    assert workshop.replay((workshop.stage(a, None),))[0].all()
    closed = make({"a": {}}, denied=np.array([True, False, False]))
    assert not closed.replay((closed.stage(closed.trained[0], None),))[0].any()


def test_thresholds_are_those_of_the_rows_they_are_counted_among(make):
    workshop = make({"a": {}})
    (a,) = workshop.trained
    late = np.arange(N) >= 16
    assert workshop.thresholds(a) == thresholds_at_levels(a.accept, a.eligible, N_LEVELS)
    assert max(workshop.thresholds(a, late)) < 1 - 16 / N
    covered = [int((a.accept[late] >= np.float32(at)).sum()) for at in workshop.thresholds(a, late)]
    assert covered == list(range(1, 8))  # eight rows have seven places between them


def test_a_second_stage_is_trained_once_for_the_same_rows_and_not_where_it_fails(make):
    workshop = make({"a": {}})
    (a,) = workshop.trained
    deferred = np.arange(N) > 10
    second = workshop.residual(a, deferred)
    assert second is not a
    assert workshop.residual(a, deferred.copy()) is second
    assert workshop.residual(a, np.arange(N) > 11) is not second
    assert workshop.residual(a, np.zeros(N, bool)) is None


def test_a_row_must_pass_every_guard_under_the_label_that_was_held_out(make, gate):
    guards = [gate("guard", by="first", most=9), gate("guard", by="predicted", most=0)]
    workshop = make({"a": {}, "b": {"label": 1}}, guards=guards, denied=np.array([False, False, True]))
    low = np.arange(N) <= 9
    for name, label_passes in [("a", True), ("b", False)]:
        each = by_name(workshop)[name]
        near = workshop.guarded(each)
        assert [mask.tolist() for mask in near] == [low.tolist(), [label_passes] * N]
        assert each.eligible.tolist() == (low & label_passes).tolist()
        assert [(fence.guard.name, fence.limit) for fence in each.fences] == [
            ("guard by first", 9.0),
            ("guard by predicted", 0.0),
        ]


def test_a_candidate_is_counted_for_each_label_with_a_target(make, rows):
    asked = tuple(LabelTarget(label, measure, 0.5) for label in ("zero", "one") for measure in ("missed", "agreement"))
    target, classes = Target(0.8, 0.9, labels=asked), {"zero": 0, "one": 1, "two": 2}
    workshop = make({"a": {}, "b": {"label": 1}}, average=False, target=target, classes=classes)
    trained = by_name(workshop)
    policy = (workshop.stage(trained["a"], 0.75), workshop.stage(trained["b"], 0.5))
    accept = [np.float32(1 - number / N) for number in range(N)]
    given = [0 if each >= 0.75 else 1 if each >= 0.5 else None for each in accept]
    expected = []
    for number in (0, 1):
        of_teacher = [answer for answer, y in zip(given, rows.y, strict=True) if y == number]
        of_router = [y for answer, y in zip(given, rows.y, strict=True) if answer == number]
        expected += [
            (N, len(of_teacher), sum(answer in (None, number) for answer in of_teacher)),
            (N, len(of_router), sum(y == number for y in of_router)),
        ]
    found = workshop.candidate("pair", policy).labels
    assert [(each.n_rows, each.n, each.k) for each in found] == expected


def test_with_scale_a_surrogate_and_its_second_stage_ship_with_the_scores_that_out_of_fold_rows_taught(make, rows):
    plain, scaled = (make({"a": {"label": 2}}, scale=each) for each in (False, True))
    # a surrogate that always says the rarest label learns how rare it is
    assert (plain.trained[0].scores.argmax(axis=1) == 2).all()
    assert (scaled.trained[0].scores.argmax(axis=1) == 0).all()
    deferred = np.arange(N) >= 6
    for made in (scaled.trained[0], scaled.residual(scaled.trained[0], deferred)):
        (scores,) = Scorer(made.surrogate.onnx).run({"embedding": rows.X})
        assert (scores.argmax(axis=1) == 0).all()
        assert scores.sum(axis=1) == pytest.approx(np.ones(N), abs=1e-6)
