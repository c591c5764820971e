"""Plans that only some functions have: where they start, and what they lack."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import steepest as sp
from bench.diagnosis import surfaces
from bench.diagnosis.minimizing import (
    FEW,
    RULES,
    STEPS,
    Problem,
    facts_of,
    gd_rate,
    made_of,
    minimized,
)
from bench.diagnosis.plans import Made, Plan

Rng = np.random.Generator
Own = Callable[[Problem, Rng], list[Plan]]


def from_points(fault: str, points: Any, *, climb: bool = False) -> Own:
    """Runs of gd and adam that start where the gradient is 0, or that lead there.

    Args:
        fault: what the points are, one of FAULTS.
        points: (n, d) of them; a run starts at one, drawn.
        climb: whether the runs climb.
    """
    places = np.atleast_2d(np.asarray(points, float))

    def plans(problem: Problem, rng: Rng) -> list[Plan]:
        start = places[rng.integers(len(places))]
        facts = facts_of(problem, start)
        gd = {"optimizer": "gd", "learning_rate": gd_rate(facts, rng)}
        rules = {"gd": gd, "lbfgs": {"optimizer": "lbfgs"}}
        return [
            Plan(rule, minimized(problem.fn, start, climb=climb, **asked), fault)
            for rule, asked in rules.items()
        ]

    return plans


def onto_saddle(problem: Problem, rng: Rng) -> list[Plan]:
    """A start on the ridge of two wells, from which descent goes to the saddle."""
    d = len(problem.start(rng))
    start = np.array([0.0, *rng.uniform(-2, 2, d - 1)])
    facts = facts_of(problem, start)
    rules = {
        "gd": RULES["gd"](facts, rng),
        "momentum": RULES["momentum"](facts, rng),
        "bb": RULES["bb"](facts, rng),
    }
    return [
        Plan(f"{rule}, along the ridge", minimized(problem.fn, start, **asked), fault)
        for rule, asked in rules.items()
        for fault in ["start at a saddle"]
    ]


def from_plateau(low: float, high: float) -> Own:
    """Starts so far out that the slope is next to nothing."""

    def plans(problem: Problem, rng: Rng) -> list[Plan]:
        d = len(problem.start(rng))
        way = rng.choice([-1.0, 1.0], d) * rng.uniform(low, high, d)
        facts = facts_of(problem, problem.start(rng))
        rules = {"gd": RULES["gd"](facts, rng), "lbfgs": RULES["lbfgs"](facts, rng)}
        return [
            Plan(rule, minimized(problem.fn, way, **asked), "start on a plateau")
            for rule, asked in rules.items()
        ]

    return plans


def over_the_edge(problem: Problem, rng: Rng) -> list[Plan]:
    """Steps so long that they leave where the function is defined."""
    start = problem.start(rng)
    facts = facts_of(problem, start)
    factor = float(10 ** rng.uniform(2, 5))
    rate = factor * gd_rate(facts, rng)
    made = []
    for rule in ("gd", "momentum"):
        options = {"optimizer": rule, "learning_rate": rate, "max_steps": 300}
        make = minimized(problem.fn, start, **options)
        name = f"{rule}, rate x {factor:.0f}"
        made.append(Plan(name, make, "undefined on the way"))
    return made


def into_the_hole(problem: Problem, rng: Rng) -> list[Plan]:
    """A bowl that is nan around its lowest point."""
    d = len(problem.start(rng))
    start = problem.start(rng) + 4 * np.sign(rng.standard_normal(d))
    facts, broken = facts_of(problem, start), _hole(d, 1.5)
    rules = {rule: RULES[rule](facts, rng) for rule in ("gd", "adgd", "lbfgs")}
    return [
        Plan(rule, minimized(broken, start, **asked), "undefined at the minimum")
        for rule, asked in rules.items()
    ]


@functools.cache
def _hole(d: int, radius: float) -> Callable[[Any], Any]:
    return surfaces.hole(d, radius)


def of_many_scales(problem: Problem, rng: Rng) -> list[Plan]:
    """The same function in units that differ a thousandfold, by rules of one rate."""
    d = len(problem.start(rng))
    spread = 10.0 ** np.linspace(0, 3, d)
    near = problem.start(rng)
    fn, start = _scaled(problem.fn, tuple(spread)), near * spread
    rate = gd_rate(facts_of(problem, near), rng)
    return [
        Plan(
            f"{rule}, units from 1 to 1,000",
            minimized(fn, start, optimizer=rule, learning_rate=rate, max_steps=FEW),
            "params of many scales",
        )
        for rule in ("gd", "momentum")
    ]


@functools.cache
def _scaled(
    fn: Callable[[Any], Any], scales: tuple[float, ...]
) -> Callable[[Any], Any]:
    return surfaces.scaled(fn, np.array(scales))


def upside_down(problem: Problem, rng: Rng) -> list[Plan]:
    """Healthy climbs of the function upside down, and climbs from its minimum."""
    fn, start = surfaces.negative(problem.fn), problem.start(rng)
    facts = facts_of(problem, start)
    at = facts.point
    gd = {"optimizer": "gd", "learning_rate": gd_rate(facts, rng), "max_steps": STEPS}
    made = [
        Plan(f"climb, {name}", minimized(fn, start, climb=True, **asked))
        for name, asked in {"auto": {}, "gd": gd}.items()
    ]
    stuck = minimized(problem.fn, at, climb=True, **gd)
    name, fault = "climb from the minimum", "climb from a minimum"
    return [*made, Plan(name, stuck, fault, lambda: -np.inf)]


def bounded(low: float, high: float) -> Own:
    """Healthy runs within bounds that leave the minimum inside."""

    def plans(problem: Problem, rng: Rng) -> list[Plan]:
        start = np.clip(problem.start(rng), low, high)
        gd = RULES["gd"](facts_of(problem, start), rng)
        return [
            Plan(
                f"{name} within bounds",
                minimized(problem.fn, start, bounds=(low, high), **asked),
            )
            for name, asked in {"auto": {}, "gd": gd}.items()
        ]

    return plans


def many_starts(low: float, high: float, n: int = 24) -> Own:
    """Of many starts in a box the best run, and one that found a lesser minimum."""

    def plans(problem: Problem, rng: Rng) -> list[Plan]:
        d, seed = len(problem.start(rng)), int(rng.integers(2**31))

        @functools.cache
        def many() -> Any:
            bounds = (np.full(d, low), np.full(d, high))
            return sp.restarts(
                *(problem.fn, problem.start(rng)),
                bounds=bounds,
                n=n,
                seed=seed,
                progress=False,
            )

        def make(place: int) -> Made:
            began = time.perf_counter()
            run = many().run(int(many().ends.start[place]))
            return made_of(run, time.perf_counter() - began)

        last = functools.partial(make, -1)
        return [
            Plan("the best of many starts", functools.partial(make, 0)),
            Plan("the worst of many starts", last, "local minimum"),
        ]

    return plans


def both(*owns: Own) -> Own:
    """The plans of several."""
    return lambda problem, rng: [plan for own in owns for plan in own(problem, rng)]
