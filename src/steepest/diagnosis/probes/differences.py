"""Hessians of functions that jax cannot differentiate, and how far to trust them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from steepest.diagnosis.probes.active import Hold
from steepest.problems.foreign import Foreign

MOST_BY_VALUES = 30
"""Params up to which second differences of values (2 n^2 of them) are worth it."""
MARGIN = 4.0
"""Noise, in units of how much the Hessian changes when the steps are doubled."""


def differenced_hessian(
    fn: Foreign, params: Any, hold: Hold | None = None
) -> tuple[np.ndarray, float] | None:
    """The Hessian from central differences, and the noise of its eigenvalues.

    Of gradients, where the user gives them: H_ij = (g_j(x + h_i) - g_j(x - h_i)) / 2h_i
    with h = eps^(1/3) max(1, |x|), which leaves an error of about eps^(2/3). Of values
    otherwise, with h = eps^(1/4) max(1, |x|), which leaves eps^(1/2). Both are taken
    with h and with 2h; (4 H(h) - H(2h)) / 3 is returned (Richardson), and their
    difference tells the noise: truncation and rounding alike.

    Args:
        fn: the function; its eager methods are called, 4n gradients or 2n^2 values.
        params: the point, a tree of n numbers.
        hold: with bounds, what they hold. The Hessian is of the free coordinates,
            taken so far inside that no point outside is asked for.

    Returns:
        (symmetric (n, n) Hessian, noise); None where a value is not finite or the
        function raises, and beyond MOST_BY_VALUES params without a gradient.

    Source: Dennis and Schnabel (1983), Numerical Methods, section 5.6.

    >>> from steepest.problems.layout import Layout
    >>> cube = Foreign(lambda x: x**3, None, Layout.of(2.0))
    >>> hessian, noise = differenced_hessian(cube, 2.0)
    >>> bool(abs(hessian[0, 0] - 12.0) < noise < 1e-5)
    True
    """
    point = fn.layout.flat(params)
    free = np.arange(len(point)) if hold is None else hold.free
    if not fn.exact and len(free) > MOST_BY_VALUES:
        return None
    by, order = (_of_gradients, 3) if fn.exact else (_of_values, 4)
    steps = np.zeros(len(point))
    steps[free] = fn.eps ** (1 / order) * np.maximum(1.0, np.abs(point[free]))
    if hold is not None:
        steps = np.minimum(steps, (hold.high - hold.low) / 4)
        point = np.clip(point, hold.low + 2 * steps, hold.high - 2 * steps)
        point = hold.clip(point)
    shifts = np.diag(steps)[free]
    with np.errstate(all="ignore"):
        near, rounding = by(fn, point, shifts, free)
        wide, _ = by(fn, point, 2 * shifts, free)
        hessian = (4 * near - wide) / 3
        change = np.linalg.norm(near - wide) + np.linalg.norm(hessian - hessian.T)
    if not np.isfinite(hessian).all():
        return None
    hessian = (hessian + hessian.T) / 2
    noise = MARGIN * float(change) + rounding
    return hessian, noise + rounding_of(hessian, fn.eps)


def rounding_of(hessian: np.ndarray, eps: float) -> float:
    """What rounding of its entries does to the eigenvalues of a Hessian.

    Args:
        hessian: (n, n), finite.
        eps: relative rounding.

    Returns:
        100 n eps max|H|_2, and 1e-12 at least, for a Hessian that is all zero.

    >>> rounding_of(np.zeros((2, 2)), 1e-16)
    1e-12
    """
    largest = float(np.abs(np.linalg.eigvalsh(hessian)).max(initial=0.0))
    return max(100 * len(hessian) * eps * largest, 1e-12)


def quiet(
    fn: Callable[[np.ndarray], Any], point: np.ndarray, shape: tuple[int, ...] = ()
) -> np.ndarray:
    """What a user's function gives away from the path: nan where it raises.

    Args:
        fn: vector -> array.
        point: where.
        shape: of the array.

    >>> quiet(lambda x: 1 / 0, np.zeros(1))
    array(nan)
    """
    try:
        return np.asarray(fn(point), float)
    except Exception:  # a probe may leave the domain: no fault of the run
        return np.full(shape, np.nan)


def differ_at(fn: Foreign, point: np.ndarray) -> float:
    """How far values at one point differ: 0, for two that are equal.

    Args:
        fn: the function; it is called twice, and ten times more where that tells.
        point: where.

    >>> from steepest.problems.layout import Layout
    >>> differ_at(Foreign(lambda x: x**2, None, Layout.of(1.0)), np.ones(1))
    0.0
    """
    values = np.array([float(quiet(fn.value_at, point)) for _ in range(2)])
    if values[0] == values[1] or not np.isfinite(values).all():
        return 0.0
    more = [float(quiet(fn.value_at, point)) for _ in range(10)]
    return float(np.nanstd(np.append(values, more)))


def _of_gradients(
    fn: Foreign, point: np.ndarray, shifts: np.ndarray, free: np.ndarray
) -> tuple[np.ndarray, float]:
    """(Hessian, error from the rounding of the gradients)."""
    m, n = shifts.shape
    hessian, largest = np.empty((m, m)), 0.0
    steps = shifts[range(m), free]
    for i in range(m):
        ahead = quiet(fn.gradient_at, point + shifts[i], (n,))[free]
        behind = quiet(fn.gradient_at, point - shifts[i], (n,))[free]
        hessian[i] = (ahead - behind) / (2 * steps[i])
        largest = max(largest, np.abs(ahead).max(), np.abs(behind).max())
    # Terms that cancel in a gradient are about as large as |H| |x|, and so is theirs.
    size = float(np.abs(hessian).max(initial=0) * np.abs(point).max(initial=0))
    return hessian, float(fn.eps * max(largest, size) * np.linalg.norm(1 / steps))


def _of_values(
    fn: Foreign, point: np.ndarray, shifts: np.ndarray, free: np.ndarray
) -> tuple[np.ndarray, float]:
    """(Hessian, error from the rounding of the values)."""
    m, steps = len(shifts), shifts[range(len(shifts)), free]

    def value(shift: np.ndarray) -> float:
        return float(quiet(fn.value_at, point + shift))

    here = value(np.zeros(len(point)))
    sums = np.array([value(shift) + value(-shift) for shift in shifts])
    hessian = np.diag(sums - 2 * here)
    for i in range(m):
        for j in range(i):
            both = shifts[i] + shifts[j]
            corners = value(both) + value(-both)
            hessian[i, j] = (corners - sums[i] - sums[j] + 2 * here) / 2
            hessian[j, i] = hessian[i, j]
    largest = max(abs(here), float(np.abs(sums).max(initial=0)) / 2)
    hessian /= np.outer(steps, steps)
    return hessian, float(4 * fn.eps * largest * np.sum(1 / steps**2))
