"""Formulas as SymPy expressions, built node by node: no text is ever evaluated.

Numbers stay what was typed. What SymPy might work at for long (powers of numbers,
functions of numbers, huge exponents) is given to it as a symbol that prints as typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import sympy
from sympy import Expr, Integer, Rational, Symbol

from steepest.explanation.entries import TO_ONE
from steepest.explanation.operations import STEP
from steepest.problems.formulas import (
    Binary,
    Call,
    Constant,
    Item,
    Negate,
    Node,
    Number,
    Slice,
    Variable,
    fold,
    to_text,
)

MOST_POWER = 1000
"""Whole exponents that SymPy may work with, those of powers of powers multiplied."""
MOST_DIGITS = 15
"""Numbers with more digits before or behind the point stay as they were typed."""


class _Sign(sympy.Function):
    """The sign: its slope is 0 wherever it has one."""

    def fdiff(self, argindex: int = 1) -> Any:
        del argindex
        return sympy.S.Zero


class _Step(_Sign):
    """1 above 0, else 0."""


class _Size(sympy.Function):
    """The size |u|."""

    def fdiff(self, argindex: int = 1) -> Any:
        del argindex
        return _Sign(self.args[0])


class _Relu(sympy.Function):
    """The part above 0."""

    def fdiff(self, argindex: int = 1) -> Any:
        del argindex
        return _Step(self.args[0])


class _Sigmoid(sympy.Function):
    """1 / (1 + exp(-u))."""

    def fdiff(self, argindex: int = 1) -> Any:
        del argindex
        return self * (1 - self)


class _Softplus(sympy.Function):
    """log(1 + exp(u))."""

    def fdiff(self, argindex: int = 1) -> Any:
        del argindex
        return _Sigmoid(self.args[0])


def _above_others(arguments: Any, place: int, sign: int) -> Any:
    """1 where one argument is above (below, with sign -1) all the others, else 0."""
    own = arguments[place - 1]
    others = (x for k, x in enumerate(arguments, 1) if k != place)
    steps: list[Any] = [_Step(sign * (own - other)) for other in others]
    return sympy.Mul(*steps)


class _Largest(sympy.Function):
    """The largest of some; its slope is that of the one that is."""

    def fdiff(self, argindex: int = 1) -> Any:
        return _above_others(self.args, argindex, 1)


class _Smallest(sympy.Function):
    """The smallest of some."""

    def fdiff(self, argindex: int = 1) -> Any:
        return _above_others(self.args, argindex, -1)


_OWN: dict[str, Any] = {
    "abs": _Size,
    "sign": _Sign,
    STEP: _Step,
    "relu": _Relu,
    "sigmoid": _Sigmoid,
    "softplus": _Softplus,
    "max": _Largest,
    "min": _Smallest,
}
_THEIRS: dict[str, Any] = {
    function.__name__: function
    for function in (
        *(sympy.sin, sympy.cos, sympy.tan, sympy.sinh, sympy.cosh, sympy.tanh),
        *(sympy.asin, sympy.acos, sympy.atan, sympy.atan2),
        *(sympy.exp, sympy.log, sympy.sqrt),
    )
}
FUNCTIONS_OF = {**_THEIRS, **_OWN}
"""SymPy's function for each of ours that it has, and our own for the others."""


class Reduction(NamedTuple):
    """A number made of a vector, as a symbol: sum(x) and the like."""

    function: str
    arguments: tuple[Expr, ...]
    """Each in its entry number k."""
    length: int


class Built(NamedTuple):
    """What a node became."""

    expr: Any
    length: int | None
    power: int
    """Product of the whole exponents in it, at most."""


