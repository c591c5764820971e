"""CSV files a block at a time: what a reader of the whole file finds, and no less."""

import errno
import gzip

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.core.errors import DataError
from steepest.data import csv_spool
from steepest.data.csv_spool import spool_csv
from steepest.data.files import read_file

N, LATE = 300, 200


@pytest.fixture(autouse=True, name="blocks")
def _blocks(monkeypatch):
    monkeypatch.setattr(csv_spool, "BLOCK_BYTES", 200)


def written(path, text):
    lines = text if isinstance(text, str) else "".join(f"{line}\n" for line in text)
    data = lines.encode() if isinstance(lines, str) else lines
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def spooled(path):
    target, schema = spool_csv(path, path.parent / "spooled.arrow")
    with pa.OSFile(str(target)) as file:
        table = pa.ipc.open_file(file).read_all()
    assert table.schema.equals(schema)
    return table


def column(cell, *, mark=","):
    """A file whose column `a` holds a cell for each row, beside one of numbers."""
    return [f"a{mark}y", *(f"{cell(i)}{mark}{i}" for i in range(N))]


def late(value, early):
    return lambda i: value(i) if i >= LATE else early(i)


LATER = {
    "whole, then parts": late(lambda i: i + 0.5, lambda i: i),
    "whole, then text": late(lambda _: "u", lambda i: i),
    "whole, then exponents": late(lambda i: f"{i}e3", lambda i: i),
    "whole, then too large": late(lambda i: 10**25 + i, lambda i: i),
    "0 and 1, then true": late(lambda _: "true", lambda i: i % 2),
    "parts, then text": late(lambda _: "u", lambda i: i / 2),
    "true, then text": late(lambda _: "maybe", lambda i: ["true", "false"][i % 2]),
    "dates, then moments": late(
        lambda i: f"2024-01-0{i % 9 + 1} 10:00:00", lambda i: f"2024-01-0{i % 9 + 1}"
    ),
    "moments, then finer": late(
        lambda i: f"2024-01-01 10:00:0{i % 9}.25",
        lambda i: f"2024-01-01 10:00:0{i % 9}",
    ),
    "moments, then dates": late(
        lambda i: f"2024-01-0{i % 9 + 1}", lambda i: f"2024-01-01 10:00:0{i % 9}"
    ),
    "dates, then text": late(lambda _: "soon", lambda i: f"2024-01-0{i % 9 + 1}"),
    "text, then numbers": late(lambda i: i, lambda _: "u"),
    "numbers, then gaps": late(lambda _: "NA", lambda i: i),
    **{
        f"nothing, then {name}": late(lambda i, v=values: v[i % len(v)], lambda _: "")
        for name, values in {
            "whole": [1, 2],
            "parts": [0.5, 2],
            "true": ["true", "false"],
            "dates": ["2024-01-02"],
            "moments": ["2024-01-02 10:00:00"],
            "finer moments": ["2024-01-02 10:00:00.5"],
            "times": ["10:00:00"],
            "text": ["u", "v w"],
            "quoted": ['"u, ""v"""'],
            "lines": ['"u\nv"'],
            "whole and parts": [1, 2, 3, 0.5],
            "whole and text": [1, 2, 3, "u"],
        }.items()
    },
}


@pytest.mark.parametrize("kind", LATER)
def test_types_are_those_of_the_whole_file(tmp_path, kind):
    path = written(tmp_path / "a.csv", column(LATER[kind]))
    want, found = read_file(path), spooled(path)
    assert found.schema.types == want.schema.types
    assert found.to_pydict() == want.to_pydict()


COMMAS = {
    "commas": lambda i: f"{i},5",
    "whole, then commas": late(lambda i: f"{i},5", lambda i: i),
    "parts, then commas": late(lambda i: f"{i},5", lambda i: i + 0.5),
    "commas, then text": late(lambda _: "u", lambda i: f"{i},5"),
    "commas, then whole": late(lambda i: i, lambda i: f"{i},5"),
    "commas, then parts": late(lambda i: i + 0.5, lambda i: f"{i},5"),
    "nothing, then commas": late(lambda i: f"{i},5", lambda _: ""),
    "nothing, then whole": late(lambda i: i, lambda _: ""),
    "nothing, then text": late(lambda _: "u", lambda _: "NA"),
    "text, then commas": late(lambda i: f"{i},5", lambda _: "u"),
    "true, then commas": late(lambda i: f"{i},5", lambda _: "true"),
}


@pytest.mark.parametrize("kind", COMMAS)
def test_decimal_commas_are_those_of_the_whole_file(tmp_path, kind):
    path = written(tmp_path / "a.csv", column(COMMAS[kind], mark=";"))
    want, found = read_file(path), spooled(path)
    assert found.schema.types == want.schema.types
    assert found.to_pydict() == want.to_pydict()


