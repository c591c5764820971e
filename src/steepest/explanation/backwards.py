"""Backpropagation on the graph of a formula: forwards, backwards, path by path."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from steepest.core.plain import array_to_json, number_to_json
from steepest.explanation.entries import TO_ONE, lengths_of, written_out
from steepest.explanation.graph import Vertex, build, flow, forward
from steepest.explanation.operations import Array
from steepest.explanation.writing import filled, number, write
from steepest.problems.formulas import (
    Binary,
    Call,
    Item,
    Negate,
    Node,
    Slice,
    Variable,
    evaluate,
)

MOST_NODES = 300
"""Up to here vectors are written out, an entry a node, and slopes have formulas."""
MOST_PATHS = 6
"""Paths of each variable that are written out."""
SECONDS = 3.0
"""After so long no further slope is given a formula."""


class Vertices(NamedTuple):
    """A node as it is shown.

    Args:
        name: "f" for the root, a variable's own, else "u1", "u2", ...
        definition: of the names of its operands; the variable itself for a leaf.
        text: the whole sub-expression.
        value: forwards.
        adjoint: backwards: the derivative of f by it.
        leaf: whether it is a variable.
    """

    name: str
    definition: Node
    text: str
    value: Array
    adjoint: Array
    leaf: bool


class Edge(NamedTuple):
    """From an operand to what is made of it.

    Args:
        below: the operand's name.
        above: the name of what is made.
        formula: of the local derivative, in the operands' names, where it is known.
        slope: the local derivative.
    """

    below: str
    above: str
    formula: Node | None
    slope: Array


@dataclass(frozen=True)
class Graph:
    """The computational graph of a formula at a point, variables first.

    Args:
        nodes: each after its operands; the last is f.
        edges: in the order of their upper ends.
        scalar: whether every node is one number.
        difference: from what JAX finds at all nodes.
    """

    nodes: tuple[Vertices, ...]
    edges: tuple[Edge, ...]
    scalar: bool
    difference: float

    def node(self, name: str) -> Vertices:
        """The node of that name."""
        return next(node for node in self.nodes if node.name == name)

    def above(self, name: str) -> list[Edge]:
        """The edges that leave a node upwards."""
        return [edge for edge in self.edges if edge.below == name]

    def paths(self, name: str) -> tuple[list[list[Edge]], int]:
        """(the first paths from a node up to f, how many there are).

        Args:
            name: of a variable.
        """
        leaving = {node.name: self.above(node.name) for node in self.nodes}
        counts: dict[str, int] = {}
        for node in reversed(self.nodes):
            up = leaving[node.name]
            counts[node.name] = sum(counts[e.above] for e in up) if up else 1
        found: list[list[Edge]] = []
        waiting: list[list[Edge]] = [[edge] for edge in reversed(leaving[name])]
        while waiting and len(found) < MOST_PATHS:
            path = waiting.pop()
            onward = leaving[path[-1].above]
            if not onward:
                found.append(path)
            waiting.extend([*path, edge] for edge in reversed(onward))
        return found, counts[name] if leaving[name] else 0

    def lines(self) -> list[str]:
        """The graph as text."""
        from steepest.explanation.graph_text import lines

        return list(lines(self))

    def to_json(self) -> dict[str, Any]:
        """Nodes and edges as plain data."""
        return {
            "nodes": [
                {
                    "name": node.name,
                    "definition": write(node.definition),
                    "expression": node.text,
                    "variable": node.leaf,
                    "value": array_to_json(node.value),
                    "adjoint": array_to_json(node.adjoint),
                }
                for node in self.nodes
            ],
            "edges": [
                {
                    "from": edge.below,
                    "to": edge.above,
                    "formula": None if edge.formula is None else write(edge.formula),
                    "slope": array_to_json(edge.slope),
                }
                for edge in self.edges
            ],
            "paths": {
                node.name: self.paths(node.name)[1] for node in self.nodes if node.leaf
            },
            "difference_from_jax": number_to_json(self.difference),
        }


def backwards(
    tree: Node, params: Mapping[str, Any], fixed: frozenset[str] = frozenset()
) -> Graph:
    """The graph of a formula at a point.

    Args:
        tree: gives one number.
        params: name -> number or vector.
        fixed: variables that do not move.

    >>> from steepest.problems.formulas import parse
    >>> graph = backwards(parse("(x*y)^2").tree, {"x": 3.0, "y": 2.0})
    >>> [(node.name, float(node.value), float(node.adjoint)) for node in graph.nodes]
    [('x', 3.0, 24.0), ('y', 2.0, 36.0), ('u1', 6.0, 12.0), ('f', 36.0, 1.0)]
    """
    scalar = True
    try:
        tree = written_out(tree, lengths_of(params), MOST_NODES)
        known = {
            f"{name}[{k}]" if np.ndim(params[name]) else name: entry
            for name in fixed
            for k, entry in enumerate(np.ravel(params[name]))
        }
        tree, fixed = filled(tree, known), frozenset()
        params = {
            f"{name}[{k}]" if np.ndim(x) else name: np.float64(entry)
            for name, x in params.items()
            for k, entry in enumerate(np.ravel(x))
        }
    except OverflowError:
        scalar = not any(map(np.ndim, params.values()))
    vertices = [_still(vertex, fixed) for vertex in build(tree)]
    vertices = _settled(vertices)
    found = flow(vertices, params)
    names = _names(vertices)
    order = list(params)
    shown = sorted(
        names,
        key=lambda k: (0, order.index(names[k])) if names[k] in params else (1, k),
    )
    nodes = tuple(
        Vertices(
            names[k],
            _definition(vertices, k, names),
            vertices[k].text,
            found.values[k],
            found.adjoints[k],
            not vertices[k].below,
        )
        for k in shown
    )
    values = {names[k]: found.values[k] for k in shown}
    edges = _edges(vertices, names, found.slopes, values, scalar=scalar)
    theirs = _by_jax(vertices, params)
    gap = _gap(found.values, theirs[0], names), _gap(found.adjoints, theirs[1], names)
    return Graph(nodes, edges, scalar, max(gap))


def _still(vertex: Vertex, fixed: frozenset[str]) -> Vertex:
    node = vertex.node
    moves = vertex.varies and not (isinstance(node, Variable) and node.name in fixed)
    return Vertex(node, vertex.below, moves)


def _settled(vertices: list[Vertex]) -> list[Vertex]:
    """Only what a moving variable is in varies."""
    settled: list[Vertex] = []
    for v in vertices:
        varies = any(settled[k].varies for k in v.below) if v.below else v.varies
        settled.append(Vertex(v.node, v.below, varies))
    return settled


def _names(vertices: list[Vertex]) -> dict[int, str]:
    """Place -> name of the nodes that are shown."""
    names: dict[int, str] = {}
    used = {v.node.name for v in vertices if isinstance(v.node, Variable)}
    letter = next(x for x in ("u", "w", "node") if not any(_like(n, x) for n in used))
    root = "f" if "f" not in used else "result"
    inner = 0
    for k, vertex in enumerate(vertices):
        if not vertex.varies:
            continue
        if isinstance(vertex.node, Variable):
            names[k] = vertex.node.name
        elif k == len(vertices) - 1:
            names[k] = root
        else:
            inner += 1
            names[k] = f"{letter}{inner}"
    return names


def _like(name: str, letter: str) -> bool:
    return name.startswith(letter) and name[len(letter) :].isdigit()


def _definition(vertices: list[Vertex], k: int, names: Mapping[int, str]) -> Node:
    """A node in terms of its operands' names; what does not vary as it is."""
    below = [
        Variable(names[j]) if j in names else vertices[j].node
        for j in vertices[k].below
    ]
    return _made(vertices[k].node, below)


