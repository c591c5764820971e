"""The compiled program of the jax engine: it makes many steps and records rows.

Each step evaluates at x_k, judges x_k, and only then moves. So the point that a test
spoke of is the point that is kept, and n steps cost n + 1 evaluations. The outer loop
writes a row; the inner loop makes the steps between two rows, with no buffer in it,
which is what lets XLA fuse it into one kernel.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from steepest.core import tree
from steepest.descent import judging
from steepest.problems.objectives import Objective
from steepest.records.state import Cursor, State, Watch
from steepest.records.stop import Limits, Stop
from steepest.steps.rule import Rule

EVERY_STEP = 1000
"""Rows are recorded at every step up to this one; later at a growing stride."""


class Plan(NamedTuple):
    """What a compiled program depends on; the same plan never compiles twice."""

    objective: Objective
    rule: Rule
    capacity: int
    """Rows that one call may record."""
    path: bool
    """Whether the params of each row are recorded too."""
    stochastic: bool
    """Whether the batches differ: then no single value can be judged."""


class Info(NamedTuple):
    """What one evaluation and the step after it tell."""

    step: Any
    value: Any
    grad_norm: Any
    update_norm: Any
    param_norm: Any
    learning_rate: Any
    step_quality: Any
    cosine: Any
    finite: Any


class Recorded(NamedTuple):
    """Rows as the program leaves them: the first `n` entries count."""

    n: Any
    step: Any
    """(capacity,) int32"""
    numbers: Any
    """(capacity, fields of Info but the step): one array is one kernel, not many"""
    path: Any


class Inner(NamedTuple):
    """Carry of the inner loop."""

    state: State
    code: Any
    done: Any
    info: Info
    at: Any
    due: Any
    fresh: Any


def stride_at(step: Any) -> Any:
    """Steps between rows: 1 up to EVERY_STEP, then a power of two near step / 128.

    It depends on the step alone, so rows do not depend on how a run is cut up.
    """
    power = 31 - jax.lax.clz(jnp.maximum(step >> 7, 1))
    return jnp.where(step < EVERY_STEP, 1, jnp.int32(1) << power)


def start(rule: Rule, params: Any, stats: Any, key: Any) -> State:
    """The State before the first step."""
    params = jax.tree.map(jnp.asarray, params)
    dtype = jnp.result_type(*jax.tree.leaves(params))
    zero = jnp.zeros((), jnp.int32)
    return State(
        params=params,
        opt_state=rule.init(params),
        stats=stats,
        step=zero,
        key=key,
        cursor=Cursor(zero, zero),
        watch=judging.first_watch(params, dtype),
    )


# XLA's older emitters compile a loop of small steps in half the time, to the same
# speed: most of what a first run costs is compilation.
QUICK_COMPILE = {"xla_cpu_use_fusion_emitters": False}


@functools.partial(jax.jit, static_argnames="plan", compiler_options=QUICK_COMPILE)
def advance(
    plan: Plan,
    state: State,
    numbers: dict[str, Any],
    limits: Limits,
    batches: Any,
    first: Any,
    steps: Any,
    per_epoch: Any,
) -> tuple[State, Recorded, tuple[Any, Any]]:
    """Make up to `steps` steps, recording the rows that fall due.

    Args:
        plan: the static part.
        state: where to go on from.
        numbers: the rule's and the objective's numbers, all traced.
        limits: the tolerances, all traced.
        batches: None, or a tree of arrays with a leading axis of batches.
        first: index of the batch that the first step uses.
        steps: evaluations at most.
        per_epoch: steps that make an epoch, for schedules that count epochs.

    Returns:
        The new state, the rows, and (code of the Stop or 0, evaluations made).
    """
    one = functools.partial(_step, plan, numbers, limits, per_epoch)

    def inner(carry: Inner) -> Inner:
        batch = _take(batches, first + carry.done)
        return one(carry, batch)

    def outer(carry: tuple[Inner, Recorded]) -> tuple[Inner, Recorded]:
        now, rows = carry
        now = now._replace(fresh=jnp.ones((), bool))
        now = jax.lax.while_loop(until_row, inner, now)
        return now, _write(rows, now)

    def until_row(now: Inner) -> Any:
        # `fresh` rather than a first step out of the loop: the step is traced once
        return (now.code == 0) & (now.fresh | ~now.due) & (now.done < steps)

    def more(carry: tuple[Inner, Recorded]) -> Any:
        now, rows = carry
        return (now.code == 0) & (now.done < steps) & (rows.n < plan.capacity)

    now = _first_carry(plan, state)
    now, rows = jax.lax.while_loop(more, outer, (now, _room(plan, now)))
    return now.state, rows, (now.code, now.done)


def _step(
    plan: Plan,
    numbers: dict[str, Any],
    limits: Limits,
    per_epoch: Any,
    carry: Inner,
    batch: Any,
) -> Inner:
    """Evaluate, judge, move. The only place where parameters move."""
    state = carry.state
    here, stats, grad, value_fn = _evaluate(plan, state, batch, numbers["objective"])
    code, watch = _judge(plan, state.watch, limits, state.params, here)
    rate = plan.rule.rate(numbers, state.step, state.step // per_epoch)
    updates, opt_state, rate = plan.rule.update(
        grad,
        state.opt_state,
        state.params,
        numbers=numbers,
        rate=rate,
        value=here.value,
        value_fn=value_fn,
    )
    moved = jax.tree.map(lambda p, u: (p + u).astype(p.dtype), state.params, updates)
    finite = tree.all_finite(moved)
    code = jnp.where((code == 0) & ~finite, jnp.int32(Stop.NONFINITE.code), code)
    go = code == 0
    info = here._replace(
        update_norm=jnp.where(go, tree.norm(updates), jnp.nan),
        learning_rate=jnp.where(go, rate, jnp.nan).astype(here.value.dtype),
        step_quality=_quality(plan, watch, here.value),
        cosine=_cosine(watch.last_grad, grad, here.grad_norm),
        finite=finite & here.finite,
    )
    watch, info = _remember(plan, watch, info, grad, carry)
    watch = watch._replace(
        still=jnp.where(judging.stands_still(updates, moved), watch.still + 1, 0)
    )
    new = State(
        params=tree.select(go, moved, state.params),
        opt_state=tree.select(go, opt_state, state.opt_state),
        stats=tree.select(go, stats, state.stats),
        step=state.step + go,
        key=state.key,
        cursor=state.cursor,  # the loop's: it knows the source
        watch=watch,
    )
    due = (state.step % stride_at(state.step) == 0) | ~go
    at = state.params if plan.path else ()
    return Inner(new, code, carry.done + 1, info, at, due, jnp.zeros((), bool))


def _evaluate(
    plan: Plan, state: State, batch: Any, numbers: dict[str, Any]
) -> tuple[Info, Any, Any, Callable[[Any], Any]]:
    """Value and gradient at the point, and what they tell at once."""

    def objective(params: Any) -> tuple[Any, Any]:
        return plan.objective(params, state.stats, batch, numbers)

    (value, stats), grad = jax.value_and_grad(objective, has_aux=True)(state.params)
    dtype = state.watch.best_value.dtype
    value = jnp.asarray(value, dtype)
    info = _no_info(dtype)._replace(
        step=state.step,
        value=value,
        grad_norm=tree.norm(grad).astype(dtype),
        param_norm=tree.norm(state.params).astype(dtype),
        finite=jnp.isfinite(value),
    )
    return info, stats, grad, lambda params: objective(params)[0]


def _judge(
    plan: Plan, watch: Watch, limits: Limits, params: Any, here: Info
) -> tuple[Any, Watch]:
    """The code of the Stop that holds here, and the Watch after this evaluation."""
    finite = jnp.isfinite(here.value) & jnp.isfinite(here.grad_norm)
    if plan.stochastic:  # the value of one batch proves nothing but an overflow
        return jnp.where(finite, 0, jnp.int32(Stop.NONFINITE.code)), watch
    watch = judging.observe(watch, params, here.value, here.grad_norm, here.step)
    return judging.judge(watch, limits, here)


def _remember(
    plan: Plan, watch: Watch, info: Info, grad: Any, carry: Inner
) -> tuple[Watch, Info]:
    """Keep what the next step compares with; on batches, report the running mean."""
    watch = watch._replace(
        last_value=info.value,
        last_grad=grad,
        last_learning_rate=info.learning_rate,
        last_update_norm=info.update_norm,
    )
    if not plan.stochastic:
        return watch, info
    values = jnp.where(carry.due, 0, watch.values) + 1
    total = jnp.where(carry.due, 0, watch.total) + info.value
    watch = watch._replace(total=total, values=values)
    return watch, info._replace(value=total / values)


def _quality(plan: Plan, watch: Watch, value: Any) -> Any:
    """(f before - f here) / (rate |g before|^2); unknown where batches differ."""
    if plan.stochastic:
        return jnp.full_like(value, jnp.nan)
    promised = watch.last_learning_rate * tree.dot(watch.last_grad, watch.last_grad)
    kept = (watch.last_value - value) / promised
    return jnp.where(jnp.isfinite(kept), kept, jnp.nan)


def _cosine(last_grad: Any, grad: Any, grad_norm: Any) -> Any:
    lengths = tree.norm(last_grad) * grad_norm
    return jnp.where(lengths > 0, tree.dot(last_grad, grad) / lengths, jnp.nan)


def _take(batches: Any, index: Any) -> Any:
    """The batch at an index of the leading axis."""

    def pick(array: Any) -> Any:
        at = index % array.shape[0]
        return jax.lax.dynamic_index_in_dim(array, at, keepdims=False)

    return jax.tree.map(pick, batches)


def _no_info(dtype: Any) -> Info:
    nan = jnp.full((), jnp.nan, dtype)
    step, true = jnp.zeros((), jnp.int32), jnp.ones((), bool)
    return Info(step, nan, nan, nan, nan, nan, nan, nan, true)


def _first_carry(plan: Plan, state: State) -> Inner:
    zero = jnp.zeros((), jnp.int32)
    # A stretch may begin between two rows: then the mean goes on where it stood.
    before = jnp.maximum(state.step - 1, 0)
    due = (before % stride_at(before) == 0) | (state.step == 0)
    info = _no_info(state.watch.best_value.dtype)
    at = state.params if plan.path else ()
    return Inner(state, zero, zero, info, at, due, jnp.ones((), bool))


def _room(plan: Plan, carry: Inner) -> Recorded:
    def room(leaf: Any) -> Any:
        return jnp.zeros((plan.capacity, *jnp.shape(leaf)), jnp.result_type(leaf))

    step, numbers, path = jax.tree.map(room, (*_split(carry.info), carry.at))
    return Recorded(jnp.zeros((), jnp.int32), step, numbers, path)


def _write(rows: Recorded, now: Inner) -> Recorded:
    """Put the row where it belongs; one that is not due is overwritten by the next."""

    def put(room: Any, leaf: Any) -> Any:
        return jax.lax.dynamic_update_index_in_dim(room, leaf, rows.n, 0)

    rooms = (rows.step, rows.numbers, rows.path)
    step, numbers, path = jax.tree.map(put, rooms, (*_split(now.info), now.at))
    return Recorded(rows.n + now.due, step, numbers, path)


def _split(info: Info) -> tuple[Any, Any]:
    """An Info as its step and a vector of its other fields."""
    dtype = info.value.dtype
    return info.step, jnp.stack([jnp.asarray(x, dtype) for x in info[1:]])
