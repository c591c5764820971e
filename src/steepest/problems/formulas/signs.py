"""Signs that a formula cannot have: what its form alone tells."""

from __future__ import annotations

from steepest.problems.formulas.nodes import (
    Binary,
    Call,
    Constant,
    Negate,
    Node,
    Number,
    fold,
)
from steepest.problems.formulas.printer import to_text

NEVER_NEGATIVE = frozenset({"square", "abs", "norm", "exp", "sqrt", "relu"})
"""Functions whose value is never negative."""
KEEPS = frozenset({"sum", "mean", "prod", "min"})
"""Functions that are never negative where no argument is."""


def never_negative(tree: Node) -> bool:
    """Whether the form of a formula alone tells that it is never negative.

    Such a formula has its minimum where it is 0, and is smooth or has a kink there; one
    that may cross 0, such as 1 - x^2, has no such rest.

    Args:
        tree: the root.

    >>> from steepest.problems.formulas import parse
    >>> never_negative(parse("x^2 + abs(y)").tree), never_negative(parse("x*y").tree)
    (True, False)
    """
    return fold(tree, _settled)


def whole(node: Node) -> int | None:
    """A literal exponent that is a whole number, else None.

    >>> whole(Negate(Number(2.0))), whole(Number(0.5))
    (-2, None)
    """
    match node:
        case Number(value) if value.is_integer():
            return int(value)
        case Negate(operand):
            found = whole(operand)
            return None if found is None else -found
    return None


def _same(left: Node, right: Node) -> bool:
    """Whether two trees are one text: no recursion, however deep they are."""
    return type(left) is type(right) and to_text(left) == to_text(right)


def _settled(node: Node, below: list[bool]) -> bool:
    match node:
        case Number() | Constant():
            return True
        case Binary("+" | "/", _, _):
            return all(below)
        case Binary("*", left, right):
            return all(below) or _same(left, right)
        case Binary("**", _, exponent):
            power = whole(exponent)
            return below[0] or (power is not None and power % 2 == 0)
        case Call("dot", (left, right)):
            return all(below) or _same(left, right)
        case Call("max", _):
            return any(below)
        case Call(name, _):
            return name in NEVER_NEGATIVE or (name in KEEPS and all(below))
    return False
