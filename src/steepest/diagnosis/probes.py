"""Probes: walk on from the end point and see whether the value goes on improving.

A small gradient proves little: x**3 has one at its inflection, exp(-x) far out, and
1e-10 * x**2 everywhere. A few values on rays that leave the point are certain.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.flatten_util import ravel_pytree

from steepest.core import tree
from steepest.diagnosis.active import Hold, hold_of
from steepest.diagnosis.curvature import (
    MOST_PARAMS,
    Curvature,
    curvature_of,
    derivatives,
    hessian_of,
)
from steepest.diagnosis.differences import quiet
from steepest.diagnosis.rates import middle
from steepest.problems.bounds import Bounds
from steepest.problems.foreign import Foreign

LENGTHS = 0.5 ** np.arange(20, -1, -1)
"""Where a ray is probed, in units of 1 + |param| (of the param that moves most)."""
NEARBY = 13
"""Up to here (a hundredth) the values say how large the function is around the end."""
GLANCE = (13, 15, 17, 19, 20)
"""Where every ray is looked at, of LENGTHS, when each value is a call of the user's."""
AXES = 8
"""Rays along this many eigenvectors (the least curved first), and as many at random."""
CLOSE = 1e-3
"""A minimum this near, in units of 1 + |param|, is reached where gtol is met, too."""
NEAR, SHARE = 0.1, 1e-5
"""Or one this near, if what is left to gain is this share of what the run gained."""
NOTHING = 1e-14
"""A gain of this share of what the run gained is rounding, however far it is."""


class Way(NamedTuple):
    """Where the value goes on each of m rays that leave a point.

    Each ray is followed while the value improves or stays, up to length 1.
    """

    distances: np.ndarray
    """(m,) how far the best value on the ray is, in units of 1 + |param|; 0 where no
    value beats the point's own by more than rounding."""
    gains: np.ndarray
    """(m,) how much better it is, >= 0."""
    rises: bool
    """Whether every ray turned for the worse within its length."""
    tops: np.ndarray
    """(m,) how much better the best value on the whole ray is, also behind a ridge; 0
    where that is none, or the last: a slope that leaves the ray has no top on it."""
    points: np.ndarray
    """(m, n) where the best value on each ray is."""

    def onward(self, drop: float, *, small: bool) -> np.ndarray | None:
        """The (n,) point to go on from: the best of the tops, None where none is good.

        Args:
            drop: how much better than the start the point is.
            small: whether the gradient there meets gtol.
        """
        ray = int(np.argmax(self.tops))
        worth = self.tops[ray] > SHARE * max(drop, 0.0)
        worth |= self.tops[ray] > 0 and self.further(drop, small=small) is not None
        return self.points[ray] if worth else None

    def further(self, drop: float, *, small: bool) -> tuple[float, float] | None:
        """(distance, gain) of the ray that shows the point is no minimum, or None.

        Args:
            drop: how much better than the start the point is.
            small: whether the gradient there meets gtol.

        >>> import numpy as np
        >>> none = np.zeros(1)
        >>> way = Way(np.array([0.002]), np.array([1e-9]), True, none, none[:, None])
        >>> way.further(1.0, small=True)
        """
        drop = max(drop, 0.0)
        done = (self.distances <= NEAR) & (self.gains <= SHARE * drop)
        done |= self.gains <= NOTHING * drop
        if small:
            done |= self.distances <= CLOSE
        if done.all():
            return None
        ray = int(np.argmax(np.where(done, -np.inf, self.gains)))
        return float(self.distances[ray]), float(self.gains[ray])


