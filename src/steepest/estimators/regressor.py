"""DescentRegressor: a linear model of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from steepest.estimators.descent import Array, Descent, Rows, loss_of
from steepest.estimators.streaming import Stream


class DescentRegressor(RegressorMixin, Descent):
    """A linear model of a number, fitted by gradient descent that needs no rate.

    prediction = X @ coef_.T + intercept_  (exp of it for loss="poisson"), where

    sum(w * loss) / sum(w) + l1 |coef|_1 + l2 / 2 |coef|^2

    is least. Columns, and the target where the loss allows, are brought to mean 0 and
    deviation 1 for the descent, and coefficients back to their own units after it;
    penalties fall on the coefficients of the standardised columns.

    Args:
        loss: "auto" (squared), "huber:1.35", "absolute", "quantile:0.9", "poisson"; or
            a function of two plain numbers, (prediction, target) -> loss, which sees
            the target as it is.
        optimizer: "auto" goes to the optimum by quasi-Newton steps on the gradient over
            all rows; where these are many, from a sample of them, whose curvature the
            steps begin with. Kinks are rounded off on the way, ever less. Or a name of
            steepest.OPTIMIZERS, or "normalized": row by row, safe on raw columns at any
            rate.
        learning_rate: of a named optimizer; None for its usual one.
        schedule: how the rate changes, such as "inverse_time:decay=0.01".
        batch_size: rows a step, at most all; "full", or "auto". A step of B rows equals
            B steps of one row, to first order, at B times their rate.
        average: the coefficients are the mean of those that steps on batches met, from
            the second pass on.
        epochs: passes over the rows at most.
        l1: >= 0; coefficients of no use become 0 where the optimizer is "auto".
        l2: >= 0; "auto", on the way to the optimum of a smooth loss, is the strength
            whose models predict rows best that were left out of them, where those are
            20 or more and less than 1,000 a coefficient. Else it is one part in the sum
            of weights of the rows, what a single row counts for; 0 with a loss of your
            own, or normalized.
        tol: gradient norm at which a descent on all rows ends; 1e-6 at least where rows
            are in float32.
        fit_intercept: whether there is an intercept.
        standardize: whether columns and target are brought to one size.
        validation: share of rows to hold out, or (X, y): the best coefficients on them
            are kept.
        patience: passes without a better validation loss before stopping.
        warm_start: begin at the coefficients of the last fit.
        max_seconds: wall-clock seconds at most.
        random_state: seed of orders and splits.

    Attributes:
        coef_: (d,) coefficients, in the units of the columns.
        intercept_: () float.
        run_: the descent: trace, validation curve, verdict.
        n_iter_: passes over the rows.

    >>> X = np.arange(10.0)[:, None]
    >>> DescentRegressor(l2=0).fit(X, 3 * X[:, 0] + 1).predict([[20.0]]).round(6)
    array([61.])
    """

    def __init__(
        self,
        loss: Any = "auto",
        *,
        optimizer: Any = "auto",
        learning_rate: float | None = None,
        schedule: Any = None,
        batch_size: int | str = "auto",
        average: bool = False,
        epochs: int | None = None,
        l1: float = 0.0,
        l2: float | str = "auto",
        tol: float = 1e-8,
        fit_intercept: bool = True,
        standardize: bool = True,
        validation: Any = None,
        patience: int | None = None,
        warm_start: bool = False,
        max_seconds: float | None = None,
        random_state: Any = 0,
    ) -> None:
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.batch_size = batch_size
        self.average = average
        self.epochs = epochs
        self.l1 = l1
        self.l2 = l2
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.validation = validation
        self.patience = patience
        self.warm_start = warm_start
        self.max_seconds = max_seconds
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> DescentRegressor:
        """Fit the coefficients.

        Args:
            X: (n, d) rows, dense or CSR.
            y: (n,) numbers.
            sample_weight: (n,) >= 0.

        Raises:
            ValueError: data or options that cannot be used.
        """
        X, y = self._checked(X, y, reset=True, y_numeric=True)
        weight = self._weights(sample_weight, X)
        loss = loss_of(self.loss, "regression", y)
        loss.check_target(y)
        start = None
        if self.warm_start and hasattr(self, "coef_"):
            start = self.coef_[None], np.atleast_1d(self.intercept_)
        rows = Rows(X, np.asarray(y, float), weight)
        coef, intercept, self.run_ = self._descend(loss, rows, 1, start)
        self._settle(coef, intercept)
        self.n_iter_ = max(1, int(self.run_.trace.epoch[-1]))
        self._stream = None
        return self

    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None
    ) -> DescentRegressor:
        """One more pass of normalized steps over new rows, in the order they come.

        Args:
            X: (n, d) rows in their own units.
            y: (n,) numbers.
            sample_weight: (n,) >= 0.
        """
        first = not hasattr(self, "coef_")
        X, y = self._checked(X, y, reset=first, y_numeric=True)
        weight = self._weights(sample_weight, X)
        loss = loss_of(self.loss, "regression")
        loss.check_target(y)
        stream = getattr(self, "_stream", None)
        if stream is None:
            known = None if first else (self.coef_[None], self.intercept_)
            stream = Stream.begin(self, loss, X, 1, known)
        self._stream = stream
        stream.learn(X, np.asarray(y, float), weight)
        self._settle(*stream.coefficients())
        self.n_iter_ = getattr(self, "n_iter_", 0) + 1
        return self

    def predict(self, X: Any) -> Array:
        """(n,) predictions in the target's unit.

        Args:
            X: (n, d) rows.
        """
        check_is_fitted(self)
        X = self._checked(X, "no_validation", reset=False)
        raw = X @ self.coef_ + self.intercept_
        return np.exp(raw) if str(self.loss) == "poisson" else raw

    def _settle(self, coef: Array, intercept: Array) -> None:
        self.coef_, self.intercept_ = coef[0], float(intercept[0])
