"""Backtracking: the rate of a given rule by trial, grown while trials succeed.

Source: Armijo 1966, Pacific J. Math. 16:1; the slow growth and the restart of the
velocity were chosen by measuring on test functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from steepest.core import tree
from steepest.steps.searching import (
    ARMIJO,
    NONFINITE,
    difference,
    like,
    longest,
    moves,
    proposal,
    unit_rate,
)

RISE = 2.0
"""The rate's growth at each success before the first failure."""
GROW = 1.05
"""And after it. Slow: a heavy ball near the longest rate that goes well makes more way
than one that must be stopped again and again."""
HALVE = 0.5
ROUNDING = 64
"""A rise of this many units of the value's rounding may be none: then slopes decide."""


class BacktrackState(NamedTuple):
    """What the rule remembers."""

    learning_rate: jax.Array
    """() of the step just proposed; 0 before the first, and at the end of the road."""
    params: Any
    """The anchor: the last point that was accepted."""
    grad: Any
    """Its gradient."""
    value: jax.Array
    """() its value; inf before there is one."""
    growth: jax.Array
    """() of the rate at the next success."""
    coasts: jax.Array
    """() bool: the step just proposed is more than the gradient's: it has velocity."""
    inner: Any
    """The state of the rule itself, after the step just proposed."""


def backtracking(
    build: Callable[[Any], optax.GradientTransformation],
) -> optax.GradientTransformationExtraArgs:
    """A rule whose rate a is found by trying.

    With u the step of the rule from the anchor x', whose gradient is g': accept where
        f(x' + u) <= f(x') + ARMIJO <g', u>  and  <g', u> < 0
    or, where values differ by rounding alone,
        <g(x' + u), u> <= (2 ARMIJO - 1) <g', u>
    (Hager, Zhang 2005, SIAM J. Optim. 16:170, eq. 4.1: the same test on a parabola)
    and grow a: doubled up to the first failure, by a twentieth from there on. Otherwise
    forget the velocity; if there was none, halve a. Where f or its gradient is not
    finite, do both, a to a tenth. The velocity is also forgotten where it leads uphill.
    At first a g has length 1. For Nesterov's rule f and g are those of the points
    ahead, where it differentiates; they are its params here.

    Args:
        build: rate, a traced number -> an Optax transformation of descent.

    Returns:
        An Optax transformation that must be given `value`, the objective at params.

    >>> rule, x = backtracking(optax.sgd), jnp.array([3.0, -4.0])
    >>> state = rule.init(x)
    >>> for _ in range(50):
    ...     update, state = rule.update(18 * x, state, x, value=9 * jnp.sum(x**2))
    ...     x = x + update
    >>> bool(jnp.sum(x**2) < 1e-6)
    True
    """

    def init(params: Any) -> BacktrackState:
        dtype = jnp.result_type(*jax.tree.leaves(params))
        return BacktrackState(
            jnp.zeros((), dtype),
            params,
            jax.tree.map(jnp.zeros_like, params),
            jnp.full((), jnp.inf, dtype),
            jnp.full((), RISE, dtype),
            jnp.zeros((), bool),
            jax.tree.map(jnp.asarray, build(1.0).init(params)),
        )

    def update(
        grad: Any,
        state: BacktrackState,
        params: Any = None,
        /,
        *,
        value: Any,
        **extra: Any,
    ) -> tuple[Any, BacktrackState]:
        del extra
        sound = jnp.isfinite(value) & jnp.isfinite(tree.norm(grad))
        moved = difference(params, state.params)
        slope, slope_there = tree.dot(state.grad, moved), tree.dot(grad, moved)
        begun = jnp.isfinite(state.value)
        rounding = ROUNDING * jnp.finfo(slope.dtype).eps * jnp.abs(state.value)
        level = value <= state.value + rounding
        level &= slope_there <= (2 * ARMIJO - 1) * slope
        low = (slope < 0) & (level | (value <= state.value + ARMIJO * slope))
        accepted = sound & (low | ~begun)

        anchor = tree.select(accepted, params, state.params)
        grad_there = tree.select(accepted, grad, state.grad)
        share = jnp.where(sound, jnp.where(state.coasts, 1, HALVE), NONFINITE)
        rate = state.learning_rate * jnp.where(accepted, state.growth, share)
        rate = jnp.where(begun, rate, unit_rate(params, grad_there))
        rate = jnp.minimum(rate, longest(rate.dtype) / tree.norm(grad_there))

        rule, fresh = build(rate), build(1.0).init(params)
        plain = rule.update(grad_there, fresh, anchor)
        coasting = rule.update(grad_there, state.inner, anchor)
        downhill = tree.dot(coasting[0], grad_there) < 0
        step, inner = tree.select(accepted & downhill, coasting, plain)
        after = BacktrackState(
            jnp.where(accepted | moves(anchor, step), rate, 0),
            anchor,
            grad_there,
            jnp.where(accepted, value, state.value),
            jnp.where(accepted, state.growth, GROW),
            ~tree.equal(step, plain[0]),
            inner,
        )
        return proposal(params, anchor, step), like(state, after)

    return optax.GradientTransformationExtraArgs(init, update)  # type: ignore[arg-type]
