"""A tree written as text again, with no bracket more than it needs."""

from __future__ import annotations

from steepest.problems.formulas.nodes import (
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
)

# How tightly each form binds, as in Python: -x**2 is -(x**2), and 2**-x is allowed.
_SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(1, 6)
_LEVELS = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "**": _POWER}


def to_text(tree: Node) -> str:
    """The tree as a formula that reads back as the same tree.

    >>> to_text(Binary("*", Number(2.0), Binary("+", Variable("x"), Number(0.5))))
    '2*(x + 0.5)'
    """
    return fold(tree, _write)[0]


def _write(node: Node, parts: list[tuple[str, int]]) -> tuple[str, int]:
    """The text of a node, and how tightly it binds."""
    match node:
        case Number(value):
            return repr(value).removesuffix(".0"), _ATOM
        case Constant(name) | Variable(name):
            return name, _ATOM
        case Item(vector, index):
            return f"{vector.name}[{index}]", _ATOM
        case Slice():
            return f"{node.vector.name}[{_range(node)}]", _ATOM
        case Call(function):
            return f"{function}({', '.join(text for text, _ in parts)})", _ATOM
        case Negate():
            return f"-{_bracket(parts[0], _SIGN)}", _SIGN
        case Binary(operator):
            return _write_binary(operator, *parts), _LEVELS[operator]
    raise TypeError(f"{type(node).__name__} is not a node of a formula.")


def _write_binary(operator: str, left: tuple[str, int], right: tuple[str, int]) -> str:
    level = _LEVELS[operator]
    if operator == "**":  # right-associative, and its right operand may have a sign
        return f"{_bracket(left, _ATOM)}**{_bracket(right, _SIGN)}"
    gap = " " if level == _SUM else ""
    sides = _bracket(left, level), _bracket(right, level + 1)
    return f"{gap}{operator}{gap}".join(sides)


def _bracket(part: tuple[str, int], least: int) -> str:
    text, level = part
    return text if level >= least else f"({text})"


def _range(node: Slice) -> str:
    start, stop, step = (
        "" if bound is None else str(bound)
        for bound in (node.start, node.stop, node.step)
    )
    return f"{start}:{stop}" + (f":{step}" if step else "")
