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
from tracer_spec.cli.commands.schema import FILES, bare_schema
from tracer_spec.runtime.manifest_schema import manifest_schema

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
    "schemas/bundle.v1.json": _schema(partial(manifest_schema, 1)),
    "schemas/bundle.v2.json": _schema(partial(manifest_schema, 2)),
    **{f"schemas/{file}.v1.json": _schema(partial(bare_schema, file)) for file in FILES if file != "bundle"},
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
