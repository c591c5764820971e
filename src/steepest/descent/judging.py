"""The stop tests of one step: pure arithmetic on what the Watch remembers."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from steepest.core import tree
from steepest.records.state import Watch
from steepest.records.stop import Limits, Stop

RISES = 5
"""Doublings of the highest climb that divergence needs. A heavy ball cannot climb above
its starting energy and a normalised step adds a bounded length, so a healthy run makes
a few; a rate beyond 2 / curvature makes one every few steps for ever."""
CLIMB = 1e3
"""How far above the best value divergence is, in units of the start's own height."""
BOTTOMLESS = 1e20
"""A value this far below the start, relative to it, has no minimum."""
FAR = 1e6
"""And its params this far from 0: a deep well near the start is no abyss."""
CALM = 2
"""Steps in a row that a flat value or a short step must be seen on: one alone may be a
rule's first probe, or a leap to the same height across a valley."""
STILL = 20
"""Steps in a row within a few units of rounding that count as standing still."""


def first_watch(params: Any, dtype: Any) -> Watch:
    """What is remembered before the first evaluation."""
    inf, nan = jnp.full((), jnp.inf, dtype), jnp.full((), jnp.nan, dtype)
    return Watch(
        best_params=params,
        best_value=inf,
        best_grad_norm=nan,
        best_step=jnp.zeros((), jnp.int32),
        first_value=nan,
        last_value=nan,
        last_grad=jax.tree.map(jnp.zeros_like, params),
        last_learning_rate=nan,
        last_update_norm=nan,
        peak=nan,
        rises=jnp.zeros((), jnp.int32),
        still=jnp.zeros((), jnp.int32),
        flats=jnp.zeros((), jnp.int32),
        shorts=jnp.zeros((), jnp.int32),
        total=jnp.zeros((), dtype),
        values=jnp.zeros((), jnp.int32),
    )


def observe(watch: Watch, params: Any, value: Any, grad_norm: Any, step: Any) -> Watch:
    """The Watch after an evaluation: the best point and the highest climb."""
    finite = jnp.isfinite(value) & jnp.isfinite(grad_norm)
    better = finite & (value < watch.best_value)
    first = jnp.where(step == 0, value, watch.first_value)
    best = jnp.where(better, value, watch.best_value)
    top = jnp.where(step == 0, value, watch.peak)
    noise = 1e-6 * (1 + jnp.abs(first))
    rose = (step > 0) & (value - best > 2 * (top - best) + noise)
    return watch._replace(
        best_params=tree.select(better, params, watch.best_params),
        best_value=best,
        best_grad_norm=jnp.where(better, grad_norm, watch.best_grad_norm),
        best_step=jnp.where(better, step, watch.best_step),
        first_value=first,
        peak=jnp.where(rose & finite, value, top),
        rises=watch.rises + rose,
    )


def judge(watch: Watch, limits: Limits, here: Any) -> tuple[jax.Array, Watch]:
    """The code of the first test that holds (0: go on), and the Watch with its counts.

    Accidents are asked first, tolerances next, budgets last.
    """
    value, grad_norm, step = here.value, here.grad_norm, here.step
    change = jnp.abs(watch.last_value - value)
    start = jnp.abs(watch.first_value)
    height = jnp.maximum(start, watch.first_value - watch.best_value) + 1e-6
    climbed = value - watch.best_value > CLIMB * height
    moved = step > 0
    flat = moved & (change <= limits.ftol * jnp.maximum(1, jnp.abs(value)))
    longest = limits.xtol * jnp.maximum(1, here.param_norm)
    short = moved & (watch.last_update_norm <= longest)
    watch = watch._replace(
        flats=jnp.where(flat, watch.flats + 1, 0),
        shorts=jnp.where(short, watch.shorts + 1, 0),
    )
    tests = (
        (Stop.NONFINITE, ~(jnp.isfinite(value) & jnp.isfinite(grad_norm))),
        (Stop.DIVERGED, (watch.rises >= RISES) & climbed),
        (Stop.DIVERGED, (value < -BOTTOMLESS * (1 + start)) & (here.param_norm > FAR)),
        (Stop.TARGET, value <= limits.target),
        (Stop.GRADIENT_SMALL, grad_norm <= limits.gtol),
        (Stop.VALUE_FLAT, watch.flats >= CALM),
        (Stop.STEP_SMALL, watch.shorts >= CALM),
        (Stop.PRECISION, watch.still >= STILL),
        (Stop.PATIENCE, step - watch.best_step >= limits.patience),
        (Stop.MAX_STEPS, step >= limits.max_steps),
    )
    code = jnp.zeros((), jnp.int32)
    for stop, holds in reversed(tests):
        code = jnp.where(holds, jnp.int32(stop.code), code)
    return code, watch


def stands_still(updates: Any, params: Any) -> jax.Array:
    """Whether no parameter moves by more than a few units of its rounding."""

    def leaf(update: Any, param: Any) -> Any:
        unit = 4 * jnp.finfo(param.dtype).eps
        return jnp.all(jnp.abs(update) <= unit * jnp.abs(param))

    parts = jax.tree.leaves(jax.tree.map(leaf, updates, params))
    return jnp.all(jnp.stack(parts))
