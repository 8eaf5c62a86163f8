"""Writes every file of the repository that is made from the code: ``python -m tools.generate``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tools.commands_page import commands_page
from tools.presets_page import with_presets
from tools.spec_page import spec_page
from tracer_spec.builtin.formats.native import native_schema
from tracer_spec.flow.documents.audit import AuditDocument
from tracer_spec.flow.documents.certificate import CertificateDocument
from tracer_spec.flow.documents.decision import decision_schema
from tracer_spec.flow.documents.frontier import FrontierDocument
from tracer_spec.flow.documents.lock import LockDocument
from tracer_spec.flow.documents.monitor import monitor_schema
from tracer_spec.runtime.manifest_schema import manifest_schema, pointer_schema
from tracer_spec.spec import router_schema

ROOT = Path(__file__).parents[1]


def _schema(make: Callable[[], Mapping[str, Any]]) -> Callable[[], str]:
    return lambda: json.dumps(make(), indent=2, ensure_ascii=False) + "\n"


def _traces_page() -> str:
    return with_presets((ROOT / "docs/traces.md").read_text(encoding="utf-8"))


# a file, from the root of the repository, and what makes its text
GENERATED: Mapping[str, Callable[[], str]] = {
    "docs/commands.md": commands_page,
    "docs/spec.md": spec_page,
    "docs/traces.md": _traces_page,
    "schemas/audit.v1.json": _schema(AuditDocument.schema_document),
    "schemas/bundle.v1.json": _schema(partial(manifest_schema, 1)),
    "schemas/bundle.v2.json": _schema(partial(manifest_schema, 2)),
    "schemas/certificate.v1.json": _schema(CertificateDocument.schema_document),
    "schemas/decision.v1.json": _schema(decision_schema),
    "schemas/frontier.v1.json": _schema(FrontierDocument.schema_document),
    "schemas/lock.v1.json": _schema(LockDocument.schema_document),
    "schemas/monitor.v1.json": _schema(monitor_schema),
    "schemas/release.v1.json": _schema(pointer_schema),
    "schemas/router.v1.json": _schema(router_schema),
    "schemas/trace.v1.json": _schema(native_schema),
}


def main() -> None:
    """Write what is out of date, and say so."""
    for name, make in GENERATED.items():
        path, text = ROOT / name, make()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(name)


if __name__ == "__main__":
    main()
