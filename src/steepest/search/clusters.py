"""Clusters: which runs found the same minimum."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
APART = 0.01
"""Two points are one when no coordinate differs by more than this share of the range
that the starts cover: the tolerance of optimagic's tiktak."""
LEVEL = 1e-6
"""And their values by no more than this, relative to max(1, |value|): a gradient of
norm gtol leaves far less, and two minima of a symmetric function are told by place."""

PAIRS = 1 << 20
"""Numbers that may be compared at once."""


def distinct(points: Array, values: Array, scale: Array) -> list[Array]:
    """Runs by the minimum that they found, the lowest first.

    From the lowest value up, a run joins the first minimum that agrees with it in
    place and value, and otherwise becomes a new one. What comes out does not depend on
    the order of the runs.

    Args:
        points: (n, d) where they ended.
        values: (n,) the values there, finite.
        scale: (d,) the range of the starts.

    Returns:
        For each minimum the indices of its runs, the lowest run first.

    >>> points = np.array([[1.0], [-1.0], [1.001]])
    >>> found = distinct(points, np.array([0.0, 3.0, 0.0]), np.ones(1))
    >>> [runs.tolist() for runs in found]
    [[0, 2], [1]]
    """
    order = np.lexsort((*points.T[::-1], values))
    ranked = values[order]
    steps = np.diff(ranked) > _tolerance(ranked[:-1])
    minima: list[Array] = []
    for runs in np.split(order, np.flatnonzero(steps) + 1):  # no run joins across
        minima += _apart(runs, points, values, scale) if len(runs) > 1 else [runs]
    return minima


def _apart(runs: Array, points: Array, values: Array, scale: Array) -> list[Array]:
    """The minima among runs of much the same value, given from the lowest up."""
    minima = []
    if len(runs) ** 2 * len(scale) < PAIRS:  # the usual case: no two of them agree
        gaps = np.abs(points[runs][:, None] - points[runs]) / scale
        if np.sum(gaps.max(axis=2) <= APART) == len(runs):
            return list(runs[:, None])
    while len(runs):
        leader = runs[0]
        near = (np.abs(points[runs] - points[leader]) <= APART * scale).all(axis=1)
        near &= values[runs] - values[leader] <= _tolerance(values[leader])
        minima.append(runs[near])
        runs = runs[~near]
    return sorted(minima, key=lambda group: values[group[0]])


def _tolerance(values: Any) -> Any:
    return LEVEL * np.maximum(1.0, np.abs(values))
