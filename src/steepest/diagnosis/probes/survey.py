"""Probes: walk on from the end point and see whether the value goes on improving.

A small gradient proves little: x**3 has one at its inflection, exp(-x) far out, and
1e-10 * x**2 everywhere. A few values on rays that leave the point are certain.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from steepest.core import tree
from steepest.diagnosis.probes.active import Hold, hold_of
from steepest.diagnosis.probes.bent import level_ways, on_the_floor
from steepest.diagnosis.probes.curvature import (
    MOST_PARAMS,
    Curvature,
    curvature_of,
    derivatives,
    estimate_of,
    hessian_of,
)
from steepest.diagnosis.probes.differences import differ_at, quiet
from steepest.diagnosis.probes.lanczos import estimated
from steepest.diagnosis.probes.ways import LENGTHS, Probed, Way, way_of
from steepest.problems.bounds import Bounds
from steepest.problems.foreign import Foreign

GLANCE = (13, 15, 17, 19, 20)
"""Where every ray is looked at, of LENGTHS, when each value is a call of the user's."""
EVERY = tuple(range(len(LENGTHS)))
AXES = 8
"""Rays along this many eigenvectors (the least curved first), and as many at random."""


def survey(
    fn: Callable[[Any], Any],
    params: Any,
    *,
    sign: float = 1.0,
    bounds: Bounds | None = None,
) -> tuple[Curvature | None, Way | None]:
    """Curvature at a point, and where the value goes on the rays that leave it.

    The rays: against the gradient, along the Newton step -|H|^-1 g, both ways along
    the least curved eigenvectors, and a few at random; and paths bent along the floor
    of a valley that is level to second order. With more params than a Hessian is made
    of (see `measure_curvature`) the first and the estimated least curved are walked.

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
    curvature, down = None, None
    if hessian is not None:
        slopes = grad[hold.free]
        curvature = curvature_of(hessian, noise, hold, sign=sign, grad=slopes)
    elif flat.size > MOST_PARAMS:
        bend = estimated(fn, params, sign=sign, free=hold.free)
        if bend is not None:
            curvature, down = estimate_of(bend, hold, sign=sign), bend.down
    known = np.isfinite(grad).all()
    if hessian is None and flat.size <= AXES:
        hessian = np.zeros((len(hold.free),) * 2)
    # a kink, such as norm(x) at 0, has no slope; the other rays still tell
    rays = _rays(grad if known else np.zeros_like(grad), hessian, noise, hold, down)
    rays, leads = _to_scale(rays, flat, hold)
    paths = rays, np.zeros((0, len(LENGTHS), flat.size))
    bent = np.zeros((0, len(LENGTHS)))
    if curvature is not None and hessian is not None and known:
        bent, points = _bent(fn, params, flat, hessian, noise, hold, sign)
        paths = rays, points
    if not len(rays):
        return curvature, None
    way = _follow(fn, params, flat, paths, bent, hold, sign, sloped=bool(leads[0]))
    way = way._replace(slope=float(np.linalg.norm(slope)))
    if bounds is not None:
        spans = _span(way.distances[: len(rays), None] * rays, flat, hold)
        way = way._replace(distances=np.append(spans, way.distances[len(rays) :]))
    return curvature, way


def _bent(
    fn: Callable[[Any], Any],
    params: Any,
    flat: np.ndarray,
    hessian: np.ndarray,
    noise: float,
    hold: Hold,
    sign: float,
) -> tuple[np.ndarray, np.ndarray]:
    """((k, 21) values, (k, 21, n) points) along the level floor of a valley."""
    ways, inverse = level_ways(hessian, noise, hold, sign=sign)
    ways, _ = _to_scale(ways, flat, hold)
    points = hold.clip(flat + ways[:, None] * LENGTHS[:, None])
    if not len(ways):
        return np.zeros((0, len(LENGTHS))), points
    many = points.reshape(-1, flat.size)
    values, floor = on_the_floor(fn, params, many, sign * inverse, hold)
    return _finite(sign * values).reshape(points.shape[:2]), floor.reshape(points.shape)


def _follow(
    fn: Callable[[Any], Any],
    params: Any,
    flat: np.ndarray,
    paths: tuple[np.ndarray, np.ndarray],
    bent: np.ndarray,
    hold: Hold,
    sign: float,
    *,
    sloped: bool,
) -> Way:
    """The Way along straight rays and bent paths, whose values are known."""
    rays, floor = paths
    m, eps, differ = len(rays), float(np.finfo(float).eps), 0.0
    if isinstance(fn, Foreign):
        glance, eps, differ = GLANCE, fn.eps, differ_at(fn, flat)
        here = sign * float(quiet(fn.value_at, flat))
        straight = _asked(fn, flat, rays, hold, sign)
    else:
        glance = EVERY
        values = sign * np.asarray(
            _values(fn, params, rays, LENGTHS, hold.low, hold.high), float
        )
        here, table = values[0], _finite(values[1:]).reshape(m, -1).tolist()
        straight = lambda ray, k: table[ray][k]  # noqa: E731

    def value(ray: int, k: int) -> float:
        return straight(ray, k) if ray < m else float(bent[ray - m, k])

    whole = (hold.clip(flat + 2 * rays) == hold.clip(flat + rays)).all(axis=1)
    ends = np.append(whole, np.zeros(len(bent), bool))
    way = way_of(here, Probed(value, glance, ends, sloped, eps, differ))
    points = hold.clip(flat + way.points[:m] * rays)
    at = np.searchsorted(LENGTHS, way.points[m:, 0])
    tops = floor[np.arange(len(bent)), at]
    return way._replace(points=np.concatenate([points, tops]))


def _asked(
    fn: Foreign, flat: np.ndarray, rays: np.ndarray, hold: Hold, sign: float
) -> Callable[[int, int], float]:
    """Each value costs a call of the user's: ask for no more than are looked at."""

    @functools.cache
    def value(ray: int, k: int) -> float:
        point = hold.clip(flat + LENGTHS[k] * rays[ray])
        return float(_finite(sign * quiet(fn.value_at, point)))

    return value


