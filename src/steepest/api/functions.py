"""The doors for functions: minimize and maximize."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from steepest.api.again import Again
from steepest.api.descending import carry_out, set_up
from steepest.api.keeping import record_of
from steepest.core.errors import UsageError
from steepest.core.suggest import did_you_mean
from steepest.records import Run
from steepest.steps import OPTIMIZERS
from steepest.steps.rule import takers


def minimize(
    objective: Any,
    start: Any = None,
    *,
    grad: Any = None,
    bounds: Any = None,
    optimizer: Any = "auto",
    learning_rate: float | str | None = None,
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
    escape: bool | Literal["auto"] = "auto",
    record_path: bool | Literal["auto"] = "auto",
    seed: int = 0,
    progress: bool | Literal["auto"] = "auto",
    save: str | Path | None = None,
    checkpoint_seconds: float | None = 30.0,
    **hyper: Any,
) -> Run:
    """Walk downhill from a start until a tolerance or a budget says stop.

    x <- x - learning_rate * gradient(x), or what the optimizer makes of it.

    Args:
        objective: a formula ("x**2 + x*y"), the name of a gallery function
            ("rosenbrock"), or a function of one tree of arrays: written with
            jax.numpy, or any that takes NumPy arrays.
        start: where to begin; params come back in its shape. A dict of variables for
            a formula; may be left out for a gallery function.
        grad: the function's gradient, params -> a tree like them, checked at the start.
            None: jax's own, or central differences where jax cannot trace the function.
        bounds: (low, high), each one number or a tree like the start, None where there
            is no end; {"x": (low, high)} by name; or SciPy's list of pairs. Steps are
            projected on them.
        optimizer: "auto" (needs no learning rate: bfgs, lbfgs from 200 params on, bb
            within bounds), a name of steepest.OPTIMIZERS, or any Optax
            GradientTransformation.
        learning_rate: step length per unit of gradient, > 0; "backtracking" lets gd,
            momentum and nesterov find it. Given with optimizer="auto", plain gd
            takes it.
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
        escape: go on from an end that is not the best point in sight, up to ten times:
            out of a saddle along its negative curvature, or across a ridge to a better
            point that a look around shows. "auto": where the optimizer is left to us.
        record_path: keep the params of every row; "auto" up to 1,000 params.
        seed: kept with the run, for rules that draw random numbers.
        progress: show a progress bar; "auto" when stderr is a terminal.
        save: folder to keep the run in (run.json, trace.jsonl); `resume` goes on from
            there, should the run be killed or interrupted.
        checkpoint_seconds: time between two checkpoints there, more where writing
            them would take over a fortieth of it; None for none by the clock.
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
    check_options(asked)
    return _walked(minimize, objective, start, asked)


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
    asked = {**given, "hyper": hyper}
    check_options(asked)
    return _walked(maximize, objective, start, asked)


def _walked(door: Any, objective: Any, start: Any, asked: dict[str, Any]) -> Run:
    """The run that a door was asked for, which can be made again."""
    task = set_up(objective, start, 1.0 if door is minimize else -1.0, **asked)
    run = carry_out(task, record_of(door.__name__, objective, asked, start=start))
    return replace(run, again=Again(door, objective, {**asked, "start": start}))


# what editors and help() show: the options are those of minimize
maximize.__signature__ = inspect.signature(minimize)  # type: ignore[attr-defined]
_DEFAULTS: dict[str, Any] = {
    name: default
    for name, default in (minimize.__kwdefaults__ or {}).items()
    if name != "hyper"
}


def check_options(asked: Mapping[str, Any], own: Iterable[str] = ()) -> None:
    """Refuse names that are no option, and what no rule that "auto" chooses takes.

    Args:
        asked: the options of `minimize`, and its `hyper`.
        own: further options of the door.

    Raises:
        UsageError: such an option.

    >>> check_options({"optimizer": "auto", "hyper": {"b1": 0.3}})
    Traceback (most recent call last):
    steepest.core.errors.UsageError: b1: optimizer='auto' chooses a rule that has ...
    """
    hyper, optimizer = asked["hyper"], asked["optimizer"]
    check_names(hyper, (*_DEFAULTS, *own), optimizer=optimizer)
    if not (isinstance(optimizer, str) and optimizer == "auto"):
        return
    for name in hyper:
        able = ", ".join(takers(name))
        raise UsageError(
            f"{name}: optimizer='auto' chooses a rule that has none. {name} is for "
            f"{able}: name the one you mean."
        )
    if asked.get("schedule") is not None and asked.get("learning_rate") is None:
        raise UsageError(
            "schedule: optimizer='auto' chooses a rule that brings its own rate; name "
            "one that takes a rate, such as gd, momentum or adam, or leave it out."
        )


def check_names(
    hyper: Iterable[str],
    options: Iterable[str] = tuple(_DEFAULTS),
    *,
    optimizer: Any = None,
) -> None:
    """Refuse a name that is an option of no door and of no optimizer.

    Args:
        hyper: the names that are none of the door's own options.
        options: these, as a rule those of `minimize`.
        optimizer: as it was asked for; one of your own may take other numbers.

    Raises:
        UsageError: a name that was misspelt, or that does not exist.

    >>> check_names(["max_step"])
    Traceback (most recent call last):
    steepest.core.errors.UsageError: max_step: there is no such option. Did you mean ...
    """
    options = tuple(options)
    known = {name for entry in OPTIMIZERS.values() for name in entry.hyper}
    known |= set(getattr(optimizer, "hyper", ()))
    for name in hyper:
        if name in known:
            continue
        near = _ELSEWHERE.get(name)
        advice = did_you_mean(name, [*options, *sorted(known)])
        if near in options:
            advice = f"Did you mean {near}?"
        elif not advice.startswith("Did"):
            advice = f"There are {', '.join(options)}; and those of the optimizer."
        raise UsageError(f"{name}: there is no such option. {advice}")


_ELSEWHERE = {
    "lr": "learning_rate",
    "rate": "learning_rate",
    "step_size": "learning_rate",
    "stepsize": "learning_rate",
    "alpha": "learning_rate",
    "eta": "learning_rate",
    "method": "optimizer",
    "algorithm": "optimizer",
    "jac": "grad",
    "tol": "gtol",
    "maxiter": "max_steps",
    "max_iter": "max_steps",
    "n_iter": "max_steps",
    "iterations": "max_steps",
    "steps": "max_steps",
    "timeout": "max_seconds",
    "verbose": "progress",
    "random_state": "seed",
}
"""What other libraries call our options."""
