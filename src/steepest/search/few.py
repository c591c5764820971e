"""Few runs: one after the other through the program of a single run.

The pool for many runs takes twice as long to compile, which few runs do not win back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from steepest.descent.jax_engine import JaxEngine
from steepest.descent.loop import descend
from steepest.descent.many import Ends, Progress
from steepest.descent.parts import Ended
from steepest.descent.sources import FunctionSource
from steepest.records.stop import Stop, Stopping

FEW = 8
"""Up to so many runs."""


def descend_few(
    engine: JaxEngine,
    starts: Any,
    key: Any,
    stopping: Stopping,
    *,
    tell: Callable[[Progress], None] = lambda done: None,  # noqa: ARG005
) -> Ends:
    """Make every run by itself, and hand back what `descend_many` does.

    Args:
        engine: of a function that jax can trace.
        starts: a tree of arrays (n, ...): where each run begins.
        key: randomness of each run, for rules that draw.
        stopping: as for `descend_many`: `max_seconds` holds for all together.
        tell: called after each run.

    Returns:
        Where the runs ended. Runs that a budget or Ctrl-C never let begin have code 0.
    """
    n, sign = len(jax.tree.leaves(starts)[0]), engine.objective.sign
    began, ended = time.perf_counter(), []
    for k in range(n):
        start = jax.tree.map(lambda rows, k=k: rows[k], starts)
        left = _left(stopping, time.perf_counter() - began)
        state = engine.start(start, None, key)
        ended.append(descend(engine, FunctionSource(), state, left))
        best = min(sign * _value(one, sign) for one in ended)
        tell(Progress(k + 1, sign * best if np.isfinite(best) else np.nan))
        if ended[-1].stop in (Stop.INTERRUPTED, Stop.MAX_SECONDS):
            break
    return _ends(ended, starts, sign)


def _left(stopping: Stopping, elapsed: float) -> Stopping:
    """What is left of the budgets after so many seconds."""
    most = stopping.max_seconds
    if most is None:
        return stopping
    return replace(stopping, max_seconds=max(0.0, most - elapsed))


def _value(ended: Ended, sign: float) -> float:
    """The value returned; inf (climbing: -inf) where none was finite."""
    return ended.value if np.isfinite(ended.value) else sign * np.inf


def _ends(ended: list[Ended], starts: Any, sign: float) -> Ends:
    """The ends as columns, those of runs that did not begin at their starts."""
    n = len(jax.tree.leaves(starts)[0])
    params = jax.tree.map(lambda rows: np.array(rows, float), starts)
    value, grad_norm = np.full(n, sign * np.inf), np.full(n, np.nan)
    best_step, steps, code = (np.zeros(n, np.int32) for _ in range(3))
    for k, one in enumerate(ended):
        for rows, leaf in zip(*map(jax.tree.leaves, (params, one.params)), strict=True):
            rows[k] = leaf
        value[k], grad_norm[k] = _value(one, sign), one.grad_norm
        best_step[k], steps[k] = one.best_step, int(one.state.step)
        code[k] = one.stop.code
    return Ends(params, value, grad_norm, best_step, steps, code)
