"""Shapes: what params look like where only the bounds of their starts are given."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from steepest.core.errors import UsageError
from steepest.problems.formulas import Formula
from steepest.problems.gallery import GALLERY, Surface
from steepest.problems.start import example_start


def domain_of(objective: Any) -> Any:
    """The bounds that a function of the gallery brings along, None for others.

    Args:
        objective: as for `minimize`.

    >>> domain_of("himmelblau")
    ([-5.0, -5.0], [5.0, 5.0])
    """
    if isinstance(objective, str):
        objective = GALLERY.get(objective.strip())
    if not isinstance(objective, Surface):
        return None
    low, high = zip(*objective.domain, strict=True)
    return list(low), list(high)


def middle(bounds: Any, objective: Any) -> Any:
    """The middle of bounds: a start that has the shape of the params.

    Args:
        bounds: as for `minimize`, both ends given.
        objective: tells the shape where both ends are numbers.

    Raises:
        UsageError: the shape cannot be told.

    >>> middle({"x": (0, 2), "y": (1, 1)}, "x + y")
    {'x': 1.0, 'y': 1.0}
    >>> middle((-1, 3), "x^2 + y^2")
    {'x': 1.0, 'y': 1.0}
    """
    try:
        centre = _middle(bounds, objective)
    except (TypeError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(
            f"bounds={bounds!r}: do not tell the shape of the params; give both ends "
            "as numbers, arrays or dicts, or a start= too."
        ) from error
    if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(centre)):
        raise UsageError(
            "bounds: an end is missing, and runs begin within them; give both ends of "
            "each, finite."
        )
    return centre


def _middle(bounds: Any, objective: Any) -> Any:
    if isinstance(bounds, dict):
        return {name: _middle(pair, None) for name, pair in bounds.items()}
    if isinstance(bounds, list) and all(isinstance(row, tuple) for row in bounds):
        return np.mean(np.array(bounds, float), axis=1)
    low, high = bounds
    if np.ndim(low) == 0 and np.ndim(high) == 0 and not isinstance(low, dict):
        centre = _mean(low, high)
        return centre if objective is None else _filled(objective, centre, bounds)
    return jax.tree.map(_mean, _arrays(low), _arrays(high))


def _arrays(end: Any) -> Any:
    return np.asarray(end, float) if isinstance(end, list | tuple) else end


def _mean(low: Any, high: Any) -> Any:
    centre = 0.5 * np.asarray(low, float) + 0.5 * np.asarray(high, float)
    return centre if centre.ndim else float(centre)


def _filled(objective: Any, centre: float, bounds: Any) -> Any:
    """Params of an objective that has names or a size of its own, all one number."""
    if isinstance(objective, str) and objective.strip() in GALLERY:
        objective = GALLERY[objective.strip()]
    if isinstance(objective, Surface):
        return np.full(objective.dimension, centre)
    if isinstance(objective, Formula):
        objective = objective.text
    if isinstance(objective, str):
        names = example_start(objective)
        if any(isinstance(value, list) for value in names.values()):
            raise UsageError(
                f"bounds={bounds!r}: do not tell how long the vectors of the formula "
                "are; give a start= too."
            )
        return dict.fromkeys(names, centre)
    raise UsageError(
        f"bounds={bounds!r}: two numbers do not tell the shape of the params; give a "
        "start= too, or arrays as bounds."
    )
