"""The door for settings side by side: race."""

from __future__ import annotations

import reprlib
import time
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np

from steepest.api.descending import (
    Task,
    carry_out,
    check_first,
    escapes,
    judged,
    scout_of,
    set_up,
)
from steepest.api.functions import check_names
from steepest.api.searching import full, sign_of
from steepest.api.tables import fit
from steepest.core.errors import SteepestError, UsageError
from steepest.descent.abreast import descend_abreast
from steepest.diagnosis.comparing import best_of, compared
from steepest.problems.formulas import Formula
from steepest.problems.gallery import Surface
from steepest.problems.start import pose
from steepest.records import Run, Stop, Stopping
from steepest.search.standing import Race
from steepest.steps import settle

Entrants = Mapping[str, Mapping[str, Any]] | Iterable[tuple[str, Mapping[str, Any]]]
FITS = {k: v for k, v in (fit.__kwdefaults__ or {}).items() if k != "hyper"}
"""The options of `fit` and their defaults."""
COMMON = ("start", "direction", "seed", "progress")
"""What no entrant has for itself."""


def race(
    objective: Any,
    start: Any = None,
    entrants: Entrants = (),
    *,
    target: str | None = None,
    direction: str = "minimize",
    seed: int = 0,
    progress: Any = False,
    **common: Any,
) -> Race:
    """Run named settings side by side: optimizers, learning rates, schedules.

    On a function, entrants that differ in numbers alone are lanes of one compiled
    program. On data each entrant is a `fit`, all with the same seed and the same split.

    Args:
        objective: as for `minimize`; or data as for `fit`.
        start: where all begin; left out for data.
        entrants: {name: options}, or pairs (name, options): options of `minimize`, of
            `fit` for data.
        target: the column to predict. Data other than (X, y) is known by it.
        direction: "minimize" or "maximize", for functions.
        seed: the same for all.
        progress: show progress bars of runs that are made one after another.
        **common: options that all share; an entrant's own come first.

    Returns:
        Race: `runs` by name (each a Run with trace and verdict), `order`, `winner`,
        `best`, `table()`; on data the models as `fits`. After Ctrl-C those that had not
        begun are named in `absent`.

    Raises:
        UsageError: options that cannot be meant, with the entrant's name, told before
            anything is compiled; no entrants; two of one name.
        FormulaError, DataError: as `minimize` or `fit`.

    >>> import steepest as sp
    >>> result = sp.race("x**2 + 10*y**2", {"x": 3.0, "y": 4.0},
    ...                  {"slow": dict(learning_rate=0.001),
    ...                   "fast": dict(learning_rate=0.05)},
    ...                  optimizer="gd", max_steps=500)
    >>> result.winner, result.runs["fast"].stop.name
    ('fast', 'GRADIENT_SMALL')
    """
    began, named = time.perf_counter(), _named(entrants)
    sign = sign_of(direction)
    asked = {name: {**common, **own, "seed": seed} for name, own in named.items()}
    shared = {"seed": seed, "direction": direction, "common": _told(common)}
    if _is_data(objective, target):
        if start is not None or sign < 0:
            what = "start" if start is not None else "direction='maximize'"
            raise UsageError(
                f"{what}: is for functions, and this is data; leave it out."
            )
        fits = _fits(objective, target, asked, progress)
        runs = {name: fitted.run for name, fitted in fits.items()}
        scores = {name: _validated(run) for name, run in runs.items()}
    else:
        fits, runs = {}, _runs(objective, start, sign, asked, progress)
        scores = {name: sign * run.value for name, run in runs.items()}
    absent = tuple(name for name in asked if name not in runs)
    return Race(runs, scores, time.perf_counter() - began, shared, fits, absent)


def _named(entrants: Any) -> dict[str, dict[str, Any]]:
    """The entrants' options by name."""
    need = 'give {"name": dict(option=value, ...), ...}'
    pairs = entrants.items() if isinstance(entrants, Mapping) else entrants
    try:
        pairs = [(name, options) for name, options in pairs]
    except SteepestError:  # from whoever makes them
        raise
    except (TypeError, ValueError):
        raise UsageError(f"entrants={_shown(entrants)}: {need}.") from None
    if not pairs:
        raise UsageError(f"race: there are no entrants; {need}.")
    named: dict[str, dict[str, Any]] = {}
    for name, options in pairs:
        if not isinstance(name, str) or not name.strip():
            raise UsageError(
                f"race: entrant {name!r}: its name must be a text; {need}."
            )
        if name in named:
            raise UsageError(f"race: two entrants are called {name!r}; rename one.")
        if not isinstance(options, Mapping):
            raise UsageError(
                f"race: entrant {name!r}: {options!r} are no options; {need}."
            )
        for option in COMMON:
            if option in options:
                raise UsageError(
                    f"race: entrant {name!r}: {option} is for the race as a whole; "
                    f"give {option}= to race itself."
                )
        named[name] = dict(options)
    return named


