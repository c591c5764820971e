"""What a linear model predicts for rows that it did not see, from one fit of them all.

A model fitted without one row is a Newton step away from the model fitted to all of
them, and a step of that kind needs no more than the row's leverage.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.linalg
from scipy.special import softmax

from steepest.descent.curvature import of_classes
from steepest.descent.kernels import Plan, bends
from steepest.descent.row_losses import row_losses

Array = np.ndarray[Any, Any]
MOST_STEPS, HALVINGS = 50, 30
NEAR = 1e-7
"""Newton's steps end where the next would gain this share of the objective."""
JITTER = 1e-10
"""What is added to curvatures of size 1: biases of classes may rise together. More
where rounding still asks for it."""


class Rows(NamedTuple):
    """Dense rows, and how much each counts."""

    plan: Plan
    X: Array
    """(n, d) with a column of ones ahead where there is a bias"""
    y: Array
    """(n,)"""
    weight: Array
    """(n,)"""

    @property
    def parts(self) -> Array:
        """(n,) how much of each row is left out at once.

        Weights that are whole numbers count rows: then it is one of them. By any other
        weights a row is left out whole.
        """
        whole = (self.weight == np.round(self.weight)).all()
        return np.minimum(self.weight, 1.0) if whole else self.weight


class Optimum(NamedTuple):
    """Where the penalised sum of losses is least."""

    params: Array
    """(d, k)"""
    inverse: Array
    """(d * k, d * k) of the Hessian"""


def optimum(rows: Rows, params: Array, ridge: float) -> Optimum:
    """The least of sum(w * loss) + ridge / 2 |weight|^2, by Newton's steps.

    Args:
        rows: of the loss.
        params: (d, k) where to begin.
        ridge: > 0, of all params but the bias.
    """
    diagonal = np.full(params.shape, ridge)
    diagonal[: rows.plan.bias] = 0.0
    value, slope = _objective(rows, params, diagonal)
    bent = Bent(np.ones(1), np.eye(1))
    for _ in range(MOST_STEPS):
        bent = bent_by(hessian(rows, params), diagonal.ravel())
        grad = rows.X.T @ (rows.weight[:, None] * slope) + diagonal * params
        step = -bent.solved(grad.ravel()).reshape(params.shape)
        gain = -float(np.vdot(grad, step))
        for _ in range(HALVINGS):
            near = params + step
            found, there = _objective(rows, near, diagonal)
            if found <= value:
                params, value, slope = near, found, there
                break
            step = step / 2
        if gain <= NEAR * abs(value):
            break
    return Optimum(params, bent.inverse)


def left_out(rows: Rows, at: Optimum) -> Array:
    """(n,) the loss of each row under the model that one part of it was left out of.

    margin + c (I - c V B)^-1 V s, V = x' H^-1 x the leverage, s and B the slope and the
    bends of the row's loss by its margins, c the part. For the squared loss that is
    exact, else a Newton step.

    Args:
        rows: all of them.
        at: their optimum.

    References:
        Allen 1974, Technometrics 16:125 (the squared loss); Rad and Maleki 2020, J. R.
        Stat. Soc. B 82:965.
    """
    margins = rows.X @ at.params
    slope, parts = row_losses(rows.plan, margins, rows.y)[1], rows.parts
    lever = leverage(rows.X, at.inverse, margins.shape[1])
    pull = parts[:, None] * np.einsum("nab,nb->na", lever, slope)
    held = parts[:, None, None] * lever @ _bends(rows, margins)
    rest = np.eye(margins.shape[1]) - held
    moved = np.linalg.solve(rest, pull[:, :, None])[:, :, 0]
    return row_losses(rows.plan, margins + moved, rows.y)[0]


def leverage(X: Array, inverse: Array, k: int) -> Array:
    """How far each row pulls its own margins, x' H^-1 x, (n, k, k)."""
    n, d = X.shape
    blocks = inverse.reshape(d, k, d, k)
    lever = np.empty((n, k, k))
    for a in range(k):
        half = (X @ blocks[:, a].reshape(d, d * k)).reshape(n, d, k)
        lever[:, a] = np.einsum("ndb,nd->nb", half, X)
    return lever


def hessian(rows: Rows, params: Array) -> Array:
    """Of the sum of losses, (d * k, d * k)."""
    margins = rows.X @ params
    if params.shape[1] > 1:
        return of_classes(rows.X, rows.weight, softmax(margins, axis=1))
    bent = np.maximum(bends(rows.plan, margins[:, 0], rows.y), 0.0)
    half = rows.X * np.sqrt(rows.weight * bent)[:, None]
    return half.T @ half


def _bends(rows: Rows, margins: Array) -> Array:
    """The second derivatives of each row's loss, (n, k, k)."""
    if margins.shape[1] == 1:
        return bends(rows.plan, margins[:, 0], rows.y)[:, None, None]
    chance = softmax(margins, axis=1)
    one = np.eye(margins.shape[1])
    own = chance * (chance @ (1.0 - one))
    beside = chance[:, :, None] * chance[:, None, :]
    return one * own[:, :, None] - (1.0 - one) * beside


def _objective(rows: Rows, params: Array, diagonal: Array) -> tuple[float, Array]:
    value, slope = row_losses(rows.plan, rows.X @ params, rows.y)
    return float(rows.weight @ value + (diagonal * params**2).sum() / 2), slope


class Bent(NamedTuple):
    """A Hessian, factored."""

    size: Array
    """(p,) of its columns"""
    factor: Array
    """(p, p) lower triangle, of columns brought to one size"""

    def solved(self, right: Array) -> Array:
        """The inverse times a vector."""
        factor = self.factor, True
        return scipy.linalg.cho_solve(factor, right / self.size) / self.size

    @property
    def inverse(self) -> Array:
        """(p, p)."""
        [potri] = scipy.linalg.get_lapack_funcs(("potri",), (self.factor,))
        half, _ = potri(self.factor, lower=True)
        half = np.tril(half) + np.tril(half, -1).T
        return half / np.outer(self.size, self.size)


def bent_by(whole: Array, added: Array) -> Bent:
    """A Hessian with something added to its diagonal, factored."""
    size = np.diag(whole) + added
    size = np.sqrt(np.where(size > 0, size, size.max() or 1.0))
    alike = (whole + np.diag(added)) / np.outer(size, size)
    jitter = JITTER
    while True:
        try:
            firm = alike + jitter * np.eye(len(size))
            return Bent(size, scipy.linalg.cho_factor(firm, lower=True)[0])
        except scipy.linalg.LinAlgError:  # rounding of numbers of very unlike size
            jitter *= 100.0
