"""How good an embedding is: rows of one class are near each other."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
MOST_ROWS = 10_000
"""Rows that recall looks at; it takes the square of their number."""
CHUNK = 1 << 22
"""Distances held at a time."""


def recall_at_1(points: Any, labels: Any, *, weights: Any = None) -> float:
    """The share of rows whose nearest other row has their label.

    Rows that are alone with their label do not count, as no row could be right. Of more
    than 10,000 rows so many are drawn, always the same.

    Args:
        points: (n, k) places of the rows.
        labels: (n,) whole numbers.
        weights: (n,) weights >= 0 of the rows; those of weight 0 are left out.

    Returns:
        The share, nan where there is no row that could be right.

    >>> recall_at_1([[0.0], [1.0], [5.0], [7.0]], [0, 0, 1, 0])
    0.6666666666666666

    Source: Song, Xiang, Jegelka, Savarese (2016), Deep metric learning via lifted
    structured feature embedding.
    """
    points, labels = np.asarray(points, float), np.asarray(labels)
    weights = np.ones(len(labels)) if weights is None else np.asarray(weights, float)
    rows = np.flatnonzero(weights > 0)
    if len(rows) > MOST_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows, MOST_ROWS, replace=False))
    points, labels, weights = points[rows], labels[rows], weights[rows]
    _, at, counts = np.unique(labels, return_inverse=True, return_counts=True)
    asked = np.flatnonzero(counts[at] > 1)
    if not asked.size:
        return np.nan
    found = nearest(points[asked], points, without=asked)
    return float(np.average(labels[found] == labels[asked], weights=weights[asked]))


def nearest(points: Any, places: Any, *, without: Any = None) -> Array:
    """The nearest place of each point, by Euclidean distance.

    Args:
        points: (n, k).
        places: (m, k), some of them finite; the others are never near.
        without: (n,) a place that does not count, such as the point itself.

    Returns:
        (n,) numbers of places; of equally near ones the first.

    >>> nearest([[0.2], [0.9]], [[0.0], [1.0]]).tolist()
    [0, 1]
    """
    points, places = np.asarray(points, float), np.asarray(places, float)
    known = np.isfinite(places).all(axis=1)
    middle = places[known].mean(axis=0)  # squares far from 0 would lose digits
    points, places = points - middle, np.where(known[:, None], places - middle, 0.0)
    square, found = np.sum(places**2, axis=1), np.empty(len(points), int)
    square[~known] = np.inf
    size = max(1, CHUNK // len(places))
    for start in range(0, len(points), size):
        part = slice(start, start + size)
        far = square - 2 * points[part] @ places.T
        if without is not None:
            far[np.arange(len(far)), without[part]] = np.inf
        found[part] = far.argmin(axis=1)
    return found


def class_means(points: Any, labels: Any, weights: Any, n_classes: int) -> Array:
    """The mean place of each class; inf where none of its rows counts.

    Args:
        points: (n, k).
        labels: (n,) whole numbers below n_classes.
        weights: (n,) >= 0.
        n_classes: how many.

    Returns:
        (n_classes, k), float32; nearest passes over rows of inf.

    >>> class_means([[0.0], [2.0], [5.0]], [0, 0, 1], [1, 1, 1], 2).tolist()
    [[1.0], [5.0]]
    """
    labels, weights = np.asarray(labels), np.asarray(weights, float)
    total = np.bincount(labels, weights, minlength=n_classes)
    sums = np.zeros((n_classes, np.shape(points)[1]))
    np.add.at(sums, labels, weights[:, None] * np.asarray(points, float))
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums / total[:, None]
    return np.where(total[:, None] > 0, means, np.inf).astype(np.float32)