def _finite(values: Any) -> Any:
    """Values, inf where they are not finite: -inf is no value to go to."""
    return np.where(np.isfinite(values), values, np.inf)


def _rays(
    grad: np.ndarray,
    hessian: np.ndarray | None,
    noise: float,
    hold: Hold,
    down: np.ndarray | None,
) -> np.ndarray:
    """(m, n) directions worth a look; some may lead nowhere."""
    if hessian is None:
        return -grad[None] if down is None else np.stack([-grad, down, -down])
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


def _to_scale(
    rays: np.ndarray, flat: np.ndarray, hold: Hold
) -> tuple[np.ndarray, np.ndarray]:
    """The rays that lead anywhere, so long that 1 is 1 + |param|; and which do."""
    out = ((flat <= hold.low) & (rays < 0)) | ((flat >= hold.high) & (rays > 0))
    rays = np.where(out, 0.0, rays)
    longest = np.abs(rays / (1 + np.abs(flat))).max(axis=1, keepdims=True)
    leads = longest[:, 0] > 0
    return (rays / np.where(longest > 0, longest, 1))[leads], leads


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
def _values(
    fn: Callable[[Any], Any], params: Any, rays: Any, lengths: Any, low: Any, high: Any
) -> Any:
    """The value at the point, then those on each ray at each length.

    One after the other: a function may need much memory for one.
    """
    flat, unravel = ravel_pytree(params)

    def value(which: Any) -> Any:
        ray, k = which // len(lengths), which % len(lengths)
        moved = jnp.clip(flat + lengths[k] * rays[ray], low, high)
        return fn(unravel(jnp.where(which < 0, flat, moved).astype(flat.dtype)))

    return jax.lax.map(value, jnp.arange(-1, len(rays) * len(lengths)))
