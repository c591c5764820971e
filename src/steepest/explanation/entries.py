"""A formula of vectors written out, entry by entry, as one of numbers alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from steepest.problems.formulas import (
    FUNCTIONS,
    Binary,
    Call,
    Item,
    Negate,
    Node,
    Slice,
    Variable,
    fold,
)

Parts = Node | list[Node]
"""A number, or the entries of a vector."""

TO_ONE = frozenset(name for name, f in FUNCTIONS.items() if f.reduces)
"""Functions that make one number of vectors; here also of several numbers."""


def lengths_of(point: Mapping[str, Any]) -> dict[str, int | None]:
    """The length of each variable; None for a number.

    >>> lengths_of({"x": [1.0, 2.0], "y": 3.0})
    {'x': 2, 'y': None}
    """
    return {name: len(x) if np.ndim(x) else None for name, x in point.items()}


def written_out(tree: Node, lengths: Mapping[str, int | None], most: int) -> Node:
    """The tree with every vector as its entries.

    sum(x) becomes sum(x[0], x[1], ...), the same with mean, prod and norm; dot(x, y)
    becomes sum(x[0]*y[0], ...). `FUNCTIONS` does not take these calls; `graph` does.
    Entries are variables of their own, such as the one named "x[0]".

    Args:
        tree: a formula that gives one number.
        lengths: of each variable, None for a number.
        most: nodes that it may have.

    Raises:
        OverflowError: it would have more.

    >>> from steepest.problems.formulas import parse, to_text
    >>> to_text(written_out(parse("sum((x - 1)^2)").tree, {"x": 2}, 99))
    'sum((x[0] - 1)**2, (x[1] - 1)**2)'
    """
    made = 0

    def visit(node: Node, below: list[Parts]) -> Parts:
        nonlocal made
        parts = _expanded(node, below, lengths)
        made += len(parts) if isinstance(parts, list) else 1
        if made > most:
            raise OverflowError(f"more than {most} nodes")
        return parts

    found = fold(tree, visit)
    assert isinstance(found, Node)  # noqa: S101  a formula gives one number
    return found


def _expanded(
    node: Node, below: list[Parts], lengths: Mapping[str, int | None]
) -> Parts:
    match node:
        case Variable(name):
            n = lengths[name]
            if n is None:
                return node
            return [Variable(f"{name}[{k}]") for k in range(n)]
        case Item(index=index):
            return _listed(below[0])[index]
        case Slice():
            return _listed(below[0])[node.range]
        case Negate():
            return _each(lambda parts: Negate(*parts), below)
        case Binary(operator):
            return _each(lambda parts: Binary(operator, *parts), below)
        case Call("dot"):
            return Call("sum", tuple(_listed(_each(_product, below))))
        case Call(function) if function in TO_ONE:
            return Call(function, tuple(_listed(below[0])))
        case Call(function):
            return _each(lambda parts: Call(function, tuple(parts)), below)
    return node


def _product(parts: list[Node]) -> Node:
    return Binary("*", *parts)


def _listed(parts: Parts) -> list[Node]:
    return parts if isinstance(parts, list) else [parts]


def _each(make: Any, below: list[Parts]) -> Parts:
    """One node for each entry; a number meets every entry of a vector."""
    sizes = [len(parts) for parts in below if isinstance(parts, list)]
    if not sizes:
        return make(below)
    rows = [parts if isinstance(parts, list) else [parts] * sizes[0] for parts in below]
    return [make(list(row)) for row in zip(*rows, strict=True)]
