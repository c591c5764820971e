"""The end of a descent whose kinks were rounded off: its value, and what is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from steepest.descent.parts import Ended
from steepest.descent.rounded import RoundedEngine
from steepest.diagnosis.rounding import Gap
from steepest.problems.bounds import free_slope
from steepest.records.state import State
from steepest.records.stop import Stop
from steepest.records.trace import Trace


def exact_end(way: Any, ended: Ended) -> tuple[Ended, Gap | None]:
    """(what the loop handed back, its last value without rounding; the Gap there).

    Args:
        way: the Parts that the loop was given.
        ended: what it handed back, before its params are put in another shape.

    Returns:
        The same and None where nothing was rounded, or the run ended before.
    """
    engine = way.then[0].engine if way.then else way.engine
    state = ended.state
    if not isinstance(engine, RoundedEngine) or isinstance(state.params, dict):
        return ended, None
    value, _ = way.judge.end(ended.params, ended.stats)
    rows = ended.trace.rows
    values = np.array(rows.value)
    values[-1] = value
    trace = Trace(rows._replace(value=values), ended.trace.validation, ended.trace.path)
    return ended._replace(value=value, trace=trace), gap_of(engine, state)


def gap_of(engine: RoundedEngine, state: State) -> Gap:
    """How much lower than at a state the minimum may be.

    Args:
        engine: that made its steps.
        state: after the last of them.
    """
    point, grad = np.asarray(state.params), np.asarray(state.watch.last.grad)
    bounds = engine.numbers["bounds"]
    slope = np.asarray(free_slope(grad, point, bounds))
    return Gap(
        value=float(state.watch.last.value),
        added=engine.added,
        slope=float(np.linalg.norm(slope)),
        steep=0.0 if bounds is None else float(np.linalg.norm(grad)),
        size=float(np.linalg.norm(point)),
    )


def escape_of(engine: Any) -> Callable[[State, Stop], State | None] | None:
    """What the loop asks where a tolerance holds: there may be a narrower width.

    Args:
        engine: of the steps on all rows.
    """
    if not isinstance(engine, RoundedEngine):
        return None

    def escape(state: State, stop: Stop) -> State | None:
        narrower = engine.narrow(state)
        if narrower is not None or stop is not Stop.VALUE_FLAT:
            return narrower
        return None if gap_of(engine, state).closed else engine.look_longer(state)

    return escape
