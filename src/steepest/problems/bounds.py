"""Bounds: a box that params are kept in by projection."""

from __future__ import annotations

import reprlib
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from steepest.core.errors import UsageError
from steepest.core.suggest import did_you_mean
from steepest.problems.layout import Layout, Vector

FORMS = "give (low, high), each one number for all or of the shape of the start"
NAMED = ', or {"x": (low, high)} by name'


class Bounds(NamedTuple):
    """The lowest and the highest params allowed; -inf and inf where there is no end."""

    low: Any
    """A tree like params."""
    high: Any
    """A tree like params, nowhere below `low`."""


def box(bounds: Any, start: Any) -> Bounds | None:
    """The bounds that somebody means, checked against the start.

    Args:
        bounds: None for no bounds; a pair (low, high), each a number for all params or
            a tree like the start, with None where there is no end; for a dict of
            variables also {"x": (low, high)}, a name left out being free; for a vector
            also a list of (low, high) tuples, one a coordinate. low == high keeps a
            coordinate where it is.
        start: where the run begins: a tree of float arrays and floats.

    Returns:
        Trees of float64 arrays of the start's shapes; None where nothing is bounded.

    Raises:
        UsageError: bounds that do not fit the start, are nan or cross, or a start
            outside of them.

    >>> low, high = box({"x": (0, None)}, {"x": 1.0, "y": 2.0})
    >>> float(low["x"]), float(low["y"]), float(high["x"])
    (0.0, -inf, inf)
    """
    if bounds is None:
        return None
    layout = Layout.of(start)
    low, high = _ends(bounds, start, "")
    low, high = layout.flat(low), layout.flat(high)
    _check(low, high, layout.flat(start), layout)
    if np.isinf(low).all() and np.isinf(high).all():
        return None
    return Bounds(_shaped(low, start), _shaped(high, start))


def clip(params: Any, bounds: Bounds | None) -> Any:
    """The nearest point within the bounds, coordinate by coordinate.

    Args:
        params: a tree of arrays.
        bounds: a tree pair like it, or None for no bounds.

    >>> float(clip(jnp.array(3.0), Bounds(0.0, 1.0)))
    1.0
    """
    if bounds is None:
        return params
    return jax.tree.map(jnp.clip, params, bounds.low, bounds.high)


def free_slope(grad: Any, params: Any, bounds: Bounds | None) -> Any:
    """The gradient without what only pushes against the bounds: x - P(x - g).

    It is 0 exactly at the stationary points of the bounded problem.

    Args:
        grad: the gradient at params.
        params: a point within the bounds.
        bounds: the box, or None.

    >>> float(free_slope(jnp.array(2.0), jnp.array(0.0), Bounds(0.0, 1.0)))
    0.0
    """
    if bounds is None:
        return grad
    target = clip(jax.tree.map(jnp.subtract, params, grad), bounds)
    return jax.tree.map(jnp.subtract, params, target)


def tame(grad: Any, params: Any, bounds: Bounds | None) -> Any:
    """The gradient, 0 where an endless slope only pushes against the bounds.

    sqrt(x) has one at its bound x >= 0, and inf is nothing that a rule can step along.

    Args:
        grad: the gradient at params.
        params: a point within the bounds.
        bounds: the box, or None.

    >>> float(tame(jnp.array(jnp.inf), jnp.array(0.0), Bounds(0.0, 1.0)))
    0.0
    """
    if bounds is None:
        return grad

    def leaf(g: Any, free: Any) -> Any:
        return jnp.where(jnp.isinf(g) & (free == 0), 0, g)

    return jax.tree.map(leaf, grad, free_slope(grad, params, bounds))


def _ends(bounds: Any, start: Any, name: str) -> tuple[Any, Any]:
    """(lows, highs), trees of arrays like the start (or the part of it called name)."""
    if bounds is None:
        bounds = (None, None)
    if isinstance(bounds, dict):
        parts = {
            key: _ends(part, start[key], f"{name}.{key}" if name else str(key))
            for key, part in _by_name(bounds, start, name).items()
        }
        return {k: p[0] for k, p in parts.items()}, {k: p[1] for k, p in parts.items()}
    named = NAMED if isinstance(start, dict) else ""
    label = f"bounds of {name}" if name else "bounds"
    vector = isinstance(start, np.ndarray) and start.ndim == 1
    if vector and _is_list_of_pairs(bounds, start, label):
        bounds = [row[0] for row in bounds], [row[1] for row in bounds]
    if not isinstance(bounds, tuple | list | np.ndarray) or len(bounds) != 2:
        raise UsageError(
            f"{label}={reprlib.repr(bounds)}: must be a pair; {FORMS}{named}."
        )
    return (
        _end(bounds[0], start, -np.inf, "low", name),
        _end(bounds[1], start, np.inf, "high", name),
    )


def _by_name(given: dict[Any, Any], start: Any, name: str) -> dict[Any, Any]:
    """What is given for each variable, None for those left out."""
    if not isinstance(start, dict):
        of = f" of {name}" if name else ""
        raise UsageError(
            f"bounds{of}: names ({', '.join(map(str, given))}) need a start with "
            f"names; {FORMS}."
        )
    for key in given:
        if key not in start:
            near = did_you_mean(str(key), map(str, start))
            raise UsageError(f"bounds: the start has no variable {key!r}. {near}")
    return {key: given.get(key) for key in start}


