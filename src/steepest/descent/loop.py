"""THE loop. It advances, records, asks why to stop, tells the watchers, repeats.

It knows nothing of rules, losses, tables or pictures.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from steepest.descent.jax_engine import Rows
from steepest.descent.log import Log
from steepest.descent.pace import Pace
from steepest.descent.parts import Ended, Engine, Event, Judge, Leg, Watcher
from steepest.descent.rows import EVERY_STEP
from steepest.descent.signals import listening
from steepest.descent.sources import ENDLESS, Mark, Source, Stretch
from steepest.records.state import Cursor, State
from steepest.records.stop import Stop, Stopping

ESCAPES = 10
"""How often a run may go on from elsewhere."""
CLIMB = 1e3
"""Divergence on a table: an epoch's loss this many times the loss at the start."""


class Kept(NamedTuple):
    """The best end of an epoch so far."""

    params: Any
    stats: Any
    loss: float
    step: int
    epoch: int


HANDS_ON = (
    *(Stop.MAX_STEPS, Stop.MAX_EPOCHS, Stop.PRECISION),
    *(Stop.GRADIENT_SMALL, Stop.VALUE_FLAT, Stop.STEP_SMALL),
)
"""What ends a part of a run, and not the whole."""


def descend(
    engine: Engine,
    source: Source,
    state: State,
    stopping: Stopping,
    *,
    then: Sequence[Leg] = (),
    judge: Judge | None = None,
    watchers: Sequence[Watcher] = (),
    escape: Callable[[State, Stop], State | None] | None = None,
) -> Ended:
    """Run until something says stop.

    Args:
        engine: makes the steps.
        source: gives the stretches.
        state: where to begin or go on.
        stopping: budgets and tolerances.
        then: what follows where a tolerance, or a budget of steps or epochs, ended the
            part before.
        judge: measures the model of a table; None for a function.
        watchers: opened, told after each stretch, closed at the end.
        escape: where a tolerance holds, finds a State to go on from, or None.

    Returns:
        The returned point (best seen; a table: best on validation where its judge says
        so), the last state, the trace and the cause of the stop.
    """
    with contextlib.ExitStack() as stack:
        for watcher in watchers:
            watcher.open()
            stack.callback(watcher.close)
        interrupted = stack.enter_context(listening())
        descent = Descent(engine, source, state, stopping, judge, escape)
        for leg in (None, *then):
            if leg is not None and not descent.hand_on(leg):
                break
            with descent.engine.scope():
                while descent.stop is None:
                    event = descent.stretch(interrupted=interrupted)
                    for watcher in watchers:
                        watcher.tell(event)
        with descent.engine.scope():
            return descent.end()


