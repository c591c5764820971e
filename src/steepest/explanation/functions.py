"""The explanation of a function without a formula: its numbers, found by JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from steepest.explanation.explanation import Explanation, Formulas
from steepest.explanation.faults import Fault
from steepest.explanation.formulas import Asked
from steepest.explanation.operations import Array
from steepest.explanation.stepping import Point, make_steps
from steepest.problems.layout import Layout

NO_FORMULA = (
    "A function in Python has no formula to derive: its derivatives are the numbers "
    "that {who} finds. Typed as a formula it is explained in full."
)


def explain_function(
    fn: Callable[[Any], Any], start: Any, asked: Asked, *, label: str, foreign: bool
) -> Explanation:
    """Explain a function of any tree of numbers at a point.

    Args:
        fn: tree -> one number, for jax to differentiate.
        start: the tree, of float arrays and floats.
        asked: what else is wanted; there is no graph.
        label: the function's name.
        foreign: whether it runs in Python, with slopes of its own or by differences.
    """
    layout = Layout.of(start)
    find = jax.jit(jax.value_and_grad(lambda x: fn(layout.traced(x))))

    def look(x: Array) -> Point:
        with jax.enable_x64(True):
            value, gradient = find(np.asarray(x, float))
        faults: tuple[Fault, ...] = ()
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            what = "value" if not np.isfinite(value) else "slope"
            text = f"{label} has no finite {what} there."
            faults = (Fault("undefined", label, text),)
        return Point(np.asarray(x, float), float(value), np.asarray(gradient), faults)

    first = look(layout.flat(start))
    names = tuple(layout.coordinate(k) for k in range(layout.size))
    steps = make_steps(look, first, asked.rule, asked.numbers, asked.steps)
    return Explanation(
        objective=label,
        formula=None,
        formula_text="",
        names=names,
        point=first,
        direction=asked.direction,
        optimizer=asked.optimizer,
        numbers=asked.numbers,
        partials=tuple(Formulas(n, (k,), False) for k, n in enumerate(names)),
        steps=tuple(steps),
        notes=(NO_FORMULA.format(who="steepest" if foreign else "JAX"),),
    )
