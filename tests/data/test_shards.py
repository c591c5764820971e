"""Tables in parts: every kind of source gives the same rows, in the same order."""

import itertools

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.core.errors import DataError
from steepest.data import csv_spool, shards
from steepest.data.shards import Part, Shards, open_shards, read

N = 90


@pytest.fixture(autouse=True, name="blocks")
def _blocks(monkeypatch):
    monkeypatch.setattr(csv_spool, "BLOCK_BYTES", 300)


def table(n=N, start=0):
    rows = np.arange(start, start + n)
    columns = {"a": rows, "b": np.sin(rows), "c": [f"t{i % 4}" for i in rows]}
    types = {"a": pa.int64(), "b": pa.float64(), "c": pa.string(), "y": pa.int64()}
    return pa.table({**columns, "y": rows % 3}, schema=pa.schema(types))


def whole(data, folder):
    """(all rows, the number of the first of each piece, their places)."""
    opened = open_shards(data, folder)
    pieces = list(opened.tables(opened.names))
    found = pa.concat_tables(piece for _, _, piece in pieces)
    assert found.num_rows == opened.n_rows
    return found, [first for first, _, _ in pieces], [place for _, place, _ in pieces]


def parquet(path, rows, **options):
    pq.write_table(rows, path, **options)
    return path


def arrow(path, rows, *, new=pa.ipc.new_file, size=20):
    with pa.OSFile(str(path), "wb") as sink, new(sink, rows.schema) as writer:
        writer.write_table(rows, max_chunksize=size)
    return path


def csv(path, rows):
    rows.to_pandas().to_csv(path, index=False)
    return path


def many(folder, write, suffix, **options):
    """Three files in a folder, named in their order."""
    home = folder / "shards"
    home.mkdir()
    for i, (start, n) in enumerate([(0, 40), (40, 1), (41, N - 41)]):
        write(home / f"{i}{suffix}", table(n, start), **options)
    return home


