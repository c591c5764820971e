"""What each operation of a formula gives, and its slope along each operand, in NumPy.

The slopes where none exists (|x| at 0 and the like) are those that descent goes by, so
that what is explained is what is done.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from steepest.problems.formulas import Binary, Call, Item, Negate, Node, Number, Slice

Array = np.ndarray[Any, Any]
Values = Sequence[Array]

STEP = "step"
"""The function of derivatives alone: 1 above 0, else 0."""


def value_of(node: Node, below: Values) -> Any:
    """The value of a node from those of its children.

    Args:
        node: no leaf.
        below: the children's values, numbers or vectors of float64.

    >>> value_of(Negate(Number(2.0)), [np.float64(2.0)])
    np.float64(-2.0)
    """
    match node:
        case Negate():
            return -below[0]
        case Item(index=index):
            return below[0][index]
        case Slice():
            return below[0][node.range]
        case Binary(operator):
            return _ARITHMETIC[operator](*below)
        case Call(function):
            return _VALUES[function](*below)
    raise TypeError(f"{type(node).__name__} has no operands.")


def slopes_of(
    node: Node, below: Values, value: Array, *, rests: bool = False
) -> list[Array]:
    """The derivative of a node by each of its children, in the child's shape.

    Args:
        node: no leaf.
        below: the children's values.
        value: the node's own.
        rests: whether the first child is never negative, so that a root of it has
            slope 0 where it is 0.
    """
    match node:
        case Negate():
            return [np.full_like(below[0], -1.0)]
        case Item(index=index):
            return [_marked(below[0], index)]
        case Slice():
            return [_marked(below[0], node.range)]
        case Binary("**", _, exponent):
            base, power = below
            return _power_slopes(base, power, value, fixed(exponent), rests=rests)
        case Binary(operator):
            return _ARITHMETIC_SLOPES[operator](below[0], below[1])
        case Call("sqrt"):
            return [_root_slope(below[0], value, rests=rests)]
        case Call(function):
            return _SLOPES[function](value, *below)
    raise TypeError(f"{type(node).__name__} has no operands.")


def fixed(node: Node) -> float | None:
    """An exponent that is a literal, such as 2, -1 or 1/2; None if it is not.

    >>> fixed(Negate(Number(2.0))), fixed(Binary("/", Number(1.0), Number(2.0)))
    (-2.0, 0.5)
    """
    match node:
        case Number(value):
            return value
        case Negate(operand):
            found = fixed(operand)
            return None if found is None else -found
        case Binary("/", Number(above), Number(under)) if under:
            return above / under
    return None


def _marked(vector: Array, place: Any) -> Array:
    marks = np.zeros_like(vector)
    marks[place] = 1.0
    return marks


def _power_slopes(
    base: Array, exponent: Array, value: Array, literal: float | None, *, rests: bool
) -> list[Array]:
    by_base = exponent * np.power(base, np.where(exponent == 0, 1.0, exponent - 1))
    if literal is not None and not literal.is_integer() and (rests or literal > 1):
        by_base = np.where(base == 0, 0.0, by_base)
    by_exponent = np.log(np.where(base == 0, 1.0, base)) * value
    return [by_base, by_exponent]


def _root_slope(x: Array, value: Array, *, rests: bool) -> Array:
    slope = 0.5 / value
    return np.where(x == 0, 0.0, slope) if rests else slope


def _ones(x: Array) -> Array:
    return np.ones_like(x)


_ARITHMETIC: dict[str, Callable[[Array, Array], Array]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "**": np.power,
}
_ARITHMETIC_SLOPES: dict[str, Callable[[Array, Array], list[Array]]] = {
    "+": lambda a, b: [_ones(a), _ones(b)],
    "-": lambda a, b: [_ones(a), -_ones(b)],
    "*": lambda a, b: [b, a],
    "/": lambda a, b: [1 / b, -a / b**2],
}


def _joined(arguments: Sequence[Array]) -> Array:
    return np.concatenate([np.ravel(x) for x in arguments])


def _sigmoid(x: Array) -> Array:
    tail = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, tail) / (1 + tail)


def _norm(*arguments: Array) -> Any:
    return np.sqrt(np.sum(np.square(_joined(arguments))))


def _prod_slopes(value: Array, *arguments: Array) -> list[Array]:
    """The product of all the others: no division, so 0 may be among them."""
    del value
    flat = _joined(arguments)
    before = np.concatenate([[1.0], np.cumprod(flat)[:-1]])
    after = np.concatenate([np.cumprod(flat[::-1])[::-1][1:], [1.0]])
    return _parted(before * after, arguments)


def _parted(flat: Array, arguments: Sequence[Array]) -> list[Array]:
    ends = np.cumsum([np.size(x) for x in arguments])[:-1]
    parts = np.split(flat, ends)
    return [p.reshape(np.shape(x)) for p, x in zip(parts, arguments, strict=True)]


def _mean_slopes(value: Array, *arguments: Array) -> list[Array]:
    del value
    n = sum(np.size(x) for x in arguments)
    return [np.full_like(x, 1 / n) for x in arguments]


def _norm_slopes(value: Array, *arguments: Array) -> list[Array]:
    return [x / value if value else np.zeros_like(x) for x in arguments]


def _extreme_slopes(pick: Any, arguments: Sequence[Array]) -> list[Array]:
    """Two at a time, as it is evaluated; equals share the slope."""
    shares, best = [_ones(arguments[0])], arguments[0]
    for x in arguments[1:]:
        new = pick(best, x)
        old_share = np.where(best == x, 0.5, np.where(new == best, 1.0, 0.0))
        shares = [share * old_share for share in shares] + [1.0 - old_share]
        best = new
    return shares


_VALUES: dict[str, Callable[..., Any]] = {
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "exp": np.exp,
    "log": np.log,
    "log2": lambda x: np.log(x) / np.log(2.0),
    "log10": lambda x: np.log(x) / np.log(10.0),
    "sqrt": np.sqrt,
    "square": np.square,
    "abs": np.abs,
    "sign": np.sign,
    "min": lambda *xs: functools.reduce(np.minimum, xs),
    "max": lambda *xs: functools.reduce(np.maximum, xs),
    "relu": lambda x: np.maximum(x, 0.0),
    "sigmoid": _sigmoid,
    "softplus": lambda x: np.logaddexp(x, 0.0),
    "sum": lambda *xs: np.sum(_joined(xs)),
    "mean": lambda *xs: np.mean(_joined(xs)),
    "prod": lambda *xs: np.prod(_joined(xs)),
    "norm": _norm,
    "dot": np.dot,
    STEP: lambda x: np.where(x > 0, 1.0, 0.0),
}
_SLOPES: dict[str, Callable[..., list[Any]]] = {
    "sin": lambda _, x: [np.cos(x)],
    "cos": lambda _, x: [-np.sin(x)],
    "tan": lambda v, _: [1 + v**2],
    "asin": lambda _, x: [1 / np.sqrt(1 - x**2)],
    "acos": lambda _, x: [-1 / np.sqrt(1 - x**2)],
    "atan": lambda _, x: [1 / (1 + x**2)],
    "atan2": lambda _, y, x: [x / (x**2 + y**2), -y / (x**2 + y**2)],
    "sinh": lambda _, x: [np.cosh(x)],
    "cosh": lambda _, x: [np.sinh(x)],
    "tanh": lambda v, _: [(1 + v) * (1 - v)],
    "exp": lambda v, _: [v],
    "log": lambda _, x: [1 / x],
    "log2": lambda _, x: [1 / (x * np.log(2.0))],
    "log10": lambda _, x: [1 / (x * np.log(10.0))],
    "square": lambda _, x: [2 * x],
    "abs": lambda _, x: [np.sign(x)],
    "sign": lambda _, x: [np.zeros_like(x)],
    "min": lambda _, *xs: _extreme_slopes(np.minimum, xs),
    "max": lambda _, *xs: _extreme_slopes(np.maximum, xs),
    "relu": lambda _, x: [np.where(x > 0, 1.0, 0.0)],
    "sigmoid": lambda v, _: [v * (1 - v)],
    "softplus": lambda _, x: [_sigmoid(x)],
    "sum": lambda _, *xs: [_ones(x) for x in xs],
    "mean": _mean_slopes,
    "prod": _prod_slopes,
    "norm": _norm_slopes,
    "dot": lambda _, a, b: [b, a],
    STEP: lambda _, x: [np.zeros_like(x)],
}
