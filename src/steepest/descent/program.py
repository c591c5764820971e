"""The compiled program of the jax engine: it makes many steps and records rows.

Each step evaluates at x_k, judges x_k, and only then moves. So the point that a test
spoke of is the point that is kept, and n steps cost n + 1 evaluations. The outer loop
writes a row; the inner loop makes the steps between two rows with no buffer in it and
no number that only a row needs, which is what lets XLA make one small kernel of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from steepest.core import tree
from steepest.descent import judging
from steepest.descent import rows as rows_of
from steepest.descent.rows import Recorded
from steepest.descent.weights import Spans, is_due, look, next_due, nothing_yet
from steepest.problems.bounds import clip, free_slope, tame
from steepest.problems.objectives import Objective
from steepest.records.state import Cursor, Seen, State, Watch
from steepest.records.stop import Limits, Stop
from steepest.steps.rule import Rule


class Plan(NamedTuple):
    """What a compiled program depends on; the same plan never compiles twice."""

    objective: Objective
    rule: Rule
    capacity: int
    """Rows that one call may record; with 0 it records none and is not cut short."""
    path: bool
    """Whether the params of each row are recorded too."""
    stochastic: bool
    """Whether the batches differ: then no single value can be judged."""
    layers: Spans = ()
    """Where the weight matrices of a network lie, to be looked at."""

    @property
    def backs_off(self) -> bool:
        """Whether an accident sends the run back to its best point.

        A rule that searches takes its own steps back, and a batch has no best point.
        """
        return not (self.stochastic or self.rule.searches)


class Inner(NamedTuple):
    """Carry of the inner loop."""

    state: State
    code: Any
    """() int32: 0 to go on, BACK to go back, else the code of the Stop that holds."""


BACK = -1
"""Code of an accident that the run can come back from."""


# XLA's older emitters compile a loop of small steps in half the time, to the same
# speed: most of what a first run costs is compilation.
QUICK_COMPILE = {"xla_cpu_use_fusion_emitters": False}
RUN_ONCE = {**QUICK_COMPILE, "xla_backend_optimization_level": 0}


def begin(rule: Rule, params: Any, stats: Any, key: Any) -> State:
    """The State before the first step."""
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


start = jax.jit(begin, static_argnums=0, compiler_options=RUN_ONCE)
"""`begin` as a program of its own."""


def make_steps(
    plan: Plan,
    state: State,
    numbers: dict[str, Any],
    limits: Limits,
    batches: Any,
    first: Any,
    steps: Any,
    per_epoch: Any,
) -> tuple[State, Recorded, Any]:
    """Make up to `steps` steps, recording the rows that fall due.

    Args:
        plan: the static part.
        state: where to go on from.
        numbers: the rule's and the objective's numbers, all traced.
        limits: the tolerances, traced where they are not None.
        batches: None, or a tree of arrays with a leading axis of batches.
        first: index of the batch that the first step uses.
        steps: evaluations at most.
        per_epoch: steps that make an epoch, for schedules that count epochs.

    Returns:
        The new state, the rows, and the code of the Stop or 0.
    """
    begin, last = state.step, state.step + steps

    def step(now: Inner) -> Inner:
        batch = _take(batches, first + now.state.step - begin)
        return one_step(plan, numbers, limits, per_epoch, now, batch)

    def on(now: Inner) -> Any:
        return (now.code == 0) & (now.state.step < last)

    def outer(carry: tuple[Inner, Any, Recorded]) -> tuple[Inner, Any, Recorded]:
        then, due, rows = carry
        then = _restart(plan, then, due=due)
        # up to the step of the next row, then that step alone: so both of its ends
        # are known here, and the inner loop need not carry them
        row_at = rows_of.due_from(then.state.step)
        glides = then.state.step < row_at
        until = jnp.minimum(jnp.where(glides, row_at, row_at + 1), last)
        now = jax.lax.while_loop(
            lambda now: (now.code == 0) & (now.state.step < until), step, then
        )
        due = (now.code != 0) | ~glides
        at = tree.select(now.code == 0, then.state.params, now.state.params)
        now = oversee(plan, now, at, due=due)
        if plan.capacity:
            # between two rows only the last step of all is always begun alone
            known = ~glides | (then.state.step == limits.max_steps)
            row = _row(plan, numbers, per_epoch, then.state, now, at, known=known)
            rows = rows_of.write(rows, row, at if plan.path else (), due=due)
        return come_back(plan, now), due, rows

    def more(carry: tuple[Inner, Any, Recorded]) -> Any:
        now, _, rows = carry
        return on(now) & (rows.n < plan.capacity) if plan.capacity else on(now)

    def looks(carry: tuple[Inner, Any, Recorded]) -> tuple[Inner, Any, Recorded]:
        # up to a step that is looked at, or that step alone: both are rows' own
        state = carry[0].state
        alone, until = is_due(state.step), next_due(state.step)
        until = jnp.where(alone, state.step + 1, until)
        now, due, rows = jax.lax.while_loop(
            lambda carry: more(carry) & (carry[0].state.step < until), outer, carry
        )
        rows = _look(plan, rows, state, now, alone=alone)
        return now, due, rows

    path = state.params if plan.path else ()
    rows = rows_of.room(plan.capacity, path, state.watch.best_value.dtype)
    # A stretch may begin between two rows: then the mean goes on where it stood.
    due = rows_of.due_from(begin - 1) == begin - 1
    carry = Inner(state, jnp.zeros((), jnp.int32)), due, rows
    if plan.layers:
        looked = nothing_yet(len(plan.layers), state.watch.best_value.dtype)
        carry = carry[0], due, rows._replace(looked=looked)
    body = looks if plan.layers else outer
    now, _, rows = jax.lax.while_loop(more, body, carry)
    return now.state, rows, now.code


advance = jax.jit(make_steps, static_argnames="plan", compiler_options=QUICK_COMPILE)
"""`make_steps` as a program."""
advance_vector = jax.jit(make_steps, static_argnames="plan")
"""It again, made for many steps over params that are one long vector."""


def one_step(
    plan: Plan,
    numbers: dict[str, Any],
    limits: Limits,
    per_epoch: Any,
    carry: Inner,
    batch: Any,
) -> Inner:
    """Evaluate, judge, move. The only place where parameters move."""
    state, rule, bounds = carry.state, plan.rule, numbers.get("bounds")
    params, watch = state.params, state.watch
    value, stats, grad, value_fn = _evaluate(plan, state, batch, numbers["objective"])
    slope = judging.length(free_slope(grad, params, bounds), params)
    grad = tame(grad, params, bounds)
    sound = jnp.isfinite(value) & jnp.isfinite(slope)
    code = jnp.zeros((), jnp.int32)
    if plan.stochastic:  # the value of one batch proves nothing but an overflow
        watch = watch._replace(total=watch.total + value, values=watch.values + 1)
    else:
        watch = judging.observe(watch, params, value, state.step, sound=sound)
        code, watch = judging.judge(
            watch, limits, value, slope, state.step, searches=rule.searches
        )
    code = _accident(plan, watch, code, state.step, sound=sound)
    updates, opt_state, _ = rule.update(
        grad,
        state.opt_state,
        params,
        numbers=numbers,
        rate=rule.rate(numbers, state.step, state.step // per_epoch),
        value=value,
        value_fn=value_fn,
        key=jax.random.fold_in(state.key, state.step) if rule.optimizer.draws else None,
    )
    moved = jax.tree.map(
        lambda p, u: (p + watch.scale * u).astype(p.dtype), params, updates
    )
    moved = clip(moved, bounds)
    watch = judging.moved_by(watch, limits, params, moved)
    new = State(
        params=tree.select(code == 0, moved, params),
        opt_state=opt_state,
        stats=stats,
        step=state.step + (code == 0),
        key=state.key,
        cursor=state.cursor,  # the loop's: it knows the source
        watch=watch._replace(last=Seen(value, grad)),
    )
    return Inner(new, code)


def _evaluate(
    plan: Plan, state: State, batch: Any, numbers: dict[str, Any]
) -> tuple[Any, Any, Any, Callable[[Any], Any]]:
    """(value, new stats, gradient, value as a function) at the point."""

    def objective(params: Any) -> tuple[Any, Any]:
        return plan.objective(params, state.stats, batch, numbers)

    (value, stats), grad = jax.value_and_grad(objective, has_aux=True)(state.params)
    value = jnp.asarray(value, state.watch.best_value.dtype)
    return value, stats, grad, lambda params: objective(params)[0]


def _accident(plan: Plan, watch: Watch, code: Any, step: Any, *, sound: Any) -> Any:
    """The code, where a number may not be finite."""
    lost = jnp.int32(Stop.NONFINITE.code)
    if plan.backs_off:
        few = watch.scale > 1.5 * judging.SHRINK**judging.BACK_OFFS
        lost = jnp.where(few & (step > 0), BACK, lost)
    elif not plan.stochastic:  # a rule that searches: only a start can be lost
        sound |= step > 0
    return jnp.where(sound, code, lost)


def oversee(plan: Plan, now: Inner, at: Any, *, due: Any) -> Inner:
    """The tests that are asked on rows; where one holds the last move is taken back."""
    if plan.stochastic:
        return now
    state = now.state
    here = state.step - (now.code == 0)
    watch = judging.look_back(state.watch, at, here, due=due)
    rule = plan.rule
    code = judging.oversee(
        watch, at, here, searches=rule.searches, draws=rule.optimizer.draws
    )
    (stops,) = tree.held(due & (now.code == 0) & (code > 0))
    params = tree.select(stops, at, state.params)
    state = state._replace(params=params, step=state.step - stops, watch=watch)
    return Inner(state, jnp.where(stops, code, now.code))


def come_back(plan: Plan, now: Inner) -> Inner:
    """After an accident: to the best point, nothing remembered, a tenth of the step."""
    if not plan.backs_off:
        return now
    state, watch, back = now.state, now.state.watch, now.code == BACK
    fresh = plan.rule.init(watch.best_params)
    scale = jnp.where(back, judging.SHRINK * watch.scale, watch.scale)
    state = state._replace(
        params=tree.select(back, watch.best_params, state.params),
        opt_state=tree.select(back, fresh, state.opt_state),
        step=state.step + back,
        watch=watch._replace(scale=scale),
    )
    return Inner(state, jnp.maximum(now.code, 0))


def _row(
    plan: Plan,
    numbers: dict[str, Any],
    per_epoch: Any,
    then: State,
    now: Inner,
    at: Any,
    *,
    known: Any,
) -> rows_of.Info:
    """What the row of the newest step tells.

    `then` is the State before it; where a stop came between two rows, one of earlier
    steps: then what compares two steps is not `known`.
    """
    state, went = now.state, now.code == 0
    here = state.step - went
    last, before, value = state.watch.last, then.watch.last, state.watch.last.value
    if plan.stochastic:  # the values of two batches say nothing about a step
        value = state.watch.total / state.watch.values
        before = before._replace(value=jnp.full_like(value, jnp.nan))

    def rate(step: Any, opt_state: Any) -> Any:
        shown = plan.rule.rate_shown(numbers, step, step // per_epoch, opt_state)
        return shown * then.watch.scale

    return rows_of.inform(
        here,
        rows_of.Step(before, rate(here - 1, then.opt_state)),
        rows_of.Step(last, rate(here, state.opt_state)),
        at,
        state.params,
        value=value,
        slope=free_slope(last.grad, at, numbers.get("bounds")),
        went=went,
        known=known,
    )


def _look(
    plan: Plan, rows: Recorded, then: State, now: Inner, *, alone: Any
) -> Recorded:
    """What a step alone, or the one at which the run stops, tells of the matrices."""
    state, stops = now.state, now.code != 0
    at = tree.select(stops, state.params, then.params)
    step = jnp.where(stops, state.step, then.step)
    looked = look(
        rows.looked,
        plan.layers,
        state.watch.last.grad,
        at,
        state.params,
        step,
        went=~stops,
        due=stops | alone,
    )
    return rows._replace(looked=looked)


def _restart(plan: Plan, now: Inner, *, due: Any) -> Inner:
    """Ready for the steps up to the next row; after a row the mean begins anew."""
    if not plan.stochastic:
        return now
    watch = now.state.watch
    total, values = jnp.where(due, 0, watch.total), jnp.where(due, 0, watch.values)
    watch = watch._replace(total=total, values=values)
    return now._replace(state=now.state._replace(watch=watch))


def _take(batches: Any, index: Any) -> Any:
    """The batch at an index of the leading axis."""

    def pick(array: Any) -> Any:
        at = index % array.shape[0]
        return jax.lax.dynamic_index_in_dim(array, at, keepdims=False)

    return jax.tree.map(pick, batches)
