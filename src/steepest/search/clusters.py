"""Clusters: which runs came to the same point, up to what their ends can tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
HERE = 1e-6
"""Points this near, relative to 1 + |param| in each coordinate, are one."""
LEVEL = 1e-6
"""Values of one minimum differ by no more than this, relative to max(1, |value|), and
than what the slopes at the ends allow."""
ROUNDINGS = 4096
"""Rounding of a value that is a long sum, in units of eps max(1, |value|)."""
ALONG = np.arange(1, 8) * ((5**0.5 - 1) / 2) % 1
"""Where between two points the function is asked: shares of the golden ratio, which no
period of the function can agree with."""


def distinct(
    points: Array,
    values: Array,
    slopes: Array,
    value_at: Callable[[Array], Array],
    *,
    eps: float = float(np.finfo(float).eps),
) -> list[Array]:
    """Runs by the point that they came to, the lowest first.

    From the lowest value up, a run joins the first point that agrees with it, and
    otherwise becomes a new one. Two ends a and b agree where they are next to each
    other, or where their values and those between them show one basin. There

    min(f(a), f(b)) - s <= f <= max(f(a), f(b)) + s,   s = max(|g(a)|, |g(b)|) |a - b|

    holds, as it does in every convex one: a hill or a deeper valley breaks it. What
    comes out does not depend on the order of the runs.

    Args:
        points: (n, d) where they ended.
        values: (n,) the values there, finite.
        slopes: (n,) norms of the gradients there; 0 where they say nothing.
        value_at: rows (m, d) -> (m,) values; asked between ends alone.
        eps: rounding of the values, relative.

    Returns:
        For each point the indices of its runs, the lowest run first.

    >>> points = np.array([[1.0], [-1.0], [1.0001]])
    >>> found = distinct(points, np.array([0.0, 0.0, 4e-8]), np.array([0, 0, 8e-4]),
    ...                  lambda x: (x[:, 0]**2 - 1)**2)
    >>> [runs.tolist() for runs in found]
    [[1], [0, 2]]
    """
    order = np.lexsort((*points.T[::-1], values))
    rank = np.argsort(order)
    slopes = np.where(np.isfinite(slopes), slopes, 0.0)
    left, groups = order, []
    with np.errstate(all="ignore"):
        tie = _Tie(points, values, slopes, value_at, ROUNDINGS * eps)
        classes = tie.classes(order)
        while len(left):  # in each class of values, those that agree with the lowest
            _, first, which = np.unique(classes, return_index=True, return_inverse=True)
            same = tie.holds(left[first][which], left)
            same[first] = True
            cuts = np.flatnonzero(np.diff(which[same])) + 1
            groups += np.split(left[same], cuts)
            left, classes = left[~same], classes[~same]
    return sorted(groups, key=lambda runs: rank[runs[0]])


class _Tie:
    """Whether pairs of runs ended in one basin."""

    def __init__(
        self,
        points: Array,
        values: Array,
        slopes: Array,
        value_at: Callable[[Array], Array],
        rounding: float,
    ) -> None:
        self.points, self.values, self.slopes = points, values, slopes
        self.value_at, self.rounding = value_at, rounding

    def classes(self, order: Array) -> Array:
        """(n,) numbers of classes so far apart in value that no runs join across."""
        if not len(order):
            return order
        ranked = self.values[order]
        reach = float(np.linalg.norm(np.ptp(self.points, axis=0)))
        slack = max(LEVEL, self.rounding) * np.maximum(1.0, np.abs(ranked))
        slack += np.nan_to_num(float(np.median(self.slopes)) * reach)
        return np.concatenate([[0], np.cumsum(np.diff(ranked) > slack[:-1])])

    def holds(self, a: Array, b: Array) -> Array:
        """(m,) whether the runs a and b agree, pair by pair."""
        points, values, slopes = self.points, self.values, self.slopes
        gap = points[b] - points[a]
        slope = np.maximum(slopes[a], slopes[b]) * np.linalg.norm(gap, axis=1)
        size = np.maximum(1.0, np.abs(values[a]))
        near = (np.abs(gap) <= HERE * (1 + np.abs(points[a]))).all(axis=1)
        level = max(LEVEL, self.rounding) * size + slope
        same = np.abs(values[b] - values[a]) <= level
        slack = self.rounding * size + slope
        top = np.maximum(values[a], values[b]) + slack
        bottom = np.minimum(values[a], values[b]) - slack
        for share in ALONG:
            ask = np.flatnonzero(same & ~near)
            if not len(ask):
                break
            between = self.value_at(points[a[ask]] + share * gap[ask])
            same[ask] = (bottom[ask] <= between) & (between <= top[ask])
        return same
