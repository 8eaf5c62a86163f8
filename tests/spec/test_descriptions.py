from pathlib import Path

import pytest

from tracer_spec.errors import SpecError
from tracer_spec.spec.descriptions import read_descriptions


def described(folder: Path, text: str) -> dict[str, str]:
    (folder / "d.yaml").write_text(text, encoding="utf-8")
    return read_descriptions(folder / "d.yaml", "d.yaml")


@pytest.mark.parametrize(
    "text", ["refund: money back\ncafe\u0301: a 'place'\n", '{"refund": "money back", "caf\u00e9": "a \'place\'"}']
)
def test_a_file_describes_labels_in_yaml_or_json(tmp_path: Path, text: str) -> None:
    assert described(tmp_path, text) == {"refund": "money back", "caf\u00e9": "a 'place'"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n", "d.yaml\n  the file is a list, not a mapping\n  hint: write 'label: what it is for', one a line"),
        ("{}", "d.yaml\n  the file describes no label\n  hint: write 'label: what it is for', one a line"),
        ("a: b\nc: 5\n", "d.yaml:2:1\n  what 'c' is for is 5, not a sentence\n  hint: write it in quotes"),
        ("a:\n", "d.yaml:1:1\n  what 'a' is for is null, not a sentence\n  hint: write it in quotes"),
        ("a: ' '\n", "d.yaml:1:1\n  what 'a' is for is ' ', not a sentence\n  hint: write it in quotes"),
        ("a: [b]\n", "d.yaml:1:1\n  what 'a' is for is a list, not a sentence\n  hint: write it in quotes"),
        (f"a: {'b' * 2001}\n", "d.yaml:1:1\n  what 'a' is for takes more than 2,000 characters"),
        ("caf\u00e9: a\ncafe\u0301: b\n", "d.yaml\n  the label 'caf\u00e9' is described twice"),
    ],
)
def test_a_file_that_is_no_such_mapping_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        described(tmp_path, text)
    assert str(caught.value) == said


def test_a_label_that_is_described_twice_is_refused_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"d\.yaml:2:1"):
        described(tmp_path, "a: b\na: c\n")


def test_a_file_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "d.yaml").write_text("a: b\n")
    with pytest.raises(SpecError, match="outside the spec's folder"):
        read_descriptions(tmp_path / "d.yaml", "d.yaml", root=tmp_path / "app")
