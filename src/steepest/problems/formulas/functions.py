"""The functions and constants a formula may use: one table, and no other names.

To add a function, add an entry: parser, evaluation and tests read this table.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp


@dataclass(frozen=True)
class Function:
    """One function that formulas may call.

    Args:
        apply: takes arrays, returns an array.
        fewest: the smallest number of arguments.
        most: the largest number of arguments; None means any number.
        reduces: True if it makes one number out of whole vectors.
    """

    apply: Callable[..., jax.Array]
    fewest: int = 1
    most: int | None = 1
    reduces: bool = False

    @property
    def arity(self) -> str:
        """How many arguments it takes, in words.

        >>> Function(jnp.arctan2, 2, 2).arity
        '2 arguments'
        """
        if self.most is None:
            return f"{self.fewest} or more arguments"
        return f"{self.fewest} argument{'s' if self.fewest > 1 else ''}"


def safe_sqrt(x: jax.Array) -> jax.Array:
    """Square root whose slope at 0 is taken as 0, for what is never negative.

    sqrt(x**2 + y**2) is a cone: at its tip the chain rule asks for 0 * inf, which is
    nan. Slope 0 is the shortest of the tip's subgradients, and makes the minimum a
    point where the gradient is zero. Where x may cross 0 the slope there is endless,
    and a formula then means `jnp.sqrt`.

    Args:
        x: array of any shape; below 0 the value is nan.

    >>> float(jax.grad(lambda x: safe_sqrt(x**2))(0.0))
    0.0
    """
    zero = x == 0
    return jnp.where(zero, 0.0, jnp.sqrt(jnp.where(zero, 1.0, x)))


def _size(x: jax.Array) -> jax.Array:
    return x * jnp.sign(x)  # jnp.abs has slope 1 at 0; this has 0, the minimum's


def _norm(x: jax.Array) -> jax.Array:
    return safe_sqrt(jnp.sum(jnp.square(x)))


def _largest(*arguments: jax.Array) -> jax.Array:
    return functools.reduce(jnp.maximum, arguments)


def _smallest(*arguments: jax.Array) -> jax.Array:
    return functools.reduce(jnp.minimum, arguments)


CONSTANTS: dict[str, float] = {"pi": math.pi, "e": math.e}

FUNCTIONS: dict[str, Function] = {
    "sin": Function(jnp.sin),
    "cos": Function(jnp.cos),
    "tan": Function(jnp.tan),
    "asin": Function(jnp.arcsin),
    "acos": Function(jnp.arccos),
    "atan": Function(jnp.arctan),
    "atan2": Function(jnp.arctan2, 2, 2),
    "sinh": Function(jnp.sinh),
    "cosh": Function(jnp.cosh),
    "tanh": Function(jnp.tanh),
    "exp": Function(jnp.exp),
    "log": Function(jnp.log),
    "log2": Function(jnp.log2),
    "log10": Function(jnp.log10),
    "sqrt": Function(safe_sqrt),
    "square": Function(jnp.square),
    "abs": Function(_size),
    "sign": Function(jnp.sign),
    "min": Function(_smallest, 2, None),
    "max": Function(_largest, 2, None),
    "relu": Function(jax.nn.relu),
    "sigmoid": Function(jax.nn.sigmoid),
    "softplus": Function(jax.nn.softplus),
    "sum": Function(jnp.sum, reduces=True),
    "mean": Function(jnp.mean, reduces=True),
    "prod": Function(jnp.prod, reduces=True),
    "norm": Function(_norm, reduces=True),
    "dot": Function(jnp.dot, 2, 2, reduces=True),
}

# Other spellings; the tree holds the name on the right.
ALIASES: dict[str, str] = {"ln": "log"}
