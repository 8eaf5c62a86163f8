import os
from pathlib import Path

import pytest

from tracer_spec.errors import SpecError
from tracer_spec.spec import read_labels


def labels_of(folder: Path, name: str, data: bytes | str) -> tuple[str, ...]:
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
    return read_labels(folder / name, name)


@pytest.mark.parametrize(
    ("name", "text", "labels"),
    [
        ("labels.txt", "b\na\n", ("b", "a")),
        ("labels.txt", "# all of them\n\n  b  \r\nC#\nno\n1\n", ("b", "C#", "no", "1")),
        ("labels.txt", "\ufeffb\na", ("b", "a")),
        ("labels.txt", "a b\ngröße\n", ("a b", "größe")),
        ("labels.json", '["b", "# a", "no"]', ("b", "# a", "no")),
        ("labels.txt", "#bug\n##\nb\n#\tc\n #1\n", ("#bug", "##", "b", "#1")),
        ("labels.txt", "[spam]\nb\n", ("[spam]", "b")),
        ("labels.txt", "[spam]", ("[spam]",)),
        ("labels.txt", "[", ("[",)),
        ("labels.txt", "cafe\u0301\n", ("caf\u00e9",)),
        ("labels.txt", '\n ["b",\n "a"]\n', ("b", "a")),
    ],
)
def test_labels_are_read_in_the_order_of_the_file(
    tmp_path: Path, name: str, text: str, labels: tuple[str, ...]
) -> None:
    assert labels_of(tmp_path, name, text) == labels


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("l.txt", "", "l.txt\n  the file holds no label\n  hint: write one label a line"),
        ("l.txt", "# a\n\n", "l.txt\n  the file holds no label\n  hint: write one label a line"),
        ("l.json", "[]", "l.json\n  the file holds no label\n  hint: write one label a line"),
        ("l.txt", "a\n#\nb\na\n", "l.txt\n  the label 'a' is given twice: lines 1 and 4"),
        ("l.json", '["a", "a"]', "l.json\n  the label 'a' is given twice: items 0 and 1"),
        ("l.json", '["a", 1]', "l.json\n  item 1 is not a label: 1\n  hint: write strings"),
        ("l.json", '["a", ""]', 'l.json\n  item 1 is not a label: ""\n  hint: write strings'),
        ("l.json", '{"a": 1}', 'l.json\n  not a JSON list of strings\n  hint: write ["label", ...]'),
        ("l.json", '["a",\n b]', "l.json:2:2\n  not JSON: expecting value"),
        ("l.txt", '["unk",\n a]\n', "l.txt:2:2\n  not JSON: expecting value"),
        ("l.txt", "[1]\n", "l.txt\n  item 0 is not a label: 1\n  hint: write strings"),
        ("l.txt", "a\nTOKEN=1\0HOME=/\n", "l.txt\n  line 2 is not a label: it holds control characters"),
        ("l.txt", "caf\u00e9\ncafe\u0301\n", "l.txt\n  the label 'caf\u00e9' is given twice: lines 1 and 2"),
        ("l.json", "[" * 100_000, "l.json\n  not a JSON list of strings"),
        ("l.txt", b"a\nb\xe9\n", "l.txt:2:2\n  the file is not UTF-8\n  hint: save it as UTF-8"),
    ],
)
def test_a_file_that_is_no_list_of_labels_is_refused(tmp_path: Path, name: str, data: bytes | str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        labels_of(tmp_path, name, data)
    assert str(caught.value) == said


def test_a_file_outside_the_specs_folder_is_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "app"
    (folder / "in").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("s3cr3t")
    (folder / "in" / "labels.txt").write_text("a")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "inner.txt").symlink_to("in/labels.txt")
    for name in ("../secret.txt", "link.txt", str(tmp_path / "secret.txt"), "/proc/self/environ", "/dev/null"):
        with pytest.raises(SpecError) as caught:
            read_labels(folder / name, "l", root=folder)
        assert str(caught.value) == "l\n  the file lies outside the spec's folder\n  hint: copy it to the spec's folder"
    for name in ("in/labels.txt", "inner.txt", "in/../in/labels.txt", str(folder / "in" / "labels.txt")):
        assert read_labels(folder / name, "l", root=folder) == ("a",)


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SpecError) as caught:
        read_labels(tmp_path / "pipe", "l")
    assert str(caught.value) == "l\n  this is no regular file\n  hint: name a file with one label a line"
