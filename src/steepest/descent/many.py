"""Many runs of one function at once: lanes of a compiled pool, always kept busy.

A pool holds a few hundred lanes, each a run of its own, advanced together by `vmap`.
A run that ends gives its lane to the next that waits, so nobody waits for the slowest
and one small program serves any number of runs.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from steepest.core import tree
from steepest.descent import judging, program
from steepest.descent.jax_engine import JaxEngine
from steepest.descent.pace import Pace
from steepest.descent.program import Inner, Plan, come_back, one_step, oversee
from steepest.descent.rows import due_from
from steepest.descent.signals import listening
from steepest.descent.sources import ENDLESS
from steepest.problems.bounds import free_slope
from steepest.records.state import State
from steepest.records.stop import Limits, Stop, Stopping
from steepest.steps.rule import Rule

LANES = 256
"""Runs in the pool: more of them gain nothing, and their numbers leave the cache."""
MEMORY = 1 << 22
"""Numbers that the states of all lanes may hold together: fewer lanes where each run
needs many, such as the matrix of dense BFGS."""
ROUND = 4
"""Steps between two looks for runs that have ended."""


_IDLE = -1
"""Code of a lane that makes no run."""
_RESTING = [s.code for s in Stop if s.converged or s is Stop.PRECISION]


class Ends(NamedTuple):
    """Where the runs ended: each column has one entry a run, in the order of starts."""

    params: Any
    """A tree of (n, ...): the points returned, by the choice a single run makes."""
    value: Any
    """(n,) the objective there, in the user's own sign."""
    grad_norm: Any
    """(n,) the gradient's norm there; with bounds of the projected gradient."""
    best_step: Any
    """(n,) the step that the point was reached at."""
    steps: Any
    """(n,) updates made."""
    code: Any
    """(n,) code of the Stop; 0 for a run that a budget of the whole never let begin."""


class Progress(NamedTuple):
    """What a watcher is told after each stretch."""

    ended: int
    """Runs that are over."""
    best: float
    """The best value among them; nan before the first."""


class _Pool(NamedTuple):
    """What the compiled rounds carry."""

    states: State
    """The State of each lane."""
    runs: Any
    """(lanes,) int32: which run a lane makes; the number of places for none."""
    following: Any
    """() int32: the run that begins next."""
    ends: Ends


