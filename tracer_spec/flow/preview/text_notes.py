"""Notes on the texts of fit rows: a prompt template around them, or one text for all."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tracer_spec.flow.preview.prompt_template import are_all_equal, find_template


def text_notes(texts: Sequence[str], extract: Sequence[str]) -> tuple[str, ...]:
    """Return what to know of the texts of fit rows, one sentence each.

    Parameters
    ----------
    texts : sequence of str
        Of fit rows, out of their prompts already where ``extract`` says how.
    extract : sequence of str
        The spec's steps.
    """
    if are_all_equal(texts):
        return (
            "nearly all texts are one text, from which no label can be told; if it is the last turn of a conversation, "
            "'traces.format.text' must name the turn that is classified",
        )
    found = find_template(texts)
    if found is None:
        return ()
    steps = json.dumps([*extract, found.step], ensure_ascii=False).replace("${", "$${")
    n_texts, n_characters = 100 * found.share_of_texts, 100 * found.share_of_characters
    return (
        f"{n_texts:.0f} % of the texts stand in one prompt template, {n_characters:.0f} % of their characters; a router "
        "that is trained on prompts is wrong about texts alone. This takes the texts out, in "
        f"'route' too: 'traces.extract: {steps}'",
    )
