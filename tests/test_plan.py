import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field, field_validator

from tracer_spec.builtin.formats import PRESETS
from tracer_spec.errors import MissingDependencyError, SpecError
from tracer_spec.plan import Plan, make_plan
from tracer_spec.plugin import CalibratorPlugin, LabelTarget, Options, Plugin, VectorReaderPlugin
from tracer_spec.plugin.contracts import Provided
from tracer_spec.plugin.paths import LocalPath
from tracer_spec.plugin.registry import KINDS, Broken, Registry
from tracer_spec.spec import load_spec

SPEC = """\
version: 1
name: a
traces: {use: lines, with: {path: traces.jsonl}}
embedder: words
zoo:
  - linear
  - {use: linear, as: strict, with: {C: 2}}
guards: [near]
target: {agreement: 0.9}
"""


class Lines(Options):
    path: LocalPath


class Linear(Options):
    C: float = Field(default=1.0, gt=0)
    hidden: list[int] = Field(default_factory=list)


class Touchy(Options):
    a: str = ""

    @field_validator("a")
    @classmethod
    def _check(cls, value: str) -> str:
        raise KeyError(value)


class VectorsOfTheTraces:
    def read(self, rows: Sequence[int], ids: Sequence[str | None], vectors: Sequence[Any], texts: Any) -> Any:
        return vectors


def needs_arrow(options: Options) -> object:
    import no_such_module_anywhere  # type: ignore[import-not-found]

    return no_such_module_anywhere


def says_so_itself(options: Options) -> object:
    raise MissingDependencyError("no model is here", hint="pip install 'acme[models]'")


def keep(options: Options) -> Options:
    return options


def registry() -> Registry:
    plugins = [
        ("source", Plugin("lines", "", keep, Lines)),
        ("embedder", Plugin("words", "", keep)),
        (
            "embedder",
            VectorReaderPlugin("vectors", "", lambda options: VectorsOfTheTraces(), column=lambda options: "vector"),
        ),
        ("surrogate", Plugin("linear", "", keep, Linear)),
        ("surrogate", Plugin("touchy", "", keep, Touchy)),
        ("surrogate", Plugin("arrow", "", needs_arrow)),
        ("surrogate", Plugin("model", "", says_so_itself)),
        ("acceptor", Plugin("logistic", "", keep)),
        ("guard", Plugin("near", "", keep)),
        *[("family", Plugin(name, "", keep)) for name in ("global", "l2d", "rsb")],
        ("calibrator", CalibratorPlugin("pareto-testing", "", keep)),
        ("calibrator", CalibratorPlugin("of-all", "", keep, measure="end_to_end")),
    ]
    broken = Broken("surrogate", "cursed", "acme", "2.0", "ImportError: no")
    provided = (Provided(kind, plugin, "tracer-spec", "1.0") for kind, plugin in plugins)
    return Registry(tuple(sorted(provided, key=lambda each: (KINDS.index(each.kind), each.name))), (broken,))


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def plan_of(text: str, *overrides: str, plugins: Registry | None = None, **environ: str) -> Plan:
    Path("router.yaml").write_text(text, "utf-8")
    return make_plan(load_spec("router.yaml", overrides=overrides, environ=environ), plugins or registry())


