"""The picture in the terminal: what stands where, and that it never stands in the way."""

from __future__ import annotations

import io

from tracer_spec.cli.text.terminal_chart import Picture, draw

FRONT = tuple((0.05 * step, 1.0 - 0.004 * step) for step in range(1, 21))
LABELS = tuple((f"label {number}", 100, 5 * number) for number in range(20))


def stream(encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding)


def lines(picture: Picture, encoding: str = "utf-8") -> list[str]:
    return draw(picture, stream=stream(encoding))


def test_the_ten_labels_that_are_handled_least_stand_beside_the_front(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    drawn = lines(Picture(FRONT, FRONT[11], 0.95, LABELS))
    assert len(drawn) == 11
    assert drawn[0].split("   ")[0].strip() == "agreement by coverage, ◆ ships"
    assert [line.split("label ")[1].split()[0] for line in drawn[1:]] == [str(number) for number in range(10)]
    assert drawn[10].endswith("45% of 100")
    assert max(map(len, drawn)) <= 80


def test_the_chosen_candidate_stands_where_its_coverage_and_agreement_are(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    drawn = lines(Picture(FRONT, (0.5, 0.96), 0.95))
    (row,) = [line for line in drawn[1:] if "◆" in line]
    assert 0.45 < (row.index("◆") - row.index("│") - 1) / 28 < 0.55
    rows_under = drawn.index(row)
    assert any(line.strip().startswith(".95") for line in drawn[rows_under:])


def test_a_candidate_that_handles_everything_stands_in_the_last_column(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    (row,) = [line for line in lines(Picture(FRONT, (1.0, 0.92), 0.95))[1:] if "◆" in line]
    assert row.index("◆") - row.index("│") == 28


def test_the_target_stands_on_its_dotted_line_even_where_nothing_reaches_it(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    drawn = lines(Picture(tuple((x, y - 0.4) for x, y in FRONT), None, 0.9))
    (row,) = [line for line in drawn if line.strip().startswith(".90")]
    assert len(set(row.split("│")[1])) == 1


def test_a_narrow_terminal_gets_one_below_the_other(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    drawn = lines(Picture(FRONT, FRONT[11], 0.95, LABELS))
    assert len(drawn) == 22
    assert max(map(len, drawn)) <= 60


def test_a_terminal_that_cannot_show_it_gets_none():
    assert lines(Picture(FRONT, FRONT[11], 0.95, LABELS), encoding="ascii") == []


def test_labels_of_a_handful_of_rows_are_not_called_the_worst(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    drawn = "\n".join(lines(Picture(FRONT, None, 0.95, (("rare", 4, 0), ("common", 5, 5)))))
    assert "rare" not in drawn
    assert "100% of 5" in drawn


def test_a_label_that_would_disturb_the_terminal_is_told_on_one_quiet_line(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    drawn = lines(Picture(FRONT, None, 0.95, (("a\n\x1b[2Jb" + "c" * 90, 9, 1),)))
    assert len(drawn) == 11
    assert "\x1b" not in "".join(drawn)
