"""Options that several commands take."""

from __future__ import annotations

import click

from tracer_spec.errors import UsageError

embedder_option = click.option(
    "--embedder", metavar="NAME", help="Let the bundle embed by the installed plugin of this name, which it asks for."
)
sha256_option = click.option("--sha256", metavar="HEX", help="Refuse the bundle unless this is the digest of its file.")
overrides_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a value: target.agreement=0.95."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
brief_option = click.option(
    "--brief", is_flag=True, help="Tell no more than the verdict, the claim, the numbers and the file."
)


def only_one_of(**flags: bool) -> None:
    """Raise where two of some flags are given."""
    given = [f"--{name}" for name, is_given in flags.items() if is_given]
    if len(given) > 1:
        raise UsageError(f"{given[0]} and {given[1]} are both given; take one of them")
