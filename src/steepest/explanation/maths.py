"""Signs of mathematics in the two dialects that are typeset: LaTeX and MathML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from steepest.explanation.writing import literal, write
from steepest.problems.formulas import Node, Variable


class Latex:
    """LaTeX, as Markdown takes it between dollar signs."""

    def node(self, tree: Node) -> str:
        """A formula."""
        return write(tree, "latex")

    def number(self, value: Any) -> str:
        """A number."""
        return self.node(literal(value))

    def name(self, name: str) -> str:
        """A variable."""
        return self.node(Variable(name))

    def partial(self, of: str, by: str) -> str:
        """The partial derivative of one thing by another."""
        return rf"\frac{{\partial {self.name(of)}}}{{\partial {self.name(by)}}}"

    def at_k(self, name: str) -> str:
        """Entry number k of a vector."""
        return self.name(f"{name}[k]")

    def call(self, name: str, arguments: Sequence[str]) -> str:
        """f(x, y)."""
        return rf"{self.name(name)}({', '.join(map(self.name, arguments))})"

    def gradient(self, of: str) -> str:
        """The gradient of something."""
        return rf"\nabla {self.name(of)}"

    def length(self, inside: str) -> str:
        """The length of something."""
        return rf"\left\|{inside}\right\|"

    def vector(self, values: Iterable[str]) -> str:
        """Entries in brackets."""
        return rf"\left({', '.join(values)}\right)"

    def equal(self, sides: Sequence[str]) -> str:
        """Sides of an equation."""
        return " = ".join(sides)

    def becomes(self, left: str, right: str) -> str:
        """An assignment."""
        return rf"{left} \leftarrow {right}"

    def product(self, factors: Sequence[str]) -> str:
        """Factors, each in brackets."""
        return r" \cdot ".join(rf"\left({factor}\right)" for factor in factors)

    def of(self, name: str, coordinate: str) -> str:
        """A quantity of one coordinate."""
        return rf"{self.name(name)}\left({self.name(coordinate)}\right)"

    def more(self) -> str:
        """And so on."""
        return r"\dots"


class Mathml(Latex):
    """Presentation MathML, which browsers typeset by themselves."""

    def node(self, tree: Node) -> str:
        """A formula."""
        return write(tree, "mathml")

    def partial(self, of: str, by: str) -> str:
        """The partial derivative of one thing by another."""
        rows = (f"<mrow><mo>∂</mo>{self.name(x)}</mrow>" for x in (of, by))
        return f"<mfrac>{''.join(rows)}</mfrac>"

    def call(self, name: str, arguments: Sequence[str]) -> str:
        """f(x, y)."""
        return f"{self.name(name)}{self.vector(map(self.name, arguments))}"

    def gradient(self, of: str) -> str:
        """The gradient of something."""
        return f"<mrow><mo>∇</mo>{self.name(of)}</mrow>"

    def length(self, inside: str) -> str:
        """The length of something."""
        return f"<mrow><mo>‖</mo>{inside}<mo>‖</mo></mrow>"

    def vector(self, values: Iterable[str]) -> str:
        """Entries in brackets."""
        inside = "<mo>,</mo>".join(values)
        return f"<mrow><mo>(</mo>{inside}<mo>)</mo></mrow>"

    def equal(self, sides: Sequence[str]) -> str:
        """Sides of an equation."""
        return "<mo>=</mo>".join(sides)

    def becomes(self, left: str, right: str) -> str:
        """An assignment."""
        return f"{left}<mo>←</mo>{right}"

    def product(self, factors: Sequence[str]) -> str:
        """Factors, each in brackets."""
        return "<mo>·</mo>".join(self.vector([factor]) for factor in factors)

    def of(self, name: str, coordinate: str) -> str:
        """A quantity of one coordinate."""
        return f"{self.name(name)}{self.vector([self.name(coordinate)])}"

    def more(self) -> str:
        """And so on."""
        return "<mo>…</mo>"