SOURCES = {
    "parquet": lambda d: parquet(d / "a.parquet", table(), row_group_size=20),
    "parquet, one group": lambda d: parquet(d / "a.pq", table()),
    "parquet, groups of a row": lambda d: parquet(
        d / "a.parquet", table(), row_group_size=1
    ),
    "parquet, two pages": lambda d: parquet(
        d / "a.parquet", table(), data_page_size=64, version="1.0"
    ),
    "folder of parquet": lambda d: many(d, parquet, ".parquet", row_group_size=7),
    "glob": lambda d: str(many(d, parquet, ".parquet")) + "/*.parquet",
    "list": lambda d: sorted(many(d, parquet, ".parquet").iterdir()),
    "arrow file": lambda d: arrow(d / "a.arrow", table()),
    "arrow stream": lambda d: arrow(d / "a.ipc", table(), new=pa.ipc.new_stream),
    "feather": lambda d: arrow(d / "a.feather", table(), size=1000),
    "csv": lambda d: csv(d / "a.csv", table()),
    "csv.gz": lambda d: csv(d / "a.csv.gz", table()),
    "folder of csv": lambda d: many(d, csv, ".csv"),
    "frames": lambda d: (table().to_pandas()[i : i + 20] for i in range(0, N, 20)),
    "record batches": lambda d: iter(table().to_batches(max_chunksize=20)),
    "reader": lambda d: table().to_reader(20),
    "paths that come": lambda d: iter(sorted(many(d, parquet, ".parquet").iterdir())),
    "table": lambda d: table(),
    "frame": lambda d: table().to_pandas(),
    "dict": lambda d: table().to_pydict(),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_all_sources_give_the_same_rows_in_their_order(tmp_path, kind):
    found, firsts, places = whole(SOURCES[kind](tmp_path), tmp_path)
    assert found.to_pylist() == table().to_pylist()
    assert firsts[0] == 0
    assert np.all(np.diff(firsts) > 0)
    assert all(places)


@pytest.mark.parametrize("kind", SOURCES)
def test_a_sample_of_as_many_rows_is_all_of_them(tmp_path, kind):
    opened = open_shards(SOURCES[kind](tmp_path), tmp_path)
    for n in (N, N + 1, 10 * N):
        sample, numbers = opened.sample(n)
        assert sample.to_pylist() == table().to_pylist()
        np.testing.assert_array_equal(numbers, np.arange(N))


@pytest.mark.parametrize("kind", SOURCES)
def test_a_sample_tells_where_its_rows_are(tmp_path, kind):
    opened = open_shards(SOURCES[kind](tmp_path), tmp_path)
    sample, numbers = opened.sample(30)
    assert sample.to_pylist() == table().take(numbers).to_pylist()
    assert np.all(np.diff(numbers) > 0)
    assert 0 < len(numbers) <= max(30, len(opened.parts))


def test_columns_are_read_as_asked_for(tmp_path):
    for kind in ("parquet", "csv", "arrow file", "frames"):
        home = tmp_path / kind
        home.mkdir()
        opened = open_shards(SOURCES[kind](home), home)
        for _, _, piece in opened.tables(["c", "a"]):
            assert set(piece.column_names) == {"a", "c"}


def in_memory(sizes):
    """Shards of so many rows in each part."""
    parts, start = [], 0
    for i, n in enumerate(sizes):
        rows = pa.table({"x": np.arange(start, start + n)})
        parts.append(
            Part(f"part {i}", n, lambda names, t=rows: iter([t.select(names)]))
        )
        start += n
    return Shards(pa.schema({"x": pa.int64()}), tuple(parts))


@given(st.lists(st.integers(1, 50), min_size=1, max_size=12), st.integers(1, 300))
def test_large_parts_give_what_small_ones_lack(sizes, n_rows):
    rows, numbers = in_memory(sizes).sample(n_rows)
    np.testing.assert_array_equal(rows["x"].to_numpy(), numbers)
    ends = np.cumsum([0, *sizes])
    taken = np.array(
        [((numbers >= a) & (numbers < b)).sum() for a, b in itertools.pairwise(ends)]
    )
    assert taken.min() >= 1
    if n_rows >= sum(sizes):
        assert taken.tolist() == sizes
    elif n_rows >= len(sizes):
        # a level that all large parts reach, filled up to less than a row for each
        most = taken.max()
        assert all(t in (most, size) for t, size in zip(taken, sizes, strict=True))
        assert n_rows - len(sizes) < len(numbers) <= n_rows


def test_a_large_row_group_is_read_in_slices(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "GROUP_BYTES", 10)
    monkeypatch.setattr(shards, "SLICE_ROWS", 16)
    found, firsts, _ = whole(parquet(tmp_path / "a.parquet", table()), tmp_path)
    assert found.to_pylist() == table().to_pylist()
    assert firsts == list(range(0, N, 16))


def test_the_head_of_a_part_is_read_and_no_more(tmp_path, monkeypatch):
    path = parquet(tmp_path / "a.parquet", table(), row_group_size=45)
    opened = open_shards(path, tmp_path)

    def refuse(*_, **__):
        raise AssertionError("read whole")

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", refuse)
    sample, numbers = opened.sample(10)
    assert numbers.tolist() == [0, 1, 2, 3, 4, 45, 46, 47, 48, 49]
    assert sample["a"].to_pylist() == numbers.tolist()


def test_shards_without_rows_are_passed_over_and_named(tmp_path):
    names = ["0.parquet", "1.parquet", "2.parquet", "3.csv"]
    sizes = [(0, 0), (50, 0), (0, 0), (40, 50)]
    for name, (n, start) in zip(names, sizes, strict=True):
        write = csv if name.endswith("csv") else parquet
        write(tmp_path / name, table(n, start))
    places = [tmp_path / name for name in names]
    found, _, _ = whole(places, tmp_path)
    assert found.to_pylist() == table().to_pylist()
    (note,) = open_shards(places, tmp_path).notes
    want = f"passed over, without rows: {places[0]}, {places[2]}."
    assert note == want


def test_row_groups_without_rows_are_passed_over(tmp_path):
    path = tmp_path / "a.parquet"
    with pq.ParquetWriter(path, table().schema) as writer:
        for n, start in ((0, 0), (50, 0), (0, 50), (40, 50)):
            writer.write_table(table(n, start))
    assert whole(path, tmp_path)[0].to_pylist() == table().to_pylist()


def test_the_index_that_pandas_writes_is_left_out(tmp_path):
    frame = table().to_pandas().set_index(["a", "b"], drop=False)
    frame.index.names = [None, None]
    frame.to_parquet(tmp_path / "a.parquet")
    opened = open_shards(tmp_path / "a.parquet", tmp_path)
    assert set(opened.names) == {"a", "b", "c", "y"}


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (pa.array([1, 2]), pa.array([0.5, 2])),
        (pa.nulls(2), pa.array(["u", "v"])),
        (pa.array([1, 2], pa.int8()), pa.array([1, 300])),
        (pa.array(["u", "v"]).dictionary_encode(), pa.array(["v", "w"])),
        (pa.array([0, 86400], pa.timestamp("s")), pa.array([1, 2], pa.timestamp("ns"))),
        (pa.array([0, 1], pa.date32()), pa.array([1, 2], pa.timestamp("ms"))),
    ],
    ids=lambda each: str(each.type),
)
@pytest.mark.parametrize("turned", [False, True])
def test_shards_of_near_types_are_one_table(tmp_path, one, two, turned):
    columns = [two, one] if turned else [one, two]
    for i, values in enumerate(columns):
        parquet(tmp_path / f"{i}.parquet", pa.table({"x": values}))
    found, _, _ = whole(tmp_path, tmp_path)
    kind = found.schema.field("x").type
    want = [value for values in columns for value in values.cast(kind).to_pylist()]
    assert found["x"].to_pylist() == want
    opened = open_shards(tmp_path, tmp_path)
    assert opened.sample(100)[0].schema.types == [kind]


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (table().drop_columns(["b"]), "1.parquet: lacks b, unlike .*0.parquet"),
        (table().rename_columns(list("abzy")), "1.parquet: lacks c and has z besides"),
        (
            table().set_column(0, "a", [["u"] * N]),
            "1.parquet: column a holds string, in .*0.parquet it holds int64",
        ),
    ],
)
def test_a_shard_of_other_columns_is_named(tmp_path, other, told):
    parquet(tmp_path / "0.parquet", table())
    parquet(tmp_path / "1.parquet", other)
    with pytest.raises(DataError, match=told):
        open_shards(tmp_path, tmp_path)


