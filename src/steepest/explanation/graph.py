"""The computational graph of a formula: each different sub-expression once.

Values flow forwards, from the variables to the formula; derivatives flow backwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from steepest.explanation.operations import Array, slopes_of, value_of
from steepest.problems.formulas import (
    CONSTANTS,
    Binary,
    Call,
    Constant,
    Item,
    Node,
    Number,
    Slice,
    Variable,
    fold,
    to_text,
)
from steepest.problems.formulas.signs import never_negative


@dataclass(frozen=True)
class Vertex:
    """One sub-expression.

    Args:
        node: what it is.
        below: places of its operands in the graph, from left to right.
        varies: whether a variable is in it.
    """

    node: Node
    below: tuple[int, ...]
    varies: bool

    @cached_property
    def text(self) -> str:
        """The sub-expression as a formula."""
        return to_text(self.node)


def build(tree: Node) -> list[Vertex]:
    """The different sub-expressions of a tree, each after its operands.

    Args:
        tree: the root; it comes last.

    >>> from steepest.problems.formulas import parse
    >>> [vertex.text for vertex in build(parse("(x + 1)^2 + (x + 1)").tree)]
    ['x', '1', 'x + 1', '2', '(x + 1)**2', '(x + 1)**2 + (x + 1)']
    """
    found: dict[Any, int] = {}
    vertices: list[Vertex] = []

    def visit(node: Node, below: list[int]) -> int:
        key = (*_label(node), *below)
        if key not in found:
            own = isinstance(node, Variable)
            varies = own or any(vertices[k].varies for k in below)
            found[key] = len(vertices)
            vertices.append(Vertex(node, tuple(below), varies))
        return found[key]

    last = fold(tree, visit)
    assert last == len(vertices) - 1  # noqa: S101  nothing can hold the root
    return vertices


def _label(node: Node) -> tuple[Any, ...]:
    """What tells a node from others with the same operands."""
    match node:
        case Number(value):
            return "number", value
        case Constant(name) | Variable(name):
            return type(node).__name__, name
        case Item(index=index):
            return "item", index
        case Slice(start=start, stop=stop, step=step):
            return "slice", start, stop, step
        case Binary(operator):
            return "binary", operator
        case Call(function):
            return "call", function
    return (type(node).__name__,)


@dataclass
class Flow:
    """Numbers at each vertex of a graph.

    Args:
        vertices: from `build`.
        values: the value of each.
        slopes: of each, the derivative by each operand, in the operand's shape.
        adjoints: the derivative of the root by each.
    """

    vertices: list[Vertex]
    values: list[Array]
    slopes: list[list[Array]]
    adjoints: list[Array]

    @property
    def value(self) -> float:
        """The value of the formula."""
        return float(self.values[-1])

    def gradient(self) -> dict[str, Array]:
        """The derivative by each variable, in its shape."""
        return {
            vertex.node.name: adjoint
            for vertex, adjoint in zip(self.vertices, self.adjoints, strict=True)
            if isinstance(vertex.node, Variable)
        }


def forward(vertices: list[Vertex], params: Mapping[str, Any]) -> list[Array]:
    """The value at each vertex.

    Args:
        vertices: from `build`.
        params: name -> number or vector.

    >>> from steepest.problems.formulas import parse
    >>> [float(v) for v in forward(build(parse("x^2").tree), {"x": 3.0})]
    [3.0, 2.0, 9.0]
    """
    values: list[Array] = []
    with np.errstate(all="ignore"):
        for vertex in vertices:
            match vertex.node:
                case Number(value):
                    found: Any = value
                case Constant(name):
                    found = CONSTANTS[name]
                case Variable(name):
                    found = params[name]
                case node:
                    found = value_of(node, [values[k] for k in vertex.below])
            values.append(np.asarray(found, float))
    return values


def flow(vertices: list[Vertex], params: Mapping[str, Any]) -> Flow:
    """Values forwards and derivatives backwards.

    Args:
        vertices: from `build`; the last gives one number.
        params: name -> number or vector.

    >>> from steepest.problems.formulas import parse
    >>> found = flow(build(parse("x^2 + x*y").tree), {"x": 3.0, "y": 4.0})
    >>> found.value, {name: float(g) for name, g in found.gradient().items()}
    (21.0, {'x': 10.0, 'y': 3.0})
    """
    values = forward(vertices, params)
    with np.errstate(all="ignore"):
        slopes = [_slopes(vertices, k, values) for k in range(len(vertices))]
        adjoints = [np.zeros_like(value) for value in values]
        adjoints[-1] = np.ones_like(values[-1])
        for k in reversed(range(len(vertices))):
            for place, slope in zip(vertices[k].below, slopes[k], strict=True):
                if vertices[place].varies:
                    shape = values[place].shape
                    part = _back(vertices[k].node, adjoints[k], slope, shape)
                    adjoints[place] = adjoints[place] + part
    return Flow(vertices, values, slopes, adjoints)


def _back(node: Node, adjoint: Array, slope: Array, shape: tuple[int, ...]) -> Array:
    """What a vertex hands on along an edge, in the shape of the operand."""
    if isinstance(node, Slice):  # its entries go back to where they were cut out
        spread = np.zeros(shape)
        spread[node.range] = adjoint
        return spread
    part = np.asarray(adjoint * slope)
    return np.sum(part) if part.ndim > len(shape) else np.broadcast_to(part, shape)


def _slopes(vertices: list[Vertex], k: int, values: list[Array]) -> list[Array]:
    vertex = vertices[k]
    if not vertex.below or not vertex.varies:
        return [np.zeros(()) for _ in vertex.below]
    first = vertices[vertex.below[0]].node
    below = [values[place] for place in vertex.below]
    rests = bool(_may_rest(vertex.node) and never_negative(first))
    return slopes_of(vertex.node, below, values[k], rests=rests)


def _may_rest(node: Node) -> bool:
    """Whether it matters that its first operand is never negative."""
    match node:
        case Binary("**") | Call("sqrt"):
            return True
    return False
