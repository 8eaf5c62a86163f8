import hashlib
from itertools import count

import numpy as np
import pytest

from tests.flow.trace_sets import trace_set
from tracer_spec.errors import PluginError
from tracer_spec.flow.cache.memory import Memory
from tracer_spec.flow.cache.store import Store
from tracer_spec.flow.cache.text_vectors import PROBES
from tracer_spec.flow.progress import StepDone
from tracer_spec.flow.training.embed import checked, fit_embedder, texts_digest
from tracer_spec.plan import Resolved
from tracer_spec.plugin import Options, VectorReaderPlugin
from tracer_spec.plugin.contracts import Provided


def traces(*texts, ids=None, vectors=None, rows=None):
    n = len(texts or ids)
    at = np.arange(n) if rows is None else np.asarray(rows)
    return trace_set(texts, ("card",) * n, ids=ids, vectors=vectors, rows=at)


class Counts(Options):
    """Options of the embedders below."""

    per_text: int = 1


class Lengths:
    """An embedder that learns nothing."""

    def __init__(self, options):
        self.options = options

    def embed(self, texts):
        return np.array([[len(text), self.options.per_text] for text in texts], np.float32).reshape(-1, 2)

    def fingerprint(self):
        return f"lengths {self.options.per_text}"

    def state(self):
        return {}


class Learned(Lengths):
    """An embedder whose vectors are the length of the text, how many texts it learned, and the seed it had."""

    known = 0
    seed = -1
    fits = count()

    def fit(self, texts, *, seed):
        next(self.fits)
        return self._with(len(texts), seed)

    def restore(self, state):
        return self._with(*(int(number) for number in state["learned"].split()))

    def _with(self, known, seed):
        made = type(self)(self.options)
        made.known, made.seed = known, seed
        return made

    def embed(self, texts):
        return np.array([[len(text), self.known, self.seed] for text in texts], np.float32).reshape(-1, 3)

    def fingerprint(self):
        return hashlib.sha256(self.state()["learned"]).hexdigest()

    def state(self):
        return {"learned": f"{self.known} {self.seed}".encode()}


class Reads:
    """A reader of vectors that come with the traces: the row, and what the record holds."""

    def __init__(self, options):
        pass

    def read(self, rows, ids, vectors, texts):
        columns = zip(rows, ids, vectors, strict=True)
        return np.array(
            [[row, int(name), -1.0 if held is None else held[0]] for row, name, held in columns], np.float32
        )

    def fingerprint(self):
        return "reads"


@pytest.fixture
def resolved(telling):
    def embedder(make, **options):
        return Resolved("words", telling.provided("embedder", make, Counts), Counts(**options))

    return embedder


def test_an_embedder_that_learns_is_fitted_on_the_texts_given_with_the_seed_given(resolved):
    fitted = fit_embedder(resolved(Learned), traces("a", "bb"), 7, Memory())
    assert fitted.vectors(traces("ccc", "", "ccc")).tolist() == [[3, 2, 7], [0, 2, 7], [3, 2, 7]]
    assert fitted.brings_text


def test_an_embedder_that_learns_nothing_embeds_each_text_alike_and_in_order(resolved):
    fitted = fit_embedder(resolved(Lengths, per_text=5), traces("a"), 0, Memory())
    assert fitted.vectors(traces("ccc", "a", "ccc")).tolist() == [[3, 5], [1, 5], [3, 5]]


def test_the_probes_are_embedded_as_texts_are(resolved):
    expected = [len(probe) for probe in PROBES]
    for make in (Lengths, Learned):
        fitted = fit_embedder(resolved(make), traces("a"), 0, Memory())
        assert fitted.probe_vectors()[:, 0].tolist() == expected


def test_a_reader_gets_each_traces_row_id_and_what_its_record_holds(resolved):
    fitted = fit_embedder(
        Resolved("words", Provided("embedder", VectorReaderPlugin("reads", "reads", Reads), "tests", "1"), Options()),
        traces(ids=("7", "8")),
        0,
        Memory(),
    )
    assert not fitted.brings_text
    held = traces(ids=("7", "8"), vectors=([0.5], [0.25]), rows=[3, 9])
    assert fitted.vectors(held).tolist() == [[3, 7, 0.5], [9, 8, 0.25]]
    assert fitted.vectors(traces(ids=("7",), rows=[4])).tolist() == [[4, 7, -1]]


@pytest.mark.parametrize("make", [Lengths, Learned])
def test_no_texts_give_no_rows(resolved, make):
    fitted = fit_embedder(resolved(make), traces("a"), 0, Memory())
    assert len(fitted.vectors(traces("a").take([]))) == 0


