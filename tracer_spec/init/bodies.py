"""Bodies of a chat API around text and label: which one the answer lies in, and how near to it another field is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from tracer_spec.chat.json_text import unpack_whole
from tracer_spec.expressions.language import ExpressionError, compile_expression
from tracer_spec.init.names import ANSWERING, ASKING, words_of
from tracer_spec.plugin import Record

# a key of a path, and no function's name
_KEY = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z_]\w*\b(?!\()')
_ANSWER = re.compile(r"answered\((.+)\)")
_LAST = re.compile(r'(?:\.(?:\w+|"(?:[^"\\]|\\.)*")|\[\d+\])$')
# of the records, those in which a body must hold more than the answer
_MOST = 0.5


def nearness(path: str, text: str, label: str) -> tuple[int, int]:
    """Return how near a field is to the answer, for an order: of the answer's body first, of the request's last.

    Where neither holds it, its keys may say whose it is; what the answer itself holds is the LLM's word, and no field of it.

    Examples
    --------
    >>> said, told = "answered(from_json(resp))", "asked(from_json(req))"
    >>> sorted(["from_json(req).model", "model", "from_json(resp).model"], key=lambda path: nearness(path, told, said))
    ['from_json(resp).model', 'model', 'from_json(req).model']
    """
    above = _keys(path)[:-1]
    if above and _holds(above, label):
        return -len(above), 0
    *around, last = map(words_of, _keys(path))
    is_asked = (bool(above) and _holds(above, text)) or any(words & ASKING for words in (*around, last))
    return 0, 1 if is_asked else -1 if last & ANSWERING else 0


def _holds(above: Sequence[str], path: str) -> bool:
    """Tell whether the object at some keys holds what lies at a path."""
    inside = [*_keys(path), *(("",) if _ANSWER.fullmatch(path) or path.startswith("asked(") else ())]
    return len(above) < len(inside) and inside[: len(above)] == list(above)


def _keys(path: str) -> list[str]:
    return _KEY.findall(path)


def answers_body(label: str, records: Sequence[Record]) -> str:
    """Return the expression of the response that holds the answer at ``label``; empty where it stands alone.

    Examples
    --------
    >>> said = {"message": {"role": "assistant", "content": "refund"}, "done_reason": "stop"}
    >>> answers_body("resp.message.content", [Record("", {"resp": said}, "")]), answers_body("a", [Record("", {"a": "b"}, "")])
    ('resp', '')
    """
    data = [record.data for record in records if not record.problem]
    return next((body for body in _around(label) if _is_body(body, label, data)), "")


def _around(label: str) -> Iterator[str]:
    """Yield what may be the body, the widest first."""
    if found := _ANSWER.fullmatch(label):
        yield found[1]
        return
    above: list[str] = []
    while (rest := _LAST.sub("", label)) != label:
        above.append(label := rest)
    yield from reversed(above)


def _is_body(body: str, label: str, data: Sequence[Any]) -> bool:
    """Tell whether a chat's reader finds the answer in a body, and the body is more than the answer."""
    try:
        held, found, said = (
            [compile_expression(each)(one) for one in data] for each in (body, f"answered({body})", label)
        )
    except ExpressionError:
        return False
    n_more = sum(
        answer is not None and answer != unpack_whole(whole) for whole, answer in zip(held, found, strict=True)
    )
    return found == said and n_more > _MOST * sum(answer is not None for answer in found)
