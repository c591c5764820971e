"""The end of a run: which point is returned, and the row that closes the trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from steepest.descent.jax_engine import Rows
from steepest.descent.parts import Ended
from steepest.problems.models.base import leaves_by_name
from steepest.records.offender import Offender, first_offender
from steepest.records.state import State
from steepest.records.stop import Stop

if TYPE_CHECKING:
    from steepest.descent.loop import Descent


def end_of(run: Descent) -> Ended:
    """Choose the point to return and close the trace on it."""
    assert run.stop is not None  # noqa: S101  the loop ends with a cause
    stop, last = run.stop, int(run.state.step)
    if run.log.judged and run.log.judged[-1][1] != last and not stop.failed:
        run.look()  # what came after the last whole epoch may be the best
    if not run.source.stochastic and run.log.last_step != last:
        stop = _judge_last(run, stop)
    judged = run.log.last_step == last
    if stop is Stop.NONFINITE:
        run.log.offender = _offender(run)
    params, stats, best_step = _choose(run, stop)
    if best_step == last:
        _look_at(run, params, last)
    if judged and best_step == last and not run.source.stochastic:
        value, grad_norm = run.log.last_point()
    else:
        value, grad_norm = _measure(run, params, stats)
        closing = _closing(run, value, grad_norm, params)
        run.log.close(closing, params, replace=judged)
    return Ended(
        params,
        stats,
        value,
        grad_norm,
        best_step,
        run.state,
        run.log.trace(),
        stop,
        run.seconds,
    )


def _judge_last(run: Descent, stop: Stop) -> Stop:
    """Evaluate where a budget of the loop cut the run; a tolerance may hold."""
    since = run.seconds
    state, rows, found = _evaluate(run, run.state)
    # the optimizer has not moved on: a longer run goes on as if it never stopped
    run.state = state._replace(opt_state=run.state.opt_state)
    run.log.add(rows, since=since, until=run.seconds)
    return stop if found is None or found is Stop.MAX_STEPS else found


def _offender(run: Descent) -> Offender:
    """What was not finite first where a run ended by it: the State is still there."""
    state = run.state
    step, last = int(state.step), state.watch.last
    params, grads = (_named(one) for one in jax.device_get((state.params, last.grad)))
    found = first_offender(params, run.sign * float(last.value), grads, step)
    if found is not None:
        return found
    judged = run.log.judged
    if judged and not np.isfinite(judged[-1][2]):
        return Offender("validation", "", step, str(judged[-1][2]))
    return Offender("parameter", "", step + 1, "inf or nan")  # a step not kept


def _named(params: Any) -> dict[str, Any]:
    """The arrays by name."""
    if jax.tree_util.all_leaves([params]):
        return {"params": params}
    return leaves_by_name(params)


def _evaluate(run: Descent, state: State) -> tuple[State, Rows, Stop | None]:
    """The row of one point, and whether a tolerance holds there."""
    step = int(state.step)
    epoch, batch = run.source.place(step)
    work = run.source.stretch(epoch, batch, 1)
    return run.engine.advance(state, work, max_steps=step)


def _choose(run: Descent, stop: Stop) -> tuple[Any, Any, int]:
    """(params, stats, step) to return: the best seen, fairly judged."""
    state, watch, kept = run.state, run.state.watch, run.kept
    last = (state.params, state.stats, int(state.step))
    restores = run.judge is not None and run.judge.restores
    if kept is not None and (restores or run.source.stochastic):
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


def _measure(run: Descent, params: Any, stats: Any) -> tuple[float, float]:
    """(value, gradient norm) at the point to return."""
    if run.judge is not None:
        return run.judge.end(params, stats)
    found = _evaluate(run, run.state._replace(params=params))[1]
    last = {name: column[-1] for name, column in found.info.items()}
    return run.sign * float(last["value"]), float(last["grad_norm"])


def _closing(
    run: Descent, value: float, grad_norm: float, params: Any
) -> dict[str, Any]:
    step = int(run.state.step)
    return {
        "step": step,
        "epoch": run.source.epoch_at(step),
        "samples": run.source.samples_at(step),
        "seconds": run.seconds,
        "value": value,
        "grad_norm": grad_norm,
        "param_norm": _norm(params),
        "evals": step + 1,
        "finite": True,
    }


def _look_at(run: Descent, params: Any, step: int) -> None:
    """Judge the point to return, where the best was judged in place of a trial."""
    judged = run.log.judged
    if not (judged and judged[-1][1] == step and run.engine.searches):
        return
    if run.judge is not None:
        loss = run.judge.epoch(run.state._replace(params=params))
        if loss is not None:
            judged[-1] = (judged[-1][0], step, loss)


def _norm(params: Any) -> float:
    """The Euclidean norm, without a program compiled for this once."""
    leaves = [np.ravel(np.asarray(leaf, float)) for leaf in jax.tree.leaves(params)]
    return float(np.linalg.norm(np.concatenate(leaves)))
