"""The explanation of a formula: derivatives by SymPy, numbers from its own graph."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from steepest.explanation.entries import lengths_of
from steepest.explanation.explanation import Explanation, Formulas
from steepest.explanation.faults import faults_of
from steepest.explanation.graph import Vertex, build, flow, forward
from steepest.explanation.operations import Array
from steepest.explanation.rules import Written
from steepest.explanation.stepping import Point, Step, make_steps
from steepest.problems.formulas import Formula, Node, to_text

MOST_CHECKED = 50
"""Points at which JAX is asked."""
MOST_LETTERS = 2000
"""Longer formulas of derivatives are not shown."""
QUICK = {"xla_backend_optimization_level": 0}
"""For programs that run once: to compile them well would take longer than to run."""
ALIKE = 1e-6
"""A derivative's formula that differs by more from its number is not shown."""


class Asked(NamedTuple):
    """What is to be explained besides the function itself.

    Args:
        optimizer: its name.
        rule: its lines.
        numbers: learning_rate, where the rule takes one, and its other numbers.
        steps: how many.
        direction: "minimize" or "maximize".
        backprop: whether the graph is wanted.
    """

    optimizer: str
    rule: Written
    numbers: Mapping[str, float]
    steps: int
    direction: str
    backprop: bool = False


class Coordinates:
    """The variables that move, as one vector and back.

    Args:
        start: variable -> number or vector.
        constants: what does not move.
    """

    def __init__(self, start: Mapping[str, Any], constants: Mapping[str, Any]) -> None:
        self.start = {name: np.asarray(x, float) for name, x in start.items()}
        self.constants = constants
        self.names: list[str] = []
        self.places: dict[str, tuple[int, ...]] = {}
        for name, x in self.start.items():
            first = len(self.names)
            labels = [f"{name}[{k}]" for k in range(x.size)] if x.ndim else [name]
            self.names.extend(labels)
            self.places[name] = tuple(range(first, len(self.names)))

    def flat(self, params: Mapping[str, Any]) -> Array:
        """The numbers as one vector."""
        return np.concatenate([np.ravel(params[name]) for name in self.start])

    def params(self, x: Array) -> dict[str, Any]:
        """The numbers by variable, with the constants."""
        moved = {
            name: x[list(self.places[name])].reshape(one.shape)
            for name, one in self.start.items()
        }
        return {**moved, **self.constants}


def explain_formula(
    formula: Formula,
    start: Mapping[str, Any],
    asked: Asked,
    *,
    label: str = "",
    constants: Mapping[str, Any] | None = None,
) -> Explanation:
    """Explain a formula at a point.

    Args:
        formula: of named numbers and vectors.
        start: variable -> number or vector.
        asked: what else is wanted.
        label: another name for it than its text.
        constants: variables that do not move -> their values.
    """
    space = Coordinates(start, constants or {})
    vertices = build(formula.tree)

    def look(x: Array) -> Point:
        params = space.params(x)
        found = flow(vertices, params)
        gradient = space.flat(found.gradient())
        met = tuple(faults_of(found, params, space.start))
        return Point(x, found.value, gradient, met)

    first = look(space.flat(space.start))
    steps = make_steps(look, first, asked.rule, asked.numbers, asked.steps)
    partials, notes = _partials(formula.tree, vertices, space, first)
    graph, difference = None, _difference(formula, space, first, steps)
    if asked.backprop:
        from steepest.explanation.backwards import backwards

        graph = backwards(
            formula.tree, space.params(first.x), frozenset(space.constants)
        )
        difference = max(difference or 0.0, graph.difference)
    return Explanation(
        objective=label or formula.text,
        formula=formula.tree,
        formula_text=formula.text,
        names=tuple(space.names),
        point=first,
        direction=asked.direction,
        optimizer=asked.optimizer,
        numbers=asked.numbers,
        partials=partials,
        steps=tuple(steps),
        constants=space.constants,
        graph=graph,
        notes=notes,
        difference=difference,
    )


def _partials(
    tree: Node, vertices: list[Vertex], space: Coordinates, first: Point
) -> tuple[tuple[Formulas, ...], tuple[str, ...]]:
    """A Formulas for each variable, and what is to be said of them."""
    from steepest.explanation.deriving import Derived, derive

    params = space.params(first.x)
    found = derive(tree, lengths_of(params), frozenset(space.constants))
    known = {**params, **_entries_of(params)}
    for vertex, value in zip(vertices, forward(vertices, params), strict=True):
        if value.ndim:
            known[f"{vertex.text}[k]"] = value
    partials = []
    for name, start in space.start.items():
        places = space.places[name]
        common, each = found.get(name, Derived())
        if not first.stops:
            expected = first.gradient[list(places)]
            common = _agreeing(common, known, expected)
            each = {
                entry: node
                for entry, node in each.items()
                if _agreeing(node, known, first.gradient[space.names.index(entry)])
            }
        partials.append(Formulas(name, places, start.ndim > 0, common, each))
    return tuple(partials), _notes(partials)


def _entries_of(params: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"{name}[{k}]": x
        for name, values in params.items()
        for k, x in enumerate(np.atleast_1d(values))
    }


def _notes(partials: list[Formulas]) -> tuple[str, ...]:
    left_out = [one.name for one in partials if one.common is None and not one.each]
    if not left_out:
        return ()
    note = (
        f"No formula is shown for the derivative by {', '.join(left_out)}: it is too "
        "long to write out, or divides 0 by 0 here. The number is right all the same."
    )
    return (note,)


def _agreeing(node: Node | None, params: Mapping[str, Any], expected: Any) -> Any:
    """A formula if it is short and has the value that the graph found, else None."""
    if node is None or len(to_text(node)) > MOST_LETTERS:
        return None
    value = forward(build(node), params)[-1]
    gap = np.abs(value - expected)
    good = np.all(gap <= ALIKE * np.maximum(1.0, np.abs(expected)))
    return node if good else None


@functools.partial(jax.jit, static_argnums=0, compiler_options=QUICK)
def _ask(formula: Formula, moving: Any, fixed: Any) -> Any:
    """Value and gradient by JAX."""
    return jax.value_and_grad(lambda x: formula({**x, **fixed}))(moving)


def _difference(
    formula: Formula, space: Coordinates, first: Point, steps: list[Step]
) -> float | None:
    """The largest difference from what JAX finds at all points; None at none."""
    points = [first, *(step.after for step in steps)][:MOST_CHECKED]
    worst = None
    with jax.enable_x64(True):
        fixed = {k: np.asarray(v, float) for k, v in space.constants.items()}
        for point in points:
            if point.stops:
                continue
            params = space.params(point.x)
            moving = {name: np.asarray(params[name], float) for name in space.start}
            value, gradient = _ask(formula, moving, fixed)
            theirs = np.append(space.flat(gradient), value)
            ours = np.append(point.gradient, point.value)
            worst = max(worst or 0.0, difference(ours, theirs))
    return worst


def difference(ours: Any, theirs: Any) -> float:
    """The largest difference, relative to max(1, |theirs|); inf where one is nan.

    >>> difference([1.0, 2e3], [1.0, 1e3])
    1.0
    """
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    with np.errstate(all="ignore"):  # inf and inf are alike
        gap = np.abs(ours - theirs) / np.maximum(1.0, np.abs(theirs))
    gap = np.where(ours == theirs, 0.0, gap)
    return float(np.max(np.where(np.isnan(gap), np.inf, gap), initial=0.0))
