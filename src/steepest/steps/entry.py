"""Entry: what the table of optimizers tells of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import optax

from steepest.core.errors import UsageError
from steepest.core.numbers import is_number
from steepest.core.suggest import did_you_mean


class Hyper(NamedTuple):
    """A number an optimizer takes: its default and the interval [low, high)."""

    default: float
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True, eq=False)
class Optimizer:
    """One entry of the table.

    Args:
        name: what the user types.
        build: (learning_rate, **hyper) -> an Optax transformation. Called inside
            compiled code with traced numbers, so it must not branch on them.
        formula: the update, g the gradient, a the learning rate, x the params.
        reference: where it comes from.
        learning_rate: its usual rate; None for a rule that needs none.
        hyper: the other numbers it takes.
        full_gradient: whether it compares the gradients of successive steps, so that
            batches, which differ, would mislead it.
        searches: whether it tries points and takes those back that are too high or not
            finite; it must be given `value`.
        draws: whether it is given `key`, the randomness of its step.
        projects: whether it stays sound when its steps are cut at bounds.
        settled: (opt_state, params) -> the point that the rule stands for, where it
            is not the one that it differentiates at; None where they are the same.
    """

    name: str
    build: Callable[..., optax.GradientTransformation]
    formula: str
    reference: str
    learning_rate: float | None = None
    hyper: Mapping[str, Hyper] = field(default_factory=lambda: MappingProxyType({}))
    full_gradient: bool = False
    searches: bool = False
    draws: bool = False
    projects: bool = True
    settled: Callable[[Any, Any], Any] | None = None

    def numbers(self, given: Mapping[str, Any]) -> dict[str, float]:
        """Defaults with the given numbers laid over them, each checked.

        Args:
            given: numbers by name; what is left out keeps its default.

        Raises:
            UsageError: a number the optimizer does not take, or out of range.

        >>> from steepest.steps import OPTIMIZERS
        >>> OPTIMIZERS["momentum"].numbers({"momentum": 0})
        {'momentum': 0.0}
        """
        for name in given:
            if name not in self.hyper:
                raise UsageError(f"{name}: {self._takes(name)}")
        numbers = {name: h.default for name, h in self.hyper.items()} | dict(given)
        for name, number in numbers.items():
            low, high = self.hyper[name].low, self.hyper[name].high
            if not (is_number(number) and low <= number < high):
                raise UsageError(
                    f"{name}={number!r}: must be a number in [{low:g}, {high:g})."
                )
        # One type for all, or a whole number would compile its own program.
        return {name: float(number) for name, number in numbers.items()}

    def _takes(self, name: str) -> str:
        near = did_you_mean(name, self.hyper)
        if near.startswith("Did"):
            return f"optimizer {self.name} has none. {near}"
        return f"optimizer {self.name} has none; it takes {self.takes}."

    @property
    def takes(self) -> str:
        """The names of its numbers, in words.

        >>> from steepest.steps import OPTIMIZERS
        >>> OPTIMIZERS["adam"].takes, OPTIMIZERS["gd"].takes
        ('b1, b2, eps', 'no number but the rate')
        """
        other = "no number" if self.learning_rate is None else "no number but the rate"
        return ", ".join(self.hyper) or other
