"""DescentClassifier: a linear model or a network of classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import compute_class_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import check_is_fitted

from steepest.core.errors import DataError, UsageError
from steepest.estimators.descent import COEFFICIENTS, Array, Descent
from steepest.estimators.network_stream import NetworkStream
from steepest.estimators.refusals import (
    check_class_weight,
    check_labels,
    refuse_embedding,
    refuse_one_class,
    refuse_other_type,
)
from steepest.estimators.rows import Rows, loss_of
from steepest.estimators.streaming import Stream
from steepest.problems.losses import Loss, get_loss


def _has_probabilities(estimator: Any) -> bool:
    """Whether the loss is one whose outputs are log odds."""
    return str(estimator.loss).partition(":")[0] in PROBABLE


FEW_LABELS = 1024
"""Whole numbers so far apart at most are told without sorting."""
TWO = (0.0, 1.0)
"""Targets that a loss of two classes sees."""
PROBABLE = ("auto", "log", "cross_entropy", "focal")


def labels_of(y: Any) -> tuple[Any, Array]:
    """(labels in order, the place of each y among them), without sorting whole numbers.

    >>> [part.tolist() for part in labels_of(np.array([7, 5, 7]))]
    [[5, 7], [1, 0, 1]]
    """
    if y.dtype.kind not in "iu" or not y.size:
        return np.unique(y, return_inverse=True)
    low, high = int(y.min()), int(y.max())
    if high - low > max(y.size, FEW_LABELS):
        return np.unique(y, return_inverse=True)
    moved = y if low == 0 else y - y.dtype.type(low)
    seen = np.bincount(moved) > 0
    labels = (np.flatnonzero(seen) + low).astype(y.dtype)
    return labels, moved if seen.all() else (np.cumsum(seen) - 1)[moved]


class DescentClassifier(ClassifierMixin, Descent):
    """A linear model or a network of classes, by gradient descent that needs no rate.

    With two classes the margin is X @ coef_.T + intercept_; with more, one output a
    class, and the largest wins. What is least is

    sum(w * loss) / sum(w) + l1 |coef|_1 + l2 / 2 |coef|^2

    with columns brought to mean 0 and deviation 1 for the descent, and coefficients
    back to the units of the columns after it. With `hidden` it is a network, whose
    rows must be dense, and |coef| is over all its weights.

    Args:
        loss: "auto" (log loss; cross entropy from three classes on), "hinge",
            "squared_hinge", "focal:2"; or a function of two plain numbers, (margin,
            0 or 1) -> loss. Losses of two classes make one model a class where there
            are more.
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
            of weights of the rows, what a single row counts for; 0 with normalized,
            and for networks what steepest.fit takes, beyond 256 rows.
        tol: gradient norm at which a descent on all rows ends; 1e-6 at least where rows
            are in float32.
        class_weight: "balanced", or a dict of label to weight.
        fit_intercept: whether there is an intercept.
        standardize: whether columns are brought to one size.
        validation: share of rows to hold out, or (X, y): the best coefficients on them
            are kept.
        patience: passes without a better validation loss before stopping.
        warm_start: begin at the coefficients, or the network, of the last fit.
        max_seconds: wall-clock seconds at most.
        random_state: seed of orders and splits.

    Attributes:
        classes_: (k,) labels.
        coef_: (1, d) for two classes, else (k, d), in the units of the columns; of a
            linear model only.
        intercept_: (1,) or (k,); likewise.
        network_: the network, where `hidden` is given: its params, and the scale of the
            columns it sees.
        runs_: the descents, one, or one a class; run_ is the first.
        n_iter_: passes over the rows.

    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> fitted = DescentClassifier().fit(X, ["a", "a", "b", "b"])
    >>> fitted.predict([[0.5], [2.5]]).tolist()
    ['a', 'b']
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
        class_weight: Any = None,
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
        self.class_weight = class_weight
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.validation = validation
        self.patience = patience
        self.warm_start = warm_start
        self.max_seconds = max_seconds
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> DescentClassifier:
        """Fit the coefficients.

        Args:
            X: (n, d) rows, dense or CSR.
            y: (n,) labels.
            sample_weight: (n,) >= 0.

        Raises:
            ValueError: data or options that cannot be used.
        """
        X, y = self._checked(X, y, reset=True)
        old = getattr(self, "classes_", None)
        labels, places = labels_of(check_labels(y))
        # thrice, as labels that hardly repeat are taken for numbers
        check_classification_targets(np.tile(labels, 3))
        weight = self._weights(sample_weight, X) * self._balance(y, labels)
        refuse_one_class(labels, places, weight)
        self.classes_ = labels
        again = self.warm_start and old is not None
        again = again and np.array_equal(np.asarray(old), self.classes_)
        if self.hidden is not None:
            rows = Rows(X, places.astype(float), weight)
            return self._fit_network(rows, again=again)
        known = None
        if again and "coef_" in vars(self):
            known = self.coef_, self.intercept_
        loss = self._loss()
        parts = [places]
        if "multiclass" not in loss.tasks and len(self.classes_) > 2:
            parts = [(places == c).astype(int) for c in range(len(self.classes_))]
        k = len(self.classes_) if self._by_class(loss) else 1
        found = []
        for c, part in enumerate(parts):
            start = known
            if known is not None and len(parts) > 1:
                start = known[0][c : c + 1], known[1][c : c + 1]
            found.append(
                self._descend(loss, Rows(X, part.astype(float), weight), k, start)
            )
        self.coef_ = np.concatenate([coef for coef, _, _ in found])
        self.intercept_ = np.concatenate([bias for _, bias, _ in found])
        self.runs_ = [run for _, _, run in found]
        self.n_iter_ = max(max(1, int(run.trace.epoch[-1])) for run in self.runs_)
        self._forget("network_")
        self._stream = None
        return self

    def _fit_network(self, rows: Rows, *, again: bool) -> DescentClassifier:
        """Fit a network, from the last one or afresh."""
        k = len(self.classes_)
        loss = get_loss(self.loss, task="multiclass" if k > 2 else "binary")
        refuse_embedding(loss)
        known = self._known_network(k if k > 2 else 1) if again else None
        self.runs_ = [self._learn(loss, rows, k, known)]
        return self

    @property
    def run_(self) -> Any:
        """The descent, or the first of them."""
        check_is_fitted(self)
        return self.runs_[0]

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> DescentClassifier:
        """One more pass over new rows, in the order they come.

        Steps of a linear model are normalized ones, those of a network adam's, or those
        of `optimizer`, on batches of 32, by the mean and deviation of all rows so far.
        Labels need not be known before: a new one gets an output when it comes.

        Args:
            X: (n, d) rows in their own units.
            y: (n,) labels.
            classes: labels that will come; may be left out.
            sample_weight: (n,) >= 0.
        """
        if self.class_weight == "balanced":
            raise UsageError(
                "class_weight='balanced': partial_fit does not know all rows; give a "
                "dict of label to weight."
            )
        name = "own" if callable(self.loss) else loss_of(self.loss, "binary").name
        if name not in ("log", "cross_entropy"):
            raise UsageError(f"loss={self.loss!r}: partial_fit learns by the log loss.")
        first = not hasattr(self, "classes_")
        X, y = self._checked(X, y, reset=first)
        check_classification_targets(check_labels(y))
        weight = self._weights(sample_weight, X) * self._balance(y, None)
        stream = self._going
        if stream is None:
            self._met = np.zeros(0) if first else self.classes_
            stream = self._open_stream(X, first)
        self._meet(stream, y if classes is None else [*np.ravel(classes), *y])
        places = np.searchsorted(self._met, y, sorter=np.argsort(self._met))
        places = np.argsort(self._met)[places]
        y = places.astype(float)
        if isinstance(stream, NetworkStream):
            stream.learn(loss_of("cross_entropy", "multiclass"), X, y, weight)
        else:
            stream.learn(X, y, weight)
        self._stream = stream
        self._read(stream)
        self.n_iter_ = getattr(self, "n_iter_", 0) + 1
        return self

    def _open_stream(self, X: Any, first: bool) -> Stream | NetworkStream:
        """A Stream of one output a class, in the order that they are met."""
        loss = loss_of("cross_entropy", "multiclass")
        if self.hidden is not None:
            return self._open_network(max(2, len(self._met)))
        if first or "coef_" not in vars(self):
            return Stream.begin(self, loss, X, 2, None)
        coef, intercept = self.coef_, self.intercept_
        if len(coef) == 1:
            coef, intercept = (
                np.r_[-coef / 2, coef / 2],
                np.r_[-intercept, intercept] / 2,
            )
        return Stream.begin(self, loss, X, len(coef), (coef, intercept))

    def _meet(self, stream: Any, labels: Any) -> None:
        """Outputs for the labels that are new."""
        labels = unique_labels(np.asarray(labels))
        if len(self._met):
            refuse_other_type(self._met, labels)
        new = labels if not len(self._met) else np.setdiff1d(labels, self._met)
        self._met = new if not len(self._met) else np.concatenate([self._met, new])
        if len(self._met) > stream.n_outputs:
            stream.widen(len(self._met))

    def _read(self, stream: Any) -> None:
        """Coefficients, or outputs of a network, in the order of the labels."""
        order = np.argsort(self._met)
        self.classes_, self.runs_ = self._met[order], []
        if isinstance(stream, NetworkStream):
            self.network_ = stream.learnt.in_order(order)
            self._n_rows = stream.n_rows
            self._forget(*COEFFICIENTS)
            return
        coef, intercept = stream.coefficients()
        if len(order) < 3:
            low, high = (*order, 1) if len(order) == 1 else order
            coef = (coef[high] - coef[low])[None]
            intercept = (intercept[high] - intercept[low])[None]
        else:
            coef, intercept = coef[order], intercept[order]
        self.coef_, self.intercept_ = coef, intercept
        self._forget("network_")

    def decision_function(self, X: Any) -> Array:
        """Margins: (n,) for two classes, else (n, k).

        Args:
            X: (n, d) rows.
        """
        check_is_fitted(self)
        X = self._checked(X, "no_validation", reset=False)
        margin = self._margins(X)
        return margin.ravel() if margin.shape[1] == 1 else margin

    def _margins(self, X: Any) -> Array:
        """(n, 1) of two classes, else (n, k)."""
        network = vars(self).get("network_")
        if network is None:
            return X @ self.coef_.T + self.intercept_
        raw = network.raw(X)
        return np.diff(raw) if raw.shape[1] == 2 else raw

    def predict(self, X: Any) -> Array:
        """(n,) labels.

        Args:
            X: (n, d) rows.
        """
        margin = self.decision_function(X)
        if margin.ndim > 1:
            return self.classes_[margin.argmax(axis=1)]
        if len(self.classes_) == 1:
            return np.repeat(self.classes_, len(margin))
        return self.classes_[(margin > 0).astype(int)]

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> Array:
        """(n, k) probabilities of the classes, in the order of classes_.

        Args:
            X: (n, d) rows.
        """
        margin = self.decision_function(X)
        if margin.ndim == 1:
            chance = 0.5 * (1 + np.tanh(margin / 2))
            return np.stack([1 - chance, chance], axis=1)[:, : len(self.classes_)]
        shifted = np.exp(margin - margin.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)

    @available_if(_has_probabilities)
    def predict_log_proba(self, X: Any) -> Array:
        """(n, k) logarithms of the probabilities.

        Args:
            X: (n, d) rows.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _loss(self) -> Loss:
        many = len(self.classes_) > 2
        if not many:
            return loss_of(self.loss, "binary", TWO)
        name = str(self.loss).partition(":")[0]
        two = callable(self.loss) or name in ("hinge", "squared_hinge", "log")
        return loss_of(self.loss, "binary" if two else "multiclass", TWO)

    def _by_class(self, loss: Loss) -> bool:
        """Whether there is one output a class."""
        only = loss.tasks == ("multiclass",)
        return only or ("multiclass" in loss.tasks and len(self.classes_) > 2)

    def _encoded(self, y: Array) -> Array:
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise DataError(f"label {unknown[0]} is not in the training y.")
        return np.searchsorted(self.classes_, y).astype(float)

    def _balance(self, y: Array, labels: Any) -> Array:
        """(n,) weight of each row by its class; `labels` None where others may come."""
        by_label = check_class_weight(self.class_weight, labels)
        if self.class_weight is None:
            return np.ones(len(y))
        found, places = np.unique(y, return_inverse=True)
        if self.class_weight == "balanced":
            return compute_class_weight("balanced", classes=found, y=y)[places]
        return np.array([float(by_label.get(label, 1.0)) for label in found])[places]
