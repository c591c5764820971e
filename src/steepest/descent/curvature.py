"""The curvature of a linear model's objective, from a sample of the rows.

Quasi-Newton steps that begin with it need no steps to learn what columns have to do
with one another: however they are correlated, a handful of passes reach the optimum.
What the sample has wrong, the steps correct (Byrd, Chin, Neveitt, Nocedal 2011, SIAM J.
Optim. 21:977: stochastic Hessian information in L-BFGS).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse
from scipy.special import softmax

from steepest.descent import kernels
from steepest.descent.kernels import Csr, Plan
from steepest.descent.linear_tables import Table, picked, scaled

Array = np.ndarray[Any, Any]
MOST_NUMBERS = 512
"""Params up to which a matrix of them all is worth its time."""
ROWS, ROWS_A_NUMBER = 4096, 16
"""Rows of the sample: so many, or so many for each param."""
SIZED_ROWS = 1 << 15
"""Rows that tell how large the values of columns are."""
HEAVY = 9.0
"""Mean of x^4 over the square of that of x^2. Of more than in exponential numbers a
sample tells little; of a category in a share q of the rows it is 1 / q."""
MISSED = 0.5
"""Where the sample has less than this share of a column's square, it missed some."""
FLOOR = 1e-6
"""Least curvature, as a share of the largest, of columns brought to one size."""


def inverse_curvature(plan: Plan, table: Table, params: Any, *, seed: int) -> Array:
    """The inverse Hessian of the objective at the params, (p, p), the bias first.

    Args:
        plan: the loss and its penalties.
        table: the rows.
        params: {"weight": (d, k)} and "bias" (k,) where there is one.
        seed: of the sample.
    """
    n, numbers = len(table.target), sum(np.size(part) for part in params.values())
    rows = np.arange(n)
    if n > (most := max(ROWS, ROWS_A_NUMBER * numbers)):
        rows = np.random.default_rng(seed).integers(n, size=most)
    weight = np.asarray(params["weight"], float)
    X, y = dense_rows(table, rows), np.asarray(table.target[rows], float)
    share = np.ones(len(y)) if table.weight is None else np.asarray(table.weight[rows])
    share = share / max(share.sum(), np.finfo(float).tiny)
    margins = X @ weight + np.asarray(params.get("bias", 0.0))
    square, heavy = sizes(table)
    if plan.bias:
        X = np.column_stack([np.ones(len(X)), X])
        square, heavy = (np.concatenate([[1.0], part]) for part in (square, heavy))
    if weight.shape[1] > 1:
        chance = softmax(margins, axis=1)
        whole, mean = of_classes(X, share, chance), share @ (chance * (1 - chance))
    else:
        bends = kernels.bends(plan, margins[:, 0], y)
        bends = np.where(np.isfinite(bends), np.maximum(bends, 0.0), 0.0)
        whole, mean = (X.T * (share * bends)) @ X, share @ bends[:, None]
    missed = 1.0 - np.mean(np.square(X), axis=0) / np.where(square > 0, square, 1.0)
    doubt = np.where(missed > MISSED, missed, 0.0)
    if len(rows) < n:
        doubt = doubt + heavy / np.sqrt(len(rows))
    unknown = np.outer(doubt * square, mean).ravel()
    return inverted(whole, unknown + penalty(plan, *weight.shape))


def sizes(table: Table) -> tuple[Array, Array]:
    """(mean of x^2, how little a sample tells of it) of each column.

    The latter, over the root of the rows, is about the standard error of the former. A
    column that few rows make up, as of a rare category, may be missing from a sample,
    or look like another; of columns without heavy tails it is left 0.
    """
    inputs, d = table.inputs, table.n_columns
    if isinstance(inputs, Csr):
        square = np.asarray(inputs.data, float) ** 2
        powers = [
            np.bincount(inputs.indices, part, minlength=d) / len(table.target)
            for part in (square, square * square)
        ]
    else:
        every = np.arange(0, len(inputs), max(1, len(inputs) // SIZED_ROWS))
        some = np.asarray(scaled(picked(table, every)).inputs)
        square = some * some
        powers = [np.mean(part, axis=0, dtype=float) for part in (square, square**2)]
    second, fourth = powers
    excess = np.maximum(fourth - HEAVY * second**2, 0.0)
    return second, np.sqrt(excess) / np.where(second > 0, second, 1.0)


def of_classes(X: Array, share: Array, chance: Array) -> Array:
    """The Hessian of the mean cross entropy, (d * k, d * k), classes side by side."""
    (n, d), k = X.shape, chance.shape[1]
    root = chance * np.sqrt(share)[:, None]
    beside = (X[:, :, None] * root[:, None, :]).reshape(n, d * k)
    whole = -(beside.T @ beside)
    blocks = whole.reshape(d, k, d, k)
    others = chance @ (1.0 - np.eye(k))  # 1 - chance, without what cancels near 1
    for a in range(k):
        half = X * np.sqrt(share * chance[:, a] * others[:, a])[:, None]
        blocks[:, a, :, a] = half.T @ half
    return whole


def penalty(plan: Plan, d: int, k: int) -> Array:
    """What the penalty adds to the diagonal, the bias first."""
    bare = np.zeros(k if plan.bias else 0)
    return np.concatenate([bare, np.full(d * k, plan.l2)])


def inverted(whole: Array, added: Array) -> Array:
    """The inverse of a Hessian that is positive semidefinite but for rounding.

    Args:
        whole: (p, p) of a sample.
        added: (p,) what its diagonal lacks.
    """
    size = np.diag(whole) + added
    if not (size > 0).any():
        return np.eye(len(size))
    size = np.sqrt(np.where(size > 0, size, size[size > 0].mean()))
    alike = (whole + np.diag(added)) / np.outer(size, size)
    values, vectors = scipy.linalg.eigh(alike)
    values = np.maximum(values, FLOOR * values[-1])
    return (vectors / values) @ vectors.T / np.outer(size, size)


def dense_rows(table: Table, rows: Array) -> Array:
    """Some rows of a table, dense and in float64."""
    some = scaled(picked(table, rows))
    if not isinstance(some.inputs, Csr):
        return np.asarray(some.inputs, float)
    shape = (len(rows), table.n_columns)
    return scipy.sparse.csr_matrix(tuple(some.inputs), shape).toarray().astype(float)
