import numpy as np
import pytest

from tracer_spec.errors import MissingDependencyError, PluginError
from tracer_spec.flow.cache.memory import Memory
from tracer_spec.flow.cache.store import Store
from tracer_spec.flow.progress import StageStarted, StepDone
from tracer_spec.flow.training.fit_rows import FitRows
from tracer_spec.flow.training.zoo import FINALISTS, Trainer
from tracer_spec.graph import constant_scores
from tracer_spec.plan import Resolved
from tracer_spec.plugin import Options

N, N_FOLDS = 24, 4
ALL = np.ones(N, bool)


class Answer(Options):
    """Options of a surrogate that always gives one class, and of one that fails."""

    label: int = 0
    fails_below: int = 0
    note: str = ""


class Says:
    def __init__(self, options):
        self.options = options
        self.notes = (options.note,) if options.note else ()

    def fit(self, X, y, *, n_classes, seed):
        if len(X) < self.options.fails_below:
            raise PluginError(f"{len(X)} rows are too few")
        self.scores = np.eye(n_classes)[self.options.label]
        return self

    def to_onnx(self):
        return constant_scores(self.scores, 2)


@pytest.fixture(scope="module")
def rows(telling):
    """Return rows of which more than a half have class 0 in each fold, fewer class 1, still fewer class 2."""
    X = telling.fit_rows(N).X
    y = np.array([0, 0, 0, 1, 1, 2] * N_FOLDS, np.int64)
    return FitRows(X, y, np.repeat(np.arange(N_FOLDS), 6), 4)


@pytest.fixture(scope="module")
def says(telling):
    def learner(alias, label=0, **options):
        return Resolved(alias, telling.provided("surrogate", Says, Answer), Answer(label=label, **options))

    return learner


def test_the_first_fold_ranks_the_zoo_and_ties_keep_the_specs_order(rows, says):
    zoo = [says("none", 3), says("second", 1), says("best"), says("third", 2), says("as good")]
    screening = Trainer(rows, zoo, seed=0).screen()
    shares = {"best": 3 / 6, "as good": 3 / 6, "second": 2 / 6, "third": 1 / 6, "none": 0.0}
    assert list(screening.agreement) == list(shares)
    assert screening.agreement == pytest.approx(shares)
    assert screening.finalists == ("best", "as good", "second")
    assert len(screening.finalists) == FINALISTS


def test_the_first_fold_is_scored_by_what_the_others_taught(telling):
    rows = telling.fit_rows(N)
    outcome = Trainer(rows, [telling.learner("surrogate")], seed=0).screen().outcomes["telling"]
    outside = telling.inputs_of(rows.X)[(rows.folds != 0) & (rows.y >= 0)]
    assert outcome.scores.shape == ((rows.folds == 0).sum(), N)
    assert (outcome.scores == np.isin(np.arange(N), outside)).all()


def test_a_learner_that_fails_is_ranked_nowhere_and_keeps_its_reason(rows, says):
    screening = Trainer(rows, [says("fails", fails_below=99), says("works")], seed=0).screen()
    assert screening.finalists == ("works",)
    assert screening.outcomes["fails"].failure == "18 rows are too few"