def problems(text: str, *overrides: str, **environ: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        plan_of(text, *overrides, **environ)
    return [str(problem) for problem in caught.value.problems]


def test_a_plan_holds_every_plugin_with_its_validated_options(tmp_path: Path) -> None:
    plan = plan_of(SPEC)
    assert plan.sources[0].options == Lines(path=str(tmp_path / "traces.jsonl"))
    assert [(each.alias, each.provided.name, each.options) for each in plan.zoo] == [
        ("linear", "linear", Linear()),
        ("strict", "linear", Linear.model_validate({"C": 2})),
    ]
    assert [each.alias for each in plan.families] == ["global", "l2d", "rsb"]
    assert (plan.acceptors[0].alias, plan.calibrator.alias, plan.guards[0].alias) == (
        "logistic",
        "pareto-testing",
        "near",
    )
    assert plan.embedder.make() == Options()
    assert plan.allowed_labels is None
    assert plan.spec is plan.loaded.spec
    assert [each.provided.kind for each in plan.resolved] == [
        "source", "embedder", "surrogate", "surrogate", "acceptor", "guard", "family", "family", "family", "calibrator",
    ]  # fmt: skip


def test_the_target_is_the_one_of_the_spec() -> None:
    target = plan_of(SPEC, "target.min_coverage=0.2").target
    assert (target.agreement, target.confidence, target.min_coverage, target.end_to_end) == (
        0.9,
        0.95,
        0.2,
        None,
    )


def test_everything_that_is_wrong_with_plugins_is_told_at_once() -> None:
    text = (
        "version: 1\nname: a\ntraces: {use: line}\n"
        "embedder: lsa\nzoo:\n  - linnear\n"
        "  - {use: linear, with: {C: -1, D: 2}}\n"
        "  - cursed\nfamilies: [globl]\nacceptor: {use: x}\nguards: [{use: near, with: {k: 3}}]\n"
        "target: {agreement: 0.9, calibrator: {use: none}}\n"
    )
    known = "known: arrow, linear, model, touchy (built in)"
    assert problems(text) == [
        "router.yaml:3:15  traces.use\n  no source is called 'line'; known: lines "
        "(built in)\n  hint: did you mean 'lines'?",
        "router.yaml:4:11  embedder\n  no embedder is called 'lsa'; known: vectors, words (built in)",
        f"router.yaml:6:5  zoo[0]\n  no surrogate is called 'linnear'; {known}\n  hint: did you mean 'linear'?",
        "router.yaml:7:29  zoo[1].with.C\n  -1 is not above 0",
        "router.yaml:7:33  zoo[1].with.D\n  there is no key 'D'; known: C, hidden",
        "router.yaml:8:5  zoo[2]\n  the surrogate 'cursed' of acme 2.0 cannot be used: ImportError: no\n"
        "  hint: fix or uninstall acme; 'tracer-spec plugins' lists every plugin's state",
        "router.yaml:9:12  families[0]\n  no family is called 'globl'; known: global, l2d, rsb (built in)\n"
        "  hint: did you mean 'global'?",
        "router.yaml:10:17  acceptor.use\n  no acceptor is called 'x'; known: logistic (built in)",
        "router.yaml:11:29  guards[0].with.k\n  there is no key 'k'; known: none",
        "router.yaml:12:44  target.calibrator.use\n  no calibrator is called 'none'; known: of-all, pareto-testing (built in)",
    ]


def test_an_option_that_is_missing_is_placed_at_the_reference() -> None:
    assert problems(SPEC.replace(", with: {path: traces.jsonl}", "")) == [
        "router.yaml:3:9  traces.with.path\n  the key is missing"
    ]
    assert problems(SPEC, "traces.with={}") == ["--set traces.with  traces.with.path\n  the key is missing"]


def test_an_override_of_an_option_is_the_address_of_what_is_wrong_with_it() -> None:
    assert problems(SPEC, "zoo[0].with.C=0", "zoo[1].with.hidden=[1, x]") == [
        "--set zoo[0].with.C  zoo[0].with.C\n  0 is not above 0",
        "--set zoo[1].with.hidden  zoo[1].with.hidden[1]\n  'x' is not a whole number",
    ]


def test_a_validator_that_fails_in_its_own_way_is_told_as_the_plugins_fault() -> None:
    text = SPEC.replace("- linear", "- {use: touchy, with: {a: '${A}'}}")
    fact = "  the surrogate 'touchy' of tracer-spec 1.0 fails to check its options"
    hint = "  hint: this is a fault of tracer-spec"
    where = "router.yaml:6:25  zoo[0].with"
    assert problems(text.replace("${A}", "b")) == [f"{where}\n{fact}: KeyError: 'b'\n{hint}"]
    left_out = "; the reason is left out because it may quote the environment"
    assert problems(text, A="s3cr3t") == [f"{where}\n{fact}{left_out}\n{hint}"]


def test_a_plugins_name_from_the_environment_is_shown_as_written() -> None:
    said = problems(SPEC.replace("embedder: words", "embedder: ${E}"), E="s3cr3t")
    assert said == ["router.yaml:4:11  embedder\n  no embedder is called '${E}'; known: vectors, words (built in)"]


# --- what is made ---


def test_a_module_that_is_missing_is_named_with_the_plugin_that_needs_it() -> None:
    plan = plan_of(SPEC, "zoo[0]=arrow")
    with pytest.raises(MissingDependencyError) as caught:
        plan.zoo[0].make()
    (problem,) = caught.value.problems
    assert problem.what == (
        "the surrogate 'arrow' of tracer-spec 1.0 needs the module 'no_such_module_anywhere', "
        "which cannot be imported: "
        "No module named 'no_such_module_anywhere'"
    )
    assert problem.hint == "pip install --upgrade tracer-spec"


def test_a_plugin_that_says_itself_what_it_misses_keeps_its_words() -> None:
    with pytest.raises(MissingDependencyError, match="no model is here"):
        plan_of(SPEC, "zoo[0]=model").zoo[0].make()


# --- labels ---


def test_allowed_labels_come_from_the_list_or_the_file() -> None:
    Path("labels.txt").write_text("# ours\nrefund\ntop_up\n")
    Path("labels.json").write_text(json.dumps(["refund", "top_up"]))
    for allowed in ("[refund, top_up]", "labels.txt", "./labels.json"):
        assert plan_of(SPEC, f"traces.labels.allowed={allowed}").allowed_labels == ("refund", "top_up")
    assert plan_of(SPEC, "traces.labels.allowed=infer").allowed_labels is None


def test_a_file_of_labels_lies_beside_the_spec(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "labels.txt").write_text("refund\n")
    (tmp_path / "app" / "router.yaml").write_text(SPEC)
    loaded = load_spec("app/router.yaml", overrides=["traces.labels.allowed=labels.txt"])
    assert make_plan(loaded, registry()).allowed_labels == ("refund",)


@pytest.mark.parametrize(
    ("allowed", "said"),
    [
        ("infr", "'infr': there is no such file\n  hint: did you mean 'infer'?"),
        ("none.txt", "'none.txt': there is no such file\n  hint: relative paths start at the spec's folder"),
        (
            "/proc/self/environ",
            "'/proc/self/environ': the file lies outside the spec's folder\n  hint: copy it to the spec's folder",
        ),
        ("twice.txt", "'twice.txt': the label 'a' is given twice: lines 1 and 2"),
        ("${WHERE}", "'${WHERE}': there is no such file\n  hint: relative paths start at the spec's folder"),
    ],
)
def test_what_is_wrong_with_the_file_of_labels_is_told_where_the_spec_names_it(allowed: str, said: str) -> None:
    Path("twice.txt").write_text("a\na\n")
    text = SPEC.replace("traces: {", f"traces: {{labels: {{allowed: '{allowed}'}}, ")
    assert problems(text, WHERE="s3cr3t") == [f"router.yaml:3:28  traces.labels.allowed\n  {said}"]


def test_every_label_of_the_spec_must_be_allowed() -> None:
    text = SPEC + "defer_labels: [fraud, refunds]\n"
    labels = "traces.labels={allowed: [refund, fraud], aliases: {top-up: top_up, money back: refund}}"
    assert problems(text, labels) == [
        "router.yaml:10:23  defer_labels[1]\n  'refunds' is not an allowed label; known: refund, fraud\n"
        "  hint: did you mean 'refund'?",
        "--set traces.labels  traces.labels.aliases.top-up\n  'top_up' is not an allowed label; known: refund, fraud",
    ]
    assert plan_of(text).allowed_labels is None


def test_labels_of_two_unicode_forms_are_one_wherever_the_spec_has_them() -> None:
    one, two = "caf\u00e9", "cafe\u0301"
    Path("labels.txt").write_text(f"{two}\nb\n")
    for allowed in (f"[{two}, b]", f"[{one}, b]", "labels.txt"):
        changes = (f"traces.labels={{allowed: {allowed}, aliases: {{x: {two}}}}}", f"defer_labels=[{two}]")
        plan = plan_of(SPEC, *changes)
        assert plan.allowed_labels == (one, "b")
        assert (plan.spec.defer_labels, plan.spec.traces.labels.aliases) == ((one,), {"x": one})


def test_labels_from_the_environment_are_not_listed() -> None:
    text = SPEC.replace("traces: {", "traces: {labels: {allowed: [a, '${B}']}, ") + "defer_labels: [b]\n"
    assert problems(text, B="s3cr3t") == ["router.yaml:10:16  defer_labels[0]\n  'b' is not an allowed label"]


def test_a_long_list_of_labels_is_cut() -> None:
    Path("labels.txt").write_text("".join(f"label-{n}\n" for n in range(20)))
    (said,) = problems(SPEC, "traces.labels.allowed=labels.txt", "defer_labels=[x]")
    assert said.endswith("label-11 and 8 more")


def test_descriptions_of_labels_come_from_the_spec_or_a_file() -> None:
    Path("described.yaml").write_text("refund: money back\n")
    for describe in ("{refund: money back}", "described.yaml"):
        assert plan_of(SPEC, f"traces.labels.describe={describe}").label_texts == {"refund": "money back"}
    assert plan_of(SPEC).label_texts == {}


def test_a_label_that_is_described_must_be_allowed() -> None:
    labels = "traces.labels={allowed: [refund, fraud], describe: {refund: money back, frand: a theft}}"
    assert problems(SPEC, labels) == [
        "--set traces.labels  traces.labels.describe.frand\n  'frand' is described, and is not an allowed label\n"
        "  hint: did you mean 'fraud'?"
    ]


def test_a_file_of_descriptions_that_cannot_be_read_is_told_where_the_spec_names_it() -> None:
    Path("bad.yaml").write_text("a: 5\n")
    assert problems(SPEC, "traces.labels.describe=bad.yaml") == [
        "--set traces.labels.describe  traces.labels.describe\n  'bad.yaml':1:1: what 'a' is for is 5, not a sentence\n"
        "  hint: write it in quotes"
    ]


@pytest.mark.parametrize(("key", "value"), [("train", "always"), ("describe", "{refund: money back}")])
def test_label_names_that_are_asked_for_need_an_embedder_of_texts(key: str, value: str) -> None:
    assert problems(SPEC, f"traces.labels.{key}={value}", "embedder=vectors") == [
        f"--set traces.labels.{key}  traces.labels.{key}\n  label names cannot train: the embedder 'vectors' "
        "reads vectors, and embeds no text\n  hint: take it out, or embed texts"
    ]
    assert plan_of(SPEC, "embedder=vectors").embedder.reads_vectors


def test_what_is_described_and_never_trains_is_refused() -> None:
    (said,) = problems(SPEC, "traces.labels={train: never, describe: {refund: money back}}")
    assert said.endswith(
        "labels are described, and train: never lets no description train\n  hint: take describe out, or write train: auto"
    )


# --- formats ---


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (
            "traces.format=natve",
            "--set traces.format  traces.format\n  no format is called 'natve'; known: anthropic-batch, bedrock, ",
        ),
        (
            "traces.format={text: a, label: from_jsn(b)}",
            "--set traces.format  traces.format.label\n  'from_jsn(b)' calls from_jsn(), which does not exist; known: ",
        ),
        (
            "split={strategy: grouped, key: nope(a)}",
            "--set split  split.key\n  'nope(a)' calls nope(), which does not exist; known: ",
        ),
        (
            "serve={match: nope(a)}",
            "--set serve  serve.match\n  'nope(a)' calls nope(), which does not exist; known: ",
        ),
        (
            "serve={text: to_string(a)}",
            "--set serve  serve.text\n  'to_string(a)' calls to_string(), which no expression in a bundle may; known: asked, ",
        ),
        (
            "traces.format={label: a}",
            "--set traces.format  traces.format.text\n"
            "  the format gives no text, and the embedder 'words' reads texts\n"
            "  hint: add text: the JMESPath of what the teacher was asked",
        ),
    ],
)
def test_a_format_that_cannot_be_compiled_is_told_where_it_is_written(override: str, said: str) -> None:
    (found,) = problems(SPEC, override)
    assert found.startswith(said)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (
            "traces.format={preset: langfus}",
            "--set traces.format  traces.format.preset\n  no format is called 'langfus'; known: anthropic-batch, ",
        ),
        (
            "traces.format={preset: langfuse, skip: {bots: from_jsn(a)}}",
            "--set traces.format  traces.format.skip.bots\n  'from_jsn(a)' calls from_jsn(), which does not exist; ",
        ),
        (
            "traces.format={text: a, label: b, join: {key: c, input: d}}",
            "--set traces.format  traces.format.join\n  the join has no output\n  hint: it needs key, input and output",
        ),
        (
            "traces.format={preset: langfuse, text: null}",
            "--set traces.format  traces.format.text\n  the format gives no text, and the embedder 'words' reads texts\n",
        ),
        (
            "traces.format={preset: langfuse, label: null}",
            "--set traces.format  traces.format\n  the format has no label",
        ),
    ],
)
def test_what_a_spec_writes_over_a_preset_is_told_where_it_is_written(override: str, said: str) -> None:
    (found,) = problems(SPEC, override)
    assert found.startswith(said)