def test_other_columns_are_told_before_the_next_file_is_read(tmp_path):
    csv(tmp_path / "0.csv", table())
    csv(tmp_path / "1.csv", table().drop_columns(["b"]))
    (tmp_path / "2.csv").write_bytes("a,y\n".encode("utf-16"))
    with pytest.raises(DataError, match="1.csv: lacks b"):
        open_shards(tmp_path, tmp_path)


@pytest.mark.parametrize("compression", ["snappy", "zstd", "gzip"])
def test_a_row_group_that_cannot_be_read_is_named(tmp_path, compression):
    path = parquet(
        tmp_path / "a.parquet", table(), row_group_size=30, compression=compression
    )
    group = pq.read_metadata(path).row_group(1).column(1)
    begin, size = group.data_page_offset, group.total_compressed_size
    data = bytearray(path.read_bytes())
    data[begin : begin + size - 20] = b"\xff" * (size - 20)
    path.write_bytes(data)
    opened = open_shards(path, tmp_path)
    assert opened.n_rows == N
    with pytest.raises(DataError, match=r"a.parquet, row group 2: cannot be read \("):
        list(opened.tables(opened.names))
    with pytest.raises(DataError, match="row group 2"):
        opened.sample(N)
    assert next(opened.tables(["a", "b"]))[2].num_rows == 30  # the first is whole


@pytest.mark.parametrize("kind", ["parquet", "arrow file", "csv.gz", "arrow stream"])
def test_a_file_that_was_cut_short_is_named(tmp_path, kind):
    path = SOURCES[kind](tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    told = f"{path}.*cannot be read"
    with pytest.raises(DataError, match=told):
        whole(path, tmp_path)


def test_a_file_that_changes_under_the_run_is_named(tmp_path):
    path = parquet(tmp_path / "a.parquet", table(), row_group_size=30)
    opened = open_shards(path, tmp_path)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match="row group 1: cannot be read .* have changed"):
        list(opened.tables(["a"]))
    path.unlink()
    with pytest.raises(DataError, match="row group 1: cannot be read"):
        list(opened.tables(["a"]))


def test_columns_named_twice_are_refused(tmp_path):
    twice = pa.Table.from_arrays([pa.array([1.0])] * 2, ["a", "a"])
    for write, name in ((parquet, "a.parquet"), (arrow, "a.arrow")):
        path = write(tmp_path / name, twice)
        with pytest.raises(DataError, match=f"{name}: columns named twice: a"):
            open_shards(path, tmp_path)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda d: [], "an empty list of files"),
        (lambda d: d / "absent.csv", "absent.csv: no such file"),
        (lambda d: d / "*.parquet", "no file matches"),
        (lambda d: parquet(d / "a.parquet", table(0)), "a.parquet: no rows"),
        (lambda d: csv(d / "a.csv", table(0)), "a.csv: no rows, only column names"),
        (lambda d: d, "a folder with none of .csv"),
        (lambda d: 3, "batch 1: data: got builtins.int"),
    ],
)
def test_what_holds_no_rows_is_told(tmp_path, make, told):
    with pytest.raises(DataError, match=told):
        open_shards(make(tmp_path), tmp_path)


@pytest.mark.parametrize("name", ["a.xlsx", "a", "a.parquet", "a.arrow", "a.csv"])
def test_other_files_are_told(tmp_path, name):
    (tmp_path / name).write_bytes(b"" if name == "a.csv" else b"PK\x03\x04 no table")
    told = "unknown suffix" if name in ("a.xlsx", "a") else "a[.]|empty"
    with pytest.raises(DataError, match=told):
        open_shards(tmp_path / name, tmp_path)


def test_an_error_of_a_part_names_it():
    def broken(_):
        raise OSError("bad sector")
        yield

    with pytest.raises(DataError, match=r"^here: cannot be read \(bad sector\)"):
        list(read(Part("here", 3, broken), ["x"]))


def test_pairs_call_their_target(tmp_path):
    pairs = [(np.eye(2), [1.0, 2.0]), (np.ones((1, 2)), [3.0])]
    assert open_shards(iter(pairs), tmp_path).target == "target"
    opened = open_shards(iter(pairs), tmp_path, target="late")
    assert (opened.target, opened.names) == ("late", ["x0", "x1", "late"])
    assert open_shards(pd.DataFrame({"a": [1]}), tmp_path).target is None
