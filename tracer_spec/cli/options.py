"""Options that several commands take."""

from __future__ import annotations

import json
from typing import Any

import click

from tracer_spec.errors import UsageError

embedder_option = click.option(
    "--embedder", metavar="NAME", help="Let the bundle embed by the installed plugin of this name, which it asks for."
)


def _read_options(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, Any]:
    """Return KEY=VALUE pairs as a mapping; a value that is JSON is read as such."""
    options: dict[str, Any] = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not key or not equals:
            hint = "for example --embedder-option base_url=http://..."
            raise UsageError("--embedder-option takes KEY=VALUE", hint=hint)
        try:
            options[key] = json.loads(value)
        except ValueError:
            options[key] = value
    return options


embedder_options_option = click.option(
    "--embedder-option",
    "embedder_options",
    metavar="KEY=VALUE",
    multiple=True,
    callback=_read_options,
    help="Give the embedder's plugin an address, a folder or the like, which no bundle may. Repeatable.",
)
sha256_option = click.option("--sha256", metavar="HEX", help="Refuse the bundle unless this is the digest of its file.")
overrides_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a value: target.agreement=0.95."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
source_option = click.option(
    "--source",
    type=click.IntRange(min=0),
    metavar="N",
    help="Read records as this source of the bundle's spec, counted from 0, where it has several.",
)
brief_option = click.option(
    "--brief",
    is_flag=True,
    help="Tell no more than the verdict, the claim, the numbers, learners that failed and the file.",
)


def only_one_of(**flags: bool) -> None:
    """Raise where two of some flags are given."""
    given = [f"--{name}" for name, is_given in flags.items() if is_given]
    if len(given) > 1:
        raise UsageError(f"{given[0]} and {given[1]} are both given; take one of them")
