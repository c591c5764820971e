"""The value of a tree in jax.numpy: works under grad, jit and vmap."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from steepest.core.errors import UsageError
from steepest.problems.formulas.functions import CONSTANTS, FUNCTIONS
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
from steepest.problems.formulas.printer import to_text
from steepest.problems.formulas.signs import never_negative

_ARITHMETIC: dict[str, Callable[[jax.Array, jax.Array], jax.Array]] = {
    "+": jnp.add,
    "-": jnp.subtract,
    "*": jnp.multiply,
    "/": jnp.divide,
    "**": jnp.power,
}
_MOST_WHOLE = 2**31


def evaluate(tree: Node, params: Mapping[str, Any]) -> jax.Array:
    """The value of a tree, a number or a vector, in the precision of its parameters.

    Args:
        tree: the root.
        params: name -> number or vector of shape (n,), for each variable of the tree.

    Raises:
        UsageError: a parameter has the wrong shape for what the tree does with it.

    >>> evaluate(Negate(Variable("x")), {"x": [1.0, 2.0]}).tolist()
    [-1.0, -2.0]
    """
    return fold(tree, lambda node, below: _value(node, below, params))


def _value(node: Node, below: list[jax.Array], params: Mapping[str, Any]) -> jax.Array:
    match node:
        case Number(value):
            return jnp.asarray(value)  # weakly typed: the parameters set the precision
        case Constant(name):
            return jnp.asarray(CONSTANTS[name])
        case Variable(name):
            return _as_float(params[name])
        case Item() | Slice():
            return _part(node, below[0])
        case Negate():
            return jnp.negative(below[0])
        case Binary():
            return _binary(node, *below)
        case Call():
            return _call(node, below)
    raise TypeError(f"{type(node).__name__} is not a node of a formula.")


def _as_float(value: Any) -> jax.Array:
    """Whole numbers become floats: 1/x and gradients ask for it."""
    array = jnp.asarray(value)
    if jnp.issubdtype(array.dtype, jnp.floating):
        return array
    return array.astype(jnp.result_type(float))


def _part(node: Item | Slice, vector: jax.Array) -> jax.Array:
    name, text = node.vector.name, to_text(node)
    if vector.ndim == 0:
        raise UsageError(
            f"{text}: {name} is one number here; give it as a vector, for example "
            f"{name}=[1, 2]."
        )
    n = vector.shape[0]
    if isinstance(node, Slice):
        if not range(n)[node.range]:
            raise UsageError(f"{text} selects nothing: {name} has length {n}.")
        return vector[node.range]
    if not -n <= node.index < n:
        message = (
            f"{text}: {name} has length {n}, so its last entry is {name}[{n - 1}]."
        )
        raise UsageError(message)
    return vector[node.index]


def _binary(node: Binary, left: jax.Array, right: jax.Array) -> jax.Array:
    _check_lengths(node, [left, right])
    exponent = _fixed(node.right) if node.operator == "**" else None
    if exponent is None:
        return _ARITHMETIC[node.operator](left, right)
    if 0 < exponent < 1 and not never_negative(node.left):
        return jnp.power(left, exponent)
    return _fixed_power(left, exponent)


def _call(node: Call, arguments: list[jax.Array]) -> jax.Array:
    function = FUNCTIONS[node.function]
    if function.reduces:
        for argument, value in zip(node.arguments, arguments, strict=True):
            if value.ndim == 0:
                raise UsageError(
                    f"{to_text(node)}: {node.function} needs a vector, and "
                    f"{to_text(argument)} is one number here; give its variable as a "
                    "list, for example x=[1, 2]."
                )
    _check_lengths(node, arguments)
    if node.function == "sqrt" and not never_negative(node.arguments[0]):
        return jnp.sqrt(arguments[0])  # its slope at 0 is endless, and no rest
    return function.apply(*arguments)


def _check_lengths(node: Node, arguments: list[jax.Array]) -> None:
    """Vectors that meet entry by entry are equally long; a single number fits all."""
    lengths = {value.shape[0] for value in arguments if value.ndim}
    if len(lengths) > 1:
        sizes = " and ".join(str(length) for length in sorted(lengths))
        raise UsageError(
            f"{to_text(node)}: the vectors have lengths {sizes}; they must be equal."
        )


def _fixed(node: Node) -> float | None:
    """An exponent without variables, such as 2, -1 or 1/2; None if it is not that."""
    match node:
        case Number(value):
            return value
        case Negate(operand):
            value = _fixed(operand)
            return None if value is None else -value
        case Binary("/", Number(above), Number(under)) if under:
            return above / under
    return None


def _fixed_power(base: jax.Array, exponent: float) -> jax.Array:
    """Power with a literal exponent, and with no nan in its gradient.

    A whole exponent is repeated multiplication, right for a negative base too. For
    another one the slope at base 0 is taken as 0, as `safe_sqrt` does: below 1 that is
    right for a base that is never negative alone.
    """
    if exponent.is_integer() and abs(exponent) < _MOST_WHOLE:
        return jax.lax.integer_pow(base, int(exponent))
    zero = base == 0
    at_zero = 0.0 if exponent > 0 else jnp.inf
    return jnp.where(zero, at_zero, jnp.power(jnp.where(zero, 1.0, base), exponent))
