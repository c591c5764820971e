"""Extreme curvature of functions of many params, from products with the Hessian."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.flatten_util import ravel_pytree

from steepest.core import tree
from steepest.diagnosis.probes.differences import quiet
from steepest.problems.foreign import Foreign

MOST = 1_000_000
"""Params beyond which the vectors that are kept would take too much memory."""
STEPS, NUMBERS = 40, 20_000_000
"""Products with the Hessian; and numbers that the vectors kept may hold."""


class Bend(NamedTuple):
    """The ends of a spectrum, as far as a few products tell."""

    smallest: float
    """Never below the least eigenvalue."""
    largest: float
    """Never above the greatest eigenvalue."""
    noise: float
    """The size below which they say nothing."""
    down: np.ndarray
    """(n,) the direction of the smallest, of length 1."""


def estimated(
    fn: Callable[[Any], Any],
    params: Any,
    *,
    sign: float = 1.0,
    free: np.ndarray | None = None,
) -> Bend | None:
    """The extreme curvatures of `sign * fn` by Lanczos' method, from a random start.

    Args:
        fn: params -> scalar, differentiable twice by jax, or a Foreign that was given
            its gradient: then products are central differences of gradients.
        params: the point, a tree of n numbers.
        sign: 1, or -1 where large values are sought.
        free: (m,) indices of the coordinates that may move; all when None.

    Returns:
        The estimate, or None beyond MOST params, without an exact gradient, and where
        a product is not finite.

    Source: Lanczos 1950, J. Res. Natl. Bur. Stand. 45:255; Paige 1980, Linear Algebra
    Appl. 34:235 (why vectors are made orthogonal again).

    >>> import jax.numpy as jnp
    >>> bend = estimated(lambda p: p[0]**2 - 3 * p[1]**2, jnp.zeros(2))
    >>> round(bend.smallest, 6), round(bend.largest, 6)
    (-6.0, 2.0)
    """
    flat = tree.flat(params)
    foreign = isinstance(fn, Foreign)
    if flat.size > MOST or (foreign and not fn.exact):
        return None
    inside = np.ones(flat.size)
    if free is not None:
        inside = np.zeros(flat.size)
        inside[free] = 1.0
    product = _differenced(fn, flat) if foreign else _traced(fn, params)
    found = _spectrum(lambda v: sign * inside * product(v), inside)
    if found is None:
        return None
    smallest, largest, down = found
    size = max(abs(smallest), abs(largest))
    eps = float(np.finfo(float).eps)
    noise = max(100 * flat.size * eps * size, 1e-12)
    if foreign:
        noise += 100 * fn.eps ** (2 / 3) * max(size, 1.0)
    return Bend(smallest, largest, noise, down)


def _spectrum(
    product: Callable[[np.ndarray], np.ndarray], inside: np.ndarray
) -> tuple[float, float, np.ndarray] | None:
    """(smallest, largest, vector of the smallest) of the small matrix Q'HQ."""
    n = inside.size
    steps = int(min(STEPS, inside.sum(), max(8, NUMBERS // n)))
    basis, bent = np.zeros((steps, n)), np.zeros((steps, steps))
    ahead = inside * np.random.default_rng(0).normal(size=n)
    for k in range(steps):
        basis[k] = ahead / np.linalg.norm(ahead)
        ahead = product(basis[k])
        if not np.isfinite(ahead).all():
            return None
        kept = basis[: k + 1]
        bent[k, : k + 1] = bent[: k + 1, k] = kept @ ahead
        for _ in range(2):  # once leaves what rounding puts back
            ahead = ahead - (kept @ ahead) @ kept
        size = np.abs(bent).max()
        if np.linalg.norm(ahead) <= 1e-10 * size or k + 1 == steps:
            values, vectors = np.linalg.eigh(bent[: k + 1, : k + 1])
            down = vectors[:, 0] @ kept
            return float(values[0]), float(values[-1]), down
    return None


def _traced(
    fn: Callable[[Any], Any], params: Any
) -> Callable[[np.ndarray], np.ndarray]:
    return lambda v: np.asarray(_product(fn, params, v), float)


@functools.partial(jax.jit, static_argnums=0)
def _product(fn: Callable[[Any], Any], params: Any, v: Any) -> Any:
    """H v, forward over reverse."""
    flat, unravel = ravel_pytree(params)
    slope = jax.grad(lambda x: fn(unravel(x)))
    return jax.jvp(slope, (flat,), (v.astype(flat.dtype),))[1]


def _differenced(fn: Foreign, flat: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """H v = (g(x + h v) - g(x - h v)) / 2h, a step of about eps^(1/3)."""

    def product(v: np.ndarray) -> np.ndarray:
        h = fn.eps ** (1 / 3) * (1 + np.abs(flat).max()) / np.abs(v).max()
        ahead = quiet(fn.gradient_at, flat + h * v, flat.shape)
        behind = quiet(fn.gradient_at, flat - h * v, flat.shape)
        return (ahead - behind) / (2 * h)

    return product
