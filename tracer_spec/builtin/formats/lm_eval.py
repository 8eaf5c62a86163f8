"""LM Evaluation Harness: the samples that it logs.

``target`` is what should have been answered: the truth, never the teacher's label.

References
----------
EleutherAI, "User guide", github.com/EleutherAI/lm-evaluation-harness/blob/main/docs/interface.md
"""

from __future__ import annotations

from tracer_spec.builtin.formats.format import Format

_PROMPT = "not_null(from_json(arguments).gen_args_0.arg_0, from_json(arguments)[0][0])"
_ANSWER = "from_json(resps)[0][0]"

LM_EVAL = Format(
    name="lm-eval",
    summary="LM Evaluation Harness: `samples_*.jsonl` of `--log_samples`, of tasks that generate text",
    text=f"asked({_PROMPT})",
    label=_ANSWER,
    # a task's documents are numbered, and every filter writes a line of its own for each
    id="join('/', [doc_hash, doc_id][?@ != `null`].to_string(@))",
    truth="target",
    skip={"not a generated answer": f"{_ANSWER} | @ != `null` && type(@) != 'string'"},
)