def test_a_preset_and_what_is_written_over_it_are_read() -> None:
    plan = plan_of(
        SPEC, "traces.format={preset: promptfoo, text: vars.ticket, truth: null, skip: {error status: null}}"
    )
    (raw,) = plan.reader().read({"id": "1", "vars": {"ticket": "where?"}, "testCase": {"assert": []}})
    assert (raw.text, raw.label, raw.truth, raw.reason) == ("where?", None, None, "")
    assert plan.formats[0].skip == {}


def test_an_answer_in_a_text_makes_no_sense_where_labels_are_names_of_tools() -> None:
    assert problems(SPEC, "traces.labels.normalize=[tool-name]", "serve={answer: 'It is {label}'}") == [
        "--set serve  serve.answer\n"
        "  the steps of labels.normalize read the name of a tool (tool-name), which no text has\n"
        "  hint: take answer out: the tool is called"
    ]


def test_an_expression_from_the_environment_is_not_quoted() -> None:
    text = SPEC.replace("traces: {", "traces: {format: {text: a, label: '${L}'}, ")
    assert problems(text, L="s3cr3t(a)") == [
        "router.yaml:3:35  traces.format.label\n"
        "  '${L}' is not accepted; the reason is left out because it may quote"
        " the environment"
    ]


def test_no_text_is_needed_where_vectors_come_with_the_traces() -> None:
    plan = plan_of(SPEC, "traces.format={label: a}", "embedder=vectors")
    assert plan.embedder.reads_vectors
    assert plan.embedder.column == "vector"
    assert not plan_of(SPEC).embedder.reads_vectors


