"""A point as typed on the command line: `x=3,y=4` or `1,2,3`."""

from __future__ import annotations

import math
import re

from steepest.core.errors import FormulaError, UsageError
from steepest.problems.formulas.scanner import NAME, NUMBER

Value = float | list[float]

_NUMBER = re.compile(rf"[+-]?{NUMBER}")
_PART = re.compile(
    rf"\s*(?:(?P<name>{NAME})\s*=\s*)?"
    r"(?P<value>\[[^\[\]=]*\]|[^,=\[\]]*)"
    r"(?P<end>,|$)"
)
_MISSING = "A number is missing here."
_LAYOUT = "Write a point as x=3,y=4 or x=[1,2,3], or without names as 1,2,3."


def parse_point(text: str) -> dict[str, Value] | list[float]:
    """Read a point: named numbers and lists, or one list without a name.

    Args:
        text: `x=3,y=4`, `x=[1,2,3],y=0.5`, `[1,2,3]` or `1,2,3`.

    Returns:
        A dict name -> number or list of numbers; for numbers without names a list.

    Raises:
        UsageError: a caret marks the place: a name given twice, something that is not
            a finite number, an empty list, names and bare numbers mixed.

    >>> parse_point("x=3, y=[1, 2e-1]")
    {'x': 3.0, 'y': [1.0, 0.2]}
    >>> parse_point("1,-2")
    [1.0, -2.0]
    >>> parse_point("x=3,y=four")
    Traceback (most recent call last):
    steepest.core.errors.UsageError: 'four' is not a finite number.
      x=3,y=four
            ^
    """
    if not isinstance(text, str):
        raise UsageError(f"A point is text; got {type(text).__name__}. {_LAYOUT}")
    if not text.strip():
        raise UsageError(f"The point is empty. {_LAYOUT}")
    bare = text.strip()
    if bare.startswith("[") and bare.endswith("]") and bare.count("[") == 1:
        return _numbers(text, text.index("[") + 1, text.rindex("]"))
    parts = _split(text)
    if all(part["name"] is None for part in parts):
        return _numbers(text, 0, len(text))
    point: dict[str, Value] = {}
    for part in parts:
        name = part["name"]
        if name is None and part["value"].strip():
            message = "This number has no name; write x=3, or a list as x=[1,2]."
            raise _refuse(message, text, part.start("value"))
        if name is None:
            raise _refuse(_MISSING, text, part.start("value"))
        if name in point:
            message = f"{name} is given twice; write a list as {name}=[1,2]."
            raise _refuse(message, text, part.start("name"))
        point[name] = _value(text, part)
    return point


def _split(text: str) -> list[re.Match[str]]:
    """The parts between the commas that stand outside brackets."""
    parts, column = [], 0
    while not parts or parts[-1]["end"]:
        part = _PART.match(text, column)
        if part is None:
            raise _refuse(f"This cannot be read. {_LAYOUT}", text, column)
        parts.append(part)
        column = part.end()
    return parts


def _value(text: str, part: re.Match[str]) -> Value:
    first, last = part.span("value")
    if part["value"].startswith("["):
        return _numbers(text, first + 1, last - 1)
    return _number(text, first, last)


def _numbers(text: str, first: int, last: int) -> list[float]:
    """The numbers between two columns, parted by commas."""
    if not text[first:last].strip():
        raise _refuse("This list is empty.", text, first)
    values = []
    for word in text[first:last].split(","):
        values.append(_number(text, first, first + len(word)))
        first += len(word) + 1
    return values


def _number(text: str, first: int, last: int) -> float:
    word = text[first:last].strip()
    column = first + len(text[first:last]) - len(text[first:last].lstrip())
    if not word:
        raise _refuse(_MISSING, text, first)
    if not _NUMBER.fullmatch(word) or not math.isfinite(float(word)):
        raise _refuse(f"{word!r} is not a finite number.", text, column)
    return float(word)


def _refuse(message: str, text: str, column: int) -> UsageError:
    return UsageError(str(FormulaError(message, text, column)))