def test_a_learner_that_fails_on_one_fold_alone_fails(rows, says):
    uneven = FitRows(rows.X, rows.y, np.minimum(np.arange(N) // 2, 2), 4)  # the last fold leaves 4 rows to learn from
    (fitted,) = Trainer(uneven, [says("fails", fails_below=5)], seed=0).cross_fit(["fails"], ALL)
    assert (fitted.failure, fitted.graph, fitted.scores.size) == ("4 rows are too few", b"", 0)


def test_nothing_to_learn_from_is_a_failure(rows, says):
    (fitted,) = Trainer(rows, [says("any")], seed=0).cross_fit(["any"], np.zeros(N, bool))
    assert fitted.failure == "no rows to learn from"
    off_list = FitRows(rows.X, np.full(N, -1), rows.folds, 4)
    (fitted,) = Trainer(off_list, [says("any")], seed=0).cross_fit(["any"], ALL)
    assert fitted.failure == "no rows to learn from"


def test_each_row_has_the_scores_of_its_own_fold(telling):
    rows = telling.fit_rows(N)
    among = np.arange(N) % 5 > 0
    trainer = Trainer(rows, [telling.learner("surrogate")], seed=0)
    (fitted,) = trainer.cross_fit(["telling"], among)
    inputs = telling.inputs_of(rows.X)
    for row in range(N):
        expected = sorted(inputs[among & (rows.y >= 0) & (rows.folds != rows.folds[row])])
        assert np.flatnonzero(fitted.scores[row]).tolist() == expected


def test_what_the_first_fold_gave_is_not_trained_again(rows, says):
    events = []
    trainer = Trainer(rows, [says("a", note="slow"), says("b")], seed=0, observe=events.append)
    screening = trainer.screen()
    whole = list(trainer.cross_fit(["a", "b"], ALL, known=screening.outcomes))
    assert sorted(each.name for each in whole) == ["a", "b"]
    assert [each.notes for each in sorted(whole, key=lambda each: each.name)] == [("slow",), ()]
    assert events[0] == StageStarted("train", 2 + 2 * N_FOLDS)
    steps = [each.step for each in events if isinstance(each, StepDone)]
    places = ["fold 1", "fold 2", "fold 3", "fold 4", "on all rows"]
    assert sorted(steps) == sorted(f"{name} {place}" for name in "ab" for place in places)


def told_seeds(telling, *aliases, seed=0):
    """Return the seed that each training had: for each learner, those of the folds and the whole one's."""
    zoo = [telling.learner("surrogate", alias, "seed") for alias in aliases]
    rows = telling.fit_rows(N)
    fitted = {each.name: each for each in Trainer(rows, zoo, seed=seed).cross_fit(aliases, ALL)}
    return {
        alias: [
            *(fitted[alias].scores[rows.folds == fold][0].tobytes() for fold in range(N_FOLDS)),
            telling.Scorer(fitted[alias].graph).run({"embedding": rows.X[:1]})[0].tobytes(),
        ]
        for alias in aliases
    }


def test_every_training_has_a_seed_of_its_own_that_no_other_learner_disturbs(telling):
    alone, beside = told_seeds(telling, "a"), told_seeds(telling, "z", "a")
    assert alone["a"] == beside["a"]
    assert len({*beside["a"], *beside["z"]}) == 2 * (N_FOLDS + 1)
    assert not {*alone["a"]} & {*told_seeds(telling, "a", seed=1)["a"]}


def test_another_build_finds_what_was_trained_and_nothing_else(rows, says, tmp_path):
    def trainer(*zoo, seed=0):
        memory = Memory(Store(tmp_path))
        return Trainer(rows, zoo, seed=seed, memory=memory), memory

    few = [says("a"), says("b", 1)]
    many = [*few, says("c", 2), says("d", 3)]
    assert trainer(*few)[0].count_known() == (0, 2 * (N_FOLDS + 1))
    first, _ = trainer(*few)
    (*_,) = first.cross_fit(["a", "b"], ALL, known=first.screen().outcomes)
    again, memory = trainer(*few)
    assert again.count_known() == (10, 10)
    found = list(again.cross_fit(["a", "b"], ALL))
    assert (memory.n_fits, memory.n_reused) == (12, 12)  # the count looked at both first folds too
    assert [each.seconds for each in found] == [0.0, 0.0]
    assert trainer(*few, seed=1)[0].count_known() == (0, 10)
    assert trainer(*many)[0].count_known() == (2, None)  # two first folds have yet to rank
    trainer(*many)[0].screen()
    assert trainer(*many)[0].count_known() == (12, 4 + FINALISTS * N_FOLDS)
    fewer, memory = trainer(*few)
    (*_,) = fewer.cross_fit(["a", "b"], np.arange(N) != 5)  # one row less to learn from
    assert memory.n_reused == 2  # the fold that the row lies in


class GoneError(ImportError):
    """Does not unpickle."""

    def __init__(self, name, asked_by):
        super().__init__(f"{asked_by} asks for {name}", name=name)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_package_that_a_learner_lacks_ends_the_build_with_the_command_that_installs_it(
    rows, says, telling, monkeypatch, workers, own
):
    def needs(options):
        raise GoneError("gone", "needy") if own else ModuleNotFoundError("No module named 'gone'", name="gone")

    monkeypatch.setattr("tracer_spec.flow.training.parallel._WORTH_PROCESSES", 0)
    needy = Resolved("needy", telling.provided("surrogate", needs, Answer), Answer(label=0))
    with pytest.raises(MissingDependencyError) as caught:
        Trainer(rows, [says("best"), needy], seed=0, workers=workers).screen()
    (problem,) = caught.value.problems
    assert problem.what.startswith("the surrogate 'telling' of tests 1 needs the module 'gone'")
    assert problem.hint == "pip install --upgrade tests"
