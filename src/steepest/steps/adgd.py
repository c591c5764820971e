"""Adaptive gradient descent without descent: a rate from observed curvature.

Source: Malitsky, Mishchenko 2020, arXiv 1910.09529, algorithm 1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from steepest.core import tree

FIRST_STEP = 1e-6
"""Length of the first step, relative to 1 + |x|: long enough to be seen in floating
point, short enough to do no harm; the second step already knows the curvature."""


class AdgdState(NamedTuple):
    """What the rule remembers."""

    learning_rate: jax.Array
    """() the last rate; 0 before the first step."""
    ratio: jax.Array
    """() the last rate over the one before; +inf at first, so only L counts."""
    params: Any
    grad: Any


def scale_by_adgd() -> optax.GradientTransformation:
    """Gradient descent that measures its own rate from two gradients.

    L = |g - g'| / |x - x'|;   a <- min(sqrt(1 + r) a, 1 / (2 L));   x <- x - a g

    with r the ratio of the last two rates. Proven for convex functions whose
    gradient is locally Lipschitz; it needs no value and no line search.

    Returns:
        An Optax transformation whose updates are -a g.

    >>> import jax.numpy as jnp
    >>> rule, x = scale_by_adgd(), jnp.array(3.0)
    >>> state = rule.init(x)
    >>> for _ in range(20):
    ...     update, state = rule.update(2 * x, state, x)
    ...     x = x + update
    >>> bool(abs(x) < 1e-3)
    True
    """

    def init(params: Any) -> AdgdState:
        dtype = jnp.result_type(*jax.tree.leaves(params))
        zeros = jax.tree.map(jnp.zeros_like, params)
        return AdgdState(
            jnp.zeros((), dtype), jnp.full((), jnp.inf, dtype), params, zeros
        )

    def update(
        grad: Any, state: AdgdState, params: Any = None
    ) -> tuple[Any, AdgdState]:
        rate = _rate(grad, state, params)
        ratio = jnp.where(state.learning_rate > 0, rate / state.learning_rate, jnp.inf)
        updates = jax.tree.map(lambda g: -rate * g, grad)
        return updates, AdgdState(rate, ratio, params, grad)

    return optax.GradientTransformation(init, update)  # type: ignore[arg-type]


def _rate(grad: Any, state: AdgdState, params: Any) -> jax.Array:
    moved = tree.norm(jax.tree.map(jnp.subtract, params, state.params))
    turned = tree.norm(jax.tree.map(jnp.subtract, grad, state.grad))
    tiny = jnp.finfo(moved.dtype).tiny
    first = FIRST_STEP * (1 + tree.norm(params)) / jnp.maximum(tree.norm(grad), tiny)
    growth = jnp.sqrt(1 + state.ratio) * state.learning_rate
    # 1 / (2 L), kept at +inf where the gradient did not turn at all
    curvature = jnp.where(turned > 0, moved / (2 * jnp.maximum(turned, tiny)), jnp.inf)
    rate = jnp.minimum(growth, curvature)
    rate = jnp.where(jnp.isfinite(rate) & (rate > 0), rate, state.learning_rate)
    return jnp.where(state.learning_rate > 0, rate, first)
