"""Write traces.jsonl, the sample traces that ``tracer-spec init`` writes: ``python specs/quickstart/make_traces.py``."""

from __future__ import annotations

from pathlib import Path

from tracer_spec.init.sample import make_traces, sample_file

__all__ = ["make_traces"]


def main() -> None:
    """Write the traces beside this file."""
    Path(__file__).with_name("traces.jsonl").write_text(sample_file(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
