"""Turn the CSV of Banking77 (columns text and category) into traces on stdout.

Run it as ``python specs/banking77/from_csv.py train.csv > banking77_train.jsonl``.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator


def to_traces(lines: Iterable[str]) -> Iterator[str]:
    """Yield one trace, a line of JSON, per row of the CSV."""
    for row in csv.DictReader(lines):
        yield (json.dumps({"input": row["text"].strip(), "teacher": row["category"]}, ensure_ascii=False) + "\n")


def main(path: str) -> None:
    """Write the traces of one file."""
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
    with open(path, encoding="utf-8", newline="") as file:  # noqa: PTH123 - a script of one page
        sys.stdout.writelines(to_traces(file))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python specs/banking77/from_csv.py FILE.csv > traces.jsonl")
    main(sys.argv[1])
