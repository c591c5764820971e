"""A function and its start, made fit for the engine; each misfit told at the door."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

from steepest.core.errors import DataError, SteepestError, UsageError
from steepest.core.suggest import did_you_mean
from steepest.core.tree import leaf_names
from steepest.problems.formulas import Formula, parse
from steepest.problems.gallery import GALLERY, Surface


class Problem(NamedTuple):
    """A function of a tree of float arrays, and where to begin."""

    fn: Callable[[Any], Any]
    start: Any
    label: str


@dataclass(frozen=True)
class OneVariable:
    """A formula of a single variable, as a function of the bare value."""

    formula: Formula

    def __call__(self, value: Any) -> Any:
        """The formula at that value."""
        return self.formula({self.formula.variables[0]: value})


def pose(objective: Any, start: Any = None) -> Problem:
    """Make out what is meant and check it as far as that costs no compilation.

    Args:
        objective: a formula or the name of a gallery function as text, a Formula, a
            Surface, or a function of one tree of arrays that jax can trace.
        start: where to begin: a number, a list, an array, or any tree of them; a dict
            of variables for a formula. A gallery function brings its own.

    Raises:
        UsageError: the start does not fit the objective, or it is not finite.
        FormulaError: the formula cannot be read.
        DataError: the function cannot be traced, or gives no single real number.

    >>> pose("x**2", 3.0).label
    'x**2'
    """
    fn, label = _function(objective)
    if isinstance(fn, Surface):
        fn, start = _sized(fn, start)
    if start is None:
        raise UsageError(
            "start: missing; give a point to begin from, such as {'x': 3.0, 'y': 4.0}."
        )
    if isinstance(fn, Formula):
        if not isinstance(start, dict) and len(fn.variables) == 1:
            fn = OneVariable(fn)
        else:
            fn.check(start)
            start = {name: start[name] for name in fn.variables}
    start = _floats(start)
    _check_scalar(fn, start)
    return Problem(fn, start, label)


def _function(objective: Any) -> tuple[Any, str]:
    if isinstance(objective, str):
        text = objective.strip()
        if text in GALLERY:
            return GALLERY[text], text
        return _parse(text), text
    if isinstance(objective, Formula):
        return objective, objective.text
    if isinstance(objective, Surface):
        return objective, objective.name
    if callable(objective):
        name = getattr(objective, "__qualname__", type(objective).__name__)
        return objective, name
    raise UsageError(
        f"objective={objective!r}: must be a formula, the name of a gallery function, "
        "or a function of the params."
    )


def _parse(text: str) -> Formula:
    """A formula; a bare word that is none of the gallery's is told so."""
    formula = parse(text)
    if text.isidentifier() and len(text) > 2:
        raise UsageError(
            f"{text!r}: no function of the gallery has this name. "
            f"{did_you_mean(text, GALLERY)}"
        )
    return formula


def _sized(surface: Surface, start: Any) -> tuple[Surface, Any]:
    if start is None:
        return surface, np.array(surface.start)
    flat = np.atleast_1d(np.asarray(_values(start), float))
    if flat.ndim != 1:
        raise UsageError(f"start has shape {flat.shape}: {surface.name} needs (n,).")
    if len(flat) != surface.dimension and not surface.any_dimension:
        raise UsageError(
            f"start has {len(flat)} coordinates: {surface.name} needs "
            f"{surface.dimension}."
        )
    return surface.sized(len(flat)), flat


def _values(start: Any) -> Any:
    """A gallery function takes one array; named coordinates are put in order."""
    return list(start.values()) if isinstance(start, dict) else start


def _floats(start: Any) -> Any:
    """The start with float leaves: numbers stay Python floats, the rest arrays."""
    names = leaf_names(start)
    leaves, shape = jax.tree.flatten(start)
    if isinstance(start, list) and all(isinstance(x, int | float) for x in leaves):
        return _floats(np.array(start, float))  # a flat list is a vector
    if not leaves:
        raise UsageError("start: holds no number; give a point to begin from.")
    pairs = zip(names, leaves, strict=True)
    return jax.tree.unflatten(shape, [_float(name, leaf) for name, leaf in pairs])


def _float(name: str, leaf: Any) -> Any:
    plain = isinstance(leaf, int | float) and not isinstance(leaf, bool | np.generic)
    array = np.asarray(leaf)
    if array.dtype.kind not in "iuf" and not jax.numpy.issubdtype(
        array.dtype, jax.numpy.floating
    ):
        raise UsageError(
            f"start: {name}={leaf!r}: must be a number or an array of them."
        )
    if not np.isfinite(array.astype(float)).all():
        raise UsageError(f"start: {name}={leaf!r}: must be finite.")
    return float(leaf) if plain else np.asarray(leaf, float)


def _check_scalar(fn: Callable[[Any], Any], start: Any) -> None:
    """Trace once without running: the result must be one real number."""
    try:
        out = jax.eval_shape(fn, start)
    except SteepestError:
        raise
    except Exception as error:
        name = getattr(fn, "__name__", "the function")
        first = str(error).strip().splitlines()[0]
        raise DataError(
            f"{name} cannot be traced by jax ({type(error).__name__}: {first}). "
            "Write it with jax.numpy, for one argument of the shape of the start."
        ) from error
    shape, dtype = getattr(out, "shape", None), getattr(out, "dtype", None)
    if shape is None or dtype is None:
        raise DataError(
            f"the objective returns {type(out).__name__}; it must return one number."
        )
    if math.prod(shape) != 1 or len(shape) > 0:
        raise DataError(
            f"the objective returns an array of shape {shape}; it must return one "
            "number: take the sum or the mean."
        )
    if not jax.numpy.issubdtype(dtype, jax.numpy.floating):
        raise DataError(
            f"the objective returns {dtype}; it must return a real floating number."
        )
