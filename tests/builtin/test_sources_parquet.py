import subprocess
import sys
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tracer_spec.builtin.formats.times import epoch_seconds
from tracer_spec.builtin.sources.parquet import Parquet, ParquetOptions, make
from tracer_spec.errors import DataError


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "t.parquet"


def test_rows_come_in_order_over_batches_with_their_address(path):
    pq.write_table(pa.table({"text": [f"t{n}" for n in range(10)], "label": ["a", None] * 5}), path, row_group_size=4)
    records = list(Parquet((str(path),), batch_rows=3).records())
    assert [(r.where, r.data["text"], r.problem) for r in records] == [
        (f"t.parquet#{n}", f"t{n}", "") for n in range(10)
    ]
    assert [r.data["label"] for r in records[:2]] == ["a", None]


def test_only_the_columns_asked_for_are_read(path):
    pq.write_table(pa.table({"text": ["a"], "label": ["b"], "other": [1]}), path)
    assert [r.data for r in Parquet((str(path),), columns=("text", "label")).records()] == [{"text": "a", "label": "b"}]


def test_times_of_nanoseconds_and_nested_columns_come_as_plain_values(path):
    moment = 1_767_225_600_123_456_789
    pq.write_table(
        pa.table(
            {
                "time": pa.array([moment], pa.timestamp("ns", "UTC")),
                "meta": [{"model": "m", "scores": [0.5, 0.25]}],
            }
        ),
        path,
    )
    (record,) = Parquet((str(path),)).records()
    assert record.data["meta"] == {"model": "m", "scores": [0.5, 0.25]}
    assert record.data["time"].astimezone(UTC) == datetime(2026, 1, 1, 0, 0, 0, 123456, UTC)
    assert epoch_seconds(record.data["time"]) == 1_767_225_600.123456


def test_a_column_that_is_not_there_is_an_error_that_lists_those_that_are(path):
    pq.write_table(pa.table({"text": ["a"], "label": ["b"]}), path)
    with pytest.raises(DataError) as caught:
        list(Parquet((str(path),), columns=("text", "teacher")).records())
    problem = caught.value.problems[0]
    assert problem.what == "'t.parquet' has no column teacher; it has text, label"
    assert problem.address == "traces.with.columns"


def test_a_file_that_is_no_parquet_is_an_error_with_its_name(path):
    path.write_bytes(b"text,label\na,b\n")
    with pytest.raises(DataError, match=r"'t\.parquet' is not a readable Parquet file: "):
        list(Parquet((str(path),)).records())


def test_a_file_without_rows_holds_no_record(path):
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), path)
    with pytest.raises(DataError, match=r"'t.parquet' holds no record"):
        list(Parquet((str(path),)).records())


def test_options_resolve_paths_against_the_folder_of_the_spec(path):
    pq.write_table(pa.table({"text": ["a"]}), path)
    options = ParquetOptions.model_validate({"path": "*.parquet"}, context={"root": path.parent})
    assert [r.data for r in make(options).records()] == [{"text": "a"}]


def test_without_pyarrow_the_error_is_the_command_that_installs_it():
    script = (
        "import sys\n"
        "sys.modules['pyarrow'] = None\n"
        "from tracer_spec.builtin.sources import sources\n"
        "from tracer_spec.errors import MissingDependencyError\n"
        "plugin = {each.name: each for each in sources()}['parquet']\n"
        "try:\n"
        "    plugin.make(plugin.options(path='x.parquet'))\n"
        "except MissingDependencyError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert done.stdout.splitlines() == [
        "the source 'parquet' needs pyarrow, which is not installed",
        "  hint: pip install 'tracer-spec[parquet]'",
    ]
