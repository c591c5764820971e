"""The doors for functions: minimize and maximize."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np

from steepest.api.runs import make_run
from steepest.core import random, tree
from steepest.core.errors import DataError, UsageError
from steepest.core.plain import tree_to_json
from steepest.descent.jax_engine import JaxEngine
from steepest.descent.loop import Ended, Watcher, descend
from steepest.descent.sources import FunctionSource
from steepest.descent.watchers import TraceFile, progress_bar
from steepest.diagnosis import Curvature, Way, judge_point, overshoots, survey
from steepest.problems.objectives import FunctionObjective
from steepest.problems.start import Problem, pose
from steepest.records import Run, Stop, Stopping
from steepest.records.folder import run_folder, save_run
from steepest.steps import settle

AUTO = "adgd"
"""What optimizer="auto" stands for on a function: it needs no learning rate."""
PATH_LIMIT = 1000
"""With more params than this the path is recorded only when asked for."""


def minimize(
    objective: Any,
    start: Any = None,
    *,
    optimizer: Any = "auto",
    learning_rate: float | None = None,
    schedule: Any = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    gtol: float | None = 1e-6,
    ftol: float | None = None,
    xtol: float | None = None,
    target: float | None = None,
    patience: int | None = None,
    max_steps: int | None = 10_000,
    max_seconds: float | None = None,
    record_path: bool | Literal["auto"] = "auto",
    seed: int = 0,
    progress: bool | Literal["auto"] = "auto",
    save: str | Path | None = None,
    **hyper: Any,
) -> Run:
    """Walk downhill from a start until a tolerance or a budget says stop.

    x <- x - learning_rate * gradient(x), or what the optimizer makes of it.

    Args:
        objective: a formula ("x**2 + x*y"), the name of a gallery function
            ("rosenbrock"), or a function of one tree of arrays written with jax.numpy.
        start: where to begin; params come back in its shape. A dict of variables for
            a formula; may be left out for a gallery function.
        optimizer: "auto" (needs no learning rate), a name of steepest.OPTIMIZERS, or
            any Optax GradientTransformation.
        learning_rate: step length per unit of gradient, > 0. Given with
            optimizer="auto", plain gd takes it.
        schedule: how the rate changes, such as "inverse_time:decay=0.01", "cosine",
            "milestones:at=30/60/90", "warmup:over=10"; or a function step -> rate.
        clip_norm: shorten gradients longer than this.
        clip_value: cut gradient entries to [-clip_value, clip_value].
        gtol: stop when the gradient norm is at most this.
        ftol: stop when a step changes the value by at most ftol * max(1, |value|).
        xtol: stop when a step is at most xtol * max(1, |params|) long.
        target: stop when the value is at most this.
        patience: stop after this many steps without a new best value.
        max_steps: updates at most; None for no limit.
        max_seconds: wall-clock seconds at most, compilation included.
        record_path: keep the params of every row; "auto" up to 1,000 params.
        seed: kept with the run, for rules that draw random numbers.
        progress: show a progress bar; "auto" when stderr is a terminal.
        save: folder to keep the run in (run.json, trace.jsonl).
        **hyper: the optimizer's other numbers, such as momentum=0.9.

    Returns:
        A Run: params (the best point seen), value, stop, verdict, trace.

    Raises:
        UsageError: an option that cannot be meant.
        FormulaError, DataError: an objective that cannot be used.

    >>> import steepest as sp
    >>> run = sp.minimize("x**2 + x*y + y**2", {"x": 3.0, "y": 4.0},
    ...                   optimizer="gd", learning_rate=0.1, gtol=1e-6, max_steps=100)
    >>> run.stop.name, run.steps, round(float(run.trace.value[1]), 4)
    ('MAX_STEPS', 100, 18.21)
    """
    asked = {k: v for k, v in locals().items() if k not in ("objective", "start")}
    return _descend(objective, start, 1.0, **asked)


def maximize(objective: Any, start: Any = None, **options: Any) -> Run:
    """Walk uphill: gradient ascent, x <- x + learning_rate * gradient(x).

    Args:
        objective: as for `minimize`; its largest value is sought.
        start: as for `minimize`.
        **options: every option of `minimize`; `target` is a value to reach from below.

    Returns:
        A Run in the function's own sign: value is the maximum found.

    Raises:
        UsageError, FormulaError, DataError: as `minimize`.

    >>> import steepest as sp
    >>> run = sp.maximize("-(x - 1)**2 + 3", {"x": 0.0})
    >>> round(run.value, 6), round(run.params["x"], 6)
    (3.0, 1.0)
    """
    given = {**_DEFAULTS, **options}
    hyper = {k: given.pop(k) for k in list(given) if k not in _DEFAULTS}
    return _descend(objective, start, -1.0, hyper=hyper, **given)


# what editors and help() show: the options are those of minimize
maximize.__signature__ = inspect.signature(minimize)  # type: ignore[attr-defined]
_DEFAULTS: dict[str, Any] = {
    name: default
    for name, default in (minimize.__kwdefaults__ or {}).items()
    if name != "hyper"
}


def _descend(objective: Any, start: Any, sign: float, **asked: Any) -> Run:
    hyper = asked.pop("hyper")
    stopping = Stopping(
        **{k: asked[k] for k in Stopping.__dataclass_fields__ if k in asked}
    )
    auto = isinstance(asked["optimizer"], str) and asked["optimizer"] == "auto"
    optimizer = asked["optimizer"]
    if auto:
        optimizer = AUTO if asked["learning_rate"] is None else "gd"
    rule, numbers = settle(
        optimizer,
        asked["learning_rate"],
        schedule=asked["schedule"],
        clip_norm=asked["clip_norm"],
        clip_value=asked["clip_value"],
        horizons={"step": stopping.max_steps},
        **hyper,
    )
    key = random.key(asked["seed"])
    problem = pose(objective, start)
    path = asked["record_path"]
    if path not in (True, False, "auto"):
        raise UsageError(f"record_path={path!r}: must be True, False or 'auto'.")
    if path == "auto":
        path = tree.size(problem.start) <= PATH_LIMIT
    engine = JaxEngine(
        FunctionObjective(problem.fn, sign),
        rule,
        {**numbers, "objective": {}},
        stopping.limits(sign),
        path=bool(path),
        stochastic=False,
        precision="float64",
    )
    watchers: list[Watcher] = list(progress_bar(asked["progress"], stopping))
    state = engine.start(problem.start, None, key)
    with run_folder(asked["save"]) as folder:
        if folder is not None:
            watchers.append(TraceFile(folder))
        ended = descend(engine, FunctionSource(), state, stopping, watchers=watchers)
        _check_first(ended, problem)
    settings = _settings(problem, rule, numbers, asked, sign, auto=auto)
    run = _run(ended, problem, engine, settings)
    if folder is not None:
        save_run(run, folder)
    return run


def _check_first(ended: Ended, problem: Problem) -> None:
    if ended.stop is Stop.NONFINITE and int(ended.state.step) == 0:
        first = ended.trace.value[0]
        what = "the objective" if not np.isfinite(first) else "its gradient"
        raise DataError(
            f"{problem.label}: {what} is not finite at the start; "
            "start where the function is defined and smooth."
        )


def _settings(
    problem: Problem,
    rule: Any,
    numbers: dict[str, Any],
    asked: dict[str, Any],
    sign: float,
    *,
    auto: bool,
) -> dict[str, Any]:
    """What was asked and what was chosen, as plain data."""
    rate = None if rule.optimizer.learning_rate is None else numbers["learning_rate"]
    schedule = asked["schedule"]
    settings = {
        "objective": problem.label,
        "direction": "minimize" if sign > 0 else "maximize",
        "start": tree_to_json(problem.start)[0],
        "optimizer": rule.optimizer.name,
        "optimizer_chosen": "auto" if auto else "asked",
        "learning_rate": None if rule.rate_of is not None else rate,
        "schedule": str(schedule) if schedule is not None else None,
        **numbers["hyper"],
        **numbers["clips"],
    }
    names = ("gtol", "ftol", "xtol", "target", "patience", "max_steps", "max_seconds")
    return {
        **settings,
        **{name: asked[name] for name in names},
        "seed": asked["seed"],
        "precision": "float64",
    }


def _run(
    ended: Ended,
    problem: Problem,
    engine: JaxEngine,
    settings: dict[str, Any],
) -> Run:
    curvature, way = _curvature(ended, problem, engine)
    verdict = judge_point(ended.stop, ended.trace, curvature, way, settings=settings)
    params = _like(problem.start, ended.params)
    return make_run(ended, params=params, verdict=verdict, settings=settings)


def _curvature(
    ended: Ended, problem: Problem, engine: JaxEngine
) -> tuple[Curvature | None, Way | None]:
    """Measured where the verdict asks for it: at ends that claim something."""
    sign = engine.objective.sign
    if ended.stop in (Stop.INTERRUPTED, Stop.TARGET):
        return None, None
    if ended.stop.budget and not overshoots(ended.trace, climbs=sign < 0):
        return None, None
    with engine.scope():
        return survey(problem.fn, ended.params, sign=sign)


def _like(start: Any, params: Any) -> Any:
    """Params in the shape of the start: numbers for numbers, arrays for arrays."""
    return jax.tree.map(
        lambda old, new: float(new) if isinstance(old, float) else np.array(new),
        start,
        params,
    )
