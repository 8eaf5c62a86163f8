"""Facts of a build: the claim first, then the numbers, then what to do next."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracer_spec.cli.text.advice import advice_facts
from tracer_spec.cli.text.bundle import acceptor_facts, bundle_picture, file_facts, makings, plugins_asked_for
from tracer_spec.cli.text.github_commands import WARNING
from tracer_spec.cli.text.outcome import Outcome, level_of, traces_level
from tracer_spec.cli.text.terminal_chart import Picture
from tracer_spec.errors import BundleError
from tracer_spec.report.facts import (
    Fact,
    acceptor_fact,
    bundle_facts,
    dropped_text,
    estimate_text,
    exact_test_text,
    label_names_text,
    label_tests_text,
    policy_text,
    sides_text,
    source_facts,
)
from tracer_spec.text_format import counted_names, duration, listing, plural, reasons

if TYPE_CHECKING:
    from tracer_spec.flow.result import BuildResult
    from tracer_spec.plugin import Candidate, Certificate, WalkStep
    from tracer_spec.runtime import Bundle


def build_outcome(
    result: BuildResult, command: str, *, out: Path, lock: Path | None = None, verbose: bool = False
) -> Outcome:
    """Return what a build came to that ``command`` certifies, whose bundle is, or would have been, at ``out``.

    ``lock`` is what it was checked against.
    """
    found = [
        *_embedders(result),
        *_look(result, verbose),
        *_names(result, verbose),
        *_zoo(result, verbose),
        *_off_list(result),
    ]
    found += [Fact("warning", text, WARNING, "traces", "traces") for text in result.warnings]
    if verbose:
        found += [*_walk(result), *_dropped(result)]
    ending = f"  in {duration(result.seconds)}"
    if result.bundle is not None:
        return _written(result, command, found, ending, verbose)
    facts = [*_unwritten(result), *found]
    if lock is not None:
        facts.append(Fact("lock", f"built again, it is what {lock} says; nothing was written"))
        return Outcome("same", f"{result.name} {result.version}", [*facts, Fact("sha256", result.sha256)], None, ending)
    kept = f"{out} is left as it was, from an earlier build" if out.exists() else f"{out} was not written"
    facts += [*advice_facts(result), Fact("file", kept)]
    target = result.certificate.target if result.certificate.measure == "agreement" else None
    picture = Picture(tuple((each.coverage, each.agreement) for each in result.front), None, target)
    return Outcome(result.status, result.name, facts, picture, ending)


def _written(result: BuildResult, command: str, found: list[Fact], ending: str, verbose: bool) -> Outcome:
    """Return what a build that wrote a bundle came to, as the bundle tells it."""
    from tracer_spec.report.documents import read_documents
    from tracer_spec.runtime import read_bundle

    try:
        bundle = read_bundle(str(result.bundle), sha256=result.sha256)
    except BundleError:
        by_now = f"{result.bundle} was written, and is another file by now: a build that ended later replaced it"
        facts = [*_unwritten(result), *found, Fact("file", by_now, WARNING), Fact("sha256", result.sha256)]
        return Outcome(result.status, f"{result.name} {result.version}", facts, None, ending)
    documents = read_documents(bundle)
    claim, *rest = bundle_facts(bundle, documents.certificate, documents.audit)
    level = traces_level(result.accounting.dropped)
    facts = [Fact("claim", claim.text, level_of(result.status), "target", result.status)]
    facts += [Fact("traces", each.text, level, "traces") if each.name == "traces" else each for each in rest]
    outlook = "likelier refused than not" if result.advice else "certify it" if result.is_tested else "uncertified"
    following = f"{command}  ({outlook}: one look at the certify rows)"
    if result.status != "draft":
        following = f"tracer-spec report {result.bundle} -o report.html"
    if result.status == "certified":
        following += f"\n{_route(bundle, result.embedder_options)}"
    facts += acceptor_facts(documents)
    facts += [
        *(makings(bundle) if verbose else []),
        *found,
        *advice_facts(result),
        *file_facts(bundle),
        Fact("next", following),
    ]
    return Outcome(result.status, f"{result.name} {result.version}", facts, bundle_picture(documents), ending)


def _route(bundle: Bundle, options: Mapping[str, Any]) -> str:
    """Return the command that decides a request, with the plugins that it must let the bundle use, and their options."""
    if bundle.manifest.embedder.probe is None:
        return f"tracer-spec route {bundle.where} FILE"
    names = plugins_asked_for(bundle)
    given = "".join(f" --embedder-option {shlex.quote(f'{name}={_here(value)}')}" for name, value in options.items())
    return f'tracer-spec route {bundle.where}{f" --embedder {names}" if names else ""}{given} --text "..."'


def _here(value: Any) -> str:
    """Return an option as the command line takes it; a path of the spec's folder as one from here."""
    if not isinstance(value, str):
        return json.dumps(value, default=str)
    is_below = Path(value).is_absolute() and Path(value).is_relative_to(Path.cwd())
    return str(Path(value).relative_to(Path.cwd())) if is_below else value


