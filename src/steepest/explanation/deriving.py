"""Partial derivatives as formulas, by SymPy, within a bounded time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from sympy import Expr, Symbol

from steepest.explanation.algebra import Algebra
from steepest.explanation.entries import written_out
from steepest.explanation.rewriting import CannotWriteError, to_node
from steepest.problems.formulas import Item, Node, Slice, Variable, walk

MOST_NODES = 300
"""Nodes of a formula that is derived, written out entry by entry where need be."""
MOST_ENTRIES = 8
"""Entries of a vector that have a formula each, where they have none in common."""
SECONDS = 3.0
"""After so long no further derivative is begun."""


class Derived(NamedTuple):
    """The derivatives by one variable.

    Args:
        common: the formula of entry number k, of a vector whose entries are alike;
            of a number its formula.
        each: name of an entry -> its formula, where they differ.
    """

    common: Node | None = None
    each: Mapping[str, Node] = {}


def derive(
    tree: Node, lengths: Mapping[str, int | None], fixed: frozenset[str] = frozenset()
) -> dict[str, Derived]:
    """The derivatives of a formula by its variables.

    Args:
        tree: gives one number.
        lengths: of each variable, in the order wanted; None for a number.
        fixed: variables that do not move.

    Returns:
        Variable -> formulas; a variable is left out where they would take too long to
        find, or cannot be written.

    >>> from steepest.problems.formulas import parse, to_text
    >>> found = derive(parse("x^2*y + sum(w)^2").tree, {"x": None, "y": None, "w": 9})
    >>> [to_text(found[name].common) for name in "xyw"]
    ['2*x*y', 'x**2', '2*sum(w)']
    """
    began = time.perf_counter()
    if (
        sum(1 for _ in zip(walk(tree), range(MOST_NODES + 1), strict=False))
        > MOST_NODES
    ):
        return {}
    cut = {n.vector.name for n in walk(tree) if isinstance(n, Item | Slice)}
    found: dict[str, Derived] = {}
    for name in lengths:
        if name in fixed:
            continue
        if time.perf_counter() - began > SECONDS:
            break
        try:
            if lengths[name] is None or name not in cut:
                found[name] = Derived(_common(tree, lengths, name))
            else:
                found[name] = Derived(each=_each(tree, lengths, name, began))
        except (CannotWriteError, OverflowError, RecursionError, MemoryError):
            continue
    return found


def _common(tree: Node, lengths: Mapping[str, int | None], name: str) -> Node:
    algebra = Algebra(lengths)
    expr = algebra.build(tree)
    by = algebra.symbol(Variable(name), entry=lengths[name] is not None)
    return to_node(_Chain(algebra, by).by(expr), algebra)


def _each(
    tree: Node, lengths: Mapping[str, int | None], name: str, began: float
) -> dict[str, Node]:
    """A formula for each of the first entries."""
    flat = written_out(tree, lengths, MOST_NODES)
    names = (node.name for node in walk(flat) if isinstance(node, Variable))
    algebra = Algebra(dict.fromkeys(names))
    expr = algebra.build(flat)
    found: dict[str, Node] = {}
    for k in range(min(lengths[name] or 0, MOST_ENTRIES)):
        if time.perf_counter() - began > SECONDS:
            break
        entry = Variable(f"{name}[{k}]")
        found[entry.name] = to_node(expr.diff(algebra.symbol(entry)), algebra)
    return found


class _Chain:
    """Derivatives by one symbol, through the sums and products of vectors.

    d f / d v = (f by v) + sum over reductions R in f of (f by R) (R by v)

    Args:
        algebra: built the expression.
        by: the variable, or its entry number k.
    """

    def __init__(self, algebra: Algebra, by: Symbol) -> None:
        self.algebra, self.v = algebra, by
        self.entry = by.name.endswith("[k]")
        self.known: dict[Symbol, Any] = {}

    def by(self, expr: Expr) -> Expr:
        """The derivative of an expression that gives one number."""
        found: Any = expr.diff(self.v)
        for reduction in self._reductions(expr):
            found += expr.diff(reduction) * self._of(reduction)
        return found

    def _reductions(self, expr: Expr) -> list[Symbol]:
        inside = expr.free_symbols
        return [symbol for symbol in list(self.algebra.reductions) if symbol in inside]

    def _of(self, symbol: Symbol) -> Any:
        """The derivative of a reduction."""
        if symbol not in self.known:
            function, arguments, length = self.algebra.reductions[symbol]
            found: Any = 0
            for k, argument in enumerate(arguments):
                weight = _weight(function, symbol, arguments, k, length)
                found += self._through(argument, weight, length)
            self.known[symbol] = found
        return self.known[symbol]

    def _through(self, argument: Expr, weight: Any, length: int) -> Any:
        direct: Any = weight * argument.diff(self.v)
        if not self.entry:  # a number moves all entries, an entry only itself
            direct = self.algebra.summed(direct, length)
        for inner in self._reductions(argument):
            share = self.algebra.summed(weight * argument.diff(inner), length)
            direct += share * self._of(inner)
        return direct


def _weight(
    function: str, symbol: Symbol, arguments: tuple[Expr, ...], k: int, length: int
) -> Any:
    """The derivative of a reduction by entry number k of one of its arguments."""
    match function:
        case "mean":
            return 1 / _whole(length)
        case "norm":
            return arguments[k] / symbol
        case "prod":
            return symbol / arguments[k]
        case "dot":
            return arguments[1 - k]
    return 1


def _whole(n: int) -> Any:
    from sympy import Integer

    return Integer(n)
