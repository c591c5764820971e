"""A loss of the user's own, compiled into kernels made for it alone."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from steepest.core.errors import UsageError

STEP = 6.055454452393343e-06
"""The cube root of the spacing of float64: what a central difference is best at."""


class OwnLoss:
    """A loss (p, y) -> value of one row, with its slope or without.

    Without a slope it is taken by central difference in float64,
    (value(p + e) - value(p - e)) / 2e with e = 6e-6 max(1, |p|): about ten digits.

    Args:
        value: a function of two floats, such as numba can compile: arithmetic,
            comparisons and `math`.
        slope: d value / d p, likewise.

    Raises:
        UsageError: a function that cannot be compiled.

    >>> own = OwnLoss(lambda p, y: (p - y) ** 4)
    >>> round(own.compiled(2.0, 1.0)[1], 6)
    4.0
    """

    def __init__(
        self,
        value: Callable[[float, float], float],
        slope: Callable[[float, float], float] | None = None,
    ) -> None:
        import numba  # here, as plans without such a loss need none

        self.value, self.slope = value, slope
        fast: dict[str, Any] = {"error_model": "numpy", "_nrt": False}
        self.compiled: Any = numba.njit(_both(value, slope, numba.njit(**fast)), **fast)
        try:
            self.compiled.compile((numba.float64, numba.float64))
        except Exception as error:  # whatever the compiler stumbles over
            name = getattr(value, "__name__", repr(value))
            raise UsageError(
                f"loss={name}: cannot be compiled. It must take two floats and return "
                "one, by arithmetic and math functions. "
                f"Numba says: {str(error).strip().splitlines()[-1]}"
            ) from error

    def __repr__(self) -> str:
        return f"OwnLoss({getattr(self.value, '__name__', 'value')})"


def _both(value: Any, slope: Any, compiled: Any) -> Callable[[float, float], Any]:
    for function in (value, slope):
        if function is not None and not inspect.isroutine(function):
            raise UsageError(f"loss={function!r}: must be a plain function of (p, y).")
    value = compiled(value)
    if slope is not None:
        slope = compiled(slope)

        def given(p: float, y: float) -> tuple[float, float]:
            return float(value(p, y)), float(slope(p, y))

        return given

    def differenced(p: float, y: float) -> tuple[float, float]:
        e = STEP * max(1.0, abs(p))
        return float(value(p, y)), (value(p + e, y) - value(p - e, y)) / (2.0 * e)

    return differenced
