"""The presets as ``docs/traces.md`` shows them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import asdict

from tracer_spec.builtin.formats import PRESETS
from tracer_spec.builtin.formats.format import PARTS, Format

START = "<!-- presets: written by `python -m tools.generate` -->"
END = "<!-- end of presets -->"
_WIDTH = 118


def presets_section() -> str:
    """Return every preset as the map that a spec could hold in its place: read back, it is the preset."""
    return "\n".join(_preset(preset) for preset in PRESETS.values())


def with_presets(page: str) -> str:
    """Return a page with the presets between its two marks."""
    before, start, rest = page.partition(START)
    _, end, after = rest.partition(END)
    return f"{before}{start}\n\n{presets_section()}\n{end}{after}"


def _preset(preset: Format) -> str:
    lines = [f"### `{preset.name}`", "", f"{preset.summary}.", "", "```yaml", "format:"]
    written = asdict(preset)
    for part in PARTS:
        value = written[part]
        if isinstance(value, Mapping) and value:
            lines.append(f"  {part}:")
            for key, expression in value.items():
                lines += _entry(key, expression, 4)
        elif isinstance(value, str):
            lines += _entry(part, value, 2)
    return "\n".join([*lines, "```", ""])


def _entry(key: str, expression: str, indent: int) -> Iterator[str]:
    """Yield a key and its expression, folded where YAML could mistake it: white space means nothing to JMESPath."""
    margin = " " * indent
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", expression):
        yield f"{margin}{key}: {expression}"
        return
    yield f"{margin}{key}: >-"
    yield from textwrap.wrap(
        expression,
        _WIDTH,
        initial_indent=f"{margin}  ",
        subsequent_indent=f"{margin}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
