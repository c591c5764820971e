"""Plans of functions: healthy configurations, and faults any function can have."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
import scipy.optimize

import steepest as sp
from bench.diagnosis.plans import Group, Made, Plan, rng_of

STEPS = 50_000
"""Of healthy runs by rules with a constant rate; they stop long before."""
FEW = 2_000
Vector = np.ndarray[Any, Any]
Rates = Callable[["Facts", np.random.Generator], dict[str, Any]]


class Problem(NamedTuple):
    """A function that many runs are made on, so that its programs are shared."""

    name: str
    fn: Callable[[Any], Any]
    start: Callable[[np.random.Generator], Vector]
    best: float | None = None
    """Its least value, where that is known."""
    rules: tuple[str, ...] = ("auto", "gd")
    """Of RULES: those whose runs are meant to be healthy."""
    faults: tuple[str, ...] = ("large", "small", "budget")
    """Of COMMON."""
    own: Callable[[Problem, np.random.Generator], list[Plan]] | None = None
    """Plans that only this problem has."""
    positive: bool = False
    """Whether it is defined for positive params only."""


class Facts(NamedTuple):
    """What lies between a start and the minimum, measured by SciPy and jax."""

    point: Vector
    """The minimum."""
    value: float
    curvature: float
    """The largest on the way."""
    distance: float


@functools.cache
def minimum_of(problem: Problem) -> tuple[Vector, float]:
    """The minimum that SciPy finds from the start of seed 0."""
    start = problem.start(rng_of(problem.name, 0))
    with jax.enable_x64(True):
        value_and_grad = jax.jit(jax.value_and_grad(problem.fn))

        def both(x: Vector) -> tuple[float, Vector]:
            value, grad = value_and_grad(x)
            return float(value), np.asarray(grad)

        how: dict[str, Any] = {"method": "BFGS"}
        if problem.positive:
            how = {"method": "L-BFGS-B", "bounds": [(1e-6, None)] * len(start)}
        found = scipy.optimize.minimize(both, start, jac=True, **how)
    return found.x, float(found.fun)


@functools.cache
def _hessian(fn: Callable[[Any], Any]) -> Any:
    return jax.jit(jax.hessian(fn))


def facts_of(problem: Problem, start: Vector) -> Facts:
    """What lies between a start and the minimum of a problem."""
    point, value = minimum_of(problem)
    hessian, way = _hessian(problem.fn), np.linspace(start, point, 9)
    with jax.enable_x64(True):
        curved = [np.linalg.norm(np.asarray(hessian(x)), 2) for x in way]
    distance = float(np.linalg.norm(point - start))
    return Facts(point, value, float(np.nanmax(curved)), distance)


def minimized(
    fn: Any, start: Any, *, climb: bool = False, **options: Any
) -> Callable[..., Made]:
    """What makes a run of `minimize`, or of `maximize`; keywords change its options.

    Args:
        fn: the objective.
        start: where it begins.
        climb: whether large values are sought.
        **options: of `minimize`; a rule that is named does not escape.
    """
    door: Any = sp.maximize if climb else sp.minimize
    asked = {"escape": False} | options if "optimizer" in options else options

    def make(**changes: Any) -> Made:
        began = time.perf_counter()
        run = door(fn, start, progress=False, **(asked | changes))
        return made_of(run, time.perf_counter() - began, climb=climb)

    return make


def made_of(run: sp.Run, seconds: float, *, climb: bool = False) -> Made:
    """A run, judged by its value.

    Args:
        run: the run.
        seconds: that it took.
        climb: whether large values are sought.
    """
    sign = -1.0 if climb else 1.0
    first = sign * float(run.trace.value[0])
    return Made(run, lambda other: sign * other.value, first, seconds)


def gd_rate(facts: Facts, rng: np.random.Generator) -> float:
    """A rate that plain descent can take."""
    return float(rng.uniform(0.4, 1.0)) / facts.curvature


def _steady(rule: str, share: float = 1.0) -> Rates:
    """A rule of one rate, until it converges."""
    return lambda facts, rng: {
        "optimizer": rule,
        "learning_rate": share * gd_rate(facts, rng),
        "max_steps": STEPS,
    }


def _fading(rule: str, most: float) -> Rates:
    """A rule whose steps are a share of the way, and fade."""
    return lambda facts, rng: {
        "optimizer": rule,
        "learning_rate": facts.distance * float(10 ** rng.uniform(-2.3, most)),
        "schedule": "cosine",
        "max_steps": FEW,
    }


def _free(**options: Any) -> Rates:
    """A rule that brings its own rate."""
    return lambda *_: options


RULES: dict[str, Rates] = {
    "auto": _free(),
    "gd": _steady("gd"),
    "momentum": _steady("momentum", 0.5),
    "nesterov": _steady("nesterov", 0.5),
    "adam": _fading("adam", -1.3),
    "rmsprop": _fading("rmsprop", -1.7),
    "backtracking": _free(
        optimizer="gd", learning_rate="backtracking", max_steps=STEPS
    ),
    "lbfgs": _free(optimizer="lbfgs"),
    "bb": _free(optimizer="bb"),
    "adgd": _free(optimizer="adgd", max_steps=STEPS),
}
"""Options of each configuration that is meant to be healthy."""


def group_of(problem: Problem, seed: int) -> Group:
    """The plans of a problem: the rules that it takes, its faults, and its own.

    Args:
        problem: the function.
        seed: of the start and the rates.
    """
    rng = rng_of(problem.name, seed)
    start = problem.start(rng)
    facts = facts_of(problem, start)
    plans = [
        Plan(rule, minimized(problem.fn, start, **RULES[rule](facts, rng)))
        for rule in problem.rules
    ]
    for fault in problem.faults:
        plans += COMMON[fault](problem, facts, start, rng)
    if problem.own is not None:
        plans += problem.own(problem, rng)
    best = facts.value if problem.best is None else problem.best
    return Group(plans, best)


def _large(
    problem: Problem, facts: Facts, start: Vector, rng: np.random.Generator
) -> list[Plan]:
    """gd at 10 to 1,000 times its rate."""
    factor = float(10 ** rng.uniform(1, 3))
    rate = factor * gd_rate(facts, rng)
    make = minimized(
        problem.fn, start, optimizer="gd", learning_rate=rate, max_steps=FEW
    )
    return [Plan(f"gd, rate x {factor:.0f}", make, "rate too large")]


def _large_adam(
    problem: Problem, facts: Facts, start: Vector, rng: np.random.Generator
) -> list[Plan]:
    """adam whose steps are longer than the whole way."""
    factor = float(10 ** rng.uniform(0, 2))
    options = {"optimizer": "adam", "max_steps": 300}
    make = minimized(
        problem.fn, start, learning_rate=factor * facts.distance, **options
    )
    return [Plan(f"adam, rate {factor:.1f} x the way", make, "rate too large")]


def _small(
    problem: Problem, facts: Facts, start: Vector, rng: np.random.Generator
) -> list[Plan]:
    """A rate a hundredth to a ten-thousandth of what the rule takes."""
    factor = float(10 ** rng.uniform(2, 4))
    rule = "momentum" if "momentum" in problem.rules else "gd"
    options = RULES[rule](facts, rng)
    options |= {"learning_rate": options["learning_rate"] / factor, "max_steps": 1_000}
    make = minimized(problem.fn, start, **options)
    return [Plan(f"{rule}, rate / {factor:.0f}", make, "rate too small")]


def _budget(
    problem: Problem, facts: Facts, start: Vector, rng: np.random.Generator
) -> list[Plan]:
    """A run cut where between a tenth and a half of the way is still missing."""
    rule = problem.rules[int(rng.integers(len(problem.rules)))]
    options, share = RULES[rule](facts, rng), float(rng.uniform(0.1, 0.5))
    if "schedule" in options:
        rule, options = "gd", RULES["gd"](facts, rng)
    whole = minimized(problem.fn, start, **options)

    def make(**changes: Any) -> Made:
        trace = whole().run.trace
        value, least = trace.value, np.nanmin(trace.value)
        missing = (value - least) / (value[0] - least)
        steps = int(trace.step[np.flatnonzero(missing >= share)[-1]])
        return whole(**({"max_steps": max(steps, 1)} | changes))

    return [Plan(f"{rule}, cut", make, "budget cut short")]


MODES: dict[str, Callable[[Any, int], Any]] = {
    "sign": lambda grad, j: grad.at[j].multiply(-1.0),
    "zero": lambda grad, j: grad.at[j].set(0.0),
    "swapped": lambda grad, j: grad.at[j].set(grad[j - 1]).at[j - 1].set(grad[j]),
    "all signs": lambda grad, _: -grad,
}
"""What is wrong with a gradient."""


@functools.cache
def wrong_gradient(problem: Problem, mode: str, j: int) -> Callable[[Any], Any]:
    """The gradient, wrong around the minimum."""
    point, within = minimum_of(problem)[0], 0.7 * _reach(problem)

    def grad(x: Any) -> Any:
        right = jax.grad(problem.fn)(x)
        near = jax.numpy.linalg.norm(x - point) < within
        return jax.numpy.where(near, MODES[mode](right, j), right)

    return grad


def _reach(problem: Problem) -> float:
    """How far off the first start is."""
    start = problem.start(rng_of(problem.name, 0))
    return float(np.linalg.norm(minimum_of(problem)[0] - start))


def _wrong(
    problem: Problem, facts: Facts, start: Vector, rng: np.random.Generator
) -> list[Plan]:
    """A gradient of the user's own that is right where it is checked: at the start."""
    del start
    mode = list(MODES)[len(problem.name) % len(MODES)]
    way = _direction(rng, len(facts.point))
    away = facts.point + _reach(problem) * way
    grad = wrong_gradient(problem, mode, len(problem.name) % len(facts.point))
    rule = ("auto", "gd", "lbfgs")[len(problem.name) % 3]
    options = RULES[rule](facts_of(problem, away), rng)
    options |= {"max_steps": FEW}
    make = minimized(problem.fn, away, grad=grad, **options)
    return [Plan(f"{rule}, {mode}", make, "wrong gradient")]


def _direction(rng: np.random.Generator, n: int) -> Vector:
    way = rng.standard_normal(n)
    return way / np.linalg.norm(way)


COMMON = {
    "large": _large,
    "large adam": _large_adam,
    "small": _small,
    "budget": _budget,
    "wrong": _wrong,
}
"""Faults that any function can have."""
