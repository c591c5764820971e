"""A function and its start, made fit for the engine; each misfit told at the door."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

from steepest.core.errors import UsageError
from steepest.core.suggest import did_you_mean
from steepest.core.tree import leaf_names
from steepest.problems.foreign import Foreign
from steepest.problems.formulas import Formula, parse
from steepest.problems.gallery import GALLERY, Surface
from steepest.problems.given import is_foreign, take


class Problem(NamedTuple):
    """A function of a tree of float arrays, and where to begin."""

    fn: Callable[[Any], Any]
    start: Any
    label: str
    notes: tuple[str, ...] = ()
    """What the user should be told once."""
    foreign: bool = False
    """Whether each evaluation calls the user's Python code."""

    def check(self) -> None:
        """Raise what went wrong in the user's Python code since `pose`, if anything.

        Raises:
            DataError: it raised an exception, or returned no number or no gradient.
            KeyboardInterrupt, SystemExit: as they came.
        """
        if isinstance(self.fn, Foreign):
            self.fn.check()


@dataclass(frozen=True)
class OneVariable:
    """A formula of a single variable, as a function of the bare value."""

    formula: Formula

    def __call__(self, value: Any) -> Any:
        """The formula at that value."""
        return self.formula({self.formula.variables[0]: value})


def pose(objective: Any, start: Any = None, grad: Any = None) -> Problem:
    """Make out what is meant and check it as far as that costs no compilation.

    Args:
        objective: a formula or the name of a gallery function as text, a Formula, a
            Surface, or a function of one tree of arrays: one that jax can trace, or
            any that takes NumPy arrays.
        start: where to begin: a number, a list, an array, or any tree of them; a dict
            of variables for a formula. A gallery function brings its own.
        grad: the function's gradient, params -> tree like the params, checked at the
            start against difference quotients. None: jax's own where it can trace
            the function, else central differences.

    Raises:
        UsageError: the start does not fit the objective, or it is not finite.
        FormulaError: the formula cannot be read.
        DataError: the function cannot be called, or gives no single real number, or
            the gradient is not its gradient.

    >>> pose("x**2", 3.0).label
    'x**2'
    """
    fn, label = _function(objective, start)
    if grad is not None and isinstance(fn, Formula | Surface):
        raise UsageError(
            f"grad: {label!r} brings its own exact gradient; leave grad= out."
        )
    if isinstance(fn, Surface):
        fn, start = _sized(fn, start)
    if start is None:
        point = _example(fn) or {"x": 3.0, "y": 4.0}
        raise UsageError(f"start: missing; give a point to begin from, such as {point}")
    if isinstance(fn, Formula):
        fn, start = _named(fn, start)
    start = _floats(start)
    fn, notes = take(fn, grad, start, label)
    return Problem(fn, start, label, notes, is_foreign(fn))


def example_start(objective: str) -> dict[str, Any]:
    """A start as a formula needs it; empty for a gallery function, which has its own.

    Args:
        objective: a formula or the name of a gallery function.

    Raises:
        FormulaError, UsageError: the text is neither.

    >>> example_start("x[0]**2 + y"), example_start("rosenbrock")
    ({'x': [1.0, 1.0], 'y': 1.0}, {})
    """
    return _example(_function(objective, None)[0])


def _example(fn: Any) -> dict[str, Any]:
    if not isinstance(fn, Formula):
        return {}
    return {x: [1.0, 1.0] if x in fn.vectors else 1.0 for x in fn.variables}


def _function(objective: Any, start: Any) -> tuple[Any, str]:
    if isinstance(objective, str):
        text = objective.strip()
        if text in GALLERY:
            return GALLERY[text], text
        return _parse(text, start), text
    if isinstance(objective, Formula):
        return objective, objective.text
    if isinstance(objective, Surface):
        return objective, objective.name
    if callable(objective):
        return objective, _label(objective)
    raise UsageError(
        f"objective={objective!r}: must be a formula, the name of a gallery function, "
        "or a function of the params."
    )


def _label(fn: Any) -> str:
    """The name of a function without where it was defined.

    >>> _label(len), _label(lambda x: x)
    ('len', 'function')
    """
    name = getattr(fn, "__qualname__", type(fn).__name__).rpartition("<locals>.")[2]
    return "function" if name.endswith("<lambda>") else name


def _parse(text: str, start: Any) -> Formula:
    """A formula; a bare word that the start does not name is no gallery function."""
    formula = parse(text)
    named = isinstance(start, dict) and set(start) == {text}
    if text.isidentifier() and len(text) > 2 and not named:
        raise UsageError(
            f"{text!r}: no function of the gallery has this name. "
            f"{did_you_mean(text, GALLERY)}"
        )
    return formula


def _named(formula: Formula, start: Any) -> tuple[Any, Any]:
    """A formula and its start as floats and vectors; one variable needs no name."""
    bare = not isinstance(start, dict) and len(formula.variables) == 1
    if bare:
        start = {formula.variables[0]: start}
    with jax.enable_x64(True):  # as the engine will: 1e200 is no number of 32 bits
        formula.check(start)
    arrays = {name: np.asarray(start[name], float) for name in formula.variables}
    point = {name: x if x.ndim else float(x) for name, x in arrays.items()}
    if bare:
        return OneVariable(formula), point[formula.variables[0]]
    return formula, point


def _sized(surface: Surface, start: Any) -> tuple[Surface, Any]:
    if start is None:
        return surface, np.array(surface.start)
    named = isinstance(start, dict)  # named coordinates are taken in their order
    flat = np.atleast_1d(_array("params", list(start.values()) if named else start))
    if flat.ndim != 1 or not flat.size:
        raise UsageError(
            f"start has shape {flat.shape}: {surface.name} needs (n,) with n > 0."
        )
    if len(flat) != surface.dimension and not surface.any_dimension:
        raise UsageError(
            f"start has {len(flat)} coordinates: {surface.name} needs "
            f"{surface.dimension}."
        )
    return surface.sized(len(flat)), flat


def _floats(start: Any) -> Any:
    """The start with float leaves: numbers stay Python floats, the rest arrays."""
    names = leaf_names(start)
    leaves, shape = jax.tree.flatten(start)
    if not sum(np.size(leaf) for leaf in leaves):
        raise UsageError("start: holds no number; give a point to begin from.")
    if isinstance(start, list) and all(isinstance(x, int | float) for x in leaves):
        return _array("params", start)  # a list of numbers is a vector, rows a matrix
    pairs = zip(names, leaves, strict=True)
    return jax.tree.unflatten(shape, [_float(name, leaf) for name, leaf in pairs])


def _float(name: str, leaf: Any) -> Any:
    plain = isinstance(leaf, int | float) and not isinstance(leaf, bool | np.generic)
    array = _array(name, leaf)
    return float(array) if plain else array


def _array(name: str, values: Any) -> np.ndarray[Any, Any]:
    """Finite numbers as float64, in memory of their own."""
    shown = f"{name}={reprlib.repr(values)}"
    try:
        array = np.asarray(values)
    except ValueError:
        raise UsageError(
            f"start: {shown}: rows of different lengths; give each the same length, "
            "or a dict of arrays."
        ) from None
    if array.dtype.kind not in "iuf" and not jax.numpy.issubdtype(
        array.dtype, jax.numpy.floating
    ):
        raise UsageError(f"start: {shown}: must be a number or an array of them.")
    array = np.array(array, float)
    if not np.isfinite(array).all():
        raise UsageError(f"start: {shown}: must be finite.")
    return array
