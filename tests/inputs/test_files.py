import os
from contextlib import contextmanager

import pytest

from tracer_spec.builtin import tracer_spec_sources
from tracer_spec.builtin.sources.json_lines import JsonLines, JsonLinesOptions
from tracer_spec.errors import DataError
from tracer_spec.inputs.files import find_inputs, short_name


def write(path, text='{"input": "a"}\n'):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_files_are_read_in_the_order_of_their_paths_whatever_the_order_of_the_globs(tmp_path):
    b, a, c = (write(tmp_path / name) for name in ("b.jsonl", "a.jsonl", "sub/c.jsonl"))
    patterns = [str(tmp_path / "sub" / "*.jsonl"), b, str(tmp_path / "*.jsonl")]
    assert [each.path for each in find_inputs(patterns, example="*.jsonl")] == [a, b, c]


def test_two_stars_reach_into_folders_and_hidden_files_are_left_alone(tmp_path):
    deep = write(tmp_path / "x" / "y" / "deep.jsonl")
    write(tmp_path / ".hidden.jsonl")
    assert [each.path for each in find_inputs([str(tmp_path / "**" / "*.jsonl")], example="*.jsonl")] == [deep]


def test_brackets_in_the_name_of_a_folder_or_file_match_themselves(tmp_path):
    inside = write(tmp_path / "[team] app" / "t[1].jsonl")
    assert [f.path for f in find_inputs([str(tmp_path / "[team] app" / "*.jsonl")], example="*")] == [inside]
    assert [f.path for f in find_inputs([inside], example="*")] == [inside]


def test_a_file_is_called_by_its_path_from_the_working_directory_where_that_is_shorter(tmp_path, monkeypatch):
    path = write(tmp_path / "traces" / "a.jsonl")
    monkeypatch.chdir(tmp_path)
    assert short_name(path) == "traces/a.jsonl"
    monkeypatch.chdir(tmp_path / "traces")
    assert short_name(path) == "a.jsonl"
    assert short_name(str(tmp_path / "b.jsonl")) == "../b.jsonl"


def test_a_glob_that_matches_nothing_is_an_error_with_address_and_remedy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        find_inputs([str(tmp_path / "traces" / "*.jsonl")], example="*.jsonl")
    assert str(caught.value) == (
        "traces.with.path\n"
        "  'traces/*.jsonl' matches no file\n"
        "  hint: paths are relative to the spec's folder; '**' reaches into folders"
    )


def test_a_folder_is_an_error_that_shows_the_glob_to_write(tmp_path, monkeypatch):
    (tmp_path / "traces").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        find_inputs([str(tmp_path / "traces")], example="*.jsonl")
    problem = caught.value.problems[0]
    assert (problem.what, problem.hint) == (
        "'traces' is a folder",
        "name the files in it: 'traces/*.jsonl'",
    )


def test_a_glob_that_matches_folders_alone_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "traces" / "monday").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="'traces/\\*' matches folders and no file"):
        find_inputs([str(tmp_path / "traces" / "*")], example="*.jsonl")


@contextmanager
def as_nobody():
    """Run as a user to whom permissions matter: root may read everything."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@pytest.mark.skipif(os.name == "nt", reason="permissions are of POSIX")
def test_a_file_that_may_not_be_read_is_an_error(tmp_path, monkeypatch):
    path = tmp_path / "secret.jsonl"
    write(path)
    path.chmod(0)
    # from the folder itself: nobody may not enter those above it
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    for plugin in tracer_spec_sources():
        source = plugin.make(plugin.options(path="secret.jsonl"))
        with as_nobody(), pytest.raises(DataError) as caught:
            list(source.records())
        (problem,) = caught.value.problems
        assert "'secret.jsonl'" in problem.what
        assert "permission denied" in problem.what.lower()


@pytest.mark.skipif(os.name == "nt", reason="permissions are of POSIX")
def test_a_folder_that_may_not_be_entered_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    write(tmp_path / "closed" / "t.jsonl")
    (tmp_path / "closed").chmod(0)
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    with as_nobody(), pytest.raises(DataError, match=r"'closed/t\.jsonl' cannot be read: permission denied"):
        find_inputs(["closed/t.jsonl"], example="*.jsonl")
    (tmp_path / "closed").chmod(0o755)


def test_files_that_are_all_empty_are_an_error_but_one_of_them_is_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.jsonl", "")
    write(tmp_path / "b.jsonl", " \n\r\n")
    with pytest.raises(DataError) as caught:
        list(JsonLines(JsonLinesOptions(path=str(tmp_path / "*.jsonl"))).records())
    assert caught.value.problems[0].what == "'a.jsonl', 'b.jsonl' hold no record"
    write(tmp_path / "c.jsonl")
    assert [record.where for record in JsonLines(JsonLinesOptions(path=str(tmp_path / "*.jsonl"))).records()] == [
        "c.jsonl:1"
    ]
