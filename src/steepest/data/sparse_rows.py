"""Sparse rows as a column of an Arrow table: a list of (column, value) in each row.

So they are joined with a target, split and picked as any other column, and stay
sparse.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse

from steepest.core.errors import DataError

WIDTH = b"steepest.sparse_width"
"""Key in a table's metadata: the columns of the sparse rows in it."""
NAME = "x"
"""The column's name."""
PARTS = ("column", "value")
MOST_COLUMNS = 2**31 - 1


def is_scipy(data: Any) -> bool:
    """Whether the data is a sparse matrix or array of SciPy.

    >>> is_scipy(scipy.sparse.eye_array(2)), is_scipy(np.eye(2))
    (True, False)
    """
    return type(data).__module__.startswith("scipy.sparse")


def to_table(data: Any) -> pa.Table:
    """Sparse rows of SciPy, of any format, as a table of one column.

    Args:
        data: (n, d) sparse matrix or array.

    Raises:
        DataError: another shape; indices that point outside; values that are no
            numbers, nan or infinite, with their row.

    >>> table = to_table(scipy.sparse.csr_array([[0.0, 2.0]]))
    >>> table["x"].to_pylist(), sparse_width(table)
    ([[{'column': 1, 'value': 2.0}]], 2)
    """
    rows = _checked(data)
    entries = pa.StructArray.from_arrays([rows.indices, rows.data], list(PARTS))
    lists = pa.LargeListArray.from_arrays(rows.indptr.astype(np.int64), entries)
    table = pa.table({NAME: lists})
    return table.replace_schema_metadata({WIDTH: str(rows.shape[1])})


def sparse_width(table: pa.Table) -> int | None:
    """How many columns the sparse rows have that the table was made of, if any."""
    width = (table.schema.metadata or {}).get(WIDTH)
    return None if width is None else int(width)


def is_sparse(kind: pa.DataType) -> bool:
    """Whether an Arrow type is that of sparse rows."""
    if not (pa.types.is_large_list(kind) and pa.types.is_struct(kind.value_type)):
        return False
    return tuple(field.name for field in kind.value_type) == PARTS


def from_arrow(column: pa.ChunkedArray, width: int, *, first_row: int = 0) -> Any:
    """The rows as a csr_array (n, width) of their own.

    Args:
        column: what `to_table` made, or some rows of it.
        width: columns.
        first_row: where the column starts in the table.

    Raises:
        DataError: not sparse rows.
    """
    del first_row  # checked when they were read
    if not is_sparse(column.type):
        raise DataError(f"column {NAME}: needs sparse rows, got {column.type}.")
    lists = column.combine_chunks()
    if isinstance(lists, pa.ChunkedArray):  # of no chunk
        return scipy.sparse.csr_array((0, width))
    ends, entries = lists.offsets.to_numpy(), lists.flatten()
    parts = [entries.field(i).to_numpy(zero_copy_only=False) for i in range(2)]
    return scipy.sparse.csr_array(
        (parts[1].copy(), parts[0], ends - ends[0]), shape=(len(lists), width)
    )


def sizes(rows: Any) -> np.ndarray[Any, Any]:
    """(d,) the root mean square of what is not 0 in each column; 1 where all is 0.

    So 0/1 columns stay as they are, however rare their 1 is; a deviation over all rows
    would blow them up.

    >>> sizes(scipy.sparse.csr_array([[0.0, -2.0, 3.0], [0.0, 2.0, 0.0]])).tolist()
    [1.0, 2.0, 3.0]
    """
    d, values = rows.shape[1], rows.data.astype(float)
    top = float(np.abs(values).max(initial=0.0)) or 1.0  # squares of 1e300 overflow
    square = np.bincount(rows.indices, (values / top) ** 2, minlength=d)
    count = np.bincount(rows.indices, values != 0, minlength=d)
    found = top * np.sqrt(square / np.maximum(count, 1))
    return np.where(found > 0, found, 1.0)


def _checked(data: Any) -> Any:
    """CSR with int32 columns, sorted, each once, and finite values."""
    if len(data.shape) != 2 or not data.shape[1]:
        raise DataError(
            f"sparse rows of shape {data.shape}: need (n, d), one row a sample."
        )
    if data.shape[1] > MOST_COLUMNS:
        raise DataError(f"sparse rows: {data.shape[1]:,} columns are too many.")
    if data.dtype.kind not in "biuf":
        raise DataError(f"sparse rows of type {data.dtype}: need a number type.")
    check_indices(data)
    single = data.dtype == np.float32 or data.dtype.itemsize < 3
    rows = scipy.sparse.csr_array(data, dtype=np.float32 if single else np.float64)
    if not rows.has_canonical_format:
        rows = rows.copy()  # the user's may lie behind it
        rows.sum_duplicates()
    bad = np.flatnonzero(~np.isfinite(rows.data))
    if bad.size:
        row = np.searchsorted(rows.indptr, bad[0], side="right")
        told = f"row {row}, column {rows.indices[bad[0]]}: {rows.data[bad[0]]}"
        raise DataError(
            f"sparse rows, {told} is not a number to learn from. Correct it, or leave "
            "it out: what is left out counts as 0."
        )
    rows.indices = rows.indices.astype(np.int32, copy=False)
    return rows


def check_indices(data: Any) -> None:
    """Refuse indices that point outside: they would read or write other memory.

    Args:
        data: (n, d) sparse matrix or array, of any format.

    Raises:
        DataError: such indices, with their row where rows are compressed.
    """
    if data.format == "csr" and len(data.indices):
        wrong = np.flatnonzero((data.indices < 0) | (data.indices >= data.shape[1]))
        if wrong.size and len(data.indptr) == data.shape[0] + 1:
            row = np.searchsorted(data.indptr, wrong[0], side="right")
            raise DataError(
                f"sparse rows, row {row}: column {data.indices[wrong[0]]} is outside "
                f"0 to {data.shape[1] - 1}."
            )
    try:
        if data.format == "coo":
            scipy.sparse.coo_array((data.data, data.coords), shape=data.shape)
        elif hasattr(data, "check_format"):
            data.check_format(full_check=True)
    except ValueError as error:
        raise DataError(f"sparse rows: indices that do not fit ({error}).") from error
