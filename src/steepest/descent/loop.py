"""THE loop. It advances, records, asks why to stop, tells the watchers, repeats.

It knows nothing of rules, losses, tables or pictures.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence

import jax
import numpy as np

from steepest.descent.ends import end_of
from steepest.descent.log import Log
from steepest.descent.pace import Pace
from steepest.descent.parts import Ended, Engine, Event, Judge, Leg, Watcher
from steepest.descent.rows import EVERY_STEP
from steepest.descent.signals import listening
from steepest.descent.snapshot import (
    Kept,
    Snapshot,
    layers_from,
    numbered,
    path_from,
    restored,
    rows_from,
)
from steepest.descent.sources import ENDLESS, START, Mark, Source, Stretch
from steepest.records.layers import array_of
from steepest.records.state import Cursor, State
from steepest.records.stop import Stop, Stopping

ESCAPES = 10
"""How often a run may go on from elsewhere."""
CLIMB = 1e3
"""Divergence on a table: an epoch's loss this many times the loss at the start."""


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
    resume: Snapshot | None = None,
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
        resume: what the same descent, all else being equal, goes on from.

    Returns:
        The returned point (best seen; a table: best on validation where its judge says
        so), the last state, the trace and the cause of the stop.

    Raises:
        DataError: a snapshot of another descent.
    """
    with contextlib.ExitStack() as stack:
        for watcher in watchers:
            watcher.open()
            stack.callback(watcher.close)
        interrupted = stack.enter_context(listening())
        descent = Descent(engine, source, state, stopping, judge, escape)
        if resume is None:
            with engine.scope():
                descent.begin()
        else:
            descent.go_on(resume, then)
        for number, leg in enumerate((None, *then)):
            if number < descent.leg:
                continue
            if number > descent.leg and not (leg and descent.hand_on(leg)):
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
        self.leg, self.mark = 0, START

    def begin(self) -> None:
        """Judge the start."""
        if self.looks:
            self.look()
        if self.last_step == 0:
            self.stop = self._budget(interrupted=False)

    def go_on(self, snapshot: Snapshot, then: Sequence[Leg]) -> None:
        """Be as a snapshot tells, in place of beginning."""
        arrays, info = snapshot
        likes = {0: self.state}
        for number in {info["leg"], (info["kept"] or info)["leg"]} - {0}:
            likes[number] = self._anew(then[number - 1].engine)
        if info["leg"]:
            self._take_over(then[info["leg"] - 1], Mark(*info["mark"]))
            self.leg = info["leg"]
        self.engine.recall(info["memory"])
        self.state = restored(arrays, "state", likes[self.leg])
        path = path_from(arrays, self.state.params)
        layers = layers_from(snapshot)
        self.log.restore(rows_from(arrays), path, arrays["judged"], layers)
        if (kept := info["kept"]) is not None:
            like = likes[kept["leg"]]
            best = restored(arrays, "kept", (like.params, like.stats))
            self.kept = Kept(*best, **kept)
        self.escapes, self.began = info["escapes"], self.began - info["seconds"]
        self.stop = self._budget(interrupted=False)

    def snapshot(self) -> Snapshot:
        """All that `go_on` needs, between two stretches."""
        rows, path = self.log.so_far()
        layers, seen = self.log.layers, {}
        if layers is not None:
            seen = numbered("layers", (layers.step, array_of(layers)))
        kept, best = self.kept, {}
        if kept is not None:
            best = numbered("kept", (kept.params, kept.stats))
        arrays = {
            **numbered("state", self.state),
            **numbered("rows", rows),
            **numbered("path", path),
            **seen,
            **best,
            "judged": np.array(self.log.judged, float).reshape(-1, 3),
        }
        told = None if kept is None else kept._asdict()
        info = {
            "leg": self.leg,
            "mark": list(map(int, self.mark)),
            "memory": self.engine.memory(),
            "kept": told and {k: told[k] for k in ("loss", "step", "epoch", "leg")},
            "escapes": self.escapes,
            "seconds": self.seconds,
            "layers": None if layers is None else list(layers.names),
        }
        return Snapshot(arrays, info)

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
        step = int(self.state.step)
        mark = Mark(step, self.source.epoch_at(step), self.source.samples_at(step))
        state = self._anew(leg.engine)
        self._take_over(leg, mark)
        self.leg += 1
        self.state = self._with_cursor(state._replace(step=np.int32(step)))
        self.per_step, self.pace = 0.0, Pace()
        self.stop = self._budget(interrupted=False)
        return True

    def _anew(self, engine: Engine) -> State:
        """The State of another engine before its first step, at the point."""
        return engine.start(self.state.params, self.state.stats, self.state.key)

    def _take_over(self, leg: Leg, mark: Mark) -> None:
        self.engine, self.stopping, self.mark = leg.engine, leg.stopping, mark
        self.source = self.log.source = leg.source(mark)

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
            stop = self.look()
        if stop is not None and (stop.converged or stop is Stop.PRECISION):
            stop = self._leave(stop)
        self.stop = stop or self._budget(interrupted=interrupted())
        told = self.state, recorded, rows.path, self.log, until, self.stop
        return Event(*told, self.snapshot, rows.layers)

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
        grain = self.engine.grain  # never where the clock alone would cut
        steps = -(-(step + max(steps, 1)) // grain) * grain - step
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

    def look(self) -> Stop | None:
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
            best = state.params, state.stats, float(loss), step, epoch
            self.kept = Kept(*best, self.leg)
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

    def _training_loss(self, epoch: int) -> float:
        """Mean loss over the batches of an epoch, +inf before the first."""
        if epoch < 0:
            return np.inf
        watch, loss = self.state.watch, self.log.epoch_loss(epoch)
        # Late rows span several epochs: then the batches since the last row must do.
        return float(watch.total / watch.values) if loss is None else loss

    def end(self) -> Ended:
        """Choose the point to return and close the trace on it."""
        return end_of(self)


def _next_look(epoch: int) -> int:
    """The first epoch after this one at which a full-batch fit is validated.

    Every epoch up to a thousand, then ever fewer, like the rows of the trace.
    """
    stride = 1 if epoch + 1 < EVERY_STEP else 1 << (((epoch + 1) >> 7).bit_length() - 1)
    return (epoch // stride + 1) * stride
