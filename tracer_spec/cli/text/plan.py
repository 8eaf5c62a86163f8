"""Facts of a plan: whether anything could be certified, then the counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tracer_spec.cli.text.curve import curve_text
from tracer_spec.cli.text.github_commands import WARNING
from tracer_spec.cli.text.outcome import Outcome, level_of, traces_level
from tracer_spec.flow.traces.accounting import BEYOND
from tracer_spec.report.facts import Fact, dropped_text, source_facts
from tracer_spec.text_format import counted_names, listing, one_line, plural

if TYPE_CHECKING:
    from tracer_spec.flow.preview.cached import Forecast
    from tracer_spec.flow.preview.certifiable import Ceiling, Outlook
    from tracer_spec.flow.preview.embedders import EmbedderPreview
    from tracer_spec.flow.preview.label_outlook import LabelOutlook
    from tracer_spec.plan import Plan
    from tracer_spec.plugin import Target

_SHOWN_LABELS = 5
# under this chance of a certificate a look is better not spent
_EVEN = 0.5


def plan_outcome(
    plan: Plan, outlook: Outlook, previews: Sequence[EmbedderPreview], spec: str, *, verbose: bool
) -> Outcome:
    """Return what a spec's traces can certify."""
    from tracer_spec.flow.preview.embedders import likeliest

    able, accounting, best = outlook.certifiable, outlook.accounting, likeliest(previews)
    # where no curve was drawn, nothing speaks against a certificate
    chance = best.curve.at_target(best.curve.now).chance if best and best.curve else 1.0
    kept = dropped_text(accounting.read, accounting.kept, accounting.dropped)
    sides = f"{outlook.n_fit:,} fit rows, {able.n_certify:,} certify rows"
    facts = [
        Fact("target", _target(outlook.target, is_tested=plan.makes_a_test)),
        Fact("ceiling", _ceiling(outlook.ceiling)),
        Fact("traces", f"{kept}\n{sides}", traces_level(accounting.dropped), "traces"),
        *source_facts((each.name, each.read, each.kept, each.dropped) for each in accounting.sources),
        Fact("labels", _labels(plan, outlook, verbose)),
        *_off_list(outlook),
        Fact("test", _test(plan, outlook), level_of(outlook.status), "target", outlook.status),
        *_curves(previews),
        Fact("plugins", _plugins(plan, verbose)),
        *_embedders(plan, previews),
        *_caches(previews, able.n_certify),
        *(Fact("warning", text, WARNING, "traces", "traces") for text in (*outlook.warnings, *outlook.notes)),
        *_unlikely(outlook, previews, best, chance),
        _next(outlook, spec, chance),
    ]
    headline = outlook.unread.headline
    if not headline and outlook.status == "certifiable" and chance < _EVEN:
        headline = "by the number of rows; a build would likely be refused"
    return Outcome(outlook.status, plan.spec.name, facts, ending=f": {headline}" if headline else "")


def _target(target: Target, *, is_tested: bool) -> str:
    of_handled, of_all = "agreement on the traffic handled", "of all traffic gets no label but the teacher's"
    sure = f", at {target.confidence:.6g} confidence" if is_tested else ""
    return f"{target.level:.6g} {of_all if target.agreement is None else of_handled}{sure}"


def _ceiling(ceiling: Ceiling) -> str:
    """Say how far the teacher agrees with itself."""
    line = f"{ceiling.share:.3f} at most for a router that answers everything, by the teacher's own answers to the fit rows"
    if ceiling.repeated_share is None:
        return f"{line}\nno text of fit rows repeats, so nothing is known of how steady the teacher is"
    return (
        f"{line}\n{plural(ceiling.n_repeated, 'row')} share {plural(ceiling.n_texts, 'text')}, "
        f"{ceiling.n_conflicting:,} of which have several labels: at most {ceiling.repeated_share:.3f} on these rows"
    )


