import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tracer_spec.spec import LoadedSpec, RouterSpec, load_spec, reader

Load = Callable[..., LoadedSpec]
Problems = Callable[..., list[str]]


def test_every_value_keeps_its_line_and_column(load: Load, minimal: str) -> None:
    line = "  - {use: mlp, with: {hidden: [256, 96]}}"
    loaded = load(f"{minimal}zoo:\n  - logreg\n{line}\n")
    assert loaded.where(("zoo",)) == "router.yaml:7:3"
    assert loaded.where(("zoo", 0)) == "router.yaml:7:5"
    assert loaded.where(("zoo", 1, "use")) == "router.yaml:8:11"
    assert loaded.where(("zoo", 1, "with", "hidden", 1)) == f"router.yaml:8:{line.index('96') + 1}"


def test_a_value_that_is_not_written_is_placed_at_its_nearest_parent(load: Load, minimal: str) -> None:
    loaded = load(minimal)
    assert loaded.where(("target", "confidence")) == "router.yaml:5:9"
    assert loaded.where(("split", "certify")) == "router.yaml:1:1"
    assert loaded.where(("embedder", "with", "dim")) == "router.yaml:4:11"


def test_columns_count_characters_and_not_bytes(problems: Problems, minimal: str) -> None:
    found = problems(minimal + "defer_labels: ['größe 🙂', 5]\n")
    assert found[0].startswith("router.yaml:6:27  defer_labels[1]\n")


def test_a_byte_order_mark_is_not_part_of_the_first_key(load: Load, minimal: str) -> None:
    assert load(b"\xef\xbb\xbf" + minimal.encode()).where(("version",)) == "router.yaml:1:10"


def test_windows_line_ends_count_as_one(load: Load, minimal: str) -> None:
    assert load(minimal.replace("\n", "\r\n")).where(("embedder",)) == "router.yaml:4:11"


def test_labels_that_yaml_1_1_reads_as_booleans_stay_labels(load: Load, minimal: str) -> None:
    loaded = load(minimal + "defer_labels: [no, yes, on, off, y, n]\n")
    assert loaded.spec.defer_labels == ("no", "yes", "on", "off", "y", "n")


def test_keys_are_strings_whatever_they_look_like(load: Load, minimal: str) -> None:
    text = minimal.replace(
        "{use: jsonl}", "{use: jsonl, labels: {aliases: {1: one, no: refuse, true: 'yes', ~: none}}}"
    )
    assert load(text).spec.traces.labels.aliases == {"1": "one", "no": "refuse", "true": "yes", "~": "none"}


def test_an_alias_stands_for_what_its_anchor_names(load: Load, minimal: str) -> None:
    loaded = load(minimal + "zoo: [{use: mlp, with: &o {hidden: [8]}}, {use: mlp, as: other, with: *o}]\n")
    assert loaded.spec.zoo[1].options == {"hidden": [8]}
    assert loaded.where(("zoo", 1, "with", "hidden", 0)) == "router.yaml:6:37"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "router.yaml\n  the file is empty\n  hint: start with 'version: 1'"),
        ("# nothing\n", "router.yaml\n  the file is empty\n  hint: start with 'version: 1'"),
        ("---\n", "router.yaml:2:1\n  the spec is empty\n  hint: start with 'version: 1'"),
        ("- a\n", "router.yaml:1:1\n  the spec is a list, not a mapping\n  hint: start with 'version: 1'"),
        ("lsa", "router.yaml:1:1\n  the spec is 'lsa', not a mapping\n  hint: start with 'version: 1'"),
        (
            "a: 1\n---\nb: 2\n",
            "router.yaml:2:1\n  a second document starts here\n  hint: a spec is one document: take out the '---'",
        ),
        (
            "a: [1,\n",
            "router.yaml:2:1\n  not YAML: expected the node content, but found '<stream "
            "end>' while parsing a flow node",
        ),
        (
            "a:\n\t- b\n",
            "router.yaml:2:1\n  not YAML: found character '\\t' that cannot start any "
            "token while scanning for the next"
            " token\n  hint: indent with spaces, not tabs",
        ),
        (
            "a: b: c\n",
            "router.yaml:1:5\n  not YAML: mapping values are not allowed here\n"
            "  hint: put quotes around a value that holds ': ', or check the indentation",
        ),
        (
            "a: @b\n",
            "router.yaml:1:4\n  not YAML: found character '@' that cannot start any "
            "token while scanning for the next"
            " token\n  hint: put quotes around the value",
        ),
        (
            "a: {b: ${X}}\n",
            "router.yaml:1:9\n  not YAML: expected ',' or '}', but got '{' while parsing a flow mapping\n"
            "  hint: inside [ ] and { } a variable is quoted: '${NAME}'",
        ),
        ("a: 'x\n", "router.yaml:2:1\n  not YAML: found unexpected end of stream while scanning a quoted scalar"),
        ("a: b\x07\n", "router.yaml:1:5\n  the character U+0007 is not allowed in YAML"),
        ("? [a]\n: b\n", "router.yaml:1:3\n  a key is a list or a mapping\n  hint: a key must be a string"),
        ("a: *b\n", "router.yaml:1:4\n  no anchor '&b' comes before this alias"),
        ("a: &b [*b]\n", "router.yaml:1:8\n  the alias '*b' stands inside of what it names"),
        ("a: &b c\n*b : d\n", "router.yaml:2:1\n  the alias '*b' cannot be a key\n  hint: write the key out"),
        (
            'a: "\\UFFFFFFFF"\n',
            "router.yaml:1:7\n  not YAML: found invalid Unicode character escape code while parsing a quoted scalar",
        ),
    ],
)
def test_what_is_no_spec_at_all_is_said_in_one_problem(problems: Problems, text: str, said: str) -> None:
    assert problems(text) == [said]


