"""Small, made-up rows that plugins are tested on: vectors with classes, scores with answers, texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracer_spec.plugin import Classes, Evidence, Vectors

N_CLASSES = 4
DIMENSION = 8


def clusters(n: int, *, seed: int = 0, classes: Sequence[int] = range(N_CLASSES)) -> tuple[Vectors, Classes]:
    """Return unit vectors (n, 8) around one direction for each class, always the same ones, and the class of each."""
    rng = np.random.default_rng(seed)
    y = rng.choice(np.asarray(classes, np.int64), size=n)
    directions = 2.5 * np.eye(N_CLASSES, DIMENSION)
    X = directions[y] + rng.normal(size=(n, DIMENSION))
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32), y


def few_rows() -> dict[str, tuple[Vectors, Classes]]:
    """Return vectors and classes from which there is little to learn, by what they are."""
    X, _ = clusters(60)
    return {
        "two rows of two classes": (X[:2], np.array([0, 3], np.int64)),
        "two rows of one class": (X[:2], np.array([1, 1], np.int64)),
        "one row": (X[:1], np.array([2], np.int64)),
        "one class": (X, np.full(60, 1, np.int64)),
    }


def evidence(n: int = 400, *, seed: int = 0, n_votes: int = 0) -> Evidence:
    """Return out-of-fold scores that are right as often as they say, and a few rows whose label is off the list."""
    rng = np.random.default_rng(seed)
    X, _ = clusters(n, seed=seed)
    scores = rng.dirichlet(np.full(N_CLASSES, 0.3), size=n).astype(np.float32)
    drawn = (scores.cumsum(axis=1) < rng.uniform(size=(n, 1))).sum(axis=1)
    y = np.where(rng.uniform(size=n) < 0.05, -1, np.minimum(drawn, N_CLASSES - 1)).astype(np.int64)
    votes = None
    if n_votes:
        noise = rng.normal(scale=0.1, size=(n, n_votes))
        votes = np.clip(scores.max(axis=1, keepdims=True) + noise, 0, 1).astype(np.float32)
    return Evidence(X, scores, scores.argmax(axis=1) == y, y, votes)


_SUBJECTS = ("my card", "the transfer", "a refund", "my account", "the app", "this payment", "an invoice", "the login")
_ASKED = ("where is {}", "why was {} declined", "how do I cancel {}", "please help with {} today",
          "I cannot find {}", "{} is still pending", "who can see {}", "what does {} cost")  # fmt: skip

TEXTS = tuple(asked.format(subject) for subject in _SUBJECTS for asked in _ASKED)
"""64 short questions to fit on."""

ODD_TEXTS = (
    "",
    " \t\r\n ",
    "a",
    "7",
    "?!",
    "Straße, naïve, Ω and ångström",
    "Привет, где моя карта?",
    "我的卡在哪里",
    "カードはどこですか",
    "أين بطاقتي؟",
    "e\u0301 is not \u00e9, and \u200b is no space",
    "👩‍👩‍👧‍👦 🇪🇺 💳",
    "nul \0 and bell \a inside",
    "no-spaces-" * 400,
    "many words " * 2000,
)
"""What people send: nothing, other scripts, combining marks, control characters, too much."""
