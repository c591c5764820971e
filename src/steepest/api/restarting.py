"""The door for many starts: restarts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import jax
import numpy as np

from steepest.api.descending import Task, set_up, settings_of
from steepest.api.searching import (
    alone,
    check_count,
    full,
    like,
    row_of,
    sign_of,
    values_at,
)
from steepest.api.surveying import kinds_of
from steepest.core import random
from steepest.core.errors import DataError, UsageError
from steepest.core.numbers import is_number
from steepest.core.tree import leaf_names
from steepest.core.words import plural
from steepest.descent import many
from steepest.descent.many import descend_many
from steepest.diagnosis.case import Better
from steepest.diagnosis.comparing import compared
from steepest.diagnosis.symptoms.local_minimum import LEVEL
from steepest.problems.bounds import Bounds, box
from steepest.problems.foreign import Foreign
from steepest.problems.start import Problem
from steepest.records import Run, Stop, Stopping
from steepest.records.verdict import Kind
from steepest.search import starts as starts_of
from steepest.search.clusters import distinct
from steepest.search.few import FEW, descend_few
from steepest.search.found import Ends, Point, Restarts, came_to_rest
from steepest.search.progress import check_progress, runs_bar
from steepest.search.shapes import domain_of, middle

_RESTING = [stop.code for stop in Stop if came_to_rest(stop)]
_STOPS = {stop.code: stop for stop in Stop}
WAVE = 64
"""Runs between two looks at whether the best minimum was found often enough."""


def restarts(
    objective: Any,
    start: Any = None,
    *,
    bounds: Any = None,
    sampler: starts_of.Sampler | None = None,
    spread: float = 1.0,
    n: int = 100,
    enough: int | None = None,
    keep_bounds: bool = False,
    direction: str = "minimize",
    max_steps: int | None = 1000,
    max_seconds: float | None = None,
    seed: int = 0,
    progress: bool | Literal["auto"] = "auto",
    **options: Any,
) -> Restarts:
    """Descend from many starts at once, and tell the minima that were found.

    Many runs are lanes of one compiled program; up to 8 are made one by one. Each is
    the run that `minimize` makes from its start with escape=False, up to rounding.

    Ends in one basin are one point; each is surveyed, as the end of a single run is,
    so that saddles, plateaus and endless slopes are no minima. Of very many points, or
    where a survey is dear, the best are; `unmeasured` holds the others.

    Args:
        objective: as for `minimize`.
        start: the first start; its shape is that of the params. It may be left out
            where bounds, a sampler or the gallery tell the shape.
        bounds: (low, high) as for `minimize`, all of them finite: where starts are
            drawn, spread evenly by a Latin hypercube. Runs may leave them, unless
            keep_bounds. A function of the gallery brings its own.
        sampler: (NumPy generator, n) -> starts, a tree of arrays with a leading axis
            of n; in place of bounds.
        spread: without bounds and sampler starts are normal about `start`, with this
            standard deviation times max(1, |start|).
        n: how many runs.
        enough: stop when the best minimum has been found again so many times, asked
            every 64 runs; None to make all runs.
        keep_bounds: keep the runs within bounds, as `minimize(bounds=...)` does.
        direction: "minimize" or "maximize".
        max_steps: steps of each run.
        max_seconds: of all runs together.
        seed: of the starts; and of each run, for rules that draw.
        progress: show a progress bar; "auto" when stderr is a terminal.
        **options: every other option of `minimize`: optimizer, learning_rate, gtol,
            ftol, xtol, grad, an optimizer's own numbers.

    Returns:
        Restarts: `minima` and `others` (params, value, how often, kind), `ends` of all
        runs, and `best`, the best run made again alone, with its trace and verdict.

    Raises:
        UsageError: an option that cannot be meant, told before anything is compiled.
        FormulaError, DataError: an objective that cannot be used.

    >>> import steepest as sp
    >>> found = sp.restarts("himmelblau", n=50)
    >>> [round(m.value, 6) + 0.0 for m in found.minima]
    [0.0, 0.0, 0.0, 0.0]
    """
    began = time.perf_counter()
    sign, n = sign_of(direction), check_count("n", n)
    enough = None if enough is None else check_count("enough", enough)
    check_progress(progress)
    random.check_seed(seed)
    own = {"max_steps": max_steps, "max_seconds": max_seconds, "seed": seed}
    names = restarts.__kwdefaults__ or {}
    asked = {**full({**options, **own}, own=names), "escape": False}
    if bounds is None and start is None and sampler is None:
        bounds = domain_of(objective)
    drawn = None if sampler is None else starts_of.sampled(sampler, n, seed)
    first = _first(objective, start, bounds, drawn)
    if keep_bounds:
        if bounds is None:
            raise UsageError("keep_bounds=True: there are no bounds to keep.")
        asked["bounds"] = bounds
    task = set_up(objective, first, sign, **asked)
    drawing = box(bounds, task.problem.start)
    points = _starts(task.problem, drawn, drawing, start, n=n, spread=spread, seed=seed)
    if keep_bounds and drawing is not None:
        points = jax.tree.map(np.clip, points, drawing.low, drawing.high)
    ends, why = _make(task, points, enough, progress)
    return _found(task, objective, points, ends, why, drawing, began)


def _first(objective: Any, start: Any, bounds: Any, drawn: Any) -> Any:
    """A point of the shape of the params, from what tells it."""
    if start is not None:
        return start
    if drawn is not None:
        leaves = jax.tree.map(lambda leaf: leaf[0], drawn)
        return jax.tree.map(lambda x: x if np.ndim(x) else float(x), leaves)
    if bounds is None:
        raise UsageError(
            "restarts: nothing tells where to begin; give bounds=(low, high), a "
            "sampler=, or a start to draw others about."
        )
    return middle(bounds, objective)


def _starts(
    problem: Problem,
    drawn: Any,
    drawing: Bounds | None,
    start: Any,
    *,
    n: int,
    spread: float,
    seed: int,
) -> Any:
    """The starts: a tree of (n, ...) like the problem's own start."""
    first = problem.start
    if drawn is not None:
        return _fitting(drawn, first)
    if drawing is None:
        if not is_number(spread) or not 0 <= spread < np.inf:
            raise UsageError(f"spread={spread!r}: must be >= 0 and finite.")
        return starts_of.around(first, n, float(spread), seed)
    ends = (jax.tree.leaves(drawing.low), jax.tree.leaves(drawing.high))
    for name, low, high in zip(leaf_names(first), *ends, strict=True):
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            raise UsageError(
                f"bounds: {name} has no end on one side; starts are drawn within "
                "bounds, so give both ends."
            )
    points = starts_of.within(drawing, n, seed)
    if start is None:
        return points
    return jax.tree.map(
        lambda rows, x: np.r_[np.asarray(x)[None], rows[1:]], points, first
    )


