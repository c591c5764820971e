"""What the doors of many runs share: checks, options, and one of the runs alone."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from steepest.api.descending import carry_out, set_up
from steepest.api.functions import minimize
from steepest.core.errors import UsageError
from steepest.core.numbers import is_whole
from steepest.records import Run

DIRECTIONS = {"minimize": 1.0, "maximize": -1.0}
OPTIONS = {k: v for k, v in (minimize.__kwdefaults__ or {}).items() if k != "hyper"}
"""The options of `minimize` and their defaults."""
LONE = ("escape", "record_path", "save")
"""Those that only a single run has."""


def sign_of(direction: str) -> float:
    """1 to minimise, -1 to maximise.

    Args:
        direction: "minimize" or "maximize".

    Raises:
        UsageError: another word.

    >>> sign_of("maximize")
    -1.0
    """
    if not isinstance(direction, str) or direction not in DIRECTIONS:
        raise UsageError(f"direction={direction!r}: must be 'minimize' or 'maximize'.")
    return DIRECTIONS[direction]


def check_count(name: str, number: Any, least: int = 1) -> int:
    """A whole number of at least `least`.

    Args:
        name: what it counts, as the user spells the option.
        number: what was given.
        least: the smallest allowed.

    Raises:
        UsageError: anything else.

    >>> check_count("n", 1e3)
    1000
    """
    if not is_whole(number) or not least <= number < 2**31:
        raise UsageError(f"{name}={number!r}: must be a whole number >= {least}.")
    return int(number)


def full(given: dict[str, Any], *, lone: tuple[str, ...] = LONE) -> dict[str, Any]:
    """Every option of `minimize`: defaults with the given ones laid over them.

    Args:
        given: options of `minimize`, an optimizer's own numbers among them.
        lone: options that make sense for a single run alone.

    Raises:
        UsageError: one of these is given.

    >>> full({"momentum": 0.5})["hyper"]
    {'momentum': 0.5}
    """
    for name in lone:
        if name in given:
            raise UsageError(
                f"{name}: many runs have no such option; give it to minimize, from the "
                "start of the run you want."
            )
    hyper = {name: given[name] for name in given if name not in OPTIONS}
    known = {name: given[name] for name in given if name in OPTIONS}
    return {**OPTIONS, "progress": False, **known, "hyper": hyper}


def alone(objective: Any, start: Any, sign: float, asked: dict[str, Any]) -> Run:
    """One run alone, with its trace and verdict.

    Args:
        objective: as for `minimize`.
        start: where it begins.
        sign: 1 to minimise, -1 to maximise.
        asked: from `full`.
    """
    return carry_out(set_up(objective, start, sign, **asked))


def like(start: Any, params: Any) -> Any:
    """Params in the shape of the start: numbers for numbers, arrays for arrays.

    Args:
        start: a tree of floats and float arrays.
        params: a tree like it.

    >>> like({"x": 1.0}, {"x": np.array(2.0)})
    {'x': 2.0}
    """
    leaves, shape = jax.tree.flatten(start)
    pairs = zip(leaves, jax.tree.leaves(params), strict=True)
    return shape.unflatten(
        [float(new) if isinstance(old, float) else np.array(new) for old, new in pairs]
    )


def row_of(points: Any, i: int) -> Any:
    """One point of a tree of (n, ...).

    Args:
        points: a tree of arrays with a leading axis.
        i: which one.
    """
    leaves, shape = jax.tree.flatten(points)
    return shape.unflatten([leaf[i] for leaf in leaves])
