"""docs/terms.md: no word is used before it is explained, and the README sends its reader there in time."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "terms.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
ENTRIES = re.findall(r"^\| \*\*(.+?)\*\* \| (.+) \|$", PAGE, re.MULTILINE)
# words of everyday English besides, which need no explanation to be read
EVERYDAY = {"label", "row", "spec", "plugin", "confidence", "threshold", "stage", "candidate", "look", "router", "lock"}


def uses(text: str, term: str) -> bool:
    return re.search(rf"\b{term}s?\b", re.sub(r"`[^`]*`", "", text)) is not None


def test_the_terms_of_the_field_are_all_there():
    wanted = (
        *(
            "teacher",
            "surrogate",
            "zoo",
            "handled",
            "deferred",
            "agreement",
            "coverage",
            "target",
            "certify rows",
            "fit rows",
        ),
        *("out of fold", "acceptor", "guard", "family", "policy", "calibrator", "look", "certificate", "bundle"),
    )
    assert set(wanted) <= {term for term, _ in ENTRIES}


def test_no_explanation_uses_a_term_that_comes_later():
    terms = [term for term, _ in ENTRIES]
    early = [
        f"{term}: {later}"
        for place, (term, meaning) in enumerate(ENTRIES)
        for later in terms[place + 1 :]
        if later not in EVERYDAY and uses(meaning, later)
    ]
    assert early == []


def test_the_readme_links_the_terms_before_it_uses_one_that_needs_them():
    link = README.index("](docs/terms.md)")
    needing = ("surrogate", "zoo", "acceptor", "calibrator", "certify row", "fit row", "out of fold")
    assert [term for term in needing if uses(README[:link], term)] == []
