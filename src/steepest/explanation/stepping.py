"""Steps of descent with all their numbers, each line worked out as it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from steepest.explanation.faults import Fault
from steepest.explanation.graph import Vertex, build, forward
from steepest.explanation.operations import Array
from steepest.explanation.rules import Line, Written
from steepest.explanation.writing import filled, write
from steepest.problems.formulas import Call, Node, parse, to_text, walk


class Point(NamedTuple):
    """A function at a point.

    Args:
        x: (n,) the coordinates.
        value: of the function.
        gradient: (n,) its partial derivatives.
        faults: what is the matter there.
    """

    x: Array
    value: float
    gradient: Array
    faults: tuple[Fault, ...] = ()

    @property
    def stops(self) -> bool:
        """Whether no step can be made from here."""
        finite = np.isfinite(self.value) and np.isfinite(self.gradient).all()
        return not finite or any(fault.stops for fault in self.faults)

    @property
    def norm(self) -> float:
        """The length of the gradient."""
        with np.errstate(over="ignore"):
            return float(np.linalg.norm(self.gradient))


@dataclass(frozen=True)
class Worked:
    """A line with its numbers.

    Args:
        line: the formula.
        inputs: what stands in it: name -> number, or (n,) numbers.
        result: what it gives: a number, or (n,) numbers.
    """

    line: Line
    inputs: Mapping[str, Array] = field(repr=False)
    result: Array = field(repr=False)

    def at(self, k: int) -> float:
        """The result for coordinate k."""
        return float(self.result[k] if np.ndim(self.result) else self.result)

    def filled(self, k: int) -> Node:
        """The formula with the numbers of coordinate k in it."""
        numbers = {
            name: float(x[k] if np.ndim(x) else x) for name, x in self.inputs.items()
        }
        return filled(self.line.tree, numbers)

    def written(self, k: int) -> str:
        """The same as text."""
        return write(self.filled(k))


@dataclass(frozen=True)
class Step:
    """One step: where it began, how it was worked out, where it led.

    Args:
        number: counted from 1.
        before: where it began.
        lines: of the rule, in order.
        after: where it led.
    """

    number: int
    before: Point
    lines: tuple[Worked, ...] = field(repr=False)
    after: Point

    @property
    def promised(self) -> float:
        """The change of the value that the slope alone tells: gradient * move."""
        with np.errstate(all="ignore"):
            return float(self.before.gradient @ (self.after.x - self.before.x))


def make_steps(
    look: Callable[[Array], Point],
    start: Point,
    rule: Written,
    numbers: Mapping[str, float],
    steps: int,
) -> list[Step]:
    """Go by a rule, up to the first point from which no step can be made.

    Args:
        look: (n,) coordinates -> the function there.
        start: where to begin.
        rule: its lines.
        numbers: learning_rate, where the rule takes one, and its own.
        steps: how many at most.

    >>> from steepest.explanation.rules import rule_of
    >>> def square(x):
    ...     return Point(x, float(x @ x), 2 * x)
    >>> [step] = make_steps(
    ...     square, square(np.array([3.0])), rule_of("gd"), {"learning_rate": 0.1}, 1
    ... )
    >>> step.lines[0].written(0), step.after.x
    ('3 - 0.1*6', array([2.4]))
    """
    programs = [build(line.tree) for line in rule.lines]
    known: dict[str, Any] = {**numbers, "x0": start.x}
    for name, text in rule.memory.items():
        first = forward(build(parse(text).tree), known)[-1]
        shared = any(line.shared and line.name == name for line in rule.lines)
        known[name] = first if shared else np.broadcast_to(first, start.x.shape)
    made: list[Step] = []
    point = start
    for k in range(1, steps + 1):
        if point.stops:
            break
        known |= {"x": point.x, "g": point.gradient, "t": float(k)}
        lines = []
        for line, program in zip(rule.lines, programs, strict=True):
            worked = _work(line, program, known)
            lines.append(worked)
            known[line.name] = worked.result
        after = look(np.asarray(known["x"]))
        made.append(Step(k, point, tuple(lines), after))
        point = after
    return made


def _work(line: Line, program: list[Vertex], known: Mapping[str, Any]) -> Worked:
    values = forward(program, known)
    texts = {vertex.text: value for vertex, value in zip(program, values, strict=True)}
    inputs = {name: np.asarray(known[name]) for name in parse(line.text).variables}
    # what is made of all coordinates is one number: norm(x - x0), dot(g, g)
    for node in walk(line.tree):
        if isinstance(node, Call) and node.function in ("norm", "dot"):
            inputs[to_text(node)] = texts[to_text(node)]
    return Worked(line, inputs, values[-1])
