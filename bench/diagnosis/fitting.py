"""Plans of tables: how a fit is made, and judged on rows that it never saw."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import StandardScaler

import steepest as sp
from bench.diagnosis.plans import Made

LEAST = 1e-4
"""Probabilities count as at least this in a test loss, so that no single row rules."""


class Split(NamedTuple):
    """Rows to fit and rows to judge by."""

    X: pd.DataFrame
    y: np.ndarray[Any, Any]
    unseen: pd.DataFrame
    unseen_y: np.ndarray[Any, Any]
    task: str
    """regression, counts, binary or multiclass."""
    loss: str
    """of steepest.LOSSES."""

    @property
    def classes(self) -> bool:
        """Whether labels are predicted."""
        return self.task in ("binary", "multiclass")


def test_loss(split: Split, predicted: Any) -> float:
    """The mean loss of predictions on the test rows; labels by probabilities.

    Args:
        split: the rows, and by which loss they are judged.
        predicted: (n,) numbers, or (n, k) probabilities in the order of the labels.
    """
    y = split.unseen_y
    if split.classes:
        labels, places = np.unique(np.concatenate([split.y, y]), return_inverse=True)
        shares = np.clip(predicted, LEAST, 1)
        shares = shares / shares.sum(axis=1, keepdims=True)
        del labels
        return float(-np.mean(np.log(shares[np.arange(len(y)), places[-len(y) :]])))
    error = y - predicted
    if split.loss == "poisson":
        mean = np.clip(predicted, 1e-6, 1e12)
        return float(np.mean(mean - y * np.log(mean)))
    if split.loss.startswith("quantile"):
        q = float(split.loss.partition(":")[2] or 0.5)
        return float(np.mean(np.maximum(q * error, (q - 1) * error)))
    if split.loss in ("absolute", "huber"):
        return float(np.mean(np.abs(error)))
    return float(np.mean(error**2))


def trivial_loss(split: Split) -> float:
    """The test loss of the best prediction that ignores every column."""
    n = len(split.unseen_y)
    if split.classes:
        _, counts = np.unique(split.y, return_counts=True)
        return test_loss(split, np.tile(counts / counts.sum(), (n, 1)))
    centre = np.mean(split.y)
    if split.loss in ("absolute", "huber"):
        centre = np.median(split.y)
    if split.loss.startswith("quantile"):
        centre = np.quantile(split.y, float(split.loss.partition(":")[2] or 0.5))
    return test_loss(split, np.full(n, centre))


def predictions(split: Split, model: Any, rows: Any) -> Any:
    """What the test loss is of."""
    return model.predict_proba(rows) if split.classes else model.predict(rows)


def fitted(split: Split, **options: Any) -> Callable[[], Made]:
    """What makes a fit.

    Args:
        split: the rows.
        **options: of `fit`.
    """
    task = "regression" if split.task == "counts" else split.task
    asked = {"task": task, "loss": split.loss, **options}

    def loss_of(model: sp.Fitted) -> float:
        told = predictions(split, model, split.unseen)
        return test_loss(split, np.nan_to_num(told, nan=1e9))

    def make() -> Made:
        began = time.perf_counter()
        found = sp.fit((split.X, split.y), progress=False, **asked)
        seconds = time.perf_counter() - began
        accuracy = None
        if split.classes:
            labels = found.predict(split.unseen)
            accuracy = float(accuracy_score(split.unseen_y, labels))
        return Made(found, loss_of, trivial_loss(split), seconds, accuracy)

    return make


def numbers(split: Split) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Training and test columns as standardised numbers, for the peers."""
    both = pd.get_dummies(pd.concat([split.X, split.unseen]), dtype=float)
    values = both.fillna(both.median()).to_numpy(float)
    scaler = StandardScaler().fit(values[: len(split.X)])
    values = np.asarray(scaler.transform(values))
    return values[: len(split.X)], values[len(split.X) :]


def peer_loss(split: Split) -> float:
    """The test loss of scikit-learn's linear model, the best of four strengths."""
    train, test = numbers(split)
    peers: list[Any] = [Ridge(alpha) for alpha in (0.1, 1.0, 10.0, 100.0)]
    if split.classes:
        peers = [LogisticRegression(C=C, max_iter=500) for C in (0.01, 0.1, 1.0, 10.0)]
    elif split.loss == "poisson":
        peers = [PoissonRegressor(alpha=a) for a in (1e-4, 1e-2, 0.1, 1.0)]
    return min(
        test_loss(split, predictions(split, peer.fit(train, split.y), test))
        for peer in peers
    )


BEND = {"squared": 2.0, "huber": 1.0, "log": 0.25, "cross_entropy": 0.5}
"""The largest second derivative of a loss in the prediction."""


def steepness(split: Split) -> float:
    """The largest curvature of the mean loss over standardised columns."""
    Z, _ = numbers(split)
    Z = np.column_stack([Z, np.ones(len(Z))])
    bend = BEND.get(
        split.loss, float(np.mean(split.y)) if split.task == "counts" else 1
    )
    return bend * float(np.linalg.norm(Z.T @ Z / len(Z), 2))