class Descent:
    """The moving parts of one run, for `descend` and for runs side by side."""

    def __init__(
        self,
        engine: Engine,
        source: Source,
        state: State,
        stopping: Stopping,
        judge: Judge | None,
        escape: Callable[[State, Stop], State | None] | None,
    ) -> None:
        self.engine, self.source, self.stopping = engine, source, stopping
        self.state, self.judge = state, judge
        self.escape, self.escapes = escape, 0
        self.stop: Stop | None = None
        self.sign = engine.objective.sign
        self.log, self.pace = Log(source, self.sign), Pace()
        self.began, self.per_step = time.perf_counter(), 0.0
        self.kept: Kept | None = None
        if self.looks:
            self._look()
        if self.last_step == 0:
            self.stop = self._budget(interrupted=False)

    @property
    def looks(self) -> bool:
        """Whether the model is judged by itself, at the end of epochs.

        Without validation a full batch is judged at every step, like a function.
        """
        if self.judge is None:
            return False
        return self.source.stochastic or self.judge.validates

    def hand_on(self, leg: Leg) -> bool:
        """Let another engine go on; not after a stop that ends the whole run."""
        if self.stop not in HANDS_ON:
            return False
        old, step = self.state, int(self.state.step)
        mark = Mark(step, self.source.epoch_at(step), self.source.samples_at(step))
        self.engine, self.stopping = leg.engine, leg.stopping
        self.source = self.log.source = leg.source(mark)
        state = leg.engine.start(old.params, old.stats, old.key)
        self.state = self._with_cursor(state._replace(step=np.int32(step)))
        self.per_step, self.pace = 0.0, Pace()
        self.stop = self._budget(interrupted=False)
        return True

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.perf_counter() - self.began

    def stretch(self, *, interrupted: Callable[[], bool]) -> Event:
        """Advance once and ask why to stop."""
        since, step = self.seconds, int(self.state.step)
        state, rows, stop = self.engine.advance(self.state, self._next_work(since))
        self.state = self._with_cursor(jax.block_until_ready(state))
        until, moved = self.seconds, int(self.state.step) > step
        self.pace.learn(rows.done, until - since)
        self.per_step = (until - since) / max(rows.done, 1)
        recorded = self.log.add(rows, since=since, until=until)
        if stop is None and moved and self._look_is_due():
            stop = self._look()
        if stop is not None and (stop.converged or stop is Stop.PRECISION):
            stop = self._leave(stop)
        self.stop = stop or self._budget(interrupted=interrupted())
        return Event(self.state, recorded, rows.path, self.log, until, self.stop)

    def _leave(self, stop: Stop) -> Stop | None:
        """Go on from elsewhere where there is a way: the jump is a step, too."""
        if self.escape is None or self.escapes == ESCAPES or stop is Stop.TARGET:
            return stop
        state = self.escape(self.state, stop)
        if state is None:
            return stop
        self.escapes, self.state = self.escapes + 1, state
        return None

    def _next_work(self, elapsed: float) -> Stretch:
        steps = self.pace.within(self.stopping, elapsed, self.per_step)
        step, source = int(self.state.step), self.source
        steps = min(steps, self.last_step - step)
        if self.looks and not source.stochastic:  # an epoch is a step: look in time
            look = source.step_at(_next_look(source.place(step)[0]))
            steps = min(steps, look - step)
        epoch, batch = source.place(step)
        return source.stretch(epoch, batch, max(steps, 1))

    def _with_cursor(self, state: State) -> State:
        """The state with its place in the source, which follows from the step."""
        epoch, batch = self.source.place(int(state.step))
        place = Cursor(np.int32(epoch), np.int32(batch if self.judge else 0))
        return state._replace(cursor=place)

    def _budget(self, *, interrupted: bool) -> Stop | None:
        """The budgets the compiled program cannot see."""
        if interrupted:
            return Stop.INTERRUPTED
        most = self.stopping.max_seconds
        if most is not None and self.seconds >= most:
            return Stop.MAX_SECONDS
        if int(self.state.step) < self.last_step:
            return None
        steps = self.stopping.max_steps
        return Stop.MAX_STEPS if self.last_step == steps else Stop.MAX_EPOCHS

    @property
    def last_step(self) -> int:
        """The step at which the budgets of steps and epochs end the run."""
        steps, epochs = self.stopping.max_steps, self.stopping.max_epochs
        most = [] if epochs is None else [self.source.step_at(epochs)]
        return min([*most, ENDLESS if steps is None else steps])

    def _look_is_due(self) -> bool:
        epoch, batch = self.source.place(int(self.state.step))
        if not self.looks or batch > 0:
            return False
        return self.source.stochastic or epoch == _next_look(epoch - 1)

    def _look(self) -> Stop | None:
        """Judge the model as it stands; remember it when it is the best."""
        assert self.judge is not None  # noqa: S101  only tables are looked at
        state = self.state
        step = int(state.step)
        epoch = self.source.place(step)[0]
        if self.engine.searches:  # a trial proves nothing, however high it is
            state = state._replace(params=state.watch.best_params)
        loss = self.judge.epoch(state)
        if loss is not None:
            self.log.judged.append((epoch, step, loss))
        else:
            loss = self._training_loss(epoch - 1)
        if self.kept is None or loss < self.kept.loss:
            self.kept = Kept(state.params, state.stats, loss, step, epoch)
        if epoch == 0:
            return None
        if not np.isfinite(loss):
            return Stop.NONFINITE
        if loss > CLIMB * max(self.log.first_loss(), 1e-6):
            return Stop.DIVERGED
        patience = self.stopping.patience
        if patience is not None and epoch - self.kept.epoch >= patience:
            return Stop.PATIENCE
        return None

    def _look_at(self, params: Any, step: int) -> None:
        """Judge the point to return, where the best was judged in place of a trial."""
        judged = self.log.judged
        if not (judged and judged[-1][1] == step and self.engine.searches):
            return
        if self.judge is not None:
            loss = self.judge.epoch(self.state._replace(params=params))
            if loss is not None:
                judged[-1] = (judged[-1][0], step, loss)

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
        if self.log.judged and self.log.judged[-1][1] != last and not stop.failed:
            self._look()  # what came after the last whole epoch may be the best
        if not self.source.stochastic and self.log.last_step != last:
            stop = self._judge_last(stop)
        judged = self.log.last_step == last
        params, stats, best_step = self._choose(stop)
        if best_step == last:
            self._look_at(params, last)
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
        since = self.seconds
        state, rows, found = self._evaluate(self.state)
        # the optimizer has not moved on: a longer run goes on as if it never stopped
        self.state = state._replace(opt_state=self.state.opt_state)
        self.log.add(rows, since=since, until=self.seconds)
        return stop if found is None or found is Stop.MAX_STEPS else found

    def _evaluate(self, state: State) -> tuple[State, Rows, Stop | None]:
        """The row of one point, and whether a tolerance holds there."""
        step = int(state.step)
        epoch, batch = self.source.place(step)
        work = self.source.stretch(epoch, batch, 1)
        return self.engine.advance(state, work, max_steps=step)

    def _choose(self, stop: Stop) -> tuple[Any, Any, int]:
        """(params, stats, step) to return: the best seen, fairly judged."""
        state, watch, kept = self.state, self.state.watch, self.kept
        last = (state.params, state.stats, int(state.step))
        restores = self.judge is not None and self.judge.restores
        if kept is not None and (restores or self.source.stochastic):
            best = (kept.params, kept.stats, kept.step)
            return best if restores or stop.failed else last
        # A point where the run came to rest is returned even when rounding alone
        # makes it look no better than the best.
        rests = stop.converged or stop is Stop.PRECISION
        first, best, now = map(
            np.asarray, (watch.first_value, watch.best_value, watch.last.value)
        )
        noise = float(watch.rounding) * np.fmax(abs(first), abs(best))
        if rests and np.isfinite(now) and now <= best + noise:
            return last
        return watch.best_params, state.stats, int(watch.best_step)

    def _measure(self, params: Any, stats: Any) -> tuple[float, float]:
        """(value, gradient norm) at the point to return."""
        if self.judge is not None:
            return self.judge.end(params, stats)
        found = self._evaluate(self.state._replace(params=params))[1]
        last = {name: column[-1] for name, column in found.info.items()}
        return self.sign * float(last["value"]), float(last["grad_norm"])

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


def _next_look(epoch: int) -> int:
    """The first epoch after this one at which a full-batch fit is validated.

    Every epoch up to a thousand, then ever fewer, like the rows of the trace.
    """
    stride = 1 if epoch + 1 < EVERY_STEP else 1 << (((epoch + 1) >> 7).bit_length() - 1)
    return (epoch // stride + 1) * stride


def _norm(params: Any) -> float:
    """The Euclidean norm, without a program compiled for this once."""
    leaves = [np.ravel(np.asarray(leaf, float)) for leaf in jax.tree.leaves(params)]
    return float(np.linalg.norm(np.concatenate(leaves)))
