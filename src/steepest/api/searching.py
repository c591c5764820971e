"""What the doors of many runs share: checks, options, values, one of the runs alone."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from steepest.api.descending import Task, carry_out, set_up
from steepest.api.functions import check_options, minimize
from steepest.core.errors import UsageError
from steepest.core.numbers import is_whole
from steepest.diagnosis.probes.differences import quiet
from steepest.problems.foreign import Foreign
from steepest.records import Run

DIRECTIONS = {"minimize": 1.0, "maximize": -1.0}
OPTIONS = {k: v for k, v in (minimize.__kwdefaults__ or {}).items() if k != "hyper"}
"""The options of `minimize` and their defaults."""
LONE = ("escape", "record_path", "save")
"""Those that only a single run has."""
ROWS, LANES = 1024, 64
"""Points a call evaluates at most, and those of them at once."""
NUMBERS = 1 << 22
"""Numbers that these points may hold together."""


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


def full(
    given: dict[str, Any],
    *,
    lone: tuple[str, ...] = LONE,
    own: Iterable[str] = (),
) -> dict[str, Any]:
    """Every option of `minimize`: defaults with the given ones laid over them.

    Args:
        given: options of `minimize`, an optimizer's own numbers among them.
        lone: options that make sense for a single run alone.
        own: further options of the door, which a misspelt one may stand for.

    Raises:
        UsageError: one of the lone is given; or see `check_options`.

    >>> full({"optimizer": "momentum", "momentum": 0.5})["hyper"]
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
    asked = {**OPTIONS, "progress": False, **known, "hyper": hyper}
    check_options(asked, own)
    return asked


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


def values_at(task: Task, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The objective at many points, small where it is good.

    Args:
        task: from `set_up`.
        rows: (m, d) points, their leaves one after another.

    Returns:
        (m,) values times the task's sign. A function in Python is called once for each
        and its exceptions are nan.
    """
    fn = task.problem.fn
    if isinstance(fn, Foreign):
        found = np.array([quiet(fn.value_at, row) for row in rows], float)
        return task.sign * found
    room = int(np.clip(NUMBERS // max(1, rows.shape[1]), 1, ROWS))
    values = np.empty(len(rows))
    with task.engine.scope():
        for at in range(0, len(rows), room):
            some = rows[at : at + room]
            padded = np.zeros((room, rows.shape[1]))
            padded[: len(some)] = some
            found = _values(fn, task.problem.start, padded, len(some))
            values[at : at + room] = np.asarray(found)[: len(some)]
    return task.sign * values


@functools.partial(jax.jit, static_argnums=0)
def _values(fn: Any, start: Any, rows: Any, count: Any) -> Any:
    """The values at the first `count` rows: of so many alone, with one program."""
    unravel = ravel_pytree(start)[1]
    lanes = min(LANES, len(rows))

    def some(k: Any, values: Any) -> Any:
        at = k * lanes
        points = jax.lax.dynamic_slice_in_dim(rows, at, lanes)
        found = jax.vmap(lambda row: fn(unravel(row)))(points)
        found = jnp.asarray(found, values.dtype)
        return jax.lax.dynamic_update_slice_in_dim(values, found, at, 0)

    values = jnp.full(len(rows), jnp.nan, rows.dtype)
    return jax.lax.fori_loop(0, (count + lanes - 1) // lanes, some, values)
