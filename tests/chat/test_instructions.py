import json

import pytest

from tracer_spec.chat.instructions import instructed

USER = {"role": "user", "content": "where is it?"}
TOLD = {"role": "system", "content": "Classify."}


@pytest.mark.parametrize(
    ("value", "prompt"),
    [
        ({"messages": [TOLD, USER]}, "Classify."),
        (json.dumps([TOLD, USER]), "Classify."),
        ([[TOLD, USER]], "Classify."),
        ({"messages": [{"role": "developer", "content": [{"type": "text", "text": "Classify."}]}, USER]}, "Classify."),
        ({"messages": [TOLD, {"role": "system", "content": "In German."}, USER]}, "Classify.\nIn German."),
        ({"system": "Classify.", "messages": [USER]}, "Classify."),
        ({"system": [{"text": "Classify."}], "messages": [USER]}, "Classify."),
        ({"instructions": "Classify.", "input": [USER]}, "Classify."),
        ({"instructions": None, "input": [TOLD, USER]}, "Classify."),
        ({"systemInstruction": {"parts": [{"text": "Classify."}]}, "contents": [USER]}, "Classify."),
        ({"input": {"messages": [TOLD, USER]}}, "Classify."),
        ({"messages": [USER]}, None),
        ({"prompt": "where is it?"}, None),
        ("where is it?", None),
        ([], None),
        (None, None),
        (7, None),
    ],
)
def test_the_systems_prompt_is_found_in_every_apis_request(value, prompt):
    assert instructed(value) == prompt
