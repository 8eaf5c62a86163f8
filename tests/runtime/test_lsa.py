# ruff: noqa: RUF001 - letters of many scripts, alike or not, are what is tested
from __future__ import annotations

import json
import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from tracer_spec.errors import BundleError
from tracer_spec.runtime import lsa

ROOT = Path(__file__).parents[2]
WORDS = ("card", "i", "lost", "lost my", "money", "my", "my card", "карта", "कार्ड")
GRAMS = (" ca", " i ", " m", "ar", "ard ", "car", "lo", "st ", "карт")
CHARS = (2, 4)
DIM = 7

TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from([*WORDS, "Card", "cart", "МОЯ КАРТА", "?!", "most", "1"]), max_size=12).map(" ".join),
)


def forge(max_chars=2000):
    rng = np.random.default_rng(7)
    n_terms = len(WORDS) + len(GRAMS)
    return lsa.Lsa(
        words=WORDS,
        grams=GRAMS,
        weights=rng.integers(1, 256, n_terms).astype(np.uint8),
        components=rng.integers(-127, 128, (n_terms, DIM)).astype(np.int8),
        max_chars=max_chars,
        chars=CHARS,
    )


EMBEDDER = forge()


def exact_vector(words):
    """The vector by its definition, in whole numbers, term by term."""
    counts = {}
    for at, word in enumerate(words):
        padded = f" {word} "
        pieces = [padded[i:j] for i in range(len(padded)) for j in range(i + 1, len(padded) + 1) if 2 <= j - i <= 4]
        pair = [f"{words[at - 1]} {word}"] if at else []
        for row, known in enumerate([*WORDS, *GRAMS]):
            found = [word, *pair] if row < len(WORDS) else pieces
            counts[row] = counts.get(row, 0) + found.count(known)
    sums = [0] * DIM
    for row, count in counts.items():
        if count:
            tf = round(64 * (1 + math.log(count)))
            for d in range(DIM):
                sums[d] += tf * int(EMBEDDER.weights[row]) * int(EMBEDDER.components[row, d])
    norm = math.sqrt(sum(each * each for each in sums))
    return np.array([each / norm if norm else 0.0 for each in sums], np.float32)


@given(st.lists(st.sampled_from(["card", "i", "lost", "my", "money", "карта", "carry", "most"]), max_size=20))
def test_a_vector_is_the_weighted_sum_of_the_rows_of_its_terms(words):
    (got,) = EMBEDDER.embed([" ".join(words)])
    assert got.tobytes() == exact_vector(words).tobytes()


@given(st.lists(TEXTS, max_size=8), st.randoms(use_true_random=False))
def test_a_text_has_the_same_vector_bit_for_bit_alone_or_in_any_batch(texts, random):
    together = EMBEDDER.embed(texts)
    assert together.shape == (len(texts), DIM)
    assert together.dtype == np.float32
    assert b"".join(EMBEDDER.embed([text]).tobytes() for text in texts) == together.tobytes()
    order = list(range(len(texts)))
    random.shuffle(order)
    assert forge().embed([texts[i] for i in order]).tobytes() == together[order].tobytes()


@given(TEXTS)
def test_every_text_has_a_finite_vector_of_norm_one_or_zero(text):
    norm = float(np.linalg.norm(EMBEDDER.embed([text])[0].astype(np.float64)))
    assert norm == 0 or norm == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("text", ["", "   ", "?!…", "👍🏽", "zzz", "\ud800", "\0"])
def test_a_text_without_a_known_term_has_the_zero_vector(text):
    assert EMBEDDER.embed([text]).tolist() == [[0.0] * DIM]


def test_sums_of_zero_do_not_divide_by_zero():
    flat = lsa.Lsa(("a",), (), np.ones(1, np.uint8), np.zeros((1, 2), np.int8), 100, CHARS)
    assert flat.embed(["a"]).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I LOST my Card", "i lost my card"),
        ("ＣＡＲＤ", "card"),
        ("карта", "КАРТА"),
        ("card?", "«card»"),
        ("my\tcard\n", "my card"),
    ],
)
def test_case_unicode_form_and_punctuation_do_not_matter(one, other):
    assert EMBEDDER.embed([one]).any()
    assert EMBEDDER.embed([one]).tobytes() == EMBEDDER.embed([other]).tobytes()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Where's my Card_2?", ["where", "s", "my", "card_2"]),
        ("Cafe\u0301 Straße", ["café", "strasse"]),
        ("मेरा कार्ड खो गया।", ["मेरा", "कार्ड", "खो", "गया"]),
        ("บัตรหาย ค่ะ", ["บัตรหาย", "ค่ะ"]),
        ("我的卡在哪里？谢谢", ["我的卡在哪里", "谢谢"]),
        ("", []),
    ],
)
def test_words_of_many_scripts_stay_whole(text, words):
    assert lsa.words(text, 1000) == words