def descend_many(
    engine: JaxEngine,
    starts: Any,
    keys: Any,
    stopping: Stopping,
    *,
    room: int = 0,
    tell: Callable[[Progress], None] | None = None,
) -> Ends:
    """Make every run, each as `descend` would alone, up to rounding.

    Args:
        engine: of a function; its path is not recorded.
        starts: a tree of arrays (n, ...): where each run begins.
        keys: (n, 2) uint32: randomness of each run, for rules that draw.
        stopping: `max_steps` and tolerances hold for each run, `max_seconds` for all
            together; those it cuts return their best point so far.
        room: compile for so many runs at least: waves of several sizes share a program.
        tell: called after each stretch of about 50 ms; what it raises ends the work.

    Returns:
        Where the runs ended, as NumPy arrays. Ctrl-C ends them like `max_seconds`.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(engine.scope())
        interrupted = stack.enter_context(listening())
        crowds = _crowds(engine, starts, keys, room)
        workers = stack.enter_context(ThreadPoolExecutor(len(crowds)))
        began, pace, per_round, cut = time.perf_counter(), Pace(), 0.0, None
        while any(crowd.busy for crowd in crowds) and cut is None:
            since = time.perf_counter()
            rounds = pace.within(stopping, since - began, per_round)
            if per_round > 0:
                done = max(workers.map(lambda crowd: crowd.work(rounds), crowds))  # noqa: B023
            else:  # the others wait: it compiles for all
                done = crowds[0].work(1)
            per_round = (time.perf_counter() - since) / max(done, 1)
            pace.learn(done, time.perf_counter() - since)
            if tell is not None:
                tell(_progress(crowds))
            cut = _cause(
                stopping, time.perf_counter() - began, interrupted=interrupted()
            )
        parts = [crowd.end(cut) for crowd in crowds]
        return jax.tree.map(lambda *columns: np.concatenate(columns), *parts)


def _crowds(engine: JaxEngine, starts: Any, keys: Any, room: int) -> list[_Crowd]:
    """The runs in equal parts, one for each core; none smaller than a full pool."""
    n = len(keys)
    parts = max(1, min(os.cpu_count() or 1, n // LANES))
    cuts = [n * part // parts for part in range(parts + 1)]
    runs = [slice(*pair) for pair in itertools.pairwise(cuts)]
    # a few sizes only, so that another n finds its program compiled
    places = 1 << (max(-(-n // parts), room) - 1).bit_length()

    def take(part: slice) -> Any:
        return jax.tree.map(lambda leaf: leaf[part], starts)

    return [_Crowd(engine, take(part), keys[part], places) for part in runs]


def _progress(crowds: list[_Crowd]) -> Progress:
    """How far the work is."""
    done = [crowd.progress() for crowd in crowds]
    best = np.fmin if crowds[0].sign > 0 else np.fmax
    return Progress(
        sum(part.ended for part in done),
        float(best.reduce([part.best for part in done])),
    )


def _cause(stopping: Stopping, elapsed: float, *, interrupted: bool) -> Stop | None:
    if interrupted:
        return Stop.INTERRUPTED
    most = stopping.max_seconds
    return Stop.MAX_SECONDS if most is not None and elapsed >= most else None


class _Crowd:
    """The pool as the host sees it."""

    def __init__(self, engine: JaxEngine, starts: Any, keys: Any, places: int) -> None:
        self.n, self.scope = len(keys), engine.scope
        self.plan = Plan(engine.objective, engine.rule, 0, False, False)
        self.starts = jax.tree.map(
            lambda leaf: _fill(np.asarray(leaf, engine.precision), places), starts
        )
        self.keys = _fill(np.asarray(keys), places)
        self.numbers, self.limits = engine.numbers, engine.limits
        self.sign = engine.objective.sign
        self.busy = True
        leaves, shape = jax.tree.flatten(self.starts)
        sizes = tuple(leaf.shape[1:] for leaf in leaves)
        lanes = min(places, _lanes(engine.rule, shape, sizes))
        self.pool = _open(self.plan, self.starts, self.keys, self.n, lanes)

    def work(self, rounds: int) -> int:
        """Make some rounds; how many were made."""
        if not self.busy:
            return 0
        with self.scope():  # of this thread
            self.pool, left, made = _work(
                self.plan,
                self.pool,
                self.starts,
                self.keys,
                self.numbers,
                self.limits,
                self.n,
                rounds,
            )
        self.busy = bool(left)
        return int(made)

    def progress(self) -> Progress:
        """How far the work is."""
        code, value = jax.device_get((self.pool.ends.code, self.pool.ends.value))
        values = value[(code > 0) & np.isfinite(value)]
        best = self.sign * values.min() if len(values) else np.nan
        return Progress(int(np.sum(code > 0)), float(best))

    def end(self, cut: Stop | None) -> Ends:
        """All ends, those of the runs that were cut among them."""
        ends = self.pool.ends
        if self.busy and cut is not None:
            ends = _cut(self.pool, cut.code)
        slopes = _slopes(self.plan, self.numbers, ends.params)
        found = jax.device_get(ends._replace(grad_norm=slopes))
        found = jax.tree.map(lambda leaf: np.array(leaf[: self.n]), found)
        return found._replace(value=self.sign * found.value)


def _fill(array: Any, places: int) -> Any:
    """The array with its last entry repeated up to a number of places."""
    missing = places - len(array)
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)])


@functools.lru_cache(maxsize=128)
def _lanes(rule: Rule, shape: Any, sizes: tuple[tuple[int, ...], ...]) -> int:
    """How many lanes fit in MEMORY, for params of some tree and shapes."""
    leaves = [jax.ShapeDtypeStruct(size, float) for size in sizes]
    kept = jax.eval_shape(rule.init, jax.tree.unflatten(shape, leaves))
    size = tree.size(kept) + 5 * tree.size(leaves)
    return int(np.clip(1 << (MEMORY // max(size, 1)).bit_length() - 1, 1, LANES))


@functools.partial(
    jax.jit, static_argnames=("plan", "lanes"), compiler_options=program.RUN_ONCE
)
def _open(plan: Plan, starts: Any, keys: Any, n: Any, lanes: int) -> _Pool:
    """The pool before the first round."""
    places = len(keys)
    runs = jnp.arange(lanes, dtype=jnp.int32)
    value = jnp.full(places, jnp.inf, jnp.result_type(*jax.tree.leaves(starts)))
    zeros = jnp.zeros(places, jnp.int32)
    return _Pool(
        states=_begin(plan, starts, keys, runs),
        runs=jnp.where(runs < n, runs, places),
        following=jnp.int32(lanes),
        ends=Ends(starts, value, value, zeros, zeros, zeros),
    )


def _begin(plan: Plan, starts: Any, keys: Any, runs: Any) -> State:
    """The first States of some runs."""
    at, drawn = jax.tree.map(lambda leaf: leaf[runs], (starts, keys))
    return jax.vmap(lambda x, key: program.begin(plan.rule, x, None, key))(at, drawn)


@functools.partial(
    jax.jit, static_argnames="plan", compiler_options=program.QUICK_COMPILE
)
def _work(
    plan: Plan,
    pool: _Pool,
    starts: Any,
    keys: Any,
    numbers: dict[str, Any],
    limits: Limits,
    n: Any,
    rounds: Any,
) -> tuple[_Pool, Any, Any]:
    """Up to `rounds` rounds; (the pool, whether runs are left, rounds made)."""
    places = len(keys)

    def lane(state: State, code: Any) -> tuple[State, Any]:
        now = _once(plan, numbers, limits, state)
        # once, not anew for every number that it chooses
        on = jax.lax.optimization_barrier(code == 0)
        # what the rule remembers is of no use after the end: it may be anything
        kept = state._replace(opt_state=now.state.opt_state)
        return tree.select(on, now.state, kept), jnp.where(on, now.code, code)

    def move(_: Any, carry: tuple[State, Any]) -> tuple[State, Any]:
        return jax.vmap(lane)(*carry)

    def hand_over(pool: _Pool, codes: Any) -> _Pool:
        over = codes > 0
        ends = _write(pool, over, codes)
        following = pool.following + jnp.cumsum(over, dtype=jnp.int32) - over
        runs = jnp.where(following < n, following, places)
        fresh = _begin(plan, starts, keys, jnp.minimum(runs, places - 1))
        states = jax.vmap(tree.select)(over, fresh, pool.states)
        runs = jnp.where(over, runs, pool.runs)
        return _Pool(
            states, runs, pool.following + jnp.sum(over, dtype=jnp.int32), ends
        )

    def step(carry: tuple[_Pool, Any]) -> tuple[_Pool, Any]:
        pool, made = carry
        idle = jnp.where(pool.runs < places, 0, _IDLE)
        states, codes = jax.lax.fori_loop(0, ROUND, move, (pool.states, idle))
        pool = pool._replace(states=states)
        pool = jax.lax.cond(
            jnp.any(codes > 0), hand_over, lambda pool, _: pool, pool, codes
        )
        return pool, made + 1

    def more(carry: tuple[_Pool, Any]) -> Any:
        pool, made = carry
        return (made < rounds) & jnp.any(pool.runs < places)

    pool, made = jax.lax.while_loop(more, step, (pool, jnp.int32(0)))
    return pool, jnp.any(pool.runs < places), made


def _once(plan: Plan, numbers: dict[str, Any], limits: Limits, state: State) -> Inner:
    """One step as `program.advance` makes it, without its rows and inner loops.

    Lanes stand at different steps, and a loop within a loop would let all of them wait.
    """
    now = one_step(plan, numbers, limits, ENDLESS, Inner(state, jnp.int32(0)), None)
    due = (now.code != 0) | (due_from(state.step) == state.step)
    return come_back(plan, oversee(plan, now, state.params, due=due))


@jax.jit
def _cut(pool: _Pool, code: Any) -> Ends:
    """The ends, with every run in it that is under way."""
    seen = jnp.isfinite(pool.states.watch.best_value)
    return _write(pool, seen, jnp.where(seen, jnp.int32(code), 0))


def _write(pool: _Pool, over: Any, codes: Any) -> Ends:
    """The ends, with those of the lanes that are over."""
    places = pool.ends.code.shape[0]
    at = jnp.where(over, pool.runs, places)  # beyond the last place: dropped
    lanes = jnp.arange(len(over), dtype=jnp.int32)
    # XLA scatters one entry at a time, so whose each place is, is all it scatters
    lane = jnp.full(places, -1, jnp.int32).at[at].set(lanes, mode="drop")

    def put(column: Any, entries: Any) -> Any:
        found = entries[jnp.maximum(lane, 0)].astype(column.dtype)
        return jax.vmap(jnp.where)(lane >= 0, found, column)

    params, value, step = jax.vmap(_choose)(pool.states, codes)
    found = Ends(params, value, value, step, pool.states.step, codes)
    return jax.tree.map(put, pool.ends, found)


def _choose(state: State, code: Any) -> tuple[Any, Any, Any]:
    """(params, value, step) to return: as the loop chooses for a single run."""
    watch = state.watch
    rests = jnp.isin(code, jnp.array(_RESTING, jnp.int32))
    last = rests & jnp.isfinite(watch.last.value)
    last &= watch.last.value <= watch.best_value + judging.noise(watch)
    here = (state.params, watch.last.value, state.step)
    return tree.select(
        last, here, (watch.best_params, watch.best_value, watch.best_step)
    )


@functools.partial(jax.jit, static_argnames="plan")
def _slopes(plan: Plan, numbers: dict[str, Any], params: Any) -> Any:
    """The norm of the gradient at each point."""

    def value(params: Any) -> Any:
        return plan.objective(params, None, None, numbers["objective"])[0]

    def slope(params: Any) -> Any:
        grad = jax.grad(value)(params)
        return tree.norm(free_slope(grad, params, numbers.get("bounds")))

    return jax.vmap(slope)(params)
