"""``tracer-spec validate``: whether a spec, with the plugins installed, is one that can be built."""

from __future__ import annotations

import click

from tracer_spec.cli.console import plural, print_document
from tracer_spec.cli.verbs import VERBS


@click.command("validate", short_help=VERBS["validate"])
@click.argument("spec", metavar="SPEC")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a value: target.agreement=0.95.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(spec: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Load SPEC, resolve its plugins, check their options."""
    from tracer_spec.plan import make_plan
    from tracer_spec.plugin.registry import find_plugins
    from tracer_spec.spec import load_spec, spec_digest

    loaded = load_spec(spec, overrides=overrides)
    make_plan(loaded, find_plugins())
    router = loaded.spec
    zoo = [each.alias for each in router.zoo]
    families = [each.alias for each in router.families]
    if as_json:
        print_document(
            {
                "schema_version": 1,
                "status": "valid",
                "spec": spec,
                "name": router.name,
                "digest": spec_digest(router),
                "zoo": zoo,
                "families": families,
            }
        )
        return
    click.echo(
        f"{spec}: ok ({router.name}: {router.traces.use} traces, {router.embedder.use} embedder, "
        f"{plural(len(zoo), 'surrogate')}, {plural(len(families), 'family', 'families')}, "
        f"target {router.target.agreement or router.target.end_to_end} at {router.target.confidence})"
    )
