"""A table checked once, for many short calls: a step costs microseconds, not checks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from steepest.descent.kernels import calls, dense
from steepest.descent.kernels.plan import NORMALIZED, RULES, Array, Csr, Plan, Weights
from steepest.descent.kernels.rows_in import rows_of, shares, targets


class Prepared:
    """Rows that a plan's kernels will read again and again.

    Args:
        plan: the objective and the rule.
        weights: of the kind that will be trained.
        X: rows, as in `train`.
        y: (n,) targets.
        sample_weight: (n,) or None.

    Raises:
        DataError: arrays that do not fit the weights.
    """

    def __init__(
        self, plan: Plan, weights: Weights, X: Any, y: Any, sample_weight: Any
    ) -> None:
        self.plan, self.X = plan, rows_of(X, weights)
        calls.check_outputs(plan, len(weights.bias))
        self.y = targets(y, self.X, weights)
        self.given = shares(sample_weight, self.y)
        self.numbers, self.own = plan.numbers(), calls.own_of(plan)
        self.steps = calls.steps_dense
        if isinstance(self.X, Csr):
            self.steps = calls.steps_sparse
        if RULES[plan.rule] == NORMALIZED:
            self.steps = calls.steps_normalized
        self.room = calls.room_for(weights.weight)

    def train(
        self, weights: Weights, order: Array, rates: Array
    ) -> tuple[float, float, bool]:
        """Steps over rows in an order: (sum of w * loss, sum of w, is all finite).

        Args:
            weights: changed in place.
            order: (m,) int64 rows, trusted to be there.
            rates: (n_steps,) float64.
        """
        loss, share = self.steps(
            self.plan, weights, self.X, (self.y, self.given, order, rates)
        )
        sound = math.isfinite(loss) and np.isfinite(weights.bias).all()
        return loss, share, bool(sound and np.isfinite(weights.weight).all())

    def slope(self, weights: Weights, order: Array) -> tuple[float, float, Array]:
        """(sum of w * loss, sum of w, gradient (k, d + 1), bias last) of some rows.

        Args:
            weights: the point; its true weights, see `coefficients`.
            order: (m,) int64 rows.
        """
        if isinstance(self.X, Csr):
            return self._slope_of_csr(self.X, weights, order)
        g, z, s = self.room
        g[...] = 0
        run = calls.kernel_of(dense.picked, self.plan)
        part = self.X, self.y, self.given, order
        loss, share = run(
            self.own, self.numbers, weights.weight, weights.bias, g, z, s, *part
        )
        slope = g.astype(float)
        slope[:, -1] *= self.plan.bias
        return loss, share, slope

    def _slope_of_csr(
        self, X: Csr, weights: Weights, order: Array
    ) -> tuple[float, float, Array]:
        part = picked_rows(X, order)
        given = self.given[order] if self.given.size else None
        loss, share, slope, bias = calls.total(
            self.plan, weights, part, self.y[order], given, threads=1
        )
        return loss, share, np.concatenate([slope, bias[:, None]], axis=1)


def picked_rows(csr: Csr, rows: Array) -> Csr:
    """Some rows of sparse ones, in a given order.

    >>> some = Csr(np.array([1.0, 2.0]), np.zeros(2, np.int32), np.arange(3))
    >>> picked_rows(some, np.array([1])).data
    array([2.])
    """
    starts, ends = csr.indptr[rows], csr.indptr[rows + 1]
    indptr = np.concatenate([[0], np.cumsum(ends - starts)])
    offsets = np.repeat(starts - indptr[:-1], ends - starts)
    entries = np.arange(indptr[-1]) + offsets - csr.indptr[0]
    return Csr(csr.data[entries], csr.indices[entries], indptr)
