"""The stop tests of one step: pure arithmetic on what the Watch remembers."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from steepest.core import tree
from steepest.records.state import Seen, Watch
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
"""Rows in a row within a few units of rounding that count as standing still."""
STALE = 300
"""Trials without a new best that end a search: healthy ones go without for about 30.
At a kink, a jump or the edge of a domain they leap for ever while the anchor rests."""
BACK_OFFS = 4
"""How often a run may go back to its best point, each time with a tenth of the step."""
SHRINK = 0.1


def first_watch(params: Any, dtype: Any) -> Watch:
    """What is remembered before the first evaluation."""
    inf, nan = jnp.full((), jnp.inf, dtype), jnp.full((), jnp.nan, dtype)
    zero = jnp.zeros((), jnp.int32)
    return Watch(
        best_params=params,
        best_value=inf,
        best_step=zero,
        first_value=nan,
        last=Seen(nan, jax.tree.map(jnp.zeros_like, params)),
        last_row=jax.tree.map(lambda leaf: jnp.full_like(leaf, jnp.nan), params),
        peak=nan,
        rises=zero,
        still=zero,
        flats=zero,
        shorts=zero,
        scale=jnp.ones((), dtype),
        total=jnp.zeros((), dtype),
        values=zero,
        rounding=jnp.full((), 8 * jnp.finfo(dtype).eps, dtype),
    )


def length(slope: Any, params: Any) -> Any:
    """The norm of a gradient; nan where the params it belongs to are not finite.

    A function may be finite where its params are not, such as tanh at infinity.
    """
    both = zip(jax.tree.leaves(slope), jax.tree.leaves(params), strict=True)
    return jnp.sqrt(sum(jnp.sum(g * g + 0 * p) for g, p in both))


def observe(watch: Watch, params: Any, value: Any, step: Any, *, sound: Any) -> Watch:
    """The Watch after an evaluation: the best point so far."""
    better = jax.lax.optimization_barrier(sound & (value < watch.best_value))
    return watch._replace(
        best_params=tree.select(better, params, watch.best_params),
        best_value=jnp.where(better, value, watch.best_value),
        best_step=jnp.where(better, step, watch.best_step),
    )


def judge(
    watch: Watch,
    limits: Limits,
    value: Any,
    slope: Any,
    step: Any,
    *,
    searches: bool = False,
) -> tuple[jax.Array, Watch]:
    """The code of the first limit that is met (0: go on), and the Watch.

    Asked at every step: tolerances first, budgets last. A limit that is None is not
    asked at all.

    Args:
        watch: after `observe`, its `last` still the evaluation before.
        limits: the tolerances.
        value: the objective at the point.
        slope: the norm of its gradient, with bounds of the projected one.
        step: updates made before.
        searches: whether the rule tries points: then a small gradient counts at the
            best of them alone, since a trial that is too high is taken back. The best
            is always finite.
    """
    tests = []
    if limits.target is not None:
        tests.append((Stop.TARGET, (value <= limits.target) & (value > -jnp.inf)))
    if limits.gtol is not None:
        small = slope <= limits.gtol
        if searches:  # a value of -inf is no nearer to the best than one of inf
            small &= jnp.abs(value - watch.best_value) <= noise(watch)
        tests.append((Stop.GRADIENT_SMALL, small))
    if limits.ftol is not None:
        change = jnp.abs(watch.last.value - value)
        flat = (step > 0) & (change <= limits.ftol * jnp.maximum(1, jnp.abs(value)))
        watch = watch._replace(flats=jnp.where(flat, watch.flats + 1, 0))
        tests.append((Stop.VALUE_FLAT, watch.flats >= CALM))
    if limits.xtol is not None:
        tests.append((Stop.STEP_SMALL, watch.shorts >= CALM))
    if limits.patience is not None:
        tests.append((Stop.PATIENCE, step - watch.best_step >= limits.patience))
    tests.append((Stop.MAX_STEPS, step >= limits.max_steps))
    return _first(tests), watch


def moved_by(watch: Watch, limits: Limits, params: Any, moved: Any) -> Watch:
    """The Watch after a step from params to moved."""
    if limits.xtol is None:
        return watch
    stride = tree.norm(jax.tree.map(jnp.subtract, moved, params))
    short = stride <= limits.xtol * jnp.maximum(1, tree.norm(params))
    return watch._replace(shorts=jnp.where(short, watch.shorts + 1, 0))


def look_back(watch: Watch, at: Any, step: Any, *, due: Any) -> Watch:
    """The Watch after a row: the highest climb, and how long nothing has moved."""
    value, begins = watch.last.value, step == 0
    first = jnp.where(begins, value, watch.first_value)
    top = jnp.where(begins, value, watch.peak)
    best = watch.best_value
    rose = jnp.isfinite(value) & (step > 0)
    rose &= value - best > 2 * (top - best) + 1e-6 * (1 + jnp.abs(first))
    rests = stands_still(watch.last_row, at)
    seen = watch._replace(
        first_value=first,
        peak=jnp.where(rose, value, top),
        rises=watch.rises + rose,
        still=jnp.where(rests, watch.still + 1, 0),
        last_row=at,
    )
    return tree.select(due, seen, watch)


def oversee(
    watch: Watch, at: Any, step: Any, *, searches: bool, draws: bool = False
) -> jax.Array:
    """The code of what shows in the long run: divergence, or the end of precision.

    Asked on rows, after `look_back`.

    Args:
        watch: what has been seen.
        at: the point of the row.
        step: its number.
        searches: whether the rule takes bad steps back by itself: then the height of
            its trials proves nothing, and many without a new best prove an end.
        draws: whether it draws its trials, and may wander for ever.
    """
    value, start = watch.last.value, jnp.abs(watch.first_value)
    height = jnp.maximum(start, watch.first_value - watch.best_value) + 1e-6
    climbed = value - watch.best_value > CLIMB * height
    sinks = value < -BOTTOMLESS * (1 + start)
    rests = watch.still >= STILL
    if searches and not draws:
        rests |= (step - watch.best_step >= STALE) & ~(value < watch.best_value)
    tests = [
        (Stop.DIVERGED, sinks & (tree.norm(at) > FAR)),
        (Stop.PRECISION, rests),
    ]
    if not searches:
        tests.insert(0, (Stop.DIVERGED, (watch.rises >= RISES) & climbed))
    return _first(tests)


def stands_still(before: Any, now: Any) -> jax.Array:
    """Whether no parameter differs by more than a few units of its rounding.

    >>> bool(stands_still(jnp.ones(2), jnp.ones(2)))
    True
    """

    def leaf(old: Any, new: Any) -> Any:
        unit = 4 * jnp.finfo(new.dtype).eps
        return jnp.all(jnp.abs(new - old) <= unit * jnp.abs(new))

    return jnp.all(jnp.stack(jax.tree.leaves(jax.tree.map(leaf, before, now))))


def noise(watch: Watch) -> Any:
    """What rounding alone may add to the best value."""
    scale = jnp.fmax(jnp.abs(watch.first_value), jnp.abs(watch.best_value))
    return watch.rounding * scale


def _first(tests: list[tuple[Stop, Any]]) -> jax.Array:
    """The code of the first test that holds, 0 where none does."""
    code = jnp.zeros((), jnp.int32)
    for stop, holds in reversed(tests):
        code = jnp.where(holds, jnp.int32(stop.code), code)
    return code
