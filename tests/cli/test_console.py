"""Lines on a terminal and elsewhere: where they break, and what stays whole."""

from __future__ import annotations

import json

import pytest

from tracer_spec.cli.console import inert_json, rows, wrapped

CLAIM = "with 95 % confidence, this router agrees with the teacher on at least 92 % of the traffic it handles"


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_a_text_wraps_at_words_and_stays_in_its_column(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = rows([("claim", CLAIM), ("by", "nobody")]).splitlines()
    assert max(map(len, lines)) <= columns
    assert len(lines) > 2
    assert all(line.startswith(" " * 9) and line[9] != " " for line in lines[1:-1])
    assert " ".join(line[9:] for line in lines[:-1]) == CLAIM


def test_nothing_breaks_where_there_is_no_terminal_and_no_width_is_set(monkeypatch, capsys):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert wrapped(CLAIM * 9) == [CLAIM * 9]


def test_a_command_and_a_word_that_is_too_long_stay_whole(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    command = 'tracer-spec route a-bundle-of-a-long-name.tracer --text "..."'
    assert wrapped(command) == [command]
    assert wrapped(f"see {'x' * 64}") == ["see", "x" * 64]


def test_the_last_cell_of_a_table_goes_on_in_its_column(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    assert wrapped("name        text that goes on and on and on") == [
        "name        text that goes on and on and",
        " " * 12 + "on",
    ]


def test_lines_of_a_text_break_one_by_one(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    assert wrapped("short\na line that is longer than thirty\n\nend") == [
        *("short", "a line that is longer than", "thirty", "", "end"),
    ]


def test_json_says_the_same_and_steers_neither_a_terminal_nor_a_ci_log():
    for hidden in (
        "\x7f",
        "\x9b31m",
        "\u200b",
        "\u202e",
        "\u2028::error::x",
        "\u2066",
        "\ufeff",
        "\U000e0041",
        "##[error]x",
        "##vso[x]",
    ):
        for ends in ("\n", ""):
            text = json.dumps({"größe": ["漢 # ## [x]", hidden]}, ensure_ascii=False, indent=2) + ends
            inert = inert_json(text)
            assert json.loads(inert) == json.loads(text)
            assert hidden not in inert
            assert "größe" in inert
            assert "漢 # ## [x]" in inert