def survey(
    fn: Callable[[Any], Any],
    params: Any,
    *,
    sign: float = 1.0,
    bounds: Bounds | None = None,
) -> tuple[Curvature | None, Way | None]:
    """Curvature at a point, and where the value goes on the rays that leave it.

    The rays: against the gradient, along the Newton step -|H|^-1 g, both ways along
    the least curved eigenvectors, and a few at random. Without a Hessian (see
    `measure_curvature`) only the first is walked.

    With bounds the curvature is that of the coordinates they do not hold, rays also
    leave the bounds inwards, and each is bent along the bounds that it meets.

    Args:
        fn: params -> scalar, differentiable twice by jax, or a Foreign.
        params: the point, a tree of arrays.
        sign: 1 where small values are sought, -1 where large ones.
        bounds: the box that params are within; no point outside is asked for.

    Returns:
        The curvature (of fn itself), and the way; None for what cannot be measured.

    >>> import jax.numpy as jnp
    >>> curvature, way = survey(lambda p: jnp.sum(p**2), jnp.zeros(2))
    >>> curvature.kind, way.rises
    ('minimum', True)
    """
    flat = tree.flat(params)
    slope, dense = _slopes(fn, params)
    grad = sign * slope
    hold = hold_of(flat, grad, bounds)
    hessian, noise = hessian_of(fn, params, hold, dense=dense) or (None, 0.0)
    curvature = None
    if hessian is not None:
        slopes = grad[hold.free]
        curvature = curvature_of(hessian, noise, hold, sign=sign, grad=slopes)
    if not np.isfinite(grad).all():
        # a kink, such as norm(x) at 0, has no slope; the other rays still tell
        grad = np.zeros_like(grad)
        m = len(hold.free)
        hessian = np.zeros((m, m)) if flat.size <= AXES else hessian
    rays = _to_scale(_rays(grad, hessian, noise, hold), flat, hold)
    if not len(rays):
        return curvature, None
    if isinstance(fn, Foreign):
        way = _follow_foreign(fn, flat, rays, hold, sign)
    else:
        points = hold.clip(flat + rays[:, None] * LENGTHS[:, None])
        points = np.concatenate([flat[None], points.reshape(-1, flat.size)])
        values = sign * np.asarray(_values(fn, params, points), float)
        way = follow(values[0], values[1:].reshape(len(rays), -1))
    way = way._replace(points=hold.clip(flat + way.points * rays))
    if bounds is not None:
        way = way._replace(distances=_span(way.distances[:, None] * rays, flat, hold))
    return curvature, way


def follow(here: float, values: np.ndarray) -> Way:
    """The Way behind the values on rays, its points the lengths on them.

    Args:
        here: value at the point; small is good.
        values: (m, 21) values at LENGTHS on each ray; nan counts as worse.

    >>> import numpy as np
    >>> follow(0.0, LENGTHS[None] ** 2).distances
    array([0.])
    """
    values = np.where(np.isnan(values), np.inf, values)
    eps = float(np.finfo(float).eps)
    return _way(here, LENGTHS, values, values[:, NEARBY], values.tolist(), eps)


def _follow_foreign(
    fn: Foreign, flat: np.ndarray, rays: np.ndarray, hold: Hold, sign: float
) -> Way:
    """Each value costs a call of the user's: ask for no more than are looked at."""

    @functools.cache
    def value(ray: int, length: float) -> float:
        found = sign * quiet(fn.value_at, hold.clip(flat + length * rays[ray]))
        return np.inf if np.isnan(found) else float(found)

    lengths, m = LENGTHS[list(GLANCE)], range(len(rays))
    glance = np.array([[value(ray, length) for length in lengths] for ray in m])
    rows = ((value(ray, length) for length in LENGTHS) for ray in m)
    return _way(value(0, 0.0), lengths, glance, glance[:, 0], rows, fn.eps)