def _fitting(drawn: Any, first: Any) -> Any:
    """What a sampler drew, where it has the shape of the params."""
    same = jax.tree.structure(drawn) == jax.tree.structure(first)
    pairs = zip(jax.tree.leaves(drawn), jax.tree.leaves(first), strict=False)
    if same and all(rows.shape[1:] == np.shape(x) for rows, x in pairs):
        return drawn
    got = jax.tree.map(lambda rows: rows.shape, drawn)
    need = jax.tree.map(lambda x: ("n", *np.shape(x)), first)
    raise UsageError(f"sampler: drew {got}; the params need {need}.")


def _make(
    task: Task, points: Any, enough: int | None, progress: bool | Literal["auto"]
) -> tuple[many.Ends, str]:
    """All runs, or as many as it takes; and why there are no more."""
    n = len(jax.tree.leaves(points)[0])
    wave = n if enough is None else min(n, WAVE)
    began, parts, why = time.perf_counter(), [], "all runs were made"
    with runs_bar(progress, n) as bar:
        for at in range(0, n, wave):

            def tell(done: many.Progress, before: int = at) -> None:
                task.problem.check()
                bar(done._replace(ended=before + done.ended))

            stopping, most = task.stopping, task.stopping.max_seconds
            if most is not None:
                left = max(0.0, most - (time.perf_counter() - began))
                stopping = replace(stopping, max_seconds=left)
            some = jax.tree.map(lambda rows, at=at: rows[at : at + wave], points)
            room = 0 if enough is None else wave
            made = _descend(task, some, stopping, room, tell)
            parts.append(made)
            task.problem.check()
            cut = _cut(parts[-1])
            if cut is not None:
                why = cut.value
                break
            if enough is not None and _again(task, parts) >= enough:
                why = f"the best point was found again {plural(enough, 'time')}"
                break
    return jax.tree.map(lambda *rows: np.concatenate(rows), *parts), why


def _descend(
    task: Task,
    points: Any,
    stopping: Stopping,
    room: int,
    tell: Callable[[many.Progress], None],
) -> many.Ends:
    """The runs from some points: a pool of lanes, where that is worth its compiling."""
    n = len(jax.tree.leaves(points)[0])
    if max(n, room) <= FEW and not task.problem.foreign:
        return descend_few(task.engine, points, task.key, stopping, tell=tell)
    keys = np.tile(np.asarray(task.key), (n, 1))
    return descend_many(task.engine, points, keys, stopping, room=room, tell=tell)


