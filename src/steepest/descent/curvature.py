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
from steepest.descent.linear_engine import Table

Array = np.ndarray[Any, Any]
MOST_NUMBERS = 512
"""Params up to which a matrix of them all is worth its time."""
ROWS, ROWS_A_NUMBER = 4096, 16
"""Rows of the sample: so many, or so many for each param."""
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
    if plan.bias:
        X = np.column_stack([np.ones(len(X)), X])
    whole = (of_classes if weight.shape[1] > 1 else of_one)(plan, X, y, share, margins)
    return inverted(whole, penalty(plan, *weight.shape))


def of_one(plan: Plan, X: Array, y: Array, share: Array, margins: Array) -> Array:
    """The Hessian of the mean loss of one output, (d, d)."""
    bends = kernels.bends(plan, margins[:, 0], y)
    bends = np.where(np.isfinite(bends), np.maximum(bends, 0.0), 0.0)
    return (X.T * (share * bends)) @ X


def of_classes(plan: Plan, X: Array, y: Array, share: Array, margins: Array) -> Array:
    """The Hessian of the mean cross entropy, (d * k, d * k), classes side by side."""
    del plan, y
    d, k = X.shape[1], margins.shape[1]
    chance = softmax(margins, axis=1)
    whole = np.empty((d, k, d, k))
    for a in range(k):
        for b in range(a, k):
            bends = share * chance[:, a] * ((a == b) - chance[:, b])
            whole[:, a, :, b] = whole[:, b, :, a] = (X.T * bends) @ X
    return whole.reshape(d * k, d * k)


def penalty(plan: Plan, d: int, k: int) -> Array:
    """What the penalty adds to the diagonal, the bias first."""
    bare = np.zeros(k if plan.bias else 0)
    return np.concatenate([bare, np.full(d * k, plan.l2)])


def inverted(whole: Array, added: Array) -> Array:
    """The inverse of a Hessian that is positive semidefinite but for rounding.

    A column that is 0 in all rows of the sample, as of a rare category, is taken to be
    like the others.
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
    if not isinstance(table.inputs, Csr):
        return np.asarray(table.inputs[rows], float)
    shape = (len(table.target), table.n_columns)
    return (
        scipy.sparse.csr_matrix(tuple(table.inputs), shape)[rows]
        .toarray()
        .astype(float)
    )
