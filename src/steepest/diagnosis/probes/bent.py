"""Bent paths: along the floor of a valley that is level to second order."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from steepest.diagnosis.probes.active import Hold
from steepest.diagnosis.probes.differences import quiet
from steepest.problems.foreign import Foreign

MOST = 2
"""Level eigenvectors that are followed, both ways."""


def level_ways(
    hessian: np.ndarray, noise: float, hold: Hold, *, sign: float
) -> tuple[np.ndarray, np.ndarray]:
    """Where a function is level to second order, and how to come back to the floor.

    Args:
        hessian: (m, m) of the coordinates that may move.
        noise: the size below which its eigenvalues say nothing.
        hold: what bounds hold.
        sign: 1 where small values are sought, -1 where large ones.

    Returns:
        (k, n) level directions, none where nothing curves the right way or nothing is
        level, and the (n, n) inverse of the Hessian across them.

    >>> hold = Hold(*np.full((2, 2), [[-np.inf], [np.inf]]), np.arange(2), None, False)
    >>> ways, inverse = level_ways(np.diag([2.0, 0.0]), 1e-12, hold, sign=1.0)
    >>> len(ways), inverse.tolist()
    (2, [[0.5, 0.0], [0.0, 0.0]])
    """
    n = len(hold.low)
    values, vectors = np.linalg.eigh(sign * hessian)
    level, curved = np.abs(values) <= noise, values > noise
    inverse = np.zeros((n, n))
    if not level.any() or not curved.any():
        return np.zeros((0, n)), inverse
    across = vectors[:, curved]
    inverse[np.ix_(hold.free, hold.free)] = across / values[curved] @ across.T
    ways = np.zeros((min(MOST, int(level.sum())), n))
    ways[:, hold.free] = vectors.T[level][:MOST]
    return np.concatenate([ways, -ways]), inverse


def on_the_floor(
    fn: Callable[[Any], Any],
    params: Any,
    points: np.ndarray,
    inverse: np.ndarray,
    hold: Hold,
) -> tuple[np.ndarray, np.ndarray]:
    """((m,) values, (m, n) points) one Newton step across the floor from some points.

    y = x - H^+ grad f(x)

    With x = t v, v level, the step is t^2 w to leading order: a straight ray rises
    beside the floor of (y - x^2)(y - 3 x^2), which falls along y = 2 x^2 (Peano).

    Args:
        fn: params -> scalar.
        params: a tree of n numbers.
        points: (m, n) where to step from.
        inverse: (n, n) of the Hessian across the floor, for fn itself.
        hold: what bounds hold.
    """
    if not isinstance(fn, Foreign):
        ends = np.asarray(hold.low), np.asarray(hold.high)
        found = _stepped(fn, params, points, inverse, *ends)
        return np.asarray(found[0], float), np.asarray(found[1], float)
    slopes = [quiet(fn.gradient_at, point, point.shape) for point in points]
    floor = hold.clip(points - np.array(slopes) @ inverse)
    return np.array([float(quiet(fn.value_at, point)) for point in floor]), floor


@functools.partial(jax.jit, static_argnums=0)
def _stepped(
    fn: Callable[[Any], Any],
    params: Any,
    points: Any,
    inverse: Any,
    low: Any,
    high: Any,
) -> Any:
    flat, unravel = ravel_pytree(params)

    def value(x: Any) -> Any:
        return fn(unravel(x))

    def one(x: Any) -> Any:
        x = x.astype(flat.dtype)
        step = inverse.astype(flat.dtype) @ jax.grad(value)(x)
        x = jnp.clip(x - step, low, high).astype(flat.dtype)
        return value(x), x

    return jax.lax.map(one, points)
