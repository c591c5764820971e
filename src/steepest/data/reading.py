"""Anything that holds rows and columns, as one Arrow table."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import interchange

from steepest.core.errors import DataError, UsageError
from steepest.core.numbers import is_whole
from steepest.core.suggest import did_you_mean
from steepest.data.arrays import as_column
from steepest.data.files import read_paths, refuse_twice
from steepest.data.sparse_rows import is_scipy, to_table

WIDTH = b"steepest.width"
"""Key in a table's metadata: the columns of the NumPy array that it was made of."""
FRAME_PROTOCOLS = ("__arrow_c_stream__", "__arrow_c_array__", "__dataframe__")
ACCEPTED = (
    "a path, a glob or a folder (CSV, Parquet, Arrow), a list of paths, a data frame, "
    "an Arrow table, a dict of columns, a NumPy array of shape (n, d), sparse rows of "
    "SciPy, or (X, y)"
)


def read_table(data: Any) -> pa.Table:
    """The data as an Arrow table of at least one row.

    Args:
        data: a path, glob or folder (CSV, also compressed; Parquet; Arrow) or a list
            of them; a pandas, polars or DuckDB frame, or any object that exports
            Arrow; an Arrow table or reader; a dict of columns; a NumPy array, whose
            columns are called x0, x1, ...; sparse rows of SciPy, which become one
            column; or (X, y), where y becomes "target".

    Returns:
        The table. Words for missing values in CSV files are null.

    Raises:
        DataError: what is wrong with the file, the shape or the columns.

    >>> read_table(np.array([[1.0, 2.0], [3.0, 4.0]])).column_names
    ['x0', 'x1']
    """
    return _checked(_read(data), data)


def batch_table(batch: Any) -> pa.Table:
    """One batch of a table that comes in several; (X, y) gets y as "target".

    Args:
        batch: what `read_table` takes; it may have no rows.

    Raises:
        DataError: anything else.

    >>> batch_table(([[1.0]], [2.0])).column_names
    ['x0', 'target']
    """
    if isinstance(batch, pa.RecordBatch):
        return _plain_text(pa.table(batch))
    return _plain_text(_read(batch))


def table_and_target(
    data: Any, target: str | int | None = None
) -> tuple[pa.Table, str]:
    """The table and the name of its target column.

    Args:
        data: what `read_table` takes. For (X, y), y is added as a column.
        target: the column to predict; for (X, y) the name y gets, "target" if None.
            A whole number is a name too: data frames have such columns.

    Raises:
        UsageError: no target named, or by something that is no name.
        DataError: no such column; y and X of different lengths.

    >>> table, name = table_and_target(([[1.0], [2.0]], [5.0, 6.0]))
    >>> name, table.column(name).to_pylist()
    ('target', [5.0, 6.0])
    """
    target = _as_name(target)
    if _is_pair(data):
        name = "target" if target is None else target
        return _checked(_join(data, name), data), name
    table = read_table(data)
    return table, target_name(table.column_names, target)


def target_name(names: Sequence[str], target: str | int | None) -> str:
    """The name of the target, if it is that of a column.

    Args:
        names: of the columns.
        target: the one to predict; pairs (X, y) among batches call theirs "target".

    Raises:
        UsageError: no target named, or by something that is no name.
        DataError: no such column.

    >>> target_name(["a", "b"], "b")
    'b'
    """
    target = _as_name(target)
    if target is None:
        near = ", ".join(names)
        raise UsageError(f"target: name the column to predict. Columns: {near}.")
    if target not in names:
        near = did_you_mean(target, names)
        raise DataError(f"target {target!r}: no such column. {near}")
    return target


def _as_name(target: Any) -> str | None:
    if is_whole(target):
        target = str(target)
    if hasattr(target, "__len__") and not isinstance(target, str):
        raise UsageError(
            "target: must be the name of a column; arrays are handed over as a pair "
            "(X, y)."
        )
    if not isinstance(target, str | None):
        raise UsageError(f"target={target!r:.60}: must be the name of a column.")
    return target


def _read(data: Any) -> pa.Table:
    """The table, before the checks that all sources share."""
    if isinstance(data, pa.Table):
        return data
    if isinstance(data, (str, os.PathLike)):
        return read_paths([data])
    if _is_pair(data):
        return _join(data, "target")
    if is_scipy(data):
        return to_table(data)
    if isinstance(data, Mapping):
        return _from_columns(data)
    if isinstance(data, (list, tuple)) and data and _are_paths(data):
        return read_paths(data)
    if any(hasattr(data, name) for name in FRAME_PROTOCOLS):
        return _from_frame(data)
    if isinstance(data, (list, tuple)) or hasattr(data, "__array__"):
        return _from_array(data)
    got = f"{type(data).__module__}.{type(data).__name__}"
    raise DataError(f"data: got {got}. Needed: {ACCEPTED}.")


