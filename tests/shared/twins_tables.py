"""Twins of fits to tables: sick by their columns, their rows, or their batches."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import optax

import steepest as sp
from steepest.records import Run

RNG = np.random.default_rng(0)
N = 400
X = RNG.normal(size=(N, 4))
LINE = X @ [1.0, -2.0, 0.5, 1.0] + RNG.normal(size=N)
FAR = X * [1.0, 100.0, 1.0, 1.0]
NOISE = RNG.normal(size=N)
BLURRED = LINE + 3 * NOISE
CLASS = (LINE > 0).astype(int)
WIDE = RNG.normal(size=(12 * N, 2))
RARE = (WIDE[:, 0] + 0.7 * RNG.normal(size=12 * N) > 3.1).astype(int)
PLAIN = dict(optimizer="gd", batch_size=16, learning_rate=0.01, epochs=20)
NOISY = {"batch_size": 2, "learning_rate": 0.05}
STILL = {"optimizer": optax.sgd(1e-9), "loss": "absolute", "epochs": 2}
NETWORK = dict(model="mlp:hidden=32", optimizer="adam", batch_size=16, epochs=60)


def fitted(X, y, **options) -> Callable[[], Run]:
    return functools.partial(_run, X, y, options)


def _run(X, y, options) -> Run:
    return sp.fit((X, y), progress=False, **options).run


def beside(*columns):
    """The table with more columns."""
    return np.column_stack([X, *columns])


HEALTHY = fitted(X, LINE)
TABLES = {
    "noise_floor": (
        fitted(X, BLURRED, **{**PLAIN, **NOISY}, validation=None),
        fitted(X, BLURRED, **{**PLAIN, **NOISY}, validation=None, schedule="cosine"),
    ),
    "overfitting": (
        fitted(X[:60], BLURRED[:60], validation=0.4, **NETWORK),
        fitted(X, LINE, **NETWORK),
    ),
    "unscaled_columns": (
        fitted(FAR, LINE, standardize=False, **{**PLAIN, "learning_rate": 1e-5}),
        fitted(FAR, LINE, **PLAIN),
    ),
    "constant_columns": (fitted(beside(np.full(N, 7.0)), LINE), HEALTHY),
    "collinear_columns": (fitted(beside(2 * X[:, 0] + 1), LINE), HEALTHY),
    "leaking_column": (
        fitted(beside(np.exp(LINE / 5) + 1e-3 * NOISE), LINE),
        fitted(beside(np.exp(LINE / 5) + NOISE), LINE),
    ),
    "imbalance": (
        fitted(WIDE, RARE),
        fitted(WIDE, RARE, class_weight="balanced"),
    ),
    "learned_nothing": (fitted(X, LINE, **STILL), HEALTHY),
    "no_better_than_baseline": (fitted(X, NOISE, seed=3), HEALTHY),
}
