"""``tracer-spec plan``: what a spec's traces can certify, before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracer_spec.build_packages import check_build_packages
from tracer_spec.cli.console import print_document
from tracer_spec.cli.options import brief_option, only_one_of, overrides_option, quiet_option
from tracer_spec.cli.output import GITHUB, JSON, chosen_format, format_options
from tracer_spec.cli.verbs import VERBS
from tracer_spec.errors import UsageError

if TYPE_CHECKING:
    from tracer_spec.flow.preview.certifiable import Outlook
    from tracer_spec.flow.preview.curve import Curve
    from tracer_spec.flow.preview.embedders import EmbedderPreview
    from tracer_spec.flow.progress import Observer
    from tracer_spec.flow.traces.trace_set import TraceSet
    from tracer_spec.plan import Plan


@click.command("plan", short_help=VERBS["plan"])
@click.argument("spec", metavar="SPEC")
@overrides_option
@format_options
@quiet_option
@brief_option
@click.option(
    "--curve/--no-curve",
    default=None,
    help="Estimate what more or fewer traces would certify: by default where there are 1,200 fit rows or fewer.",
)
@click.option(
    "--missing",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the traces that have no vector, a line each, with id, text and its digest: for who makes vectors.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show every label and every plugin.")
def command(
    spec: str,
    overrides: Sequence[str],
    form: str | None,
    as_json: bool,
    quiet: bool,
    brief: bool,
    curve: bool | None,
    missing: Path | None,
    verbose: bool,
) -> None:
    """Say what a spec's traces can certify, before anything is trained.

    Reads the traces, parts them, and counts: rows by what became of them, labels, how far the teacher agrees with
    itself, the rows that certify, how many of them a policy must handle to be certifiable at all, and, where nothing
    could be, how many more traces it takes. Of certify rows it looks at nothing but their number, and, where vectors come
    with the traces, whether each has one.

    The curve trains one quick learner on parts of the fit rows, and estimates what would be certified with 300 to 10,000
    traces, and for other targets. Nothing else is trained. Writes nothing but the cache, and the file of --missing.
    """
    check_build_packages("planning a build")
    from tracer_spec.cli.progress import watch
    from tracer_spec.flow.progress import staged
    from tracer_spec.plan import load_plan
    from tracer_spec.plugin.registry import find_plugins
    from tracer_spec.spec.placed import placed

    only_one_of(brief=brief, verbose=verbose)
    form = chosen_format(form, as_json=as_json)
    with watch(-1 if quiet else 0) as observe:
        with staged(observe, "plan") as done:
            plan = load_plan(spec, find_plugins(), overrides=overrides)
            done(f"{plan.spec.name}; zoo: {', '.join(each.alias for each in plan.zoo)}")
        with placed(plan.loaded):
            outlook, previews = _look_ahead(plan, observe, curve=curve, missing=missing)
    if form == JSON:
        print_document(document_of(plan, outlook, previews))
        return
    from tracer_spec.cli.text.plan import plan_outcome

    outcome = plan_outcome(plan, outlook, previews, spec, verbose=verbose)
    if not quiet:
        click.echo(err=True)
    click.echo(outcome.text(brief=brief))
    if form == GITHUB:
        from tracer_spec.cli.text.github_summary import publish_plan

        publish_plan(outcome, spec, overrides)


def _look_ahead(
    plan: Plan, observe: Observer, *, curve: bool | None, missing: Path | None
) -> tuple[Outlook, tuple[EmbedderPreview, ...]]:
    """Read the traces, part them, and count what they can certify."""
    from tracer_spec.flow.cache.store import open_store
    from tracer_spec.flow.lock.file import lock_path
    from tracer_spec.flow.lock.fitted import dealt_before
    from tracer_spec.flow.prepare import (
        check_teachers,
        condition_notes,
        deferred_notes,
        label_target_notes,
        part,
        read_traces,
        weight_notes,
    )
    from tracer_spec.flow.preview.certifiable import preview
    from tracer_spec.flow.preview.embedders import preview_embedders
    from tracer_spec.flow.progress import staged
    from tracer_spec.flow.traces.fit_weights import fit_weights
    from tracer_spec.flow.traces.label_space import label_space
    from tracer_spec.flow.training.label_names import check_own_words, label_notes
    from tracer_spec.flow.training.missing_vectors import on_either_side

    with staged(observe, "read") as done:
        traces = read_traces(plan)
        done(f"{traces.accounting.kept:,} of {traces.accounting.read:,} traces kept")
    with staged(observe, "split") as done:
        sides = part(traces, plan.spec.split, dealt_before(plan, traces))
        check_teachers(plan, traces, sides)
        check_own_words(plan.label_texts, traces.texts)
        _check_vectors(plan, on_either_side(traces, sides), missing)
        done(f"{len(sides.fit):,} fit, {len(sides.certify):,} certify")
    weights, fit = fit_weights(traces, sides), traces.take(sides.fit)
    labels = label_space(plan.allowed_labels, fit.labels)
    outlook = preview(
        plan.spec,
        traces,
        sides,
        target=plan.target,
        allowed_labels=plan.allowed_labels,
        makes_a_test=plan.makes_a_test,
        lock=lock_path(plan.loaded.file),
        weights=weights,
        notes=(
            *plan.notes,
            *condition_notes(plan, traces.accounting),
            *label_target_notes(plan),
            *deferred_notes(plan, fit),
            *weight_notes(plan, weights),
            *label_notes(plan, fit, labels),
        ),
    )
    store = open_store()
    previews = preview_embedders(plan, fit, labels, outlook, weights, store=store, curve=curve, observe=observe)
    store.close()
    return outlook, previews


def _check_vectors(plan: Plan, traces: TraceSet, listed: Path | None) -> None:
    """Raise where traces have no vector, once they are listed in a file, if asked for."""
    from tracer_spec.atomic_write import check_replaces_its_own, replace_file
    from tracer_spec.flow.training.missing_vectors import STARTS, as_lines, refuse_missing, without_vectors

    if listed and not plan.embedder.reads_vectors:
        raise UsageError(
            f"--missing lists traces without a vector, and '{plan.embedder.alias}' makes vectors from texts"
        )
    if listed:
        check_replaces_its_own(listed, what="the file of --missing", ending=None, start=STARTS)
    found = without_vectors(plan.embedder, traces)
    if listed:
        replace_file(listed, as_lines(found).encode(), what="the file of --missing")
    refuse_missing(plan.embedder, found, len(traces))


def document_of(plan: Plan, outlook: Outlook, previews: Sequence[EmbedderPreview]) -> dict[str, Any]:
    """Return the document of ``plan --json``; where several embedders compete, curve and cache at its top are the first's."""
    first = previews[0]
    accounting, ceiling, able = outlook.accounting, outlook.ceiling, outlook.certifiable
    of_labels = [
        {**asdict(each.asked), **_values(each, "fewest", "expected", "likely_rate", "likely_rows", "traces_missing")}
        for each in outlook.label_targets
    ]
    return {
        "schema_version": 1,
        "status": outlook.status,
        "name": plan.spec.name,
        "target": _values(outlook.target, "agreement", "end_to_end", "confidence", "min_coverage"),
        "traces": {
            "read": accounting.read,
            "kept": accounting.kept,
            "dropped": dict(accounting.dropped),
            "fit": outlook.n_fit,
            "certify": able.n_certify,
            **accounting.by_source(),
        },
        "labels": dict(outlook.labels),
        "unknown_labels": {
            "n": outlook.n_unknown,
            "unusable": outlook.n_unusable,
            "labels": dict(list(outlook.unknown_labels.items())[:20]),
        },
        "ceiling": {
            "share": ceiling.share,
            "n": ceiling.n,
            "k": ceiling.k,
            "repeated": {"share": ceiling.repeated_share, "n": ceiling.n_repeated, "k": ceiling.k_repeated},
            "repeated_texts": ceiling.n_texts,
            "conflicting_texts": ceiling.n_conflicting,
        },
        "certifiable": _values(
            able,
            *("look", "level", "fewest", "smallest_coverage", "traces_missing", "likely_agreement", "likely_rows"),
        )
        | ({"labels": of_labels} if of_labels else {}),
        "curve": _curve(first.curve),
        "cache": asdict(first.cached),
        **({"embedders": [*map(_embedder, previews)]} if len(previews) > 1 else {}),
        "plugins": [
            {
                "kind": each.provided.kind,
                "name": each.provided.name,
                "as": each.alias,
                "distribution": each.provided.distribution,
                "version": each.provided.version,
            }
            for each in plan.resolved
        ],
        "warnings": [*outlook.warnings, *outlook.notes],
    }


def _embedder(preview: EmbedderPreview) -> dict[str, Any]:
    return {"name": preview.name, "curve": _curve(preview.curve), "cache": asdict(preview.cached)}


def _curve(drawn: Curve | None) -> dict[str, Any] | None:
    if drawn is None:
        return None
    return {
        "learner": drawn.learner,
        "learned": list(drawn.learned),
        "now": drawn.now.n_traces,
        "points": [
            {
                "traces": point.n_traces,
                "fit": point.n_fit,
                "certify": point.n_certify,
                "expected": [
                    {"target": target, **asdict(each)}
                    for target, each in zip(drawn.targets, point.expected, strict=True)
                ],
            }
            for point in drawn.points
        ],
        "nearest": asdict(drawn.nearest),
    }


def _values(source: object, *names: str) -> dict[str, Any]:
    return {name: getattr(source, name) for name in names}
