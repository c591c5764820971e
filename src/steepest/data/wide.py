"""Columns that fill only a few of many places of a row: hashed ones and sparse rows.

They encode to sparse rows, so that nothing of shape (n, 2^b) is ever made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import scipy.sparse

from steepest.data import sparse_rows
from steepest.data.arrays import LARGEST, to_text
from steepest.data.columns import Column
from steepest.data.hashing import hashed_values, hashed_words


@dataclass(frozen=True)
class Hashed(Column):
    """A category, or with `words` a text, as +-1 in 2^bits places that all share.

    Unlike a Category it knows no levels: a new one has its place already. Missing is
    a value of its own.
    """

    bits: int
    words: bool
    kind: ClassVar[str] = "hashed"

    @property
    def names(self) -> tuple[str, ...]:
        """None: a place has no name, for many values may share it."""
        return ()

    @property
    def width(self) -> int:
        """2^bits, shared with the other hashed columns."""
        return 1 << self.bits

    def encode(self, column: pa.ChunkedArray, *, first_row: int = 0) -> Any:
        """Sparse rows (n, 2^bits), float32; words that occur twice count twice."""
        del first_row  # any text is valid
        text, n = to_text(column, self.name), len(column)
        if self.words:
            places, signs, ends = hashed_words(text, self.name, self.bits)
        else:
            places, signs = hashed_values(text, self.name, self.bits)
            ends = np.arange(n + 1)
        rows = scipy.sparse.csr_array((signs, places, ends), shape=(n, self.width))
        rows.sum_duplicates()
        return rows


@dataclass(frozen=True)
class SparseRows(Column):
    """Rows that were sparse when they came: value / size, so that zeros stay zeros."""

    width: int
    sizes: tuple[float, ...] | None
    """See `sparse_rows.sizes`; None leaves values as they are."""
    kind: ClassVar[str] = "sparse"

    @property
    def names(self) -> tuple[str, ...]:
        """As those of an array: x0, x1, ..."""
        return tuple(f"{self.name}{i}" for i in range(self.width))

    def encode(self, column: pa.ChunkedArray, *, first_row: int = 0) -> Any:
        """Sparse rows (n, width), float32."""
        rows = sparse_rows.from_arrow(column, self.width, first_row=first_row)
        values = rows.data.astype(float)
        if self.sizes is not None:
            values /= np.array(self.sizes)[rows.indices]
        rows.data = np.clip(values, -LARGEST, LARGEST).astype(np.float32)
        return rows

    def gone(self, column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
        """Nothing: what is left out of sparse rows is 0, and nan was refused."""
        return np.zeros(len(column), bool)


WIDE: dict[str, type[Column]] = {kind.kind: kind for kind in (Hashed, SparseRows)}


def learnt(
    name: str, column: pa.ChunkedArray, width: int, *, scale: bool
) -> SparseRows | None:
    """The SparseRows of training rows; None if all are 0.

    Args:
        name: of the column.
        column: the rows.
        width: columns of the rows.
        scale: whether they are divided by the usual size of what is not 0.
    """
    rows = sparse_rows.from_arrow(column, width)
    if not rows.count_nonzero():
        return None
    if not scale:
        return SparseRows(name, width, None)
    sizes = sparse_rows.sizes(rows)
    return SparseRows(name, width, None if (sizes == 1).all() else tuple(sizes))


def is_wide(columns: tuple[Column, ...]) -> bool:
    """Whether any of the columns makes the rows sparse."""
    return any(isinstance(column, Hashed | SparseRows) for column in columns)


def width_of(columns: tuple[Column, ...]) -> int:
    """How many encoded columns there are; hashed ones share theirs.

    >>> width_of((Hashed("a", 3, False), Hashed("b", 3, True)))
    8
    """
    shared = max((c.width for c in columns if isinstance(c, Hashed)), default=0)
    own = (c.width if isinstance(c, SparseRows) else len(c.names) for c in columns)
    return shared + sum(own)


def side_by_side(columns: tuple[Column, ...], parts: list[Any]) -> Any:
    """Sparse rows: first the columns that are dense, then sparse ones, then hashed.

    Args:
        columns: as encoded.
        parts: (n, width) each; those of hashed columns are added up.
    """
    pairs = list(zip(columns, parts, strict=True))
    dense = [p for c, p in pairs if not isinstance(c, Hashed | SparseRows)]
    blocks: list[Any] = []
    if dense:
        blocks.append(scipy.sparse.csr_array(np.concatenate(dense, axis=1)))
    blocks += [part for c, part in pairs if isinstance(c, SparseRows)]
    hashed = [part for c, part in pairs if isinstance(c, Hashed)]
    if hashed:
        blocks.append(sum(hashed[1:], hashed[0]))
    return scipy.sparse.hstack(blocks, format="csr", dtype=np.float32)


def stacked(blocks: list[Any]) -> Any:
    """Blocks of sparse rows, one below the other, with 32-bit indices if they suffice.

    >>> rows = stacked([scipy.sparse.csr_array([[1.0, 0.0]])] * 2)
    >>> rows.shape, rows.indices.dtype
    ((2, 2), dtype('int32'))
    """
    rows: Any = scipy.sparse.vstack(blocks, "csr") if len(blocks) > 1 else blocks[0]
    if rows.nnz < 2**31:  # other libraries take no others
        rows.indptr = rows.indptr.astype(np.int32, copy=False)
    rows.indices = rows.indices.astype(np.int32, copy=False)
    return rows
