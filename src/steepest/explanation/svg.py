"""The computational graph as a drawing: layers from the variables up to f."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from itertools import pairwise
from typing import NamedTuple

from steepest.core.words import plural
from steepest.explanation.backwards import Edge, Graph, Vertices
from steepest.explanation.graph_text import shown
from steepest.explanation.writing import write

MOST_NODES = 80
"""Larger graphs are not drawn: nobody could read them."""
SIGN = 8.6
"""Width of a character."""
LINE = 19
GAP_X, GAP_Y, MARGIN = 96, 26, 12
ROWS = 3
LONGEST = 28
"""Characters of a line in a box."""


class Box(NamedTuple):
    """A node in its place.

    Args:
        x: of its left side.
        y: of its top.
        width: of the box.
        rows: what stands in it; nothing where an edge passes.
    """

    x: float
    y: float
    width: float
    rows: tuple[str, ...]

    @property
    def height(self) -> float:
        """Of the box."""
        return LINE * ROWS + 12

    @property
    def middle(self) -> float:
        """Where edges meet it."""
        return self.y + self.height / 2


def to_svg(graph: Graph) -> str:
    """The drawing, from left (variables) to right (f).

    Args:
        graph: at a point.
    """
    if len(graph.nodes) > MOST_NODES:
        many = plural(len(graph.nodes), "node")
        return f"<p>The graph has {many}: too many to draw.</p>"
    layers = layers_of(graph)
    places = _places(graph, layers)
    width = max(box.x + box.width for box in places.values()) + MARGIN
    height = max(box.y + box.height for box in places.values()) + MARGIN
    parts = [*_edges(graph, places), *_boxes(places)]
    size = f'width="{width:.0f}" height="{height:.0f}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" '
        f'viewBox="0 0 {width:.0f} {height:.0f}">\n'
        "<title>Computational graph</title>\n" + "\n".join(parts) + "\n</svg>"
    )


def layers_of(graph: Graph) -> list[list[str]]:
    """The names in each layer: a node stands right of all it is made of.

    An edge over several layers has a place in those between, named "x>f:1".

    Args:
        graph: at a point.

    >>> from steepest.explanation.backwards import backwards
    >>> from steepest.problems.formulas import parse
    >>> layers_of(backwards(parse("x*y + x").tree, {"x": 1.0, "y": 2.0}))
    [['x', 'y'], ['x>f:1', 'u1'], ['f']]
    """
    depth = {node.name: 0 for node in graph.nodes}
    for edge in graph.edges:  # sorted by their upper ends, operands first
        depth[edge.above] = max(depth[edge.above], depth[edge.below] + 1)
    layers: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for name, layer in depth.items():
        layers[layer].append(name)
    near: dict[str, list[str]] = {}
    for edge in graph.edges:
        between = range(depth[edge.below] + 1, depth[edge.above])
        for k in between:
            layers[k].append(_between(edge, k))
        way = [edge.below, *(_between(edge, k) for k in between), edge.above]
        for one, other in pairwise(way):
            near.setdefault(one, []).append(other)
            near.setdefault(other, []).append(one)
    for _ in range(6):  # each stands beside the middle of its neighbours
        _sort(layers, near)
    return layers


def _between(edge: Edge, layer: int) -> str:
    return f"{edge.below}>{edge.above}:{layer}"


def _sort(layers: list[list[str]], near: Mapping[str, list[str]]) -> None:
    for layer in layers[1:]:
        heights = {
            name: (k + 0.5) / len(names)
            for names in layers
            for k, name in enumerate(names)
        }
        layer.sort(
            key=lambda name: sum(heights[n] for n in near[name]) / len(near[name])
        )


def _rows(node: Vertices) -> tuple[str, ...]:
    definition = write(node.definition)
    head = node.name if node.leaf else f"{node.name} = {definition}"
    if len(head) > LONGEST:
        head = head[: LONGEST - 1] + "…"
    return head, shown(node.value), shown(node.adjoint)


def _places(graph: Graph, layers: list[list[str]]) -> dict[str, Box]:
    nodes = {node.name: node for node in graph.nodes}
    height = LINE * ROWS + 12 + GAP_Y
    tallest = max(map(len, layers)) * height
    places: dict[str, Box] = {}
    x = float(MARGIN)
    for names in layers:
        rows = {name: _rows(nodes[name]) if name in nodes else () for name in names}
        width = SIGN * max(len(row) for each in rows.values() for row in each) + 20
        top = MARGIN + (tallest - len(names) * height) / 2
        for k, name in enumerate(names):
            places[name] = Box(x, top + k * height, width, rows[name])
        x += width + GAP_X
    return places


def _edges(graph: Graph, places: Mapping[str, Box]) -> Iterator[str]:
    labels: list[str] = []
    for edge in graph.edges:
        low, high = places[edge.below], places[edge.above]
        stops = [(low.x + low.width, low.middle)]
        for name, box in places.items():  # in the order of the layers
            if name.startswith(f"{edge.below}>{edge.above}:"):
                stops += [(box.x, box.middle), (box.x + box.width, box.middle)]
        stops.append((high.x, high.middle))
        yield f'<path d="{_way(stops)}"/>'
        if edge.slope.ndim == 0:
            (x, y), before = stops[-1], stops[-2][1]
            at = (x - 6, y + (before - y) * 0.18 - 4)
            labels.append(_text(*at, f"{float(edge.slope):.4g}", "slope", "end"))
    yield from labels


def _way(stops: list[tuple[float, float]]) -> str:
    """A path that leaves and arrives level."""
    way = f"M{stops[0][0]:.0f},{stops[0][1]:.0f}"
    for (x1, y1), (x2, y2) in pairwise(stops):
        half = (x1 + x2) / 2
        way += f" C{half:.0f},{y1:.0f} {half:.0f},{y2:.0f} {x2:.0f},{y2:.0f}"
    return way


def _boxes(places: Mapping[str, Box]) -> Iterator[str]:
    for box in places.values():
        if not box.rows:
            continue
        yield (
            f'<rect x="{box.x:.0f}" y="{box.y:.0f}" width="{box.width:.0f}" '
            f'height="{box.height:.0f}" rx="6"/>'
        )
        for k, (row, kind) in enumerate(
            zip(box.rows, ("name", "value", "slope"), strict=True)
        ):
            yield _text(box.x + 10, box.y + LINE * (k + 1), row, kind)


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}" text-anchor="{anchor}">'
        f"{escape(text)}</text>"
    )
