"""Text to tokens: every error that can be seen without a grammar is found here.

A token keeps the column where it was typed, so that errors can point at it.
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from itertools import pairwise

from steepest.core.errors import FormulaError
from steepest.problems.formulas.functions import FUNCTIONS

MAX_CHARACTERS = 2_000
MAX_NESTING = 64

NUMBER = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
NAME = r"[^\W\d]\w*"
_TOKEN = re.compile(
    rf"(?P<space>\s+)|(?P<number>{NUMBER})|(?P<name>{NAME})"
    # Longest first: what is not ours is taken whole, so that its hint can be exact.
    r"|(?P<foreign>:=|[=!<>]=|//|<>|->|&&|\|\|)"
    r"|(?P<mark>\*\*|[-+*/^()\[\],:])"
    r"|(?P<other>.)",
    re.DOTALL,
)
_CLOSES = {")": "(", "]": "["}
_ARITHMETIC = ("*", "/", "**", "^")

_COMPARISON = (
    "A formula has no comparisons; for a kink write max(a, b), min(a, b) or abs(x)."
)
_ONE_EXPRESSION = "A formula is one expression, without"
_NO_TEXT = "A formula has no text in quotes; write names and numbers only."
_NO_LOGIC = "A formula has no logic; for a kink write max(a, b), min(a, b) or abs(x)."
_HINTS = {
    "=": "A formula has no equals sign: write only the side to be minimised.",
    ":=": "A formula has no equals sign: write only the side to be minimised.",
    **dict.fromkeys(("==", "!=", "<=", ">=", "<", ">", "<>"), _COMPARISON),
    **dict.fromkeys(("&", "&&", "||", "~"), _NO_LOGIC),
    **dict.fromkeys(("'", '"', "`"), _NO_TEXT),
    **dict.fromkeys(("×", "·", "⋅", "∗"), "Write * for a product."),
    **dict.fromkeys(("÷", "∕"), "Write / for a quotient."),
    **dict.fromkeys(("−", "–", "—"), "Write - for minus."),
    ".": "A formula has no attributes: write sin(x), not np.sin(x), and x[0], not x.a.",
    "//": "A formula has no rounding division; write a/b.",
    "%": "A formula has no remainder; write a/b, or a/100 for per cent.",
    "@": "Write dot(x, y) for the product of two vectors.",
    "|": "Write abs(x) for the size of x.",
    "‖": "Write norm(x) for the length of a vector.",
    "!": "A formula has no factorial; multiply the numbers out.",
    ";": f"{_ONE_EXPRESSION} ;.",
    "#": f"{_ONE_EXPRESSION} comments.",
    "{": "Write ( for a bracket.",
    "}": "Write ) for a bracket.",
    "√": "Write sqrt(x) for a square root.",
    "∑": "Write sum(x) for a sum.",
    "²": "Write ^2 for a square.",
    "³": "Write ^3 for a cube.",
}


@dataclass(frozen=True)
class Token:
    """One word of a formula: what it is, as typed, and at which column.

    Args:
        kind: "number", "name", "mark" or "end".
        text: as typed; "" at the end.
        column: zero-based, in characters of the text.
    """

    kind: str
    text: str
    column: int

    @property
    def ends_operand(self) -> bool:
        """True if a value may end here, so that an operator can follow."""
        return self.kind in ("number", "name") or self.text in _CLOSES

    @property
    def starts_operand(self) -> bool:
        """True if a value begins here and no operator stands before it."""
        return self.kind in ("number", "name") or self.text == "("


_START = Token("start", "", 0)


def scan(text: str) -> list[Token]:
    """Split a formula into tokens, closed by one of kind "end".

    Args:
        text: the formula as typed.

    Returns:
        Tokens whose brackets match and between which no operator or operand is
        missing.

    Raises:
        FormulaError: a character, a word or an order of words that no formula has.

    >>> [token.text for token in scan("2*sin(x)^2")]
    ['2', '*', 'sin', '(', 'x', ')', '^', '2', '']
    """
    if len(text) > MAX_CHARACTERS:
        raise FormulaError(
            f"The formula has {len(text):,} characters; at most {MAX_CHARACTERS:,} are "
            "read. Write long sums with vectors: sum((x - 1)^2)."
        )
    tokens = [_token(match, text) for match in _TOKEN.finditer(text)]
    tokens = [token for token in tokens if token.kind != "space"]
    if not tokens:
        raise FormulaError("The formula is empty; write one, such as x^2 + y^2.")
    tokens.append(Token("end", "", len(text)))
    for before, token in pairwise([_START, *tokens]):
        _check_neighbours(before, token, text)
    _check_brackets(tokens, text)
    return tokens


def point_at(message: str, text: str, column: int) -> FormulaError:
    """The error that marks a column; what cannot be printed is shown as a blank.

    >>> print(point_at("Write * for a product.", "2×x", 1))
    Write * for a product.
      2×x
       ^
    """
    shown = "".join(sign if sign.isprintable() else " " for sign in text)
    return FormulaError(message, shown, column)


def _token(match: re.Match[str], text: str) -> Token:
    kind, word, column = match.lastgroup or "", match.group(), match.start()
    if kind in ("foreign", "other"):
        default = f"The character {word!r} has no meaning in a formula."
        raise point_at(_HINTS.get(word, default), text, column)
    if kind == "name":
        _check_name(word, text, column)
    return Token(kind, word, column)


def _check_name(word: str, text: str, column: int) -> None:
    if word.startswith("_"):
        raise point_at(f"{word!r}: a name starts with a letter.", text, column)
    if keyword.iskeyword(word):
        hint = f"{word!r} is a word of Python, not of formulas; choose another name."
        raise point_at(hint, text, column)
    if not word.isidentifier():  # x² and the like: \w is wider than Python's names
        odd = next(i for i in range(len(word)) if not word[: i + 1].isidentifier())
        default = f"The character {word[odd]!r} cannot stand in a name."
        raise point_at(_HINTS.get(word[odd], default), text, column + odd)


def _check_brackets(tokens: list[Token], text: str) -> None:
    """Brackets match and are not too deep; `,` and `:` stand where they mean one."""
    opened: list[Token] = []
    for token in tokens:
        inside = opened[-1].text if opened else ""
        if token.text in _CLOSES.values():
            opened.append(token)
            if len(opened) > MAX_NESTING:
                message = f"More than {MAX_NESTING} open brackets; write it flatter."
                raise point_at(message, text, token.column)
        elif token.text in _CLOSES:
            if inside != _CLOSES[token.text]:
                message = f"This {token.text} closes no {_CLOSES[token.text]}."
                raise point_at(message, text, token.column)
            opened.pop()
        elif token.text == "," and inside != "(":
            message = "A comma parts the arguments of a function, as in max(x, y)."
            raise point_at(f"{message} Decimals take a point.", text, token.column)
        elif token.text == ":" and inside != "[":
            message = "A colon cuts part of a vector, as in x[1:]."
            raise point_at(message, text, token.column)
    if opened:
        message = f"This {opened[-1].text} is never closed."
        raise point_at(message, text, opened[-1].column)


def _check_neighbours(before: Token, token: Token, text: str) -> None:
    """No operator and no operand is missing between two tokens."""
    is_call = before.kind == "name" and token.text == "("
    if before.ends_operand and token.starts_operand and not is_call:
        message = (
            f"An operator is missing: for a product write {before.text}*{token.text}."
        )
        if before.text in FUNCTIONS:
            message = f"Brackets are missing: write {before.text}({token.text})."
        raise point_at(message, text, token.column)
    if token.text == "[" and before.kind != "name":
        message = "Only a variable can be indexed, as in x[0]; there are no lists."
        raise point_at(message, text, token.column)
    if not before.ends_operand and _needs_operand(before.text, token):
        message = "A number, a name or a bracket is missing here."
        raise point_at(message, text, token.column)


def _needs_operand(before: str, token: Token) -> bool:
    """True if this token can only follow a value, whatever else stands before it."""
    match token.text:
        case ")":
            return before != "("  # a call without arguments is judged by its function
        case "]":
            return before != ":"
        case ":":
            return before not in ("[", ":")
        case _:
            return token.kind == "end" or token.text in (*_ARITHMETIC, ",")
