"""Inspect: logs of evaluations, as JSON.

``target`` is what should have been answered: the truth, never the teacher's label.

References
----------
UK AI Security Institute, "Eval logs", inspect.aisi.org.uk/eval-logs.html
"""

from __future__ import annotations

from tracer_spec.builtin.formats.format import Format, unanswered

INSPECT = Format(
    name="inspect",
    summary="Inspect: logs as JSON (`inspect log dump`, `--log-format json`), with the source `json`",
    iterate="samples",
    text="asked(input)",
    label="answered(output)",
    # a sample is asked once in every epoch of every run
    id="join('/', [\"$record\".eval.run_id, id, epoch][?@ != `null`].to_string(@))",
    time='not_null(started_at, "$record".eval.created)',
    truth="not_null(target[0], target)",
    model='not_null(output.model, "$record".eval.model)',
    version='join(\'@\', ["$record".eval.task, "$record".eval.task_version][?@ != `null`].to_string(@))',
    skip={"error status": "error || output.error"},
    unanswered=unanswered("output"),
)