def test_texts_of_many_batches_stay_in_their_order_and_whoever_watches_hears_of_each(resolved):
    texts = [str(number) for number in range(9000)]
    told = []
    fitted = fit_embedder(resolved(Learned), traces("a"), 0, Memory(), told.append)
    assert fitted.vectors(traces(*texts), "certify")[:, 0].tolist() == [len(text) for text in texts]
    assert {type(each) for each in told} == {StepDone}
    assert {each.stage for each in told} == {"certify"}
    assert [each.step.split(" of ")[0] for each in told] == ["4,096", "8,192", "9,000"]
    assert all(" of 9,000 texts embedded" in each.step for each in told)


def test_what_was_fitted_on_the_same_texts_with_the_same_seed_is_restored(resolved, tmp_path):
    store = Store(tmp_path)
    texts = traces("a", "bb")

    def fits(fit_on, seed=0, **options):
        """Return how often it is fitted, with what was remembered so far at hand."""
        embedder = resolved(Learned, **options)
        fresh = fit_embedder(embedder, fit_on, seed, Memory()).embedder.state()
        before = next(Learned.fits)
        assert fit_embedder(embedder, fit_on, seed, Memory(store)).embedder.state() == fresh
        return next(Learned.fits) - before - 1

    assert (fits(texts), fits(texts)) == (1, 0)
    assert fits(texts, seed=1) == 1
    for others in (traces("a", "bc"), traces("ab", "b"), traces("bb", "a")):
        assert fits(others) == 1
    assert fits(texts, per_text=2) == 1
    assert fits(texts) == 0


def test_vectors_are_remembered_by_what_was_fitted_and_by_every_text(resolved, tmp_path):
    store = Store(tmp_path)

    def vectors(fit_on, *texts):
        fresh = fit_embedder(resolved(Learned), fit_on, 0, Memory()).vectors(traces(*texts))
        known = fit_embedder(resolved(Learned), fit_on, 0, Memory(store)).vectors(traces(*texts))
        assert np.array_equal(fresh, known)
        return store.info().entries["vectors"][0]

    one, two = traces("a"), traces("a", "b")
    assert vectors(one, "x", "yy") == vectors(one, "x", "yy") == 1
    assert vectors(two, "x", "yy") == 2
    assert vectors(one, "yy", "x") == 3
    assert vectors(one, "x", "yyy") == 4


def test_a_digest_of_texts_tells_where_each_ends_and_takes_any_character():
    assert len({texts_digest(texts) for texts in (["ab", "c"], ["a", "bc"], ["abc"], ["c", "ab"], [])}) == 5
    assert texts_digest(["\ud800"]) != texts_digest(["?"])


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        (np.zeros((2, 3), np.float32), "gave (2, 3) for 3 texts, not (3, d)"),
        (np.zeros(3, np.float32), "gave (3,) for 3 texts, not (3, d)"),
        (np.zeros((3, 0), np.float32), "gave (3, 0) for 3 texts, not (3, d)"),
        ([[1.0]] * 3, "gave list for 3 texts, not (3, d)"),
        (np.zeros((3, 2)), "gave float64, not float32"),
        (np.array([[0], [np.nan], [np.inf]], np.float32), "gave vectors that are not finite, for 2 of 3 texts"),
        (
            np.array([[2e19, 1e19], [1, 1], [1e18, 1e18]], np.float32),
            "gave vectors whose length is not finite in float32, for 1 of 3 texts",
        ),
    ],
    ids=["rows", "no columns", "empty columns", "no array", "type", "not finite", "too long"],
)
def test_vectors_that_break_the_contract_are_refused(vectors, said):
    with pytest.raises(PluginError) as refusal:
        checked(vectors, 3, "words")
    (problem,) = refusal.value.problems
    assert (problem.what, problem.address) == (f"the embedder 'words' {said}", "embedder")


@pytest.mark.parametrize("base", [Lengths, Learned])
def test_whatever_breaks_the_contract_is_noticed_wherever_it_is_embedded(resolved, base):
    class Broken(base):
        def embed(self, texts):
            return super().embed(texts).astype(np.float64)

    fitted = fit_embedder(resolved(Broken), traces("a"), 0, Memory())
    for use in (lambda: fitted.vectors(traces("a", "b")), fitted.probe_vectors):
        with pytest.raises(PluginError, match="the embedder 'words' gave float64, not float32"):
            use()


def test_a_failure_inside_an_embedder_names_who_ships_it(resolved):
    class Fails(Learned):
        def fit(self, texts, *, seed):
            raise ZeroDivisionError("no texts")

    with pytest.raises(PluginError, match="the embedder 'telling' of tests 1 failed: ZeroDivisionError: no texts"):
        fit_embedder(resolved(Fails), traces("a"), 0, Memory())
