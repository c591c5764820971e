"""Why a run ended, and what was asked of it. One cause, one sentence."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from steepest.core.errors import UsageError
from steepest.core.numbers import is_number, is_whole


class Stop(enum.Enum):
    """Why a run ended. Tolerances, budgets and accidents are kept apart.

    >>> Stop.GRADIENT_SMALL.converged, Stop.MAX_STEPS.converged
    (True, False)
    """

    GRADIENT_SMALL = "The gradient norm reached gtol."
    VALUE_FLAT = "The value changed by less than ftol in one step."
    STEP_SMALL = "The step became shorter than xtol."
    PRECISION = "No step changes the params, or finds a better value, any more."
    TARGET = "The value reached the target."
    PATIENCE = "No improvement for as long as patience allows; the best was kept."
    MAX_STEPS = "The step budget ran out before any tolerance was met."
    MAX_EPOCHS = "All epochs were run."
    MAX_SECONDS = "The time budget ran out before any tolerance was met."
    DIVERGED = "The value ran away without bound."
    NONFINITE = "A parameter, value or gradient became inf or nan."
    INTERRUPTED = "Interrupted; what was reached is returned."

    @property
    def converged(self) -> bool:
        """Whether a tolerance or the target was met."""
        return self in _TOLERANCES

    @property
    def budget(self) -> bool:
        """Whether a budget ended the run before any tolerance."""
        return self in (Stop.MAX_STEPS, Stop.MAX_EPOCHS, Stop.MAX_SECONDS)

    @property
    def failed(self) -> bool:
        """Whether the run blew up."""
        return self in (Stop.DIVERGED, Stop.NONFINITE)

    @property
    def code(self) -> int:
        """A whole number for compiled loops; 0 stands for "go on"."""
        return _CODES[self]

    @classmethod
    def from_code(cls, code: int) -> Stop | None:
        """The cause behind a code, None for 0.

        Args:
            code: what `code` gave, or 0.

        >>> Stop.from_code(Stop.TARGET.code).name
        'TARGET'
        """
        return None if code == 0 else list(cls)[code - 1]


_TOLERANCES = (Stop.GRADIENT_SMALL, Stop.VALUE_FLAT, Stop.STEP_SMALL, Stop.TARGET)
_CODES = {stop: index + 1 for index, stop in enumerate(Stop)}


class Limits(NamedTuple):
    """The tolerances as numbers for compiled code; what is None is not compiled."""

    gtol: float | None
    ftol: float | None
    xtol: float | None
    target: float | None
    patience: int | None
    max_steps: int


@dataclass(frozen=True)
class Stopping:
    """What ends a run: tolerances mean success, budgets only an end.

    Each is off when None.

    Args:
        gtol: gradient norm at or below which a point counts as stationary.
        ftol: change of value in one step, relative to max(1, |value|).
        xtol: length of a step, relative to max(1, |params|).
        target: value to reach (at or below; above when maximising).
        patience: steps (a function) or epochs (a table) without improvement.
        max_steps: updates at most.
        max_epochs: passes over the data at most.
        max_seconds: wall-clock seconds at most.

    Raises:
        UsageError: a number out of range.

    >>> Stopping(gtol=1e-6, max_steps=100).max_steps
    100
    """

    gtol: float | None = None
    ftol: float | None = None
    xtol: float | None = None
    target: float | None = None
    patience: int | None = None
    max_steps: int | None = None
    max_epochs: int | None = None
    max_seconds: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant, and keep the rest as plain numbers."""
        for name in ("gtol", "ftol", "xtol", "target", "max_seconds"):
            self._settle(name, float, _check)
        for name in ("max_steps", "max_epochs", "patience"):
            self._settle(name, int, _check_whole)

    def _settle(self, name: str, kind: type, check: Callable[[str, Any], None]) -> None:
        number = getattr(self, name)
        if number is not None:
            check(name, number)
            object.__setattr__(self, name, kind(number))

    def limits(self, sign: float = 1.0, *, stochastic: bool = False) -> Limits:
        """The tolerances as numbers, for an objective multiplied by `sign`.

        On batches the gradient and the value are those of a batch: no tolerance may
        read them, so only the step budget is left.

        Args:
            sign: 1, or -1 when climbing: the target turns with it.
            stochastic: whether batches differ.

        >>> Stopping(target=3.0).limits(-1.0).target
        -3.0
        """
        steps = 2**31 - 1 if self.max_steps is None else self.max_steps
        if stochastic:
            return Limits(None, None, None, None, None, steps)
        target = None if self.target is None else sign * self.target
        return Limits(self.gtol, self.ftol, self.xtol, target, self.patience, steps)


def _check(name: str, number: Any) -> None:
    least = -math.inf if name == "target" else 0.0
    if is_number(number) and math.isfinite(number) and number >= least:
        return
    rule = "must be finite" if name == "target" else "must be >= 0 and finite"
    raise UsageError(f"{name}={number!r}: {rule}, or None to switch it off.")


def _check_whole(name: str, number: Any) -> None:
    least = 1 if name == "patience" else 0
    if is_whole(number) and least <= number < 2**31:
        return
    raise UsageError(
        f"{name}={number!r}: must be a whole number from {least} to 2**31 - 1, "
        "or None for no limit."
    )
