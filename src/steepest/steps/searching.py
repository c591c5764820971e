"""Steps that are trials: what the rules that may take a step back have in common.

Every step is one evaluation. The point that was just evaluated becomes the new anchor,
or it is taken back and a shorter step is tried from the old one. A rule that can go no
further proposes updates of exactly 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from steepest.core import tree

ARMIJO = 1e-4
"""Share of the decrease promised by the slope that a step must keep."""
MEMORY = 10
"""Accepted values that a step may not exceed: the path may rise within them."""
NONFINITE = 0.1
"""What remains of a step to where the value or its gradient is not finite."""
SHRINK = (0.1, 0.5)
"""Between these a step is shortened to where a parabola has its minimum."""


class Pace(NamedTuple):
    """How a rule finds its rates. Its memory is a tree of float arrays."""

    begin: Callable[[Any], Any]
    """dtype -> the memory before the first step."""
    first: Callable[[Any, Any], Any]
    """(params, grad) -> the rate of the first step; 0 where grad is 0."""
    after: Callable[[Any, Any, Any, Any], tuple[Any, Any]]
    """(memory, rate, change of params, change of grad) -> (next rate, memory), asked
    after a step that was accepted."""
    shortened: Callable[[Any], Any] = lambda memory: memory
    """The memory after a step that was taken back."""


class SearchState(NamedTuple):
    """What the rule remembers."""

    learning_rate: jax.Array
    """() of the step just proposed; 0 before the first, and at the end of the road."""
    params: Any
    """The anchor: the last point that was accepted."""
    grad: Any
    """Its gradient."""
    values: jax.Array
    """(MEMORY,) the values accepted last, newest first; -inf where there were none."""
    memory: Any


def searching(pace: Pace) -> optax.GradientTransformationExtraArgs:
    """Steepest descent at the rates of `pace`, guarded by values.

    With s the step tried from the anchor x', whose gradient is g': accept where
        f(x' + s) <= max(last accepted values) + ARMIJO <g', s>
    Otherwise s is shortened to the minimum of the parabola through f(x'), its slope and
    f(x' + s); to a tenth where f or its gradient is not finite.

    Args:
        pace: how the rates are found.

    Returns:
        An Optax transformation that must be given `value`, the objective at params.

    Source: Grippo, Lampariello, Lucidi 1986, SIAM J. Numer. Anal. 23:707.
    """

    def init(params: Any) -> SearchState:
        dtype = jnp.result_type(*jax.tree.leaves(params))
        return SearchState(
            jnp.zeros((), dtype),
            params,
            jax.tree.map(jnp.zeros_like, params),
            jnp.full((MEMORY,), -jnp.inf, dtype),
            pace.begin(dtype),
        )

    def update(
        grad: Any,
        state: SearchState,
        params: Any = None,
        /,
        *,
        value: Any,
        **extra: Any,
    ) -> tuple[Any, SearchState]:
        del extra
        old, size = state.learning_rate, tree.norm(grad)
        moved = difference(params, state.params)
        slope = tree.dot(state.grad, moved)
        begun = jnp.isfinite(state.values[0])
        sound = jnp.isfinite(value) & jnp.isfinite(size)
        low = value <= jnp.max(state.values) + ARMIJO * slope
        accepted = sound & (low | ~begun)

        turned = difference(grad, state.grad)
        rate, memory = pace.after(state.memory, old, moved, turned)
        rate = jnp.where(begun, rate, pace.first(params, grad))
        rate = jnp.minimum(rate, longest(old.dtype) / size)
        rise = value - state.values[0] - slope
        rate = jnp.where(accepted, rate, old * _shrink(slope, rise, sound=sound))

        anchor = tree.select(accepted, params, state.params)
        grad = tree.select(accepted, grad, state.grad)
        step = jax.tree.map(lambda g: -rate * g, grad)
        values = jnp.concatenate([jnp.reshape(value, 1), state.values[:-1]])
        after = SearchState(
            jnp.where(accepted | moves(anchor, step), rate, 0),
            anchor,
            grad,
            jnp.where(accepted, values, state.values),
            tree.select(accepted, memory, pace.shortened(state.memory)),
        )
        return proposal(params, anchor, step), like(state, after)

    return optax.GradientTransformationExtraArgs(init, update)  # type: ignore[arg-type]


def difference(a: Any, b: Any) -> Any:
    """The tree of a - b."""
    return jax.tree.map(jnp.subtract, a, b)


def longest(dtype: Any) -> float:
    """The length of the longest step: from where squares overflow no way leads back."""
    return 1e-4 * float(jnp.finfo(dtype).max) ** 0.5


def unit_rate(params: Any, grad: Any) -> jax.Array:
    """The rate of a first step of length 1, or of one that params of their size feel.

    Args:
        params: a tree of arrays.
        grad: the gradient there; where it is 0 the rate is 0.

    >>> float(unit_rate(jnp.array(2.0), jnp.array(-4.0)))
    0.25
    """
    size = tree.norm(grad)
    felt = jnp.finfo(size.dtype).eps ** 0.5 * tree.norm(params)
    return jnp.where(size > 0, jnp.maximum(1, felt) / size, 0)


def moves(anchor: Any, step: Any) -> jax.Array:
    """Whether the step is long enough to change a single number of the anchor."""
    return ~tree.equal(jax.tree.map(jnp.add, anchor, step), anchor)


def proposal(params: Any, anchor: Any, step: Any) -> Any:
    """The updates that lead from params to anchor + step.

    In this order the updates are `step` exactly where params are the anchor.
    """
    updates = jax.tree.map(lambda p, a, s: (a - p) + s, params, anchor, step)
    return like(params, updates)


def like(model: Any, found: Any) -> Any:
    """`found` with the types of `model`: a loop carries one type for life."""
    return jax.tree.map(lambda m, f: jnp.asarray(f, m.dtype), model, found)


def _shrink(slope: Any, rise: Any, *, sound: Any) -> jax.Array:
    """What remains of a step that was taken back; `rise` is above the tangent."""
    share = jnp.clip(jnp.where(rise > 0, -slope / (2 * rise), 0.5), *SHRINK)
    return jnp.where(sound, share, NONFINITE)
