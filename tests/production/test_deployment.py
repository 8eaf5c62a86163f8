"""A deployment: one kind of answer, the coin before all else, and a log that holds what happened."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import threading
from decimal import Decimal
from types import MappingProxyType

import pytest
from scipy.stats import binomtest

import tracer_spec as ts
from tests.production.decisions import lines_in
from tracer_spec.errors import UsageError
from tracer_spec.flow.documents.decision import DecisionRecord
from tracer_spec.production.coin import Coin


def teacher(text: str) -> str:
    return '{"intent": " refund\\n"}'


def test_requests_of_an_empty_id_get_ids_of_their_own(bundle, texts, tmp_path):
    """With a secret, one id has one fate: all of them would be audited, or none."""
    with ts.deploy(bundle, teacher=teacher, log=tmp_path, audit=0.5, secret=b"s") as deployed:
        answers = [deployed.classify(text, id="") for text in texts[:60]]
    assert len({answer.id for answer in answers}) == len(answers)
    assert {answer.audited for answer in answers} == {True, False}
    assert [line["id"] for line in lines_in(tmp_path)] == [answer.id for answer in answers]


def test_an_answer_is_the_clean_label_whoever_gave_it(bundle, texts):
    router = ts.load(bundle)
    with ts.deploy(bundle, teacher=teacher, audit=0.0) as deployed:
        answers = [deployed.classify(text) for text in texts]
    decisions = [router.route(text) for text in texts]
    assert [answer.by for answer in answers] == ["router" if each.handled else "teacher" for each in decisions]
    assert [str(answer) for answer in answers] == [each.label or "refund_status" for each in decisions]
    assert {answer.by for answer in answers} == {"router", "teacher"}
    assert [answer.decision for answer in answers] == decisions
    assert {answer.raw for answer in answers} == {None, teacher("")}
    assert not any(answer.audited for answer in answers)
    assert len({answer.id for answer in answers}) == len(texts)


def test_what_the_teacher_answers_that_is_no_label_is_an_empty_one(bundle):
    with ts.deploy(bundle, teacher=lambda text: "I cannot help", audit=1.0) as deployed:
        answer = deployed.classify("where is my order?")
    assert (answer, answer.raw, answer.by, answer.audited) == ("", "I cannot help", "teacher", True)
    assert answer.decision is not None


@pytest.mark.parametrize(
    ("mode", "audit", "rate"),
    [
        ("live", 0.25, 0.25),
        ("shadow", 0.25, 1.0),
        ("canary:0.2", 0.25, 0.85),
        ("canary:0", 0.1, 1.0),
        ("canary:1", 0.1, 0.1),
    ],
)
def test_the_coin_decides_who_answers_and_the_log_knows_its_rate(bundle, texts, tmp_path, mode, audit, rate):
    with ts.deploy(bundle, teacher=teacher, log=tmp_path, audit=audit, mode=mode, secret=b"s", model="m-1") as deployed:
        answers = [deployed.classify(text, id=f"r{number}") for number, text in enumerate(texts)]
    lines = lines_in(tmp_path)
    assert [line["id"] for line in lines] == [f"r{number}" for number in range(len(texts))]
    for line, answer, text in zip(lines, answers, texts, strict=True):
        story = DecisionRecord.model_validate(line).router
        assert (line["input"], story.audit, story.served, story.mode) == (text, answer.audited, answer.by, mode)
        assert story.audit_rate == pytest.approx(rate)
        assert line["teacher"] == (answer if answer.by == "teacher" else None)
        assert line["model"] == ("m-1" if answer.by == "teacher" else None)
        assert answer.by == ("teacher" if answer.audited or not story.handled else "router")
    fell = Coin(rate, b"s")
    assert [answer.audited for answer in answers] == [fell.falls(answer.id) for answer in answers]
    assert binomtest(sum(answer.audited for answer in answers), len(texts), rate).pvalue > 1e-6


def test_without_a_bundle_everything_is_asked_and_logged(tmp_path):
    with ts.deploy(None, teacher=lambda text: " refund ", log=tmp_path) as recorded:
        answer = recorded.classify("where is it?")
    assert (answer, answer.by, answer.decision, answer.audited) == ("refund", "teacher", None, False)
    (line,) = lines_in(tmp_path)
    assert (line["teacher"], line["teacher_raw"], line["router"]) == ("refund", " refund ", None)
    DecisionRecord.model_validate(line)


def test_where_the_teacher_raises_the_request_is_logged_and_the_error_is_the_apps(bundle, tmp_path):
    def fails(text):
        raise TimeoutError("too slow")

    with ts.deploy(bundle, teacher=fails, log=tmp_path, audit=1.0) as deployed:
        with pytest.raises(TimeoutError, match="too slow"):
            deployed.classify("where is it?")
        with pytest.raises(TimeoutError, match="too slow"):
            asyncio.run(deployed.aclassify("where is it?"))
    assert [(line["router"]["served"], line["teacher"]) for line in lines_in(tmp_path)] == [("nobody", None)] * 2


@pytest.mark.parametrize("with_bundle", [True, False])
def test_a_teacher_that_returns_none_has_answered_and_given_no_label(bundle, tmp_path, caplog, with_bundle):
    """The content of a refusal is None: a transport logs the same one as an answer that is no label."""

    async def asks(text):
        return None

    given = bundle if with_bundle else None
    with ts.deploy(given, teacher=lambda text: None, log=tmp_path, audit=1.0) as deployed:
        answers = [deployed.classify("where is it?"), deployed.classify("where is it?")]
    with ts.deploy(given, teacher=asks, log=tmp_path, audit=1.0) as deployed:
        answers.append(asyncio.run(deployed.aclassify("where is it?")))
    assert {(str(answer), answer.by, answer.raw) for answer in answers} == {("", "teacher", None)}
    for line in lines_in(tmp_path):
        DecisionRecord.model_validate(line)
        assert line["teacher_raw"] == {"unanswered": {"reason": "none", "answer": None}}
        assert line["teacher"] is None
    assert (
        caplog.messages
        == [
            "the teacher returned None, which is logged as an answer that is no label and counts as a disagreement: "
            "raise an error where the call failed"
        ]
        * 2
    )


def test_an_asynchronous_teacher_is_awaited_and_refused_where_nobody_awaits(bundle, texts, tmp_path):
    async def ask(text):
        await asyncio.sleep(0)
        return {"intent": "refund"}

    async def run(deployed):
        return await asyncio.gather(*(deployed.aclassify(text) for text in texts))

    with ts.deploy(bundle, teacher=ask, log=tmp_path, audit=0.5) as deployed:
        answers = asyncio.run(run(deployed))
        with pytest.raises(TypeError, match="aclassify"):
            ts.deploy(bundle, teacher=ask, audit=1.0).classify("where is it?")
    assert {(answer.by, str(answer)) for answer in answers if answer.by == "teacher"} == {("teacher", "refund_status")}
    assert len(lines_in(tmp_path)) == len(texts)


def test_many_threads_share_one_deployment(bundle, texts, tmp_path):
    with ts.deploy(bundle, teacher=teacher, log=tmp_path, audit=0.0) as deployed:
        expected = [str(deployed.classify(text)) for text in texts]
        found: dict[int, list[str]] = {}

        def run(number):
            found[number] = [str(deployed.classify(text)) for text in texts]

        threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert all(each == expected for each in found.values())
    assert len(lines_in(tmp_path)) == 5 * len(texts)


def test_a_child_answers_and_logs_on_its_own(bundle, texts, tmp_path):
    with ts.deploy(bundle, teacher=teacher, log=tmp_path, audit=0.0) as deployed:
        deployed.classify(texts[0], id="parent")
        child = os.fork()
        if child == 0:
            answered = deployed.classify(texts[1], id="child")
            deployed.close()
            os._exit(0 if answered else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert sorted(line["id"] for line in lines_in(tmp_path)) == ["child", "parent"]


def test_texts_may_stay_out_of_the_log(bundle, tmp_path):
    with ts.deploy(bundle, teacher=teacher, log=tmp_path, texts=False) as deployed:
        deployed.classify("a secret")
    (line,) = lines_in(tmp_path)
    assert "a secret" not in json.dumps(line)
    assert len(DecisionRecord.model_validate(line).input_sha256) == 64


class Answer:
    def model_dump(self, mode):
        return {"intent": "refund", "mode": mode}


@pytest.mark.parametrize(("raw", "logged"), [(Answer(), {"intent": "refund", "mode": "json"}), (b"odd", "b'odd'")])
def test_whatever_the_teacher_returns_can_be_logged(bundle, tmp_path, raw, logged):
    with ts.deploy(bundle, teacher=lambda text: raw, log=tmp_path, audit=1.0) as deployed:
        label = deployed.classify("where is it?")
    assert lines_in(tmp_path)[0]["teacher_raw"] == logged
    assert label == ("refund_status" if isinstance(raw, Answer) else "")


class Fails:
    def model_dump(self, **options):
        raise ValueError("not serializable")

    def __str__(self):
        return "refund"


class Mute:
    def __str__(self):
        raise RuntimeError("no text")


class Old:
    def model_dump(self):
        return {"intent": "refund"}


@pytest.mark.parametrize(
    ("raw", "logged"),
    [
        ({"intent": "refund", "score": float("nan")}, {"intent": "refund", "score": None}),
        ({"intent": ["refund"], "cost": Decimal("0.5")}, {"intent": ["refund"], "cost": "0.5"}),
        ([Answer(), Fails()], [{"intent": "refund", "mode": "json"}, "refund"]),
        (MappingProxyType({"intent": "refund"}), {"intent": "refund"}),
        (Fails(), "refund"),
        (float("inf"), None),
        ({(1, 2): "refund"}, "{(1, 2): 'refund'}"),
        ("a\udfff", "a\udfff"),
        pytest.param(10**5000, "no text: int, ValueError", id="a long number"),
        ({"score": 10**5000}, "no text: dict, ValueError"),
        (Mute(), "no text: Mute, RuntimeError"),
    ],
)
def test_no_answer_of_the_teacher_is_missing_in_the_log(bundle, tmp_path, raw, logged):
    with ts.deploy(bundle, teacher=lambda text: raw, log=tmp_path, audit=1.0) as deployed:
        deployed.classify("where is it?")
        assert deployed.log.flush(60)
        assert deployed.log.counts == (1, 0, 0)
    assert lines_in(tmp_path)[0]["teacher_raw"] == logged


def test_a_clients_object_whose_dump_has_no_mode_is_dumped(bundle):
    with ts.deploy(bundle, teacher=lambda text: Old(), audit=1.0) as deployed:
        assert deployed.classify("where is it?") == "refund_status"


def test_an_id_that_is_a_number_is_a_text_in_the_log(bundle, tmp_path):
    with ts.deploy(bundle, teacher=teacher, log=tmp_path, secret=b"s") as deployed:
        assert deployed.classify("where is it?", id=17).id == "17"
    (line,) = lines_in(tmp_path)
    assert DecisionRecord.model_validate(line).id == "17"


@pytest.mark.parametrize(
    ("wrong", "fact"),
    [
        ({"secret": "s"}, "must be bytes, not of type str"),
        ({"secret": b""}, "the secret of the audit is empty"),
        ({"audit": "0.1"}, "between 0 and 1, got '0.1'"),
        ({"mode": "canary:x"}, "the share of a canary must be between 0 and 1, got x"),
        ({"mode": None}, "there is no mode 'None'"),
        ({"teacher": "gpt"}, "a value of type str cannot be"),
    ],
)
def test_what_no_request_could_be_answered_with_is_refused_at_the_start(bundle, wrong, fact):
    with pytest.raises(UsageError, match=fact):
        ts.deploy(bundle, **{"teacher": teacher, **wrong})


@pytest.mark.parametrize("mode", ["lives", "canary", "canary:", "canary:2", "canary:x", ""])
def test_a_mode_that_does_not_exist_is_refused(bundle, mode):
    with pytest.raises(UsageError):
        ts.deploy(bundle, teacher=teacher, mode=mode)


def test_a_rate_that_is_none_is_refused_in_every_mode(bundle):
    for mode in ("live", "shadow", "canary:0.1"):
        with pytest.raises(UsageError, match="audit rate"):
            ts.deploy(bundle, teacher=teacher, mode=mode, audit=-0.5)


def test_a_label_can_be_pickled_and_written_as_json(bundle):
    with ts.deploy(bundle, teacher=teacher, audit=1.0) as deployed:
        label = deployed.classify("where is it?")
    again = pickle.loads(pickle.dumps(label))
    assert (again, again.by, again.decision, again.id) == (label, "teacher", label.decision, label.id)
    assert json.dumps({"label": label}) == '{"label": "refund_status"}'