@given(st.text(max_size=30))
def test_ascii_texts_take_the_short_cut_to_the_same_words(text):
    plain = text.encode("ascii", "ignore").decode()
    assert lsa.words(plain, 1000) == [word for word in lsa.words(f"{plain} é", 1000) if word != "é"]


@given(st.text("abcdé", min_size=1, max_size=9), st.integers(1, 4), st.integers(0, 4))
def test_ngrams_are_those_of_scikit_learn(word, shortest, more):
    analyse = CountVectorizer(analyzer="char_wb", ngram_range=(shortest, shortest + more)).build_analyzer()
    assert sorted(lsa.grams(word, shortest, shortest + more)) == sorted(analyse(word))


def test_a_text_is_read_up_to_the_limit_and_no_further():
    short = forge(max_chars=12)
    assert short.embed(["lost my card money money"]).tobytes() == short.embed(["lost my card"]).tobytes()
    assert EMBEDDER.embed(["lost my card money money"]).tobytes() != EMBEDDER.embed(["lost my card"]).tobytes()


def test_huge_texts_are_embedded_in_bounded_work():
    for text in ("card " * 1_000_000, "x" * 5_000_000, "\ufdfa" * 1_000_000):
        vector = EMBEDDER.embed([text])
        assert np.isfinite(vector).all()
        assert vector.tobytes() == EMBEDDER.embed([text[:2000]]).tobytes()


def test_words_remembered_are_bounded_and_change_nothing():
    fresh, used = forge(), forge()
    used.embed([" ".join(f"card{n}" for n in range(start, start + 200)) for start in range(0, 20_000, 200)])
    assert 0 < len(used._seen) <= 8192
    assert used.embed(["i lost my card1"]).tobytes() == fresh.embed(["i lost my card1"]).tobytes()


def test_threads_share_an_embedder():
    texts = [f"lost {n} my card{n % 977} {'i ' * (n % 7)}" for n in range(12_000)]
    wanted = forge().embed(texts)
    shared = forge()
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(shared.embed, [texts] * 8))
    assert {each.tobytes() for each in got} == {wanted.tobytes()}


def test_one_text_for_a_batch_is_a_mistake():
    with pytest.raises(TypeError, match=r"one text is not a batch: pass \[text\]"):
        EMBEDDER.embed("card")


def test_no_text_gives_no_row():
    assert EMBEDDER.embed([]).shape == (0, DIM)


# --- state -----------------------------------------------------------------------------------------------------------

STATE = EMBEDDER.state()


def test_an_embedder_comes_back_from_its_state():
    back = lsa.restore(STATE)
    assert back.state() == STATE
    assert back.fingerprint() == EMBEDDER.fingerprint()
    texts = ["i lost my card", "МОЯ КАРТА", ""]
    assert back.embed(texts).tobytes() == EMBEDDER.embed(texts).tobytes()


def test_an_embedder_without_a_term_comes_back_too():
    empty = lsa.Lsa((), (), np.zeros(0, np.uint8), np.zeros((0, 3), np.int8), 10, CHARS)
    assert lsa.restore(empty.state()).embed(["card"]).tolist() == [[0.0, 0.0, 0.0]]


@pytest.mark.parametrize("name", lsa.MEMBERS)
def test_every_file_is_part_of_the_fingerprint(name):
    changed = {
        lsa.SETTINGS: json.dumps({"chars": [2, 4], "dim": DIM, "max_chars": 1999, "version": 1}).encode(),
        lsa.WORDS: STATE[lsa.WORDS].replace(b"card", b"bard", 1),
        lsa.GRAMS: STATE[lsa.GRAMS].replace(b" ca", b" ba", 1),
        lsa.WEIGHTS: bytes([STATE[lsa.WEIGHTS][0] ^ 1]) + STATE[lsa.WEIGHTS][1:],
        lsa.COMPONENTS: bytes([STATE[lsa.COMPONENTS][0] ^ 1]) + STATE[lsa.COMPONENTS][1:],
    }
    assert lsa.restore(STATE | {name: changed[name]}).fingerprint() != EMBEDDER.fingerprint()


