"""Columns of plain numbers written into rows by a compiled loop.

A table's columns lie apart in memory, the values of a row side by side. To bring one
into the other costs several times what the arithmetic does, unless all columns of a few
rows are written while these rows are in the nearest cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
import pyarrow as pa
from numba.core import cgutils, types
from numba.extending import intrinsic

from steepest.data.arrays import LARGEST, to_numbers
from steepest.data.columns import Column, Number

BLOCK_ROWS = 64
"""Rows that are written together."""


def plain_values(column: Column, values: pa.ChunkedArray) -> Any:
    """(n,) float32 or float64 with nan for what is missing; None for other kinds.

    Args:
        column: how it is encoded.
        values: (n,) of the table.
    """
    if type(column) is not Number:
        return None
    kind = values.type
    if not (pa.types.is_float32(kind) or pa.types.is_float64(kind)):
        return np.ascontiguousarray(to_numbers(values, column.name))
    chunk = values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()
    if isinstance(chunk, pa.ChunkedArray):
        return np.ascontiguousarray(chunk.to_numpy())
    return np.ascontiguousarray(chunk.to_numpy(zero_copy_only=False))


class Numbers:
    """Columns that are written together, each as `Number.encode` gives it.

    Args:
        columns: how they are encoded.
        values: of each, (n,) from `plain_values`.
        lefts: place of each in a row.
    """

    def __init__(
        self, columns: Sequence[Number], values: Sequence[Any], lefts: Sequence[int]
    ) -> None:
        self.values = values  # their memory must stay where it is
        self.sizes = np.array([part.itemsize for part in values], np.int64)
        self.starts = np.array([part.ctypes.data for part in values], np.int64)
        told = [(column.center, column.scale, column.fill) for column in columns]
        self.told = np.array(told, float).reshape(-1, 3)
        self.lefts = np.array(lefts, np.int64)
        flags = [
            left + 1 if c.flag else -1 for c, left in zip(columns, lefts, strict=True)
        ]
        self.flags = np.array(flags, np.int64)

    def write(self, first: int, at: Any, out: Any) -> None:
        """Put some rows where they belong.

        Args:
            first: of the rows.
            at: (m,) int64, the row of `out` for each.
            out: (rows, d) float32, C-contiguous.
        """
        starts = self.starts + first * self.sizes
        columns = starts, self.sizes, self.told, self.lefts, self.flags
        _write(*columns, at, out, LARGEST)


def places(held: Any) -> Any:
    """(m,) where rows go so that some of them stand behind all others.

    Args:
        held: (m,) true for those.

    >>> places(np.array([True, False, False])).tolist()
    [2, 0, 1]
    """
    at = np.empty(len(held), np.int64)
    _place(held, at)
    return at


@intrinsic
def _pointer(typing: Any, address: Any) -> Any:
    """The memory at an address."""
    del typing, address

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        del context, signature
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


@numba.njit(nogil=True, cache=True)
def _place(held: Any, at: Any) -> None:
    front, back = 0, held.size - held.sum()
    for i in range(held.size):
        at[i] = back if held[i] else front
        back += held[i]
        front += not held[i]


@numba.njit(nogil=True, error_model="numpy")
def _encode(values: Any, low: int, told: Any, most: float, ready: Any) -> None:
    """Some values of a column, encoded; runs in vector registers."""
    center, scale, fill = told[0], told[1], told[2]
    for i in range(ready.size):
        value = float(values[low + i])
        value = value if abs(value) < np.inf else fill
        value = (value - center) / scale
        value = value if value < most else most
        ready[i] = value if value > -most else -most


@numba.njit(nogil=True, error_model="numpy")
def _flag(values: Any, low: int, at: Any, out: Any, left: int) -> None:
    """Whether each value is missing."""
    for i in range(at.size):
        out[at[i], left] = 0.0 if np.isfinite(values[low + i]) else 1.0


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _write(
    starts: Any, sizes: Any, told: Any, lefts: Any, flags: Any, at: Any, out: Any,
    most: float,
) -> None:  # fmt: skip
    n, k = at.size, starts.size
    ready = np.empty((k, BLOCK_ROWS), np.float32)
    for low in range(0, n, BLOCK_ROWS):
        some = at[low : low + BLOCK_ROWS]
        for j in range(k):
            memory = _pointer(starts[j])  # pyright: ignore[reportCallIssue]
            if sizes[j] == 4:
                short = numba.carray(memory, (n,), np.float32)
                _encode(short, low, told[j], most, ready[j, : some.size])
                if flags[j] >= 0:
                    _flag(short, low, some, out, flags[j])
            else:
                long = numba.carray(memory, (n,), np.float64)
                _encode(long, low, told[j], most, ready[j, : some.size])
                if flags[j] >= 0:
                    _flag(long, low, some, out, flags[j])
        for i in range(some.size):
            row = some[i]
            for j in range(k):
                out[row, lefts[j]] = ready[j, i]
