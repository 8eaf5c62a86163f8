"""``init`` over logs in which several teachers answered: what it writes is accepted by ``plan``, and says why."""

from __future__ import annotations

import json

import pytest

from tracer_spec.cli import main


def logged(calls, model_of, extra=1):
    """Return a native log of calls, each repeated with other words, of the models given."""
    many = [
        call._replace(n=call.n + 72 * again, text=f"{call.text} {again}") for again in range(extra) for call in calls
    ]
    rows = [
        {
            "id": f"i{at}",
            "input": call.text,
            "teacher": call.label,
            "timestamp": 1_790_000_000 + 600 * at,
            "metadata": {"model": model_of(at, len(many))},
        }
        for at, call in enumerate(many)
    ]
    return {"log.jsonl": rows}


def planned(tmp_path, capsys):
    code = main(["plan", str(tmp_path / "app" / "router.yaml"), "--json", "-q", "--no-curve"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("newest", ["m-2", "it's ${HOME}", None])
def test_the_newest_certifies_where_one_teacher_took_over_from_another(init, calls, tmp_path, capsys, newest):
    outcome = init(logged(calls, lambda at, n: "m-1" if at < n / 2 else newest, 5))
    assert outcome.code == 0, outcome.err
    assert set(outcome.spec["split"]) == {"certify", "certify_where"}
    text = (tmp_path / "app" / "router.yaml").read_text()
    assert (
        "# Several teachers answered, one after the other, and a certificate speaks of one: the newest certifies"
        in text
    )
    assert "'traces.teacher'" not in outcome.out
    code, document = planned(tmp_path, capsys)
    assert code == 0
    about = [each for each in document["warnings"] if "rtify where" in each or "chance" in each]
    assert [each.partition(" ")[0] for each in about] == ["rows"]
    assert about[0].endswith(", and the others train: the claim is about traffic like those that certify")
    assert 40 < document["traces"]["certify"] < 110  # of 180 rows of the newest


def test_teachers_side_by_side_certify_together(init, calls, tmp_path, capsys):
    outcome = init(logged(calls, lambda at, _: f"m-{at % 2}", 5))
    assert outcome.spec["split"] == {"certify": 0.4, "mix_teachers": True}
    code, document = planned(tmp_path, capsys)
    assert code == 0
    assert document["traces"]["certify"] > 110


def test_one_teacher_needs_no_word(init, calls):
    outcome = init(logged(calls, lambda at, _: ("gpt-4o", "gpt-4o-2024-08-06")[at % 2]))
    assert outcome.spec["split"] == {"certify": 0.4}


def test_plan_and_build_stop_where_certify_rows_have_two_teachers_and_each_remedy_works(init, calls, tmp_path, capsys):
    init(logged(calls, lambda at, n: "m-1" if at < n / 2 else "m-2", 5))
    spec = tmp_path / "app" / "router.yaml"
    head, _, tail = spec.read_text().partition("\nsplit:\n")
    where = tail.split("certify_where: ")[1].splitlines()[0]
    for command in (["plan"], ["build"], ["build", "--draft"]):
        spec.write_text(head)
        assert main([*command, str(spec), "-q"]) == 1
        said = capsys.readouterr().err
        assert "the certify rows have 2 teachers, by the model: m-1 (" in said
        assert f"'split: {{certify_where: {where}}}'" in said
        assert "'split: {mix_teachers: true}'" in said
    for remedy in (f"split: {{certify_where: {where}}}", "split: {mix_teachers: true}"):
        spec.write_text(f"{head}\n{remedy}\n")
        assert main(["plan", str(spec), "-q", "--no-curve"]) == 0
    assert not (tmp_path / "app" / "router.lock").exists()


def test_a_model_whose_answers_are_no_labels_is_left_out(init, calls, tmp_path, capsys):
    files = logged(calls, lambda at, _: "m-0" if at % 3 else "m-1", 5)
    for row in files["log.jsonl"]:
        label, writes = row["teacher"], row["metadata"]["model"] == "m-1"
        row["teacher"] = f"Dear customer, this is about {label} {row['id']}" if writes else {"intent": label}
    outcome = init(files)
    assert outcome.code == 0, outcome.err
    assert outcome.spec["traces"]["teacher"] == "m-0"
    assert outcome.spec["split"] == {"certify": 0.4}
    code, document = planned(tmp_path, capsys)
    assert code == 0
    assert document["unknown_labels"]["unusable"] == 0
    assert not any("keep one model" in each for each in document["warnings"])