def _made(node: Node, below: list[Node]) -> Node:
    match node, below:
        case Negate(), [operand]:
            return Negate(operand)
        case Binary(operator), [left, right]:
            return Binary(operator, left, right)
        case Call(function), _:
            return Call(function, tuple(below))
        case Item(index=index), [Variable() as vector]:
            return Item(vector, index)
        case Slice(start=start, stop=stop, step=step), [Variable() as vector]:
            return Slice(vector, start, stop, step)
    return node


def _edges(
    vertices: list[Vertex],
    names: Mapping[int, str],
    slopes: list[list[Array]],
    values: Mapping[str, Array],
    *,
    scalar: bool,
) -> tuple[Edge, ...]:
    began = time.perf_counter()
    edges = []
    for k, name in names.items():
        together: dict[str, Any] = {}
        for j, slope in zip(vertices[k].below, slopes[k], strict=True):
            if j in names:
                together[names[j]] = together.get(names[j], 0.0) + slope
        formulas: dict[str, Node] = {}
        if scalar and together and time.perf_counter() - began < SECONDS:
            formulas = _local(_definition(vertices, k, names), list(together))
        for below, slope in together.items():
            formula = formulas.get(below)
            if formula is not None and not _fits(formula, values, slope):
                formula = None
            edges.append(Edge(below, name, formula, np.asarray(slope)))
    return tuple(edges)