def _are_paths(data: Sequence[Any]) -> bool:
    return all(isinstance(each, (str, os.PathLike)) for each in data)


def _is_pair(data: Any) -> bool:
    """Whether the data is (X, y) and not two paths."""
    return isinstance(data, tuple) and len(data) == 2 and not _are_paths(data)


def _join(data: tuple[Any, Any], name: str) -> pa.Table:
    """X with y as its last column."""
    rows, values = data
    table, column = read_table(rows), as_column(values, name)
    if name in table.column_names:
        raise DataError(
            f"target {name!r}: X has a column of this name. Choose another."
        )
    if len(column) != table.num_rows:
        lengths = f"X has {table.num_rows} rows, y has {len(column)}"
        raise DataError(f"{lengths}: they must be equal.")
    return table.append_column(name, column)


def _from_columns(data: Mapping[Any, Any]) -> pa.Table:
    columns = {str(name): as_column(v, str(name)) for name, v in data.items()}
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        each = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise DataError(f"columns of different lengths: {each}. They must be equal.")
    return pa.table(columns)


def _from_frame(data: Any) -> pa.Table:
    """A data frame by the Arrow or the interchange protocol; a series is one column."""
    if hasattr(data, "to_frame"):
        data = data.to_frame()
    try:
        if type(data).__module__.split(".")[0] == "pandas":
            return pa.Table.from_pandas(data, preserve_index=False)
        if any(hasattr(data, name) for name in FRAME_PROTOCOLS[:2]):
            return pa.table(data)
        return interchange.from_dataframe(data)
    except (pa.ArrowException, TypeError, ValueError) as error:
        if hasattr(data, "items"):  # names the row, where it is a column's fault
            _from_columns(dict(data.items()))
        told = "; ".join(str(part) for part in error.args)
        advice = "Give every column one name of its own and values of one type."
        raise DataError(f"the frame does not go to Arrow ({told}). {advice}") from error


def _from_array(data: Any) -> pa.Table:
    """A matrix, one row a sample; a vector is one column."""
    try:
        array = data if isinstance(data, np.ndarray) else np.asarray(data)
    except ValueError as error:
        raise DataError("rows of different lengths: they must be equal.") from error
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise DataError(
            f"array of shape {array.shape}: needs (n, d), one row a sample."
        )
    if array.dtype.kind not in "biufM":
        need = "a number type, or a data frame for mixed columns"
        raise DataError(f"array of type {array.dtype}: needs {need}.")
    rows = array.T.copy()  # one copy that keeps a mask; Arrow shares its memory
    table = pa.table({f"x{i}": as_column(row, f"x{i}") for i, row in enumerate(rows)})
    return table.replace_schema_metadata({WIDTH: str(len(rows))})


def array_width(table: pa.Table) -> int | None:
    """How many columns the NumPy array had that the table was made of, if it was.

    >>> array_width(read_table(np.zeros((1, 3)))), array_width(pa.table({"x": [1]}))
    (3, None)
    """
    width = (table.schema.metadata or {}).get(WIDTH)
    return None if width is None else int(width)


def _checked(table: pa.Table, data: Any) -> pa.Table:
    """The table, if it has columns of different names and at least one row."""
    source = data if isinstance(data, (str, os.PathLike)) else "the table"
    if not table.num_columns:
        raise DataError(f"{source}: no columns. It needs at least one.")
    refuse_twice(table, str(source))
    if not table.num_rows:
        raise DataError(f"{source}: no rows, only column names. It needs rows.")
    return _plain_text(table)


def _plain_text(table: pa.Table) -> pa.Table:
    """The table without views of text, which Arrow cannot yet take rows from."""
    kinds = [_without_view(kind) for kind in table.schema.types]
    if kinds == table.schema.types:
        return table
    columns = zip(table.columns, kinds, strict=True)
    plain = [column.cast(kind) for column, kind in columns]
    return pa.table(plain, names=table.column_names, metadata=table.schema.metadata)


def _without_view(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        values = _without_view(kind.value_type)
        return pa.dictionary(kind.index_type, values, kind.ordered)
    return pa.large_string() if pa.types.is_string_view(kind) else kind