def test_duplicate_keys_name_both_lines_and_the_rest_is_still_checked(problems: Problems, minimal: str) -> None:
    assert problems(minimal + "seed: 1\nseed: 2\nquux: 3\n")[:2] == [
        "router.yaml:7:1\n  the key 'seed' is given again; it was first given on line 6\n  hint: keep one of them",
        f"router.yaml:8:1  quux\n  there is no key 'quux'; known: {', '.join(RouterSpec.model_fields)}",
    ]


def test_tags_and_merge_keys_are_refused(problems: Problems, minimal: str) -> None:
    found = problems(
        minimal + "report: {text: !!bool true}\nsplit: {<<: {folds: 3}}\n"
        "cost: !secret {teacher_usd_per_1k: 1, requests_per_day: 1}\n"
    )
    assert found[:3] == [
        "router.yaml:6:16\n  tags are not allowed: '!!bool'\n  hint: write the value without it; quotes make a string",
        "router.yaml:7:9\n  merge keys ('<<') are not part of YAML 1.2\n  hint: write the keys out",
        "router.yaml:8:7\n  tags are not allowed: '!secret'\n  hint: write the value without it; quotes make a string",
    ]


def test_a_quoted_merge_key_is_just_a_key(load: Load, minimal: str) -> None:
    text = minimal.replace("{use: jsonl}", "{use: jsonl, labels: {aliases: {'<<': less}}}")
    assert load(text).spec.traces.labels.aliases == {"<<": "less"}


def test_an_alias_bomb_is_refused_before_it_takes_memory(problems: Problems) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    tracemalloc.start()
    try:
        found = problems("\n".join(lines))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == ["router.yaml:5:45\n  more than 100,000 values, aliases counted as often as they are used"]
    assert peak < 5_000_000


def test_depth_is_bounded_through_aliases_too(problems: Problems) -> None:
    said = "lists and mappings are nested deeper than 64"
    assert problems("a: " + "[" * 100_000) == [f"router.yaml:1:67\n  {said}"]
    chain = "a0: &a0 " + "[" * 40 + "]" * 40 + "\na1: " + "[" * 30 + "*a0" + "]" * 30 + "\n"
    assert problems(chain) == [f"router.yaml:2:35\n  {said}"]


def test_depth_within_the_bound_is_read(load: Load, minimal: str) -> None:
    text = minimal.replace("embedder: lsa", "embedder: {use: lsa, with: {deep: " + "[" * 61 + "]" * 61 + "}}")
    assert load(text).where(("embedder", "with", "deep", *[0] * 60)).startswith("router.yaml:4:")


def test_a_file_over_the_size_limit_is_refused_before_it_is_decoded(problems: Problems) -> None:
    not_utf_8 = b"\xff" * (reader.MAX_BYTES + 1)
    assert problems(not_utf_8) == ["router.yaml\n  the file is larger than 1,048,576 bytes"]


def test_what_is_not_utf_8_is_placed_at_its_byte(problems: Problems) -> None:
    said = "the file is not UTF-8\n  hint: save it as UTF-8"
    assert problems(b"version: 1\nname: caf\xe9\n") == [f"router.yaml:2:10\n  {said}"]
    assert problems("version: 1\n".encode("utf-16")) == [f"router.yaml:1:1\n  {said}"]


def test_the_pure_python_parser_places_and_says_the_same(
    monkeypatch: pytest.MonkeyPatch, load: Load, problems: Problems, minimal: str
) -> None:
    text = minimal + "zoo:\n  - {use: 'mlp', with: {hidden: [256], ä: \"\\u00e4\"}}\n  - | \n    dt\n"
    bad = minimal + "zoo: [logreg\nseed: 1\n"
    fast, fast_said = load(text.replace("| \n    dt", "dt")), problems(bad)
    monkeypatch.setattr(reader, "_FAST", yaml.SafeLoader)
    assert load(text.replace("| \n    dt", "dt")).tree == fast.tree
    assert problems(bad) == fast_said


def test_a_missing_file_and_a_folder_are_usage_problems(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="there is no such file") as missing:
        load_spec(tmp_path / "none.yaml")
    with pytest.raises(Exception, match="this is a folder, not a file") as folder:
        load_spec(tmp_path)
    assert missing.value.exit_code == folder.value.exit_code == 2  # type: ignore[attr-defined]
    assert str(folder.value).endswith(f"hint: name the file: {tmp_path / 'router.yaml'}")


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000])
def test_a_name_that_no_file_can_have_is_a_problem_and_not_a_crash(name: str) -> None:
    with pytest.raises(Exception, match="the file cannot be read: ") as caught:
        load_spec(name)
    assert caught.value.exit_code == 2  # type: ignore[attr-defined]
