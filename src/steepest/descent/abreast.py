"""Runs abreast: several runs of one rule in one compiled program, each with its rows.

Each run keeps a loop of its own, which judges, logs and ends it. What they share is
the engine: it makes the stretch of all of them in one call.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.core import tree
from steepest.descent import program
from steepest.descent.jax_engine import CAPACITY, PATH_NUMBERS, JaxEngine, Rows
from steepest.descent.loop import Descent
from steepest.descent.parts import Ended
from steepest.descent.program import Plan
from steepest.descent.rows import Info
from steepest.descent.signals import listening
from steepest.descent.sources import ENDLESS, FunctionSource, Stretch
from steepest.records.state import State
from steepest.records.stop import Limits, Stop, Stopping


def descend_abreast(
    engines: Sequence[JaxEngine], states: Sequence[State], stoppings: Sequence[Stopping]
) -> list[Ended]:
    """Run several descents on one function side by side.

    Args:
        engines: they differ in their numbers and limits alone.
        states: where each begins.
        stoppings: budgets and tolerances of each.

    Returns:
        What `descend` returns for each, but for rounding; seconds are those of all.
    """
    group = _Group(engines)
    with contextlib.ExitStack() as stack:
        stack.enter_context(engines[0].scope())
        interrupted = stack.enter_context(listening())
        runs = [
            Descent(lane, FunctionSource(), state, stopping, None, None)
            for lane, state, stopping in zip(
                group.lanes, states, stoppings, strict=True
            )
        ]
        for run in runs:
            run.begin()
        while open_ := [run for run in runs if run.stop is None]:
            steps = min(run.pace.steps for run in open_)
            group.prepare(
                [run.state for run in runs], [r.stop is None for r in runs], steps
            )
            heard = interrupted()
            for run in open_:
                run.stretch(interrupted=lambda: heard)  # noqa: B023
        return [run.end() for run in runs]


class _Group:
    """The program that the lanes share."""

    def __init__(self, engines: Sequence[JaxEngine]) -> None:
        first = engines[0]
        self.engines = engines
        self.lanes: list[Any] = [_Lane(self, i, e) for i, e in enumerate(engines)]
        self.numbers = _stack([engine.numbers for engine in engines])
        self.ready: dict[int, tuple[State, Rows, Stop | None]] = {}
        self.plan = Plan(first.objective, first.rule, CAPACITY, first.path, False)

    def prepare(self, states: list[State], which: list[bool], steps: int) -> None:
        """Make the next stretch of some lanes; each picks its own up by `advance`."""
        limits = [engine.limits for engine in self.engines]
        found = self.advance(states, which, steps, limits)
        self.ready = {i: one for i, one in enumerate(found) if which[i]}

    def advance(
        self, states: list[State], which: list[bool], steps: int, limits: list[Limits]
    ) -> list[tuple[State, Rows, Stop | None]]:
        """A stretch of some lanes."""
        room = PATH_NUMBERS // max(1, tree.size(states[0].params) * len(states))
        plan = self.plan
        if plan.path:
            plan = plan._replace(capacity=max(16, min(CAPACITY, room)))
        counts = np.where(which, np.int32(min(steps, ENDLESS)), 0)
        before = [int(state.step) for state in states]
        new, recorded, codes = _advance(
            plan, _stack(states), self.numbers, _stack(limits), counts
        )
        recorded, codes = jax.device_get((recorded, codes))
        found = []
        for i, step in enumerate(before):
            state, rows = _lane((new, recorded), i)
            n, stop = int(rows.n), Stop.from_code(int(codes[i]))
            columns = [rows.step[:n], *rows.numbers[:n].T]
            path = jax.tree.map(lambda leaf, n=n: leaf[:n], rows.path)
            done = int(state.step) - step + (stop is not None)
            info = dict(zip(Info._fields, columns, strict=True))
            found.append((state, Rows(info, path, done), stop))
        return found


class _Lane:
    """The engine as the loop of one run sees it."""

    grain = 1

    def __init__(self, group: _Group, number: int, engine: JaxEngine) -> None:
        self.group, self.number = group, number
        self.objective, self.limits = engine.objective, engine.limits

    def advance(
        self, state: State, stretch: Stretch, *, max_steps: int | None = None
    ) -> tuple[State, Rows, Stop | None]:
        """What was made for this run, or now, by itself, what its end asks for."""
        if max_steps is None:
            return self.group.ready.pop(self.number)
        group = self.group
        limits = self.limits._replace(max_steps=max_steps)
        n = len(group.engines)
        which = [i == self.number for i in range(n)]
        return group.advance([state] * n, which, stretch.steps, [limits] * n)[
            self.number
        ]


def _stack(trees: Sequence[Any]) -> Any:
    return jax.tree.map(
        lambda *leaves: jnp.stack([jnp.asarray(x) for x in leaves]), *trees
    )


def _lane(trees: Any, i: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[i], trees)


@functools.partial(
    jax.jit, static_argnames="plan", compiler_options=program.QUICK_COMPILE
)
def _advance(
    plan: Plan, states: Any, numbers: dict[str, Any], limits: Any, counts: Any
) -> Any:
    """`program.advance` of each lane, with its own numbers and limits."""
    advance = inspect.unwrap(
        program.advance
    )  # compiler options belong to the outer jit

    def lane(state: State, numbers: Any, limits: Limits, count: Any) -> Any:
        return advance(plan, state, numbers, limits, None, 0, count, jnp.int32(ENDLESS))

    return jax.vmap(lane)(states, numbers, limits, counts)
