"""Rows that stay in a folder for other fits: read, or decoded anew where need be."""

import json
import os

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from streamed import assert_same, left_in, rows_of, written

from steepest.api import gathering
from steepest.core.errors import DataError


@pytest.fixture(name="data")
def _data(tmp_path):
    return written(tmp_path / "a.parquet")


@pytest.fixture(name="cache")
def _cache(tmp_path):
    return tmp_path / "some" / "cache"


def decoded(monkeypatch):
    """How often rows have been decoded."""
    counts = []
    real = gathering.learn_stream

    def count(*args, **options):
        counts.append(1)
        return real(*args, **options)

    monkeypatch.setattr(gathering, "learn_stream", count)
    return counts


def test_a_second_fit_reads_what_the_first_left(data, cache, monkeypatch, capsys):
    counts = decoded(monkeypatch)
    first = rows_of(data, cache=cache)
    second = rows_of(data, cache=cache, progress=True)
    assert_same(first, second)
    assert len(counts) == 1
    assert "where an earlier fit left them" in capsys.readouterr().err
    (name,) = left_in(cache)
    assert name.startswith("rows-")


def test_only_encoded_rows_are_kept(tmp_path, cache):
    frame = pd.read_parquet(written(tmp_path / "a.parquet"))
    frame.to_csv(tmp_path / "a.csv", index=False)
    rows_of(tmp_path / "a.csv", cache=cache)
    (folder,) = cache.iterdir()
    assert {path.suffix for path in folder.iterdir()} == {".bin", ".json"}


def test_batches_that_come_once_are_not_kept(cache):
    frame = pd.DataFrame({"a": np.arange(9.0), "y": np.arange(9.0) ** 2})
    rows_of(iter([frame]), cache=cache)
    assert left_in(cache) == []


OTHERS = [
    {"seed": 1},
    {"validation": 0.3},
    {"standardize": False},
    {"missing": "drop"},
    {"ignore": ["c"]},
    {"hash_bits": 4},
    {"loss": "absolute"},
]


@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_other_options_are_other_rows(data, cache, monkeypatch, other):
    counts = decoded(monkeypatch)
    rows_of(data, cache=cache)
    rows_of(data, cache=cache, **other)
    assert len(counts) == len(left_in(cache)) == 2


def test_a_table_to_validate_on_does_not_shape_the_rows(data, cache, monkeypatch):
    counts = decoded(monkeypatch)
    for validation in (None, data, pq.read_table(data)):
        rows_of(data, cache=cache, validation=validation)
    assert len(counts) == 1


def test_the_order_of_a_set_does_not_matter(data, cache, monkeypatch):
    counts = decoded(monkeypatch)
    for ignore in ({"c", "a"}, {"a", "c"}):
        with pytest.raises(DataError):
            rows_of(data, cache=cache, ignore=ignore)
    plain = [gathering._plain(each) for each in ({"c", "a"}, {"a", "c"})]
    assert plain == [["a", "c"]] * 2
    assert len(counts) == 2


@pytest.mark.parametrize("change", ["size", "time", "another file"])
def test_a_changed_file_is_decoded_anew(data, cache, monkeypatch, change):
    counts = decoded(monkeypatch)
    rows_of(data, cache=cache)
    if change == "size":
        written(data, n=201)
    elif change == "time":
        written(data, seed=1)
        stat = data.stat()
        os.utime(data, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    else:
        data = written(data.with_name("b.parquet"))
    fresh = rows_of(data, cache=cache)
    assert len(counts) == 2
    assert_same(fresh, rows_of(data))


def damage(folder, how):
    values, told = folder / "train-values.bin", folder / "rows.json"
    if how == "cut":
        values.write_bytes(values.read_bytes()[:-4])
    elif how == "longer":
        values.write_bytes(values.read_bytes() + b"0000")
    elif how == "empty":
        (folder / "train-target.bin").write_bytes(b"")
    elif how == "gone":
        values.unlink()
    elif how == "flipped":
        told.write_text(told.read_text().replace('"center": 0', '"center": 1'))
    elif how == "not JSON":
        told.write_bytes(told.read_bytes()[:-20])
    elif how == "another version":
        content = json.loads(told.read_text())
        told.write_text(json.dumps({**content, "schema": "steepest.rows/0"}))
    else:
        told.unlink()


@pytest.mark.parametrize(
    "how",
    [
        "cut", "longer", "empty", "gone", "flipped", "not JSON", "another version",
        "no list",
    ],
)  # fmt: skip
def test_damaged_rows_are_decoded_anew(data, cache, monkeypatch, how):
    want = rows_of(data)
    rows_of(data, cache=cache)
    (folder,) = cache.iterdir()
    before = (folder / "rows.json").read_text()
    damage(folder, how)
    counts = decoded(monkeypatch)
    assert_same(rows_of(data, cache=cache), want)
    assert (len(counts), len(left_in(cache))) == (1, 1)
    assert (folder / "rows.json").read_text() == before
    assert_same(rows_of(data, cache=cache), want)
    assert len(counts) == 1


def test_another_process_may_be_faster(data, cache, monkeypatch):
    want = rows_of(data)
    real, calls = gathering.learn_stream, []

    def slow(*args, **options):
        if not calls:  # while we decode, another fit of the same leaves its rows
            calls.append(1)
            rows_of(data, cache=cache)
        return real(*args, **options)

    monkeypatch.setattr(gathering, "learn_stream", slow)
    assert_same(rows_of(data, cache=cache), want)
    assert len(left_in(cache)) == 1
