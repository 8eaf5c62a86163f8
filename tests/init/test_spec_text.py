"""The text of the first spec: what stands in it is read back as it was, and comments stay comments."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tracer_spec.cli.commands.init import write_files
from tracer_spec.errors import SpecError
from tracer_spec.init.spec_text import FirstSpec, spec_text
from tracer_spec.spec.load import read_spec

BREAKS = "\n\r\x85\u2028\u2029\x0b\x0c\x1c"
ODD = "\t \x00\x07\x7f\x80\x9f\ufeff\ufffe\u200d\U000e0001'\"\\#:-{}[]|>&*!%@`$,?"
SIGNS = st.sampled_from([*BREAKS, *ODD, "a", "é", "🙂", "${X}"])
TEXTS = st.lists(SIGNS, max_size=12).map("".join)
PLAIN = FirstSpec("app", "jsonl", {"path": "t.jsonl"})


def loaded(spec):
    return yaml.safe_load(spec_text(spec).encode("utf-8"))


@given(TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS)
def test_whatever_stands_in_a_comment_stays_in_it(story, warning, prompts, failed, answer, reason):
    spec = replace(
        PLAIN, story=(story, story), warning=warning, prompts=prompts, failed=failed, answer=answer, reason=reason
    )
    assert loaded(spec) == loaded(PLAIN)


@given(TEXTS)
def test_the_answer_in_a_comment_is_read_back_where_the_comment_is_taken_off(answer):
    written = next((line for line in spec_text(replace(PLAIN, answer=answer)).split("\n") if "# serve: {" in line), "")
    assert bool(written) == bool(answer)
    if written:
        assert yaml.safe_load(written.removeprefix("# ")) == {"serve": {"answer": answer.replace("${", "$${")}}


@given(TEXTS)
def test_what_a_first_spec_says_is_read_back(text):
    spec = replace(
        PLAIN,
        options={"path": text, "delimiter": text},
        format={"text": text, "unanswered": {text: text}},
        extract=(text,),
        normalize=(text, text),
        certify_where=text,
        teachers=(text,),
        aliases={text: text},
        match=text or "x",
        allowed=(text,),
    )
    kept = text.replace("${", "$${")
    said = loaded(spec)
    assert said["traces"]["with"] == {"path": kept, "delimiter": kept}
    assert said["traces"]["format"]["text"] == kept
    assert list(said["traces"]["format"]["unanswered"].values()) == [kept]
    assert said["traces"]["extract"] == [kept]
    labels = said["traces"]["labels"]
    assert (labels["normalize"], labels["allowed"], labels["aliases"]) == ([kept, kept], [kept], {kept: kept})
    assert said["serve"]["match"] == (kept or "x")
    assert said["split"].get("certify_where", "") == kept


@pytest.mark.parametrize("sign", BREAKS)
def test_an_answer_over_several_lines_is_offered_on_one(sign, tmp_path):
    path = tmp_path / "router.yaml"
    path.write_text(spec_text(replace(PLAIN, answer=f'[[ ## a ## ]]{sign}"{{label}}"{sign}end')), encoding="utf-8")
    read_spec(path)
    text = path.read_text(encoding="utf-8")
    (line,) = [line for line in text.split("\n") if "# serve: {" in line]
    assert yaml.safe_load(line[2:]) == {"serve": {"answer": f'[[ ## a ## ]]{sign}"{{label}}"{sign}end'}}


@pytest.mark.parametrize("there", [{}, {"router.yaml": "version: 1\n", "labels.txt": "a\nb\n"}])
def test_a_spec_that_cannot_be_read_leaves_everything_as_it_was(tmp_path, there):
    for name, text in there.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(SpecError, match="no-such-source"):
        write_files(tmp_path, replace(PLAIN, use="no-such-source"), {"labels.txt": "c\nd\n"}, force=True)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == there
