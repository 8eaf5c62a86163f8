"""Values as a JSON Schema has them; the oracle is the library 'jsonschema'."""

from __future__ import annotations

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer_spec.chat.json_schema import Effort, UnfitError, fitted

KINDS = ["string", "integer", "number", "boolean", "null", "object", "array"]
values = st.dictionaries(st.sampled_from("ab"), st.sampled_from(["x", "3", "2.5", "true", "null", ""]), max_size=2)
leaves = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(KINDS) | st.lists(st.sampled_from(KINDS), min_size=1, max_size=2, unique=True),
        "enum": st.lists(st.sampled_from(["x", "3", 3, True, None]), min_size=1, max_size=3, unique_by=repr),
        "const": st.sampled_from(["x", "3", 3, True]),
        "maxLength": st.integers(0, 3),
        "description": st.just("d"),
        "pattern": st.just("x"),
    },
)
schemas = st.recursive(
    leaves | st.booleans() | st.just({"$ref": "#/$defs/t"}),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": st.just("object"),
            "properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
            "required": st.lists(st.sampled_from("ab"), max_size=2, unique=True),
            "additionalProperties": inner,
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "allOf": st.lists(inner, min_size=1, max_size=2),
        },
    ),
    max_leaves=6,
)


@given(schemas.filter(lambda each: isinstance(each, dict)), values)
def test_what_fits_is_valid(schema, value):
    schema = {**schema, "$defs": {"t": {"type": ["string", "integer"]}}}
    try:
        found = fitted(schema, value)
    except UnfitError:
        return
    assert jsonschema.Draft202012Validator(schema).is_valid(found)
    assert {key: str(each).lower() for key, each in found.items()} == value or found == value or None in found.values()


@pytest.mark.parametrize(
    ("schema", "value", "found"),
    [
        ({"type": "object", "properties": {"a": {"type": "integer"}}}, {"a": "3"}, {"a": 3}),
        ({"type": "object", "properties": {"a": {"type": ["number", "null"]}}}, {"a": "2"}, {"a": 2}),
        ({"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"enum": ["x", "y"]}}}, {"a": "x"}, {"a": "x"}),
        ({"properties": {"a": {"anyOf": [{"const": "y"}, {"const": "x"}]}}}, {"a": "x"}, {"a": "x"}),
        (
            {"properties": {"a": {"type": "array", "items": {"type": "string"}, "minItems": 1}}},
            {"a": ["x"]},
            {"a": ["x"]},
        ),
        ({"additionalProperties": False, "properties": {"a": {}}, "title": "T"}, {"a": "x"}, {"a": "x"}),
    ],
)
def test_a_label_is_written_as_the_schema_has_it(schema, value, found):
    assert fitted(schema, value) == found


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"required": ["a", "why"]}, {"a": "x"}),
        ({"properties": {"a": {"enum": ["y"]}}}, {"a": "x"}),
        ({"properties": {"a": {"type": "integer"}}}, {"a": "x"}),
        ({"properties": {}, "additionalProperties": False}, {"a": "x"}),
        ({"patternProperties": {}}, {"a": "x"}),
        ({"$ref": "https://example.com/schema"}, {"a": "x"}),
        ({"$ref": "#"}, {"a": "x"}),
        ({"$ref": "#/$defs/gone"}, {"a": "x"}),
        (False, {"a": "x"}),
        ("object", {"a": "x"}),
        ({"required": 1}, {"a": "x"}),
        ({"type": "string", "minLength": "x"}, "x"),
        ({"allOf": 5}, {"a": "x"}),
        ({"anyOf": {"a": {}}}, {"a": "x"}),
        ({"enum": "xyz"}, "x"),
        ({"enum": 5}, "x"),
        ({"required": [["a"]]}, {"a": "x"}),
        ({"type": "number"}, "NaN"),
        ({"type": "number"}, "1e999"),
    ],
)
def test_in_doubt_a_value_does_not_fit(schema, value):
    with pytest.raises(UnfitError):
        fitted(schema, value)


BRANCHES = 3
ITSELF = {"$ref": "#"}


@pytest.mark.parametrize(
    "schema",
    [
        {"anyOf": [ITSELF] * BRANCHES},
        {"oneOf": [ITSELF] * BRANCHES},
        {"anyOf": [{"allOf": [ITSELF]}] * BRANCHES},
        {"properties": {"a": {"anyOf": [{"$ref": "#/properties/a"}] * BRANCHES}}},
        {"anyOf": [ITSELF] * BRANCHES, "enum": ["y"] * 10_000},
        {"anyOf": [{"$ref": "#" + "/" * 10_000}] * BRANCHES},
    ],
)
def test_a_schema_that_asks_for_more_work_than_a_request_is_worth_does_not_fit(schema):
    """Each has at least 3 ** 30 ways to fail, of which a bounded number is tried, whatever one of them costs."""
    effort = Effort()
    with pytest.raises(UnfitError):
        fitted(schema, {"a": "x"}, effort)
    assert effort.left < 0
    with pytest.raises(UnfitError):  # other values of the same request cost nothing more
        fitted({}, {"a": "x"}, effort)


def test_a_long_list_of_labels_is_within_the_effort_of_a_request():
    labels = [f"label {number}" for number in range(1000)]
    schema = {"properties": {"a": {"$ref": "#/$defs/label"}}, "$defs": {"label": {"enum": labels}}}
    effort = Effort()
    for label in ["gone"] * 199:  # a request tries so many before the last that fits
        with pytest.raises(UnfitError):
            fitted(schema, {"a": label}, effort)
    assert fitted(schema, {"a": labels[-1]}, effort) == {"a": labels[-1]}
