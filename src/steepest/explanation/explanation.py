"""Explanation: what is told of a function at a point, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from steepest.core.plain import number_to_json
from steepest.explanation.faults import Fault
from steepest.explanation.stepping import Point, Step
from steepest.problems.formulas import Node, to_text

SCHEMA = "steepest.explanation/1"


class Formulas(NamedTuple):
    """What a formula says of one variable.

    Args:
        name: the variable.
        places: which coordinates are its entries; one for a number.
        vector: whether it is a vector.
        common: the derivative's formula, for entry number k of a vector; None where
            there is none for all.
        each: name of an entry -> its formula.
    """

    name: str
    places: tuple[int, ...]
    vector: bool
    common: Node | None = None
    each: Mapping[str, Node] = {}


@dataclass(frozen=True, repr=False)
class Explanation:
    """A function at a point, its slope, and the steps of descent from there.

    Args:
        objective: the function's name, or its formula as typed.
        formula: its formula; None for a function without one.
        formula_text: the formula as typed.
        names: of the coordinates.
        point: the function where the steps begin.
        direction: "minimize" or "maximize".
        optimizer: the rule of the steps.
        numbers: its learning_rate, where it takes one, and its other numbers.
        partials: a Formulas for each variable.
        steps: made from there.
        constants: what stands in the formula and does not move.
        graph: values forwards and derivatives backwards, if asked for.
        notes: what should be known besides.
        difference: from what JAX finds: the largest of all values and derivatives,
            relative to max(1, |number|); None where JAX found them itself.
    """

    objective: str
    formula: Node | None
    formula_text: str
    names: tuple[str, ...]
    point: Point
    direction: str
    optimizer: str
    numbers: Mapping[str, float]
    partials: tuple[Formulas, ...]
    steps: tuple[Step, ...]
    constants: Mapping[str, Any] = field(default_factory=dict)
    graph: Any = None
    notes: tuple[str, ...] = ()
    difference: float | None = None

    @property
    def value(self) -> float:
        """The value at the point."""
        return self.point.value

    @property
    def network(self) -> bool:
        """Whether it is of a network: `graph` is a Network then, f its loss."""
        return self.formula is None and not self.partials

    @property
    def letter(self) -> str:
        """What the value is called."""
        return "loss" if self.network else "f"

    @property
    def gradient(self) -> dict[str, float]:
        """The partial derivatives, by coordinate."""
        return _named(self.names, self.point.gradient)

    @property
    def norm(self) -> float:
        """The length of the gradient."""
        return self.point.norm

    @property
    def heading(self) -> dict[str, float]:
        """Where to go: minus the gradient (plus, to climb), of length 1."""
        sign = -1.0 if self.direction == "minimize" else 1.0
        with np.errstate(all="ignore"):
            unit = self.point.gradient / (self.norm or 1.0)
        return _named(self.names, sign * unit + 0.0)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Where there is no value or no slope: at the point, then on the way."""
        met = [step.after for step in self.steps]
        told = [*self.point.faults, *(f for point in met for f in point.faults)]
        return tuple(dict.fromkeys(told))

    @property
    def diverged(self) -> bool:
        """Whether a step led to where there is no number."""
        return bool(self.steps) and self.steps[-1].after.stops

    def to_text(self) -> str:
        """As on a blackboard, within 80 columns where formulas allow."""
        from steepest.explanation.text import to_text

        return to_text(self)

    def to_markdown(self) -> str:
        """Markdown with LaTeX formulas."""
        from steepest.explanation.markdown import to_markdown

        return to_markdown(self)

    def to_html(self) -> str:
        """One HTML page that needs nothing else: formulas in MathML, graph in SVG."""
        from steepest.explanation.page import to_html

        return to_html(self)

    def to_json(self) -> dict[str, Any]:
        """Plain data with every number; nan is None, infinities are text.

        >>> import steepest as sp
        >>> sp.explain("x**2", at=3.0).to_json()["partials"]
        {'x': {'formula': '2*x', 'value': 6.0}}
        """
        names = self.names
        return {
            "schema": SCHEMA,
            "objective": self.objective,
            "formula": None if self.formula is None else to_text(self.formula),
            "constants": {k: np.asarray(v).tolist() for k, v in self.constants.items()},
            "point": _plain(_named(names, self.point.x)),
            "value": number_to_json(self.value),
            "partials": {name: self._partial(k) for k, name in enumerate(names)},
            "gradient_norm": number_to_json(self.norm),
            "heading": _plain(self.heading),
            "direction": self.direction,
            "optimizer": self.optimizer,
            "numbers": dict(self.numbers),
            "steps": [_step(names, step) for step in self.steps],
            "graph": None if self.graph is None else self.graph.to_json(),
            "faults": [fault.to_json() for fault in self.faults],
            "notes": list(self.notes),
            "difference_from_jax": _finite(self.difference),
        }

    def _partial(self, k: int) -> dict[str, Any]:
        found = self.formula_of(k)
        return {
            "formula": None if found is None else to_text(found),
            "value": number_to_json(self.point.gradient[k]),
        }

    def formula_of(self, k: int) -> Node | None:
        """The formula of the partial derivative by coordinate k, if there is one.

        Args:
            k: place among the names.
        """
        for one in self.partials:
            if k in one.places:
                return one.each.get(self.names[k], one.common)
        return None

    def __repr__(self) -> str:
        """The text."""
        return self.to_text()


def _finite(number: float | None) -> Any:
    return None if number is None else number_to_json(number)


def _named(names: tuple[str, ...], numbers: Any) -> dict[str, Any]:
    return dict(zip(names, np.asarray(numbers, float).tolist(), strict=True))


def _plain(numbers: Mapping[str, float]) -> dict[str, Any]:
    return {name: number_to_json(x) for name, x in numbers.items()}


def _point(names: tuple[str, ...], point: Point) -> dict[str, Any]:
    return {
        "point": _plain(_named(names, point.x)),
        "value": number_to_json(point.value),
        "gradient": _plain(_named(names, point.gradient)),
    }


def _step(names: tuple[str, ...], step: Step) -> dict[str, Any]:
    lines = []
    for worked in step.lines:
        shared = np.ndim(worked.result) == 0
        result = np.asarray(worked.result, float)
        lines.append(
            {
                "name": worked.line.name,
                "formula": worked.line.text,
                "values": number_to_json(result)
                if shared
                else _plain(_named(names, result)),
            }
        )
    return {
        "step": step.number,
        "before": _point(names, step.before),
        "lines": lines,
        "after": _point(names, step.after),
        "promised_change": number_to_json(step.promised),
    }
