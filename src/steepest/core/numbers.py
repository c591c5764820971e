"""What counts as a number where an option asks for one."""

from __future__ import annotations

from typing import Any

import numpy as np


def is_number(number: Any) -> bool:
    """Whether something is one number: no text, no truth value, no array of several.

    Args:
        number: anything.

    >>> is_number(1), is_number(np.float32(0.5)), is_number(True), is_number("1")
    (True, True, False, False)
    """
    if isinstance(number, bool | np.bool_) or not hasattr(number, "__float__"):
        return False
    return np.ndim(number) == 0


def is_whole(number: Any) -> bool:
    """Whether something is one whole number, whatever its type.

    Args:
        number: anything.

    >>> is_whole(3), is_whole(1e3), is_whole(0.5), is_whole(float("inf"))
    (True, True, False, False)
    """
    return is_number(number) and float(number).is_integer()
