"""Arrays as kernels take them: checked, and of the few types that are compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.core.errors import DataError, UsageError
from steepest.descent.kernels.plan import Array, Csr, Weights


class _Window:
    """The memory of an array, told as writable: kernels are compiled for that alone.

    They write to no array of rows, so what was read-only stays as it is.
    """

    def __init__(self, array: Array) -> None:
        self.base = array  # it stays, and tells where it lies
        told = dict(array.__array_interface__)
        told["data"] = (told["data"][0], False)
        self.__array_interface__ = told


def plain(array: Any, dtype: Any) -> Array:
    """The array, C-contiguous, aligned, of a dtype; a copy only where it must be."""
    array = np.require(array, dtype, ["C", "A"])
    return (
        array if array.flags.writeable or not array.size else np.asarray(_Window(array))
    )


def rows_of(X: Any, weights: Weights, *, finer: bool = False) -> Array | Csr:
    """Rows as the kernels take them: an array (n, d) or a Csr.

    Args:
        X: an array, or (data, indices, indptr).
        weights: that will be multiplied with them.
        finer: whether the weights may be float64 where the rows are float32.

    Raises:
        DataError: another shape or dtype than the weights have.
    """
    dtype, d = weights.weight.dtype, weights.weight.shape[1]
    values = X[0] if isinstance(X, tuple) else X
    if finer and values.dtype == np.float32:
        dtype = values.dtype
    if values.dtype != dtype:
        raise DataError(f"X has dtype {values.dtype}: the weights need {dtype}.")
    if not isinstance(X, tuple):
        if X.ndim != 2 or X.shape[1] != d or not X.flags.c_contiguous:
            raise DataError(
                f"X has shape {X.shape}: need rows of {d} columns, one after another "
                "in memory (np.ascontiguousarray)."
            )
        return plain(X, dtype)
    csr = Csr(plain(X[0], dtype), plain(X[1], np.int32), plain(X[2], np.int64))
    if csr.indptr.size == 0 or not csr.data.size == csr.indices.size == _span(csr):
        raise DataError(
            f"CSR rows: {csr.data.size} values, {csr.indices.size} columns and an "
            "indptr that spans another number of them."
        )
    return csr


def _span(csr: Csr) -> int:
    return int(csr.indptr[-1] - csr.indptr[0])


def check_columns(csr: Csr, d: int) -> None:
    """Refuse column numbers that lie outside the weights; reads all of them."""
    if csr.indices.size and not 0 <= csr.indices.min() <= csr.indices.max() < d:
        raise DataError(
            f"CSR columns run from {csr.indices.min()} to {csr.indices.max()}: need 0 "
            f"to {d - 1}."
        )


def n_rows(X: Array | Csr) -> int:
    """How many rows there are."""
    return X.indptr.size - 1 if isinstance(X, Csr) else len(X)


def targets(y: Any, X: Array | Csr, weights: Weights) -> Array:
    """Targets (n,) in the kind of the rows; class numbers are checked.

    Raises:
        DataError: another length, or classes that there are no outputs for.
    """
    k = weights.weight.shape[0]
    y = plain(y, (X.data if isinstance(X, Csr) else X).dtype)
    if y.shape != (n_rows(X),):
        raise DataError(
            f"y has shape {y.shape}: need ({n_rows(X)},), one for each row."
        )
    classes = k > 1 and y.size > 0
    if classes and not (y.min() >= 0 and y.max() < k):
        raise DataError(f"y holds classes {y.min()} to {y.max()}: need 0 to {k - 1}.")
    return y


def shares(sample_weight: Any, y: Array) -> Array:
    """Weights (n,) of rows; empty for None, which stands for 1."""
    if sample_weight is None:
        return np.zeros(0, y.dtype)
    array = plain(sample_weight, y.dtype)
    if array.shape != y.shape:
        raise DataError(f"sample_weight has shape {array.shape}: need {y.shape}.")
    return array


def visits(order: Any, n: int) -> Array:
    """The order of rows (m,), int64; empty for None, which stands for 0, 1, ...

    Raises:
        UsageError: a row that is not there.
    """
    if order is None:
        return np.zeros(0, np.int64)
    array = plain(order, np.int64)
    # seen as unsigned, a negative number is a huge one: one reading tells both
    if array.size and not array.view(np.uint64).max() < n:
        raise UsageError(f"order: holds rows {array.min()} to {array.max()} of {n}.")
    return array