def _unwritten(result: BuildResult) -> Iterator[Fact]:
    """Yield what was found out of a policy that was not written: refused, or built to be compared."""
    certificate, estimate, accounting = result.certificate, result.estimate, result.accounting
    name = "finding" if result.status == "refused" else "claim"
    yield Fact(name, certificate.claim, level_of(result.status), "target", result.status)
    if estimate is not None:
        yield Fact("best" if result.status == "refused" else "policy", _policy(estimate))
        asked = [stage.acceptor.name for stage in estimate.policy if stage.acceptor]
        yield from acceptor_fact(asked, [chain.acceptors for chain in result.chains])
        yield Fact("estimate", estimate_text(estimate.coverage, estimate.agreement))
    tested = certificate.chosen or next(iter(certificate.walk), None)
    yield Fact("test", _step(certificate, tested) if tested else "no candidate was worth testing")
    kept = dropped_text(accounting.read, accounting.kept, accounting.dropped)
    sides = sides_text(result.n_fit, result.n_certify, len(result.labels))
    yield Fact("traces", f"{kept}; {sides}", traces_level(accounting.dropped), "traces")
    yield from source_facts((each.name, each.read, each.kept, each.dropped) for each in accounting.sources)


def _policy(candidate: Candidate) -> str:
    stages = [(stage.surrogate.name, stage.threshold if stage.acceptor else None) for stage in candidate.policy]
    return policy_text(candidate.family, stages)


def _step(certificate: Certificate, step: WalkStep, *, tells_labels: bool = True) -> str:
    tested = exact_test_text(certificate.measure, step.n, step.k, step.p_value, certificate.level)
    verdict = "passed" if step.passed or _is_enough(step.p_value, certificate.level) else "failed"
    labels = [
        (each.target.measure, each.target.label, each.target.limit, each.n, each.k, each.p_value)
        for each in step.labels
    ]
    lines = label_tests_text(labels if tells_labels else (), certificate.level, judged=True)
    return "\n".join([f"{tested}, {verdict}, at predicted coverage {step.candidate.coverage:.3f}", *lines])


def _is_enough(p_value: float | None, level: float | None) -> bool:
    """Return whether a test by itself passed: a candidate fails where another of its tests does."""
    return p_value is not None and level is not None and p_value <= level


def _look(result: BuildResult, verbose: bool) -> Iterator[Fact]:
    """Tell how much error this look could spend, where looks are counted and it was not the first one."""
    look, level, confidence = result.certificate.look, result.certificate.level, result.certificate.confidence
    if look is None or level is None or confidence is None or (look == 1 and not verbose):
        return
    text = f"number {look} at these certify rows: p <= {level:.2g} was asked of each test"
    if look > 1:
        text += f", the share of {1 - confidence:.2g} that is left to it; try settings with --draft, which spends none"
    yield Fact("look", text)


def _names(result: BuildResult, verbose: bool) -> Iterator[Fact]:
    """Tell what label names brought; where they do not train, only if asked."""
    if result.names_gain and (result.names_gain.weight or verbose):
        yield Fact("names", label_names_text(result.names_gain))


def _embedders(result: BuildResult) -> Iterator[Fact]:
    """Tell what each of several embedders promised and took, which was chosen and why, and which could not take part."""
    if not result.embedders:
        return
    able = [each for each in result.embedders if each.agreement is not None]
    lines = [
        f"{each.name}: {each.promise}; {duration(each.embed_s)} to embed, {duration(each.train_s)} to train"
        for each in able
    ]
    reasons = [f"{each.name} was chosen: {each.reason}" for each in able if each.chosen]
    yield Fact("embedders", "\n".join([*lines, *reasons]))
    for each in result.embedders:
        if each.agreement is None:
            text = f"the embedder {each.name} has lost: {each.reason}"
            yield Fact("skipped", text, WARNING, f"embedder.{each.name}", f"{each.name} has lost")


def _zoo(result: BuildResult, verbose: bool) -> Iterator[Fact]:
    """Tell what became of the zoo; where nothing was skipped, only if asked, or if nothing ships."""
    skipped = [row for row in result.zoo if row.status == "skipped"]
    if skipped or verbose or result.status == "refused":
        ranked = sorted(
            (-row.agreement, number, row)
            for number, row in enumerate(result.zoo)
            if row.status != "skipped" and row.agreement is not None
        )
        shown = [f"{row.name} {row.agreement:.3f}{'*' * (row.status == 'screened')}" for _, _, row in ranked]
        screened = " (* first fold alone)" if any("*" in each for each in shown) else ""
        yield Fact("zoo", (", ".join(shown) or "none was trained") + screened)
    for row in skipped:
        yield Fact(
            "skipped", f"{row.name} was skipped: {row.reason}", WARNING, f"zoo.{row.name}", f"{row.name} was skipped"
        )
    if verbose:
        for row in result.zoo:
            yield from (Fact("note", f"{row.name}: {note}") for note in row.notes)


def _off_list(result: BuildResult) -> Iterator[Fact]:
    """Name the labels that the teacher made up, and count the answers that are none."""
    accounting = result.accounting
    if accounting.n_unknown:
        where = "" if result.certificate.walk else " among fit rows"
        made_up = counted_names(accounting.unknown_labels.items(), 4)
        text = f"{plural(accounting.n_unknown, 'answer')}{where}, each a disagreement: {made_up}"
        yield Fact("off list", text, WARNING, "traces.labels", "made-up labels")
    if accounting.unusable:
        yield Fact("no label", f"{reasons(accounting.unusable.items())}; each counts as a disagreement")


def _walk(result: BuildResult) -> Iterator[Fact]:
    """Tell every step of the walk."""
    proposed = sum(len(chain.candidates) for chain in result.chains)
    steps = [_step(result.certificate, step, tells_labels=not step.passed) for step in result.certificate.walk]
    yield Fact("walk", "\n".join([f"{len(steps):,} of {proposed:,} candidates were tested", *steps]))


def _dropped(result: BuildResult) -> Iterator[Fact]:
    """Say where the first records of each reason for dropping stand."""
    examples = [f"{reason}: {listing(where, 5)}" for reason, where in result.accounting.examples.items()]
    if examples:
        yield Fact("dropped", "\n".join(examples))
