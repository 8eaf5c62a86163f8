from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from tracer_spec.errors import SpecError
from tracer_spec.spec import LoadedSpec, RouterSpec, canonical, spec_digest

Load = Callable[..., LoadedSpec]
Problems = Callable[..., list[str]]


FULL = (Path(__file__).parent / "full.yaml").read_text("utf-8")


def test_the_defaults_are_those_of_the_design(load: Load, minimal: str) -> None:
    assert canonical(load(minimal).spec) == {
        "version": 1,
        "name": "support-intents",
        "seed": 0,
        "traces": {
            "use": "jsonl",
            "with": {},
            "format": "native",
            "extract": [],
            "labels": {
                "allowed": "infer",
                "normalize": ["strip"],
                "aliases": {},
                "unknown": "disagree",
                "unanswered": "disagree",
            },
            "teacher": None,
            "repeats": "either",
            "max_rows": None,
            "on_error": "fail",
        },
        "embedder": {"use": "lsa", "as": "lsa", "with": {}},
        "zoo": [
            *({"use": name, "as": name, "with": {}} for name in ("logreg", "mlp")),
            {
                "use": "mlp",
                "as": "mlp-large-steps",
                "with": {"learning_rate": 0.005, "alpha": 0.01, "max_iter": 30, "tol": 0.0},
            },
        ],
        "average": True,
        "scale": True,
        "families": [{"use": name, "as": name, "with": {}} for name in ("global", "l2d", "rsb")],
        "acceptor": {"use": "logistic", "as": "logistic", "with": {}},
        "guards": [],
        "defer_labels": [],
        "target": {
            "end_to_end": None,
            "agreement": 0.92,
            "confidence": 0.95,
            "min_coverage": 0.05,
            "calibrator": {"use": "pareto-testing", "as": "pareto-testing", "with": {}},
        },
        "split": {"certify": 0.4, "strategy": "random", "key": None, "folds": 4, "max_fit": 100_000},
        "cost": None,
        "report": {"text": False},
        "serve": None,
    }


def test_a_full_spec_is_read_as_written(load: Load) -> None:
    spec = load(FULL).spec
    assert [(ref.use, ref.alias, ref.options) for ref in spec.zoo] == [
        ("logreg", "logreg", {}),
        ("logreg", "logreg-c1", {"C": 1.0}),
    ]
    assert spec.families[1].options == {"depth": 2}
    assert spec.traces.source.options == {"path": "traces/*.jsonl"}
    assert spec.split.key == "customer.id"
    assert spec.traces.labels.allowed == ("refund", "top_up", "fraud_report")


@pytest.mark.parametrize("text", [FULL, None])
def test_the_canonical_form_reads_back_as_the_same_spec(load: Load, minimal: str, text: str | None) -> None:
    spec = load(text or minimal).spec
    again = RouterSpec.model_validate(canonical(spec))
    assert again == spec
    assert spec_digest(again) == spec_digest(spec)


def test_the_digest_is_that_of_the_meaning_and_not_of_the_text(load: Load, minimal: str) -> None:
    digest = spec_digest(load(minimal).spec)
    reordered = "# a comment\n" + "\n".join(reversed(minimal.splitlines()))
    same = [
        reordered,
        minimal + "seed: 0\nfamilies: [{use: global}, {use: l2d, as: l2d, with: {}}, rsb]\n",
        minimal + "seed: ${SEED:-0}\ncost:\n",
        minimal.replace("{use: jsonl}", "{use: jsonl, with: {path: elsewhere.jsonl}}"),
    ]
    assert {spec_digest(load(text).spec) for text in same} == {digest}
    other = [
        minimal + "seed: 1\n",
        minimal.replace("lsa", "{use: lsa, with: {dim: 2}}"),
        minimal.replace("0.92", "0.93"),
        minimal + "serve: {match: model}\n",
    ]
    assert len({digest, *(spec_digest(load(text).spec) for text in other)}) == 5


def test_the_digest_of_this_spec_never_changes(load: Load, minimal: str) -> None:
    # it is written into locks and bundles: a change of it is a change of format, or of a default
    assert spec_digest(load(minimal).spec) == "f2677c90c6cd5fa7d6e8540a7014d0a30be51e691749e8f1f731723b0919ed12"


