from __future__ import annotations

import json
import random

import pytest
from shop import build, by_command, calls, write_lines
from tracer_spec.errors import DataError, UsageError

from tracer_spec_spark import verify
from tracer_spec_spark.judging import Cells

SCHEMA = "id string, input string, teacher string, shop string"


def fresh(n=700):
    """Return rows of the build, its texts under other ids and without any, new rows, copies, and what is no trace."""
    rng, seen = random.Random(1), calls(1500)[:n]
    rows = [*seen[:60], *({**row, "id": f"again{i}"} for i, row in enumerate(seen[60:120]))]
    rows += [{**row, "id": None} for row in seen[120:180]]
    rows += calls(n, seed=9, first=5000)
    rows += rows[-20:]
    rows += [
        {"id": "x1", "input": None, "teacher": "refund", "shop": "s900"},
        {"id": "x2", "input": " \t", "teacher": "refund", "shop": "s901"},
        {"id": "x3", "input": "refund my order", "teacher": None, "shop": "s902"},
        {"id": " ", "input": "it has a blank id", "teacher": "refund", "shop": "s903"},
        *({"id": f"y{i}", "input": f"where is it {i}", "teacher": "a label " * 20, "shop": f"t{i}"} for i in range(3)),
        {"id": "z1", "input": "this one comes again", "teacher": "refund", "shop": "s904"},
        {"id": "z1", "input": None, "teacher": "refund", "shop": "s904"},
        *(
            {"id": "u1", "input": "answered at the second try", "teacher": each, "shop": "s905"}
            for each in (None, "refund")
        ),
        *({"id": "u2", "input": "never answered", "teacher": None, "shop": "s906"} for _ in range(3)),
    ]
    rng.shuffle(rows)
    return rows


def frame_of(spark, rows):
    return spark.createDataFrame(
        [tuple(row[key] for key in ("id", "input", "teacher", "shop")) for row in rows], SCHEMA
    )


def compare(spark, bundle, rows, folder, **columns):
    """Assert that Spark and the command come to the same numbers, and return them."""
    frame = frame_of(spark, rows).repartition(4)
    ours = verify(frame, bundle, text="input", label="teacher", id="id", **columns).document()
    theirs = by_command(bundle, write_lines(folder / "fresh.jsonl", rows))
    assert json.loads(json.dumps(ours)) == theirs
    return theirs


def test_the_numbers_are_those_of_the_command(spark, bundle, tmp_path):
    said = compare(spark, bundle, fresh(), tmp_path)
    assert said["left_out"] == {
        "known to the build by id and text": 60,
        "known to the build by text, without ids to tell a request made again": 60,
    }
    assert said["traces"]["dropped"] == {"no text": 2, "empty text": 1, "no label": 2, "duplicate id": 23}
    assert said["repeats"] >= 60
    assert said["unknown_labels"]["n"] > 10
    assert said["drift"]["n"] == said["coverage"]["n"] > 700
    assert said["claimed_with_known_texts"]["n"] > said["agreement"]["n"]


def test_a_claim_that_fresh_rows_contradict_is_contradicted(spark, bundle, tmp_path):
    rows = [{**row, "teacher": "account"} for row in calls(500, seed=3, first=9000)]
    assert compare(spark, bundle, rows, tmp_path)["verdict"] == "contradicted"


def test_claims_of_single_labels_are_held_too(spark, tmp_path):
    asked = {"refund": {"missed": 0.2, "agreement": 0.8}, "account": {"missed": 0.25}}
    made = build(tmp_path / "made", calls(3000), target={"agreement": 0.8, "labels": asked})
    said = compare(spark, made, fresh(), tmp_path)
    assert said["verdict"] == "not contradicted"
    assert [each["successes"]["n"] > 100 for each in said["label_claims"]] == [True] * 3
    # of what the teacher calls an account's, a third is about something else now: the claim of that label alone is contradicted
    rows = [
        {**row, "teacher": "account"} if row["teacher"] == "delivery" and n % 2 else row
        for n, row in enumerate(calls(900, seed=5, first=8000))
    ]
    assert compare(spark, made, rows, tmp_path)["verdict"] == "contradicted"


