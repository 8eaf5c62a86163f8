"""Which options of an embedder a bundle may neither hold nor set, however they are declared and spelled."""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasChoices, AliasPath, ConfigDict, Field
from pydantic.alias_generators import to_camel

from tracer_spec.plugin import DeploymentOption, Options

Address = Annotated[str, DeploymentOption()]


def test_an_option_is_known_by_each_name_that_it_is_read_by():
    class Spelled(Options):
        plain: Address = ""
        aliased: Address = Field("", alias="endpoint")
        read_as: Address = Field("", validation_alias="host")
        one_of: Address = Field("", validation_alias=AliasChoices("server", AliasPath("servers", 0)))
        model: str = Field("", alias="model_name")

    read = {"plain", "aliased", "endpoint", "read_as", "host", "one_of", "server", "servers"}
    assert Spelled.deployment_options() == read


def test_an_option_has_no_effect_where_another_is_true():
    class Beside(Options):
        path: Annotated[str | None, DeploymentOption(unless="in_bundle")] = Field(None, alias="folder")
        host: Address = ""
        in_bundle: bool = True

    assert Beside.deployment_options() == {"path", "folder", "host"}
    assert Beside.deployment_options({"in_bundle": False}) == {"path", "folder", "host"}
    assert Beside.deployment_options({"in_bundle": True}) == {"host"}


def test_names_that_a_generator_makes_count_too():
    class Generated(Options):
        model_config = ConfigDict(alias_generator=to_camel)
        base_url: Address = ""
        model_name: str = ""

    assert Generated.deployment_options() == {"base_url", "baseUrl"}


def test_a_mark_on_a_part_of_the_type_counts():
    class Marked(Options):
        either: Address | None = None
        many: tuple[Address, ...] = ()
        by_name: dict[str, Address | int] | None = None
        model: str | None = None

    assert Marked.deployment_options() == {"either", "many", "by_name"}
