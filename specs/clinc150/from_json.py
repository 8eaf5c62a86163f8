"""Turn a split of CLINC150's data_full.json into traces on stdout.

Run it as ``python specs/clinc150/from_json.py data_full.json train > clinc150_train.jsonl``; the splits are
train, val, test, and oos_train, oos_val, oos_test for what belongs to no intent.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence


def to_traces(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield one trace, a line of JSON, per pair of text and intent."""
    for text, intent in rows:
        yield json.dumps({"input": text, "teacher": intent}, ensure_ascii=False) + "\n"


def main(path: str, split: str) -> None:
    """Write the traces of one split."""
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - a script of one page
        splits = json.load(file)
    if split not in splits:
        sys.exit(f"{path} has no split '{split}'; it has {', '.join(splits)}")
    sys.stdout.writelines(to_traces(splits[split]))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python specs/clinc150/from_json.py data_full.json SPLIT > traces.jsonl")
    main(sys.argv[1], sys.argv[2])
