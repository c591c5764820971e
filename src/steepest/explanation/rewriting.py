"""SymPy expressions as formulas again, in the order people write them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy
from sympy import Expr

from steepest.explanation.algebra import FUNCTIONS_OF, Algebra
from steepest.problems.formulas import (
    Binary,
    Call,
    Constant,
    Negate,
    Node,
    Number,
    Variable,
)

_NAMES = {kind: name for name, kind in FUNCTIONS_OF.items() if name != "sqrt"}
_NAMES |= {sympy.Abs: "abs", sympy.sign: "sign"}
_LONGEST_DECIMAL = 6


class CannotWriteError(Exception):
    """An expression for which formulas have no words."""


def to_node(expr: Any, algebra: Algebra, *, inside: bool = False) -> Node:
    """The formula of an expression.

    Args:
        expr: built by `algebra`, or derived from what it built.
        algebra: knows what the symbols stand for.
        inside: whether a vector stands for its entry number k, as within sum().

    Raises:
        CannotWriteError: there is something in it that no formula has.
    """
    return _Writer(algebra, inside).write(expr)


class _Writer:
    def __init__(self, algebra: Algebra, inside: bool) -> None:
        self.algebra, self.inside = algebra, inside

    def write(self, expr: Any) -> Node:
        match expr:
            case sympy.Symbol():
                return self._symbol(expr)
            case sympy.Rational():
                return self._signed(_fraction(abs(expr), self._decimals), expr < 0)
            case sympy.Add():
                return self._sum(expr)
            case sympy.Mul():
                return self._product(expr)
            case sympy.Pow():
                return self._power(expr)
            case sympy.Function() if expr.func in _NAMES:
                return Call(_NAMES[expr.func], tuple(map(self.write, expr.args)))
        if expr is sympy.pi or expr is sympy.E:
            return Constant("pi" if expr is sympy.pi else "e")
        raise CannotWriteError(str(type(expr)))

    @property
    def _decimals(self) -> bool:
        return self.algebra.decimals

    def _symbol(self, symbol: Any) -> Node:
        if symbol.name.endswith("[k]") and not self.inside:
            return Variable(symbol.name)
        return self.algebra.nodes[symbol]

    def _sum(self, expr: Any) -> Node:
        terms = expr.as_ordered_terms()
        first = next((k for k, t in enumerate(terms) if not _negative(t)), 0)
        terms.insert(0, terms.pop(first))
        found = self.write(terms[0])
        for term in terms[1:]:
            if _negative(term):
                found = Binary("-", found, self.write(-term))
            else:
                found = Binary("+", found, self.write(term))
        return found

    def _product(self, expr: Any) -> Node:
        if _negative(expr):
            return _with_minus(self.write(-expr))
        top: list[Node] = []
        bottom: list[Node] = []
        for factor in expr.as_ordered_factors():
            if factor.is_Rational:
                self._scale(factor, top, bottom)
            elif factor.is_Pow and _negative(factor.exp):
                bottom.append(self.write(sympy.Pow(factor.base, -factor.exp)))
            else:
                top.append(self.write(factor))
        above = _multiplied(top) if top else Number(1.0)
        return Binary("/", above, _multiplied(bottom)) if bottom else above

    def _scale(self, factor: Any, top: list[Node], bottom: list[Node]) -> None:
        whole, part = abs(int(factor.p)), int(factor.q)
        if self._decimals and _terminates(whole, part):
            top.append(Number(whole / part))
            return
        if whole != 1:
            top.append(_number(whole))
        if part != 1:
            bottom.append(_number(part))

    def _power(self, expr: Any) -> Node:
        base, exponent = expr.as_base_exp()
        if _negative(exponent):
            under = self.write(sympy.Pow(base, -exponent))
            return Binary("/", Number(1.0), under)
        if exponent == sympy.S.Half:
            return Call("sqrt", (self.write(base),))
        return Binary("**", self.write(base), self.write(exponent))

    def _signed(self, node: Node, negative: Any) -> Node:
        return Negate(node) if negative else node


def _negative(expr: Expr) -> bool:
    """Whether people would write it with a minus."""
    return bool(expr.as_coeff_Mul()[0] < 0)  # type: ignore[operator]


def _with_minus(node: Node) -> Node:
    """The sign goes to the first factor: -x/5, not -(x/5)."""
    if isinstance(node, Binary) and node.operator in ("*", "/"):
        return Binary(node.operator, _with_minus(node.left), node.right)
    return Negate(node)


def _multiplied(factors: Iterable[Node]) -> Node:
    found: Node | None = None
    for factor in factors:
        found = factor if found is None else Binary("*", found, factor)
    assert found is not None  # noqa: S101  a product has factors
    return found


def _fraction(number: Any, decimals: bool) -> Node:
    whole, part = int(number.p), int(number.q)
    if part == 1:
        return _number(whole)
    if decimals and _terminates(whole, part):
        return Number(whole / part)
    return Binary("/", _number(whole), _number(part))


def _number(whole: int) -> Number:
    try:
        return Number(float(whole))
    except OverflowError:
        raise CannotWriteError("too large a number") from None


def _terminates(whole: int, part: int) -> bool:
    """Whether a fraction is a short decimal."""
    shift = 10**_LONGEST_DECIMAL
    return whole * shift % part == 0 and whole < part * shift
