"""Texts that stand whole within others."""

import pytest

from tracer_spec.flow.traces.prompts import without_prompts

ALONE = [f"text\0word{i} stands on its own".encode() for i in range(20)]


def asked(*texts):
    return [b"text\0" + text.encode() for text in texts]


@pytest.mark.parametrize(
    ("bare", "prompted"),
    [
        ("where is my card", "you are a bank answer in one word where is my card"),
        ("where is my card", "where is my card answer with one of the labels"),
        ("cancellation", "what does the customer want here cancellation"),
        ("我的卡在哪里", "你 是 一个 银行 助理 我的卡在哪里"),
    ],
)
def test_a_prompt_is_taken_off_what_stands_whole_within_it(bare, prompted):
    log = asked(bare, prompted)
    assert without_prompts(log) == asked(bare, bare)


def test_the_longest_of_those_that_stand_within_a_text_is_it():
    log = asked("where is my card", "hello where is my card", "you are a bank answer hello where is my card")
    assert without_prompts(log) == [log[0], log[1], log[1]]


def test_a_prompt_around_a_prompt_is_taken_off_too_and_so_are_the_turns_of_a_conversation():
    bare = "where is my card"
    once = f"you are a bank answer in one word {bare}"
    twice = f"{once} it has not come i have waited for a week"
    log = asked(twice, bare, once)
    assert without_prompts(log) == [log[1]] * 3


def test_few_words_around_a_text_are_a_prompt_where_they_stand_around_many():
    bare, prompted = (asked(*(f"{opening}word{i} is another" for i in range(30))) for opening in ("", "so "))
    once = asked("where is my card", "please where is my card")
    assert without_prompts([*once, *bare, *prompted]) == [*once, *bare, *bare]


def test_texts_that_hold_others_by_chance_stay():
    log = [*asked("where is my card", "you are a bank answer in one word where is my card"), *ALONE]
    assert without_prompts(log) is log  # one of 22
    short = asked("hi there", "well hi there and good morning to you all")
    assert without_prompts(short) is short
    vectors = [b"vector\0 1 2 3 4 5 6 7", b"vector\0 1 2"]
    assert without_prompts(vectors) is vectors
    assert without_prompts([]) == []


def test_what_stands_within_many_texts_is_a_part_of_their_prompt_and_no_request():
    prompt = "you are a bank answer in one word like where is my card"
    said = [f"i want to know about the {a}{b} please" for a in "abcde" for b in "fghij"]
    log = asked(prompt, "where is my card", *(f"{prompt} {each}" for each in said))
    assert without_prompts(log) is log
    bare = asked(*said)
    assert without_prompts([*log, *bare])[2:] == [*bare, *bare]