class Algebra:
    """A formula as an expression, and what its symbols stand for.

    Args:
        lengths: of each variable; None for a number.
    """

    def __init__(self, lengths: Mapping[str, int | None]) -> None:
        self.lengths = lengths
        self.nodes: dict[Symbol, Node] = {}
        self.reductions: dict[Symbol, Reduction] = {}
        self.decimals = False
        """Whether the formula has numbers such as 0.5."""

    def build(self, tree: Node) -> Expr:
        """The expression of a tree that gives one number."""
        return fold(tree, self._visit).expr

    def symbol(self, node: Node, *, entry: bool = False) -> Symbol:
        """The symbol that stands for a node, or for its entry number k."""
        text = to_text(node) + ("[k]" if entry else "")
        found = Symbol(text, real=True)
        self.nodes[found] = node
        return found

    def entries(self) -> set[Symbol]:
        """The symbols of entries."""
        return {symbol for symbol in self.nodes if symbol.name.endswith("[k]")}

    def _visit(self, node: Node, below: list[Built]) -> Built:
        match node:
            case Negate():
                return below[0]._replace(expr=-below[0].expr)
            case Binary():
                return self._binary(node, below)
            case Call():
                return self._call(node, below)
        return self._leaf(node)

    def _leaf(self, node: Node) -> Built:
        """A number, or a symbol; of an entry or a part the vector below is left."""
        match node:
            case Number(value):
                return Built(self._number(node, value), None, 1)
            case Constant(name):
                return Built({"pi": sympy.pi, "e": sympy.E}[name], None, 1)
            case Variable(name):
                n = self.lengths[name]
                return Built(self.symbol(node, entry=n is not None), n, 1)
            case Item():
                return Built(self.symbol(node), None, 1)
            case Slice(vector=vector):
                n = len(range(self.lengths[vector.name] or 0)[node.range])
                return Built(self.symbol(node, entry=True), n, 1)
        raise TypeError(f"{type(node).__name__} is not a node of a formula.")

    def _binary(self, node: Binary, below: list[Built]) -> Built:
        left, right = (part.expr for part in below)
        length, power = _length(below), max(part.power for part in below)
        if node.operator == "**":
            return self._power(node, below, length)
        if node.operator == "/" and right.is_zero:
            right = self.symbol(node.right)
        return Built(_ARITHMETIC[node.operator](left, right), length, power)

    def _call(self, node: Call, below: list[Built]) -> Built:
        exprs = [part.expr for part in below]
        length, power = _length(below), max(part.power for part in below)
        match node.function:
            case function if function in TO_ONE:
                return Built(self._reduced(node, below), None, power)
            case "square":
                return self._raised(exprs[0], 2, length, power)
            case "log2" | "log10" as function:
                base = Number(float(function.removeprefix("log")))
                bottom = self.symbol(Call("log", (base,)))
                top = self._called(Call("log", node.arguments), exprs)
                return Built(top / bottom, length, power)
        return Built(self._called(node, exprs), length, power)

    def _number(self, node: Number, value: float) -> Expr:
        exact = Fraction(repr(value))
        if max(exact.numerator, exact.denominator) >= 10**MOST_DIGITS:
            return self.symbol(node)
        self.decimals = self.decimals or exact.denominator > 1
        return Rational(exact.numerator, exact.denominator)

    def _power(self, node: Binary, below: list[Built], length: int | None) -> Built:
        (base, _, power), (exponent, *_) = below
        if base.is_number and exponent.is_number:
            return Built(self.symbol(node), None, 1)
        if exponent.is_Integer:
            return self._raised(base, int(exponent), length, power)
        if base.is_zero:
            base = self.symbol(node.left)
        return Built(base**exponent, length, power)

    def _raised(self, base: Any, n: int, length: int | None, power: int) -> Built:
        size = power * max(abs(n), 1)
        if size > MOST_POWER:
            own = Symbol(str(n), integer=True, positive=n > 0)
            self.nodes[own] = Number(float(n)) if n >= 0 else Negate(Number(float(-n)))
            return Built(base**own, length, power)
        return Built(base ** Integer(n), length, size)

    def _called(self, node: Call, exprs: list[Any]) -> Expr:
        if all(expr.is_number for expr in exprs):
            return self.symbol(node)  # SymPy might find a closed form, at its leisure
        return FUNCTIONS_OF[node.function](*exprs)

    def _reduced(self, node: Call, below: list[Built]) -> Expr:
        exprs = tuple(part.expr for part in below)
        lengths = [part.length for part in below if part.length is not None]
        if lengths:
            found = self.symbol(node)
            self.reductions[found] = Reduction(node.function, exprs, lengths[0])
            return found
        match node.function:
            case "prod":
                return sympy.Mul(*exprs)
            case "norm":
                return sympy.sqrt(sympy.Add(*(expr**2 for expr in exprs)))
            case "mean":
                return sympy.Add(*exprs) / len(exprs)
        return sympy.Add(*exprs)

    def summed(self, expr: Expr, length: int) -> Expr:
        """The sum over the entries of a vector."""
        if not expr.free_symbols & self.entries():
            return length * expr
        from steepest.explanation.rewriting import to_node

        return self.symbol(Call("sum", (to_node(expr, self, inside=True),)))


def _length(below: list[Built]) -> int | None:
    """How long an operation is: as its vectors are."""
    return next((part.length for part in below if part.length is not None), None)


_ARITHMETIC: dict[str, Any] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}
