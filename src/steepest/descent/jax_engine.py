"""The jax engine as the loop sees it: NumPy rows out, compiled program within."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from steepest.core import tree
from steepest.descent import program
from steepest.descent.program import Plan
from steepest.descent.rows import Info
from steepest.descent.sources import Stretch
from steepest.problems.objectives import Objective, penalty
from steepest.records.state import State
from steepest.records.stop import Limits, Stop
from steepest.steps.rule import Rule

CAPACITY = 1024
"""Rows a call may record, fewer where their params would fill memory."""
PATH_NUMBERS = 1 << 20


CLOSER, CLOSEST = 1e-2, 1e-4
"""A gtol that proves too loose is tightened by the first, to the second at least."""


class Rows(NamedTuple):
    """Rows of a stretch: columns of program.Info, and the params they stand for."""

    info: dict[str, np.ndarray[Any, Any]]
    path: Any
    done: int
    """Evaluations made."""


class JaxEngine:
    """Makes stretches of steps with one compiled program.

    Its methods run within `scope()`, which the loop enters once.

    Args:
        objective: what to make small.
        rule: the static part of the step.
        numbers: learning rate, hyper-parameters, penalties: all may change freely.
        limits: the tolerances.
        path: whether the params of each row are kept.
        stochastic: whether batches differ.
        precision: "float64" or "float32".
    """

    def __init__(
        self,
        objective: Objective,
        rule: Rule,
        numbers: dict[str, Any],
        limits: Limits,
        *,
        path: bool,
        stochastic: bool,
        precision: str,
    ) -> None:
        self.objective, self.rule, self.numbers = objective, rule, numbers
        self.limits, self.path, self.stochastic = limits, path, stochastic
        self.precision, self._closer = precision, 1.0

    @property
    def searches(self) -> bool:
        """Whether it tries points, and takes back those that are too high."""
        return self.rule.searches

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """The precision of this engine, for this thread and this block only."""
        with jax.enable_x64(self.precision == "float64"):
            yield

    def start(self, params: Any, stats: Any, key: Any) -> State:
        """The State before the first step."""
        with self.scope():
            params = tree.cast(params, self.precision)
            return program.start(self.rule, params, stats, key)

    def go_on(self, state: State, params: Any) -> State:
        """The State one step later, at other params, with nothing but the best kept."""
        fresh = self.start(params, state.stats, state.key)
        watch, best = fresh.watch, state.watch
        kept = {
            name: getattr(best, name)
            for name in (
                "best_params",
                "best_value",
                "best_step",
                "first_value",
                "peak",
            )
        }
        return fresh._replace(
            step=state.step + 1, cursor=state.cursor, watch=watch._replace(**kept)
        )

    def look_closer(self) -> bool:
        """Tighten gtol, which stopped the run on a slope; whether that may be done."""
        if self._closer <= CLOSEST or self.limits.gtol is None:
            return False
        self._closer *= CLOSER
        self.limits = self.limits._replace(gtol=CLOSER * self.limits.gtol)
        return True

    def advance(
        self, state: State, stretch: Stretch, *, max_steps: int | None = None
    ) -> tuple[State, Rows, Stop | None]:
        """Make the steps of a stretch, or as many as a stop or the memory allows."""
        limits = self.limits
        if max_steps is not None:
            limits = limits._replace(max_steps=max_steps)
        room = max(16, min(CAPACITY, PATH_NUMBERS // max(1, tree.size(state.params))))
        plan = Plan(
            self.objective,
            self.rule,
            room if self.path else CAPACITY,
            self.path,
            self.stochastic,
        )
        before = int(state.step)
        state, recorded, code = program.advance(
            plan,
            state,
            self.numbers,
            limits,
            stretch.batches,
            stretch.first,
            stretch.steps,
            stretch.per_epoch,
        )
        recorded, code = jax.device_get((recorded, code))
        n, stop = int(recorded.n), Stop.from_code(int(code))
        done = int(state.step) - before + (stop is not None)
        columns = [recorded.step[:n], *recorded.numbers[:n].T]
        info = dict(zip(Info._fields, columns, strict=True))
        path = jax.tree.map(lambda leaf: leaf[:n], recorded.path)
        return state, Rows(info, path, done), stop

    def measure(self, params: Any, stats: Any, batches: Any) -> tuple[float, float]:
        """(value, gradient norm) of the whole objective at a point.

        Args:
            params: the point.
            stats: the model's statistics there.
            batches: an iterable of Batch of one shape, weight 0 where filled up.
        """
        sums = jax.tree.map(np.zeros_like, jax.device_get(params)), 0.0, 0.0
        for batch in batches:
            sums = _add_total(self.objective, params, stats, batch, sums)
        found = _whole(params, self.numbers["objective"], sums)
        value, grad_norm = jax.device_get(found)
        return float(value), float(grad_norm)

    def loss(self, params: Any, stats: Any, batches: Any) -> float:
        """Mean loss of the finished model over batches, without penalty."""
        parts = [_loss(self.objective, params, stats, batch) for batch in batches]
        total, weight = np.sum(np.asarray(jax.device_get(parts), float), axis=0)
        return float(total / weight)


@functools.partial(jax.jit, static_argnums=0)
def _loss(objective: Any, params: Any, stats: Any, batch: Any) -> Any:
    return objective.total(params, stats, batch)


@functools.partial(jax.jit, static_argnums=0)
def _add_total(objective: Any, params: Any, stats: Any, batch: Any, sums: Any) -> Any:
    """The sums (of gradients, of losses, of weights) with one more batch in them."""

    def total(params: Any) -> Any:
        value, weight = objective.total(params, stats, batch)
        return value, (value, weight)

    grad, (value, weight) = jax.grad(total, has_aux=True)(params)
    return jax.tree.map(jnp.add, sums, (grad, value, weight))


@jax.jit
def _whole(params: Any, numbers: dict[str, Any], sums: Any) -> tuple[Any, Any]:
    """(objective, gradient norm) from the sums over all rows."""
    grad, total, weight = sums
    extra, slope = jax.value_and_grad(penalty)(params, numbers)
    grad = jax.tree.map(lambda g, s: g / weight + s, grad, slope)
    return total / weight + extra, tree.norm(grad)
