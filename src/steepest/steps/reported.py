"""Reported: an Optax rule that finds its own rate, with that rate kept in its state.

Optax's rules without a learning rate hide the rate that they arrive at, and take some
of their numbers before the first step, when ours are not known. Both are mended here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from steepest.core import tree


class ReportedState(NamedTuple):
    """What the rule remembers, and what it did last."""

    learning_rate: jax.Array
    """() the rate of the last update; 0 before the first."""
    fresh: jax.Array
    """() bool: no gradient but 0 was seen yet."""
    inner: Any
    """The state of the rule itself."""


def reported(
    rule: optax.GradientTransformation, rate_of: Callable[[Any, Any, Any], Any]
) -> optax.GradientTransformationExtraArgs:
    """The rule, with its rate in its state, that begins at the first gradient.

    Up to the first gradient that is not 0 it stands still, since rules that compare
    gradients would divide 0 by 0. There it begins with the numbers that `rule` was
    built from, which need not be those of `init`. Types stay what they were at `init`.

    Args:
        rule: an Optax transformation.
        rate_of: (state before the update, state after, updates) -> the rate used.

    Returns:
        An Optax transformation whose updates are those of `rule`.

    >>> rule = reported(optax.sgd(0.5), lambda old, new, updates: 0.5)
    >>> x = jnp.array(3.0)
    >>> update, state = rule.update(2 * x, rule.init(x), x)
    >>> float(update), float(state.learning_rate)
    (-3.0, 0.5)
    """
    inside = optax.with_extra_args_support(rule)

    def init(params: Any) -> ReportedState:
        dtype = jnp.result_type(*jax.tree.leaves(params))
        return ReportedState(
            jnp.zeros((), dtype),
            jnp.ones((), bool),
            jax.tree.map(jnp.asarray, inside.init(params)),
        )

    def update(
        grad: Any, state: ReportedState, params: Any = None, /, **extra: Any
    ) -> tuple[Any, ReportedState]:
        begun = _like(state.inner, inside.init(params))
        old = tree.select(state.fresh, begun, state.inner)
        updates, new = inside.update(grad, old, params, **extra)
        fresh = state.fresh & _all_zero(grad)
        updates = tree.select(fresh, jax.tree.map(jnp.zeros_like, grad), updates)
        new = tree.select(fresh, old, new)
        rate = jnp.where(fresh, 0.0, rate_of(old, new, updates))
        after = ReportedState(rate, fresh, new)
        return _like(params, updates), _like(state, after)

    return optax.GradientTransformationExtraArgs(init, update)  # type: ignore[arg-type]


def _like(model: Any, found: Any) -> Any:
    """`found` with the types of `model`: a loop carries one type for life."""
    return jax.tree.map(lambda m, f: jnp.asarray(f, m.dtype), model, found)


def _all_zero(grad: Any) -> jax.Array:
    return tree.equal(grad, jax.tree.map(jnp.zeros_like, grad))