def test_the_reader_takes_the_group_from_the_split_and_the_vector_from_the_embedder() -> None:
    overrides = [
        "traces.format={text: q, label: a}",
        "split={strategy: grouped, key: who.id}",
        "embedder=vectors",
    ]
    record = {"q": "where is it?", "a": "lost", "who": {"id": "c1"}, "vector": [1.0, 2.0]}
    (raw,) = plan_of(SPEC, *overrides).reader().read(record)
    assert (raw.text, raw.label, raw.group, raw.vector) == ("where is it?", "lost", "c1", [1.0, 2.0])


@pytest.mark.parametrize(
    ("target", "calibrator"), list(itertools.product(["agreement", "end_to_end"], [None, "of-all"]))
)
def test_a_target_asks_for_the_rate_that_its_calibrator_certifies(target: str, calibrator: str | None) -> None:
    asked = f"target={{{target}: 0.9{f', calibrator: {calibrator}' if calibrator else ''}}}"
    certified = "end_to_end" if calibrator == "of-all" else "agreement"
    if target == certified:
        assert plan_of(SPEC, asked).target.measure == certified
        return
    name, other = ("pareto-testing", "of-all") if calibrator is None else ("of-all", "pareto-testing")
    (problem,) = problems(SPEC, asked)
    assert problem.partition("target.calibrator\n  ")[2] == (
        f"'{name}' certifies {certified}, and {target} is given\n"
        f"  hint: write {certified} instead of {target}, or a calibrator that certifies it: {other}"
    )


