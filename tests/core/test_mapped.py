"""Arrays in files: what they hold, and what letting go of them leaves."""

import mmap
import os
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from steepest.core.mapped import is_mapped, mapped, release, touch

PAGE = os.sysconf("SC_PAGE_SIZE")


def written(path, array):
    path.write_bytes(array.tobytes())
    return mapped(path, array.dtype, array.shape)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "i8", "u1"])
@pytest.mark.parametrize("shape", [(1,), (7,), (5, 3), (2000, 9)])
def test_a_file_holds_what_was_written(tmp_path, dtype, shape):
    want = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    found = written(tmp_path / "values", want)
    np.testing.assert_array_equal(found, want)
    assert found.dtype == want.dtype
    assert not found.flags.writeable


def test_a_file_may_hold_more(tmp_path):
    (tmp_path / "values").write_bytes(np.arange(10.0).tobytes())
    assert mapped(tmp_path / "values", float, (3,)).tolist() == [0, 1, 2]


@pytest.mark.parametrize("shape", [(0,), (0, 4), (4, 0)])
def test_no_values_need_no_file(tmp_path, shape):
    assert mapped(tmp_path / "absent", np.float32, shape).shape == shape


def test_parts_and_shapes_of_a_mapped_array_lie_in_the_file(tmp_path):
    whole = written(tmp_path / "values", np.zeros((8, 4)))
    parts = [whole, whole[2:], whole[::2], whole.reshape(-1), whole.T, whole[0]]
    assert all(map(is_mapped, parts))
    others = [whole.copy(), whole + 0, whole[[1, 2]], np.zeros(2), None]
    assert not any(map(is_mapped, others))


@pytest.mark.parametrize(("begin", "end"), [(0, None), (3, 5), (1000, 5001), (0, 0)])
def test_released_rows_read_the_same(tmp_path, begin, end):
    want = np.random.default_rng(0).normal(size=(6000, 5))
    found = written(tmp_path / "values", want)
    touch(found)
    release(found[begin:end])
    np.testing.assert_array_equal(found, want)


def test_what_lies_in_no_file_is_left_alone():
    array = np.arange(5000.0)
    for some in (array, array[3:], None, np.broadcast_to(np.float32(1), 9)):
        release(some)
    assert array.sum() == 4999 * 2500


class Told(mmap.mmap):
    """A map that writes down what it is advised."""

    calls: ClassVar = []

    def madvise(self, advice, start, size):
        assert advice == mmap.MADV_DONTNEED
        self.calls.append((start // PAGE, size // PAGE))


@pytest.mark.parametrize(
    ("begin", "end", "pages"),
    [
        (0, 4 * PAGE, [(0, 4)]),
        (1, 3 * PAGE, [(1, 2)]),
        (PAGE, 3 * PAGE - 1, [(1, 1)]),
        (PAGE - 1, PAGE + 1, []),
        (5, PAGE + 5, []),
    ],
)
def test_only_whole_pages_of_the_part_are_let_go(begin, end, pages):
    Told.calls.clear()
    array = np.frombuffer(Told(-1, 4 * PAGE), np.uint8)
    release(array[begin:end])
    assert Told.calls == pages


def test_a_part_in_steps_is_let_go_from_its_first_to_its_last_value():
    Told.calls.clear()
    array = np.frombuffer(Told(-1, 8 * PAGE), np.uint8).reshape(8, PAGE)
    release(array[1:7:2])  # rows 1, 3, 5
    release(array[6:2:-1])
    release(array.T)
    assert Told.calls == [(1, 5), (3, 4), (0, 8)]


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="Linux")
def test_letting_go_frees_the_memory(tmp_path):
    size = 32 << 20
    array = written(tmp_path / "values", np.ones(size, np.uint8))

    def held():
        status = Path("/proc/self/status").read_text()
        line = next(x for x in status.splitlines() if x.startswith("RssFile"))
        return int(line.split()[1]) * 1024

    touch(array)
    before = held()
    release(array)
    assert before - held() > 0.9 * size


def test_touching_reads_no_more_than_a_value_of_each_page(tmp_path):
    array = written(tmp_path / "values", np.arange(3 * PAGE, dtype=np.float32))
    for part in (array, array[:1], array[5:9], array[:0], array.reshape(-1, 3)[2:]):
        touch(part)