def _local(definition: Node, operands: list[str]) -> dict[str, Node]:
    """The formula of each local derivative."""
    from steepest.explanation.deriving import derive

    found = derive(definition, dict.fromkeys(operands))
    return {name: one.common for name, one in found.items() if one.common is not None}


def _fits(formula: Node, values: Mapping[str, Array], slope: Any) -> bool:
    value = forward(build(formula), values)[-1]
    with np.errstate(all="ignore"):
        return bool(np.abs(value - slope) <= 1e-9 * max(1.0, float(np.abs(slope))))


def slope_written(graph: Graph, edge: Edge) -> str:
    """The local derivative with numbers for its operands.

    Args:
        graph: the edge is in it.
        edge: with a formula.
    """
    if edge.formula is None:
        return number(edge.slope)
    values = {node.name: float(node.value) for node in graph.nodes}
    return write(filled(edge.formula, values))


def _by_jax(
    vertices: list[Vertex], params: Mapping[str, Any]
) -> tuple[list[Array], list[Array]]:
    """Values and adjoints of all nodes by JAX: each node gets a shift to derive by."""
    from steepest.explanation.formulas import QUICK

    def run(shifts: list[Any], given: Mapping[str, Any]) -> tuple[Any, list[Any]]:
        values: list[Any] = []
        for k, vertex in enumerate(vertices):
            if vertex.below:
                value = _once(vertices, k, values)
            else:
                value = evaluate(vertex.node, given)
            values.append(value + shifts[k])
        return values[-1], values

    with jax.enable_x64(True):
        given = {name: np.asarray(x, float) for name, x in params.items()}
        shapes = [np.zeros_like(v) for v in forward(vertices, params)]
        found = jax.value_and_grad(run, has_aux=True)
        (_, values), slopes = jax.jit(found, compiler_options=QUICK)(shapes, given)
    return [np.asarray(v) for v in values], [np.asarray(s) for s in slopes]


def _once(vertices: list[Vertex], k: int, values: list[Any]) -> Any:
    """One operation by JAX; a literal exponent stays one."""
    below = vertices[k].below
    names = {j: f"v{j}" for j in below if vertices[j].varies or vertices[j].below}
    node = _definition(vertices, k, names)
    given = {name: values[j] for j, name in names.items()}
    for j in below:
        if j not in names and isinstance(vertices[j].node, Variable):
            given[vertices[j].node.name] = values[j]  # type: ignore[attr-defined]
    numbers = all(np.ndim(values[j]) == 0 for j in below)
    if numbers and isinstance(node, Call) and node.function in TO_ONE:
        stack = jnp.stack([values[j] for j in below])
        return evaluate(Call(node.function, (Variable("v"),)), {"v": stack})
    return evaluate(node, given)


def _gap(ours: list[Array], theirs: list[Array], names: Mapping[int, str]) -> float:
    from steepest.explanation.formulas import difference

    return max((difference(ours[k], theirs[k]) for k in names), default=0.0)
