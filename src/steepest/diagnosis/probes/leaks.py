"""A column that tells the target by itself, while all others together cannot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
FEWEST_ROWS = 30
CANDIDATES = 5
"""So many columns, those that go along with the target most, are looked at closely."""
ALONE = 0.01
"""What a column that leaks leaves open of the target, at most."""
WORSE = 10.0
"""All others leave open so many times as much, at least."""
OPEN = 0.05
"""And at least this share of the target."""
RIDGE = 1e-3


class Leak(NamedTuple):
    """A column that knows the target."""

    name: str
    alone: float
    """share of the target that it leaves open by itself: 0 tells all, 1 nothing"""
    others: float
    """share that all other columns together leave open"""


def leak_of(x: Array, y: Array, sources: Sequence[Any], *, classes: int) -> Leak | None:
    """The column that tells the target by itself, None where there is none.

    Rows are put in the order of the column: where it knows the target, neighbours have
    the same. That is asked of columns of numbers and of levels alike, whatever the
    shape of the relation (von Neumann 1941; Chatterjee 2021).

    Args:
        x: (m, d) encoded rows, in no order.
        y: (m,) numbers, or indices of classes.
        sources: the columns that the user knows, see `columns.Source`.
        classes: how many, 0 for a number.

    >>> from steepest.diagnosis.probes.columns import Source
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(200, 3))
    >>> y = np.tanh(x[:, 1])
    >>> sources = [Source(name, i, 1, True) for i, name in enumerate("abc")]
    >>> leak_of(x, y, sources, classes=0).name
    'b'
    """
    if len(sources) < 2 or len(y) < FEWEST_ROWS:
        return None
    told = np.eye(classes)[y] if classes else np.asarray(y, float)[:, None]
    told = told - told.mean(axis=0)
    total = float((told * told).mean())
    if not total > 0:
        return None
    near = _along(x, told)
    best = [near[one.first : one.first + one.width].max(initial=0) for one in sources]
    found = None
    for place in np.argsort(best)[::-1][:CANDIDATES]:
        one = sources[place]
        alone = left_open(_code(x, one), told, total)
        if alone > ALONE or (found is not None and alone >= found.alone):
            continue
        kept = np.ones(x.shape[1], bool)
        kept[one.first : one.first + one.width] = False
        others = _others(x[:, kept], told, total, classes)
        if others >= max(OPEN, WORSE * alone):
            found = Leak(one.name, alone, others)
    return found


def _along(x: Array, told: Array) -> Array:
    """(d,) the largest |correlation| of each column with any column of the target."""
    z = x - x.mean(axis=0)
    sizes = np.sqrt((z * z).sum(axis=0))
    lengths = np.sqrt((told * told).sum(axis=0))
    share = np.abs(z.T @ told) / np.maximum(np.outer(sizes, lengths), 1e-300)
    return share.max(axis=1)


def _code(x: Array, one: Any) -> Array:
    """(m,) one number for each row: the column's own, or that of its level."""
    if one.number:
        return x[:, one.first]
    return x[:, one.first : one.first + one.width].argmax(axis=1)


def left_open(column: Array, told: Array, total: float) -> float:
    """What neighbours along a column differ by, as a share of what any two would.

    Args:
        column: (m,) numbers; rows that have the same stand in any order.
        told: (m, k) the target.
        total: its mean square about the mean.
    """
    ordered = told[np.argsort(column, kind="stable")]
    steps = np.diff(ordered, axis=0)
    return float((steps * steps).mean() / (2 * total))


def _others(x: Array, told: Array, total: float, classes: int) -> float:
    """The share that a linear model of all other columns leaves open, at best."""
    m, d = x.shape
    z = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-12)
    if d > m // 2:  # rows are too few to tell: no column is called a leak
        return 0.0
    gram = z.T @ z / m + RIDGE * np.eye(d)
    fitted = z @ np.linalg.solve(gram, z.T @ told / m)
    if not classes:
        rest = told - fitted
        return float((rest * rest).mean() / total) * m / (m - d)
    chosen, truth = fitted.argmax(axis=1), told.argmax(axis=1)
    rows = np.bincount(truth, minlength=classes)
    wrong = np.bincount(truth[chosen != truth], minlength=classes)
    missed = float((wrong[rows > 0] / rows[rows > 0]).mean())
    return min(1.0, missed / (1 - 1 / (rows > 0).sum()))
