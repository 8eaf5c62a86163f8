"""Every file that is made from the code is what the code makes of it today."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tools.generate import GENERATED

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_file_is_what_the_code_makes(name):
    committed = (ROOT / name).read_text(encoding="utf-8")
    assert committed == GENERATED[name](), "out of date; run: python -m tools.generate"


@pytest.mark.parametrize("path", sorted((ROOT / "schemas").glob("*.json")), ids=lambda path: path.name)
def test_a_schema_is_one_and_is_generated(path):
    assert f"schemas/{path.name}" in GENERATED
    schema = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validators.validator_for(schema).check_schema(schema)