def _is_list_of_pairs(bounds: Any, start: Any, label: str) -> bool:
    """Whether a vector's bounds come coordinate by coordinate, as SciPy takes them.

    For two coordinates a list of tuples is that, and a tuple of two arrays or lists a
    pair (low, high); two rows of another make may mean either, and are refused.
    """
    if not isinstance(bounds, list | tuple | np.ndarray) or len(bounds) != len(start):
        return False
    if not all(_is_row(row) and len(row) == 2 for row in bounds):
        return False
    tuples = all(isinstance(row, tuple) for row in bounds)
    if len(start) != 2 or (isinstance(bounds, list) and tuples):
        return True
    if isinstance(bounds, tuple) and not tuples:
        return False
    if np.array_equal(np.transpose(bounds), bounds):
        return False  # the same, read either way
    raise UsageError(
        f"{label}={reprlib.repr(bounds)}: can be read in two ways; give (low, high) as "
        "a tuple of two lists, ([0, 0], [1, 2]), or a list of tuples, one a "
        "coordinate: [(0, 1), (0, 2)]."
    )


def _is_row(row: Any) -> bool:
    return isinstance(row, list | tuple) or np.ndim(row) == 1


def _end(given: Any, start: Any, free: float, side: str, name: str) -> Any:
    """One end of every param: a tree of arrays like the start."""
    if isinstance(given, dict):
        return {
            key: _end(part, start[key], free, side, f"{name}.{key}" if name else key)
            for key, part in _by_name(given, start, name).items()
        }
    leaves, treedef = jax.tree.flatten(start)
    names = Layout.of(start).names
    if given is None or (jax.tree_util.all_leaves([given]) and np.ndim(given) == 0):
        parts = [given] * len(leaves)
    else:
        try:
            parts = treedef.flatten_up_to(given)
        except (ValueError, TypeError):
            raise UsageError(
                f"bounds: {side} is {type(given).__name__} of another shape than the "
                f"start's {type(start).__name__}; {FORMS}."
            ) from None
    called = [_called(name, leaf) for leaf in names]
    rows = zip(parts, leaves, called, strict=True)
    arrays = [_array(part, np.shape(leaf), free, side, n) for part, leaf, n in rows]
    return jax.tree.unflatten(treedef, arrays)


def _called(name: str, leaf: str) -> str:
    if not name:
        return leaf
    return name if leaf == "params" else f"{name}.{leaf}"


def _array(
    given: Any, shape: tuple[int, ...], free: float, side: str, name: str
) -> Vector:
    """One end of one leaf; None, whole or within, is no end."""
    if isinstance(given, list | tuple):
        given = [free if part is None else part for part in given]
    try:
        array = np.asarray(free if given is None else given)
        if array.dtype == object:  # rows of a matrix, some with None in them
            kept = [free if part is None else float(part) for part in array.flat]
            array = np.reshape(kept, array.shape)
    except (ValueError, TypeError):
        array = np.asarray("")
    if array.dtype.kind not in "iuf":
        raise UsageError(
            f"bounds: {side} of {name} is {reprlib.repr(given)}: must be numbers, None "
            "for no end."
        )
    if array.shape not in ((), shape):
        more = f", or have the shape of {name}, {shape}" if shape else ""
        raise UsageError(
            f"bounds: {side} has shape {array.shape} for {name}; it must be one "
            f"number{more}."
        )
    return np.broadcast_to(array.astype(float), shape)


def _check(low: Vector, high: Vector, start: Vector, layout: Layout) -> None:
    """Refuse ends that are none, that cross, and a start outside; name the first."""
    for side, ends, wrong in (("low", low, np.inf), ("high", high, -np.inf)):
        for i in np.flatnonzero(np.isnan(ends) | (ends == wrong))[:1]:
            raise UsageError(
                f"bounds: {layout.coordinate(int(i))} has {side}={ends[i]:g}: must be "
                "a number, or None for no end."
            )
    for i in np.flatnonzero(low > high)[:1]:
        raise UsageError(
            f"bounds: {layout.coordinate(int(i))} has low={low[i]:g} above "
            f"high={high[i]:g}: low must be <= high; swap them."
        )
    inside = np.clip(start, low, high)
    for i in np.flatnonzero(inside != start)[:1]:
        raise UsageError(
            f"start: {layout.coordinate(int(i))}={start[i]:g} is outside of its bounds "
            f"[{low[i]:g}, {high[i]:g}]; start inside, such as at {inside[i]:g}."
        )


def _shaped(vector: Vector, start: Any) -> Any:
    """The numbers as float64 arrays of the start's shapes."""
    leaves, treedef = jax.tree.flatten(start)
    cuts = np.cumsum([np.size(leaf) for leaf in leaves])[:-1]
    parts = zip(np.split(vector, cuts), leaves, strict=True)
    return jax.tree.unflatten(treedef, [p.reshape(np.shape(x)) for p, x in parts])
