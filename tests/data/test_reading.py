"""One table, from every kind of holder; and every holder that cannot be one."""

import gzip
import os

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from steepest.core.errors import DataError, UsageError
from steepest.data.reading import array_width, read_table, table_and_target

COLUMNS = {"x": [1.5, None, 3.0], "n": [1, 2, 3], "c": ["a", "b", None]}
CSV = "x,n,c\n1.5,1,a\nNA,2,b\n3.0,3,\n"
TABLE = pa.table(COLUMNS)


def write_csv(folder, text=CSV, name="t.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def write_gzip(folder):
    path = folder / "t.csv.gz"
    path.write_bytes(gzip.compress(CSV.encode()))
    return path


def write_parquet(folder):
    pq.write_table(TABLE, folder / "t.parquet")
    return folder / "t.parquet"


def write_feather(folder):
    pyarrow.feather.write_feather(TABLE, folder / "t.feather")
    return str(folder / "t.feather")


def write_stream(folder):
    with pa.ipc.new_stream(folder / "t.arrow", TABLE.schema) as stream:
        stream.write_table(TABLE)
    return folder / "t.arrow"


def write_pandas_parquet(folder):
    frame = pd.DataFrame(COLUMNS, index=[5, 6, 7])
    frame.to_parquet(folder / "t.pq")
    return folder / "t.pq"


SOURCES = {
    "csv": write_csv,
    "csv with a byte order mark": lambda folder: write_csv(folder, "\ufeff" + CSV),
    "semicolons": lambda folder: write_csv(folder, CSV.replace(",", ";")),
    "tsv": lambda folder: write_csv(folder, CSV.replace(",", "\t"), "t.tsv"),
    "crlf": lambda folder: write_csv(folder, CSV.replace("\n", "\r\n")),
    "gzip": write_gzip,
    "parquet": write_parquet,
    "parquet with an index": write_pandas_parquet,
    "feather": write_feather,
    "arrow stream": write_stream,
    "glob": lambda folder: f"{write_csv(folder).parent}/t*.csv",
    "folder": lambda folder: write_csv(folder).parent,
    "list of one": lambda folder: [write_csv(folder)],
    "dict": lambda _: COLUMNS,
    "pandas": lambda _: pd.DataFrame(COLUMNS),
    "pandas, filtered": lambda _: pd.DataFrame(COLUMNS, index=[3, 1, 9]),
    "polars": lambda _: pl.DataFrame(COLUMNS),
    "arrow table": lambda _: TABLE,
    "record batch": lambda _: TABLE.to_batches()[0],
    "record batches": lambda _: TABLE.to_reader(),
}


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_gives_the_same_table(source, tmp_path):
    assert read_table(SOURCES[source](tmp_path)).to_pydict() == COLUMNS


def test_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_csv(tmp_path)
    assert read_table("~/t.csv").num_rows == 3


def test_the_interchange_protocol():
    class Frame:
        def __dataframe__(self, **options):
            return TABLE.__dataframe__(**options)

    assert read_table(Frame()).to_pydict() == COLUMNS


@pytest.mark.parametrize("kind", ["float32", "float64", "int8", "uint16", "bool"])
def test_numpy_columns_are_named_by_place(kind):
    array = np.array([[0, 1], [1, 0], [1, 1]]).astype(kind)
    table = read_table(array)
    assert table.column_names == ["x0", "x1"]
    np.testing.assert_array_equal(table.column("x1").to_numpy(), array[:, 1])


def test_masked_values_are_missing():
    array = np.ma.masked_array([[1, 2], [3, 4]], [[False, True], [False, False]])
    assert read_table(array).to_pydict() == {"x0": [1, 3], "x1": [None, 4]}


@pytest.mark.parametrize(
    "series", [pd.Series([1, 2], name="a"), pl.Series("a", [1, 2])]
)
def test_a_series_is_a_table_of_one_column(series):
    assert read_table(series).to_pydict() == {"a": [1, 2]}


def test_a_vector_and_lists_of_rows():
    assert read_table(np.arange(3)).to_pydict() == {"x0": [0, 1, 2]}
    assert read_table([[1, 2], [3, 4]]).to_pydict() == {"x0": [1, 3], "x1": [2, 4]}


def test_types_are_found_over_the_whole_csv(tmp_path):
    rows = [*map(str, range(200_000)), "typo"]
    path = write_csv(tmp_path, "a,b\n" + "".join(f"{v},1\n" for v in rows))
    table = read_table(path)
    assert pa.types.is_string(table.schema.field("a").type)
    assert table.num_rows == 200_001


def test_csv_dates_times_and_words_for_missing(tmp_path):
    text = "d,t,b\n2013-01-02,2013-01-02T10:00:00Z,true\n?,None,null\n"
    table = read_table(write_csv(tmp_path, text))
    assert [str(kind) for kind in table.schema.types] == [
        "date32[day]",
        "timestamp[s, tz=UTC]",
        "bool",
    ]
    assert [column.null_count for column in table.columns] == [1, 1, 1]


def test_quoted_cells_may_hold_commas_and_lines(tmp_path):
    table = read_table(write_csv(tmp_path, 'a,b\n"x, y",1\n"two\nlines",2\n'))
    assert table.column("a").to_pylist() == ["x, y", "two\nlines"]


def test_quoted_lines_may_fall_anywhere_in_a_long_file(tmp_path):
    # Read in blocks of 1 MB: a block must not end inside a cell.
    cell = "line\n" * 2000
    table = read_table(write_csv(tmp_path, "a,b\n" + f'"{cell}",1\n' * 300))
    assert table.num_rows == 300
    assert set(table.column("a").to_pylist()) == {cell}


def test_unnamed_csv_columns_get_a_name(tmp_path):
    assert read_table(write_csv(tmp_path, ", b\n1,2\n")).column_names == [
        "column 1",
        "b",
    ]


def test_a_glob_is_stacked_in_order_and_promoted(tmp_path):
    write_csv(tmp_path, "a,b\n1,x\n", "1.csv")
    write_csv(tmp_path, "b,a\ny,2.5\n", "2.csv")
    write_csv(tmp_path, "a,b\n,z\n", "3.csv")
    table = read_table(str(tmp_path / "*.csv"))
    assert table.to_pydict() == {"a": [1.0, 2.5, None], "b": ["x", "y", "z"]}


def test_mixed_types_over_files_fall_back_to_text(tmp_path):
    write_csv(tmp_path, "a,d\n1,2013-01-02\n", "1.csv")
    write_csv(tmp_path, "a,d\ntwo,2013-01-02T10:00:00\n", "2.csv")
    table = read_table(tmp_path)
    assert table.column("a").to_pylist() == ["1", "two"]
    assert table.column("d").to_pylist()[0] == "2013-01-02"


def truncated(folder):
    path = write_parquet(folder)
    path.write_bytes(path.read_bytes()[:-20])
    return path


def cut_gzip(folder):
    path = folder / "cut.csv.gz"
    body = "".join(f"{v},{v * 7919 % 104729}\n" for v in range(50_000))
    path.write_bytes(gzip.compress(("a,b\n" + body).encode())[:-5000])
    return path


def flipped(folder):
    path = write_parquet(folder)
    body = bytearray(path.read_bytes())
    body[-7] ^= 0xFF
    path.write_bytes(bytes(body))
    return path


def two_files(folder):
    write_csv(folder, "a,b\n1,2\n", "1.csv")
    write_csv(folder, "a,c\n1,2\n", "2.csv")
    return folder / "*.csv"


def latin(folder):
    path = folder / "latin.csv"
    path.write_bytes("a,b\n1,é\n".encode("latin-1"))
    return path


def misspelt(folder):
    write_csv(folder, name="flights.csv")
    return folder / "flihgts.csv"


RAGGED = "a,b\n1,2\n\n3,4\n5\n6,7\n"
BAD = {
    "missing file": (lambda f: f / "none.csv", "no such file"),
    "misspelt": (misspelt, r"Did you mean flights\.csv\?"),
    "missing folder": (lambda f: f / "no" / "t.csv", "no folder"),
    "glob of nothing": (lambda f: f"{f}/*.parquet", "no file matches"),
    "empty file": (lambda f: write_csv(f, ""), "the file is empty"),
    "header only": (lambda f: write_csv(f, "a,b\n"), r"t\.csv: no rows"),
    "ragged": (lambda f: write_csv(f, RAGGED), "line 5: 1 cells, the header has 2"),
    "too wide": (lambda f: write_csv(f, "a,b\n1,2,3\n"), "line 2: 3 cells"),
    "open quote": (lambda f: write_csv(f, 'a,b\n1,"x\n2,y\n3,z\n'), "never closed"),
    "latin-1": (latin, "column b: not UTF-8"),
    "columns twice": (lambda f: write_csv(f, "a,a\n1,2\n"), "named twice: a"),
    "truncated parquet": (truncated, "cut short"),
    "flipped parquet": (flipped, "cut short or damaged"),
    "text as parquet": (lambda f: write_csv(f, CSV, "t.parquet"), "cannot be read"),
    "text as arrow": (lambda f: write_csv(f, CSV, "t.arrow"), "cannot be read"),
    "truncated gzip": (cut_gzip, "cannot be read as .csv"),
    "unknown suffix": (lambda f: write_csv(f, CSV, "t.xlsx"), "unknown suffix '.xlsx'"),
    "useless folder": (lambda f: write_csv(f, "", "t.md").parent, "a folder with none"),
    "different columns": (two_files, r"2\.csv: lacks b and has c besides"),
    "empty list": (lambda _: [], "no rows"),
    "lengths": (lambda _: {"a": [1], "b": [1, 2]}, "a 1, b 2"),
    "no columns": (lambda _: {}, "no columns"),
    "no rows": (lambda _: {"a": []}, "no rows"),
    "3-d": (lambda _: np.ones((2, 2, 2)), r"shape \(2, 2, 2\)"),
    "objects": (lambda _: np.array([[1, "a"]], object), "array of type object"),
    "complex": (lambda _: np.ones((2, 2), complex), "array of type complex128"),
    "ragged rows": (lambda _: [[1, 2], [3]], "rows of different lengths"),
    "mixed pandas": (lambda _: pd.DataFrame({"a": [1, "x"]}), "column a"),
    "pandas twice": (lambda _: pd.DataFrame([[1, 2]], columns=["a", "a"]), "'a', 'a'"),
    "a number": (lambda _: 5, "got builtins.int. Needed: a path"),
    "nothing": (lambda _: None, "got builtins.NoneType"),
    "X, y lengths": (lambda _: ([[1], [2]], [1]), "X has 2 rows, y has 1"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_says_what_is_wrong(case, tmp_path):
    make, told = BAD[case]
    with pytest.raises(DataError, match=told):
        read_table(make(tmp_path))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads all")
def test_a_file_that_may_not_be_read(tmp_path):
    path = write_csv(tmp_path)
    path.chmod(0)
    with pytest.raises(DataError, match="cannot be read"):
        read_table(path)


@pytest.mark.parametrize(
    "y",
    [
        [1, 2, 3],
        np.array([1, 2, 3]),
        np.array([[1], [2], [3]]),
        pd.Series([1, 2, 3], name="y", index=[7, 8, 9]),
        pl.Series([1, 2, 3]),
        pa.array([1, 2, 3]),
        pa.chunked_array([[1], [2, 3]]),
    ],
    ids=lambda y: type(y).__module__,
)
def test_y_becomes_the_last_column(y):
    table, name = table_and_target((np.ones((3, 2)), y))
    assert name == "target"
    assert table.column_names == ["x0", "x1", "target"]
    assert table.column("target").to_pylist() == [1, 2, 3]


def test_x_may_be_any_table_and_y_may_be_named(tmp_path):
    for rows in (write_csv(tmp_path), pd.DataFrame(COLUMNS), COLUMNS, TABLE):
        table, name = table_and_target((rows, [1, 2, 3]), "y")
        assert (name, table.num_columns) == ("y", 4)


def test_two_paths_are_files_and_no_pair(tmp_path):
    path = write_csv(tmp_path)
    assert read_table((path, path)).num_rows == 6


def test_targets_that_cannot_be():
    with pytest.raises(
        DataError, match=r"target 'speed': no such column\. Known: x, n, c"
    ):
        table_and_target(TABLE, "speed")
    with pytest.raises(UsageError, match="Columns: x, n, c"):
        table_and_target(TABLE)
    with pytest.raises(DataError, match="X has a column of this name"):
        table_and_target((TABLE, [1, 2, 3]), "x")


@pytest.mark.parametrize("kind", [pl.Categorical, pl.Enum(["a", "b"]), pl.String])
def test_text_of_polars_can_be_cut_and_picked(kind):
    frame = pl.DataFrame({"c": ["a", None, "b"], "x": [1, 2, 3]})
    table = read_table(frame.with_columns(pl.col("c").cast(kind)))
    assert table.take(pa.array([2, 0]))["c"].cast(pa.string()).to_pylist() == ["b", "a"]
    text = table.filter(pa.array([True, True, False]))["c"].cast(pa.large_string())
    assert text.to_pylist() == ["a", None]
    joined, _ = table_and_target((frame[["x"]], frame["c"].cast(kind)), "y")
    assert joined["y"].cast(pa.large_string()).to_pylist() == ["a", None, "b"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named(tmp_path, encoding):
    path = tmp_path / "t.csv"
    text = CSV if encoding == "utf-16" else "\ufeff" + CSV
    path.write_text(text, encoding=encoding)
    with pytest.raises(DataError, match=r"encoded in UTF-16. Save it as UTF-8"):
        read_table(path)


def test_columns_with_whole_numbers_for_names():
    frame = pd.DataFrame({0: [1.0, 2.0], 1: [3.0, 4.0]})
    assert table_and_target(frame, 1)[1] == "1"
    assert table_and_target(frame, np.int64(0))[1] == "0"
    with pytest.raises(DataError, match="target '7': no such column"):
        table_and_target(frame, 7)
    for target in (True, 1.5, ["1"], b"1"):
        with pytest.raises(UsageError, match="must be the name of a column"):
            table_and_target(frame, target)


def test_the_width_of_an_array_is_known_to_its_table():
    array = np.zeros((2, 3))
    assert array_width(read_table(array)) == 3
    assert array_width(table_and_target((array.tolist(), [1, 2]))[0]) == 3
    assert array_width(read_table(pd.DataFrame(array))) is None
