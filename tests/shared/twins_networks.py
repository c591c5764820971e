"""Twins of networks: sick by their depth, their activation or their rate."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

import steepest as sp
from steepest.problems.models import MLP
from steepest.records import Run

RNG = np.random.default_rng(3)
X = RNG.normal(size=(256, 3))
Y = np.sin(2 * X[:, 0]) + X[:, 1]
LABELS = (Y > 0).astype(int)
DEEP = (8,) * 6
FIT: dict[str, Any] = {"epochs": 20, "batch_size": 32, "validation": None}


def network(hidden: Any, y: Any = Y, **options: Any) -> Callable[[], Run]:
    """The fit of a network."""
    shape = ("activation", "init", "norm", "residual")
    model = MLP(hidden=hidden, **{k: options.pop(k) for k in shape if k in options})
    return functools.partial(_run, model, y, {**FIT, **options})


def _run(model: MLP, y: Any, options: dict[str, Any]) -> Run:
    return sp.fit((X, y), model=model, progress=False, **options).run


GD = {"optimizer": "gd"}
SMALL = network((8, 8), **GD, learning_rate=0.02)
NETWORKS = {
    "nonfinite": (network((8, 8), **GD, learning_rate=100.0), SMALL),
    "exploding_gradients": (network((8, 8), **GD, learning_rate=30.0), SMALL),
    "vanishing_gradients": (
        network(DEEP, activation="sigmoid"),
        network(DEEP, activation="tanh"),
    ),
    "dead_units": (
        network((8, 8), optimizer="adam", learning_rate=10.0),
        network((8, 8), optimizer="adam", learning_rate=0.01),
    ),
    "saturated_units": (
        network(
            (8, 8), LABELS, activation="tanh", optimizer="adam", learning_rate=50.0
        ),
        network((8, 8), LABELS, activation="tanh"),
    ),
}