def test_credentials_in_an_address_are_refused_unless_they_come_from_the_environment() -> None:
    secret = "s3://key:secret@bucket/a.jsonl"
    (said,) = problems(SPEC.replace("traces.jsonl", f"'{secret}'"))
    assert said == (
        "router.yaml:3:35  traces.with\n"
        "  the address holds credentials, and a bundle has a copy of the spec\n"
        "  hint: leave them to the environment, where the plugin looks for them; or write the address as '${NAME}'"
    )
    plan = plan_of(SPEC.replace("traces.jsonl", "'${ADDRESS}'"), ADDRESS=secret)
    assert plan.sources[0].options == Lines(path=secret)


def test_a_grouped_split_takes_the_group_of_the_format_or_its_trace() -> None:
    grouped = "split={strategy: grouped}"
    plan = plan_of(SPEC, grouped, "traces.format=otel-genai")
    assert plan.spec.split.key == PRESETS["otel-genai"].trace
    by_group = plan_of(SPEC, grouped, "traces.format={preset: otel-genai, group: customer}")
    assert by_group.spec.split.key == "customer"
    assert plan_of(SPEC, "split={strategy: grouped, key: mine}", "traces.format=otel-genai").spec.split.key == "mine"
    assert plan_of(SPEC, "traces.format=otel-genai").spec.split.key is None


