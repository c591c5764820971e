"""For every symptom a run that has it, and the healthy twin of that run.

An entry: name -> (sick, healthy), each a function without arguments that makes the run.
Twins differ in the one thing that makes ill; what they share is written once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from twins_networks import NETWORKS
from twins_tables import TABLES

import steepest as sp
from steepest.records import Run

Twins = tuple[Callable[[], Run], Callable[[], Run]]

QUIET: dict[str, Any] = {"progress": False}
PAIR = {"x": 3.0, "y": 1.0}
ROUND = "exp(x) - 2*x + exp(y) - 3*y"
"""No number is its minimum exactly."""
BOWL, VALLEY, SADDLE = "x**2 + y**2", "x**2 + 1000*y**2", "x**2 - y**2 + y**4"


def gd(formula: str, rate: float, **options: Any) -> Callable[[], Run]:
    """Plain descent on a formula of x and y."""
    asked: dict[str, Any] = {**QUIET, "optimizer": "gd", "learning_rate": rate}
    start = options.pop("start", PAIR)
    return lambda: sp.minimize(formula, start, **{**asked, **options})


def bent(point: Any) -> Any:
    """Slopes change at x = 2, half way to the minimum."""
    return jnp.sum(point**2)


def bent_slope(point: Any, *, factor: float) -> Any:
    """Its gradient, times a factor within 2 of the origin."""
    return np.where(np.abs(point) < 2, factor, 1.0) * 2 * np.asarray(point)


def given(factor: float) -> Callable[[], Run]:
    """Plain descent with a gradient of the user's."""
    slope = functools.partial(bent_slope, factor=factor)
    options: dict[str, Any] = {**QUIET, "optimizer": "gd", "learning_rate": 0.1}
    return lambda: sp.minimize(bent, np.array([3.0, 5.0]), grad=slope, **options)


@functools.cache
def basins() -> Any:
    """Many runs on a function with a deep and a shallow minimum."""
    return sp.restarts("x**4 - 2*x**2 + 0.3*x", bounds=(-2, 2), n=4, **QUIET)


def basin(index: int) -> Callable[[], Run]:
    """The best of them, or the worst."""
    return lambda: basins().run(int(basins().ends.start[index]))


TWINS: Mapping[str, Twins] = {
    **TABLES,
    **NETWORKS,
    "diverging": (gd(BOWL, 1.1), gd(BOWL, 0.1)),
    "step_too_large": (gd(VALLEY, 0.000999, max_steps=30), gd(VALLEY, 0.0005)),
    "step_too_small": (gd(BOWL, 1e-4, max_steps=500), gd(BOWL, 0.1)),
    "ill_conditioned": (
        gd(VALLEY, 0.0005, max_steps=300),
        gd("x**2 + 2*y**2", 0.2, max_steps=300),
    ),
    "budget_short": (gd(BOWL, 0.1, max_steps=12), gd(BOWL, 0.1, max_steps=300)),
    "saddle": (
        gd(SADDLE, 0.1, start={"x": 1.0, "y": 0.0}),
        gd(SADDLE, 0.1, start={"x": 1.0, "y": 0.5}),
    ),
    "maximum": (
        gd("cos(x) + cos(y)", 0.1, start={"x": 0.0, "y": 0.0}),
        gd("cos(x) + cos(y)", 0.1, start={"x": 1.0, "y": 1.0}),
    ),
    "plateau": (
        gd("-exp(-x**2 - y**2)", 0.1, start={"x": 6.0, "y": 6.0}),
        gd("-exp(-x**2 - y**2)", 0.1, start={"x": 1.0, "y": 0.5}),
    ),
    "precision_floor": (
        gd(ROUND, 0.05, gtol=1e-18),
        gd(ROUND, 0.05, gtol=1e-9),
    ),
    "edge_of_stability": (gd(VALLEY, 0.00098), gd(VALLEY, 0.0005)),
    "local_minimum": (basin(-1), basin(0)),
    "wrong_gradient": (given(0.5), given(1.0)),
}
