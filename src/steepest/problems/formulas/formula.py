"""A formula as an objective: callable, hashable, and checked against its start."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax
import numpy as np

from steepest.core.errors import FormulaError, UsageError
from steepest.core.suggest import did_you_mean
from steepest.problems.formulas.evaluate import evaluate
from steepest.problems.formulas.functions import CONSTANTS, FUNCTIONS
from steepest.problems.formulas.nodes import (
    Call,
    Item,
    Node,
    Slice,
    Variable,
    fold,
    walk,
)


@dataclass(frozen=True)
class Formula:
    """A function of named numbers and vectors, read from text by `parse`.

    Formulas of the same tree are equal and hash alike, however they were typed, so a
    compiled function is found again.

    Args:
        text: as typed.
        tree: its meaning, the root node.

    >>> from steepest.problems.formulas import parse
    >>> formula = parse("x^2 + x*y")
    >>> formula.variables
    ('x', 'y')
    >>> formula == parse("x**2+x * y")
    True
    """

    text: str = field(compare=False)
    tree: Node

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return self.text

    def __call__(self, params: Mapping[str, Any]) -> jax.Array:
        """The value at a point, as a JAX scalar; grad, jit and vmap apply.

        Computed in the precision of the parameters: for float64 call it inside
        `jax.enable_x64(True)`.

        Args:
            params: name -> number or vector of shape (n,), one for each variable.

        Raises:
            UsageError: a variable is missing or unknown, or has the wrong shape.
            FormulaError: the formula gives a vector.

        >>> from steepest.problems.formulas import parse
        >>> slope = jax.grad(parse("x^2 + 3*x"))({"x": 2.0})
        >>> float(slope["x"])
        7.0
        """
        self._check_names(params)
        value = evaluate(self.tree, params)
        if value.ndim:
            raise FormulaError(
                f"The formula gives a vector of length {value.shape[0]}, and descent "
                f"needs one number; write sum({self.text}) or mean({self.text})."
            )
        return value

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables, in order of first appearance."""
        named = (node.name for node in walk(self.tree) if isinstance(node, Variable))
        return tuple(dict.fromkeys(named))

    @cached_property
    def vectors(self) -> tuple[str, ...]:
        """The variables that must be vectors, in order of first appearance.

        Those that are indexed or cut, and those that alone fill an argument of sum,
        mean, prod, norm or dot. In sum((x - a)^2) either of x and a may be the vector,
        so neither is listed.

        >>> from steepest.problems.formulas import parse
        >>> parse("sum((x - 1)^2) + y[0] + z").vectors
        ('x', 'y')
        """
        found: set[str] = set()

        def visit(node: Node, below: list[set[str]]) -> set[str]:
            """The names whose entries this node keeps apart."""
            if isinstance(node, Variable):
                return {node.name}
            if isinstance(node, Item | Slice):
                found.add(node.vector.name)
                return set() if isinstance(node, Item) else {node.vector.name}
            if isinstance(node, Call) and FUNCTIONS[node.function].reduces:
                found.update(*(names for names in below if len(names) == 1))
                return set()
            return set().union(*below)

        fold(self.tree, visit)
        return tuple(name for name in self.variables if name in found)

    def check(self, params: Any) -> None:
        """Refuse a start that does not fit, naming each fault.

        Args:
            params: the start as given, before it is trusted.

        Raises:
            UsageError: it is no mapping, a variable is missing or unknown, a value is
                not a finite number or a vector of them, or its shape does not fit.
            FormulaError: the formula has no variables, or gives a vector.

        >>> from steepest.problems.formulas import parse
        >>> parse("width + 1").check({"widht": 1.0})
        Traceback (most recent call last):
        steepest.core.errors.UsageError: The start needs a value for width. The
        formula has no variable widht. Did you mean width?
        """
        if not self.variables:
            raise FormulaError("The formula has no variables, so nothing can be moved.")
        if not isinstance(params, Mapping):
            raise UsageError(
                f"The start of a formula names its variables, such as "
                f"{{{self.variables[0]!r}: 1.0}}; got {type(params).__name__}."
            )
        self._check_names(params)
        start = {name: _checked(name, value) for name, value in params.items()}
        jax.eval_shape(self, start)

    @cached_property
    def _hash(self) -> int:
        return hash(self.tree)

    def _check_names(self, params: Mapping[str, Any]) -> None:
        missing = [name for name in self.variables if name not in params]
        unknown = [str(name) for name in params if name not in self.variables]
        faults = [_explain(name, self.variables) for name in unknown]
        if missing:
            faults.insert(0, f"The start needs a value for {', '.join(missing)}.")
        if faults:
            raise UsageError(" ".join(faults))


def _explain(unknown: str, known: tuple[str, ...]) -> str:
    if unknown in CONSTANTS:
        value = f"{CONSTANTS[unknown]:.6g}"
        return f"{unknown} is the constant {value}; give the variable another name."
    return f"The formula has no variable {unknown}. {did_you_mean(unknown, known)}"


def _checked(name: str, value: Any) -> np.ndarray:
    """A finite number, or a vector of them that is not empty, as float64."""
    try:
        array = np.asarray(value)
    except ValueError:  # rows of unequal length
        raise UsageError(
            f"{name}={reprlib.repr(value)}: must be a flat list of numbers."
        ) from None
    if array.dtype.kind not in "iuf":
        raise UsageError(
            f"{name}={reprlib.repr(value)}: must be a number or a list of numbers."
        )
    if array.ndim > 1 or array.size == 0:
        raise UsageError(
            f"{name} has shape {array.shape}: must be one number or a vector of shape "
            "(n,) with n > 0."
        )
    if not np.isfinite(array).all():
        raise UsageError(f"{name}={reprlib.repr(value)}: must be finite.")
    return array.astype(np.float64)
