"""THE loop. It advances, records, asks why to stop, tells the watchers, repeats.

It knows nothing of rules, losses, tables or pictures.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from steepest.descent.jax_engine import JaxEngine
from steepest.descent.log import Log
from steepest.descent.pace import Pace
from steepest.descent.signals import listening
from steepest.descent.sources import Source, Stretch
from steepest.records.row import Row
from steepest.records.state import Cursor, State
from steepest.records.stop import Stop, Stopping
from steepest.records.trace import Trace

CLIMB = 1e3
"""Divergence on a table: an epoch's loss this many times the loss at the start."""


class Kept(NamedTuple):
    """The best end of an epoch so far."""

    params: Any
    stats: Any
    loss: float
    step: int
    epoch: int


class Event(NamedTuple):
    """What a watcher is told after each stretch."""

    state: State
    rows: Row
    path: Any
    log: Log
    seconds: float
    stop: Stop | None


class Watcher(Protocol):
    """Anyone who looks on: progress bars, files, live pages."""

    def open(self) -> None:
        """The run begins."""
        ...

    def tell(self, event: Event) -> None:
        """A stretch is done."""
        ...

    def close(self) -> None:
        """The run is over, whatever the way."""
        ...


class Judge(Protocol):
    """Measures a table's model: at the end of epochs, and once at the end."""

    def epoch(self, state: State) -> float | None:
        """Loss on the validation rows, None when there are none."""
        ...

    def end(self, params: Any, stats: Any) -> tuple[float, float]:
        """(objective, gradient norm) over all training rows."""
        ...


class Ended(NamedTuple):
    """What the loop hands back."""

    params: Any
    stats: Any
    value: float
    grad_norm: float
    best_step: int
    state: State
    trace: Trace
    stop: Stop
    seconds: float


def descend(
    engine: JaxEngine,
    source: Source,
    state: State,
    stopping: Stopping,
    *,
    judge: Judge | None = None,
    watchers: Sequence[Watcher] = (),
) -> Ended:
    """Run until something says stop.

    Args:
        engine: makes the steps.
        source: gives the stretches.
        state: where to begin or go on.
        stopping: budgets and tolerances.
        judge: measures the model of a table; None for a function.
        watchers: opened, told after each stretch, closed at the end.

    Returns:
        The returned point (best seen; a table: best on validation), the last state,
        the trace and the cause of the stop.
    """
    with contextlib.ExitStack() as stack:
        for watcher in watchers:
            watcher.open()
            stack.callback(watcher.close)
        stack.enter_context(engine.scope())
        interrupted = stack.enter_context(listening())
        descent = _Descent(engine, source, state, stopping, judge)
        while descent.stop is None:
            event = descent.stretch(interrupted=interrupted)
            for watcher in watchers:
                watcher.tell(event)
        return descent.end()


