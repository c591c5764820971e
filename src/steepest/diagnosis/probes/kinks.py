"""Kinks: whether the slopes around a point where none is small balance each other."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.flatten_util import ravel_pytree

from steepest.core import tree
from steepest.diagnosis.probes.active import hold_of
from steepest.diagnosis.probes.differences import MOST_BY_VALUES, quiet
from steepest.problems.bounds import Bounds
from steepest.problems.foreign import Foreign

MOST = 60
"""Params up to which 4 n + 8 gradients, and their hull, are cheap."""
RADIUS, BLURRED = 1e-6, 1e-4
"""How far around slopes are taken, in units of 1 + |param|; the second for central
differences, whose own steps reach further than the first."""
BALANCED = 1e-6
"""Slopes that leave this share of the steepest among them balance each other."""
RIDGE = 0.95
"""Slopes that leave no more than this differ: there is a kink, or as sharp a valley."""


def imbalance(
    fn: Callable[[Any], Any],
    params: Any,
    *,
    sign: float = 1.0,
    bounds: Bounds | None = None,
) -> float | None:
    """What the slopes around a point leave, as a share of the steepest of them.

    min |sum_k w_k g_k| / max |g_k|   over weights w >= 0 that sum to 1

    with g_k the gradients at points close by. Where that is 0 no direction goes down
    to first order: |x| has the slopes -1 and 1 around 0, and their mean is 0.

    Args:
        fn: params -> scalar, differentiable by jax, or a Foreign.
        params: the point, a tree of n numbers.
        sign: 1 where small values are sought, -1 where large ones.
        bounds: the box that params are within: no point outside is asked for, and the
            coordinates it holds do not count.

    Returns:
        A share in [0, 1], or None where it is not known: many params, or a value or a
        gradient close by that is not finite.

    Source: Burke, Lewis and Overton 2005, SIAM J. Optim. 15:751 (gradient sampling).

    >>> import jax.numpy as jnp
    >>> [round(imbalance(jnp.abs, x), 6) for x in (1e-9, 0.5)]
    [0.0, 1.0]
    """
    flat = tree.flat(params)
    blurred = isinstance(fn, Foreign) and not fn.exact
    if flat.size > (MOST_BY_VALUES if blurred else MOST):
        return None
    away = np.random.default_rng(0).normal(size=(2 * flat.size + 4, flat.size))
    away = (BLURRED if blurred else RADIUS) * (1 + np.abs(flat)) * away
    _, here = _around(fn, params, flat[None])
    hold = hold_of(flat, sign * here[0], bounds)
    points = hold.clip(flat + np.concatenate([away, -away]))
    values, slopes = _around(fn, params, points)
    slopes = slopes[:, hold.free]
    steepest = np.linalg.norm(slopes, axis=1).max(initial=0.0)
    known = np.isfinite(values).all() and np.isfinite(slopes).all()
    if not known or not 0 < steepest < np.inf:
        return None
    return shortest(slopes / steepest)


def shortest(points: np.ndarray) -> float:
    """The distance from 0 to the convex hull of points.

    Args:
        points: (m, n), each of length 1 or less.

    Source: Wolfe 1976, Math. Programming 11:128.

    >>> round(shortest(np.array([[-1.0, 0.6], [1.0, 0.6]])), 12)
    0.6
    """
    chosen = [int(np.argmin((points**2).sum(axis=1)))]
    weights = np.ones(1)
    for _ in range(10 * len(points)):
        nearest = weights @ points[chosen]
        ahead = int(np.argmin(points @ nearest))
        gap = nearest @ nearest - points[ahead] @ nearest
        if ahead in chosen or gap <= BALANCED**2 * 1e-2:
            break
        chosen, weights = [*chosen, ahead], np.append(weights, 0.0)
        chosen, weights = _corral(points, chosen, weights)
    return float(np.linalg.norm(weights @ points[chosen]))


def _corral(
    points: np.ndarray, chosen: list[int], weights: np.ndarray
) -> tuple[list[int], np.ndarray]:
    """The chosen points whose flat is nearest to 0 inside of their own hull."""
    while True:
        wanted = _nearest_on_flat(points[chosen])
        out = wanted <= 1e-12
        if not out.any():
            return chosen, wanted
        with np.errstate(all="ignore"):
            ways = np.where(out, weights / (weights - wanted), np.inf)
        weights = weights + min(1.0, float(np.nanmin(ways))) * (wanted - weights)
        keep = weights > 1e-12
        keep[np.argmax(weights)] = True
        if keep.all():  # rounding: nothing more can be left out
            return chosen, weights
        chosen = [k for k, kept in zip(chosen, keep, strict=True) if kept]
        weights = weights[keep] / weights[keep].sum()


def _nearest_on_flat(points: np.ndarray) -> np.ndarray:
    """(k,) weights, of sum 1, of the point nearest to 0 on the flat through points."""
    k = len(points)
    system = np.ones((k + 1, k + 1))
    system[:k, :k] = points @ points.T
    system[k, k] = 0.0
    return np.linalg.lstsq(system, np.append(np.zeros(k), 1.0), rcond=None)[0][:k]


def _around(
    fn: Callable[[Any], Any], params: Any, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """((m,) values, (m, n) gradients) at (m, n) points."""
    if isinstance(fn, Foreign):
        values = [quiet(fn.value_at, point) for point in points]
        slopes = [quiet(fn.gradient_at, point, point.shape) for point in points]
        return np.array(values), np.array(slopes)
    values, slopes = _traced(fn, params, points)
    return np.asarray(values, float), np.asarray(slopes, float)


@functools.partial(jax.jit, static_argnums=0)
def _traced(fn: Callable[[Any], Any], params: Any, points: Any) -> Any:
    flat, unravel = ravel_pytree(params)
    both = jax.value_and_grad(lambda x: fn(unravel(x)))
    return jax.lax.map(lambda x: both(x.astype(flat.dtype)), points)
