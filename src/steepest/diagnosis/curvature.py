"""Curvature at a point: the eigenvalues of the Hessian say what kind of point it is."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from steepest.core import tree

MOST_PARAMS = 200
"""Up to here the dense Hessian is cheap; beyond it nothing is claimed."""


class Curvature(NamedTuple):
    """Extreme eigenvalues of a Hessian, and the size below which they say nothing."""

    smallest: float
    largest: float
    noise: float

    @property
    def kind(self) -> Literal["minimum", "maximum", "saddle", "plateau"]:
        """What the signs that stand out of the noise say of a stationary point.

        >>> Curvature(smallest=1.0, largest=4.0, noise=1e-12).kind
        'minimum'
        """
        up, down = self.largest > self.noise, self.smallest < -self.noise
        if up and down:
            return "saddle"
        if up:
            return "minimum"
        return "maximum" if down else "plateau"


def measure_curvature(fn: Callable[[Any], Any], params: Any) -> Curvature | None:
    """Extreme eigenvalues of the Hessian of `fn` at `params`.

    Args:
        fn: params -> scalar, differentiable twice by jax.
        params: the point, a tree of arrays.

    Returns:
        The curvature, or None beyond MOST_PARAMS parameters or where the Hessian is
        not finite.

    >>> import jax.numpy as jnp
    >>> measure_curvature(lambda p: p[0]**2 - p[1]**2, jnp.zeros(2)).kind
    'saddle'
    """
    hessian = hessian_of(fn, params)
    return None if hessian is None else curvature_of(hessian, params)


def hessian_of(fn: Callable[[Any], Any], params: Any) -> np.ndarray | None:
    """The symmetric (n, n) Hessian, None where it is unknown.

    Args:
        fn: params -> scalar.
        params: the point, a tree of n numbers.

    >>> hessian_of(lambda x: x**2, 1.0)
    array([[2.]])
    """
    if tree.size(params) > MOST_PARAMS:
        return None
    hessian = np.asarray(_hessian(fn, params), float)
    return (hessian + hessian.T) / 2 if np.isfinite(hessian).all() else None


def curvature_of(hessian: np.ndarray, params: Any) -> Curvature:
    """What the eigenvalues of a Hessian say.

    Args:
        hessian: (n, n), finite and symmetric.
        params: where it was measured; their type tells the rounding.

    >>> import numpy as np
    >>> curvature_of(np.diag([2.0, 8.0]), np.zeros(2)).largest
    8.0
    """
    values = np.linalg.eigvalsh(hessian)
    eps = jnp.finfo(jnp.result_type(*map(jnp.asarray, jax.tree.leaves(params)))).eps
    # Rounding of the entries, and an absolute floor for a Hessian that is all zero.
    noise = max(100 * len(values) * float(eps) * float(np.abs(values).max()), 1e-12)
    return Curvature(float(values[0]), float(values[-1]), noise)


@functools.partial(jax.jit, static_argnums=0)
def _hessian(fn: Callable[[Any], Any], params: Any) -> Any:
    flat, unravel = ravel_pytree(params)
    return jax.hessian(lambda x: fn(unravel(x)))(flat)
