"""Escape: the way on from a point that is no minimum, or not the best one in sight."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from steepest.core import tree
from steepest.diagnosis.probes.curvature import MOST_PARAMS, Curvature, hessian_of
from steepest.diagnosis.probes.lanczos import estimated
from steepest.diagnosis.probes.survey import survey
from steepest.diagnosis.probes.ways import Way
from steepest.problems.bounds import Bounds, clip

LENGTHS = 2.0 ** np.arange(-20, 1)
"""Steps that are tried each way, in units of 1 + |params|."""


class Onward(NamedTuple):
    """Where a run goes on."""

    params: Any
    closer: bool
    """Whether the gradient's tolerance was too loose there."""


class Scout:
    """Looks around where a run came to rest, once: for the loop and for the verdict.

    Args:
        fn: params -> scalar.
        sign: 1 where small values are sought, -1 where large ones.
        bounds: a box that every point is kept in.
    """

    def __init__(
        self, fn: Callable[[Any], Any], sign: float, bounds: Bounds | None
    ) -> None:
        self.fn, self.sign, self.bounds = fn, sign, bounds
        self._at: np.ndarray | None = None
        self._seen: tuple[Curvature | None, Way | None] = (None, None)

    def survey(self, params: Any) -> tuple[Curvature | None, Way | None]:
        """What `survey` finds at params, kept until another point is asked for."""
        at = tree.flat(params)
        if self._at is None or not np.array_equal(at, self._at):
            self._at = at
            self._seen = survey(self.fn, params, sign=self.sign, bounds=self.bounds)
        return self._seen

    def onward(self, params: Any, drop: float, *, small: bool) -> Onward | None:
        """Where to go on from, or None where the point is the best in sight.

        Out of a saddle along its negative curvature; to the best point seen on the
        rays around, across a ridge or down a flat valley; or from the point itself,
        more closely, where the slope goes on.

        Args:
            params: where a tolerance holds.
            drop: how much better than the start that is.
            small: whether it is the gradient that is small.
        """
        curvature, way = self.survey(params)
        if curvature is None or way is None:
            return None
        goal = "minimum" if self.sign > 0 else "maximum"
        if curvature.kind not in (goal, "plateau"):
            out = way_out(self.fn, params, sign=self.sign, bounds=self.bounds)
            if out is not None:
                return Onward(out, closer=False)
        slopes = small and way.further(drop, small=small) is not None
        point = way.onward(drop, small=small)
        if point is not None:
            params = ravel_pytree(params)[1](jnp.asarray(point))
        return Onward(params, slopes) if slopes or point is not None else None


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
        the curvature is unknown.

    Source: Moré, Sorensen 1979, Math. Prog. 16:1 (descent by negative curvature).

    >>> out = way_out(lambda p: p[0]**2 - p[1]**2 + p[1]**4, jnp.zeros(2))
    >>> bool(abs(out[1]) > 0.4), bool(abs(out[0]) < 1e-6)
    (True, True)
    """
    down = _down(fn, params, sign)
    if down is None:
        return None
    flat, unravel = ravel_pytree(params)
    steps = np.concatenate([LENGTHS, -LENGTHS]) * (1 + np.linalg.norm(flat))
    points = np.asarray(flat) + steps[:, None] * down
    points = [clip(unravel(jnp.asarray(point)), bounds) for point in points]
    heights = sign * np.array([float(_value(fn, point)) for point in points])
    heights = np.where(np.isfinite(heights), heights, np.inf)
    best = int(np.argmin(heights))
    return points[best] if heights[best] < sign * float(_value(fn, params)) else None


def _down(fn: Callable[[Any], Any], params: Any, sign: float) -> np.ndarray | None:
    """(n,) the direction of the most negative curvature, None where there is none."""
    if tree.size(params) > MOST_PARAMS:
        bend = estimated(fn, params, sign=sign)
        below = bend is not None and bend.smallest < -bend.noise
        return bend.down if bend is not None and below else None
    found = hessian_of(fn, params)
    if found is None:
        return None
    values, vectors = np.linalg.eigh(sign * found[0])
    return vectors[:, 0] if values[0] < -found[1] else None


@functools.partial(jax.jit, static_argnums=0)
def _value(fn: Callable[[Any], Any], params: Any) -> Any:
    return fn(params)
