from pathlib import Path

import pytest
from pydantic import ValidationError

from tracer_spec.plugin import Options
from tracer_spec.plugin.paths import LocalPath


class Files(Options):
    path: LocalPath | list[LocalPath]


@pytest.mark.parametrize(
    ("written", "resolved"),
    [
        ("traces.jsonl", "/srv/app/traces.jsonl"),
        ("traces/*.jsonl", "/srv/app/traces/*.jsonl"),
        ("../a/", "/srv/app/../a/"),
        ("/var/log/a", "/var/log/a"),
        ("-", "-"),
        ("s3://bucket/a", "s3://bucket/a"),
        ("file:///a", "file:///a"),
    ],
)
def test_a_path_starts_at_the_folder_of_the_spec(written: str, resolved: str) -> None:
    assert Files.model_validate({"path": written}, context={"root": Path("/srv/app")}).path == resolved
    assert Files.model_validate({"path": [written]}, context={"root": "/srv/app"}).path == [resolved]


def test_without_a_folder_a_path_stays_as_it_is() -> None:
    assert Files.model_validate({"path": "a/b"}).path == "a/b"
    assert Files.model_validate({"path": "a/b"}, context={}).path == "a/b"


@pytest.mark.parametrize(("written", "said"), [("", "a path cannot be empty"), ("a\0b", "a path cannot hold a NUL")])
def test_what_no_file_can_be_called_is_refused(written: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Files.model_validate({"path": written}, context={"root": "/srv/app"})


def test_a_path_is_a_string_in_the_schema() -> None:
    assert Files.model_json_schema()["properties"]["path"]["anyOf"][0] == {"type": "string"}
