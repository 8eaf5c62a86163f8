"""``tracer-spec validate``: whether a spec, with the plugins installed, is one that can be built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tracer_spec.cli.console import print_document
from tracer_spec.cli.options import overrides_option
from tracer_spec.cli.output import GITHUB, JSON, chosen_format, format_options
from tracer_spec.cli.verbs import VERBS
from tracer_spec.text_format import plural

if TYPE_CHECKING:
    from tracer_spec.plan import Plan


@click.command("validate", short_help=VERBS["validate"])
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@overrides_option
@format_options
def command(specs: tuple[str, ...], overrides: tuple[str, ...], form: str | None, as_json: bool) -> None:
    """Load each SPEC, resolve its plugins, check their options."""
    form = chosen_format(form, as_json=as_json)
    plans = _load_all(specs, overrides)
    stories = [_story(plan) for plan in plans]
    if form == JSON:
        documents = [_document(spec, plan) for spec, plan in zip(specs, plans, strict=True)]
        whole = documents[0] if len(documents) == 1 else {"status": "valid", "specs": documents}
        print_document({"schema_version": 1, **whole})
        return
    for spec, story, plan in zip(specs, stories, plans, strict=True):
        click.echo(f"{spec}: ok ({story})")
        for note in plan.notes:
            click.echo(f"  warning: {note}")
    if form == GITHUB:
        from tracer_spec.cli.text.github_summary import publish_validation

        publish_validation(specs, stories)


def _load_all(specs: tuple[str, ...], overrides: tuple[str, ...]) -> list[Plan]:
    """Return the specs' plans, or raise with the problems of all of them."""
    from tracer_spec.errors import Problem, SpecError
    from tracer_spec.plan import load_plan
    from tracer_spec.plugin.registry import find_plugins

    registry, valid, problems = find_plugins(), list["Plan"](), list[Problem]()
    for spec in specs:
        try:
            valid.append(load_plan(spec, registry, overrides=overrides))
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError.of(tuple(problems))
    return valid


def _story(plan: Plan) -> str:
    """Say on one line what a spec asks for."""
    router = plan.spec
    embedder = " or ".join(each.alias for each in plan.embedders)
    return (
        f"{router.name}: {' and '.join(each.use for each in router.sources)} traces, {embedder} embedder, "
        f"{plural(len(router.zoo), 'surrogate')}, {plural(len(router.families), 'family', 'families')}, "
        f"target {plan.target.level} {f'at {router.target.confidence}' if plan.makes_a_test else 'untested'}"
    )


def _document(spec: str, plan: Plan) -> dict[str, Any]:
    """Return what ``validate --json`` says of one spec."""
    from tracer_spec.spec import spec_digest

    router = plan.spec
    return {
        "status": "valid",
        "spec": spec,
        "name": router.name,
        "digest": spec_digest(router),
        "zoo": [each.alias for each in router.zoo],
        "families": [each.alias for each in router.families],
        "warnings": [*plan.notes],
    }
