"""What a loss is: one formula, the targets it takes, how its prediction is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.core.errors import DataError, UsageError

TASKS = ("regression", "binary", "multiclass", "embedding")


@dataclass(frozen=True)
class Rule:
    """A condition on numbers, and the sentence that asks for it.

    >>> Rule("a number > 0", lambda value: value > 0).need
    'a number > 0'
    """

    need: str
    holds: Callable[[Any], Any]


@dataclass(frozen=True)
class Parameter:
    """The one number that shapes a loss, such as the delta of huber."""

    name: str
    value: float
    rule: Rule


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A loss: `loss(prediction, target)` returns one value per row, unreduced.

    The prediction is raw: what the model returns, before any link. Losses are compared
    and hashed by value, so an equal loss finds the same compiled program.

    Args:
        name: the name users type.
        fn: `fn(prediction, target)`, or `fn(prediction, target, <parameter>=...)`.
        formula: the formula, for people.
        tasks: which of TASKS it serves.
        link: raw prediction -> what people read (a number, a mean, probabilities).
        target_rule: what each target must satisfy; None when anything goes.
        scales_target: whether a regression target may be standardised under it.
        convex: whether it is convex in the raw prediction.
        parameter: the number that shapes it, if it has one.
        reference: where the formula comes from.

    >>> from steepest.problems.losses import get_loss
    >>> loss = get_loss("huber:2")
    >>> [float(value) for value in loss(jnp.array([1.0, 5.0]), jnp.zeros(2))]
    [0.5, 8.0]
    >>> str(loss), loss == get_loss("huber", delta=2.0)
    ('huber:2.0', True)
    """

    name: str
    fn: Callable[..., Any]
    formula: str
    tasks: tuple[str, ...]
    link: Callable[[Any], jax.Array]
    target_rule: Rule | None = None
    scales_target: bool = False
    convex: bool = False
    parameter: Parameter | None = None
    reference: str = ""

    def __str__(self) -> str:
        """The spelling that `get_loss` reads back: name, or name:parameter."""
        return f"{self.name}:{self.parameter.value!r}" if self.parameter else self.name

    @property
    def embeds(self) -> bool:
        """Whether it compares rows: the outputs of a model are places of rows."""
        return self.tasks == ("embedding",)

    def __call__(self, prediction: Any, target: Any) -> jax.Array:
        """The loss of every row.

        Args:
            prediction: raw predictions: (n,); (n, k) for k classes; a tuple of (n, d)
                for embeddings. One row without the leading n is accepted too.
            target: (n,), or None where the loss has no target.

        Returns:
            (n,) values, in the units of the formula.

        Raises:
            UsageError: shapes that would broadcast into a wrong result.
        """
        if self.target_rule is not None and "embedding" not in self.tasks:
            self._check_shapes(np.shape(prediction), np.shape(target))
        if self.parameter is None:
            return self.fn(prediction, target)
        option = {self.parameter.name: self.parameter.value}
        return self.fn(prediction, target, **option)

    def _check_shapes(self, prediction: tuple, target: tuple) -> None:
        by_class = "multiclass" in self.tasks and prediction[:-1] == target
        one_each = self.tasks != ("multiclass",) and prediction == target
        if (by_class and len(prediction) > len(target)) or one_each:
            return
        need = "(n, k) and (n,)" if self.tasks == ("multiclass",) else "(n,) and (n,)"
        raise UsageError(
            f"loss={self}: prediction has shape {prediction} and target {target}; "
            f"they need shapes {need}. Squeeze a single output column first."
        )

    def check_target(
        self, target: Any, *, n_classes: int | None = None, rows: Any = None
    ) -> None:
        """Refuse targets that the formula is not made for, before any descent.

        Args:
            target: (n,) targets as the loss will see them.
            n_classes: number of classes; class numbers must lie below it.
            rows: (n,) number of each row in the user's table; None for places in the
                array, counted from 0.

        Raises:
            DataError: naming the first bad row, what is needed and what to do.

        >>> from steepest.problems.losses import get_loss
        >>> get_loss("poisson").check_target([2, 0, -1])
        Traceback (most recent call last):
        ...
        steepest.core.errors.DataError: target[2] is -1.0: loss=poisson needs counts
        >= 0. For values below zero use loss='squared'.
        """
        if self.target_rule is None:
            return
        need = self.target_rule.need
        try:
            values = np.asarray(target, dtype=np.float64)
        except (TypeError, ValueError):
            raise DataError(
                f"target holds values that are not numbers: loss={self} needs {need}"
            ) from None
        good = np.isfinite(values) & self.target_rule.holds(values)
        if n_classes is not None and "multiclass" in self.tasks:
            need = f"whole class numbers from 0 to {n_classes - 1}"
            good &= values < n_classes
        bad = np.argwhere(~good)
        if len(bad):
            place = f"[{', '.join(map(str, bad[0]))}]"
            if rows is not None:
                place = f" in row {rows[bad[0][0]]}"
            raise DataError(
                f"target{place} is {float(values[tuple(bad[0])])!r}: "
                f"loss={self} needs {need}"
            )


def identity(raw: Any) -> jax.Array:
    """The link of losses whose prediction is read as it is."""
    return jnp.asarray(raw)


@dataclass(frozen=True)
class PerRow:
    """A user's own `fn(prediction, target)`, held to one value per row.

    >>> PerRow(lambda p, t: jnp.mean((p - t) ** 2))(jnp.ones(3), jnp.zeros(3))
    Traceback (most recent call last):
    ...
    steepest.core.errors.UsageError: loss <lambda> returned shape () for 3 rows: return
    one value per row, shape (3,). Leave the mean to steepest, which also weighs rows.
    """

    fn: Callable[..., Any]
    kernel: Any = None
    """The same compiled for two numbers, where it can be."""

    @property
    def name(self) -> str:
        """The name of the user's function, for messages."""
        return getattr(self.fn, "__name__", type(self.fn).__name__)

    def __call__(self, prediction: Any, target: Any) -> jax.Array:
        """The loss of every row, refused when it is not one value per row."""
        values = jnp.asarray(self.fn(prediction, target))
        rows = np.shape(jax.tree.leaves(prediction)[0])[:1]
        if values.shape != rows:
            raise UsageError(
                f"loss {self.name} returned shape {values.shape} for "
                f"{rows[0] if rows else 'a single'} rows: return one value per row, "
                f"shape {rows}. Leave the mean to steepest, which also weighs rows."
            )
        return values
