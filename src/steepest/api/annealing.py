"""The door for simulated annealing: anneal."""

from __future__ import annotations

import functools
import time
from typing import Any, Literal

import jax
import numpy as np

from steepest.api.descending import Task, set_up
from steepest.api.searching import alone, check_count, full, like, row_of, sign_of
from steepest.core import random
from steepest.core.errors import DataError, UsageError
from steepest.core.numbers import is_number
from steepest.core.words import plural
from steepest.descent import many
from steepest.descent.many import descend_many
from steepest.problems.bounds import Bounds, box
from steepest.records import Stop
from steepest.search import starts as starts_of
from steepest.search.chains import Annealed, Chains, Ran, unpolished
from steepest.search.progress import check_progress, runs_bar
from steepest.search.shapes import domain_of, middle
from steepest.steps.anneal import LANGEVIN, WALK

PROBES = 64
"""Points whose values tell the first temperature."""
COLD = 1e-4
"""The last temperature over the first, where no cooling is given."""
LEAST = 1e-3
"""The least cooling, which few steps come to."""
CUTS = Stop.INTERRUPTED, Stop.MAX_SECONDS
"""What may end chains before their time."""
FIRST_STEP = 0.1
"""Length of the first proposals over the spread of the probes, each coordinate."""


def anneal(
    objective: Any,
    start: Any = None,
    *,
    bounds: Any = None,
    temperature: float | None = None,
    cooling: float | None = None,
    steps: int = 2000,
    n: int = 16,
    gradient: bool = True,
    polish: bool = True,
    direction: str = "minimize",
    max_seconds: float | None = None,
    seed: int = 0,
    progress: bool | Literal["auto"] = "auto",
    **options: Any,
) -> Annealed:
    """Simulated annealing: chains that may climb, ever less, then a descent.

    y = x - a g + sqrt(2 a T) noise, accepted with probability
    min(1, exp(-(f(y) - f(x)) / T) q(x | y) / q(y | x));   T <- cooling T

    All chains are lanes of one compiled program. A chain without gradient (plain
    annealing) proposes y = x + sqrt(2 a T) noise. a adapts to what is accepted.

    Args:
        objective: as for `minimize`.
        start: where the first chain begins; the others nearby. With bounds it may be
            left out, as for a function of the gallery.
        bounds: (low, high) as for `minimize`, all finite: chains begin anywhere within
            and stay there.
        temperature: T at first, > 0, in units of the objective; None for the standard
            deviation of the values at 64 points around.
        cooling: factor on T at each step, in (0, 1]; None to end at a 10,000th.
        steps: of each chain; each is one evaluation.
        n: how many chains.
        gradient: whether proposals follow the gradient.
        polish: whether the best point of all chains is then descended from.
        direction: "minimize" or "maximize".
        max_seconds: of all chains together; the descent follows all the same.
        seed: of all randomness.
        progress: show a progress bar; "auto" when stderr is a terminal.
        **options: options of `minimize` for that descent.

    Returns:
        Annealed: `best` (the Run of that descent, with its verdict), `chains`, and in
        `ran` how many steps they made and what cut them short, if anything.

    Raises:
        UsageError: an option that cannot be meant, told before anything is compiled.
        FormulaError, DataError: an objective that cannot be used.

    Source: Kirkpatrick, Gelatt, Vecchi 1983, Science 220:671; the proposal: Roberts,
    Tweedie 1996, Bernoulli 2:341, sec. 1.4.2.

    >>> import steepest as sp
    >>> result = sp.anneal("himmelblau", n=4, steps=200)
    >>> result.best.verdict.kind
    'minimum'
    """
    began, sign = time.perf_counter(), sign_of(direction)
    n, steps = check_count("n", n), check_count("steps", steps)
    _check_heat(temperature, cooling)
    check_progress(progress)
    random.check_seed(seed)
    own = anneal.__kwdefaults__ or {}
    asked = full({**options, "seed": seed, "bounds": bounds}, own=own)
    if bounds is None and start is None:
        bounds = asked["bounds"] = domain_of(objective)
    given = start is not None
    if not given:
        if bounds is None:
            raise UsageError(
                "anneal: nothing tells where to begin; give start= or bounds=."
            )
        start = middle(bounds, objective)
    set_up(objective, start, sign, **asked)  # the descent's options, for their checks
    chain = {"max_steps": steps, "max_seconds": max_seconds, "gtol": None}
    chain |= {"seed": seed, "bounds": bounds, "grad": asked["grad"]}
    probe = set_up(objective, start, sign, **full({**chain, "optimizer": "adgd"}))
    points = _probes(probe, bounds, max(n, PROBES), seed, given=given)
    if temperature is None:
        temperature = _heat(probe, points)
    if cooling is None:
        cooling = max(LEAST, float(COLD ** (1 / steps)))
    width = FIRST_STEP * float(np.mean(starts_of.flat(points).std(axis=0)))
    heat = {"temperature": float(temperature), "cooling": float(cooling)}
    chain |= {"optimizer": LANGEVIN if gradient else WALK, **heat}
    chain["learning_rate"] = max(width, 1e-12) ** 2 / (2 * temperature)
    task = set_up(objective, start, sign, **full(chain))
    some = jax.tree.map(lambda rows: rows[:n], points)
    chains, ran = _run(task, some, seed, progress)
    chosen = {"steps": steps, "n": n, "gradient": gradient, "polish": polish}
    if not polish or ran.cut is Stop.INTERRUPTED:  # then nobody wants to wait
        asked["max_steps"] = 0
    first = like(task.problem.start, row_of(chains.params, 0))
    best = alone(objective, first, sign, asked)
    if asked["max_steps"] == 0 and not best.stop.failed:
        best = unpolished(best, ran, chosen)
    settings = {**best.settings, **heat, **chosen}
    return Annealed(best, chains, ran, time.perf_counter() - began, settings)