def test_a_grouped_split_of_a_format_without_groups_needs_a_key() -> None:
    (problem,) = problems(SPEC, "split={strategy: grouped}")
    assert problem.endswith("a grouped split needs a key\n  hint: add key: the JMESPath of the group")


def with_labels() -> Registry:
    """Return the registry with a calibrator that tests targets of labels."""
    known = registry()
    able = Provided("calibrator", CalibratorPlugin("of-labels", "", keep, tests_labels=True), "tracer-spec", "1.0")
    return replace(known, provided=(*known.provided, able))


LABELS = "target={agreement: 0.9, calibrator: of-labels, labels: {fraud: {missed: 0.02, agreement: 0.98}, spam: {missed: 0.1}}}"


def test_what_is_asked_of_labels_is_one_target_each_and_what_is_never_answered_is_void() -> None:
    plan = plan_of(SPEC, LABELS, plugins=with_labels())
    fraud, agrees, spam = plan.target.labels
    assert (fraud, agrees, spam) == (
        LabelTarget("fraud", "missed", 0.02),
        LabelTarget("fraud", "agreement", 0.98),
        LabelTarget("spam", "missed", 0.1),
    )
    assert [each.level for each in plan.target.labels] == [0.98, 0.98, 0.9]
    deferred = plan_of(SPEC + "defer_labels: [fraud]\n", LABELS, plugins=with_labels())
    assert (deferred.target.labels, deferred.void_label_targets) == ((fraud, spam), (agrees,))
    assert plan_of(SPEC).target.labels == ()


def test_a_calibrator_that_does_not_test_labels_is_refused_beside_them() -> None:
    assert problems(SPEC, "target.labels={fraud: {missed: 0.02}}") == [
        "--set target.labels  target.labels\n  'pareto-testing' tests no targets of single labels\n"
        "  hint: take labels out, or write a calibrator that tests them: none known"
    ]
    (said,) = problems(SPEC, "target={end_to_end: 0.9, calibrator: of-all, labels: {fraud: {missed: 0.02}}}")
    assert "'of-all' tests no targets of single labels" in said


def test_a_label_with_a_target_must_be_allowed() -> None:
    allowed = "traces.labels={allowed: [spam, frauds]}"
    with pytest.raises(SpecError) as caught:
        plan_of(SPEC, LABELS, allowed, plugins=with_labels())
    assert list(map(str, caught.value.problems)) == [
        "--set target  target.labels.fraud\n  'fraud' is not an allowed label; known: spam, frauds\n"
        "  hint: did you mean 'frauds'?"
    ]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("{fraud: {}}", "target.labels.fraud.agreement\n  neither missed nor agreement is given\n  hint: add missed: "),
        (
            "{fraud: {missed: 2}}",
            "target.labels.fraud.missed\n  2 is not between 0 and 1 (exclusive)\n  hint: write 0.02",
        ),
        ("{fraud: 0.02}", "target.labels.fraud\n  0.02 is not a mapping"),
        ('{"a\\u0007": {missed: 0.1}}', "holds a character that is not shown, and a certificate names the label"),
    ],
)
def test_what_is_wrong_with_a_label_s_target_is_told_where_it_stands(labels: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_spec({"version": 1, "name": "a"} | _as_mapping(labels))
    assert said in str(caught.value)


def _as_mapping(labels: str) -> dict[str, Any]:
    import yaml

    target = {"agreement": 0.9, "labels": yaml.safe_load(labels)}
    return {"traces": {"use": "lines"}, "embedder": "words", "target": target}
