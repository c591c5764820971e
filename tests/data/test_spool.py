"""Batches that come once: written down in their order, in types that hold all."""

import errno

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse

from steepest.core.errors import DataError
from steepest.data import spool
from steepest.data.spool import spool_batches


def frame(n=6, start=0):
    rows = np.arange(start, start + n)
    return pd.DataFrame({"a": rows, "b": rows / 2, "c": [f"t{i % 3}" for i in rows]})


def read(written):
    """All rows, and the number of the batch that each comes from."""
    rows, numbers = [], []
    for one in written.files:
        with pa.OSFile(str(one.path)) as file:
            reader = pa.ipc.open_file(file)
            assert reader.num_record_batches == len(one.numbers)
            for i, number in enumerate(one.numbers):
                part = reader.get_batch(i).to_pylist()
                rows += part
                numbers += [number] * len(part)
    return rows, numbers


SOURCES = {
    "frames": lambda df: df,
    "tables": lambda df: pa.table(df),
    "record batches": lambda df: pa.RecordBatch.from_pandas(df, preserve_index=False),
    "dicts": lambda df: df.to_dict("list"),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_rows_stay_in_their_order(tmp_path, kind):
    whole = frame(20)
    cut = [SOURCES[kind](whole[i : i + 6]) for i in range(0, 20, 6)]
    rows, numbers = read(spool_batches((part for part in cut), tmp_path, "s"))
    assert rows == whole.to_dict("records")
    assert numbers == [1] * 6 + [2] * 6 + [3] * 6 + [4] * 2


def test_pairs_get_their_y_as_the_last_column(tmp_path):
    batches = [(np.eye(2), [3.0, 4.0]), (np.ones((1, 2)), [5.0])]
    written = spool_batches(iter(batches), tmp_path, "s", target="late")
    assert written.pairs
    rows, _ = read(written)
    assert [row["late"] for row in rows] == [3, 4, 5]
    assert list(rows[0]) == ["x0", "x1", "late"]
    assert not spool_batches([frame()], tmp_path, "other").pairs


def test_a_large_batch_is_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "BATCH_ROWS", 7)
    rows, numbers = read(spool_batches([frame(20), frame(3)], tmp_path, "s"))
    assert len(rows) == 23
    assert numbers == [1] * 20 + [2] * 3


def test_types_widen_as_batches_come(tmp_path):
    batches = [
        frame(2).assign(a=None),
        frame(2).assign(a=[1, 2]),
        frame(2).assign(a=[1, None]),
        frame(2).assign(a=[0.5, 2]),
        frame(2).assign(a=[7, 8]),
    ]
    written = spool_batches(batches, tmp_path, "s")
    kinds = [one.schema.field("a").type for one in written.files]
    assert kinds == [pa.null(), pa.int64(), pa.float64()]
    rows, numbers = read(written)
    want = [None, None, 1, 2, 1, None, 0.5, 2, 7, 8]
    assert [row["a"] for row in rows] == want
    assert numbers == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_categories_may_be_numbered_differently(tmp_path):
    batches = [
        frame(2).assign(c=pd.Categorical(["u", "v"])),
        frame(2).assign(c=pd.Categorical(["v", "w"])),
        frame(2).assign(c=["w", "u"]),
    ]
    rows, _ = read(spool_batches(batches, tmp_path, "s"))
    assert [row["c"] for row in rows] == ["u", "v", "v", "w", "w", "u"]


def test_columns_may_change_their_places(tmp_path):
    rows, _ = read(spool_batches([frame(2), frame(2)[["c", "b", "a"]]], tmp_path, "s"))
    assert list(rows[3]) == ["a", "b", "c"]
    assert rows[2:] == frame(2).to_dict("records")


@pytest.mark.parametrize("empty", [frame(0), pd.DataFrame(), {"z": []}])
def test_batches_without_rows_are_passed_over(tmp_path, empty):
    batches = [empty, frame(2), empty, frame(1)]
    rows, numbers = read(spool_batches(batches, tmp_path, "s"))
    assert len(rows) == 3
    assert numbers == [2, 2, 4]


@pytest.mark.parametrize(
    ("batches", "told"),
    [
        ([], "the iterator gave no rows"),
        ([frame(0), frame(0)], "the iterator gave no rows"),
        ([frame(), 3], "^batch 2: data: got builtins.int"),
        ([frame(), None], "^batch 2: data: got"),
        (
            [frame(), frame(), frame().rename(columns={"a": "z"})],
            "^batch 3: lacks a and has z besides, unlike batch 1",
        ),
        (
            [frame(0), frame(), frame().assign(a="x")],
            "^batch 3: column a holds .*string, in batch 2 it holds int64",
        ),
        ([(np.eye(2), [1.0])], "^batch 1: X has 2 rows, y has 1"),
        ([(np.eye(2), [1.0, 2]), frame()], "^batch 2: lacks target, x0"),
        (
            [pa.RecordBatch.from_arrays([pa.array([1.0])] * 2, ["a", "a"])],
            "^batch 1: .*columns named twice: a",
        ),
        ([frame(), "absent.csv"], "^batch 2: absent.csv: no such file"),
    ],
)
def test_what_does_not_fit_is_named_with_its_batch(tmp_path, batches, told):
    with pytest.raises(DataError, match=told):
        spool_batches(iter(batches), tmp_path, "s")


def test_sparse_rows_need_one_width(tmp_path):
    rows = [(scipy.sparse.csr_array(np.eye(n)), np.arange(float(n))) for n in (5, 6)]
    with pytest.raises(DataError, match="batch 2: its sparse rows have 6 columns, tho"):
        spool_batches(iter(rows), tmp_path, "s")


@pytest.mark.parametrize("error", [RuntimeError("source"), OSError(5, "of its own")])
def test_an_error_of_the_iterator_is_its_own(tmp_path, error):
    def batches():
        yield frame()
        raise error

    with pytest.raises(type(error)) as caught:
        spool_batches(batches(), tmp_path, "s")
    assert caught.value is error


def test_a_full_disk_is_told_by_its_folder(tmp_path, monkeypatch):
    class Full:
        def __init__(self, *_):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def write_batch(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spool.pa.ipc, "new_file", Full)
    with pytest.raises(DataError, match=r"cannot be kept there \(No space.*cache="):
        spool_batches([frame()], tmp_path, "s")


def test_a_folder_that_is_gone_is_told(tmp_path):
    with pytest.raises(DataError, match=r"rows cannot be kept there \(.*cache="):
        spool_batches([frame()], tmp_path / "absent", "s")
