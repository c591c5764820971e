"""How good predictions are, in the user's units, beside the trivial baseline.

Predictions are the readable ones: means, or probabilities; see `Loss.link`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from steepest.core.errors import DataError, UsageError
from steepest.core.suggest import did_you_mean

Scores = dict[str, float]
SMALLEST = float(np.finfo(np.float64).eps)
"""Probabilities count as at least this: one sure mistake is no infinite loss."""


LABELS = {"recall_at_1": "recall@1", "accuracy": "accuracy", "log_loss": "log loss"}


def label_of(name: str) -> str:
    """A metric as people write it.

    >>> label_of("roc_auc"), label_of("recall_at_1")
    ('ROC AUC', 'recall@1')
    """
    return LABELS.get(name, name.replace("_", " ").upper())


def score(task: str, prediction: Any, target: Any, *, weights: Any = None) -> Scores:
    """The metrics of a task. What cannot be computed is left out, never nan.

    Args:
        task: "regression", "binary" or "multiclass".
        prediction: (n,) numbers for regression; (n,) probabilities of class 1, or
            (n, 2), for binary; (n, k) probabilities for multiclass.
        target: (n,) numbers, or class numbers from 0.
        weights: (n,) weights >= 0 of the rows; None weighs all alike.

    Returns:
        regression: r2 (left out when the target is constant), rmse and mae in the
        target's unit. binary and multiclass: accuracy, log_loss in nats, roc_auc (one
        against the rest; left out unless every class is there).

    Raises:
        UsageError: an unknown task.
        DataError: no rows, lengths that differ, values that are not finite.

    >>> score("regression", [1.0, 2.0, 4.0], [1.0, 2.0, 3.0])["r2"]
    0.5
    >>> score("binary", [0.2, 0.9], [0, 0]).keys()
    dict_keys(['accuracy', 'log_loss'])
    """
    measure = _of_task(task, _SCORES)
    prediction, target, weights = _checked(prediction, target, weights)
    return {
        name: float(value)
        for name, value in measure(prediction, target, weights).items()
        if np.isfinite(value)
    }


def baseline(
    task: str, target: Any, *, n_classes: int | None = None, weights: Any = None
) -> Callable[[int], np.ndarray]:
    """The prediction that ignores every column: the mean, or the class shares.

    Args:
        task: "regression", "binary" or "multiclass".
        target: (n,) training targets.
        n_classes: number of classes, for multiclass; None takes those of the target.
        weights: (n,) weights >= 0 of the rows.

    Returns:
        A function from a number of rows to predictions of that many rows, in the
        shape that `score` takes.

    Raises:
        UsageError: an unknown task.
        DataError: no rows, lengths that differ, values that are not finite.

    >>> predict = baseline("regression", [1.0, 3.0])
    >>> score("regression", predict(2), [2.0, 4.0])["mae"]
    1.0
    """
    constant = _of_task(task, _CONSTANTS)
    _, target, weights = _checked(target, target, weights)
    row = constant(target, weights, n_classes)
    return lambda n_rows: np.broadcast_to(row, (n_rows, *np.shape(row)))


def _of_task(task: str, table: dict[str, Any]) -> Any:
    if task not in table:
        raise UsageError(f"task={task!r} is unknown. {did_you_mean(task, table)}")
    return table[task]


def _checked(
    prediction: Any, target: Any, weights: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All three as float64 of one length, without the rows that weigh nothing."""
    prediction = np.asarray(prediction, dtype=np.float64)
    target = np.asarray(target, dtype=np.float64)
    n_rows = len(target)
    weights = np.ones(n_rows) if weights is None else np.asarray(weights, np.float64)
    for name, values in (
        ("prediction", prediction),
        ("target", target),
        ("weights", weights),
    ):
        if len(values) != n_rows:
            raise DataError(f"{name} has {len(values)} rows, target has {n_rows}.")
        bad = np.count_nonzero(~np.isfinite(values))
        if bad:
            raise DataError(f"{name} holds {bad} values that are not finite.")
    if not np.all(weights >= 0):
        raise DataError("weights must be >= 0; leave a row out with the weight 0.")
    kept = weights > 0
    if not kept.any():
        raise DataError("there are no rows to score: need one with a weight > 0.")
    return prediction[kept], target[kept], weights[kept]