CELLS = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(str),
    st.sampled_from(["", "NA", "true", "false", "u", '"v, w"', '"x\ny"', "1e5"]),
    st.dates().map(str),
    st.sampled_from(["0,5", "-1,25"]),
)


@given(st.lists(CELLS, min_size=1, max_size=60), st.sampled_from(",;"))
@settings(max_examples=60)
def test_any_column_is_what_the_whole_file_makes_of_it(tmp_path_factory, cells, mark):
    quoted = [f'"{c}"' if mark in c and not c.startswith('"') else c for c in cells]
    lines = [f"n{mark}a", *(f"{i}{mark}{c}" for i, c in enumerate(quoted))]
    path = written(tmp_path_factory.mktemp("any") / "a.csv", lines)
    want, found = read_file(path), spooled(path)
    kinds = [found.schema.field("a").type, want.schema.field("a").type]
    if kinds[0] == kinds[1]:
        assert found.to_pydict() == want.to_pydict()
    else:  # a reader of blocks does not see that 0 and 1 may be true
        assert {str(kind) for kind in kinds} <= {"string", "bool"}


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("a.tsv", ["a\ty", *(f"{i}\t{i % 7}" for i in range(N))]),
        ("a.txt", ["a|y", *(f"{i}|{i % 7}" for i in range(N))]),
        ("a.csv.gz", column(lambda i: i)),
        ("a.csv", "\n\na,y\n1,2\n\n3,4\n"),
        ("a.csv", "a,y\r\n1,2\r\n3,4\r\n"),
        ("a.csv", "\ufeffa,y\n1,2\n"),
        ("a.csv", "a,y\n1,2"),
        ("a.csv", " a ,,y\n1,2,3\n"),
        ("a.csv", ["c,y", *(f'"x\n{i % 3}",{i}' for i in range(N))]),
        ("a.csv", ["c,y", *(f'"x,""{i % 3}",{i}' for i in range(N))]),
        ("a.csv", ["a,y", *(f"{'?' if i % 3 else i},N/A" for i in range(N))]),
    ],
)
def test_files_are_read_as_ever(tmp_path, name, lines):
    path = written(tmp_path / name, lines)
    want, found = read_file(path), spooled(path)
    assert found.schema.types == want.schema.types
    assert found.to_pydict() == want.to_pydict()


def test_a_file_of_no_rows_has_its_columns(tmp_path):
    table = spooled(written(tmp_path / "a.csv", "a,b\n"))
    assert (table.column_names, table.num_rows) == (["a", "b"], 0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\n".join([*column(lambda i: i), "1,2,3"]), "line 302: 3 cells, the header h"),
        ("\n".join([*column(lambda i: i), "1"]), "line 302: 1 cells, the header has 2"),
        ("\n".join([*column(lambda i: i), '"u,1']), "1 cells|never closed"),
        ("a,y\n1,2\n".encode("utf-16"), "encoded in UTF-16"),
        ("a,y\n" + "é,1\n" * N, "column a: not UTF-8"),
        ("a,y\n" + "u,1\n" * N + "é,1\n", "column a: not UTF-8"),
        ("a,y\n" + "7,1\n" * N + "é,1\n", "column a: not UTF-8"),
        ("a,y\n" + ",1\n" * N + "é,1\n", "column a: not UTF-8"),
        ("a;y\n" + "0,5;1\n" * N + "é;1\n", "column a: not UTF-8"),
        ("a,a,y\n1,2,3\n", "columns named twice: a"),
        ("a, a,y\n" + "1,2,3\n" * N + "1,u,3\n", "columns named twice: a"),
    ],
)
def test_what_is_no_table_is_told_as_for_a_whole_file(tmp_path, text, told):
    data = text if isinstance(text, bytes) else text.encode("latin-1")
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    for read in (read_file, spooled):
        with pytest.raises(DataError, match=told):
            read(path)


def test_a_full_disk_is_told_by_its_folder(tmp_path, monkeypatch):
    path = written(tmp_path / "a.csv", column(lambda i: i))

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(csv_spool.pa.ipc, "new_file", full)
    with pytest.raises(DataError, match=r"rows cannot be kept there \(No space left"):
        spool_csv(path, tmp_path / "spooled.arrow")


def test_memory_is_that_of_a_block(tmp_path):
    path = written(tmp_path / "a.csv", column(lambda i: np.sin(i)))
    target, _ = spool_csv(path, tmp_path / "spooled.arrow")
    with pa.OSFile(str(target)) as file:
        reader = pa.ipc.open_file(file)
        sizes = [reader.get_batch(i).num_rows for i in range(reader.num_record_batches)]
    assert sum(sizes) == N
    assert max(sizes) < 20