def _labels(plan: Plan, outlook: Outlook, verbose: bool) -> str:
    """Count the labels among fit rows, and name the extremes."""
    ranked = sorted(outlook.labels.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{one_line(label)} {n:,}" for label, n in ranked]
    known = "listed" if plan.allowed_labels is not None else "found"
    if verbose or len(shown) <= 2 * _SHOWN_LABELS:
        lines = [", ".join(shown[at : at + _SHOWN_LABELS]) for at in range(0, len(shown), _SHOWN_LABELS)]
    else:
        lines = [f"most: {', '.join(shown[:_SHOWN_LABELS])}", f"fewest: {', '.join(shown[-_SHOWN_LABELS:])}"]
    return "\n".join([f"{plural(len(ranked), 'label')} {known}; fit rows of each:", *lines])


def _off_list(outlook: Outlook) -> list[Fact]:
    """Name the labels that the teacher made up, and count the answers that are none."""
    facts = []
    if outlook.n_unknown:
        made_up = counted_names(outlook.unknown_labels.items(), 5)
        text = f"{plural(outlook.n_unknown, 'fit row')} off the list, each a disagreement: {made_up}"
        facts.append(Fact("off list", text, WARNING, "traces.labels", "made-up labels"))
    if outlook.n_unusable:
        unusable = f"{plural(outlook.n_unusable, 'fit row')} with an answer that is not a label, each a disagreement"
        facts.append(Fact("no label", unusable))
    return facts


def _test(plan: Plan, outlook: Outlook) -> str:
    """Say what the test needs and what the certify rows give."""
    able, target = outlook.certifiable, outlook.target
    if able.fewest is None:
        return f"'{plan.calibrator.provided.name}' makes none: it promises nothing, whatever the number of rows"
    on_agreement = target.agreement is not None
    needed = "be handled, all of them with the teacher's label"
    if not on_agreement:
        needed = "are needed, none of them with a label that is not the teacher's"
    must = "must " if on_agreement else ""
    lines = [f"at least {able.fewest:,} certify rows {must}{needed}; there are {able.n_certify:,}"]
    if able.smallest_coverage is not None and on_agreement:
        asked = ", the target's min_coverage" if able.smallest_coverage == target.min_coverage else ""
        lines.append(f"the smallest coverage that could be certified is {able.smallest_coverage:.3f}{asked}")
    if able.likely_rows is not None:
        measure = "agreement" if on_agreement else "end-to-end rate"
        share = f", at coverage {able.likely_rows / able.n_certify:.3f}" if on_agreement and able.n_certify else ""
        share = f"; there are {able.n_certify:,}" if able.likely_rows > able.n_certify else share
        lines.append(
            f"a policy whose true {measure} is {able.likely_agreement:.6g} passes nine times in ten on "
            f"{able.likely_rows:,} of them{share}"
        )
    if able.look is not None:
        look = f"a new build's look at these rows would be number {able.look}"
        lines.append(f"{look}: its test spends {able.level:.2g} of error")
    return "\n".join([*lines, *map(_label_test, outlook.label_targets)])


def _label_test(outlook: LabelOutlook) -> str:
    """Say what the test of one label needs and what is to be expected."""
    asked = outlook.asked
    missed = asked.measure == "missed"
    limit = f"at most {asked.limit:.6g} missed" if missed else f"agreement of {asked.limit:.6g}"
    come = "the teacher calls so must come, none of them with another label"
    if not missed:
        come = "the router calls so must come, all of them so by the teacher"
    line = f"'{one_line(asked.label)}', {limit}: at least {outlook.fewest:,} certify rows that {come}"
    line += f"; about {outlook.expected:,} can be expected"
    if not missed:  # a build knows its policies, and counts what they handle
        line += ", or fewer: as many as the teacher calls so, less what is deferred"
    if outlook.likely_rows is None:
        return line
    rate = f"{1 - outlook.likely_rate:.6g} are missed" if missed else f"the agreement is {outlook.likely_rate:.6g}"
    return f"{line}; where in truth {rate}, {outlook.likely_rows:,} of them pass nine times in ten"


def _plugins(plan: Plan, verbose: bool) -> str:
    """List the plugins by kind, and who ships them."""
    shippers = [f"{each.provided.distribution} {each.provided.version}" for each in plan.resolved]
    if verbose:
        return "\n".join(
            f"{each.provided.kind} {each.alias}: {each.provided.name}, {shipper}"
            for each, shipper in zip(plan.resolved, shippers, strict=True)
        )
    by_kind: dict[str, list[str]] = {}
    for each in plan.resolved:
        by_kind.setdefault(each.provided.kind, []).append(each.alias)
    kinds = "; ".join(f"{kind} {listing(list(dict.fromkeys(names)))}" for kind, names in by_kind.items())
    return f"{kinds}\nfrom {listing(sorted(set(shippers)))}"


def _curves(previews: Sequence[EmbedderPreview]) -> Iterator[Fact]:
    for each in previews:
        if each.curve is not None:
            yield Fact("curve", curve_text(each.curve, each.name if len(previews) > 1 else ""))


def _caches(previews: Sequence[EmbedderPreview], n_certify: int) -> Iterator[Fact]:
    for each in previews:
        of = f"{each.name}: " if len(previews) > 1 else ""
        yield Fact("cache", of + cached_text(each.cached, n_certify))


def _embedders(plan: Plan, previews: Sequence[EmbedderPreview]) -> Iterator[Fact]:
    """Say which embedders compete, and of which there is no curve."""
    if len(plan.embedders) > 1:
        text = f"{listing([each.alias for each in plan.embedders])} compete, and fit rows choose one"
        without = [each.name for each in previews if each.curve is None]
        if without and len(without) < len(previews):
            text += f"; no curve is drawn of {listing(without)}, which costs more: '--curve' draws it"
        yield Fact("embedders", text)


def _unlikely(
    outlook: Outlook, previews: Sequence[EmbedderPreview], best: EmbedderPreview | None, chance: float
) -> Iterator[Fact]:
    """Say what is nearest, where a build would more likely be refused than not, whichever embedder it chooses."""
    from tracer_spec.flow.certifying.advice import bound_hint, encoder_hint, nearest_text
    from tracer_spec.stats.expected_coverage import LIKELY

    if best is None or best.curve is None:
        return
    drawn, names = best.curve, {each.plugin for each in previews}
    if outlook.status != "certifiable" or chance >= LIKELY:
        return
    asked = "target.agreement" if outlook.target.agreement is not None else "target.end_to_end"
    of = f" with the embedder '{best.name}'" if len(previews) > 1 else ""
    hints = encoder_hint(best.plugin) if names == {best.plugin} else ()
    left_out, n_traces = outlook.accounting.dropped.get(BEYOND, 0), outlook.accounting.kept
    hints = (*bound_hint(left_out, n_traces, drawn.nearest.more_traces), *hints)
    text = f"a build now would certify with a chance of about {chance:.2f}{of}; nearest: {nearest_text(drawn.nearest, asked)}"
    yield Fact("advice", "\n".join([text, *hints]), WARNING, "target")


def _next(outlook: Outlook, spec: str, chance: float) -> Fact:
    from tracer_spec.flow.certifying.advice import bound_hint

    able = outlook.certifiable
    if outlook.status == "unlabelled":
        return Fact("advice", "make labels of the answers first: 'traces.labels.normalize'", WARNING, "traces.labels")
    if able.status != "uncertifiable" and outlook.status == "uncertifiable":
        return Fact("advice", "\n".join(_label_advice(outlook)), WARNING, "target.labels")
    if able.status != "uncertifiable":
        if chance < _EVEN:
            return Fact(
                "next", f"tracer-spec build --draft {spec}\nwhich opens no certify row, so that no look is spent"
            )
        return Fact("next", f"tracer-spec build {spec}")
    asked = "target.agreement" if outlook.target.agreement is not None else "target.end_to_end"
    more = f"about {able.traces_missing:,} more traces" if able.traces_missing else "certify rows"
    text = f"{more} before anything could be certified, or a lower {asked} or target.confidence"
    left_out = outlook.accounting.dropped.get(BEYOND, 0)
    hints = bound_hint(left_out, outlook.accounting.kept, able.traces_missing or None)
    return Fact("advice", "\n".join([text, *hints]), WARNING, "target")


def _label_advice(outlook: Outlook) -> Iterator[str]:
    """Say what is missing of the labels whose tests cannot pass."""
    for each in outlook.label_targets:
        if each.is_hopeless:
            more = (
                f"about {each.traces_missing:,} more traces"
                if each.traces_missing
                else "rows that the teacher calls so"
            )
            asked = f"target.labels.{one_line(each.asked.label)}.{each.asked.measure}"
            yield f"{more} before {asked} could be certified, or ask less of it"


def cached_text(cached: Forecast, n_certify: int) -> str:
    """Say what a build would find in the cache and what it would have to do.

    Examples
    --------
    >>> from tracer_spec.flow.preview.cached import Forecast
    >>> print(cached_text(Forecast(True, None, 600, 590), 400))
    vectors of 590 of 600 texts of fit rows are there; those of 400 certify rows are looked up once they are opened
    trainings: unknown until the rest is embedded
    """
    if not cached.is_on:
        return "off: everything is embedded and trained"
    return f"{_vectors(cached, n_certify)}\ntrainings: {_trainings(cached)}"


def _vectors(cached: Forecast, n_certify: int) -> str:
    if cached.n_texts is None:
        return "vectors come with the traces"
    if cached.is_fitted is False:
        return "the embedder is not there: it is fitted, and embeds everything"
    if cached.is_fitted:
        return "the fitted embedder is there" + (", with the vectors of the fit rows" if cached.n_texts_known else "")
    known = f"vectors of {cached.n_texts_known:,} of {cached.n_texts:,} texts of fit rows are there"
    return f"{known}; those of {n_certify:,} certify rows are looked up once they are opened"


def _trainings(cached: Forecast) -> str:
    known = cached.n_fits_known
    if known is None:
        return f"unknown until {'vectors are read' if cached.n_texts is None else 'the rest is embedded'}"
    if cached.n_fits is None:
        return f"{known:,} of surrogates are there; how many it takes, the first fold tells"
    missing = "" if cached.n_fits == known else f"; {cached.n_fits - known:,} will run"
    return f"{known:,} of {cached.n_fits:,} of surrogates are there{missing}"
