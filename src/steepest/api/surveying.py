"""What kind of point runs came to: each of the distinct ends surveyed once."""

from __future__ import annotations

import functools
import time
from typing import Any

import jax
import numpy as np

from steepest.api.descending import Task, settings_of
from steepest.api.searching import like, row_of
from steepest.core import tree
from steepest.descent.many import Ends
from steepest.diagnosis import judge_point, on_bounds, survey
from steepest.diagnosis.probes.differences import quiet
from steepest.problems.bounds import free_slope
from steepest.problems.foreign import Foreign
from steepest.records import Row, Stop, Trace
from steepest.records.verdict import Kind

LEAST, MOST = 20, 256
"""Ends that are surveyed, the best: LEAST where each value is a call of the user's or
the Hessian is large, MOST where a survey takes a millisecond or two."""
ENTRIES = 1 << 18
"""Entries that the Hessians of all surveys may have together."""
SECONDS = 2.0
"""After so long no survey begins beyond the first LEAST: the function is dear."""


def kinds_of(task: Task, starts: Any, ends: Ends, runs: list[int]) -> list[Kind | None]:
    """The kind of point that each of some runs ended at, as its own verdict has it.

    Args:
        task: from `set_up`.
        starts: a tree of (n, ...): where the runs began.
        ends: where they ended.
        runs: which of them, the best first.

    Returns:
        A kind for each, None beyond those that can be surveyed in short time.
    """
    settings, began = settings_of(task), time.perf_counter()
    kinds: list[Kind | None] = []
    for run in runs[: _most(task)]:
        if len(kinds) >= LEAST and time.perf_counter() - began > SECONDS:
            break
        kinds.append(_kind(task, settings, row_of(starts, run), row_of(ends, run)))
    return kinds + [None] * (len(runs) - len(kinds))


def _most(task: Task) -> int:
    """How many ends are surveyed at most."""
    if task.problem.foreign:
        return LEAST
    entries = tree.size(task.problem.start) ** 2
    return max(LEAST, min(MOST, ENTRIES // entries))


def _kind(task: Task, settings: dict[str, Any], start: Any, end: Ends) -> Kind:
    """The kind in the verdict on one run."""
    stop = Stop.from_code(int(end.code))
    assert stop is not None  # noqa: S101  only runs that were made are asked for
    params = like(task.problem.start, end.params)
    with task.engine.scope():
        first = _seen(task, like(task.problem.start, start))
        around = survey(task.problem.fn, params, sign=task.sign, bounds=task.bounds)
    trace = _two_rows(first, (float(end.value), float(end.grad_norm)), end)
    held = on_bounds(params, task.bounds)
    return judge_point(stop, trace, *around, settings=settings, held=held).kind


def _two_rows(
    first: tuple[float, float], last: tuple[float, float], end: Ends
) -> Trace:
    """The first and the last row of a run; what its path alone would tell is nan."""
    size = float(np.linalg.norm(tree.flat(end.params)))
    values, slopes = np.array([first, last]).T
    unknown = Row(*(np.full(2, np.nan) for _ in Row._fields))
    return Trace(
        unknown._replace(
            step=np.array([0, int(end.steps)]),
            value=values,
            grad_norm=slopes,
            param_norm=np.array([np.nan, size]),
            finite=np.ones(2, bool),
        )
    )


def _seen(task: Task, params: Any) -> tuple[float, float]:
    """(value, norm of the slope) at a point."""
    fn = task.problem.fn
    if isinstance(fn, Foreign):
        layout = fn.layout
        flat = layout.flat(params)
        value = float(quiet(fn.value_at, flat))
        grad = layout.tree(quiet(fn.gradient_at, flat, flat.shape))
    else:
        value, grad = _value_and_grad(fn, params)
    slope = free_slope(jax.tree.map(lambda g: task.sign * g, grad), params, task.bounds)
    return float(value), float(np.linalg.norm(tree.flat(slope)))


@functools.partial(jax.jit, static_argnums=0)
def _value_and_grad(fn: Any, params: Any) -> Any:
    return jax.value_and_grad(fn)(params)