class _Descent:
    """The moving parts of one run."""

    def __init__(
        self,
        engine: JaxEngine,
        source: Source,
        state: State,
        stopping: Stopping,
        judge: Judge | None,
    ) -> None:
        self.engine, self.source, self.stopping = engine, source, stopping
        self.state, self.judge = state, judge
        self.stop: Stop | None = None
        self.sign = engine.objective.sign
        self.log, self.pace = Log(source, self.sign), Pace()
        self.began, self.per_step = time.perf_counter(), 0.0
        self.kept: Kept | None = None
        if judge is not None:
            self._keep()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.began

    def stretch(self, *, interrupted: Callable[[], bool]) -> Event:
        """Advance once and ask why to stop."""
        since = self.seconds
        work = self._next_work(since)
        state, rows, stop = self.engine.advance(self.state, work)
        self.state = jax.block_until_ready(state)
        until = self.seconds
        self.pace.learn(rows.done, until - since)
        self.per_step = (until - since) / max(rows.done, 1)
        recorded = self.log.add(rows, since=since, until=until)
        if stop is None and work.ends_epoch and rows.done == work.steps:
            stop = self._end_epoch()
        self.stop = stop or self._budget(interrupted=interrupted())
        return Event(self.state, recorded, rows.path, self.log, until, self.stop)

    def _next_work(self, elapsed: float) -> Stretch:
        steps = self.pace.within(self.stopping, elapsed, self.per_step)
        if self.source.stochastic and self.stopping.max_steps is not None:
            steps = min(steps, self.stopping.max_steps - int(self.state.step))
        cursor = self.state.cursor
        return self.source.stretch(int(cursor.epoch), int(cursor.batch), steps)

    def _budget(self, *, interrupted: bool) -> Stop | None:
        """The budgets the compiled program cannot see."""
        if interrupted:
            return Stop.INTERRUPTED
        most = self.stopping.max_seconds
        if most is not None and self.seconds >= most:
            return Stop.MAX_SECONDS
        most = self.stopping.max_steps
        if self.source.stochastic and most is not None and self.state.step >= most:
            return Stop.MAX_STEPS
        most = self.stopping.max_epochs
        if self.judge is not None and most is not None:
            return Stop.MAX_EPOCHS if self.state.cursor.epoch >= most else None
        return None

    def _end_epoch(self) -> Stop | None:
        cursor = self.state.cursor
        zero = jnp.zeros_like(cursor.batch)
        self.state = self.state._replace(cursor=Cursor(cursor.epoch + 1, zero))
        return self._keep()

    def _keep(self) -> Stop | None:
        """Judge the end of an epoch; remember it when it is the best."""
        assert self.judge is not None  # noqa: S101  only tables have epochs
        state = self.state
        epoch, step = int(state.cursor.epoch), int(state.step)
        loss = self.judge.epoch(state)
        if loss is not None:
            self.log.validation = self.log.validation.add(epoch, step, loss)
        else:
            loss = self._training_loss(epoch - 1)
        if self.kept is None or loss < self.kept.loss:
            self.kept = Kept(state.params, state.stats, loss, step, epoch)
        if epoch == 0:
            return None
        first = self.log.first_loss()
        if not np.isfinite(loss):
            return Stop.NONFINITE
        if loss > CLIMB * max(first, 1e-6):
            return Stop.DIVERGED
        patience = self.stopping.patience
        if patience is not None and epoch - self.kept.epoch >= patience:
            return Stop.PATIENCE
        return None

    def _training_loss(self, epoch: int) -> float:
        """Mean loss over the batches of an epoch, +inf before the first."""
        if epoch < 0:
            return np.inf
        watch, loss = self.state.watch, self.log.epoch_loss(epoch)
        # Late rows span several epochs: then the batches since the last row must do.
        return float(watch.total / watch.values) if loss is None else loss

    def end(self) -> Ended:
        """Choose the point to return and close the trace on it."""
        assert self.stop is not None  # noqa: S101  the loop ends with a cause
        stop, last = self.stop, int(self.state.step)
        if not self.source.stochastic and self.log.last_step != last:
            stop = self._judge_last(stop)
        judged = self.log.last_step == last
        params, stats, best_step = self._choose(stop)
        if judged and best_step == last and not self.source.stochastic:
            value, grad_norm = self.log.last_point()
        else:
            value, grad_norm = self._measure(params, stats)
            closing = self._closing(value, grad_norm, params)
            self.log.close(closing, params, replace=judged)
        return Ended(
            params,
            stats,
            value,
            grad_norm,
            best_step,
            self.state,
            self.log.trace(),
            stop,
            self.seconds,
        )

    def _judge_last(self, stop: Stop) -> Stop:
        """Evaluate where a budget of the loop cut the run; a tolerance may hold."""
        since, step = self.seconds, int(self.state.step)
        work = self.source.stretch(int(self.state.cursor.epoch), 0, 1)
        self.state, rows, found = self.engine.advance(self.state, work, max_steps=step)
        self.log.add(rows, since=since, until=self.seconds)
        return stop if found is None or found is Stop.MAX_STEPS else found

    def _choose(self, stop: Stop) -> tuple[Any, Any, int]:
        """(params, stats, step) to return: the best seen, fairly judged."""
        state, watch, kept = self.state, self.state.watch, self.kept
        last = (state.params, state.stats, int(state.step))
        if kept is not None:
            validated = len(self.log.validation.loss) > 0
            best = (kept.params, kept.stats, kept.step)
            return best if validated or stop.failed else last
        # A point where the run came to rest is returned even when rounding alone
        # makes it look no better than the best.
        rests = stop.converged or stop is Stop.PRECISION
        noise = 8 * jnp.finfo(watch.best_value.dtype).eps * abs(watch.first_value)
        if rests and watch.last_value <= watch.best_value + noise:
            return last
        return watch.best_params, state.stats, int(watch.best_step)

    def _measure(self, params: Any, stats: Any) -> tuple[float, float]:
        """(value, gradient norm) at the point to return."""
        if self.judge is not None:
            return self.judge.end(params, stats)
        watch = self.state.watch
        return self.sign * float(watch.best_value), float(watch.best_grad_norm)

    def _closing(self, value: float, grad_norm: float, params: Any) -> dict[str, Any]:
        step = int(self.state.step)
        return {
            "step": step,
            "epoch": self.source.epoch_at(step),
            "samples": self.source.samples_at(step),
            "seconds": self.seconds,
            "value": value,
            "grad_norm": grad_norm,
            "param_norm": _norm(params),
            "evals": step + 1,
            "finite": True,
        }


def _norm(params: Any) -> float:
    """The Euclidean norm, without a program compiled for this once."""
    leaves = [np.ravel(np.asarray(leaf, float)) for leaf in jax.tree.leaves(params)]
    return float(np.linalg.norm(np.concatenate(leaves)))
