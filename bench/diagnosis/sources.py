"""Rows: real tables, and tables that are made, split anew for each seed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import sklearn.datasets

from bench.datasets import Table, tables
from bench.diagnosis.fitting import Split
from bench.diagnosis.plans import rng_of

ROWS = 1_200
"""Of a table at most; a third is kept for the test."""
MADE_TEST = 2_000
Rng = np.random.Generator


@functools.cache
def real(name: str) -> Table:
    """A table of bench.datasets."""
    [table] = tables([name])
    return table


def split_of(name: str, loss: str, seed: int, most: int = ROWS) -> Split:
    """Rows of a real table; shapes do not depend on the seed.

    Args:
        name: of the table.
        loss: to fit.
        seed: of the split.
        most: rows at most.
    """
    table, rng = real(name), rng_of(name, seed)
    order = rng.permutation(len(table.y))[:most]
    test, train = np.split(order, [len(order) // 3])
    if table.task in ("binary", "multiclass"):  # every label is learnt
        first = [order[table.y[order] == label][0] for label in np.unique(table.y)]
        train = np.concatenate([first, np.setdiff1d(train, first)])
        train = train[: len(order) - len(order) // 3]
        test = np.setdiff1d(test, first)
    X = table.X
    return Split(
        X.iloc[train].reset_index(drop=True),
        table.y[train],
        X.iloc[test].reset_index(drop=True),
        table.y[test],
        table.task,
        loss,
    )


Maker = Callable[[Rng, int], tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]


def made(
    name: str, maker: Maker, task: str, loss: str, seed: int, rows: int = 600
) -> Split:
    """Rows that are drawn; the law they follow is the same for every seed.

    Args:
        name: of the table.
        maker: (rng, rows) -> (X, y).
        task: see Split.
        loss: to fit.
        seed: of the rows.
        rows: to fit.
    """
    X, y = maker(rng_of(name, seed), rows + MADE_TEST)
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
    return Split(
        frame.iloc[:rows],
        y[:rows],
        frame.iloc[rows:].reset_index(drop=True),
        y[rows:],
        task,
        loss,
    )


def line(d: int, noise: float) -> Maker:
    """A sum of columns and noise."""
    weights = rng_of("line", d).standard_normal(d)

    def rows(rng: Rng, n: int) -> Any:
        X = rng.standard_normal((n, d))
        return X, X @ weights + noise * rng.standard_normal(n)

    return rows


def sides(d: int, classes: int = 2, noise: float = 1.0) -> Maker:
    """The largest of a few noisy sums."""
    weights = 2 * rng_of("sides", d).standard_normal((d, classes)) / np.sqrt(d)

    def rows(rng: Rng, n: int) -> Any:
        X = rng.standard_normal((n, d))
        scores = X @ weights + noise * rng.gumbel(size=(n, classes))
        return X, np.argmax(scores, axis=1)

    return rows


def counts(d: int) -> Maker:
    """Poisson counts."""
    weights = 0.4 * rng_of("counts", d).standard_normal(d)

    def rows(rng: Rng, n: int) -> Any:
        X = rng.standard_normal((n, d))
        return X, rng.poisson(np.exp(1 + X @ weights)).astype(float)

    return rows


def friedman(rng: Rng, n: int) -> Any:
    """Friedman (1991): 10 sin(pi x0 x1) + 20 (x2 - 1/2)^2 + 10 x3 + 5 x4 + noise."""
    return sklearn.datasets.make_friedman1(
        n, noise=1.0, random_state=int(rng.integers(2**31))
    )


def moons(rng: Rng, n: int) -> Any:
    """Two half moons."""
    return sklearn.datasets.make_moons(
        n, noise=0.25, random_state=int(rng.integers(2**31))
    )


def circles(rng: Rng, n: int) -> Any:
    """A ring in a ring."""
    return sklearn.datasets.make_circles(
        n, noise=0.12, factor=0.5, random_state=int(rng.integers(2**31))
    )


def spiral(rng: Rng, n: int) -> Any:
    """Three arms."""
    arm, far = rng.integers(3, size=n), rng.uniform(0.2, 1, n)
    turn = 4 * far + 2 * np.pi * arm / 3 + 0.15 * rng.standard_normal(n)
    return np.column_stack([far * np.cos(turn), far * np.sin(turn)]), arm


def ripple(rng: Rng, n: int) -> Any:
    """sin(3 x0) + x1 x2 + noise."""
    X = rng.uniform(-1, 1, (n, 4))
    y = np.sin(3 * X[:, 0]) + X[:, 1] * X[:, 2]
    return X, y + 0.1 * rng.standard_normal(n)