def _check_heat(temperature: Any, cooling: Any) -> None:
    if temperature is not None and not (
        is_number(temperature) and 0 < temperature < np.inf
    ):
        raise UsageError(
            f"temperature={temperature!r}: must be > 0 and finite, in units of the "
            "objective; leave it out to have it measured."
        )
    if cooling is not None and not (is_number(cooling) and LEAST <= cooling <= 1):
        raise UsageError(
            f"cooling={cooling!r}: must be in [{LEAST:g}, 1]; the temperature is "
            "multiplied by it at each step."
        )


def _probes(task: Task, bounds: Any, n: int, seed: int, *, given: bool) -> Any:
    """Points around: chains begin at the first of them."""
    first = task.problem.start
    drawing: Bounds | None = box(bounds, first)
    if drawing is None:
        return starts_of.around(first, n, 1.0, seed)
    if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(drawing)):
        raise UsageError("bounds: give both ends of each; chains begin within them.")
    points = starts_of.within(drawing, n, seed)
    if not given:
        return points
    return jax.tree.map(
        lambda rows, x: np.r_[np.asarray(x)[None], rows[1:]], points, first
    )


def _heat(task: Task, points: Any) -> float:
    """A first temperature: at it, most steps between two of the points are accepted."""
    with task.engine.scope():
        values = np.asarray(_values(task.problem.fn, points))
    task.problem.check()
    values = values[np.isfinite(values)]
    if not len(values):
        raise DataError(
            f"{task.problem.label}: not finite at any of {PROBES} points around; begin "
            "where the function is defined."
        )
    return float(max(values.std(), 1e-3 * max(1e-3, np.abs(values).max())))


@functools.partial(jax.jit, static_argnums=0)
def _values(fn: Any, points: Any) -> Any:
    return jax.vmap(fn)(points)


def _run(
    task: Task, points: Any, seed: int, progress: bool | Literal["auto"]
) -> tuple[Chains, Ran]:
    """The chains, the best first, and how they were run."""
    n = len(jax.tree.leaves(points)[0])
    keys = np.asarray(jax.random.split(random.key(seed), n))
    with runs_bar(progress, n) as bar:

        def tell(done: many.Progress) -> None:
            task.problem.check()
            bar(done)

        ends = descend_many(task.engine, points, keys, task.stopping, tell=tell)
    task.problem.check()
    lost = int(np.sum(ends.code == Stop.NONFINITE.code))
    seen = np.where(np.isfinite(ends.value), task.sign * ends.value, np.inf)
    order = np.argsort(seen, kind="stable")[: int(np.isfinite(seen).sum())]
    if not len(order):
        where = f"{'any of ' if n > 1 else ''}the {plural(n, 'chain')}"
        raise DataError(
            f"{task.problem.label}: not finite where {where} began; begin where the "
            "function is defined."
        )
    params, value, step = jax.tree.map(
        lambda rows: rows[order], (ends.params, ends.value, ends.best_step)
    )
    cut = next((stop for stop in CUTS if (ends.code == stop.code).any()), None)
    return Chains(params, value, step), Ran(int(ends.steps.max()), lost, cut)
