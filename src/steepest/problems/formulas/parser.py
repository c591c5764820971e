"""Text to tree, through an allow-list and without eval.

Python's own parser gives the structure, for its grammar of arithmetic is ours. It is
shown only a skeleton, in which each number is `1`, each name is `n` and ^ is `**`:
for "2*sin(x)^2" it reads `1*n(n)**1`. So nothing that a user types as a name or number
reaches it; names and numbers are looked up by their place.
"""

from __future__ import annotations

import ast
import math

from steepest.core.errors import FormulaError, UsageError
from steepest.core.suggest import did_you_mean
from steepest.problems.formulas.formula import Formula
from steepest.problems.formulas.functions import ALIASES, CONSTANTS, FUNCTIONS
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
    walk,
)
from steepest.problems.formulas.scanner import Token, point_at, scan

# With the cap on characters this bounds the tree: fewer nodes than characters, and
# few enough levels for Python to hash and compare it.
MAX_DEPTH = 200
MAX_VARIABLES = 64

_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
}


def parse(text: str) -> Formula:
    """Read a formula: `+ - * / ^`, brackets, the table FUNCTIONS, and vectors.

    `^` and `**` both mean power and bind as in Python: -x^2 is -(x^2), and 2^3^2 is
    2^(3^2). `x[0]`, `x[-1]` are entries and `x[1:]`, `x[:-1]` parts of a vector;
    arithmetic on vectors goes entry by entry, and sum, mean, prod, norm and dot make
    one number of it. `pi` and `e` are the constants; every other name is a variable.

    Args:
        text: the formula, at most 2,000 characters.

    Returns:
        The Formula: a callable of its parameters, equal to any of the same meaning.

    Raises:
        FormulaError: the text is no formula; a caret marks where, and the message says
            what to write instead.
        UsageError: text is not a str.

    >>> parabola = parse("(x - 1)^2 + 3")
    >>> float(parabola({"x": 3.0}))
    7.0
    >>> parse("2x")
    Traceback (most recent call last):
    steepest.core.errors.FormulaError: An operator is missing: for a product write 2*x.
      2x
       ^
    """
    if not isinstance(text, str):
        kind = type(text).__name__
        raise UsageError(f"A formula is text, such as 'x^2 + y^2'; got {kind}.")
    tokens = scan(text)
    try:
        tree = _Reader(text, tokens).read()
    except (RecursionError, MemoryError):
        message = "The formula is nested too deeply; write it flatter."
        raise FormulaError(message) from None
    names = {node.name for node in walk(tree) if isinstance(node, Variable)}
    if len(names) > MAX_VARIABLES:
        raise FormulaError(
            f"The formula has {len(names)} variables; at most {MAX_VARIABLES} are "
            "read. Use a vector: x[0], x[1], ... or sum(x^2)."
        )
    return Formula(text, tree)


class _Reader:
    """Turns what Python's parser saw into our nodes, refusing all it does not know."""

    def __init__(self, text: str, tokens: list[Token]) -> None:
        self.text = text
        self.tokens: dict[int, Token] = {}  # by offset in the skeleton
        self.skeleton = ""
        for token in tokens:
            self.tokens[len(self.skeleton)] = token
            self.skeleton += _bone(token)

    def read(self) -> Node:
        try:
            parsed = ast.parse(self.skeleton, mode="eval")
        except SyntaxError as error:
            offset = (error.offset or 1) - 1
            column = self.tokens[offset].column if offset in self.tokens else 0
            message = "From here on this cannot be read as a formula."
            raise point_at(message, self.text, column) from None
        return self.node(parsed.body, 1)

    def node(self, node: ast.expr, depth: int) -> Node:
        if depth > MAX_DEPTH:
            message = f"More than {MAX_DEPTH} operations in a chain; use sum()."
            raise self.error(message, node)
        match node:
            case ast.Constant():
                return self.number(node)
            case ast.Name():
                return self.name(node)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return Negate(self.node(operand, depth + 1))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.node(operand, depth + 1)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                sides = self.node(left, depth + 1), self.node(right, depth + 1)
                return Binary(_OPERATORS[type(op)], *sides)
            case ast.Call(func=ast.Name() as function, args=given, keywords=[]):
                arguments = tuple(self.node(each, depth + 1) for each in given)
                return self.call(function, arguments)
            case ast.Subscript(value=ast.Name() as vector):
                return self.part(vector, node.slice)
            case ast.Tuple(elts=several):
                comma = "A comma belongs in a call, as in max(x, y)."
                raise self.error(
                    comma if several else "These brackets are empty.", node
                )
        raise self.error("This does not belong in a formula.", node)

    def number(self, node: ast.Constant) -> Number:
        value = float(self.typed(node))
        if math.isinf(value):
            raise self.error("This number is too large: at most 1.8e308.", node)
        return Number(value)

    def name(self, node: ast.Name) -> Variable | Constant:
        name = self.typed(node)
        if name in FUNCTIONS or name in ALIASES:
            message = f"{name} is a function; give it its argument, as in {name}(x)."
            raise self.error(message, node)
        return Constant(name) if name in CONSTANTS else Variable(name)

    def call(self, node: ast.Name, arguments: tuple[Node, ...]) -> Call:
        typed = self.typed(node)
        name = ALIASES.get(typed, typed)
        if name not in FUNCTIONS:
            message = f"There is no function {name!r}."
            hint = did_you_mean(name, [*FUNCTIONS, *ALIASES])
            raise self.error(
                f"{message} {hint} For a product write {name}*(...).", node
            )
        function, n = FUNCTIONS[name], len(arguments)
        if n < function.fewest or (function.most is not None and n > function.most):
            message = f"{typed} takes {function.arity}, got {n}."
            if name == "log" and n > 1:
                message += " For another base write log2(x), log10(x) or log(x)/log(3)."
            raise self.error(message, node)
        return Call(name, arguments)

    def part(self, vector: ast.Name, index: ast.expr) -> Item | Slice:
        name = self.name(vector)
        if isinstance(name, Constant):
            raise self.error(f"{name.name} is a number; it has no entries.", vector)
        if not isinstance(index, ast.Slice):
            return Item(name, self.whole(index))
        bounds = (
            None if bound is None else self.whole(bound)
            for bound in (index.lower, index.upper, index.step)
        )
        cut = Slice(name, *bounds)
        if cut.step == 0:
            raise self.error("The step of a slice must not be 0.", vector)
        return cut

    def whole(self, node: ast.expr) -> int:
        """An index: digits with at most one sign."""
        match node:
            case ast.Constant() if self.typed(node).isdigit():
                return int(self.typed(node))
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant() as digits):
                return -self.whole(digits)
        message = "An index is a whole number, as in x[0] or x[-1], or a part: x[1:]."
        raise self.error(message, node)

    def typed(self, node: ast.expr) -> str:
        """What the user wrote at this place."""
        return self.tokens[node.col_offset].text

    def error(self, message: str, node: ast.expr) -> FormulaError:
        return point_at(message, self.text, self.tokens[node.col_offset].column)


def _bone(token: Token) -> str:
    """What Python's parser is shown of a token."""
    if token.kind in ("number", "name"):
        return {"number": "1", "name": "n"}[token.kind]
    return "**" if token.text == "^" else token.text
