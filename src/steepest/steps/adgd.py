"""Adaptive gradient descent: a rate from observed curvature.

Source: Malitsky, Mishchenko 2020, arXiv 1910.09529, algorithm 1.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import optax

from steepest.core import tree
from steepest.steps.searching import Pace, searching

FIRST_STEP = 1e-6
"""Length of the first step, relative to 1 + |x|: long enough to be seen in floating
point, short enough to do no harm; the second step already knows the curvature."""


def scale_by_adgd() -> optax.GradientTransformationExtraArgs:
    """Gradient descent that measures its own rate from two gradients.

    L = |g - g'| / |x - x'|;   a <- min(sqrt(1 + r) a, 1 / (2 L));   x <- x - a g

    with r the ratio of the last two rates, at most 1 after a step that was taken back.
    Proven for convex functions whose gradient is locally Lipschitz. Elsewhere the rate
    may outgrow the curvature, so steps that rise too high are taken back: see
    `searching`.

    Returns:
        An Optax transformation that must be given `value`, the objective at params.

    >>> rule, x = scale_by_adgd(), jnp.array(3.0)
    >>> state = rule.init(x)
    >>> for _ in range(20):
    ...     update, state = rule.update(2 * x, state, x, value=x**2)
    ...     x = x + update
    >>> bool(abs(x) < 1e-3)
    True
    """
    return searching(Pace(_unbounded, _first, _after, _steady))


def _unbounded(dtype: Any) -> Any:
    # No ratio yet: the second rate follows L alone.
    return jnp.full((), jnp.inf, dtype)


def _first(params: Any, grad: Any) -> Any:
    size = tree.norm(grad)
    return jnp.where(size > 0, FIRST_STEP * (1 + tree.norm(params)) / size, 0)


def _after(ratio: Any, rate: Any, moved: Any, turned: Any) -> tuple[Any, Any]:
    growth, turn = jnp.sqrt(1 + ratio) * rate, tree.norm(turned)
    # 1 / (2 L), kept at +inf where the gradient did not turn at all
    bound = jnp.where(turn > 0, tree.norm(moved) / (2 * turn), jnp.inf)
    new = jnp.minimum(growth, bound)
    new = jnp.where(jnp.isfinite(new) & (new > 0), new, rate)
    return new, jnp.where(rate > 0, new / rate, jnp.inf)


def _steady(ratio: Any) -> Any:
    return jnp.minimum(ratio, 1)