def _regression(
    prediction: np.ndarray, target: np.ndarray, weights: np.ndarray
) -> dict[str, Any]:
    """rmse, mae, and r2 = 1 - sum w (y - p)**2 / sum w (y - mean)**2."""
    error = target - prediction
    around = target - np.average(target, weights=weights)
    # Divided by the largest first: the squares of 1e200 do not overflow.
    top = max(np.abs(error).max(), np.abs(around).max()) or 1.0
    square = np.average((error / top) ** 2, weights=weights)
    scores = {
        "rmse": top * np.sqrt(square),
        "mae": np.average(np.abs(error), weights=weights),
    }
    if np.ptp(target) > 0:
        spread = np.average((around / top) ** 2, weights=weights)
        scores = {"r2": 1.0 - square / spread if spread else -np.inf, **scores}
    return scores


def _binary(
    prediction: np.ndarray, target: np.ndarray, weights: np.ndarray
) -> dict[str, Any]:
    if prediction.ndim == 1:
        prediction = np.stack([1 - prediction, prediction], axis=1)
    return _classes(prediction, target, weights)


def _classes(
    prediction: np.ndarray, target: np.ndarray, weights: np.ndarray
) -> dict[str, Any]:
    if prediction.ndim != 2:
        raise UsageError(
            f"prediction has shape {prediction.shape}: need one column of "
            "probabilities for each class."
        )
    n_classes = prediction.shape[1]
    if not np.all(np.isin(target, np.arange(n_classes))):
        raise DataError(
            f"target holds {target.min():g} to {target.max():g}: need class numbers "
            f"0 to {n_classes - 1}, one for each column of the prediction."
        )
    labels = target.astype(np.int64)
    totals = prediction.sum(axis=1, keepdims=True)
    if prediction.min() < 0.0 or not totals.min() > 0.0:
        raise DataError("prediction: probabilities must be >= 0, some above in a row.")
    right = prediction.argmax(axis=1) == labels
    # float32 probabilities add up to one only roughly. Ranks are those of the
    # predictions as they are: dividing could part what is equal.
    of_truth = prediction[np.arange(len(labels)), labels] / totals[:, 0]
    scores = {
        "accuracy": np.average(right, weights=weights),
        "log_loss": -np.average(
            np.log(np.maximum(of_truth, SMALLEST)), weights=weights
        ),
    }
    if len(np.unique(labels)) == n_classes > 1:
        classes = [1] if n_classes == 2 else range(n_classes)
        areas = [roc_auc(prediction[:, k], labels == k, weights) for k in classes]
        scores["roc_auc"] = np.mean(areas)
    return scores


def roc_auc(score: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> float:
    """The chance that a positive row scores above a negative one; a tie is a half.

    sum_ij w_i w_j ([s_i > s_j] + [s_i = s_j] / 2) / sum_ij w_i w_j over positive rows
    i and negative rows j, from sorted ranks in n log n (Hanley and McNeil 1982, "The
    meaning and use of the area under a ROC curve").

    Args:
        score: (n,) higher for positive rows.
        positive: (n,) booleans, some of each.
        weights: (n,) weights >= 0.

    >>> roc_auc(np.array([0.1, 0.5, 0.5]), np.array([False, False, True]), np.ones(3))
    0.75
    """
    _, rank = np.unique(score, return_inverse=True)
    above = np.bincount(rank, weights * positive)
    below = np.bincount(rank, weights * ~positive)
    won = above @ (np.cumsum(below) - 0.5 * below)
    return float(won / (above.sum() * below.sum()))


def _mean(target: np.ndarray, weights: np.ndarray, n_classes: int | None) -> Any:
    del n_classes
    return np.average(target, weights=weights)


def _shares(target: np.ndarray, weights: np.ndarray, n_classes: int | None) -> Any:
    classes = target.astype(np.int64)
    return np.bincount(classes, weights, minlength=n_classes or 0) / weights.sum()


_SCORES = {"regression": _regression, "binary": _binary, "multiclass": _classes}
_CONSTANTS = {"regression": _mean, "binary": _mean, "multiclass": _shares}
