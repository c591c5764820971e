"""One spelling for a named thing with options: `name:option=value,option=value`.

Losses, schedules and models share it, so the command line and Python agree.
"""

from __future__ import annotations

from typing import Any

from steepest.core.errors import UsageError


def parse_spec(text: str) -> tuple[str, dict[str, Any]]:
    """Split `name:option=value,...` into the name and its options.

    Values are numbers where they read as numbers, true/false, lists of numbers
    joined by `/`, and text otherwise.

    Args:
        text: the spelling.

    Raises:
        UsageError: an option without a value, or one given twice.

    >>> parse_spec("milestones:at=30/60/90,factor=0.1")
    ('milestones', {'at': (30, 60, 90), 'factor': 0.1})
    >>> parse_spec("cosine")
    ('cosine', {})
    """
    name, _, rest = text.strip().partition(":")
    options: dict[str, Any] = {}
    for part in rest.split(",") if rest.strip() else ():
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not key or not value:
            raise UsageError(
                f"{text!r}: cannot read {part.strip()!r}; "
                "write name:option=value,option=value."
            )
        if key in options:
            raise UsageError(f"{text!r}: {key} is given twice; give it once.")
        options[key] = _value(value)
    return name.strip(), options


def _value(text: str) -> Any:
    if "/" in text:
        return tuple(_value(part) for part in text.split("/"))
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
