"""Curvature at a point: the eigenvalues of the Hessian say what kind of point it is."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from steepest.core import tree
from steepest.diagnosis.probes.active import Hold, extremes
from steepest.diagnosis.probes.differences import differenced_hessian, rounding_of
from steepest.diagnosis.probes.lanczos import Bend, estimated
from steepest.problems.foreign import Foreign

MOST_PARAMS = 200
"""Up to here the dense Hessian is cheap; beyond it its ends are estimated."""


class Curvature(NamedTuple):
    """Extreme eigenvalues of a Hessian, and the size below which they say nothing."""

    smallest: float
    largest: float
    noise: float
    wall: int = 0
    """Where bounds hold a coordinate: 1 if the value rises from there inwards, -1 if it
    falls. The eigenvalues are then those of the coordinates that may move."""
    decrement: float = math.nan
    """g'|H|^-1 g, about twice what a Newton step gains; nan when it is unknown."""
    estimated: bool = False
    """Whether the eigenvalues are those of a few products (Lanczos), not of the whole
    Hessian: then the smallest may be smaller still."""

    @property
    def kind(self) -> Literal["minimum", "maximum", "saddle", "plateau"]:
        """What the signs that stand out of the noise say of a stationary point.

        >>> Curvature(smallest=1.0, largest=4.0, noise=1e-12).kind
        'minimum'
        """
        up = self.largest > self.noise or self.wall > 0
        down = self.smallest < -self.noise or self.wall < 0
        if up and down:
            return "saddle"
        if up:
            return "minimum"
        return "maximum" if down else "plateau"


def measure_curvature(fn: Callable[[Any], Any], params: Any) -> Curvature | None:
    """Extreme eigenvalues of the Hessian of `fn` at `params`.

    Args:
        fn: params -> scalar, differentiable twice by jax, or a Foreign.
        params: the point, a tree of arrays.

    Returns:
        The curvature, estimated beyond MOST_PARAMS parameters; None where the Hessian
        is not finite.

    >>> import jax.numpy as jnp
    >>> measure_curvature(lambda p: p[0]**2 - p[1]**2, jnp.zeros(2)).kind
    'saddle'
    """
    if tree.size(params) > MOST_PARAMS:
        bend = estimated(fn, params)
        return None if bend is None else estimate_of(bend, sign=1.0)
    found = hessian_of(fn, params)
    return None if found is None else curvature_of(*found)


def hessian_of(
    fn: Callable[[Any], Any],
    params: Any,
    hold: Hold | None = None,
    *,
    dense: Any = None,
) -> tuple[np.ndarray, float] | None:
    """The symmetric (n, n) Hessian and its noise, None where it is unknown.

    Args:
        fn: params -> scalar. A Foreign is differenced, see `differenced_hessian`.
        params: the point, a tree of n numbers.
        hold: with bounds, what they hold: the Hessian is of the m free coordinates.
        dense: the (n, n) second derivatives, where they are known already.

    Returns:
        The Hessian, and the size below which its eigenvalues say nothing.

    >>> hessian_of(lambda x: x**2, 1.0)[0]
    array([[2.]])
    """
    if hold is not None and not len(hold.free):
        return np.zeros((0, 0)), 0.0
    if tree.size(params) > MOST_PARAMS:
        return None
    if isinstance(fn, Foreign):
        return differenced_hessian(fn, params, hold)
    hessian = np.asarray(derivatives(fn, params)[1] if dense is None else dense, float)
    if hold is not None:
        hessian = hessian[np.ix_(hold.free, hold.free)]
    if not np.isfinite(hessian).all():
        return None
    hessian = (hessian + hessian.T) / 2
    eps = jnp.finfo(jnp.result_type(*map(jnp.asarray, jax.tree.leaves(params)))).eps
    return hessian, rounding_of(hessian, float(eps))


def curvature_of(
    hessian: np.ndarray,
    noise: float,
    hold: Hold | None = None,
    *,
    sign: float = 1.0,
    grad: np.ndarray | None = None,
) -> Curvature:
    """What the eigenvalues of a Hessian say.

    Args:
        hessian: (n, n), finite and symmetric.
        noise: the size below which an eigenvalue says nothing.
        hold: with bounds, what they hold; the Hessian is of its free coordinates.
        sign: -1 where large values are sought: then they fall from a bound inwards.
        grad: (n,) of the same coordinates, for the decrement.

    >>> import numpy as np
    >>> curvature_of(np.diag([2.0, 8.0]), 1e-12).largest
    8.0
    """
    one_way = np.zeros(len(hessian), int) if hold is None else hold.one_way
    wall = int(sign) if hold is not None and hold.walled else 0
    decrement = math.nan if grad is None else _decrement(hessian, grad, noise)
    return Curvature(*extremes(hessian, one_way), noise, wall, decrement)


def estimate_of(bend: Bend, hold: Hold | None = None, *, sign: float) -> Curvature:
    """What an estimate of the extreme eigenvalues says.

    Args:
        bend: of sign * fn.
        hold: with bounds, what they hold.
        sign: -1 where large values are sought.

    >>> import numpy as np
    >>> estimate_of(Bend(-2.0, 4.0, 1e-12, np.zeros(1)), sign=-1.0).largest
    2.0
    """
    wall = int(sign) if hold is not None and hold.walled else 0
    low, high = sorted([sign * bend.smallest, sign * bend.largest])
    return Curvature(low, high, bend.noise, wall, estimated=True)


def _decrement(hessian: np.ndarray, grad: np.ndarray, noise: float) -> float:
    """g'|H|^-1 g over the eigenvectors whose curvature stands out of the noise."""
    values, vectors = np.linalg.eigh(hessian)
    bends = np.abs(values) > noise
    along = vectors.T @ grad
    return float(np.sum(along[bends] ** 2 / np.abs(values[bends])))


@functools.partial(jax.jit, static_argnums=0)
def derivatives(fn: Callable[[Any], Any], params: Any) -> tuple[Any, Any]:
    """(gradient, Hessian) over the flat params, by one program.

    Args:
        fn: params -> scalar, differentiable twice by jax.
        params: the point.

    >>> [part.tolist() for part in derivatives(lambda x: x**2, 3.0)]
    [[6.0], [[2.0]]]
    """
    flat, unravel = ravel_pytree(params)
    slope = jax.grad(lambda x: fn(unravel(x)))
    hessian, grad = jax.jacfwd(lambda x: (slope(x),) * 2, has_aux=True)(flat)
    return grad, hessian