def _way(
    here: float,
    lengths: np.ndarray,
    values: np.ndarray,
    nearby: np.ndarray,
    rows: Iterable[Iterable[float]],
    eps: float,
) -> Way:
    """The Way from (m, k) values at k lengths, walked along rows at all LENGTHS."""
    around = np.abs(nearby)
    around = around[np.isfinite(around)]
    typical = middle(around) if len(around) else 0.0
    noise = 8 * eps * max(abs(here), typical)
    found = [_walk(float(here), ray, noise) for ray in rows]
    distances, gains, rises = (np.array(column) for column in zip(*found, strict=True))
    best = values.argmin(axis=1)
    tops = here - values.min(axis=1)
    tops = np.where((best < len(lengths) - 1) & (tops > noise), tops, 0.0)
    return Way(distances, gains, bool(rises.all()), tops, lengths[best][:, None])


def _walk(here: float, ray: Iterable[float], noise: float) -> tuple[float, float, bool]:
    """(distance, gain) of the best value before the ray rises, and whether it does."""
    distance, best = 0.0, here
    for length, value in zip(LENGTHS, ray, strict=True):
        if value > best + noise:
            return distance, here - best, True
        if value < best - noise:
            distance, best = float(length), value
    return distance, here - best, False


def _rays(
    grad: np.ndarray, hessian: np.ndarray | None, noise: float, hold: Hold
) -> np.ndarray:
    """(m, n) directions worth a look; some may lead nowhere."""
    if hessian is None:
        return -grad[None]
    n = len(grad)
    values, vectors = np.linalg.eigh(hessian)
    bends = np.abs(values) > noise
    along = vectors.T @ grad[hold.free]
    newton = vectors @ np.where(bends, along / np.where(bends, np.abs(values), 1), 0)
    axes = vectors.T[np.argsort(np.abs(values))[:AXES]]
    within = np.zeros((1 + 2 * len(axes), n))
    within[:, hold.free] = np.concatenate([-newton[None], axes, -axes])
    held = np.setdiff1d(np.arange(n), hold.free)[:AXES]
    inward = np.diag(np.sign(grad))[held]
    others = np.random.default_rng(0).normal(size=(AXES, n))
    if n == 1:
        others = others[:0]
    return np.concatenate([-grad[None], within, inward, others])


def _to_scale(rays: np.ndarray, flat: np.ndarray, hold: Hold) -> np.ndarray:
    """The rays that lead anywhere, so long that 1 is 1 + |param|."""
    out = ((flat <= hold.low) & (rays < 0)) | ((flat >= hold.high) & (rays > 0))
    rays = np.where(out, 0.0, rays)
    longest = np.abs(rays / (1 + np.abs(flat))).max(axis=1, keepdims=True)
    return (rays / np.where(longest > 0, longest, 1))[longest[:, 0] > 0]


def _span(shifts: np.ndarray, flat: np.ndarray, hold: Hold) -> np.ndarray:
    """(m,) how far shifts lead where bounds cut them, in units of 1 + |param|."""
    moved = hold.clip(flat + shifts) - flat
    return np.abs(moved / (1 + np.abs(flat))).max(axis=1)


def _slopes(fn: Callable[[Any], Any], params: Any) -> tuple[np.ndarray, Any]:
    """(gradient, second derivatives where they come with it)."""
    if isinstance(fn, Foreign):
        return quiet(fn.gradient_at, fn.layout.flat(params), (fn.layout.size,)), None
    if tree.size(params) > MOST_PARAMS:
        return np.asarray(_gradient(fn, params), float), None
    grad, dense = derivatives(fn, params)
    return np.asarray(grad, float), np.asarray(dense)


@functools.partial(jax.jit, static_argnums=0)
def _gradient(fn: Callable[[Any], Any], params: Any) -> Any:
    flat, unravel = ravel_pytree(params)
    return jax.grad(lambda x: fn(unravel(x)))(flat)


@functools.partial(jax.jit, static_argnums=0)
def _values(fn: Callable[[Any], Any], params: Any, points: Any) -> Any:
    """One value after the other: a function may need much memory for one."""
    flat, unravel = ravel_pytree(params)
    return jax.lax.map(lambda x: fn(unravel(x.astype(flat.dtype))), points)
