"""An explanation as Markdown with LaTeX."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from steepest.explanation.backwards import Graph
from steepest.explanation.explanation import Explanation
from steepest.explanation.graph_text import drawing, shown
from steepest.explanation.maths import Latex
from steepest.explanation.story import Block, blocks

MATHS = Latex()


def to_markdown(told: Explanation) -> str:
    """The explanation as Markdown: formulas stand between dollar signs.

    Args:
        told: what is to be said.
    """
    made = list(blocks(told, MATHS))
    parts = [_written(told, block) for block in made]
    lines = parts[:1]
    for (before, after), part in zip(pairwise(made), parts[1:], strict=True):
        both_items = before.kind == after.kind == "item"
        lines.append(part if both_items else f"\n{part}")
    return "\n".join(lines)


def _written(told: Explanation, block: Block) -> str:
    match block.kind:
        case "title":
            return f"# `{block.words}`"
        case "head":
            return f"## {block.words}"
        case "formula":
            return f"$${block.formula}$$"
        case "item":
            words = f": {_escaped(block.words)}" if block.words else ""
            return f"- ${block.formula}${words}"
        case "graph" if told.network:
            return "\n".join(["```text", *told.graph.lines(), "```"])
        case "graph":
            return "\n".join(_graph(told.graph))
    return _escaped(block.words)


def _escaped(text: str) -> str:
    """Text whose stars, bars and the like are no Markdown."""
    for sign in ("*", "_", "|", "<", ">", "$"):
        text = text.replace(sign, f"\\{sign}")
    return text


def _graph(graph: Graph) -> Iterator[str]:
    """A table of the nodes, the drawing, and the slope of every edge."""
    yield "| node | made of | value | derivative of $f$ by it |"
    yield "|---|---|---:|---:|"
    for node in graph.nodes:
        made = "a variable" if node.leaf else f"${MATHS.node(node.definition)}$"
        yield (
            f"| ${MATHS.name(node.name)}$ | {made} | {shown(node.value)} "
            f"| {shown(node.adjoint)} |"
        )
    yield ""
    yield "```text"
    yield from drawing(graph)
    yield "```"
    yield ""
    yield "Slope of each edge:"
    yield ""
    for edge in graph.edges:
        sides = [MATHS.partial(edge.above, edge.below)]
        if edge.formula is not None:
            sides.append(MATHS.node(edge.formula))
        if edge.slope.ndim == 0:
            sides.append(MATHS.number(edge.slope))
        yield f"- ${MATHS.equal(list(dict.fromkeys(sides)))}$"
    yield ""
    yield from _paths(graph)


def _paths(graph: Graph) -> Iterator[str]:
    if not graph.scalar:
        return
    yield "Chain rule along each path:"
    yield ""
    for node in graph.nodes:
        if not node.leaf:
            continue
        paths, count = graph.paths(node.name)
        for path in paths:
            way = " → ".join([path[0].below, *(edge.above for edge in path)])
            factors = [
                MATHS.number(edge.slope)
                if edge.formula is None
                else MATHS.node(edge.formula)
                for edge in reversed(path)
            ]
            product = MATHS.number(math.prod(float(edge.slope) for edge in path))
            sides = [MATHS.product(factors), product]
            yield f"- {_escaped(way)}: ${MATHS.equal(sides)}$"
        if count > len(paths):
            yield f"- and {count - len(paths):,} more paths from {node.name}"
