import json

import pytest

from tracer_spec.cli import main
from tracer_spec.flow.traces.look_alikes import look_alikes


@pytest.mark.parametrize(
    ("other", "shown"),
    [
        ("ref\u0443nd", None),  # a Cyrillic u looks like a Latin y
        ("r\u0435fund", "r\\u0435fund' (1: CYRILLIC SMALL LETTER IE)"),
        ("R\u0415FUND", "R\\u0415FUND' (1: CYRILLIC CAPITAL LETTER IE)"),
        ("\uff52efund", "\\uff52efund' (1: FULLWIDTH LATIN SMALL LETTER R)"),
        ("refund\ufe0f", "refund\\ufe0f' (1: VARIATION SELECTOR-16)"),
        ("re\u00adfund", "re\\xadfund' (1: SOFT HYPHEN)"),
        ("\u2060refund", "\\u2060refund' (1: WORD JOINER)"),
        ("refund\u3164", "refund\\u3164' (1: HANGUL FILLER)"),
        ("refund\x00", "refund\\x00' (1)"),
    ],
)
def test_a_letter_that_looks_like_another_is_named_with_its_code_point(other, shown):
    assert look_alikes({"refund": 9, other: 1}) == ([f"'refund' (9) and '{shown}"] if shown else [])


@pytest.mark.parametrize("blank", ["\u00a0", "\u2009", "\u3000", "\u2011", "\u2013"])
def test_blanks_and_dashes_of_other_kinds_join_words_alike(blank):
    (said,) = look_alikes({"card lost": 9, f"card{blank}lost": 1})
    assert f"card\\{blank.encode('unicode_escape').decode()[1:]}lost' (1: " in said


def test_labels_of_another_script_are_told_from_each_other_and_shown_as_they_are():
    names = {"возврат": 5, "Возврат": 2, "оплата": 4, "доставка": 3, "支払い": 2, "支払う": 1, "café": 1, "cafe": 1}
    assert look_alikes(names) == ["'возврат' (5) and 'Возврат' (2)"]


def test_the_alias_that_is_shown_makes_them_one_label(tmp_path, capsys):
    labels = ["r\u0435fund" if n % 9 == 0 else ("refund", "loan")[n % 2] for n in range(200)]
    rows = [{"input": f"text {n} {n * 7919 % 101}", "teacher": label} for n, label in enumerate(labels)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    spec = (
        "version: 1\nname: x\ntraces:\n  use: jsonl\n  with: {path: t.jsonl}\n  format: native\n"
        "  labels: {LABELS}\nembedder: lsa\ntarget: {agreement: 0.9}\n"
    )
    path = tmp_path / "router.yaml"
    path.write_text(spec.replace("LABELS", ""))
    main(["plan", str(path), "-q", "--no-curve"])
    said = capsys.readouterr()
    assert "'r\\u0435fund'" in said.out + said.err
    assert "CYRILLIC SMALL LETTER IE" in said.out + said.err
    path.write_text(spec.replace("LABELS", 'aliases: {"r\\u0435fund": refund}'))
    main(["plan", str(path), "-q", "--no-curve"])
    said = capsys.readouterr()
    assert "CYRILLIC" not in said.out + said.err