def _cut(ends: many.Ends) -> Stop | None:
    """What cut the runs short, if anything."""
    for stop in (Stop.INTERRUPTED, Stop.MAX_SECONDS):
        if (ends.code == stop.code).any():
            return stop
    return None


def _again(task: Task, parts: list[many.Ends]) -> int:
    """How often the best point so far was found, beyond the first time."""
    groups = _groups(task, jax.tree.map(lambda *rows: np.concatenate(rows), *parts))
    return len(groups[0]) - 1 if groups else 0


def _groups(task: Task, ends: many.Ends) -> list[list[int]]:
    """The runs that came to rest at a finite value, by the point they came to."""
    rests = np.flatnonzero(np.isin(ends.code, _RESTING) & np.isfinite(ends.value))
    if not len(rests):
        return []
    fn = task.problem.fn
    # where rounding ends a run, as at a kink, the slope does not tell how near it is
    halted = ends.code[rests] == Stop.PRECISION.code
    groups = distinct(
        starts_of.flat(ends.params)[rests],
        task.sign * ends.value[rests],
        np.where(halted, 0.0, ends.grad_norm[rests]),
        lambda rows: values_at(task, rows),
        eps=fn.eps if isinstance(fn, Foreign) else float(np.finfo(float).eps),
    )
    return [rests[group].tolist() for group in groups]


def _found(
    task: Task,
    objective: Any,
    points: Any,
    ends: many.Ends,
    why: str,
    drawing: Bounds | None,
    began: float,
) -> Restarts:
    """What the runs came to, the best first."""
    sign, template = task.sign, task.problem.start
    made = np.flatnonzero(ends.code > 0)
    if not np.isfinite(ends.value[made]).any():
        where = f"{'any of ' if len(made) > 1 else ''}the {plural(len(made), 'start')}"
        raise DataError(
            f"{task.problem.label}: not finite at {where}; draw them where the "
            "function is defined."
        )
    order = made[_ranks(ends, sign)[made].argsort()]
    cut = _cut(ends) is Stop.INTERRUPTED  # then nobody wants to wait
    best = int(order[0])
    return Restarts(
        params=like(template, row_of(ends.params, best)),
        ends=_sorted(ends, order),
        starts=points,
        asked=len(jax.tree.leaves(points)[0]),
        why=why,
        outside=_outside(ends.params, drawing, made),
        seconds=time.perf_counter() - began,
        settings=settings_of(task),
        again=lambda start: _compared(
            alone(objective, like(template, row_of(points, start)), sign, task.asked),
            ends,
            sign,
        ),
        look=lambda: _points(task, points, ends, survey=not cut),
    )


def _compared(run: Run, ends: many.Ends, sign: float) -> Run:
    """The run, told of the best value that others came to rest at."""
    rests = np.isin(ends.code, _RESTING) & np.isfinite(ends.value)
    if not rests.any():
        return run
    values = sign * ends.value[rests]
    best = float(values.min())
    times = int(np.sum(values <= best + LEVEL * max(1.0, abs(best))))
    return compared(run, Better(sign * best, times, int(np.sum(ends.code > 0))))


def _ranks(ends: many.Ends, sign: float) -> Any:
    """(n,) the rank of each run: by its value, of equals first those that rest."""
    rests = np.isin(ends.code, _RESTING)
    columns = starts_of.flat(ends.params).T[::-1]
    return np.lexsort((*columns, ~rests, sign * ends.value)).argsort()


def _points(
    task: Task, starts: Any, ends: many.Ends, *, survey: bool
) -> tuple[Point, ...]:
    """The distinct points that runs came to rest at."""
    template, groups = task.problem.start, _groups(task, ends)
    leaders = [group[0] for group in groups]
    kinds: list[Kind | None] = [None for _ in groups]
    if survey:
        kinds = kinds_of(task, starts, ends, leaders)
    return tuple(
        Point(
            like(template, row_of(ends.params, group[0])),
            float(ends.value[group[0]]),
            len(group),
            group[0],
            kind,
        )
        for group, kind in zip(groups, kinds, strict=True)
    )


def _sorted(ends: many.Ends, order: Any) -> Ends:
    return Ends(
        start=order,
        params=jax.tree.map(lambda rows: rows[order], ends.params),
        value=ends.value[order],
        grad_norm=ends.grad_norm[order],
        steps=ends.steps[order],
        stop=[_STOPS[code] for code in ends.code[order].tolist()],
    )


def _outside(params: Any, drawing: Bounds | None, made: Any) -> int:
    """How many of the runs made ended outside of the bounds."""
    if drawing is None:
        return 0
    low, high = (
        np.concatenate([np.ravel(x) for x in jax.tree.leaves(e)]) for e in drawing
    )
    points = starts_of.flat(params)[made]
    return int(np.sum(((points < low) | (points > high)).any(axis=1)))
