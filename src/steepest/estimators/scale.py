"""Scale: columns brought to one size before a descent, and back after it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from steepest.core.threads import cores, each

Array = np.ndarray[Any, Any]
FLAT = 1e-12
"""A deviation below this share of the column's size is rounding: it does not vary."""


FEW_DEVIATIONS, MANY_DEVIATIONS, FAR = 8.0, 1e4, 1e6
"""Which columns need not be scaled, in float32 and in float64."""
NEAR_ROWS = 1024
"""Rows that tell about where the mean is."""
CHUNK = 1 << 16
"""Values in a stretch of rows."""


class Scale(NamedTuple):
    """Means and deviations of columns, and of the target.

    >>> scale = Scale(np.array([1.0]), np.array([2.0]), 5.0, 10.0)
    >>> coef, intercept = scale.to_user(np.array([[1.0]]), np.zeros(1))
    >>> coef.tolist(), intercept.tolist()
    ([[5.0]], [0.0])
    """

    mean: Array
    """(d,) 0 for sparse rows, which stay sparse"""
    size: Array
    """(d,) standard deviations, of sparse rows the root mean square of what is not 0;
    1 for columns that do not vary"""
    centre: float = 0.0
    """of the target"""
    spread: float = 1.0
    """of the target"""

    def is_near(self, dtype: Any) -> bool:
        """Whether products with columns as they came are as good as with scaled ones.

        A mean of many deviations would take as many digits; and sizes far from 1 come
        near the ends of float32.

        Args:
            dtype: of the columns.

        >>> Scale(np.array([2013.0]), np.array([0.1])).is_near(np.float32)
        False
        """
        most = FEW_DEVIATIONS if np.dtype(dtype) == np.float32 else MANY_DEVIATIONS
        near = (np.abs(self.mean) <= most * self.size).all()
        return bool(near and self.size.min() > 1 / FAR and self.size.max() < FAR)

    def rows(self, X: Any) -> Any:
        """Rows as the descent sees them."""
        if scipy.sparse.issparse(X):
            scaled = X.copy()
            scaled.data /= self.size[X.indices].astype(X.dtype)
            return scaled
        mean, inverse = self.mean.astype(X.dtype), (1 / self.size).astype(X.dtype)
        scaled = np.empty(X.shape, X.dtype)
        for part in chunks(len(X), X.shape[1]):  # what is read stays in the cache
            np.subtract(X[part], mean, out=scaled[part])
            scaled[part] *= inverse
        return scaled

    def target(self, y: Array) -> Array:
        """The target as the descent sees it."""
        return (y - self.centre) / self.spread

    def to_user(self, weight: Array, bias: Array) -> tuple[Array, Array]:
        """(coef (k, d), intercept (k,)) for columns as they came, from (d, k), (k,)."""
        coef = self.spread * weight.T / self.size
        return coef, self.centre + self.spread * bias - coef @ self.mean

    def from_user(self, coef: Array, intercept: Array) -> tuple[Array, Array]:
        """(weight (d, k), bias (k,)) for the columns of the descent."""
        weight = (coef * self.size).T / self.spread
        bias = (intercept + coef @ self.mean - self.centre) / self.spread
        return weight, bias


def scale_of(X: Any, weight: Array, *, centre: bool) -> Scale:
    """The Scale of rows, each counted by its weight.

    Args:
        X: (n, d) rows, dense or CSR.
        weight: (n,) >= 0, some above 0.
        centre: whether means are taken out of dense columns.

    >>> scale_of(np.array([[1.0], [3.0]]), np.ones(2), centre=True)[:2]
    (array([2.]), array([1.]))
    """
    share = weight / weight.sum()
    zeros, ones = np.zeros(X.shape[1]), np.ones(X.shape[1])
    if scipy.sparse.issparse(X):
        # Zeros do not count: a rare category would be blown up, and hardly penalised.
        mean, centre = zeros, False
        square = np.asarray(X.multiply(X).T @ share, float)
        present = np.asarray((X != 0).T @ share, float)
        size = np.sqrt(square / np.where(present > 0, present, 1.0))
    else:
        mean, size = _moments(X, share)
    flat = size <= FLAT * (np.abs(mean) + size)
    return Scale(mean if centre else zeros, np.where(flat, ones, size))


def _moments(X: Array, share: Array) -> tuple[Array, Array]:
    """Means and deviations of dense columns, in their precision, summed in float64."""
    shares = share.astype(X.dtype)
    near = begun = np.mean(X[:: max(1, len(X) // NEAR_ROWS)], axis=0)
    first, second = _powers(X, shares, near)
    # squares of what is near the mean lose nothing; else once more, from there
    if not (second >= 2 * first**2).all():
        near = near + first.astype(X.dtype)
        first, second = _powers(X, shares, near)
    size = np.sqrt(np.maximum(second - first**2, 0.0))
    # what varies in rows of weight 0 alone leaves a rest of rounding
    return near + first, np.where(size <= FLAT * np.abs(begun), 0.0, size)


def _powers(X: Array, shares: Array, near: Array) -> tuple[Array, Array]:
    """Means of x - near, and of its square."""

    def both(part: slice) -> tuple[Array, Array]:
        moved = X[part] - near
        first = shares[part] @ moved
        return first, shares[part] @ np.square(moved, out=moved)

    found = each(both, chunks(len(X), X.shape[1]), cores(X.size))
    first, second = (
        np.sum(column, axis=0, dtype=float) for column in zip(*found, strict=True)
    )
    return first, second


def chunks(n: int, d: int) -> list[slice]:
    """Stretches of rows that fit in a cache.

    >>> chunks(3, 1)
    [slice(0, 3, None)]
    """
    size = max(1, CHUNK // max(d, 1))
    return [slice(at, min(at + size, n)) for at in range(0, n, size)]


def target_scale(y: Array, weight: Array, *, centre: bool) -> tuple[float, float]:
    """(mean, deviation) of a target; the deviation 1 where it does not vary.

    Args:
        y: (n,) numbers.
        weight: (n,) >= 0, some above 0.
        centre: whether the mean is taken out; else it is 0.

    >>> target_scale(np.array([1.0, 3.0]), np.ones(2), centre=True)
    (2.0, 1.0)
    """
    share = weight / weight.sum()
    mean = float(share @ y)
    size = float(np.sqrt(share @ (y - mean) ** 2))
    varies = size > FLAT * (abs(mean) + size)
    return mean if centre else 0.0, size if varies else 1.0