def _shown(entrants: Any) -> str:
    """Without addresses in memory, which an iterator shows."""
    plain = isinstance(entrants, list | tuple | str | int | float | type(None))
    return reprlib.repr(entrants) if plain else f"<{type(entrants).__name__}>"


def _told(options: Mapping[str, Any]) -> dict[str, Any]:
    plain = (str, int, float, bool, type(None))
    return {k: v if isinstance(v, plain) else str(v) for k, v in options.items()}


def _is_data(objective: Any, target: str | None) -> bool:
    function = isinstance(objective, str | Formula | Surface) or callable(objective)
    return target is not None or not function


def _runs(
    objective: Any, start: Any, sign: float, asked: dict[str, Any], progress: Any
) -> dict[str, Run]:
    """The runs on a function: those of one program together."""
    grads = {id(options.get("grad")): options.get("grad") for options in asked.values()}
    for grad in grads.values():  # what is wrong here is no entrant's fault
        pose(objective, start, grad)
    tasks = {
        name: _blame(name, _task, objective, start, sign, options, progress)
        for name, options in asked.items()
    }
    groups: dict[Any, list[str]] = {}
    for name, task in tasks.items():
        groups.setdefault(_kind(name, task), []).append(name)
    runs: dict[str, Run] = {}
    for names in groups.values():
        members = [tasks[name] for name in names]
        made = _abreast(members) if len(members) > 1 else [carry_out(members[0])]
        runs |= dict(zip(names, made, strict=True))
        if _interrupted(made):  # nobody wants to wait for the others
            break
    best = best_of([*runs.values()])
    if best is not None:
        runs = {name: compared(run, best) for name, run in runs.items()}
    return {name: runs[name] for name in asked if name in runs}


def _interrupted(runs: Iterable[Run]) -> bool:
    return any(run.stop is Stop.INTERRUPTED for run in runs)


def _task(
    objective: Any, start: Any, sign: float, options: dict[str, Any], progress: Any
) -> Task:
    asked = {**full(options, lone=()), "progress": progress}
    return set_up(objective, start, sign, **asked)


def _blame(name: str, door: Any, *given: Any, **options: Any) -> Any:
    """What the door returns; its complaint with the entrant's name in it."""
    try:
        return door(*given, **options)
    except UsageError as error:
        raise UsageError(f"race: entrant {name!r}: {error}") from error


def _kind(name: str, task: Task) -> Any:
    """Tasks of one kind may share a program; some want a loop of their own."""
    asked = task.asked
    if task.problem.foreign or escapes(asked) or asked["save"] is not None:
        return name
    shape = jax.tree.structure((task.engine.numbers, task.engine.limits))
    return task.rule, task.engine.path, task.engine.objective, shape


def _abreast(tasks: list[Task]) -> list[Run]:
    """The runs of tasks of one kind."""
    # one objective and one rule, or each would be a program of its own
    engines = [task.engine for task in tasks]
    states = [task.engine.start(task.problem.start, None, task.key) for task in tasks]
    ends = descend_abreast(engines, states, [task.stopping for task in tasks])
    for task, ended in zip(tasks, ends, strict=True):
        check_first(ended, task.problem)
    return [
        judged(task, ended, scout_of(task))
        for task, ended in zip(tasks, ends, strict=True)
    ]


def _fits(
    data: Any, target: str | None, asked: dict[str, Any], progress: Any
) -> dict[str, Any]:
    """The fits, one after another, their options checked before the first begins."""
    for name, options in asked.items():
        _blame(name, _check_fit, options)
    fits: dict[str, Any] = {}
    for name, options in asked.items():
        given = {"progress": progress, **options}
        fits[name] = _blame(name, fit, data, target, **given)
        if _interrupted([fits[name].run]):
            break
    return fits


def _check_fit(options: dict[str, Any]) -> None:
    """What can be told of a fit's options without its data."""
    hyper = {name: options[name] for name in options if name not in FITS}
    check_names(hyper, FITS)
    given = {**FITS, **options}
    names = ("gtol", "patience", "max_steps", "max_seconds")
    Stopping(**{name: given[name] for name in names}, max_epochs=given["epochs"])
    auto = isinstance(given["optimizer"], str) and given["optimizer"] == "auto"
    settle(
        "adam" if auto else given["optimizer"],
        given["learning_rate"],
        schedule=given["schedule"],
        clip_norm=given["clip_norm"],
        clip_value=given["clip_value"],
        horizons={"step": 1, "epoch": 1},
        **hyper,
    )


def _validated(run: Run) -> float:
    """The best loss on validation rows; without any the training objective."""
    losses = np.asarray(run.trace.validation.loss)
    return float(np.min(losses)) if len(losses) else run.value
