"""Every message, pinned: the address, the value got, the values allowed, the remedy."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tracer_spec.spec.environment import expand
from tracer_spec.spec.nodes import Path, find
from tracer_spec.spec.problems import problems_of
from tracer_spec.spec.reader import read_yaml

Problems = Callable[..., list[str]]


def one(problems: Problems, minimal: str, *overrides: str) -> str:
    """Return the fact and the hint of the one problem that an override brings."""
    (said,) = problems(minimal, *overrides)
    return "\n".join(line.strip() for line in said.splitlines()[1:])


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("version=2", "2 is not a version of the format that this release reads; known: 1\nhint: write version: 1"),
        (
            "version=true",
            "true is not a version of the format that this release reads; known: 1\nhint: write version: 1",
        ),
        ("version='1'", "'1' is not a version of the format that this release reads; known: 1\nhint: write version: 1"),
        (
            "name=Support Intents",
            "'Support Intents' is not made of lower-case letters, digits and inner "
            "dashes, at most 64 of them\n"
            "hint: it becomes a file name, as support-intents does",
        ),
        ("name=5", '5 is not a string\nhint: put quotes around it: "5"'),
        ("seed=-1", "-1 is not at least 0"),
        ("seed=1.5", "1.5 is not a whole number at least 0"),
        ("seed='7'", "'7' is not a whole number at least 0\nhint: take the quotes away: 7"),
        (
            "seed=99999999999999999999",
            "99999999999999999999 is an integer beyond 64 bits\nhint: put quotes around it where it is a string",
        ),
        ("target.agreement=1.2", "1.2 is not between 0 and 1 (exclusive)"),
        ("target.agreement=92", "92 is not between 0 and 1 (exclusive)\nhint: write 0.92"),
        ("target.agreement=99.5", "99.5 is not between 0 and 1 (exclusive)\nhint: write 0.995"),
        ("target.agreement=1", "1 is not between 0 and 1 (exclusive)"),
        (
            "target.confidence=0.9999999999999999",
            "0.9999999999999999 is too near to 0 or 1: it must be between 1e-09 and 1 - 1e-09",
        ),
        ("target.agreement=1e-15", "1e-15 is too near to 0 or 1: it must be between 1e-09 and 1 - 1e-09"),
        (
            "target.agreement=.nan",
            ".nan is not a finite number\nhint: write a finite one, or put quotes around it where it is a string",
        ),
        ("target.agreement=92%", "'92%' is not a number between 0 and 1 (exclusive)\nhint: write 0.92"),
        (
            "target.agreement='0.92'",
            "'0.92' is not a number between 0 and 1 (exclusive)\nhint: take the quotes away: 0.92",
        ),
        (
            "target.agreement='${A:-0.92}'",
            "'${A:-0.92}' is not a number between 0 and 1 (exclusive)\n"
            "hint: a variable in quotes stays a string; take the quotes away",
        ),
        ("target.agreement=true", "true is not a number between 0 and 1 (exclusive)"),
        ("target.min_coverage=1", "1 is not at least 0 and below 1"),
        ("target.min_coverage=5%", "'5%' is not a number at least 0 and below 1\nhint: write 0.05"),
        ("target.calibrator=[a]", "a list is not a plugin: a name, or a mapping with 'use'"),
        ("target.end_to_end=0.9", "agreement and end_to_end are both given; a target has one of them"),
        (
            "target=0.92",
            "0.92 is not a mapping\nhint: write a mapping of its keys: end_to_end, agreement, confidence, min_coverage, "
            "calibrator, labels",
        ),
        (
            "split=temporal",
            "'temporal' is not a mapping\nhint: write a mapping of its keys: certify, strategy, key, certify_where, "
            "mix_teachers, folds, max_fit",
        ),
        (
            "traces.format={preset: native, rate: 0.05}",
            "0.05 is not a JMESPath expression\nhint: write a value that is always the same as '`0.05`'",
        ),
        (
            "target={}",
            "neither agreement nor end_to_end is given\n"
            "hint: add agreement: the share of handled traffic that must get the teacher's "
            "label, for instance 0.95",
        ),
        (
            "split.strategy=randm",
            "'randm' is not one of random, temporal, grouped, fresh\nhint: did you mean 'random'?",
        ),
        ("split.key=a", "a random split takes no key\nhint: take key out, or write strategy: grouped"),
        ("split.folds=1", "1 is not at least 2"),
        ("report.text=yes", "'yes' is not true or false\nhint: write true"),
        ("report.text=1", "1 is not true or false"),
        ("embedder=5", "5 is not a plugin: a name, or a mapping with 'use'"),
        (
            "embedder=null",
            "null is not a plugin: a name, or a mapping with 'use'\nhint: give it a value, or leave the key out",
        ),
        ("embedder=a b", "'a b' is not a name of letters, digits, dots and dashes, at most 64 of them"),
        (
            "embedder={with: {}}",
            "the key is missing\nhint: add use: the plugin's name; 'tracer-spec plugins' lists those installed",
        ),
        ("embedder={use: lsa, with: 5}", "5 is not a mapping"),
        ("embedder={use: lsa, with: [a]}", "a list is not a mapping"),
        ("embedder={use: lsa, wiht: {}}", "there is no key 'wiht'; known: use, as, with\nhint: did you mean 'with'?"),
        (
            "zoo=[{use: mlp, hidden: [64]}]",
            "there is no key 'hidden'; known: use, as, with\n"
            "hint: options of a plugin go under 'with': {use: mlp, with: {hidden: [64]}}",
        ),
        (
            "zoo=[{use: mlp, as: big, with: {alpha: 1}, names: [a, 'b: c', \"d, e\"]}]",
            "there is no key 'names'; known: use, as, with\nhint: options of a plugin go under 'with': "
            '{use: mlp, as: big, with: {alpha: 1, names: [a, "b: c", "d, e"]}}',
        ),
        (
            f"embedder={{use: lsa, words: {'a' * 200}}}",
            "there is no key 'words'; known: use, as, with\nhint: options of a plugin go under 'with'",
        ),
        ("zoo=logreg", "'logreg' is not a list\nhint: write [logreg]"),
        ("zoo=[]", "the list is empty; at least one surrogate is needed"),
        ("zoo={logreg: 1}", "a mapping is not a list\nhint: start each item with '- '"),
        ("families=[]", "the list is empty; at least one family is needed"),
        ("defer_labels=[a, b, a]", "'a' is given twice: items 0 and 2\nhint: keep one of them"),
        ("defer_labels=['']", "'' is empty; a label has at least one character"),
        ("defer_labels=[true]", 'true is not a string\nhint: put quotes around it: "true"'),
        ("traces.format=5", '5 is not a string or a mapping\nhint: put quotes around it: "5"'),
        ("traces.format=''", "'' does not have at least 1 characters"),
        (
            "traces.format={text: a}",
            "the format has no label\nhint: add label: the JMESPath of the teacher's answer; "
            "or preset: the name of one that has it",
        ),
        (
            "traces.format={label: a, txt: b}",
            "there is no key 'txt'; known: preset, label, text, id, time, truth, group, model, "
            "version, embedding, parent, trace, where, iterate, view, join, skip, unanswered, unlabelled, certify, rate, "
            "deferred\nhint: did you mean 'text'?",
        ),
        (
            "traces.format={label: 'a['}",
            "'a[' is not a JMESPath expression: it ends too early\n"
            'hint: keys with dots or dashes are quoted inside: attributes."input.value"; '
            "see jmespath.org",
        ),
        (
            "traces.format={label: a-b}",
            "'a-b' is not a JMESPath expression: unexpected '-' at character 2\n"
            'hint: keys with dots or dashes are quoted inside: attributes."input.value"; '
            "see jmespath.org",
        ),
        (
            "traces.format={label: ''}",
            "'' is not a JMESPath expression: it is empty\n"
            'hint: keys with dots or dashes are quoted inside: attributes."input.value"; '
            "see jmespath.org",
        ),
        (
            "traces.format={label: 'a b'}",
            "'a b' is not a JMESPath expression: unexpected 'b' at character 3\n"
            'hint: keys with dots or dashes are quoted inside: attributes."input.value"; '
            "see jmespath.org",
        ),
        ("traces.labels.allowed=[]", "the list is empty; at least one label is needed"),
        ("traces.labels.allowed=' '", "' ' is empty; give a list, a file, or infer"),
        ("traces.labels.allowed=5", '5 is not a string or a list\nhint: put quotes around it: "5"'),
        ("traces.labels.allowed=[a, 1]", '1 is not a string\nhint: put quotes around it: "1"'),
        ("traces.labels.aliases=[a]", "a list is not a mapping"),
        (
            "traces.labels.normalize=[first_line]",
            "'first_line' is no step; known: strip, first-line, last-line, casefold, code-fence, think, tool-name, "
            "json:KEY, json?:KEY, prefix:TEXT, join:TEXT, between:START...END, after:TEXT, before:TEXT, regex:PATTERN\n"
            "hint: did you mean 'first-line'?",
        ),
        (
            "traces.labels.normalize=['json:']",
            "'json:' has nothing after the colon\nhint: write json:KEY",
        ),
        (
            "traces.labels.normalize=['between:Text: ']",
            "'between:Text: ' does not have two markers with '...' between them, once\n"
            "hint: write between:START...END; a marker that holds '...' needs two steps, after:START and before:END",
        ),
        (
            "traces.extract=[think]",
            "'think' is no step; known: strip, json:KEY, between:START...END, after:TEXT, before:TEXT, regex:PATTERN",
        ),
        ("traces.extract=strip", "'strip' is not a list\nhint: write [strip]"),
        (f"traces.extract={['strip'] * 9}", "a list has 9 items, not at most 8"),
        (
            f"traces.extract=['after:{'a' * 2000}']",
            f"'after:{'a' * 53}…' has 2,006 characters; at most 2,000 are taken",
        ),
        (
            r"traces.extract=['regex:Text:\s*(.*)\s*End']",
            r"'regex:Text:\s*(.*)\s*End' could take too long on some texts: it can match in too many ways"
            "\n"
            "hint: take out all repeats (*, +, {n,}) but one, with no other inside it: white space at the ends is for the step "
            "'strip'; or write between:START...END",
        ),
        (
            "traces.labels.normalize=['regex:(']",
            "'regex:(' is not a regular expression: missing ), unterminated subpattern at position 0",
        ),
        (
            "traces.labels.normalize=['regex:a{99999999999}']",
            "'regex:a{99999999999}' is not a regular expression: the repetition number is too large",
        ),
        (
            "traces.labels.normalize=['regex:(a)(b)']",
            "'regex:(a)(b)' has 2 capture groups; one, or none, says what is kept\n"
            "hint: write (?:...) for groups that only group",
        ),
        ("cost={teacher_usd_per_1k: -1, requests_per_day: 1}", "-1 is not at least 0"),
        (
            "cost={teacher_usd_per_1k: .inf, requests_per_day: 1}",
            ".inf is not a finite number\nhint: write a finite one, or put quotes around it where it is a string",
        ),
        ("serve={answer: label}", "'label' does not say where the label goes; write {label} there"),
        ("cost={teacher_usd_per_1k: 1}", "the key is missing\nhint: add requests_per_day: requests a day"),
    ],
)
def test_each_mistake_is_told_with_its_value_and_its_remedy(
    problems: Problems, minimal: str, override: str, said: str
) -> None:
    assert one(problems, minimal, override) == said


def test_all_problems_are_told_at_once_in_the_order_of_the_file(problems: Problems) -> None:
    text = (
        "version: 1\nname: a\nembeder: lsa\ntarget: {agreement: 92, confidnce: 0.9}\n"
        "zoo:\n  - {use: mlp, with: {hidden: [8]}, az: b}\n  - 5\n"
    )
    assert [said.splitlines()[0] for said in problems(text, "seed=x")] == [
        "router.yaml:1:1  traces",
        "router.yaml:1:1  embedder",
        "router.yaml:3:1  embeder",
        "router.yaml:4:21  target.agreement",
        "router.yaml:4:25  target.confidnce",
        "router.yaml:6:37  zoo[0].az",
        "router.yaml:7:5  zoo[1]",
        "--set seed  seed",
    ]


def test_a_long_value_is_cut(problems: Problems, minimal: str) -> None:
    assert one(problems, minimal, f"seed={'x' * 10_000}") == f"'{'x' * 59}…' is not a whole number at least 0"


def test_a_value_with_control_characters_stays_on_one_line(problems: Problems, minimal: str) -> None:
    assert one(problems, minimal, 'seed="a\\nb"') == r"'a\nb' is not a whole number at least 0"


# --- options of plugins: whatever pydantic can say ---


class Layer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    width: Annotated[int, Field(ge=1, le=4096)]


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")
    C: float = Field(1.0, gt=0)
    share: float = Field(0.5, ge=0, le=1)
    hidden: int | list[Annotated[int, Field(gt=0)]] = 8
    layers: list[Layer] = []
    by_name: dict[str, Layer] = {}
    mode: Literal["fast", "exact"] | None = None
    few: list[str] = Field(default_factory=list, min_length=1, max_length=2)
    sizes: tuple[Annotated[int, Field(gt=0)], ...] = Field((8, 8), min_length=2, max_length=3)
    code: str = Field("abc", pattern="^[a-z]+$", max_length=5)
    pair: tuple[int, float] = (1, 2.0)
    low: int = 0
    high: int = 1

    @model_validator(mode="after")
    def _ordered(self) -> "Options":
        if self.low > self.high:
            raise ValueError(f"low ({self.low}) is above high ({self.high})")
        return self


AT: Path = ("zoo", 1, "with")


def of_options(text: str, **environ: str) -> list[str]:
    root, _ = read_yaml(f"zoo:\n- logreg\n- use: mlp\n  with: {text}\n", "router.yaml")
    data: Any = find(root, AT)
    with pytest.raises(ValidationError) as caught:
        Options.model_validate(expand(data, environ).data)
    return [str(problem) for _, problem in problems_of(caught.value, root, Options, AT)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{C: -1}", "router.yaml:4:13  zoo[1].with.C\n  -1 is not above 0"),
        ("{share: 2}", "router.yaml:4:17  zoo[1].with.share\n  2 is not between 0 and 1\n  hint: write 0.02"),
        ("{share: x}", "router.yaml:4:17  zoo[1].with.share\n  'x' is not a number between 0 and 1"),
        (
            "{c: 1}",
            "router.yaml:4:10  zoo[1].with.c\n"
            "  there is no key 'c'; known: C, share, hidden, layers, by_name, mode, "
            "few, sizes, code, pair, low, high\n  hint: did you mean 'C'?",
        ),
        ("{hidden: big}", "router.yaml:4:18  zoo[1].with.hidden\n  'big' is not a whole number or a list"),
        ("{hidden: [8, -1]}", "router.yaml:4:22  zoo[1].with.hidden[1]\n  -1 is not above 0"),
        ("{hidden: [8, x]}", "router.yaml:4:22  zoo[1].with.hidden[1]\n  'x' is not a whole number above 0"),
        ("{layers: [{width: 0}]}", "router.yaml:4:27  zoo[1].with.layers[0].width\n  0 is not between 1 and 4096"),
        (
            "{layers: [{wdth: 1, width: 1}]}",
            "router.yaml:4:20  zoo[1].with.layers[0].wdth\n"
            "  there is no key 'wdth'; known: width\n"
            "  hint: did you mean 'width'?",
        ),
        ("{by_name: {a.b: {}}}", 'router.yaml:4:25  zoo[1].with.by_name."a.b".width\n  the key is missing'),
        ("{mode: slow}", "router.yaml:4:16  zoo[1].with.mode\n  'slow' is not one of fast, exact"),
        (
            "{mode: fsat}",
            "router.yaml:4:16  zoo[1].with.mode\n  'fsat' is not one of fast, exact\n  hint: did you mean 'fast'?",
        ),
        ("{few: []}", "router.yaml:4:15  zoo[1].with.few\n  a list has 0 items, not at least 1"),
        ("{few: [a, b, c]}", "router.yaml:4:15  zoo[1].with.few\n  a list has 3 items, not at most 2"),
        ("{sizes: [8]}", "router.yaml:4:17  zoo[1].with.sizes\n  a list has 1 item, not at least 2"),
        ("{sizes: [8, -1]}", "router.yaml:4:21  zoo[1].with.sizes[1]\n  -1 is not above 0"),
        ("{sizes: [8, x]}", "router.yaml:4:21  zoo[1].with.sizes[1]\n  'x' is not a whole number above 0"),
        ("{code: ABC}", "router.yaml:4:16  zoo[1].with.code\n  'ABC' does not match ^[a-z]+$"),
        ("{code: abcdef}", "router.yaml:4:16  zoo[1].with.code\n  'abcdef' does not have at most 5 characters"),
        ("{pair: [1]}", "router.yaml:4:16  zoo[1].with.pair[1]\n  the key is missing"),
        ("{low: 3}", "router.yaml:4:9  zoo[1].with\n  low (3) is above high (1)"),
    ],
)
def test_what_pydantic_says_of_options_is_told_the_same_way(text: str, said: str) -> None:
    assert of_options(text) == [said]


def test_a_short_list_with_a_wrong_item_is_counted_as_written() -> None:
    assert of_options("{sizes: [x]}") == [
        "router.yaml:4:18  zoo[1].with.sizes[0]\n  'x' is not a whole number above 0",
        "router.yaml:4:17  zoo[1].with.sizes\n  a list has 1 item, not at least 2",
    ]


def test_a_validators_own_words_are_left_out_where_they_may_quote_the_environment() -> None:
    (said,) = of_options("{low: '${SECRET}'}", SECRET="987")
    assert said == (
        "router.yaml:4:9  zoo[1].with\n  a mapping is not accepted; the reason "
        "is left out because it may quote the environment"
    )


def test_a_plugin_that_is_a_key_is_shown_as_it_is_written(problems: Problems, minimal: str) -> None:
    missing, unknown = problems(minimal, "zoo=[{mlp: {hidden: [64]}}]")
    assert "the key is missing" in missing
    assert unknown.endswith("hint: options of a plugin go under 'with': {use: mlp, with: {hidden: [64]}}")
