"""DescentRegressor: a linear model or a network of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from steepest.estimators.descent import COEFFICIENTS, Array, Descent
from steepest.estimators.network_stream import NetworkStream
from steepest.estimators.rows import Rows, loss_of
from steepest.estimators.streaming import Stream
from steepest.problems.losses import get_loss


class DescentRegressor(RegressorMixin, Descent):
    """A linear model or a network of a number, by descent that needs no rate.

    prediction = X @ coef_.T + intercept_  (exp of it for loss="poisson"), where

    sum(w * loss) / sum(w) + l1 |coef|_1 + l2 / 2 |coef|^2

    is least. Columns, and the target where the loss allows, are brought to mean 0 and
    deviation 1 for the descent, and coefficients back to their own units after it;
    penalties fall on the coefficients of the standardised columns. With `hidden` it is
    a network, whose rows must be dense, and |coef| is over all its weights.

    Args:
        loss: "auto" (squared), "huber:1.35", "absolute", "quantile:0.9", "poisson"; or
            a function of two plain numbers, (prediction, target) -> loss, which sees
            the target as it is.
        hidden: widths of the hidden layers of a network, such as (64, 64); None for a
            linear model.
        optimizer: "auto" goes to the optimum by quasi-Newton steps on the gradient over
            all rows; where these are many, from a sample of them, whose curvature the
            steps begin with. Kinks are rounded off on the way, ever less. Or a name of
            steepest.OPTIMIZERS, or "normalized": row by row, safe on raw columns at any
            rate. Networks go by adam on batches, as steepest.fit does; of up to 256
            rows on all of them, where a weight of 2 is as good as the row twice.
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
            own, or normalized, and for networks what steepest.fit takes, beyond 256
            rows.
        tol: gradient norm at which a descent on all rows ends; 1e-6 at least where rows
            are in float32.
        fit_intercept: whether there is an intercept.
        standardize: whether columns and target are brought to one size.
        validation: share of rows to hold out, or (X, y): the best coefficients on them
            are kept.
        patience: passes without a better validation loss before stopping.
        warm_start: begin at the coefficients, or the network, of the last fit.
        max_seconds: wall-clock seconds at most.
        random_state: seed of orders and splits.

    Attributes:
        coef_: (d,) coefficients, in the units of the columns; of a linear model only.
        intercept_: () float; likewise.
        network_: the network, where `hidden` is given: its params, and the scale of
            columns and target it sees.
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
        hidden: Any = None,
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
        self.hidden = hidden
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
        if self.hidden is not None:
            return self._fit_network(Rows(X, np.asarray(y, float), weight))
        loss = loss_of(self.loss, "regression", y)
        loss.check_target(y)
        start = None
        if self.warm_start and "coef_" in vars(self):
            start = self.coef_[None], np.atleast_1d(self.intercept_)
        rows = Rows(X, np.asarray(y, float), weight)
        coef, intercept, self.run_ = self._descend(loss, rows, 1, start)
        self._settle(coef, intercept)
        self.n_iter_ = max(1, int(self.run_.trace.epoch[-1]))
        self._stream = None
        return self

    def _fit_network(self, rows: Rows) -> DescentRegressor:
        """Fit a network, from the last one or afresh."""
        loss = get_loss(self.loss, task="regression")
        loss.check_target(rows.y)
        known = self._known_network(1) if self.warm_start else None
        self.run_ = self._learn(loss, rows, 0, known)
        return self

    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None
    ) -> DescentRegressor:
        """One more pass over new rows, in the order they come.

        Steps of a linear model are normalized ones, those of a network adam's, or those
        of `optimizer`, on batches of 32, by the mean and deviation of all rows so far.

        Args:
            X: (n, d) rows in their own units.
            y: (n,) numbers.
            sample_weight: (n,) >= 0.
        """
        linear = self.hidden is None
        first = ("coef_" if linear else "network_") not in vars(self)
        X, y = self._checked(X, y, reset=first, y_numeric=True)
        weight = self._weights(sample_weight, X)
        loss = (loss_of if linear else get_loss)(self.loss, task="regression")
        loss.check_target(y)
        stream = self._going
        if stream is None and not linear:
            stream = self._open_network(1)
        if stream is None:
            known = None if first else (self.coef_[None], self.intercept_)
            stream = Stream.begin(self, loss, X, 1, known)
        self._stream = stream
        y = np.asarray(y, float)
        if isinstance(stream, NetworkStream):
            stream.learn(loss, X, y, weight)
            self.network_, self._n_rows = stream.learnt, stream.n_rows
            self._forget(*COEFFICIENTS)
        else:
            stream.learn(X, y, weight)
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
        network = vars(self).get("network_")
        if network is None:
            raw = X @ self.coef_ + self.intercept_
        else:
            raw = network.raw(X)[:, 0]
        return np.exp(raw) if str(self.loss) == "poisson" else raw

    def _settle(self, coef: Array, intercept: Array) -> None:
        self.coef_, self.intercept_ = coef[0], float(intercept[0])
        self._forget("network_")
