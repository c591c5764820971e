"""The families of functions, in the order that is halved."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

import steepest as sp
from bench.diagnosis import surfaces
from bench.diagnosis.minimizing import Problem, group_of
from bench.diagnosis.plans import Family, Group, halved
from bench.diagnosis.planting import (
    both,
    bounded,
    from_plateau,
    from_points,
    into_the_hole,
    many_starts,
    of_many_scales,
    onto_saddle,
    over_the_edge,
    upside_down,
)
from bench.diagnosis.surfaces import around, normal, within

NEAR, HARMED = 1e-3, 1e-2
"""Who minimises a function wants its minimum, and no share of the way to it."""


def stationary(name: str, kind: str) -> list[tuple[float, ...]]:
    """Points of the gallery that are known to be of a kind."""
    return [p.at for p in sp.GALLERY[name].stationary if p.kind == kind]


def known(name: str) -> float:
    """The least value of a function of the gallery."""
    return sp.GALLERY[name].minima[0].value


def of_gallery(name: str, start: Any, *rules: str, **more: Any) -> Problem:
    """A problem of the gallery."""
    fn = surfaces.gallery(name)
    return Problem(name, fn, start, known(name), ("auto", *rules), **more)


ALL, PLAIN = ("large", "small", "budget", "wrong"), ("large", "small", "budget")
_SADDLE, _TOP = "start at a saddle", "start at a maximum"
PROBLEMS = [
    Problem(
        "bowl d2 k10",
        surfaces.quadratic(2, 10.0),
        normal(2, 3.0),
        0.0,
        ("auto", "gd", "momentum", "adam", "adgd"),
        ALL,
        upside_down,
    ),
    Problem(
        "bowl d5 k100",
        surfaces.quadratic(5, 100.0),
        normal(5, 3.0),
        0.0,
        ("auto", "gd", "nesterov", "adam", "bb"),
        (*ALL, "large adam"),
    ),
    Problem(
        "bowl d10 k30",
        surfaces.quadratic(10, 30.0),
        normal(10, 10.0),
        0.0,
        ("auto", "gd", "momentum", "lbfgs"),
        ALL,
        of_many_scales,
    ),
    Problem(
        "bowl d20 k1000",
        surfaces.quadratic(20, 1000.0),
        normal(20),
        0.0,
        ("auto", "momentum", "nesterov", "lbfgs"),
        PLAIN,
    ),
    Problem(
        "bowl d50 k100",
        surfaces.quadratic(50, 100.0),
        normal(50),
        0.0,
        ("auto", "gd", "nesterov", "adgd", "backtracking"),
        ALL,
    ),
    Problem(
        "bowl d100 k300",
        surfaces.quadratic(100, 300.0),
        normal(100),
        0.0,
        ("auto", "gd", "momentum", "bb"),
        PLAIN,
    ),
    of_gallery("rosenbrock", normal(2), "lbfgs", "bb", faults=PLAIN),
    Problem(
        "logistic d5",
        surfaces.logistic(5, 80),
        normal(5, 3.0),
        None,
        ("auto", "gd", "adam", "momentum"),
        (*ALL, "large adam"),
        of_many_scales,
    ),
    Problem(
        "logistic d20",
        surfaces.logistic(20, 200, 0.01),
        normal(20),
        None,
        ("auto", "gd", "lbfgs", "nesterov"),
        ALL,
    ),
    of_gallery(
        *("himmelblau", within(-4, 4), "gd", "adam"),
        faults=ALL,
        own=both(
            from_points(_SADDLE, stationary("himmelblau", "saddle")),
            from_points(_TOP, stationary("himmelblau", "maximum")),
        ),
    ),
    of_gallery("booth", within(-8, 8), "gd", "momentum", "adam", faults=ALL),
    Problem(
        "smooth max d6",
        surfaces.smooth_max(6, 20),
        normal(6, 3.0),
        None,
        ("auto", "gd", "momentum", "bb"),
        ALL,
        of_many_scales,
    ),
    Problem(
        "two wells d2",
        surfaces.two_wells(2),
        normal(2, 1.5),
        0.0,
        ("auto", "gd", "momentum", "adam"),
        PLAIN,
        onto_saddle,
    ),
    Problem(
        "two wells d6",
        surfaces.two_wells(6),
        normal(6, 1.5),
        0.0,
        ("auto", "gd", "nesterov", "bb"),
        PLAIN,
        onto_saddle,
    ),
    Problem(
        "egg box d2",
        surfaces.egg_box,
        around((3.0, -3.0), 0.4),
        None,
        ("auto", "gd", "adgd"),
        PLAIN,
        from_points(_TOP, np.zeros((1, 2))),
    ),
    Problem(
        "egg box d8",
        surfaces.egg_box,
        around((3.0,) * 8, 0.4),
        None,
        ("auto", "gd", "momentum"),
        PLAIN,
        from_points(_TOP, np.zeros((1, 8))),
    ),
    Problem(
        "pit d2",
        surfaces.pit(2, 1.0),
        normal(2, 0.7),
        0.0,
        ("auto", "gd", "momentum"),
        PLAIN,
        from_plateau(7.0, 20.0),
    ),
    Problem(
        "steps d4",
        surfaces.steps,
        normal(4, 0.5),
        0.0,
        ("auto", "gd", "bb"),
        PLAIN,
        from_plateau(9.0, 15.0),
    ),
    Problem(
        "robust d6",
        surfaces.robust(6, 60),
        normal(6),
        None,
        ("auto", "gd", "adam", "lbfgs"),
        (*ALL, "large adam"),
    ),
    Problem(
        "waves d8",
        surfaces.waves(8),
        normal(8, 2.0),
        0.0,
        ("auto", "gd", "momentum", "nesterov"),
        ALL,
        both(of_many_scales, upside_down),
    ),
    Problem(
        "barrier d3",
        surfaces.barrier(3),
        within(0.3, 4.0, 3),
        rules=("auto", "lbfgs", "adgd"),
        faults=("budget",),
        own=over_the_edge,
        positive=True,
    ),
    Problem(
        "entropy d6",
        surfaces.entropy(6),
        within(0.3, 4.0, 6),
        rules=("auto", "lbfgs", "gd"),
        faults=("budget",),
        own=over_the_edge,
        positive=True,
    ),
    Problem(
        "quartic d4",
        surfaces.quartic(4),
        normal(4, 2.0),
        0.0,
        ("auto", "gd", "adam", "bb"),
        ALL,
        both(of_many_scales, bounded(-5.0, 5.0)),
    ),
    Problem(
        "bowl d4 with a hole",
        surfaces.quadratic(4, 10.0),
        normal(4, 2.0),
        0.0,
        ("auto", "gd", "adgd"),
        ("small",),
        into_the_hole,
    ),
    Problem(
        "bowl d3 with a hole",
        surfaces.quadratic(3, 10.0),
        normal(3, 2.0),
        0.0,
        ("auto", "gd", "lbfgs"),
        ("large",),
        into_the_hole,
    ),
    Problem(
        "mixture d3",
        surfaces.mixture(3),
        normal(3, 0.8),
        None,
        ("auto", "gd", "momentum"),
        ALL,
        bounded(-6.0, 6.0),
    ),
    Problem(
        "factors 6 x 5",
        surfaces.factors(6, 5, 2),
        normal(22, 0.5),
        0.0,
        ("auto", "gd", "momentum", "adgd"),
        PLAIN,
        from_points(_SADDLE, np.zeros((1, 22))),
    ),
    of_gallery(
        *("three_hump_camel", within(-0.8, 0.8), "gd", "adam"),
        faults=ALL,
        own=from_points(_SADDLE, stationary("three_hump_camel", "saddle")),
    ),
    of_gallery("matyas", within(-8, 8), "gd", "nesterov", "bb", faults=ALL),
    of_gallery(
        *("styblinski_tang", around((-2.9, -2.9), 0.8), "gd", "momentum"),
        faults=ALL,
        own=from_points(_TOP, stationary("styblinski_tang", "maximum")),
    ),
    of_gallery("mccormick", around((-0.5, -1.5), 0.8), "gd", "adam", faults=PLAIN),
    of_gallery("beale", around((2.6, 0.3), 0.5), "bb", faults=PLAIN),
    of_gallery(
        *("six_hump_camel", around((0.1, -0.7), 0.2), "gd", "adgd"),
        faults=PLAIN,
        own=many_starts(-1.8, 1.8),
    ),
    of_gallery(
        *("levy", around((1.0, 1.0), 0.2), "gd", "momentum"),
        faults=PLAIN,
        own=many_starts(-8.0, 8.0),
    ),
    of_gallery(
        *("rastrigin", within(-0.3, 0.3), "gd", "bb"),
        faults=PLAIN,
        own=many_starts(-4.0, 4.0),
    ),
    of_gallery(
        *("griewank", within(-1.0, 1.0), "gd", "nesterov"),
        faults=PLAIN,
        own=many_starts(-30.0, 30.0),
    ),
]


def families() -> list[Family]:
    """Every function, half of them to tune on."""

    def group(problem: Problem) -> Callable[[int], Group]:
        return functools.partial(group_of, problem)

    problems = {problem.name: group(problem) for problem in PROBLEMS}
    return halved("functions", problems, NEAR, HARMED)