def test_a_digest_covers_overrides_and_variables(load: Load, minimal: str) -> None:
    direct = spec_digest(load(minimal.replace("0.92", "0.95")).spec)
    assert spec_digest(load(minimal, ["target.agreement=0.95"]).spec) == direct
    text = minimal.replace("{agreement: 0.92}", "\n  agreement: ${A}")
    assert spec_digest(load(text, environ={"A": "0.95"}).spec) == direct


def test_a_spec_cannot_be_changed(load: Load, minimal: str) -> None:
    spec = load(minimal).spec
    with pytest.raises(ValidationError, match="frozen"):
        spec.seed = 1


def test_whole_numbers_do_for_numbers(load: Load, minimal: str) -> None:
    loaded = load(minimal + "cost: {teacher_usd_per_1k: 2, requests_per_day: 10}\n", ["target.min_coverage=0"])
    assert loaded.spec.target.min_coverage == 0
    assert loaded.spec.cost is not None


DIGEST_OF_MINIMAL = "f2677c90c6cd5fa7d6e8540a7014d0a30be51e691749e8f1f731723b0919ed12"
WRITTEN = ["strip", "last-line", "think", "tool-name", "json:a:b", "json?:a"]
WRITTEN += ["regex:a(b)?", "regex::", "prefix: ", "between:a...b"]


@pytest.mark.parametrize("step", WRITTEN)
def test_a_step_is_a_word_or_a_word_with_an_argument(load: Load, minimal: str, step: str) -> None:
    spec = load(minimal, [f"traces.labels.normalize=['{step}']"]).spec
    assert spec.traces.labels.normalize == (step,)


@pytest.mark.parametrize(
    "step", ["between:\nMessage: ...\n\nLabel:", "after:Text: ", "json:a", "regex:(?s)a(.*)b", "strip"]
)
def test_extract_takes_the_steps_that_cut_texts(step: str) -> None:
    data = {"version": 1, "name": "a", "traces": {"use": "x", "extract": [step]}, "embedder": "x"}
    assert RouterSpec.model_validate({**data, "target": {"agreement": 0.9}}).traces.extract == (step,)


def test_a_spec_without_extract_has_the_digest_that_it_had_before_there_was_such_a_key(
    load: Load, minimal: str
) -> None:
    before, without = load(minimal).spec, load(minimal, ["traces.extract=[]"]).spec
    assert "extract" in canonical(before)["traces"]
    assert spec_digest(before) == spec_digest(without) == DIGEST_OF_MINIMAL
    assert spec_digest(load(minimal, ["traces.extract=['strip']"]).spec) != DIGEST_OF_MINIMAL


def test_a_spec_scales_unless_it_says_not_to(load: Load, minimal: str) -> None:
    default, without = load(minimal).spec, load(minimal + "scale: false\n").spec
    assert default.scale
    assert not RouterSpec.model_validate(canonical(without)).scale
    assert spec_digest(without) != spec_digest(default)


GIVEN = [{}, {"agreement": 0.9}, {"end_to_end": 0.98}, {"agreement": 0.9, "end_to_end": 0.98}]


@pytest.mark.parametrize("given", GIVEN)
def test_a_target_is_agreement_or_end_to_end(given: dict[str, float]) -> None:
    data = {"version": 1, "name": "a", "traces": {"use": "x"}, "embedder": "x", "target": given}
    if len(given) == 1:
        assert RouterSpec.model_validate(data).target.agreement == given.get("agreement")
    else:
        with pytest.raises(ValidationError):
            RouterSpec.model_validate(data)


def test_a_temporal_split_of_a_custom_format_needs_its_time(problems: Problems, load: Load, minimal: str) -> None:
    text = minimal.replace("jsonl}", "jsonl, format: {text: a, label: b}}") + "split: {strategy: temporal}\n"
    assert problems(text) == [
        "router.yaml:6:19  split.strategy\n"
        "  a temporal split needs the time of each trace, and traces.format gives "
        "none\n"
        "  hint: add time: its JMESPath, to traces.format"
    ]
    assert load(text.replace("label: b", "label: b, time: c")).spec.split.strategy == "temporal"


def test_a_temporal_split_takes_a_presets_time_unless_it_is_taken_out(
    load: Load, problems: Problems, minimal: str
) -> None:
    text = minimal.replace("jsonl}", "jsonl, format: {preset: langfuse}}") + "split: {strategy: temporal}\n"
    assert load(text).spec.split.strategy == "temporal"
    (said,) = problems(text.replace("langfuse}", "langfuse, time: null}"))
    assert "a temporal split needs the time of each trace" in said


