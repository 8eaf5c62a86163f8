import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field, RootModel, create_model

from tracer_spec.plugin import Options
from tracer_spec.spec import router_schema

FULL = (Path(__file__).parent / "full.yaml").read_text("utf-8")
COMMITTED = Path(__file__).parents[2] / "schemas" / "router.v1.json"


class Numbers(RootModel[list[int]]):
    pass


class Layer(BaseModel):
    width: int = Field(ge=1, description="neurons")


class MlpOptions(Options):
    hidden: list[int] = Field([256], description="neurons a layer")
    layers: tuple[Layer, ...] = ()
    pair: tuple[int, str] = (1, "a")
    exact: bool = False
    mode: int | bool = False


class PathOptions(Options):
    path: str = Field(description="the files")


INSTALLED = {
    "source": {"jsonl": ("JSON Lines", PathOptions)},
    "surrogate": {
        "mlp": ("neural network", MlpOptions),
        "external": ("a file of scores", PathOptions),
        "logreg": ("logistic regression", Options),
    },
    "guard": {},
}


def complaints(schema: dict[str, Any], **changes: Any) -> list[str]:
    """Return where a schema finds fault with the full spec and these changes."""
    data = {key: value for key, value in (yaml.safe_load(FULL) | changes).items() if value is not ...}
    return sorted({"/".join(map(str, error.absolute_path)) for error in Draft202012Validator(schema).iter_errors(data)})


@pytest.mark.parametrize("schema", [router_schema(), router_schema(INSTALLED)], ids=["bare", "installed"])
def test_the_schema_is_draft_2020_12_and_takes_what_the_loader_takes(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)
    assert '"definitions"' not in json.dumps(schema)
    full = yaml.safe_load(FULL) | {"zoo": ["logreg"], "traces": {"use": "jsonl", "with": {"path": "a"}}}
    assert list(Draft202012Validator(schema).iter_errors(full)) == []


def test_every_key_of_the_spec_has_a_title_and_a_description() -> None:
    schema = router_schema()
    parts = [schema, *schema["$defs"].values()]
    parts += [each for part in parts for each in part.get("anyOf", [])]
    keys = [(key, said) for part in parts for key, said in part.get("properties", {}).items()]
    assert len(keys) > 40
    assert [key for key, said in keys if said.get("title") != key or len(said.get("description", "")) < 10] == []


TARGET = {"agreement": 0.9}


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"version": 2}, ["version"]),
        ({"name": "No Good"}, ["name"]),
        ({"name": ...}, [""]),
        ({"nam": "a"}, [""]),
        ({"seed": -1}, ["seed"]),
        ({"target": {"agreement": 92}}, ["target/agreement"]),
        ({"target": {}}, ["target"]),
        ({"target": {"agreement": 0.9, "end_to_end": 0.9}}, ["target"]),
        ({"target": TARGET | {"calibrator": 5}}, ["target/calibrator"]),
        ({"split": {"key": "a"}}, ["split"]),
        ({"split": {"strategy": "random", "key": "a"}}, ["split"]),
        ({"split": {"folds": 1}}, ["split/folds"]),
        ({"zoo": []}, ["zoo"]),
        ({"zoo": ["mlp", {"use": "mlp", "wiht": {}}]}, ["zoo/1"]),
        ({"traces": {"use": "jsonl", "format": {"text": "a"}}}, ["traces/format"]),
        ({"traces": {"use": "jsonl", "labels": {"normalize": ["stirp"]}}}, ["traces/labels/normalize/0"]),
        ({"traces": {"use": "jsonl", "labels": {"allowed": ["a", "a"]}}}, ["traces/labels/allowed"]),
        ({"report": {"text": "yes"}}, ["report/text"]),
        ({"cost": {"teacher_usd_per_1k": 1}}, ["cost"]),
        ({"serve": {"answer": "the label"}}, ["serve/answer"]),
        ({"serve": {"match": "a" * 2001}}, ["serve/match"]),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(changes: dict[str, Any], where: list[str]) -> None:
    assert complaints(router_schema(), **changes) == where


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": "${SEED}"},
        {"name": "${NAME:-a}"},
        {"target": {"agreement": "${A:?say how much}", "confidence": "${B}"}},
        {"split": {"strategy": "${S}", "key": "a", "folds": "${F}"}},
        {"report": {"text": "${T}"}},
        {"embedder": "${E}"},
        {"zoo": [{"use": "${Z}", "as": "${AS}"}]},
        {"traces": {"use": "${U}", "labels": {"normalize": ["${N}"], "unknown": "${K}"}}},
    ],
)
def test_a_variable_may_stand_for_any_scalar(changes: dict[str, Any]) -> None:
    assert complaints(router_schema(), **changes) == []


