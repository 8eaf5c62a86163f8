"""Options of the commands that open a bundle: which bundle is the right one, and what may embed for it."""

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
            raise UsageError(
                "--embedder-option takes KEY=VALUE", hint="for example --embedder-option base_url=http://..."
            )
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