def test_a_part_taken_out_of_a_preset_is_not_a_part_left_alone(load: Load, minimal: str) -> None:
    alone, out = (
        load(minimal.replace("jsonl}", f"jsonl, format: {{preset: langfuse{more}}}}}")).spec
        for more in ("", ", where: null")
    )
    assert canonical(alone)["traces"]["format"] == {"preset": "langfuse"}
    assert canonical(out)["traces"]["format"] == {"preset": "langfuse", "where": None}
    assert spec_digest(alone) != spec_digest(out)


def test_a_teacher_is_a_name_or_a_list_of_them(load: Load, problems: Problems, minimal: str) -> None:
    for written, teachers in (("m-1", ("m-1",)), ("[m-1, m-2]", ("m-1", "m-2")), ("null", None)):
        assert load(minimal.replace("jsonl}", f"jsonl, teacher: {written}}}")).spec.traces.teachers == teachers
    assert "at least one model is needed" in problems(minimal.replace("jsonl}", "jsonl, teacher: []}"))[0]


def test_two_plugins_of_a_list_need_two_names(problems: Problems, minimal: str) -> None:
    text = (
        minimal + "zoo:\n  - logreg\n  - mlp\n  - {use: logreg, with: {C: 1}}\n  - {use: dt, as: mlp}\nguards: [a, a]\n"
    )
    hint = "\n  hint: give one of them another name with 'as'"
    assert problems(text) == [
        f"router.yaml:9:11  zoo[2].use\n  'logreg' is the name of both zoo[0] and zoo[2]{hint}",
        f"router.yaml:10:19  zoo[3].as\n  'mlp' is the name of both zoo[1] and zoo[3]{hint}",
        f"router.yaml:11:13  guards[1]\n  'a' is the name of both guards[0] and guards[1]{hint}",
    ]


def test_acceptors_are_one_or_a_list_and_a_list_of_one_says_the_same_as_the_one(load: Load, minimal: str) -> None:
    alone = load(minimal).spec
    one = load(minimal + "acceptor: [logistic]\n").spec
    assert [ref.alias for ref in one.acceptors] == ["logistic"]
    assert (canonical(one), spec_digest(one)) == (canonical(alone), spec_digest(alone))
    two = load(minimal + "acceptor:\n  - logistic\n  - {use: logistic, as: strict, with: {C: 0.1}}\n").spec
    assert [(ref.alias, ref.options) for ref in two.acceptors] == [("logistic", {}), ("strict", {"C": 0.1})]
    assert RouterSpec.model_validate(canonical(two)) == two
    assert spec_digest(two) != spec_digest(alone)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[]", "acceptor\n  the list is empty; at least one acceptor is needed"),
        ("[logistic, logistic]", "acceptor[1]\n  'logistic' is the name of both acceptor[0] and acceptor[1]"),
        ("[logistic, {use: logistic, with: 3}]", "acceptor[1].with\n  3 is not a mapping"),
        ("{use: logistic, was: a}", "acceptor.was\n  there is no key 'was'; known: use, as, with"),
    ],
)
def test_what_is_wrong_with_one_of_several_acceptors_is_told_at_its_place(
    load: Load, minimal: str, written: str, said: str
) -> None:
    with pytest.raises(SpecError) as caught:
        load(minimal + f"acceptor: {written}\n")
    assert said in str(caught.value)


def test_targets_of_labels_are_read_by_label_and_change_the_digest(load: Load, minimal: str) -> None:
    text = minimal.replace(
        "{agreement: 0.92}", "{agreement: 0.92, labels: {fraud: {missed: 0.02}, 'no': {agreement: 0.9}}}"
    )
    spec = load(text).spec
    asked = {label: (each.missed, each.agreement) for label, each in spec.target.labels.items()}
    assert asked == {"fraud": (0.02, None), "no": (None, 0.9)}
    none_asked = minimal.replace("{agreement: 0.92}", "{agreement: 0.92, labels: {}}")
    assert spec_digest(load(none_asked).spec) == spec_digest(load(minimal).spec) != spec_digest(spec)
    assert "labels" not in canonical(load(minimal).spec)["target"]
