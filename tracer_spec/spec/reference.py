"""A plugin by name, wherever the spec names one."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationInfo, model_validator

from tracer_spec.spec.fields import (
    ONE,
    SEVERAL,
    PluginName,
    is_plugin_name,
    non_empty,
    one_or_several,
    refusal,
    refusals,
)


class Part(BaseModel):
    """A mapping of the spec: frozen, and it knows every key it takes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PluginRef(Part):
    """A plugin by name, with its options; a bare NAME stands for {use: NAME}."""

    use: PluginName = Field(description="The plugin's name; 'tracer-spec plugins' lists those installed.")
    alias: PluginName = Field(
        default="", alias="as", description="What this one is called in reports and bundles; by default, its name."
    )
    options: dict[str, Any] = Field(
        default_factory=dict,
        alias="with",
        description="The plugin's options; 'tracer-spec plugins NAME' explains them.",
        json_schema_extra={"default": {}},
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: Any) -> Any:
        if isinstance(data, str):
            data = {"use": data}
        if not isinstance(data, dict) or data.get("as") is not None:
            return data
        name = data.get("use")
        # a bad name is refused as the name it is, and not as an alias too
        alias = name if isinstance(name, str) and is_plugin_name(name) else "unnamed"
        return {**data, "as": alias}


def _unique_aliases(refs: tuple[PluginRef, ...], info: ValidationInfo) -> tuple[PluginRef, ...]:
    """Refuse two plugins of one list under one name."""
    first: dict[str, int] = {}
    found = []
    for index, ref in enumerate(refs):
        if first.setdefault(ref.alias, index) != index:
            fact = f"is the name of both {info.field_name}[{first[ref.alias]}] and {info.field_name}[{index}]"
            place = (index, "as" if ref.alias != ref.use else "use")
            found.append((place, ref.alias, refusal(fact, hint="give one of them another name with 'as'")))
    if found:
        raise refusals("list", found)
    return refs


PluginRefs = Annotated[tuple[PluginRef, ...], AfterValidator(_unique_aliases)]
Acceptors = Annotated[
    Annotated[PluginRef, Tag(ONE)] | Annotated[PluginRefs, AfterValidator(non_empty("acceptor")), Tag(SEVERAL)],
    Discriminator(one_or_several),
]
"""One acceptor, or several that compete."""
Embedders = Annotated[
    Annotated[PluginRef, Tag(ONE)] | Annotated[PluginRefs, AfterValidator(non_empty("embedder")), Tag(SEVERAL)],
    Discriminator(one_or_several),
]
"""One embedder, or several that compete."""
