"""Base of the documents: a pydantic model that writes one, reads it with nothing taken on trust, and makes its JSON Schema."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidationInfo,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails, core_schema

from tracer_spec.errors import BundleError
from tracer_spec.runtime.bundle import Bundle, naming
from tracer_spec.runtime.strict_json import canonical_json, check_strings, read_json

SCHEMA_VERSION = 1
_READING = "reading"
_REBUILD = "build it again with 'tracer-spec build'"

T = TypeVar("T")
Read = TypeVar("Read", bound="Part")

Text: TypeAlias = Annotated[str, Field(strict=True, min_length=1)]
Flag: TypeAlias = Annotated[bool, Field(strict=True)]
Whole: TypeAlias = Annotated[int, Field(strict=True)]
Count: TypeAlias = Annotated[int, Field(strict=True, ge=0)]
Number: TypeAlias = Annotated[float, Field(strict=True)]
Amount: TypeAlias = Annotated[float, Field(strict=True, ge=0)]
Share: TypeAlias = Annotated[float, Field(strict=True, ge=0, le=1)]
Inside: TypeAlias = Annotated[float, Field(strict=True, gt=0, lt=1)]
"""A number in (0, 1); a :data:`Share` is one in [0, 1]."""


@dataclass(frozen=True, slots=True)
class _Unwritten:
    """None says that the document does not have the key: it is written as no value, and not as null."""

    required: bool

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        value, _null = handler(schema)["anyOf"]
        return dict(value)


Always: TypeAlias = Annotated[T | None, _Unwritten(required=True)]
"""A key that every build writes; None in a document of an early release, which has it not."""
Sometimes: TypeAlias = Annotated[T | None, _Unwritten(required=False)]
"""A key that is written where there is something to say."""


class Part(BaseModel):
    """Part of a document: whoever writes it gives its keys and no other; a reader passes over keys of later releases."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _without_later_keys(cls, data: Any, info: ValidationInfo) -> Any:
        if info.context == _READING and isinstance(data, dict) and cls.model_config["extra"] == "forbid":
            return {key: value for key, value in data.items() if key in cls.model_fields}
        return data

    @model_serializer(mode="wrap")
    def _without_unwritten(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        unwritten = _unwritten(type(self))
        return {key: value for key, value in write(self).items() if value is not None or key not in unwritten}

    def document(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return self.model_dump(mode="json")


class Document(Part):
    """A document of a bundle."""

    member: ClassVar[str]
    comment: ClassVar[str]
    is_printed: ClassVar[bool] = False
    """Whether its texts are printed as they are: none of them is a label or a text of the traces."""

    schema_version: Literal[1] = 1

    def to_json(self) -> bytes:
        """Return it as stable UTF-8 JSON: sorted keys, no NaN, one line feed at the end."""
        return canonical_json(self.document()) + b"\n"

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Read it, taking nothing on trust.

        Raises
        ------
        BundleError
            Where it is no JSON object, or a value is not what its key asks for; the first such value is named.
        """
        document = read_json(data, member=cls.member)
        if cls.is_printed:
            check_strings(document, member=cls.member)
        version = document.get("schema_version")
        if type(version) is int and version > SCHEMA_VERSION:
            what = f"is of schema_version {version}; this release reads {SCHEMA_VERSION}"
            raise BundleError(what, address=cls.member, hint="pip install --upgrade tracer-spec")
        try:
            return read_part(cls, document)
        except ValidationError as error:
            raise BundleError(first_fault(error), address=cls.member, hint=_REBUILD) from None

    @classmethod
    def of_bundle(cls, bundle: Bundle) -> Self:
        """Read that of a bundle; see :meth:`read`."""
        with naming(bundle.where):
            return cls.read(bundle.members[cls.member])

    @classmethod
    def schema_document(cls) -> dict[str, Any]:
        """Return its JSON Schema."""
        return json_schema(cls, f"{cls.member} of a tracer-spec bundle, version 1", cls.comment)


def read_part(kind: type[Read], document: object) -> Read:
    """Read JSON values, passing over keys of later releases, or keeping them, as the part has it."""
    return kind.model_validate(document, context=_READING)


def json_schema(kind: type[Part], title: str, comment: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of what is written; ``comment`` says what holds beyond it."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, "$comment": comment}
    return {**head, **kind.model_json_schema(schema_generator=_Schema)}


def first_fault(error: ValidationError) -> str:
    """Say which value is wrong, what it is, and what it should be."""
    fault = error.errors(include_url=False)[0]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"]).lstrip(".")
    return f"{place or 'it'} {_fault(fault)}"


def _fault(fault: ErrorDetails) -> str:
    if fault["type"] == "missing" or fault["input"] is None:
        return "is missing"
    if fault["type"] == "value_error":
        return str(fault["ctx"]["error"])
    value = fault["input"]
    shown = "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else repr(value)[:60]
    # of pydantic's words: whatever "should" be something, and its names for kinds of Python
    said = re.sub(r"^\w+ should", "it should", fault["msg"])
    return f"is {shown}; {said.replace('tuple', 'list').replace('dictionary', 'object')}"


@cache
def _unwritten(kind: type[Part]) -> dict[str, bool]:
    """Return the keys of a part that are never null, and whether a schema asks for them."""
    marks = ((name, mark) for name, field in kind.model_fields.items() for mark in field.metadata)
    return {name: mark.required for name, mark in marks if isinstance(mark, _Unwritten)}


class _Schema(GenerateJsonSchema):
    """What is written: every key but those written :data:`Sometimes`, and no other; no titles, no defaults."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        kind: type[Part] = schema["cls"]
        unwritten = _unwritten(kind)
        made.pop("title", None)
        made["additionalProperties"] = False
        made["required"] = [name for name in kind.model_fields if unwritten.get(name, True)]
        return made

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the signature is pydantic's
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:  # noqa: ARG002
        """Leave keys in the order of the model."""
        return value
