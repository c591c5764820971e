"""Numbers and formulas as people write them: on a line, in LaTeX, in MathML."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from html import escape
from typing import Any, Literal

from steepest.problems.formulas import (
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
    to_text,
)

Dialect = Literal["text", "latex", "mathml"]

_SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(1, 6)
_LEVELS = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "**": _POWER}


def number(value: Any) -> str:
    """Ten significant digits, and no -0.

    >>> number(1 / 3), number(-0.0), number(2.0)
    ('0.3333333333', '0', '2')
    """
    return f"{float(value) + 0.0:.10g}"


def words_of(value: float) -> str:
    """A slope measured from two points, in few digits, or in words.

    >>> words_of(1.0000003), words_of(math.inf), words_of(math.nan)
    ('1', 'endless', 'not there')
    """
    if math.isnan(value):
        return "not there"
    if math.isinf(value):
        return "endless" if value > 0 else "endless and negative"
    return f"{value + 0.0:.3g}"


def literal(value: Any) -> Node:
    """A number as a node: a minus stands before it.

    >>> literal(-2.0)
    Negate(operand=Number(value=2.0))
    """
    value = float(value)
    return Negate(Number(-value)) if value < 0 else Number(value + 0.0)


def filled(tree: Node, numbers: Mapping[str, Any]) -> Node:
    """The tree with numbers for what they are known of.

    Args:
        tree: a formula.
        numbers: the text of a sub-expression, such as "x" or "sum(x)" -> its number.

    >>> from steepest.problems.formulas import parse
    >>> write(filled(parse("2*x + y").tree, {"x": -3.0, "y": 4.0}))
    '2*(-3) + 4'
    """

    def visit(node: Node, below: list[Node]) -> Node:
        if isinstance(node, Variable | Item | Call | Slice):
            text = to_text(node)
            if text in numbers:
                return literal(numbers[text])
        match node:
            case Negate():
                return Negate(below[0])
            case Binary(operator):
                return Binary(operator, *below)
            case Call(function):
                return Call(function, tuple(below))
        return node

    return fold(tree, visit)


def write(tree: Node, dialect: Dialect = "text") -> str:
    r"""A formula, with ten digits of each number.

    Args:
        tree: the root.
        dialect: "text" as it could be typed, "latex", or "mathml" (presentation).

    >>> from steepest.problems.formulas import parse
    >>> tree = parse("(x + 1)^2/3").tree
    >>> write(tree)
    '(x + 1)**2/3'
    >>> write(tree, "latex")
    '\\frac{\\left(x + 1\\right)^{2}}{3}'
    """
    writer = _WRITERS[dialect]
    return fold(tree, writer.visit)[0]


Part = tuple[str, int]
"""What was written, and how tightly it binds."""


class _Text:
    """Formulas on one line, as they could be typed."""

    minus, plus, times = "-", " + ", "*"

    def visit(self, node: Node, below: list[Part]) -> Part:
        match node:
            case Number(value):
                return self.number(number(value))
            case Constant(name):
                return self.constant(name), _ATOM
            case Variable(name):
                return self.name(name), _ATOM
            case Item() | Slice():
                return self.name(to_text(node)), _ATOM
            case Negate():
                return self.negated(below[0]), _SIGN
            case Binary(operator):
                return self.binary(operator, *below)
            case Call(function):
                return self.call(function, [text for text, _ in below])
        raise TypeError(f"{type(node).__name__} is not a node of a formula.")

    def number(self, text: str) -> Part:
        return text, _ATOM

    def constant(self, name: str) -> str:
        return name

    def name(self, text: str) -> str:
        return text

    def negated(self, part: Part) -> str:
        return f"{self.minus}{self.bracket(part, _POWER)}"

    def binary(self, operator: str, left: Part, right: Part) -> Part:
        level = _LEVELS[operator]
        # a minus that does not stand first is put in brackets: 2*(-3)
        after = self.bracket(right, level + 1)
        if right[1] == _SIGN:
            after = self.bracket(right, _ATOM)
        if operator == "**":
            return f"{self.bracket(left, _ATOM)}**{after}", level
        gap = " " if level == _SUM else ""
        return f"{self.bracket(left, level)}{gap}{operator}{gap}{after}", level

    def call(self, function: str, arguments: list[str]) -> Part:
        return f"{function}({', '.join(arguments)})", _ATOM

    def bracket(self, part: Part, least: int) -> str:
        text, level = part
        return text if level >= least else self.in_brackets(text)

    def in_brackets(self, text: str) -> str:
        return f"({text})"


_GREEK = {
    unicodedata.name(sign).rpartition(" ")[2].lower().replace("lamda", "lambda"): sign
    for sign in "αβγδεζηθικλμνξπρστυφχψω"
}
_SIGNS = {
    "learning_rate": (r"\eta", "<mi>η</mi>"),
    "eps": (r"\varepsilon", "<mi>ε</mi>"),
    "m_hat": (r"\hat{m}", "<mover><mi>m</mi><mo>^</mo></mover>"),
    "s_hat": (r"\hat{s}", "<mover><mi>s</mi><mo>^</mo></mover>"),
    "b1": (r"\beta_{1}", "<msub><mi>β</mi><mn>1</mn></msub>"),
    "b2": (r"\beta_{2}", "<msub><mi>β</mi><mn>2</mn></msub>"),
    "x0": ("x_{0}", "<msub><mi>x</mi><mn>0</mn></msub>"),
}
"""Names in rules of descent -> how papers write them."""
_UPRIGHT = frozenset(
    {"sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "min", "max"}
)
_LATEX_NAMES = {"asin": r"\arcsin", "acos": r"\arccos", "atan": r"\arctan"}


def _stem(text: str) -> tuple[str, list[str]]:
    """A name and what stands low behind it.

    >>> _stem("x[0]"), _stem("u12"), _stem("loss_rate"), _stem("w1[0,1]")
    (('x', ['0']), ('u', ['12']), ('loss', ['rate']), ('w', ['1', '0', '1']))
    """
    plain, *indices = text.replace("]", "").split("[")
    stem, _, low = plain.partition("_")
    letters = stem.rstrip("0123456789")
    lows = [stem[len(letters) :], low.replace("_", " ").strip()]
    lows += [part for index in indices for part in index.split(",")]
    return letters or stem, [low for low in lows if low]


class _Latex(_Text):
    """Formulas for Markdown and papers."""

    def number(self, text: str) -> Part:
        mantissa, e, exponent = text.partition("e")
        if not e:
            return text, _ATOM
        ten = f"10^{{{int(exponent)}}}"
        if mantissa == "1":
            return ten, _POWER
        return rf"{mantissa} \cdot {ten}", _PRODUCT

    def constant(self, name: str) -> str:
        return r"\pi" if name == "pi" else name

    def name(self, text: str) -> str:
        if text in _SIGNS:
            return _SIGNS[text][0]
        stem, lows = _stem(text)
        if stem in _GREEK:
            stem = "\\" + stem
        elif len(stem) > 1:
            stem = rf"\mathrm{{{stem}}}"
        lows = [low if len(low) == 1 else rf"\mathrm{{{low}}}" for low in lows]
        return f"{stem}_{{{','.join(lows)}}}" if lows else stem

    def binary(self, operator: str, left: Part, right: Part) -> Part:
        if operator == "/":
            return rf"\frac{{{left[0]}}}{{{right[0]}}}", _ATOM - 1
        if operator == "**":
            return f"{self.bracket(left, _ATOM)}^{{{right[0]}}}", _POWER
        level = _LEVELS[operator]
        needs = _ATOM if right[1] == _SIGN else level + 1
        sign = r" \cdot " if operator == "*" else f" {operator} "
        return f"{self.bracket(left, level)}{sign}{self.bracket(right, needs)}", level

    def call(self, function: str, arguments: list[str]) -> Part:
        listed = ", ".join(arguments)
        match function:
            case "sqrt":
                return rf"\sqrt{{{listed}}}", _ATOM
            case "abs":
                return rf"\left|{listed}\right|", _ATOM
            case "norm":
                return rf"\left\|{listed}\right\|", _ATOM
            case "step":
                return rf"\left[{listed} > 0\right]", _ATOM
            case "square":
                return rf"\left({listed}\right)^{{2}}", _POWER
        name = rf"\operatorname{{{function}}}"
        if function in _UPRIGHT:
            name = "\\" + function
        name = _LATEX_NAMES.get(function, name)
        return rf"{name}\left({listed}\right)", _ATOM

    def in_brackets(self, text: str) -> str:
        return rf"\left({text}\right)"


class _Mathml(_Text):
    """Formulas that browsers draw by themselves."""

    def number(self, text: str) -> Part:
        mantissa, e, exponent = text.partition("e")
        if not e:
            return f"<mn>{text}</mn>", _ATOM
        power = f"<mn>{int(exponent)}</mn>".replace("-", "−")
        ten = f"<msup><mn>10</mn>{power}</msup>"
        if mantissa == "1":
            return ten, _POWER
        return f"<mrow><mn>{mantissa}</mn><mo>·</mo>{ten}</mrow>", _PRODUCT

    def constant(self, name: str) -> str:
        return f"<mi>{'π' if name == 'pi' else name}</mi>"

    def name(self, text: str) -> str:
        if text in _SIGNS:
            return _SIGNS[text][1]
        stem, lows = _stem(text)
        base = f"<mi>{escape(_GREEK.get(stem, stem))}</mi>"
        low = "<mo>,</mo>".join(f"<mi>{escape(low)}</mi>" for low in lows)
        return f"<msub>{base}<mrow>{low}</mrow></msub>" if low else base

    def negated(self, part: Part) -> str:
        return f"<mrow><mo>−</mo>{self.bracket(part, _POWER)}</mrow>"

    def binary(self, operator: str, left: Part, right: Part) -> Part:
        if operator == "/":
            return f"<mfrac>{_row(left[0])}{_row(right[0])}</mfrac>", _ATOM - 1
        if operator == "**":
            base = self.bracket(left, _ATOM)
            return f"<msup>{_row(base)}{_row(right[0])}</msup>", _POWER
        level = _LEVELS[operator]
        needs = _ATOM if right[1] == _SIGN else level + 1
        sign = {"*": "·", "-": "−", "+": "+"}[operator]
        sides = self.bracket(left, level), self.bracket(right, needs)
        return f"{sides[0]}<mo>{sign}</mo>{sides[1]}", level

    def call(self, function: str, arguments: list[str]) -> Part:
        listed = "<mo>,</mo>".join(arguments)
        match function:
            case "sqrt":
                return f"<msqrt>{_row(listed)}</msqrt>", _ATOM
            case "abs":
                return f"<mrow><mo>|</mo>{listed}<mo>|</mo></mrow>", _ATOM
            case "norm":
                return f"<mrow><mo>‖</mo>{listed}<mo>‖</mo></mrow>", _ATOM
            case "step":
                inside = f"{listed}<mo>&gt;</mo><mn>0</mn>"
                return f"<mrow><mo>[</mo>{inside}<mo>]</mo></mrow>", _ATOM
        return f"<mrow><mi>{function}</mi>{self.in_brackets(listed)}</mrow>", _ATOM

    def in_brackets(self, text: str) -> str:
        return f"<mrow><mo>(</mo>{text}<mo>)</mo></mrow>"


def _row(text: str) -> str:
    return f"<mrow>{text}</mrow>"


_WRITERS: dict[str, _Text] = {"text": _Text(), "latex": _Latex(), "mathml": _Mathml()}
