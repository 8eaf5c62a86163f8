"""The template that texts stand in: found where most share it, never in what people write, and told as a step."""

import random

import pytest

from tracer_spec.flow.preview.prompt_template import are_all_equal, find_template

WORDS = ("please", "refund", "my", "order", "card", "is", "blocked", "what", "where", "can", "I", "find", "joke")


def messages(n=200, seed=0):
    """Return distinct texts that share words, and no beginning."""
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(3, 9))) + f" {i}" for i in range(n)]


@pytest.mark.parametrize(
    ("prefix", "suffix", "step"),
    [
        ("Classify: ", "", "after:Classify: "),
        ("", "\nLabel:", "before:\nLabel:"),
        ("You classify.\nLabels: a, b.\n\nMessage: ", "", "after:\nMessage: "),
        (
            "You classify.\nLabels: a, b.\n\nMessage: ",
            "\n\nAnswer with the label only.",
            "between:\nMessage: ...\n\nAnswer with the label only.",
        ),
        ('Text:\n"""\n', '\n"""', 'between:Text:\n"""\n...\n"""'),
        ('Message: "', '"', 'between:Message: "..."'),
        ("Read this.\n\n<message>", "</message>\n\nWhich label?\n", "between:\n<message>...</message>\n"),
        # a marker holds no '...', which parts start from end
        ("Think first... then answer.\nText: ", "", "after:\nText: "),
        ("One word... Text: ", "", "after: Text: "),
    ],
)
def test_a_template_is_found_and_its_step_takes_the_text_out(prefix, suffix, step):
    texts = messages()
    found = find_template([prefix + text + suffix for text in texts])
    assert (found.prefix, found.suffix, found.share_of_texts) == (prefix, suffix, 1.0)
    n = (len(prefix) + len(suffix)) * len(texts)
    assert found.share_of_characters == n / (n + sum(map(len, texts)))
    assert found.step == step


def test_a_long_prompt_of_one_line_is_known_by_its_last_words():
    prompt = (
        "Classify the message that follows into one of the labels refund, card and balance and give no reason at all "
    )
    found = find_template([prompt + text for text in messages()])
    assert found.prefix == prompt
    assert found.step.startswith("after:")
    marker = found.step.removeprefix("after:")
    assert prompt.endswith(marker)
    assert 60 <= len(marker) < 80


def test_a_line_that_stands_in_the_prefix_twice_is_no_marker():
    prefix = "Text: a\nText: b\nText: "
    found = find_template([prefix + text for text in messages()])
    marker = found.step.removeprefix("after:")
    assert prefix.find(marker) + len(marker) == len(prefix)


def test_a_template_that_one_text_in_ten_writes_otherwise_is_found():
    texts = messages()
    usual, other = "Be brief.\nMessage: ", "Be very brief.\n\nCustomer: "
    found = find_template([(usual if i % 10 else other) + text for i, text in enumerate(texts)])
    assert (found.prefix, found.step, found.share_of_texts) == (usual, "after:\nMessage: ", 0.9)


def test_what_most_texts_themselves_begin_with_stays_theirs():
    found = find_template([f"Message: please {text}" for text in messages()])
    assert (found.prefix, found.step) == ("Message: ", "after:Message: ")


def test_the_suffix_leaves_the_texts_own_end_alone():
    found = find_template([f"{text}?\n\nOne label, please." for text in messages()])
    assert found.suffix == "\n\nOne label, please."


@pytest.mark.parametrize(
    "texts",
    [
        [],
        messages(),
        [f"I want to {text}?" for text in messages()],
        [f"Message: {text}" for text in messages(9)],
        ["Message: the same each time"] * 100,
        [("Message: " if i % 2 else "Mail: ") + text for i, text in enumerate(messages())],
    ],
)
def test_no_template_is_found_in_what_people_write_nor_in_few_texts(texts):
    assert find_template(texts) is None


def test_equal_texts_count_once():
    found = find_template([f"Message: {text}" for text in messages(20)] + ["thanks, that is all"] * 500)
    assert found.prefix == "Message: "


def test_texts_that_are_nearly_all_one_text_are_told():
    assert are_all_equal(["Now give only the label."] * 96 + ["a", "b", "c", "d"])
    assert not are_all_equal(["Now give only the label."] * 90 + messages(10))
    assert not are_all_equal([])
    assert not are_all_equal(["a"] * 9)
