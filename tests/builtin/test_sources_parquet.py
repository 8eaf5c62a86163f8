import contextlib
import subprocess
import sys
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tracer_spec.builtin.formats.times import epoch_seconds
from tracer_spec.builtin.sources.parquet import Parquet, ParquetOptions, make
from tracer_spec.errors import DataError


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "t.parquet"


def test_rows_come_in_order_over_batches_with_their_address(path):
    pq.write_table(pa.table({"text": [f"t{n}" for n in range(10)], "label": ["a", None] * 5}), path, row_group_size=4)
    records = list(Parquet(ParquetOptions(path=str(path), batch_rows=3)).records())
    assert [(r.where, r.data["text"], r.problem) for r in records] == [
        (f"t.parquet#{n}", f"t{n}", "") for n in range(10)
    ]
    assert [r.data["label"] for r in records[:2]] == ["a", None]


def test_only_the_columns_asked_for_are_read(path):
    pq.write_table(pa.table({"text": ["a"], "label": ["b"], "other": [1]}), path)
    assert [r.data for r in Parquet(ParquetOptions(path=str(path), columns=["text", "label"])).records()] == [
        {"text": "a", "label": "b"}
    ]


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
    (record,) = Parquet(ParquetOptions(path=str(path))).records()
    assert record.data["meta"] == {"model": "m", "scores": [0.5, 0.25]}
    assert record.data["time"].astimezone(UTC) == datetime(2026, 1, 1, 0, 0, 0, 123456, UTC)
    assert epoch_seconds(record.data["time"]) == 1_767_225_600.123456


def test_a_column_that_is_not_there_is_an_error_that_lists_those_that_are(path):
    pq.write_table(pa.table({"text": ["a"], "label": ["b"]}), path)
    with pytest.raises(DataError) as caught:
        list(Parquet(ParquetOptions(path=str(path), columns=["text", "teacher"])).records())
    problem = caught.value.problems[0]
    assert problem.what == "'t.parquet' has no column teacher; it has text, label"
    assert problem.address == "traces.with.columns"


def test_a_file_that_is_no_parquet_is_an_error_with_its_name(path):
    path.write_bytes(b"text,label\na,b\n")
    with pytest.raises(DataError, match=r"'t\.parquet' is not a readable Parquet file: "):
        list(Parquet(ParquetOptions(path=str(path))).records())


def test_a_file_without_rows_holds_no_record(path):
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), path)
    with pytest.raises(DataError, match=r"'t.parquet' holds no record"):
        list(Parquet(ParquetOptions(path=str(path))).records())


def test_options_resolve_paths_against_the_folder_of_the_spec(path):
    pq.write_table(pa.table({"text": ["a"]}), path)
    options = ParquetOptions.model_validate({"path": "*.parquet"}, context={"root": path.parent})
    assert [r.data for r in make(options).records()] == [{"text": "a"}]


def test_without_pyarrow_the_error_is_the_command_that_installs_it():
    script = (
        "import sys\n"
        "sys.modules['pyarrow'] = None\n"
        "from tracer_spec.builtin import tracer_spec_sources\n"
        "from tracer_spec.errors import MissingDependencyError\n"
        "plugin = {each.name: each for each in tracer_spec_sources()}['parquet']\n"
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


def as_text(*values):
    """Return a column of text that holds these bytes, as a careless writer makes it."""
    return pa.array(values, pa.binary()).view(pa.string())


def whole(kind, *values):
    return pa.array(values, pa.int64() if kind != pa.date32() else pa.int32()).view(kind)


@pytest.mark.parametrize(
    ("column", "problem"),
    [
        (as_text(b"a", b"\xff\xfe", b"b"), "text that is not valid UTF-8, in the column 'v'"),
        (
            pa.StructArray.from_arrays([as_text(b"a", b"\xff", b"b")], ["text"]),
            "text that is not valid UTF-8, in the column 'v'",
        ),
        (whole(pa.timestamp("us"), 0, 2**62, 1), "a value out of range, in the column 'v'"),
        (whole(pa.timestamp("s", "UTC"), 0, 2**45, 1), "a value out of range, in the column 'v'"),
        (whole(pa.date32(), 0, 2**31 - 1, 1), "a value out of range, in the column 'v'"),
    ],
    ids=["text", "nested text", "microseconds", "seconds", "date"],
)
def test_a_value_that_cannot_be_read_spoils_its_own_row_alone(path, column, problem):
    pq.write_table(pa.table({"id": ["1", "2", "3"], "v": column}), path)
    records = list(Parquet(ParquetOptions(path=str(path))).records())
    assert [(r.where, r.problem) for r in records] == [
        ("t.parquet#0", ""),
        ("t.parquet#1", problem),
        ("t.parquet#2", ""),
    ]
    assert [r.data.get("id") for r in records] == ["1", None, "3"]
    # and it stands in nobody's way where its column is not asked for
    assert not any(r.problem for r in Parquet(ParquetOptions(path=str(path), columns=["id"])).records())


def test_nanoseconds_at_any_depth_and_zones_that_are_unknown_here_are_read(path):
    nanoseconds = whole(pa.timestamp("ns", "UTC"), 1_767_225_600_123_456_789)
    pq.write_table(
        pa.table(
            {
                "span": pa.StructArray.from_arrays([nanoseconds], ["start"]),
                "events": pa.ListArray.from_arrays([0, 1], nanoseconds),
                "took": whole(pa.duration("ns"), 1_500),
                "at": whole(pa.time64("ns"), 1_500),
                "time": whole(pa.timestamp("us", "Mars/Olympus_Mons"), 1_767_225_600_000_000),
            }
        ),
        path,
    )
    (record,) = Parquet(ParquetOptions(path=str(path))).records()
    assert record.problem == ""
    moment = datetime(2026, 1, 1, 0, 0, 0, 123456, UTC)
    assert (record.data["span"], record.data["events"]) == ({"start": moment}, [moment])
    assert (record.data["took"].microseconds, record.data["at"].microsecond) == (1, 1)
    assert epoch_seconds(record.data["time"]) == 1_767_225_600


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=300), at=st.integers(0, 10_000), n_cut=st.integers(0, 50))
@example(content=b"\x00\x00\x80\x03\x80", at=220, n_cut=7)  # a column whose name is not UTF-8
def test_damage_anywhere_gives_records_or_one_clear_error(tmp_path_factory, content, at, n_cut):
    path = tmp_path_factory.getbasetemp() / "damaged.parquet"
    pq.write_table(pa.table({"text": ["where is it?", "lost"], "n": [1, None]}), path)
    sound = path.read_bytes()
    at %= len(sound)
    path.write_bytes(sound[:at] + content + sound[at + n_cut :])
    # whatever else is raised fails the test
    with contextlib.suppress(DataError):
        for record in Parquet(ParquetOptions(path=str(path))).records():
            assert record.problem == "" or record.data == {}
