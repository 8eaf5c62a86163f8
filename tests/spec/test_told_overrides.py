"""What a bundle tells of the overrides of its build."""

from __future__ import annotations

import pytest

from tracer_spec.spec.overrides import apply_overrides
from tracer_spec.spec.reader import read_yaml
from tracer_spec.spec.told_overrides import NOT_TOLD, told_overrides


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("seed=3", ["seed=3"]),
        ("seed=", ["seed="]),
        ("target={agreement: 0.9,  confidence: 0.95}", ["target={agreement: 0.9,  confidence: 0.95}"]),
        ("embedder.with.dim=8", ["embedder.with.dim=..."]),
        ('embedder."with".of[1].with.path=/srv/place', ['embedder."with".of[1].with.path=...']),
        ("embedder={use: lsa, with: {dim: 8}}", ["embedder={use: lsa}", "embedder.with=..."]),
        (
            "embedder=[lsa, {use: concat, with: {of: [lsa, {use: my, with: {path: /srv/place}}]}}]",
            ["embedder=[lsa, {use: concat}]", "embedder[1].with=..."],
        ),
        (
            'traces={use: csv, with: {path: "/srv/place"}, labels: {aliases: {"- a": "b, c", d: \'1\'}}, max_rows: 9}',
            [
                'traces={use: csv, labels: {aliases: {"- a": "b, c", d: "1"}}, max_rows: 9}',
                "traces.with=...",
            ],
        ),
        ("traces.labels.aliases={with: card}", ["traces.labels.aliases={with: card}"]),
    ],
)
def test_options_of_plugins_are_named_and_not_told(override: str, told: list[str]) -> None:
    assert told_overrides([override]) == told


def test_what_is_told_can_be_read_again() -> None:
    values = ("'${A:-b}'", "-1", '"a\\nb"', "null", "[1, 'true', true]", "{a: {}, 'b: c': []}", "'- x'")
    written = ", ".join(f"k{at}: {value}" for at, value in enumerate(values))
    told = [each for each in told_overrides([f"x={{{written}, with: {{secret: 1}}}}"]) if not each.endswith(NOT_TOLD)]
    root, _ = read_yaml("x: 1", "spec")
    assert apply_overrides(root, told) == apply_overrides(root, [f"x={{{written}}}"])