SETTINGS = {"chars": [2, 4], "dim": DIM, "max_chars": 2000, "version": 1}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"version": 2}, "version is 2; expected an integer from 1 to 1"),
        ({"dim": 0}, "dim is 0; expected an integer from 1 to 65536"),
        ({"dim": True}, "dim is True; expected an integer from 1 to 65536"),
        ({"dim": 7.0}, "dim is 7.0; expected an integer from 1 to 65536"),
        ({"dim": 8}, "components.i8"),
        ({"max_chars": 10**9}, "max_chars is 1000000000; expected an integer from 1 to 1000000"),
        ({"chars": [3]}, "chars is not a list of two integers"),
        ({"chars": [3, 2]}, r"chars\[1\] is 2; expected an integer from 3 to 16"),
        ({"code": "x"}, "has the keys .*; expected chars, dim, max_chars, version"),
    ],
)
def test_settings_out_of_range_are_refused(change, what):
    with pytest.raises(BundleError, match=what):
        lsa.restore(STATE | {lsa.SETTINGS: json.dumps(SETTINGS | change).encode()})


SHORT = "has {} bytes; its vocabulary and dimension ask for {}"


@pytest.mark.parametrize(
    ("name", "content", "blamed", "what"),
    [
        (lsa.WORDS, STATE[lsa.WORDS] + b"\nmore", lsa.WEIGHTS, SHORT.format(18, 19)),
        (lsa.WORDS, STATE[lsa.WORDS].replace(b"lost my", b"my"), lsa.WORDS, "holds an empty line or a line twice"),
        (lsa.WORDS, STATE[lsa.WORDS] + b"\n", lsa.WORDS, "holds an empty line or a line twice"),
        (lsa.GRAMS, b"\n" * 30_000_000, lsa.GRAMS, "has 30000001 lines; at most 500000 are read"),
        (lsa.GRAMS, b"\xff" + STATE[lsa.GRAMS], lsa.GRAMS, "is not UTF-8: invalid start byte at byte 0"),
        (lsa.WEIGHTS, b"", lsa.WEIGHTS, SHORT.format(0, 18)),
        (lsa.COMPONENTS, STATE[lsa.COMPONENTS][:-1], lsa.COMPONENTS, SHORT.format(125, 126)),
        (lsa.SETTINGS, b"[]", lsa.SETTINGS, "is JSON of type list, not an object"),
    ],
)
def test_a_damaged_file_is_refused_by_name(name, content, blamed, what):
    with pytest.raises(BundleError) as caught:
        lsa.restore(STATE | {name: content})
    (problem,) = caught.value.problems
    assert problem.what == what
    assert problem.address == f"embedder/{blamed}"
    assert problem.hint == "fetch the bundle again, or build it again with 'tracer-spec build'"


def test_missing_and_unknown_files_are_refused():
    for state in ({}, {lsa.WORDS: b""}, STATE | {"code.py": b""}):
        with pytest.raises(BundleError, match="the state of lsa has the files"):
            lsa.restore(state)


@settings(max_examples=300)
@given(st.data())
def test_a_state_damaged_at_random_is_refused_or_still_embeds(data):
    name = data.draw(st.sampled_from(lsa.MEMBERS))
    content = bytearray(STATE[name])
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content)))
        stop = data.draw(st.integers(start, min(len(content), start + 4)))
        content[start:stop] = data.draw(st.binary(max_size=4))
    try:
        back = lsa.restore(STATE | {name: bytes(content)})
    except BundleError:
        return
    assert np.isfinite(back.embed(["i lost my card", "карта"])).all()


def test_the_run_time_half_imports_numpy_and_the_standard_library_alone():
    heavy = {"jmespath", "onnx", "onnxruntime", "pluggy", "pydantic", "scipy", "sklearn", "threadpoolctl", "yaml"}
    script = "import sys, tracer_spec.runtime.lsa; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert not heavy & set(done.stdout.split())