@pytest.mark.parametrize(
    ("reference", "valid"),
    [
        ("mlp", True),
        ("logreg", True),
        ("lightgbm", False),
        ("external", False),  # it needs options
        ({"use": "external"}, False),
        ({"use": "external", "with": {}}, False),
        ({"use": "external", "with": {"path": "a"}}, True),
        ({"use": "mlp", "with": {"hidden": [64, "${N}"], "layers": [{"width": 8}], "pair": [1, "b"]}}, True),
        ({"use": "mlp", "with": {"exact": "${E:-true}", "mode": "${M}"}}, True),
        ({"use": "mlp", "with": {"layers": [{"width": 0}]}}, False),
        ({"use": "mlp", "with": {"pair": [1, "b", 2]}}, False),
        ({"use": "mlp", "with": {"hiden": [64]}}, False),
        ({"use": "logreg", "with": {"C": 1}}, False),
        ({"use": "lightgbm"}, False),
        ({"use": "${ANY}", "with": {"C": 1}}, True),
    ],
)
def test_options_are_typed_by_the_plugin_that_is_used(reference: Any, valid: bool) -> None:
    traces = {"use": "jsonl", "with": {"path": "a"}}
    found = complaints(router_schema(INSTALLED), zoo=[reference], traces=traces)
    assert found == ([] if valid else ["zoo/0"])


def test_the_options_of_a_source_are_typed_too() -> None:
    schema = router_schema(INSTALLED)
    assert complaints(schema, zoo=["mlp"], traces={"use": "jsonl"}) == ["traces"]
    assert complaints(schema, zoo=["mlp"], traces={"use": "jsonl", "with": {"pth": "a"}}) == ["traces/with"]
    assert complaints(schema, zoo=["mlp"], traces={"use": "kafka"}) == ["traces/use"]


def test_names_complete_with_the_summary_of_each_plugin() -> None:
    name, mapping = router_schema(INSTALLED)["$defs"]["surrogate"]["anyOf"]
    assert dict(zip(name["anyOf"][0]["enum"], name["anyOf"][0]["enumDescriptions"], strict=True)) == {
        "logreg": "logistic regression",
        "mlp": "neural network",
    }
    assert mapping["properties"]["use"]["anyOf"][0]["enum"] == ["external", "logreg", "mlp"]


def test_an_option_called_like_a_word_of_json_schema_stays_an_option() -> None:
    class Odd(Options):
        ref: str = Field("", alias="$ref")
        default: Numbers = Numbers([])

    schema = router_schema({"surrogate": {"odd": ("odd", Odd)}})
    Draft202012Validator.check_schema(schema)
    assert complaints(schema, zoo=[{"use": "odd", "with": {"$ref": "a", "default": []}}]) == []
    assert complaints(schema, zoo=[{"use": "odd", "with": {"default": 5}}]) == ["zoo/0"]


def test_definitions_of_one_name_in_two_plugins_stay_apart() -> None:
    namesake = create_model("Layer", kernel=(int, ...))
    other = create_model("Other", __base__=Options, layers=(tuple[namesake, ...], ()))
    schema = router_schema({"surrogate": {"mlp": ("neural network", MlpOptions), "cnn": ("another", other)}})
    wide, deep = [{"width": 8}], [{"kernel": 3}]
    assert (
        complaints(schema, zoo=[{"use": "mlp", "with": {"layers": wide}}, {"use": "cnn", "with": {"layers": deep}}])
        == []
    )
    swapped = [{"use": "mlp", "with": {"layers": deep}}, {"use": "cnn", "with": {"layers": wide}}]
    assert complaints(schema, zoo=swapped) == ["zoo/0", "zoo/1"]
