"""Escape: the way out of a saddle, along its negative curvature."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from steepest.diagnosis.curvature import hessian_of
from steepest.problems.bounds import Bounds, clip

LENGTHS = 2.0 ** np.arange(-20, 1)
"""Steps that are tried each way, in units of 1 + |params|."""


def way_out(
    fn: Callable[[Any], Any],
    params: Any,
    *,
    sign: float = 1.0,
    bounds: Bounds | None = None,
) -> Any | None:
    """A better point along the most negative curvature, or None at no saddle.

    x + t v,   v the eigenvector of the smallest eigenvalue of the Hessian

    Both ways and many lengths are tried; the best point is taken.

    Args:
        fn: params -> scalar.
        params: a stationary point.
        sign: 1 where small values are sought, -1 where large ones.
        bounds: a box that the point is kept in.

    Returns:
        Params with a better value; None where nothing curves the right way, or where
        the Hessian is unknown (many params, or not finite).

    Source: Moré, Sorensen 1979, Math. Prog. 16:1 (descent by negative curvature).

    >>> out = way_out(lambda p: p[0]**2 - p[1]**2 + p[1]**4, jnp.zeros(2))
    >>> bool(abs(out[1]) > 0.4), bool(abs(out[0]) < 1e-6)
    (True, True)
    """
    found = hessian_of(fn, params)
    if found is None:
        return None
    hessian, noise = found
    values, vectors = np.linalg.eigh(sign * hessian)
    if values[0] >= -noise:
        return None
    flat, unravel = ravel_pytree(params)
    steps = np.concatenate([LENGTHS, -LENGTHS]) * (1 + np.linalg.norm(flat))
    points = np.asarray(flat) + steps[:, None] * vectors[:, 0]
    points = [clip(unravel(jnp.asarray(point)), bounds) for point in points]
    heights = sign * np.array([float(_value(fn, point)) for point in points])
    heights = np.where(np.isfinite(heights), heights, np.inf)
    best = int(np.argmin(heights))
    return points[best] if heights[best] < sign * float(_value(fn, params)) else None


@functools.partial(jax.jit, static_argnums=0)
def _value(fn: Callable[[Any], Any], params: Any) -> Any:
    return fn(params)
