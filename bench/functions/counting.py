"""Counts gradients, the same way for every method."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.functions.problems import BUDGET, Problem, Vector

MARKS = sorted(
    {50, 200, 1000, *np.geomspace(1, BUDGET, 80).round().astype(int).tolist()}
)
"""Gradients after which the best value is kept."""
SPARE = 10
"""Values apart from gradients that a method may ask for, per gradient."""


class BudgetSpentError(Exception):
    """A method asked for more gradients than it has."""


class Counted:
    """A problem that counts the points at which its gradient is asked.

    A value and a gradient at the same point are one evaluation, whichever is asked
    first. The best value is taken over the points whose gradient was asked.

    Args:
        problem: what is evaluated.
        strict: whether to raise when the budget is spent, for methods that have no
            budget of evaluations themselves.
    """

    def __init__(self, problem: Problem, *, strict: bool = False) -> None:
        self.problem, self.strict = problem, strict
        self.gradients = self.values = 0
        self.marks: list[float] = []
        """Best value after the gradients of MARKS, as far as they were spent."""
        self._best = np.inf
        self._point: Vector | None = None
        self._seen: Any = None
        self._counted = False

    def value(self, x: Vector) -> float:
        """The value; it costs nothing where the gradient is asked too."""
        return self._look(x)[0]

    def grad(self, x: Vector) -> Vector:
        """The gradient; counted, unless it was the last thing asked."""
        return self.value_and_grad(x)[1]

    def value_and_grad(self, x: Vector) -> tuple[float, Vector]:
        """Both; one evaluation."""
        value, grad = self._look(x)
        if not self._counted:
            self._count(value)
        return value, grad.copy()

    def best_at_marks(self) -> list[float]:
        """The best value after the gradients of MARKS; it stays where a method ends."""
        return [*self.marks, *[self._best] * (len(MARKS) - len(self.marks))]

    def _look(self, x: Vector) -> tuple[float, Vector]:
        x = np.array(x, float).ravel()
        if self._point is None or not np.array_equal(x, self._point):
            spent = self.gradients >= BUDGET or self.values >= SPARE * BUDGET
            if self.strict and spent:
                raise BudgetSpentError
            self._seen = self.problem.value_and_grad(x)
            self._point, self._counted = x, False
            self.values += 1
        return self._seen

    def _count(self, value: float) -> None:
        self._counted = True
        self.gradients += 1
        self._best = min(self._best, value if np.isfinite(value) else np.inf)
        if self.gradients in MARKS:
            self.marks.append(self._best)
