"""``tracer-spec inspect``: verify a bundle and tell what it holds."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracer_spec.cli.console import listing, one_line, paint, plural, print_document, rows, size
from tracer_spec.cli.verbs import VERBS

if TYPE_CHECKING:
    from tracer_spec.runtime import Bundle


@click.command("inspect", short_help=VERBS["inspect"])
@click.argument("bundle", metavar="BUNDLE")
@click.option("--sha256", metavar="HEX", help="Refuse the bundle unless this is the digest of its file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(bundle: str, sha256: str | None, as_json: bool) -> None:
    """Verify a bundle and tell what it holds.

    Checks every digest, the manifest, and that the graph loads and answers as the manifest says. Digests show
    damage; against somebody who can write the file, compare the sha256 with one that you trust.
    """
    from tracer_spec.runtime import read_bundle
    from tracer_spec.runtime.session import open_policy

    opened = read_bundle(bundle, sha256=sha256)
    open_policy(opened.members["policy.onnx"], opened.manifest)
    document = describe(opened)
    if as_json:
        print_document(document)
    else:
        click.echo(tell(document))


def describe(bundle: Bundle) -> dict[str, Any]:
    """Return the document of ``inspect --json``: the manifest, the certificate and the file."""
    from tracer_spec.runtime.strict_json import read_json

    manifest = bundle.manifest.document()
    probe = manifest["embedder"].pop("probe")
    manifest["embedder"]["comes"] = _comes(bundle, probe)
    return {
        "schema_version": 1,
        "file": {"path": bundle.where, "bytes": Path(bundle.where).stat().st_size, "sha256": bundle.sha256},
        "verified": True,
        "manifest": manifest,
        "certificate": read_json(bundle.members["certificate.json"], member="certificate.json"),
    }


def tell(document: Mapping[str, Any]) -> str:
    """Return the story of a bundle, in at most twenty lines."""
    from tracer_spec.cli.story import dropped_text, estimate_text, policy_text, test_text

    manifest, certificate, file = document["manifest"], document["certificate"], document["file"]
    policy, embedder, provenance = manifest["policy"], manifest["embedder"], manifest["provenance"]
    n_members = len(manifest["members"]) + 1
    facts = [("claim", certificate["claim"])]
    stages = [(stage["surrogate"], stage["threshold"]) for stage in policy["stages"]]
    facts.append(("policy", policy_text(policy["family"], stages)))
    guards = sorted({guard for stage in policy["stages"] for guard in stage["guards"]})
    if guards:
        facts.append(("guards", ", ".join(guards)))
    if policy["defer_labels"]:
        facts.append(
            ("deferred", f"always, where the answer would be {listing(map(one_line, policy['defer_labels']))}")
        )
    if certificate.get("estimate"):
        facts.append(
            (
                "estimate",
                estimate_text(certificate["estimate"]["coverage"], certificate["estimate"]["agreement"]),
            )
        )
    if certificate.get("n") is not None:
        facts.append(
            (
                "test",
                test_text(certificate["calibrator"], certificate["n"], certificate["k"], certificate["p_value"]),
            )
        )
    facts.append(("labels", f"{len(manifest['labels'])}: {listing(map(one_line, manifest['labels']), 5)}"))
    facts.append(("embedder", _embedder(embedder, manifest["dimension"])))
    traces = provenance.get("traces", {})
    if {"read", "kept", "dropped", "fit", "certify"} <= traces.keys():
        sides = f"{traces['fit']:,} fit rows, {traces['certify']:,} certify rows"
        facts.append(("traces", f"{dropped_text(traces['read'], traces['kept'], traces['dropped'])}\n{sides}"))
    if "libraries" in provenance:
        libraries = ", ".join(f"{name} {version}" for name, version in provenance["libraries"].items())
        facts.append(("built with", libraries))
    if manifest["created"]:
        facts.append(("created", manifest["created"]))
    facts.append(("file", f"{file['path']}  ({size(file['bytes'])}, {plural(n_members, 'member')}, all verified)"))
    facts.append(("sha256", file["sha256"]))
    head = paint(f"{manifest['status']}  {manifest['name']} {manifest['version']}", "bold", stream=sys.stdout)
    return f"{head}\n\n{rows(facts, stream=sys.stdout)}"


def _embedder(embedder: Mapping[str, Any], dimension: int) -> str:
    shipped = f"{embedder['distribution']} {embedder['version']}"
    return f"{embedder['use']} ({shipped}), {dimension} dimensions, {embedder['comes']}"


def _comes(bundle: Bundle, probe: Any) -> str:
    """Say where a router takes its vectors from."""
    from tracer_spec.runtime.embedding import is_built_in

    if probe is None:
        return "with each request: the app brings vectors"
    return "in the bundle" if is_built_in(bundle.manifest.embedder) else "from the plugin, which must be installed"
