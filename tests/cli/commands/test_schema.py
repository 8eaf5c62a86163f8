"""``schema``: every file that is read or written is described by the command, as in ``schemas/``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tracer_spec.cli import main

SCHEMAS = Path(__file__).parents[3] / "schemas"
# a file's name to its schema of the newest version
NEWEST = {path.name.partition(".")[0]: path for path in sorted(SCHEMAS.glob("*.json"))}


@pytest.mark.parametrize("name", NEWEST)
def test_a_schema_that_is_committed_is_printed(name, capsys):
    assert main(["schema", name, "--bare"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(NEWEST[name].read_text(encoding="utf-8"))


def test_help_tells_of_every_file_that_can_be_described(capsys):
    main(["schema", "--help"])
    said = capsys.readouterr().out
    assert [name for name in NEWEST if f"'{name}'" not in said] == []
