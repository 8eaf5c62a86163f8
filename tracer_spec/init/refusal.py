"""What ``init`` says where it writes no spec: what it saw, field by field, and what to write."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from tracer_spec.errors import DataError
from tracer_spec.flow.traces.remedies import LOG_THE_CONTENT
from tracer_spec.init.attempt import Attempt, as_written
from tracer_spec.init.fields import Fields
from tracer_spec.init.places import answers_in
from tracer_spec.init.sampling import Sample
from tracer_spec.text_format import one_line, plural

_SHOWN = 20
_WRITE = "--text JMESPATH --label JMESPATH name the fields"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no spec is written, and what to do."""

    what: str
    hint: str = _WRITE

    def error(self, fields: Fields, where: str = "") -> DataError:
        """Return the error that says what every field holds as well."""
        lines = [self.what, f"fields of {plural(fields.n, 'record')} looked at:", *field_lines(fields)]
        return DataError("\n  ".join(lines), where=where, hint=self.hint)


def field_lines(fields: Fields, most: int = _SHOWN) -> list[str]:
    """Say what stands where, a line each, without a value."""
    lines = [f"  {one_line(each.path, 80)}: {each.line()}" for each in fields.all[:most]]
    lines += [f"  {path}: a list, {length:.0f} objects on average" for path, length in fields.lists.items()]
    left = len(fields.all) - most
    return [*lines, f"  and {plural(left, 'more field')}"] if left > 0 else lines


def label_option(path: str) -> str:
    """Return the option that names a label, as a shell reads it: a path may hold quotes and parentheses."""
    return f"--label {shlex.quote(path)}"


def no_headers(sample: Sample) -> DataError:
    """Return the error of a table without headers: its first row would name the columns, in the spec too."""
    names = [f"column_{number}" for number in range(1, len(sample.records[0].data) + 1)]
    options = ", ".join(f"{key}: {json.dumps(value)}" for key, value in sample.source.options.items())
    written = f"path: {sample.paths[0]}, {f'{options}, ' if options else ''}header: [{', '.join(names)}]"
    return DataError(
        "the first line is a row of the table, not its headers",
        where=sample.paths[0],
        hint=f"write the names of the columns above it, or in a spec: 'traces: {{use: csv, with: {{{written}}}}}'",
    )


def streamed() -> Refusal:
    """Return the refusal of records that are pieces of answers."""
    return Refusal(
        "the records are chunks of streamed answers, and a piece of an answer is no label",
        "log the whole answer, or join the chunks of each id before; where every answer is one chunk, --label names it",
    )


def no_text() -> Refusal:
    """Return the refusal of records in which nothing looks like a request."""
    return Refusal("no field looks like the text that the LLM was asked", "say which it is: --text JMESPATH")


def no_answer(fields: Fields, text: str) -> Refusal:
    """Return the refusal of records in which nothing looks like an answer: of the likeliest field it says why."""
    likely = next((each for each in answers_in(fields, text) if each.answers and each.answers.flaw), None)
    if likely is None or likely.answers is None:
        return Refusal(f"no field looks like the LLM's answer; the text is {text}", "say which it is: --label JMESPATH")
    hint = likely.answers.hint or "where the answer is another field, name it: --label JMESPATH"
    return Refusal(f"no field holds labels; in {likely.path}, {likely.answers.flaw}", hint)


def without_other_half(preset: str) -> Refusal:
    """Return the refusal of requests without their answers, or of answers without requests."""
    return Refusal(
        f"these are halves of traces, as {preset} writes them: no request meets its answer",
        "name the file of requests and the file of answers: --traces requests.jsonl --traces results.jsonl",
    )


def without_content(preset: str) -> Refusal:
    """Return the refusal of calls of which nothing was logged but that they were made."""
    return Refusal(f"these are calls as {preset} writes them, without what was asked and answered", LOG_THE_CONTENT)


def a_routers_decisions() -> Refusal:
    """Return the refusal of what a router answered itself."""
    return Refusal(
        "these records hold a router's decisions: a router's answer is not the teacher's",
        "name traces that the teacher answered; audited requests are read by 'format: decisions'",
    )


def which_label(paths: Sequence[str]) -> Refusal:
    """Return the refusal of records in which several fields could be the answer, and nothing speaks for one of them."""
    return Refusal(
        f"{', '.join(paths[:-1])} and {paths[-1]} could each be the LLM's answer",
        f"say which it is: {label_option(paths[0])}, or {label_option(paths[1])}",
    )


def unusable(attempt: Attempt) -> Refusal:
    """Return the refusal of records that a format reads, but that hold nothing to learn."""
    read = f"{plural(len(attempt.raws), 'trace')} read as {as_written(attempt.format)}"
    return Refusal(f"{read}: {attempt.flaw}", attempt.answers.hint or _WRITE)
