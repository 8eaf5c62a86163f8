import tracemalloc

import numpy as np
import pytest

from tracer_spec.errors import DataError
from tracer_spec.flow.blocks import Blocks


def matrix(n, d=8, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


@pytest.mark.parametrize("sizes", [(5,), (0,), (4, 4), (4, 4, 1), (1, 3, 0)])
def test_blocks_come_back_as_they_went_in_as_often_as_wanted(sizes):
    given = [matrix(n, seed=seed) for seed, n in enumerate(sizes)]
    blocks = Blocks(iter(given))
    for _ in range(2):
        read = list(blocks)
        assert [each.tolist() for each in read] == [each.tolist() for each in given]
        assert all(each.dtype == np.float32 for each in read)
    assert blocks.dimension == 8


def test_a_block_that_is_no_plain_array_is_kept_row_by_row():
    given = np.asfortranarray(matrix(6, 4))
    assert np.concatenate(list(Blocks([given[::2], given[1::2]]))).tolist() == [
        *given[::2].tolist(),
        *given[1::2].tolist(),
    ]


def test_many_blocks_take_the_memory_of_a_few():
    tracemalloc.start()
    blocks = Blocks(matrix(2_000, 64, seed) for seed in range(40))  # 20 MB in all, 0.5 MB each
    total = sum(float(each[0, 0]) for each in blocks)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == pytest.approx(sum(float(matrix(2_000, 64, seed)[0, 0]) for seed in range(40)))
    assert peak < 5_000_000


def test_blocks_of_another_dimension_are_refused():
    with pytest.raises(DataError, match="vectors of 5 dimensions follow vectors of 4"):
        Blocks([matrix(2, 4), matrix(2, 5)])


def test_a_full_disk_is_told_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(DataError) as caught:
        Blocks([matrix(2), matrix(2)])
    assert "cannot be kept: no such file or directory" in str(caught.value)
    assert "TMPDIR" in caught.value.problems[0].hint
