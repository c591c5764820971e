"""Tables of linear models: rows, how the model reads their columns, and its weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from steepest.core.mapped import expect, is_mapped, release, touch
from steepest.descent import kernels
from steepest.descent.kernels import Csr, Plan, Weights

Array = np.ndarray[Any, Any]
PIECE_BYTES = 256 << 20
"""Rows of a file that are read at once."""


class Columns(NamedTuple):
    """What dense columns are less, and divided by, for the model to read them."""

    mean: Array
    """(d,) float64; 0 where the model has no bias"""
    size: Array
    """(d,) float64"""

    def inside(self, params: Any) -> Any:
        """The params for rows as they lie, of params for columns that are brought so.

        Args:
            params: {"weight": (d, k)}, and "bias" (k,) where there is one.
        """
        weight = np.asarray(params["weight"], float) / self.size[:, None]
        if "bias" not in params:
            return {"weight": weight}
        return {"bias": params["bias"] - self.mean @ weight, "weight": weight}

    def outside(self, slope: Array, bias: Array) -> Array:
        """The gradient by the weights, of that by the weights inside and their bias.

        Args:
            slope: (d, k).
            bias: (k,).
        """
        return (slope - np.outer(self.mean, bias)) / self.size[:, None]


class Table(NamedTuple):
    """Rows as the kernels read them."""

    inputs: Array | Csr
    """(n, d) C-contiguous, or sparse"""
    target: Array
    """(n,)"""
    weight: Array | None
    """(n,) weights of the rows; None where all weigh 1"""
    n_columns: int
    columns: Columns | None = None
    """How the model reads the columns; None for as they lie."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64."""
        inputs = self.inputs
        return inputs.data.dtype if isinstance(inputs, Csr) else inputs.dtype

    @property
    def n_values(self) -> int:
        """Numbers that a pass reads."""
        inputs = self.inputs
        return inputs.data.size if isinstance(inputs, Csr) else inputs.size

    @property
    def in_file(self) -> bool:
        """Whether the rows lie in a file, and are not to be held in memory all."""
        inputs = self.inputs
        return is_mapped(inputs.data if isinstance(inputs, Csr) else inputs)

    def part(self, low: int, high: int) -> Table:
        """The rows from one place to another, without a copy."""
        inputs, some = self.inputs, slice(low, high)
        weight = None if self.weight is None else self.weight[some]
        if not isinstance(inputs, Csr):
            rows: Any = inputs[some]
        else:
            ends = inputs.indptr[low : high + 1]
            at = slice(ends[0] - inputs.indptr[0], ends[-1] - inputs.indptr[0])
            rows = Csr(inputs.data[at], inputs.indices[at], ends)
        return self._replace(inputs=rows, target=self.target[some], weight=weight)

    @property
    def arrays(self) -> list[Array]:
        """All that holds numbers."""
        inputs = self.inputs
        rows = list(inputs) if isinstance(inputs, Csr) else [inputs]
        return [*rows, self.target, *([] if self.weight is None else [self.weight])]


def pieces(table: Table) -> Iterator[Table]:
    """A table as it is; one that lies in a file some rows at a time, in their order.

    The system reads the next rows ahead meanwhile; kernels let go of what they read.

    Args:
        table: the rows.
    """
    if not table.in_file:
        yield table
        return
    size, n = rows_in(table, PIECE_BYTES), len(table.target)
    for low in range(0, n, size):
        end = min(low + size, n)
        if end < n:
            for array in table.part(end, min(end + size, n)).arrays:
                expect(array)
        piece = table.part(low, end)
        yield piece
        let_go(piece)


def rows_in(table: Table, n_bytes: int) -> int:
    """How many rows take so many bytes, at least one."""
    width = table.n_values * table.dtype.itemsize / max(1, len(table.target))
    return max(1, int(n_bytes / max(width, 1)))


def brought(table: Table) -> Table:
    """The table, once it is in memory."""
    for array in table.arrays:
        touch(array)
    return table


def let_go(table: Table) -> None:
    """Free the memory of rows that lie in a file; they may be read again."""
    for array in table.arrays:
        release(array)


def scaled(table: Table) -> Table:
    """The table as the model reads it, in a copy where columns are brought to a size.

    Args:
        table: of dense rows, where it has columns.
    """
    if table.columns is None:
        return table
    mean, size = table.columns
    rows = table.inputs - mean.astype(table.dtype)
    rows *= (1 / size).astype(table.dtype)
    return table._replace(inputs=rows, columns=None)


def picked(table: Table, rows: Array) -> Table:
    """Some rows of a table, in their order.

    Args:
        table: of them.
        rows: (m,) their places.
    """
    inputs = table.inputs
    if isinstance(inputs, Csr):
        kept: Any = kernels.picked_rows(inputs, rows)
    else:
        kept = _picked_dense(table, rows) if table.in_file else inputs[rows]
    weight = None if table.weight is None else table.weight[rows]
    target = table.target[rows]
    let_go(table)
    return table._replace(inputs=kept, target=target, weight=weight)


def _picked_dense(table: Table, rows: Array) -> Array:
    """Rows of a file, a piece at a time: a page is read for the sake of one row."""
    order = np.argsort(rows, kind="stable")
    found = np.empty((len(rows), table.n_columns), table.dtype)
    size, at = rows_in(table, PIECE_BYTES), 0
    for low in range(0, len(table.target), size):
        end = int(np.searchsorted(rows[order], low + size))
        found[order[at:end]] = table.inputs[rows[order[at:end]]]
        release(table.inputs[low : low + size])
        at = end
    return found


def at(plan: Plan, params: Any, dtype: Any) -> Weights:
    """Weights at params, with nothing remembered.

    Args:
        plan: what will be done with them.
        params: {"weight": (d, k)}, and "bias" (k,) where there is one.
        dtype: float32 or float64.
    """
    given = np.asarray(params["weight"])
    weights = kernels.start(plan, given.shape[1], given.shape[0], dtype)
    weights.weight[...] = given.T
    if "bias" in params:
        weights.bias[...] = np.asarray(params["bias"])
    return weights


def of_table(plan: Plan, table: Table, params: Any, dtype: Any) -> Weights:
    """Weights that a table's rows, as they lie, are multiplied with.

    Args:
        plan: what will be done with them.
        table: the rows.
        params: of the model.
        dtype: float32 or float64.
    """
    columns = table.columns
    return at(plan, params if columns is None else columns.inside(params), dtype)
