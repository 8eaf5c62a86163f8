"""The file of allowed labels that ``tracer-spec init`` writes beside a router.yaml."""

from __future__ import annotations

from tracer_spec.init.inspect_traces import Look

LABELS_FILE = "labels.txt"


def writable(labels: tuple[str, ...]) -> bool:
    """Tell whether a file with a label on each line would be read back as these labels."""
    return bool(labels) and all(
        label == label.strip() and label.isprintable() and label.split(maxsplit=1)[0] != "#" for label in labels
    )


def labels_text(look: Look) -> str:
    """Return the file of allowed labels, what looks made up as comments."""
    lines = [
        "# One label a line. An answer that is not here counts as a disagreement, and trains nothing.",
        *look.allowed,
    ]
    if look.spellings.differ:
        lines.insert(
            1, "# Where the LLM spells a label in several ways, the commonest is here: that is the one given back."
        )
    if not look.made_up:
        return "\n".join(lines) + "\n"
    lines += ["", "# Left out: these look made up. Take the '# ' from those that are labels of yours."]
    lines += [f"# {' '.join(label.split())[:200]}" for label in sorted(look.made_up)]
    return "\n".join(lines) + "\n"
