"""``tracer-spec plan``: what a spec's traces can certify, before anything is trained."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from tracer_spec.cli.console import listing, one_line, paint, plural, print_document, rows
from tracer_spec.cli.output import GITHUB, JSON, chosen_format, format_options
from tracer_spec.cli.text.cache import cached_text
from tracer_spec.cli.verbs import VERBS

if TYPE_CHECKING:
    from tracer_spec.flow.preview.cached import Forecast
    from tracer_spec.flow.preview.certifiable import Ceiling, Certifiable, Outlook
    from tracer_spec.plan import Plan
    from tracer_spec.plugin import Target

_SHOWN_LABELS = 5
_STYLES = {"certifiable": "green", "uncertifiable": "red", "untested": "yellow"}


@click.command("plan", short_help=VERBS["plan"])
@click.argument("spec", metavar="SPEC")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a value: target.agreement=0.95.")
@format_options
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@click.option("-v", "--verbose", is_flag=True, help="Show every label and every plugin.")
def command(spec: str, overrides: Sequence[str], form: str | None, as_json: bool, quiet: bool, verbose: bool) -> None:
    """Say what a spec's traces can certify, before anything is trained.

    Reads the traces, parts them, and counts: rows by what became of them, labels, how far the teacher agrees with
    itself, the rows that certify, how many of them a policy must handle to be certifiable at all, and, where nothing
    could be, how many more traces it takes. Of certify rows it looks at nothing but their number. Writes nothing.
    """
    from tracer_spec.cli.progress import watch
    from tracer_spec.flow.cache.store import open_store
    from tracer_spec.flow.lock.file import lock_path
    from tracer_spec.flow.lock.fitted import dealt_before
    from tracer_spec.flow.prepare import part, read_traces
    from tracer_spec.flow.preview.cached import forecast
    from tracer_spec.flow.preview.certifiable import preview
    from tracer_spec.flow.progress import staged
    from tracer_spec.plan import make_plan
    from tracer_spec.plugin.registry import find_plugins
    from tracer_spec.spec import load_spec

    form = chosen_format(form, as_json=as_json)
    with watch(-1 if quiet else 0) as observe:
        with staged(observe, "plan") as done:
            plan = make_plan(load_spec(spec, overrides=overrides), find_plugins())
            done(f"{plan.spec.name}; zoo: {', '.join(each.alias for each in plan.zoo)}")
        with staged(observe, "read") as done:
            traces = read_traces(plan)
            done(f"{traces.accounting.kept:,} of {traces.accounting.read:,} traces kept")
        with staged(observe, "split") as done:
            sides = part(traces, plan.spec.split, dealt_before(plan, traces))
            done(f"{len(sides.fit):,} fit, {len(sides.certify):,} certify")
        outlook = preview(
            plan.spec,
            traces,
            sides,
            target=plan.target,
            allowed_labels=plan.allowed_labels,
            makes_a_test=plan.makes_a_test,
            lock=lock_path(plan.loaded.file),
        )
        store = open_store()
        cached = forecast(
            traces.take(sides.fit),
            store,
            embedder=plan.embedder,
            zoo=plan.zoo,
            allowed_labels=plan.allowed_labels,
            split=plan.spec.split,
            seed=plan.spec.seed,
        )
        store.close()
    if form == JSON:
        print_document(document_of(plan, outlook, cached))
        return
    if not quiet:
        click.echo(err=True)
    click.echo(tell(plan, outlook, cached, spec, verbose=verbose))
    if form == GITHUB:
        from tracer_spec.cli.text.github_summary import tell_plan

        tell_plan(plan, outlook, spec, overrides)


def document_of(plan: Plan, outlook: Outlook, cached: Forecast) -> dict[str, Any]:
    """Return the document of ``plan --json``."""
    accounting, ceiling, able = outlook.accounting, outlook.ceiling, outlook.certifiable
    return {
        "schema_version": 1,
        "status": able.status,
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
        "cache": asdict(cached),
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


def tell(plan: Plan, outlook: Outlook, cached: Forecast, spec: str, *, verbose: bool) -> str:
    """Return the story: whether anything could be certified, then the counts."""
    from tracer_spec.cli.text.summary import dropped_text

    able, accounting = outlook.certifiable, outlook.accounting
    kept = dropped_text(accounting.read, accounting.kept, accounting.dropped)
    facts = [
        ("target", _target(outlook.target)),
        ("ceiling", _ceiling(outlook.ceiling)),
        ("traces", f"{kept}\n{outlook.n_fit:,} fit rows, {able.n_certify:,} certify rows"),
        ("labels", _labels(plan, outlook, verbose)),
        ("test", _test(plan, outlook)),
        ("plugins", _plugins(plan, verbose)),
        ("cache", cached_text(cached, able.n_certify)),
        *(("warning", text) for text in (*outlook.warnings, *outlook.notes)),
    ]
    head = paint(f"{able.status}  {plan.spec.name}", "bold", _STYLES[able.status], stream=sys.stdout)
    return "\n".join([head, "", rows(facts, stream=sys.stdout), "", *_next(outlook, spec)])


def _target(target: Target) -> str:
    if target.agreement is not None:
        return f"{target.level:.6g} agreement on the traffic handled, at {target.confidence:.6g} confidence"
    return f"{target.level:.6g} of all traffic gets no label but the teacher's, at {target.confidence:.6g} confidence"


def _ceiling(ceiling: Ceiling) -> str:
    """Say how far the teacher agrees with itself."""
    line = f"{ceiling.share:.3f} at most for a router that answers everything, by the teacher's own answers to the fit rows"
    if ceiling.repeated_share is None:
        return f"{line}\nno text repeats, so nothing is known of how steady the teacher is"
    return (
        f"{line}\n{plural(ceiling.n_repeated, 'row')} share {plural(ceiling.n_texts, 'text')}, "
        f"{ceiling.n_conflicting:,} of which have several labels: at most {ceiling.repeated_share:.3f} on these rows"
    )


def _labels(plan: Plan, outlook: Outlook, verbose: bool) -> str:
    """Count the labels among fit rows, and name the extremes."""
    ranked = sorted(outlook.labels.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{one_line(label)} {n:,}" for label, n in ranked]
    lines = [
        f"{plural(len(ranked), 'label')} {'listed' if plan.allowed_labels is not None else 'found'}; fit rows of each:"
    ]
    if verbose or len(shown) <= 2 * _SHOWN_LABELS:
        lines += [", ".join(shown[at : at + _SHOWN_LABELS]) for at in range(0, len(shown), _SHOWN_LABELS)]
    else:
        lines += [f"most: {', '.join(shown[:_SHOWN_LABELS])}", f"fewest: {', '.join(shown[-_SHOWN_LABELS:])}"]
    if outlook.n_unknown:
        made_up = listing([f"'{one_line(label)}' {n:,}" for label, n in outlook.unknown_labels.items()], 5)
        lines.append(f"{plural(outlook.n_unknown, 'fit row')} off the list, each a disagreement: {made_up}")
    if outlook.n_unusable:
        lines.append(f"{plural(outlook.n_unusable, 'fit row')} with an answer that is no label, each a disagreement")
    return "\n".join(lines)


def _test(plan: Plan, outlook: Outlook) -> str:
    """Say what the test needs and what the certify rows give."""
    able, target = outlook.certifiable, outlook.target
    if able.fewest is None:
        return f"'{plan.calibrator.provided.name}' makes none: it promises nothing, whatever the number of rows"
    on_agreement = target.agreement is not None
    measure = "agreement" if on_agreement else "end-to-end rate"
    least = f"at least {able.fewest:,} certify rows must be handled, all of them with the teacher's label"
    if not on_agreement:
        least = f"at least {able.fewest:,} certify rows are needed, none of them with a label that is not the teacher's"
    lines = [f"{least}; there are {able.n_certify:,}"]
    if able.smallest_coverage is not None and on_agreement:
        asked = ", the target's min_coverage" if able.smallest_coverage == target.min_coverage else ""
        lines.append(f"the smallest coverage that could be certified is {able.smallest_coverage:.3f}{asked}")
    if able.likely_rows is not None:
        policy = f"a policy whose true {measure} is {able.likely_agreement:.6g}"
        lines.append(f"{policy} passes nine times in ten on {able.likely_rows:,} of them{_share(able, on_agreement)}")
    if able.look is not None:
        lines.append(
            f"a new build's look at these rows would be number {able.look}: its test spends {able.level:.2g} of error"
        )
    return "\n".join(lines)


def _share(able: Certifiable, on_agreement: bool) -> str:
    """Say what share of the certify rows a good policy needs."""
    needed = able.likely_rows or 0
    if needed > able.n_certify:
        return f"; there are {able.n_certify:,}"
    return f", at coverage {needed / able.n_certify:.3f}" if on_agreement else ""


def _plugins(plan: Plan, verbose: bool) -> str:
    """List the plugins by kind, and who ships them."""
    if verbose:
        return "\n".join(
            f"{each.provided.kind} {each.alias}: {each.provided.name}, {each.provided.distribution} {each.provided.version}"
            for each in plan.resolved
        )
    by_kind: dict[str, list[str]] = {}
    for each in plan.resolved:
        by_kind.setdefault(each.provided.kind, []).append(each.alias)
    shipped = sorted({f"{each.provided.distribution} {each.provided.version}" for each in plan.resolved})
    return f"{'; '.join(f'{kind} {listing(names)}' for kind, names in by_kind.items())}\nfrom {listing(shipped)}"


def _next(outlook: Outlook, spec: str) -> list[str]:
    able = outlook.certifiable
    if able.status != "uncertifiable":
        return ["next", f"  tracer-spec build {spec}"]
    asked = "target.agreement" if outlook.target.agreement is not None else "target.end_to_end"
    more = f"about {able.traces_missing:,} more traces" if able.traces_missing else "certify rows"
    return ["what would help", f"  {more} before anything could be certified, or a lower {asked} or target.confidence"]
