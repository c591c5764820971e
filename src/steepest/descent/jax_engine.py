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
from steepest.descent.flat import OfVector, pack, unpack
from steepest.descent.program import Plan
from steepest.descent.rows import Info
from steepest.descent.sources import Stretch
from steepest.descent.weights import Looked, Weights, weights_of
from steepest.problems.layout import Layout
from steepest.problems.objectives import Objective, penalty
from steepest.records.layers import Layers, layers_of
from steepest.records.state import State
from steepest.records.stop import Limits, Stop
from steepest.steps import OPTIMIZERS, Rule

CAPACITY = 1024
"""Rows a call may record, fewer where their params would fill memory."""
PATH_NUMBERS = 1 << 20


MANY, A_STEP = 2_000_000, 100
"""Rows that a long run reads, where a step counts as so many more."""
CLOSER, CLOSEST = 1e-2, 1e-4
"""A gtol that proves too loose is tightened by the first, to the second at least."""


class Rows(NamedTuple):
    """Rows of a stretch: columns of program.Info, and the params they stand for."""

    info: dict[str, np.ndarray[Any, Any]]
    path: Any
    done: int
    """Evaluations made."""
    layers: Layers | None = None
    """Of a network."""


def is_long(steps: int, rows: int) -> bool:
    """Whether steps on batches pay for a program that takes longer to compile.

    It saves some 20 us a step and 0.15 us a row of a small network, and costs half a
    second.

    Args:
        steps: that may be made.
        rows: that they read in all.

    >>> is_long(4000, 64_000), is_long(20_000, 640_000)
    (False, True)
    """
    return A_STEP * steps + rows >= MANY


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
        long: whether a program pays that takes longer to compile, see `is_long`.
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
        long: bool = False,
    ) -> None:
        self.long = long
        self.objective, self.rule, self.numbers = objective, rule, numbers
        self.limits, self.path, self.stochastic = limits, path, stochastic
        self.precision, self._closer = precision, 1.0
        self._weights: Weights | None = None

    grain = 1
    """A stretch may end after any step: no number depends on where."""

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

    def memory(self) -> dict[str, Any]:
        """What it remembers beside the State, as plain data."""
        limits = self.limits
        return {"closer": self._closer, "gtol": limits.gtol, "ftol": limits.ftol}

    def recall(self, memory: dict[str, Any]) -> None:
        """Be as `memory` told."""
        self._closer = memory["closer"]
        self.limits = self.limits._replace(gtol=memory["gtol"], ftol=memory["ftol"])

    def advance(
        self, state: State, stretch: Stretch, *, max_steps: int | None = None
    ) -> tuple[State, Rows, Stop | None]:
        """Make the steps of a stretch, or as many as a stop or the memory allows."""
        limits = self.limits
        if max_steps is not None:
            limits = limits._replace(max_steps=max_steps)
        room = max(16, min(CAPACITY, PATH_NUMBERS // max(1, tree.size(state.params))))
        if self._weights is None:
            self._weights = weights_of(state.params)
        names, spans = self._weights
        plan = Plan(
            self.objective,
            self.rule,
            room if self.path else CAPACITY,
            self.path,
            self.stochastic,
            spans,
        )
        before = int(state.step)
        state, recorded, code = self._make_steps(plan, state, limits, stretch)
        recorded, code = jax.device_get((recorded, code))
        n, stop = int(recorded.n), Stop.from_code(int(code))
        done = int(state.step) - before + (stop is not None)
        columns = [recorded.step[:n], *recorded.numbers[:n].T]
        info = dict(zip(Info._fields, columns, strict=True))
        path = jax.tree.map(lambda leaf: leaf[:n], recorded.path)
        layers = _layers(names, recorded.looked) if names else None
        return state, Rows(info, path, done, layers), stop

    def _make_steps(
        self, plan: Plan, state: State, limits: Limits, stretch: Stretch
    ) -> tuple[State, Any, Any]:
        """(State, rows, code of the stop), by the program that fits."""
        others = self.numbers, limits, *stretch
        if not self._packs(state.params):
            return program.advance(plan, state, *others)
        layout = Layout.of(state.params)
        plan = plan._replace(objective=OfVector(self.objective, layout))
        make_steps = program.advance_vector if self.long else program.advance
        packed, rows, code = make_steps(plan, pack(state, self.rule), *others)
        return unpack(packed, state), rows, code

    def _packs(self, params: Any) -> bool:
        """Whether steps see the params as one vector: many steps, of a rule we know.

        What a user's rule does may depend on which array a number stands in.
        """
        leaves = jax.tree.leaves(params)
        known = self.stochastic and self.rule.optimizer in OPTIMIZERS.values()
        alike = len({leaf.dtype for leaf in leaves}) == 1
        return known and alike and len(leaves) > 1

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


def _layers(names: tuple[str, ...], looked: Looked) -> Layers:
    """What the program saw of the weight matrices."""
    n = int(looked.n)
    return layers_of(names, looked.step[:n], looked.norms[:n])


@functools.partial(jax.jit, static_argnums=0, compiler_options=program.QUICK_COMPILE)
def _loss(objective: Any, params: Any, stats: Any, batch: Any) -> Any:
    return objective.total(params, stats, batch)


@functools.partial(jax.jit, static_argnums=0, compiler_options=program.QUICK_COMPILE)
def _add_total(objective: Any, params: Any, stats: Any, batch: Any, sums: Any) -> Any:
    """The sums (of gradients, of losses, of weights) with one more batch in them."""

    def total(params: Any) -> Any:
        value, weight = objective.total(params, stats, batch)
        return value, (value, weight)

    grad, (value, weight) = jax.grad(total, has_aux=True)(params)
    return jax.tree.map(jnp.add, sums, (grad, value, weight))


@functools.partial(jax.jit, compiler_options=program.RUN_ONCE)
def _whole(params: Any, numbers: dict[str, Any], sums: Any) -> tuple[Any, Any]:
    """(objective, gradient norm) from the sums over all rows."""
    grad, total, weight = sums
    extra, slope = jax.value_and_grad(penalty)(params, numbers)
    grad = jax.tree.map(lambda g, s: g / weight + s, grad, slope)
    return total / weight + extra, tree.norm(grad)
