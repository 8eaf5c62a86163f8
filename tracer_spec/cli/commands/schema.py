"""``tracer-spec schema``: JSON Schemas, the router's with the options of every plugin installed."""

from __future__ import annotations

import importlib
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import click

from tracer_spec.cli.console import print_document
from tracer_spec.cli.verbs import VERBS

if TYPE_CHECKING:
    from tracer_spec.plugin import Options
    from tracer_spec.plugin.registry import Registry

# a file that is read or written, and one of schemas/: where the function that describes it is found
_DESCRIBED = {
    "trace": ("tracer_spec.builtin.formats.native", "native_schema"),
    "bundle": ("tracer_spec.runtime.manifest_schema", "manifest_schema"),
    "certificate": ("tracer_spec.flow.documents.certificate", "CertificateDocument.schema_document"),
    "frontier": ("tracer_spec.flow.documents.frontier", "FrontierDocument.schema_document"),
    "audit": ("tracer_spec.flow.documents.audit", "AuditDocument.schema_document"),
    "lock": ("tracer_spec.flow.documents.lock", "LockDocument.schema_document"),
    "decision": ("tracer_spec.flow.documents.decision", "decision_schema"),
    "monitor": ("tracer_spec.flow.documents.monitor", "monitor_schema"),
    "release": ("tracer_spec.runtime.manifest_schema", "pointer_schema"),
}
FILES = ("router", *_DESCRIBED)


@click.command("schema", short_help=VERBS["schema"])
@click.argument("file", metavar=f"[{'|'.join(FILES)}]", type=click.Choice(FILES), default="router")
@click.option(
    "--bare", is_flag=True, help="Leave plugins' options out: the schema that is committed as router.v1.json."
)
@click.option("--json", "as_json", is_flag=True, help="Changes nothing: a schema is a JSON document.")
def command(file: str, bare: bool, as_json: bool) -> None:  # noqa: ARG001 - see its help
    """Print a JSON Schema, for editors and checkers.

    'router' (the default) describes router.yaml, with the options of the plugins installed here, so that an
    editor completes them too. 'trace' describes a record of the native format, 'bundle' a bundle's manifest,
    'certificate', 'frontier' and 'audit' its documents of that name, 'lock' the router.lock beside a spec. 'decision' describes
    a line of a deployment's log, 'monitor' the state that 'monitor --state' keeps, 'release' the release.json of 'promote'.
    """
    print_document(router_document() if file == "router" and not bare else bare_schema(file))


def bare_schema(file: str) -> dict[str, Any]:
    """Return the schema of one of ``FILES`` as ``schemas/`` has it, that of the newest version."""
    if file == "router":
        from tracer_spec.spec import router_schema

        return router_schema()
    module, function = _DESCRIBED[file]
    schema: dict[str, Any] = attrgetter(function)(importlib.import_module(module))()
    return schema


def router_document() -> dict[str, Any]:
    """Return the schema of router.yaml with the options of the plugins installed here."""
    from tracer_spec.plugin.contracts import VectorReaderPlugin
    from tracer_spec.plugin.joining import JoiningPlugin
    from tracer_spec.plugin.registry import KINDS, find_plugins
    from tracer_spec.spec import router_schema

    registry = find_plugins()
    embedders = registry.of_kind("embedder").items()
    parts = [name for name, each in embedders if not isinstance(each.plugin, VectorReaderPlugin | JoiningPlugin)]
    return router_schema({kind: _options(registry, kind) for kind in KINDS}, parts=parts)


def _options(registry: Registry, kind: str) -> dict[str, tuple[str, type[Options]]]:
    """Return summary and options of each usable plugin of a kind, by name."""
    found = registry.of_kind(kind).items()
    return {name: (each.plugin.summary, each.plugin.options) for name, each in found}
