"""Which coordinates the bounds hold, and what curvature is left for the others."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np

from steepest.problems.bounds import Bounds
from steepest.problems.layout import Layout

MOST_WEAK = 6
"""Up to so many coordinates that rest on a bound, all 2^6 faces are looked at."""
ROUNDING = float(np.finfo(float).eps ** (2 / 3))
"""A slope this small, beside the largest and beside 1, may be none."""


class Hold(NamedTuple):
    """How bounds hold a point of n coordinates."""

    low: np.ndarray
    """(n,) -inf where there is no end."""
    high: np.ndarray
    """(n,) inf where there is no end."""
    free: np.ndarray
    """(m,) indices of those that may move at no first-order cost."""
    one_way: np.ndarray
    """(m,) 0 for both ways; 1 only up, -1 only down: these rest on a bound that they
    are not pressed against."""
    walled: bool
    """Whether the value rises from a bound inwards, or nothing can move at all."""

    def clip(self, points: np.ndarray) -> np.ndarray:
        """The nearest points within the bounds.

        Args:
            points: (..., n).

        >>> hold_of(np.zeros(1), np.zeros(1), Bounds(0.0, 1.0)).clip(np.array([3.0]))
        array([1.])
        """
        return np.clip(points, self.low, self.high)


def hold_of(point: np.ndarray, grad: np.ndarray, bounds: Bounds | None) -> Hold:
    """What the bounds hold at a point, told by the multipliers.

    A coordinate is held where its bound stops descent and its multiplier |g_i| stands
    clear of |x - P(x - g)|, how far the point is from stationary, and of rounding.
    With a multiplier that may be 0 it is free to move inwards, one way.

    Args:
        point: (n,) within the bounds.
        grad: (n,) gradient of what is made small; nan tells nothing.
        bounds: the box, or None.

    Source: Nocedal and Wright (2006), Numerical Optimization, sections 12.4 and 16.7.

    >>> hold = hold_of(np.zeros(2), np.array([1.0, 0.0]), Bounds(0.0, 1.0))
    >>> hold.free.tolist(), hold.one_way.tolist(), hold.walled
    ([1], [1], True)
    """
    low, high = _flat_ends(point, bounds)
    grad = np.where(np.isnan(grad), 0.0, grad)
    left = np.abs(grad[np.isfinite(grad)]).max(initial=1.0)
    apart = np.linalg.norm(point - np.clip(point - grad, low, high))
    clear = max(float(apart), ROUNDING * float(left))
    at_low, at_high = point <= low, point >= high
    pressed = (at_low & (grad > clear)) | (at_high & (grad < -clear))
    fixed = low == high
    free = np.flatnonzero(~(pressed | fixed))
    one_way = (at_low.astype(int) - at_high)[free]
    walled = bool((pressed & ~fixed).any()) or not len(free)
    return Hold(low, high, free, one_way, walled)


def on_bounds(params: Any, bounds: Bounds | None) -> dict[str, float]:
    """The coordinates that lie on a bound, by name, and where that is.

    Args:
        params: a tree of arrays within the bounds.
        bounds: the box, or None.

    Returns:
        name -> value, without those whose bounds leave them no room at all, unless
        no coordinate has any.

    >>> on_bounds({"x": 0.0, "y": 1.0}, Bounds({"x": 0.0, "y": 0.0}, {"x": 2, "y": 2}))
    {'x': 0.0}
    """
    layout = Layout.of(params)
    point = layout.flat(params)
    low, high = _flat_ends(point, bounds)
    room = low < high
    there = ((point <= low) | (point >= high)) & (room | ~room.any())
    return {layout.coordinate(int(i)): float(point[i]) for i in np.flatnonzero(there)}


def extremes(hessian: np.ndarray, one_way: np.ndarray) -> tuple[float, float]:
    """The least and the greatest d'Hd / d'd over the directions that are allowed.

    Both are eigenvalues of the Hessian on some face of that cone, with an eigenvector
    that points into it. Beyond MOST_WEAK one-way coordinates all count as free.

    Args:
        hessian: (m, m), symmetric.
        one_way: (m,) 0 for both ways, else the sign of the way that is allowed.

    Returns:
        (least, greatest), both 0 where nothing can move.

    >>> extremes(np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([1, 1]))
    (1.0, 3.0)
    """
    weak = np.flatnonzero(one_way)
    if not len(hessian):
        return 0.0, 0.0
    if not 0 < len(weak) <= MOST_WEAK:
        values = np.linalg.eigvalsh(hessian)
        return float(values[0]), float(values[-1])
    found = [
        _of_face(hessian, one_way, np.setdiff1d(np.arange(len(hessian)), out))
        for k in range(len(weak) + 1)
        for out in itertools.combinations(weak, k)
    ]
    values = np.concatenate(found)
    return float(values.min()), float(values.max())


def _of_face(
    hessian: np.ndarray, one_way: np.ndarray, face: np.ndarray
) -> np.ndarray[Any, Any]:
    """Eigenvalues on a face whose eigenvector points into the cone."""
    values, vectors = np.linalg.eigh(hessian[np.ix_(face, face)])
    inward = (one_way[face, None] * vectors)[one_way[face] != 0]
    return values[(inward >= -1e-9).all(axis=0) | (inward <= 1e-9).all(axis=0)]


def _flat_ends(
    point: np.ndarray, bounds: Bounds | None
) -> tuple[np.ndarray, np.ndarray]:
    if bounds is None:
        return np.full(len(point), -np.inf), np.full(len(point), np.inf)
    flat = Layout.of(bounds.low).flat
    low, high = (np.broadcast_to(flat(end), point.shape) for end in bounds)
    return low, high
