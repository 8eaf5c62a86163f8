"""``tracer-spec inspect``: verify a bundle and tell what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracer_spec.cli.console import print_document
from tracer_spec.cli.options import brief_option, json_option, only_one_of, sha256_option
from tracer_spec.cli.text.bundle import bundle_outcome, comes
from tracer_spec.cli.verbs import VERBS

if TYPE_CHECKING:
    from tracer_spec.runtime import Bundle


@click.command("inspect", short_help=VERBS["inspect"])
@click.argument("bundle", metavar="BUNDLE")
@sha256_option
@json_option
@brief_option
@click.option("-v", "--verbose", is_flag=True, help="Tell every label, the embedder and the libraries, too.")
def command(bundle: str, sha256: str | None, as_json: bool, brief: bool, verbose: bool) -> None:
    """Verify a bundle and tell what it holds.

    Checks every digest, the manifest, and that the graph loads and answers as the manifest says. Digests show
    damage; against somebody who can write the file, compare the sha256 with one that you trust.
    """
    only_one_of(brief=brief, verbose=verbose)
    from tracer_spec.runtime import read_bundle
    from tracer_spec.runtime.archive import POLICY
    from tracer_spec.runtime.session import open_policy

    opened = read_bundle(bundle, sha256=sha256)
    open_policy(opened.members[POLICY], opened.manifest)
    if as_json:
        print_document(describe(opened))
    else:
        click.echo(bundle_outcome(opened, verbose=verbose).text(brief=brief))


def describe(bundle: Bundle) -> dict[str, Any]:
    """Return the document of ``inspect --json``: the manifest, the certificate and the file."""
    from tracer_spec.flow.documents.audit import AuditDocument
    from tracer_spec.flow.documents.certificate import CertificateDocument
    from tracer_spec.flow.remarks import remarks
    from tracer_spec.runtime.archive import CERTIFICATE
    from tracer_spec.runtime.strict_json import read_json

    manifest = bundle.manifest.document()
    manifest["embedder"].pop("probe")
    manifest["embedder"]["comes"] = comes(bundle)
    return {
        "schema_version": 1,
        "file": {"path": bundle.where, "bytes": Path(bundle.where).stat().st_size, "sha256": bundle.sha256},
        "verified": True,
        "manifest": manifest,
        "certificate": read_json(bundle.members[CERTIFICATE], member=CERTIFICATE),
        "remarks": list(
            remarks(bundle.manifest.policy, AuditDocument.of_bundle(bundle), CertificateDocument.of_bundle(bundle))
        ),
    }
