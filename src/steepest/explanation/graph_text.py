"""The computational graph in lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from steepest.core.words import plural
from steepest.explanation.writing import filled, number, write

if TYPE_CHECKING:
    from steepest.explanation.backwards import Edge, Graph, Vertices

MOST_LINES = 60
"""Nodes that are listed; the JSON has all."""
MOST_VARIABLES = 8
SHOWN = 4
"""Entries of a vector that are shown."""


def lines(graph: Graph) -> Iterator[str]:
    """Forwards, the drawing, backwards, and the chain rule along each path.

    Args:
        graph: at a point.
    """
    yield "Computational graph, forwards"
    for node in graph.nodes[:MOST_LINES]:
        yield f"  {_forward(graph, node)}"
    yield from _more(len(graph.nodes) - MOST_LINES, "node")
    yield ""
    yield "Drawn from the formula down to its variables"
    yield from _cut([f"  {line}" for line in drawing(graph)])
    yield ""
    yield "Backwards: each node collects from what was made of it"
    for node in list(reversed(graph.nodes))[:MOST_LINES]:
        yield from (f"  {line}" for line in _backward(graph, node))
    yield from _more(len(graph.nodes) - MOST_LINES, "node")
    if graph.scalar:
        yield ""
        yield "Chain rule, path by path"
        leaves = [node for node in graph.nodes if node.leaf]
        for node in leaves[:MOST_VARIABLES]:
            yield from (f"  {line}" for line in _along(graph, node))
        yield from _more(len(leaves) - MOST_VARIABLES, "variable")


def _more(n: int, noun: str) -> Iterator[str]:
    if n > 0:
        yield f"  ... and {plural(n, f'more {noun}')}"


def _cut(rows: list[str]) -> Iterator[str]:
    yield from rows[:MOST_LINES]
    yield from _more(len(rows) - MOST_LINES, "line")


def shown(value: object) -> str:
    """A number, or the first of a vector.

    >>> shown(np.arange(9.0))
    '(0, 1, 2, 3, ...)'
    """
    array = np.asarray(value, float)
    if not array.ndim:
        return number(array)
    more = ", ..." if array.size > SHOWN else ""
    return f"({', '.join(map(number, array[:SHOWN]))}{more})"


def _forward(graph: Graph, node: Vertices) -> str:
    if node.leaf:
        return f"{node.name} = {shown(node.value)}"
    parts = [node.name, write(node.definition)]
    if graph.scalar:
        values = {other.name: float(other.value) for other in graph.nodes}
        parts.append(write(filled(node.definition, values)))
    return " = ".join(dict.fromkeys([*parts, shown(node.value)]))


def drawing(graph: Graph) -> list[str]:
    """The graph as a tree; what is used twice is drawn once, and then named.

    Args:
        graph: at a point.
    """
    below: dict[str, list[str]] = {}
    for edge in graph.edges:
        below.setdefault(edge.above, []).append(edge.below)
    nodes = {node.name: node for node in graph.nodes}
    rows: list[str] = []
    drawn: set[str] = set()
    waiting = [(graph.nodes[-1].name, "", "")]
    while waiting:
        name, first, rest = waiting.pop()
        node = nodes[name]
        again = name in drawn and not node.leaf
        text = name if node.leaf else f"{name} = {write(node.definition)}"
        rows.append(f"{first}{name} (see above)" if again else f"{first}{text}")
        if again:
            continue
        drawn.add(name)
        under = below.get(name, [])
        for k, child in reversed(list(enumerate(under))):
            last = k == len(under) - 1
            fork, on = ("└─ ", "   ") if last else ("├─ ", "│  ")
            waiting.append((child, rest + fork, rest + on))
    return rows


def _backward(graph: Graph, node: Vertices) -> Iterator[str]:
    head = f"∂f/∂{node.name}"
    edges = graph.above(node.name)
    if not edges:
        yield f"{head} = {shown(node.adjoint)}"
        return
    parts = " + ".join(f"∂f/∂{e.above} * ∂{e.above}/∂{e.below}" for e in edges)
    if not graph.scalar:
        yield f"{head} = {parts} = {shown(node.adjoint)}"
        return
    factors = [(float(graph.node(e.above).adjoint), float(e.slope)) for e in edges]
    numbers = " + ".join(
        f"{_factor(above, first=k == 0)}*{_factor(slope)}"
        for k, (above, slope) in enumerate(factors)
    )
    line = f"{head} = {parts} = {numbers} = {shown(node.adjoint)}"
    if len(line) <= 78:
        yield line
    else:
        indent = " " * len(head)
        yield f"{head} = {parts}"
        yield f"{indent} = {numbers}"
        yield f"{indent} = {shown(node.adjoint)}"


def _factor(value: float, *, first: bool = False) -> str:
    return f"({number(value)})" if value < 0 and not first else number(value)


def _along(graph: Graph, node: Vertices) -> Iterator[str]:
    paths, count = graph.paths(node.name)
    head = f"∂f/∂{node.name} = {shown(node.adjoint)}"
    yield f"{head}, along {plural(count, 'path')}:"
    for path in paths:
        yield from (f"  {line}" for line in _path(graph, path))
    if count > len(paths):
        yield f"  ... and {plural(count - len(paths), 'more path')}"


def _path(graph: Graph, path: list[Edge]) -> Iterator[str]:
    from steepest.explanation.backwards import slope_written

    way = " -> ".join([path[0].below, *(edge.above for edge in path)])
    down = list(reversed(path))
    formulas = [
        number(edge.slope) if edge.formula is None else _bracketed(write(edge.formula))
        for edge in down
    ]
    put = [_bracketed(slope_written(graph, edge)) for edge in down]
    product = number(np.prod([float(edge.slope) for edge in path]))
    sides = [" * ".join(side) for side in (formulas, put)]
    kept = list(dict.fromkeys([*sides, product]))
    line = f"{way}:  {' = '.join(kept)}"
    if len(line) <= 74:
        yield line
        return
    yield f"{way}:"
    for k, side in enumerate(kept):
        yield f"  {'= ' if k else '  '}{side}"


def _bracketed(text: str) -> str:
    """In brackets, where it is a sum or begins with a minus."""
    return f"({text})" if " " in text or text.startswith("-") else text
