"""The tree of a formula: small frozen nodes, and the one way to walk them.

Nodes hold no position and no spacing, so two formulas that mean the same compare equal.
Whoever evaluates, prints, derives or draws a formula does it with `fold`, which
visits children before parents and uses no recursion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

Result = TypeVar("Result")


class Node:
    """One step of a formula. Its operands are `children`, from left to right."""

    @property
    def children(self) -> tuple[Node, ...]:
        """The operands, from left to right; empty for a leaf."""
        return ()


@dataclass(frozen=True)
class Number(Node):
    """A literal, always a finite float64 that is not negative: `2` is 2.0."""

    value: float


@dataclass(frozen=True)
class Constant(Node):
    """A named number: `pi` or `e`."""

    name: str


@dataclass(frozen=True)
class Variable(Node):
    """A variable used whole: one number or a vector, as the parameters say."""

    name: str


@dataclass(frozen=True)
class Item(Node):
    """One entry of a vector, counted from 0 or, if negative, from the end: `x[-1]`."""

    vector: Variable
    index: int

    @property
    def children(self) -> tuple[Node, ...]:
        """The vector."""
        return (self.vector,)


@dataclass(frozen=True)
class Slice(Node):
    """Part of a vector by Python's rule: `x[1:]`, `x[:-1]`, `x[::2]`."""

    vector: Variable
    start: int | None
    stop: int | None
    step: int | None

    @property
    def children(self) -> tuple[Node, ...]:
        """The vector."""
        return (self.vector,)

    @property
    def range(self) -> slice:
        """The same part as a Python slice."""
        return slice(self.start, self.stop, self.step)


@dataclass(frozen=True)
class Negate(Node):
    """The operand with the other sign: `-x`."""

    operand: Node

    @property
    def children(self) -> tuple[Node, ...]:
        """The operand."""
        return (self.operand,)


@dataclass(frozen=True)
class Binary(Node):
    """Arithmetic of two operands; `operator` is one of `+ - * / **`."""

    operator: str
    left: Node
    right: Node

    @property
    def children(self) -> tuple[Node, ...]:
        """Left, right."""
        return (self.left, self.right)


@dataclass(frozen=True)
class Call(Node):
    """A function of the table FUNCTIONS and its arguments: `sin(x)`."""

    function: str
    arguments: tuple[Node, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        """The arguments."""
        return self.arguments


def walk(tree: Node) -> Iterator[Node]:
    """Every node of the tree, each before its children, from left to right.

    >>> [type(node).__name__ for node in walk(Negate(Variable("x")))]
    ['Negate', 'Variable']
    """
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))


def fold(tree: Node, visit: Callable[[Node, list[Result]], Result]) -> Result:
    """Work the tree up from its leaves to one result.

    Args:
        tree: the root.
        visit: gets a node and the results of its children, returns the node's own.

    Returns:
        The root's result.

    >>> fold(Negate(Variable("x")), lambda node, below: 1 + sum(below))
    2
    """
    # Parents before children, from right to left: reversed, that is every child
    # before its parent and siblings in order.
    order, waiting = [], [tree]
    while waiting:
        node = waiting.pop()
        order.append(node)
        waiting.extend(node.children)
    done: list[Result] = []
    for node in reversed(order):
        first = len(done) - len(node.children)
        done[first:] = [visit(node, done[first:])]
    return done[0]
