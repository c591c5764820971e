"""Stream: a linear model that learns from rows as they come, whatever their units."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse

from steepest.api.linear_choice import RAW
from steepest.api.own_losses import kernel_of
from steepest.core.errors import DataError
from steepest.descent import kernels
from steepest.descent.kernels import Csr, Plan, Weights
from steepest.problems.losses import Loss

Array = np.ndarray[Any, Any]


class Stream:
    """Normalized steps over rows, one after another, with all that they remember.

    Args:
        plan: loss and rule.
        weights: the model and the rule's memory.
    """

    def __init__(self, plan: Plan, weights: Weights) -> None:
        self.plan, self.weights = plan, weights
        self.sized = False
        """Whether the size of steps is known: steps of a model that was fitted
        elsewhere would be far too long at first."""

    @classmethod
    def begin(
        cls, asked: Any, loss: Loss, X: Any, n_outputs: int, known: Any
    ) -> Stream:
        """A Stream for an estimator, from known (coef, intercept) or from zero."""
        plan = Plan(
            loss=kernel_of(loss) or loss.name,
            parameter=loss.parameter.value if loss.parameter else 1.0,
            rule=RAW.rule,
            bias=bool(asked.fit_intercept),
        )
        weights = kernels.start(plan, n_outputs, X.shape[1], X.dtype)
        stream = cls(plan, weights)
        stream.sized = known is None
        if known is not None:
            weights.weight[...], weights.bias[...] = known
            # or the first rows would shrink the weights as those of smaller columns
            weights.memory.largest[...] = (
                np.ravel(abs(X).max(axis=0).toarray())
                if (scipy.sparse.issparse(X))
                else abs(X).max(axis=0)
            )
        return stream

    def learn(self, X: Any, y: Array, weight: Array) -> None:
        """One pass over rows, in the order they come.

        Raises:
            DataError: a number became inf or nan; the model stays as it was.
        """
        dtype = self.weights.weight.dtype
        inputs: Any = X.astype(dtype, copy=False)
        if scipy.sparse.issparse(X):
            inputs = Csr(
                inputs.data,
                inputs.indices.astype(np.int32),
                inputs.indptr.astype(np.int64),
            )
        kept = [np.copy(part) for part in arrays_of(self.weights)]
        rates = np.full(len(y), RAW.rate)
        tally = kernels.train(
            self.plan,
            self.weights,
            inputs,
            y.astype(dtype),
            weight.astype(dtype),
            rates,
        )
        if not tally.finite:
            for part, old in zip(arrays_of(self.weights), kept, strict=True):
                part[...] = old
            raise DataError(
                "partial_fit: a weight became inf or nan; the columns or the target "
                "are too large for their precision. Rescale them, or pass float64."
            )

    @property
    def n_outputs(self) -> int:
        """One a class, or one."""
        return len(self.weights.bias)

    def widen(self, n_outputs: int) -> None:
        """Room for outputs that come later: they begin at 0."""
        old = self.weights
        d, dtype = old.weight.shape[1], old.weight.dtype
        new = kernels.start(self.plan, n_outputs, d, dtype)
        for mine, theirs in zip(arrays_of(new), arrays_of(old), strict=True):
            if mine.shape == theirs.shape:
                mine[...] = theirs
            else:
                mine[: len(theirs)] = theirs
        self.weights = new

    def coefficients(self) -> tuple[Array, Array]:
        """(coef (k, d), intercept (k,))."""
        weight, bias = kernels.coefficients(self.weights)
        return weight.astype(float), bias.astype(float)


def arrays_of(weights: Weights) -> list[Array]:
    """All arrays of a model, its memory included."""
    return [weights.weight, weights.bias, *weights.memory]