def test_texts_are_taken_out_of_their_prompts(spark, tmp_path):
    def prompt(row):
        return {**row, "input": f"Classify.\nMessage: {row['input']}\nLabel:"}

    made = build(
        tmp_path / "made", list(map(prompt, calls(1500))), traces={"extract": ["between:Message: ...\nLabel:"]}
    )
    prompts, others = list(map(prompt, fresh(200))), fresh(60)
    prompts = [{**row, "input": None} if "None" in row["input"] else row for row in prompts]
    # a log of prompts with some that are others, and a log of texts alone
    assert (
        compare(spark, made, prompts + calls(40, seed=4, first=8000), tmp_path)["left_out"][
            "not matched by 'traces.extract', of other prompts"
        ]
        == 40
    )
    assert "not matched" not in str(compare(spark, made, others, tmp_path)["left_out"])


def test_a_claim_per_group_counts_one_row_of_each_group(spark, tmp_path):
    made = build(tmp_path / "made", calls(3000), split={"strategy": "grouped", "key": "shop", "certify": 0.6})
    rows = [{**row, "shop": f"new{n % 150}"} for n, row in enumerate(calls(400, seed=6, first=7000))]
    rows += calls(50, seed=8, first=6000)
    said = compare(spark, made, rows, tmp_path, group="shop")
    assert said["coverage"]["n"] == 150
    assert said["left_out"]["of a group that another row speaks for"] == 250
    with pytest.raises(UsageError, match="claim is per group"):
        verify(frame_of(spark, rows), made, text="input", label="teacher", id="id")
    frame = frame_of(spark, [*rows, {**rows[0], "id": "alone", "shop": None}])
    with pytest.raises(DataError, match="and 1 of 451 rows have none"):
        verify(frame, made, text="input", label="teacher", id="id", group="shop")


def test_rows_that_the_build_has_seen_measure_nothing(spark, bundle):
    frame = frame_of(spark, calls(1500)[:50])
    with pytest.raises(
        DataError, match="none of 50 traces is new to this bundle: 50 known to the build by id and text"
    ):
        verify(frame, bundle, text="input", label="teacher", id="id")


def test_rows_without_a_trace_among_them_are_accounted_for(spark, bundle):
    frame = frame_of(spark, [{"id": "a", "input": None, "teacher": "refund", "shop": ""}])
    with pytest.raises(DataError, match="no row is a trace: 1 read, 0 kept; dropped: 1 no text"):
        verify(frame, bundle, text="input", label="teacher", id="id")


def test_answers_of_which_none_is_a_label_are_the_wrong_column(spark, bundle):
    frame = frame_of(spark, [{"id": "a", "input": "hello", "teacher": "", "shop": ""}])
    with pytest.raises(DataError, match="none of 1 rows has a usable label"):
        verify(frame, bundle, text="input", label="teacher", id="id")


def test_a_column_that_is_not_there_is_named(spark, bundle):
    with pytest.raises(DataError, match="there is no column 'answer'"):
        verify(frame_of(spark, calls(2)), bundle, text="input", label="answer")


def test_scores_of_one_cell_compare_alike_with_the_certificates():
    import numpy as np
    from tracer_spec.flow.verify import ROUNDING
    from tracer_spec.stats.two_samples import kolmogorov_smirnov

    rng = np.random.default_rng(0)
    reference = np.sort(rng.uniform(size=40).astype(np.float32).astype(np.float64))
    scores = np.concatenate([rng.uniform(size=3000) ** 1.1, reference, reference + ROUNDING]).astype(np.float32)
    cells = Cells(reference).of(scores)
    numbers, counts = np.unique(cells, return_counts=True)
    stand_for = [scores[cells == number].max() for number in numbers]
    counted = kolmogorov_smirnov(reference, 40, stand_for, counts=counts, rounding=ROUNDING)
    assert counted == kolmogorov_smirnov(reference, 40, scores, rounding=ROUNDING)
    assert len(numbers) <= 2 * 40 + 1
