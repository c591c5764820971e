"""The linear engine: steps of a linear model by kernels that read each row once.

It makes what the jax engine makes, row of the trace by row, where batches differ. A
full batch goes through the jax engine, see `descent.summed`.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from steepest.core.ahead import Next
from steepest.data.orders import Chunk, Chunks
from steepest.descent import judging, kernels
from steepest.descent.jax_engine import CAPACITY, Rows
from steepest.descent.kernels import Memory, Plan, Weights
from steepest.descent.linear_tables import Array, Table, at, brought, let_go
from steepest.descent.rows import EVERY_STEP, Info
from steepest.descent.sources import START, Epochs, Mark, Stretch
from steepest.records.state import Cursor, Seen, State
from steepest.records.stop import Stop
from steepest.steps.rule import Rule

GRAIN_ROWS = 1 << 14
"""Stretches may end at multiples of so many rows: kernels take several at a time, so
another end would round otherwise, and when that is must not depend on the clock."""


class Visits(NamedTuple):
    """What a stretch reads: a table, and the order in which an epoch visits it."""

    table: Table
    order: Array


class RowSource(Epochs):
    """A table whose rows stay where they are: an epoch is an order of them.

    Args:
        table: the rows.
        batch_size: rows a step.
        chunks: what is visited together; all but one have a multiple of batch_size.
        order: (rows, epoch, chunk) -> (rows,) the order of visits within a chunk.
        since: where it takes over from another source.
    """

    stochastic = True

    def __init__(
        self,
        table: Table,
        batch_size: int,
        chunks: Chunks,
        order: Callable[[int, int, int], Array],
        since: Mark = START,
    ) -> None:
        super().__init__(len(table.target), batch_size, since)
        self.table, self.chunks, self.order = table, chunks, order
        self._next = Next(self._read)
        self._held: tuple[int, Chunk, Visits] | None = None

    def stretch(self, epoch: int, batch: int, steps: int) -> Stretch:
        """Steps up to the end of the chunk that holds the position."""
        place = batch * self.batch_size
        chunk = self.chunks.at(epoch, place)
        visits = self._visits(epoch, chunk)
        first = (place - chunk.before) // self.batch_size
        left = -(-chunk.rows // self.batch_size) - first
        return Stretch(visits, first, min(steps, left), self.per_epoch)

    def _visits(self, epoch: int, chunk: Chunk) -> Visits:
        if self._held is not None and self._held[:2] == (epoch, chunk):
            return self._held[2]
        if self._held is not None:
            let_go(self._held[2].table)
        visits = self._next.take(epoch, chunk)
        self._held = epoch, chunk, visits
        if self.table.in_file:
            after = chunk.before + chunk.rows
            then = (epoch, after) if after < self.n_rows else (epoch + 1, 0)
            self._next.begin(then[0], self.chunks.at(*then))
        return visits

    def _read(self, epoch: int, chunk: Chunk) -> Visits:
        """A chunk and its order; of a file it is brought into memory."""
        order = self.order(chunk.rows, epoch, chunk.number)
        if chunk.rows == self.n_rows:
            return Visits(self.table, order)
        part = self.table.part(chunk.first, chunk.first + chunk.rows)
        return Visits(brought(part), order)


class LinearEngine:
    """Makes stretches of steps of a linear model with compiled kernels.

    Args:
        objective: tells the sign; its loss is the plan's.
        plan: the loss, the rule and their numbers, as the kernels read them.
        rule: gives the learning rate of each step.
        numbers: the rule's.
        dtype: of the rows: float32 or float64.
    """

    def __init__(
        self,
        objective: Any,
        plan: Plan,
        rule: Rule,
        numbers: dict[str, Any],
        *,
        dtype: Any = np.float32,
    ) -> None:
        self.objective, self.plan, self.rule = objective, plan, rule
        self.numbers, self.dtype = numbers, np.dtype(dtype)
        self._rows: tuple[Table, kernels.Prepared] | None = None

    searches = False
    """No kernel tries points."""

    @property
    def grain(self) -> int:
        """Steps between two places where a stretch may end."""
        return max(1, GRAIN_ROWS // self.plan.batch_size)

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """The precision of this engine, for this thread and this block only."""
        with jax.enable_x64(self.dtype == np.float64):
            yield

    def start(self, params: Any, stats: Any, key: Any) -> State:
        """The State before the first step, at the params."""
        weights = at(self.plan, params, self.dtype)
        zero, none = np.int32(0), np.zeros(0, self.dtype)
        size = weights.weight.size + weights.bias.size
        with self.scope():
            watch = jax.device_get(judging.first_watch(none, self.dtype))
        return State(
            params=params_of(self.plan, weights),
            opt_state=weights,
            stats=stats,
            step=zero,
            key=key,
            cursor=Cursor(zero, zero),
            watch=watch._replace(
                last=Seen(np.float64(np.nan), np.zeros(size)),
                total=np.float64(0),
                values=np.float64(0),
            ),
        )

    def advance(
        self, state: State, stretch: Stretch, *, max_steps: int | None = None
    ) -> tuple[State, Rows, Stop | None]:
        """Make the steps of a stretch, or as many as stay finite or have room."""
        del max_steps  # the loop's: the value of a batch proves nothing
        drive = _Drive(self, state, stretch)
        stop = drive.run()
        return drive.state(), drive.rows(), stop

    def memory(self) -> dict[str, Any]:
        """Nothing is remembered beside the State."""
        return {}

    def recall(self, memory: dict[str, Any]) -> None:
        """Nothing was."""

    def prepared(self, table: Table, weights: Weights) -> kernels.Prepared:
        """The rows of a table, checked once."""
        if self._rows is None or self._rows[0] is not table:
            rows = kernels.Prepared(
                self.plan, weights, table.inputs, table.target, table.weight
            )
            self._rows = table, rows
        return self._rows[1]

    def rates(self, first: int, count: int, per_epoch: int) -> Array:
        """(count,) the learning rates of the steps from `first` on."""
        if self.rule.rate_of is None and self.rule.schedule == CONSTANT:
            return np.full(count, self.numbers["learning_rate"], float)
        steps = np.arange(
            first, first + -(-count // CAPACITY) * CAPACITY, dtype=np.int32
        )
        with jax.enable_x64(True):
            found = _rates(self.rule, self.numbers, steps, per_epoch)
        return np.array(found[:count], float)


CONSTANT = Rule.schedule


class _Drive:
    """One stretch under way: the weights change in place, rows are written down."""

    def __init__(self, engine: LinearEngine, state: State, stretch: Stretch) -> None:
        self.engine, self.plan, self.before = engine, engine.plan, state
        self.weights: Weights = copied(state.opt_state)
        self.begin = self.step = int(state.step)
        self.first, self.order = stretch.first, stretch.batches.order
        self.rows_in = engine.prepared(stretch.batches.table, self.weights)
        self.end = self.begin + stretch.steps
        self.rates = engine.rates(self.begin, stretch.steps, stretch.per_epoch)
        watch = state.watch
        self.loss, self.seen = float(watch.total), float(watch.values)
        self.grad, self.grad_step = watch.last.grad, self.begin - 1
        self.value = float(watch.last.value)
        self.info: list[tuple[Any, ...]] = []

    def run(self) -> Stop | None:
        """Row by row to the end of the stretch."""
        while self.step < self.end and len(self.info) < CAPACITY:
            row = int(due_row(self.step))
            # the step before a row is looked at, too: a row compares their gradients
            until = min(self.end, self._next_grain(), max(row - 1, self.step))
            if self.step < until:
                done = self._train(self.step, until - self.step)
                self.step += done
                if self.step < until:
                    return Stop.NONFINITE
            elif not self._look(told=self.step == row):
                return Stop.NONFINITE
        return None

    def _next_grain(self) -> int:
        """The next step at which a stretch may end: one that goes on halts there too.

        So the kernels are called for the same rows wherever stretches end.
        """
        grain = self.engine.grain
        return (self.step // grain + 1) * grain

    def _train(self, step: int, count: int) -> int:
        """Make steps as long as all stays finite; how many were made."""
        kept = copied(self.weights)
        since, size = step - self.begin, self.plan.batch_size
        first = (since + self.first) * size
        order = self.order[first : first + count * size]
        rates = self.rates[since : since + count]
        loss, weight, finite = self.rows_in.train(self.weights, order, rates)
        if finite:
            self.loss += loss
            self.seen += weight
            return count
        self.weights = kept
        half = count // 2
        if not half:
            return 0
        done = self._train(step, half)  # by halves to the step that lost it
        return done if done < half else half + self._train(step + half, count - half)

    def _look(self, *, told: bool) -> bool:
        """One step with its gradient, and a row where one is due."""
        since, size = self.step - self.begin, self.plan.batch_size
        first = (since + self.first) * size
        rows = self.order[first : first + size]
        weight, bias = kernels.coefficients(self.weights)
        here = np.concatenate([weight.ravel(), bias])
        value, grad = self._slope(rows, weight, bias)
        made = self._train(self.step, 1)
        if told or not made:
            moved = kernels.coefficients(self.weights)
            there = np.concatenate([moved[0].ravel(), moved[1]])
            known = self.grad_step == self.step - 1
            lengths = np.linalg.norm(self.grad) * np.linalg.norm(grad) if known else 0.0
            mean = self.loss / self.seen if made and self.seen else value
            self.info.append(
                (
                    self.step,
                    mean + self._penalty(here) if made else value,
                    np.linalg.norm(grad),
                    np.linalg.norm(there - here) if made else np.nan,
                    np.linalg.norm(here),
                    self.rates[since] if made else np.nan,
                    np.nan,
                    self.grad @ grad / lengths if known and lengths > 0 else np.nan,
                    bool(made),
                )
            )
            self.loss = self.seen = 0.0
        self.value, self.grad, self.grad_step = value, grad, self.step
        self.step += made
        return bool(made)

    def _slope(self, rows: Array, true: Array, bias: Array) -> tuple[float, Array]:
        """(objective, its gradient as one vector) of a batch at the point."""
        here = self.weights._replace(weight=true, bias=bias)
        loss, weight, slope = self.rows_in.slope(here, rows)
        weight = weight or 1.0
        slope, by_bias = slope[:, :-1] / weight, slope[:, -1] / weight
        if self.plan.l1 or self.plan.l2:
            slope = slope + self.plan.l2 * true + self.plan.l1 * np.sign(true)
        grad = np.concatenate([slope.ravel(), by_bias])
        return loss / weight + self._penalty(true.ravel()), grad

    def _penalty(self, point: Array) -> float:
        plan = self.plan
        if not (plan.l1 or plan.l2):
            return 0.0
        coefficients = point[: self.weights.weight.size].astype(float)
        square = coefficients @ coefficients
        return float(plan.l1 * np.abs(coefficients).sum() + plan.l2 / 2 * square)

    def state(self) -> State:
        """The State after the last step."""
        watch = self.before.watch._replace(
            last=Seen(np.float64(self.value), self.grad),
            total=np.float64(self.loss),
            values=np.float64(self.seen),
        )
        return self.before._replace(
            params=params_of(self.plan, self.weights),
            opt_state=self.weights,
            step=np.int32(self.step),
            watch=watch,
        )

    def rows(self) -> Rows:
        """The rows that fell due."""
        columns = [np.array(column) for column in zip(*self.info, strict=True)]
        if not columns:
            columns = [np.zeros(0) for _ in Info._fields]
        made = self.step - self.begin
        return Rows(dict(zip(Info._fields, columns, strict=True)), (), made)


def due_row(step: int) -> int:
    """`due_from` for a plain number."""
    stride = 1 if step < EVERY_STEP else 1 << ((step >> 7).bit_length() - 1)
    return (step + stride - 1) // stride * stride


def params_of(plan: Plan, weights: Weights) -> dict[str, Array]:
    """The params that weights stand for, in the shape of the linear model's."""
    weight, bias = kernels.coefficients(weights, averaged=True)
    params = {"weight": np.ascontiguousarray(weight.T)}
    return {"bias": bias, **params} if plan.bias else params


def copied(weights: Weights) -> Weights:
    """Weights of their own: kernels change theirs in place."""
    weight, bias, memory = weights
    own = Memory(*(part.copy() for part in memory))
    return Weights(weight.copy(), bias.copy(), own)


@functools.partial(jax.jit, static_argnums=0)
def _rates(rule: Rule, numbers: dict[str, Any], steps: Any, per_epoch: Any) -> Any:
    return jax.vmap(lambda step: rule.rate(numbers, step, step // per_epoch))(steps)
