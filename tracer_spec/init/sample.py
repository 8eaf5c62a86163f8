"""Sample traces: what an online shop's support desk might have logged of its LLM classifier.

Nobody wrote these messages. They come from templates, and a simulated teacher labels them: right on what is
clear, by a weighted coin on what could be either of two intents, and now and then with a label that does not
exist, as LLMs do. The same seed writes the same bytes on every Python.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

SEED = 20260302
N_REQUESTS = 1500
# shares of the traffic; what is left is clear
AMBIGUOUS, OFF_TOPIC, RETRIED, RAMBLING, INVENTED = 0.13, 0.05, 0.015, 0.03, 0.012

CLEAR: dict[str, tuple[str, ...]] = {
    "order_status": (
        "where is my {thing}",
        "when will my {thing} arrive",
        "my order from {day} still says processing",
        "can you tell me if {thing} has shipped yet",
        "the tracking for my {thing} has not moved since {day}",
        "how long does delivery take, i ordered {thing} on {day}",
        "i was told {thing} would be here by {day} and it is not",
    ),
    "cancel_order": (
        "please cancel my order for {thing}",
        "i ordered {thing} by mistake, cancel it",
        "stop the order i placed on {day}",
        "i no longer need {thing}, can i still cancel",
        "cancel everything i bought on {day}",
        "how do i cancel {thing} before it ships",
    ),
    "return_item": (
        "i want to send back {thing}",
        "how do i return {thing}",
        "can i get a return label for {thing}",
        "what is the return window, i bought {thing} on {day}",
        "{thing} is not for me, where do i post it back to",
        "do i pay postage to return {thing}",
    ),
    "refund_status": (
        "i returned {thing} on {day}, when do i get my refund",
        "my refund for {thing} has not arrived",
        "how long until a refund shows on my card",
        "you said the refund was sent on {day} but my bank has nothing",
        "has the refund for {thing} been issued",
        "still waiting for the refund of {amount}",
    ),
    "damaged_item": (
        "{thing} arrived broken",
        "the box was crushed and {thing} is damaged",
        "{thing} stopped working after one day",
        "there is a crack in {thing} i got on {day}",
        "i received {thing} with parts missing",
        "{thing} came with a big scratch, i need a replacement",
    ),
    "change_address": (
        "i moved, please change my delivery address",
        "can you send {thing} to my office instead",
        "the address on my order is wrong",
        "how do i update my shipping address",
        "i typed the wrong postcode on my order from {day}",
        "please deliver {thing} to a different address",
    ),
    "payment_failed": (
        "my card was declined when i tried to buy {thing}",
        "payment does not go through",
        "i get an error at checkout when i pay for {thing}",
        "why was my payment of {amount} rejected",
        "paypal keeps failing at checkout",
        "you charged me {amount} but the order says unpaid",
    ),
    "discount_code": (
        "my discount code does not work",
        "the promo code says expired but it runs until {day}",
        "can i use two vouchers on {thing}",
        "i forgot to enter my coupon for {thing}",
        "where do i type in a gift card",
        "do you have a student discount",
    ),
    "account_login": (
        "i cannot log in to my account",
        "i forgot my password",
        "the reset email never arrives",
        "my account is locked since {day}",
        "how do i change the email on my account",
        "the two factor code is always wrong",
    ),
    "product_question": (
        "does {thing} come in another colour",
        "what size is {thing}",
        "is {thing} in stock",
        "when will {thing} be available again",
        "does {thing} come with a warranty",
        "which battery does {thing} take",
    ),
}

# what could be either: (text, the two intents, how often the teacher says the first)
EITHER: tuple[tuple[str, tuple[str, str], float], ...] = (
    ("where is my money for {thing}", ("refund_status", "payment_failed"), 0.6),
    ("{thing} is not here and i do not want it any more", ("cancel_order", "order_status"), 0.6),
    ("{thing} does not fit", ("return_item", "product_question"), 0.7),
    ("{thing} is not what i expected, what now", ("return_item", "damaged_item"), 0.6),
    ("my parcel went to my old flat", ("change_address", "order_status"), 0.5),
    ("{thing} never worked, i want my {amount} back", ("damaged_item", "refund_status"), 0.55),
    ("i paid for {thing} and nothing happened", ("payment_failed", "order_status"), 0.5),
    ("the price of {thing} is wrong in my basket", ("discount_code", "payment_failed"), 0.5),
    ("i cannot see {thing} in my account", ("order_status", "account_login"), 0.6),
    ("it says my details are wrong", ("account_login", "payment_failed"), 0.5),
    ("can i swap {thing} for the bigger one", ("return_item", "product_question"), 0.65),
    ("i was charged twice for {thing}", ("payment_failed", "refund_status"), 0.6),
)

NOISE = (
    "hello",
    "are you a robot",
    "this is the {nth} time i write to you",
    "your service is terrible",
    "asdf",
    "can someone call me on {day}",
    "i spoke to a colleague of yours on {day} and nothing happened",
    "see my last message",
    "thanks, and what about {thing}",
)
INVENTED_LABELS = ("complaint", "other", "speak_to_human")

THINGS = (
    "coffee grinder",
    "desk lamp",
    "hiking boots",
    "headphones",
    "winter jacket",
    "standing desk",
    "phone case",
    "air fryer",
    "yoga mat",
    "kids bike",
    "garden hose",
    "office chair",
    "camping stove",
    "smart watch",
    "bread maker",
    "rain coat",
)
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "the 3rd", "the 12th", "last week")
OPENINGS = ("", "", "", "", "hi, ", "hello, ", "hey ", "good morning, ", "quick question: ", "urgent! ")
ENDINGS = ("", "", "", "", "?", "?", " please", " thanks", ", order {order}", "!!", " :(", " asap")
WHYS = (
    "The customer is asking about their {label}.",
    "Reason: the message matches {label}.",
    "Confidence: high.",
)

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
    text = dice.pick(OPENINGS) + template + dice.pick(ENDINGS)
    owner = dice.pick(("the", "my"))
    text = text.replace("my {thing}", "my " + dice.pick(THINGS)).replace("{thing}", f"{owner} {dice.pick(THINGS)}")
    text = text.replace("{day}", dice.pick(DAYS)).replace("{nth}", dice.pick(("second", "third", "fifth")))
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
    labels = tuple(CLEAR)
    kind = dice.below(1000) / 1000
    if kind < AMBIGUOUS:
        template, (first, second), share = dice.pick(EITHER)
        label = first if dice.chance(share) else second
    elif kind < AMBIGUOUS + OFF_TOPIC:
        template, label = dice.pick(NOISE), dice.pick(labels)
    else:
        label = labels[min(dice.below(len(labels)), dice.below(len(labels) + 3))]
        template = dice.pick(CLEAR[label])
    return write_message(dice, template), dress(dice, label)


def dress(dice: Dice, label: str) -> str:
    """Return the label as an LLM would answer it: mostly bare, at times explained, at times made up."""
    if dice.chance(INVENTED):
        return dice.pick(INVENTED_LABELS)
    if dice.chance(RAMBLING):
        return f"{label}\n{dice.pick(WHYS).format(label=label.replace('_', ' '))}"
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
        trace = {
            "id": f"r{number:05}",
            "timestamp": f"{clock:%Y-%m-%dT%H:%M:%SZ}",
            "input": text,
            "teacher": answer,
        }
        traces.append(trace)
        if dice.chance(RETRIED):
            again = clock + timedelta(seconds=2 + dice.below(20))
            traces.append({**trace, "timestamp": f"{again:%Y-%m-%dT%H:%M:%SZ}"})
    return traces


def sample_file() -> str:
    """Return the sample traces as JSON Lines."""
    return "".join(json.dumps(trace, ensure_ascii=False) + "\n" for trace in make_traces())
