"""Sparse rows of SciPy through a table and back, and what is refused."""

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as ss

from steepest.core.errors import DataError
from steepest.data.reading import read_table, table_and_target
from steepest.data.sparse_rows import from_arrow, sizes, sparse_width

RNG = np.random.default_rng(0)
DENSE = RNG.normal(size=(30, 6)) * (RNG.random((30, 6)) < 0.4)
DENSE[7] = 0
FORMATS = ["csr", "csc", "coo", "bsr", "dok", "lil", "dia"]


def back(table, width=6):
    return from_arrow(table["x"], width)


@pytest.mark.parametrize("kind", ["array", "matrix"])
@pytest.mark.parametrize("form", FORMATS)
def test_every_format_comes_through(form, kind):
    rows = getattr(ss, f"{form}_{kind}")(DENSE)
    table = read_table(rows)
    assert (table.num_rows, table.column_names) == (30, ["x"])
    assert sparse_width(table) == 6
    np.testing.assert_array_equal(back(table).toarray(), DENSE)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "int64", "bool"])
def test_every_type_of_number_comes_through(dtype):
    rows = ss.csr_array((DENSE * 10).astype(dtype))
    np.testing.assert_array_equal(back(read_table(rows)).toarray(), rows.toarray())


def test_rows_are_picked_as_those_of_any_table():
    table, name = table_and_target((ss.csr_array(DENSE), np.arange(30)), None)
    assert name == "target"
    keep = RNG.random(30) < 0.5
    np.testing.assert_array_equal(
        back(table.filter(pa.array(keep))).toarray(), DENSE[keep]
    )
    rows = RNG.permutation(30)
    taken = table.take(pa.array(rows))
    np.testing.assert_array_equal(back(taken).toarray(), DENSE[rows])
    np.testing.assert_array_equal(back(table.slice(5, 9)).toarray(), DENSE[5:14])
    twice = pa.concat_tables([table, taken.slice(3)])
    np.testing.assert_array_equal(
        back(twice).toarray(), np.concatenate([DENSE, DENSE[rows[3:]]])
    )
    assert sparse_width(taken) == 6
    assert back(table.slice(0, 0)).shape == (0, 6)


def test_entries_given_twice_add_up_and_the_users_rows_are_left_alone():
    rows = ss.csr_array(([1.0, 2.0, 4.0], [3, 1, 3], [0, 3]), shape=(1, 6))
    found = back(read_table(rows))
    assert found.toarray().tolist() == [[0, 2, 0, 5, 0, 0]]
    assert rows.data.tolist() == [1.0, 2.0, 4.0]
    assert rows.indices.tolist() == [3, 1, 3]


def test_sizes_do_not_count_zeros():
    want = [np.sqrt(np.mean(c[c != 0] ** 2)) for c in DENSE.T]
    np.testing.assert_allclose(sizes(ss.csr_array(DENSE)), want)
    assert sizes(ss.csr_array((3, 2))).tolist() == [1, 1]


def broken(**parts):
    rows = ss.csr_array(DENSE)
    for name, (place, value) in parts.items():
        getattr(rows, name)[place] = value
    return rows


def of_wrong_place():
    rows = ss.coo_array(DENSE)
    rows.coords[1][0] = 99
    return rows


BAD = {
    "column beyond": (
        lambda: broken(indices=(-1, 6)),
        "row 30: column 6 is outside 0 to 5",
    ),
    "column below": (lambda: broken(indices=(0, -1)), "row 1: column -1 is outside"),
    "ends that fall": (lambda: broken(indptr=(3, 90)), "indices that do not fit"),
    "first end": (lambda: broken(indptr=(0, 1)), "indices that do not fit"),
    "place in coo": (of_wrong_place, "indices that do not fit"),
    "nan": (lambda: broken(data=(-1, np.nan)), r"row 30, column \d: nan"),
    "inf": (lambda: broken(data=(0, -np.inf)), r"row 1, column \d: -inf"),
    "complex": (lambda: ss.csr_array(DENSE * 1j), "complex128: need a number type"),
    "no columns": (lambda: ss.csr_array((3, 0)), r"shape \(3, 0\)"),
    "no rows": (lambda: ss.csr_array((0, 3)), "no rows"),
    "one axis": (lambda: ss.coo_array([1.0, 0.0]), r"shape \(2,\)"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_used_is_refused(case):
    make, told = BAD[case]
    with pytest.raises(DataError, match=told):
        read_table(make())


def test_a_target_of_another_length_is_refused():
    with pytest.raises(DataError, match="X has 30 rows, y has 3"):
        table_and_target((ss.csr_array(DENSE), [1, 2, 3]), None)
