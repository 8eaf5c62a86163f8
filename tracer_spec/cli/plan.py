"""``tracer-spec plan``: what a spec's traces can certify, before anything is trained."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from tracer_spec.cli.console import listing, paint, plural, print_document, rows
from tracer_spec.cli.verbs import VERBS

if TYPE_CHECKING:
    from tracer_spec.flow.outlook import Outlook
    from tracer_spec.plan import Plan

_SHOWN_LABELS = 5


@click.command("plan", short_help=VERBS["plan"])
@click.argument("spec", metavar="SPEC")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a value: target.agreement=0.95.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@click.option("-v", "--verbose", is_flag=True, help="Show every label and every plugin.")
def command(spec: str, overrides: Sequence[str], as_json: bool, quiet: bool, verbose: bool) -> None:
    """Say what a spec's traces can certify, before anything is trained.

    Reads the traces, parts them, and counts: rows by what became of them, labels, how far the teacher agrees with
    itself, the rows that certify, how many of them a policy must handle to be certifiable at all, and, where nothing
    could be, how many more traces it takes. Of certify rows it looks at nothing but their number. Writes nothing.
    """
    from tracer_spec.cli.progress import watch
    from tracer_spec.flow.outlook import foresee
    from tracer_spec.flow.prepare import part, read_traces
    from tracer_spec.flow.progress import staged
    from tracer_spec.plan import make_plan
    from tracer_spec.plugin.registry import find_plugins
    from tracer_spec.spec import load_spec

    with watch(-1 if quiet else 0) as observe:
        with staged(observe, "plan") as done:
            plan = make_plan(load_spec(spec, overrides=overrides), find_plugins())
            done(f"{plan.spec.name}: {len(plan.zoo)} surrogates, {len(plan.families)} families")
        with staged(observe, "read") as done:
            traces = read_traces(plan)
            done(f"{traces.accounting.kept:,} of {traces.accounting.read:,} traces kept")
        with staged(observe, "split") as done:
            sides = part(plan, traces)
            done(f"{len(sides.fit):,} fit, {len(sides.certify):,} certify")
        outlook = foresee(plan, traces, sides)
    if as_json:
        print_document(document_of(plan, outlook))
        return
    if not quiet:
        click.echo(err=True)
    click.echo(tell(plan, outlook, spec, verbose=verbose))


def document_of(plan: Plan, outlook: Outlook) -> dict[str, Any]:
    """Return the document of ``plan --json``."""
    accounting, ceiling, able = outlook.accounting, outlook.ceiling, outlook.certifiable
    return {
        "schema_version": 1,
        "status": "uncertifiable" if able.smallest_coverage is None else "certifiable",
        "name": plan.spec.name,
        "target": {
            "agreement": outlook.target.agreement,
            "end_to_end": outlook.target.end_to_end,
            "confidence": outlook.target.confidence,
            "min_coverage": outlook.target.min_coverage,
        },
        "traces": {
            "read": accounting.read,
            "kept": accounting.kept,
            "dropped": dict(accounting.dropped),
            "fit": outlook.n_fit,
            "certify": able.n_certify,
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
        "certifiable": {
            "look": able.look,
            "level": able.level,
            "fewest": able.fewest,
            "smallest_coverage": able.smallest_coverage,
            "traces_missing": able.traces_missing,
            "likely_agreement": able.likely_agreement,
            "likely_rows": able.likely_rows,
        },
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


def tell(plan: Plan, outlook: Outlook, spec: str, *, verbose: bool) -> str:
    """Return the story: whether anything could be certified, then the counts."""
    from tracer_spec.cli.story import dropped_text

    able, accounting = outlook.certifiable, outlook.accounting
    possible = able.smallest_coverage is not None
    head = f"{'certifiable' if possible else 'nothing is certifiable'}  {plan.spec.name}"
    kept = dropped_text(accounting.read, accounting.kept, accounting.dropped)
    facts = [
        ("target", _target(outlook)),
        ("ceiling", _ceiling(outlook)),
        ("traces", f"{kept}\n{outlook.n_fit:,} fit rows, {able.n_certify:,} certify rows"),
        ("labels", _labels(plan, outlook, verbose)),
        ("test", _test(plan, outlook)),
        ("plugins", _plugins(plan, verbose)),
        *(("warning", text) for text in (*outlook.warnings, *outlook.notes)),
    ]
    style = "green" if possible else "red"
    lines = [
        paint(head, "bold", style, stream=sys.stdout),
        "",
        rows(facts, stream=sys.stdout),
        "",
        *_next(outlook, spec),
    ]
    return "\n".join(lines)


def _target(outlook: Outlook) -> str:
    target = outlook.target
    of = (
        "agreement on the traffic handled"
        if target.agreement is not None
        else "of all traffic gets the teacher's label"
    )
    return f"{target.level:.6g} {of}, at {target.confidence:.6g} confidence"


def _ceiling(outlook: Outlook) -> str:
    """Say how far the teacher agrees with itself."""
    ceiling = outlook.ceiling
    lines = [f"{ceiling.share:.3f} at most on all traffic, by the teacher's own answers to the fit rows"]
    if ceiling.repeated_share is None:
        return f"{lines[0]}\nno text repeats: nothing is known of how steady the teacher is"
    share = f"at most {ceiling.repeated_share:.3f} of these rows can be agreed with"
    lines.append(
        f"{plural(ceiling.n_texts, 'text')} repeat, in {ceiling.n_repeated:,} rows; {ceiling.n_conflicting:,} of the texts "
        f"have several labels; {share}"
    )
    return "\n".join(lines)


def _labels(plan: Plan, outlook: Outlook, verbose: bool) -> str:
    """Count the labels among fit rows, and name the extremes."""
    ranked = sorted(outlook.labels.items(), key=lambda item: (-item[1], item[0]))
    listed = "listed" if plan.allowed_labels is not None else "found among fit rows"
    lines = [f"{plural(len(ranked), 'label')} {listed}"]
    if verbose or len(ranked) <= 2 * _SHOWN_LABELS:
        lines.append(", ".join(f"{label} {n:,}" for label, n in ranked))
    else:
        lines.append(f"largest: {', '.join(f'{label} {n:,}' for label, n in ranked[:_SHOWN_LABELS])}")
        lines.append(f"smallest: {', '.join(f'{label} {n:,}' for label, n in ranked[-_SHOWN_LABELS:])}")
    if outlook.n_unknown:
        made_up = listing([f"'{' '.join(label.split())[:60]}' {n:,}" for label, n in outlook.unknown_labels.items()], 6)
        lines.append(f"{plural(outlook.n_unknown, 'fit row')} off the list, each a disagreement: {made_up}")
    if outlook.n_unusable:
        lines.append(f"{plural(outlook.n_unusable, 'fit row')} with an answer that is no label, each a disagreement")
    return "\n".join(lines)


def _test(plan: Plan, outlook: Outlook) -> str:
    """Say what the test needs and what the certify rows give."""
    able, target = outlook.certifiable, outlook.target
    if able.fewest is None:
        return f"'{plan.calibrator.provided.name}' makes none: it promises nothing, whatever the number of rows"
    look = f", look {able.look} at these certify rows" if able.look else ""
    lines = [f"at level {able.level:.4g}{look}"]
    if target.agreement is None:
        lines.append(
            f"{able.fewest:,} certify rows at least, none of them with a wrong label; there are {able.n_certify:,}"
        )
    else:
        lines.append(
            f"a policy must handle {able.fewest:,} certify rows at least, all agreeing; there are {able.n_certify:,}"
        )
    if able.smallest_coverage is not None:
        lines.append(f"the smallest coverage that could be certified is {able.smallest_coverage:.3f}")
    if able.likely_rows is not None:
        rows_of = "rows" if target.agreement is None else "handled rows"
        share = able.likely_rows / able.n_certify if able.n_certify else 2.0
        reach = f"coverage {share:.3f}" if share <= 1 and target.agreement is not None else "more than there are"
        reach = "as there are" if share <= 1 and target.agreement is None else reach
        lines.append(
            f"a policy of true {able.likely_agreement:.6g} passes nine times in ten on {able.likely_rows:,} {rows_of}: {reach}"
        )
    return "\n".join(lines)


def _plugins(plan: Plan, verbose: bool) -> str:
    """List the plugins by kind, and by who ships them."""
    by_kind: dict[str, list[str]] = {}
    shipped: dict[str, None] = {}
    for each in plan.resolved:
        by_kind.setdefault(each.provided.kind, []).append(each.alias)
        shipped[f"{each.provided.distribution} {each.provided.version}"] = None
    lines = ["; ".join(f"{kind} {', '.join(names)}" for kind, names in by_kind.items()), f"from {', '.join(shipped)}"]
    if verbose:
        lines += [
            f"{each.provided.kind} {each.alias}: {each.provided.name}, {each.provided.distribution} {each.provided.version}"
            for each in plan.resolved
        ]
    return "\n".join(lines)


def _next(outlook: Outlook, spec: str) -> list[str]:
    able = outlook.certifiable
    if able.smallest_coverage is not None:
        return ["next", f"  tracer-spec build {spec}"]
    missing = (
        f"about {able.traces_missing:,} more traces before anything could be" if able.traces_missing else "certify rows"
    )
    return ["what would help", f"  {missing}, or a lower target.agreement or target.confidence"]
