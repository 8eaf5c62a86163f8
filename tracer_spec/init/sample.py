"""Sample traces, as the support desk of an online shop might log its LLM classifier.

The messages are filled from the templates of ``sample.json``. A simulated teacher labels them: correctly where the intent
is clear, by a weighted coin where it could be either of two, and now and then with a label that does not exist, as LLMs do.
The same seed writes the same bytes on every Python.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any, TypeVar

SEED = 20260302
N_REQUESTS = 1500
# shares of the traffic; what is left is clear
AMBIGUOUS, OFF_TOPIC, RETRIED, RAMBLING, INVENTED = 0.13, 0.05, 0.015, 0.03, 0.012

_TEXTS: dict[str, Any] = json.loads(resources.files("tracer_spec.init").joinpath("sample.json").read_text("utf-8"))
LABELS = tuple(_TEXTS["clear"])

Item = TypeVar("Item")


class Dice:
    """Chance from ``random()`` alone: the one method whose sequence Python promises to keep."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random  # noqa: S311 - chance, not secrecy

    def chance(self, share: float) -> bool:
        """Return true in ``share`` of the throws."""
        return self._random() < share

    def below(self, limit: int) -> int:
        """Return a whole number in [0, limit)."""
        return int(self._random() * limit)

    def pick(self, items: Sequence[Item]) -> Item:
        """Return one of the items."""
        return items[self.below(len(items))]


def write_message(dice: Dice, template: str) -> str:
    """Fill a template, as people type: greetings, order numbers, typos, shouting."""
    text: str = dice.pick(_TEXTS["openings"]) + template + dice.pick(_TEXTS["endings"])
    owner = dice.pick(("the", "my"))
    mine, named = dice.pick(_TEXTS["things"]), dice.pick(_TEXTS["things"])
    text = text.replace("my {thing}", f"my {mine}").replace("{thing}", f"{owner} {named}")
    text = text.replace("{day}", dice.pick(_TEXTS["days"])).replace("{nth}", dice.pick(("second", "third", "fifth")))
    text = text.replace("{amount}", f"{10 + dice.below(180)}.{dice.below(100):02}")
    text = text.replace("{order}", f"#{10000 + dice.below(90000)}")
    if dice.chance(0.3):
        text = mistype(dice, text)
    if dice.chance(0.4):
        text = text[0].upper() + text[1:]
    return text.upper() if dice.chance(0.02) else text


def mistype(dice: Dice, text: str) -> str:
    """Swap, drop or double one letter."""
    at = 1 + dice.below(len(text) - 2)
    swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return dice.pick((swapped, text[:at] + text[at + 1 :], text[:at] + text[at] + text[at:]))


def ask_teacher(dice: Dice) -> tuple[str, str]:
    """Return a message and the simulated teacher's answer to it."""
    kind = dice.below(1000) / 1000
    if kind < AMBIGUOUS:
        # a text that could be either of two intents, and how often the teacher says the first
        either = dice.pick(_TEXTS["either"])
        template, label = either["template"], either["labels"][0 if dice.chance(either["first"]) else 1]
    elif kind < AMBIGUOUS + OFF_TOPIC:
        template, label = dice.pick(_TEXTS["noise"]), dice.pick(LABELS)
    else:
        label = LABELS[min(dice.below(len(LABELS)), dice.below(len(LABELS) + 3))]
        template = dice.pick(_TEXTS["clear"][label])
    return write_message(dice, template), dress(dice, label)


def dress(dice: Dice, label: str) -> str:
    """Return the label as an LLM would answer it: mostly bare, at times explained, at times made up."""
    if dice.chance(INVENTED):
        return str(dice.pick(_TEXTS["invented_labels"]))
    if dice.chance(RAMBLING):
        why = dice.pick(_TEXTS["explanations"])
        return f"{label}\n{why.format(label=label.replace('_', ' '))}"
    if label == "refund_status" and dice.chance(0.1):
        return "refund"
    return label


def make_traces(seed: int = SEED, n_requests: int = N_REQUESTS) -> list[dict[str, str]]:
    """Return traces in the order they were logged."""
    dice = Dice(seed)
    clock = datetime(2026, 3, 2, 7, tzinfo=UTC)
    traces: list[dict[str, str]] = []
    for number in range(n_requests):
        clock += timedelta(seconds=30 + dice.below(1500))
        if clock.hour >= 22:
            clock = clock.replace(hour=7, minute=dice.below(30)) + timedelta(days=1)
        text, answer = ask_teacher(dice)
        trace = {"id": f"r{number:05}", "timestamp": f"{clock:%Y-%m-%dT%H:%M:%SZ}", "input": text, "teacher": answer}
        traces.append(trace)
        if dice.chance(RETRIED):
            again = clock + timedelta(seconds=2 + dice.below(20))
            traces.append({**trace, "timestamp": f"{again:%Y-%m-%dT%H:%M:%SZ}"})
    return traces


def sample_file() -> str:
    """Return the sample traces as JSON Lines."""
    return "".join(json.dumps(trace, ensure_ascii=False) + "\n" for trace in make_traces())
