"""``tracer-spec verify``: whether a bundle is whole, and whether its claim stands on rows its build never saw."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracer_spec.build_packages import check_build_packages
from tracer_spec.cli.console import print_document
from tracer_spec.cli.options import (
    brief_option,
    embedder_option,
    embedder_options_option,
    json_option,
    only_one_of,
    quiet_option,
    sha256_option,
    source_option,
)
from tracer_spec.cli.verbs import VERBS
from tracer_spec.errors import UsageError
from tracer_spec.text_format import plural

if TYPE_CHECKING:
    from tracer_spec.flow.verification import Verification
    from tracer_spec.runtime import Bundle

FAILED = 4


@click.command("verify", short_help=VERBS["verify"])
@click.argument("bundle", metavar="BUNDLE")
@click.argument("traces", metavar="[TRACES]", required=False)
@click.option(
    "--format", "preset", metavar="NAME", help="How TRACES are laid out, where not as the bundle's spec says."
)
@source_option
@embedder_option
@embedder_options_option
@sha256_option
@json_option
@quiet_option
@brief_option
@click.option("-v", "--verbose", is_flag=True, help="Show every label, not only those with most disagreements.")
def command(
    bundle: str,
    traces: str | None,
    preset: str | None,
    source: int | None,
    embedder: str | None,
    embedder_options: dict[str, Any],
    sha256: str | None,
    as_json: bool,
    quiet: bool,
    brief: bool,
    verbose: bool,
) -> int:
    """Check a bundle, and measure it on rows that its build never saw.

    Without TRACES: every digest, the manifest, the graph on a few vectors, and a built-in embedder on its probes.

    With TRACES and the teacher's labels in them (JSON lines, compressed or not, '-' for stdin, or a folder of such files; or
    CSV, Parquet or JSON, by the file's ending), read as the spec inside the bundle says: coverage, agreement with its exact
    interval, labels, and drift of the acceptance scores. Rows of the build are left out and counted. The exit code is 4 where
    the interval lies wholly under the target: the claim is contradicted. It can never be proved. Look once: measuring again
    and again until it passes is no verification.

    Of a log of decisions ('--format decisions'), audited rows tell agreement, and all rows coverage and drift. Traffic without
    labels tells coverage and drift alone, with exit code 0.
    """
    only_one_of(brief=brief, verbose=verbose)
    if preset is not None and traces is None:
        raise UsageError("--format is given without TRACES", hint="it says how the records of TRACES are laid out")
    if source is not None and traces is None:
        raise UsageError("--source is given without TRACES", hint="it says which source of the spec TRACES are like")
    if embedder is not None and traces is None:
        raise UsageError("--embedder is given without TRACES", hint="only their texts are embedded by a plugin")
    if embedder_options and traces is None:
        raise UsageError("--embedder-option is given without TRACES", hint="only their texts are embedded by a plugin")
    from tracer_spec.cli.text.verify import intact_outcome, verify_outcome
    from tracer_spec.flow.verification import CONTRADICTED
    from tracer_spec.runtime import read_bundle
    from tracer_spec.runtime.archive import POLICY
    from tracer_spec.runtime.bundle import naming
    from tracer_spec.runtime.session import open_policy

    if traces is not None:
        check_build_packages("measuring a bundle on traces", "scipy")
    opened = read_bundle(bundle, sha256=sha256)
    with naming(bundle):
        open_policy(opened.members[POLICY], opened.manifest)
        document = _intact(opened, pinned=sha256 is not None)
    if traces is None:
        outcome = intact_outcome(document)
    else:
        found, accounting = _measure(opened, traces, preset, source, embedder, embedder_options, quiet=quiet)
        outcome = verify_outcome(found, accounting, document, verbose=verbose)
        document |= {"status": found.verdict, "measured": found.document(accounting)}
    if as_json:
        print_document(document)
    else:
        click.echo(outcome.text(brief=brief))
    return FAILED if document["status"] == CONTRADICTED else 0


def _measure(
    bundle: Bundle,
    path: str,
    preset: str | None,
    source: int | None,
    embedder: str | None,
    embedder_options: dict[str, Any],
    *,
    quiet: bool,
) -> tuple[Verification, Any]:
    """Read, route and count."""
    from tracer_spec.cli.progress import watch
    from tracer_spec.flow.documents.certificate import CertificateDocument
    from tracer_spec.flow.progress import staged
    from tracer_spec.flow.traces.row_hashes import KnownRows
    from tracer_spec.flow.verify import verify
    from tracer_spec.fresh.fresh_traces import read_fresh_traces
    from tracer_spec.runtime.bundle import naming
    from tracer_spec.runtime.load import open_router

    manifest = bundle.manifest
    with watch(-1 if quiet else 0) as observe, naming(bundle.where):
        with staged(observe, "open") as done:
            claim = CertificateDocument.of_bundle(bundle).claimed(manifest.status)
            known = KnownRows.read(bundle.members, manifest.provenance)
            router = open_router(bundle, embedder=embedder, embedder_options=embedder_options, allow_uncertified=True)
            router.check_embedder()
            done(f"{manifest.name} {manifest.version}")
        with staged(observe, "read") as done:
            fresh = read_fresh_traces(bundle, path, preset, source)
            accounting = fresh.traces.accounting
            done(f"{accounting.kept:,} of {accounting.read:,} traces kept")
        with staged(observe, "measure") as done:
            found = verify(
                router,
                claim,
                fresh.traces,
                known=known,
                vectors=fresh.vectors,
                grouped=fresh.grouped,
                repeats=fresh.repeats,
            )
            done(f"{found.coverage.k:,} of {found.coverage.n:,} rows handled")
    return found, accounting


def _intact(bundle: Bundle, *, pinned: bool) -> dict[str, Any]:
    """Check what is left to check, and return the document of ``verify --json``."""
    from tracer_spec.flow.documents.certificate import CertificateDocument
    from tracer_spec.runtime.embedder_identity import from_plugins
    from tracer_spec.runtime.embedding import check_built_in

    manifest, identity = bundle.manifest, bundle.manifest.embedder
    certificate = CertificateDocument.of_bundle(bundle)
    has_built_in = check_built_in(manifest, bundle.members)
    if identity.probe is None:
        embedder = "none to check: the app brings vectors"
    elif not (needed := from_plugins(identity)):
        embedder = f"{identity.use}, from the bundle alone, gives the {len(identity.probe.texts)} probe vectors"
    else:
        names = " and ".join(f"{each.use} of {each.distribution} {each.version}" for each in needed)
        embedder = f"{names} {'was' if len(needed) == 1 else 'were'} not loaded"
        embedder += "; what the bundle itself holds is what it was built with" if has_built_in else ""
    n_members = len(manifest.members) + 1
    return {
        "schema_version": 1,
        "status": "intact",
        "file": {"path": bundle.where, "bytes": Path(bundle.where).stat().st_size, "sha256": bundle.sha256},
        "name": manifest.name,
        "version": manifest.version,
        "claim": certificate.claim,
        "checked": {
            "sha256": "is the one asked for" if pinned else "compared with nothing: pin it with --sha256",
            "members": f"{plural(n_members, 'member')}, each of the size and digest that bundle.json lists",
            "version": f"{manifest.version} is what the contents make it",
            "graph": f"loads, and answers vectors of {manifest.dimension} numbers as bundle.json says",
            "embedder": embedder,
        },
        "measured": None,
    }
