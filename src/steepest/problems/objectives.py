"""Objectives: what is made small, in the one form that the engine knows.

An objective maps (params, stats, batch, numbers, key) to (value, new stats). Objectives
are frozen and hashable: equal ones share their compiled program.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp

from steepest.core import tree
from steepest.problems.losses.mining import mined
from steepest.problems.outputs import squeeze_outputs


class Objective(Protocol):
    """What the engine asks of a thing to be minimised."""

    @property
    def sign(self) -> float:
        """-1 where a climb was turned into a descent, else 1."""
        ...

    def __call__(
        self, params: Any, stats: Any, batch: Any, numbers: dict[str, Any]
    ) -> tuple[jax.Array, Any]:
        """The value to make small, and the model's new statistics."""
        ...


@dataclass(frozen=True)
class FunctionObjective:
    """A function of the params alone, times a sign: -1 turns a climb into a descent.

    >>> FunctionObjective(lambda x: x**2, sign=-1.0)(3.0, None, None, {})[0]
    -9.0
    """

    fn: Callable[[Any], Any]
    sign: float = 1.0

    def __call__(
        self, params: Any, stats: Any, batch: Any, numbers: dict[str, Any]
    ) -> tuple[Any, Any]:
        """The signed value; the statistics pass through."""
        del batch, numbers
        return self.sign * self.fn(params), stats


class Batch(NamedTuple):
    """Rows of an encoded table."""

    inputs: Any
    """(B, d) features."""
    target: Any
    """(B,) target: floats, or whole class indices."""
    weight: Any
    """(B,) weight of each row."""


@dataclass(frozen=True)
class TableObjective:
    """The weighted mean loss of a model over a batch, plus penalties.

    sum(w * loss(model(x), y)) / sum(w) + l1 |coef|_1 + l2 / 2 |coef|^2

    Penalties leave biases and normalisation alone: they fall on leaves of two
    dimensions and more.

    Args:
        model: a recipe with `apply(params, stats, inputs, training=...)`.
        loss: per-row loss(prediction, target).
    """

    model: Any
    loss: Callable[[Any, Any], Any]
    sign: float = 1.0

    def __call__(
        self, params: Any, stats: Any, batch: Any, numbers: dict[str, Any]
    ) -> tuple[jax.Array, Any]:
        """The training objective and the model's new statistics."""
        prediction, stats = self.predict(params, stats, batch.inputs, training=True)
        losses = self.loss(prediction, batch.target)
        mean = _mean(jnp.sum(batch.weight * losses), jnp.sum(batch.weight))
        return mean + penalty(params, numbers), stats

    def predict(
        self, params: Any, stats: Any, inputs: Any, *, training: bool = False
    ) -> tuple[jax.Array, Any]:
        """Raw predictions: (B,) where the model has one output, else (B, k)."""
        out, stats = self.model.apply(params, stats, inputs, training=training)
        return squeeze_outputs(out), stats

    def total(self, params: Any, stats: Any, batch: Any) -> tuple[Any, Any]:
        """(sum of weighted losses, sum of weights) as the finished model sees them."""
        prediction, _ = self.predict(params, stats, batch.inputs)
        losses = self.loss(prediction, batch.target)
        # Rows of weight 0 fill the last block up; their loss must not reach the sum.
        losses = jnp.where(batch.weight > 0, losses, 0.0)
        return jnp.sum(batch.weight * losses), jnp.sum(batch.weight)


@dataclass(frozen=True)
class EmbeddingObjective:
    """The weighted mean loss of rows compared with others of their batch.

    sum(w * loss(row, partners)) / sum(w) + penalties, where a row without a like and an
    unlike partner in its batch weighs 0.

    Args:
        model: a recipe; its outputs, after the loss's link, are the embedding.
        loss: one of embeddings.
    """

    model: Any
    loss: Any
    sign: float = 1.0

    def __call__(
        self, params: Any, stats: Any, batch: Any, numbers: dict[str, Any]
    ) -> tuple[jax.Array, Any]:
        """The training objective and the model's new statistics."""
        out, stats = self.predict(params, stats, batch.inputs, training=True)
        return _mean(*self._sums(out, batch)) + penalty(params, numbers), stats

    def predict(
        self, params: Any, stats: Any, inputs: Any, *, training: bool = False
    ) -> tuple[jax.Array, Any]:
        """Outputs (B, k), before the loss's link."""
        return self.model.apply(params, stats, inputs, training=training)

    def total(self, params: Any, stats: Any, batch: Any) -> tuple[Any, Any]:
        """(sum of weighted losses, sum of weights) as the finished model sees them."""
        out, _ = self.predict(params, stats, batch.inputs)
        return self._sums(out, batch)

    def _sums(self, out: jax.Array, batch: Any) -> tuple[jax.Array, jax.Array]:
        found = mined(self.loss, self.loss.link(out), batch.target, batch.weight)
        losses, weight = found
        return jnp.sum(weight * losses), jnp.sum(weight)


def _mean(total: jax.Array, weight: jax.Array) -> jax.Array:
    """Total / weight; 0 where no row of a batch counts, or none has its partners."""
    return total / jnp.where(weight > 0, weight, 1.0)


def objective_of(model: Any, loss: Any) -> TableObjective | EmbeddingObjective:
    """The objective of a model and a loss.

    Args:
        model: a recipe.
        loss: a Loss.

    >>> from steepest.problems.losses import get_loss
    >>> type(objective_of(None, get_loss("triplet"))).__name__
    'EmbeddingObjective'
    """
    kind = EmbeddingObjective if loss.embeds else TableObjective
    return kind(model, loss)


def penalty(params: Any, numbers: dict[str, Any]) -> Any:
    """l1 |coef|_1 + l2 / 2 |coef|^2 over the leaves of two dimensions and more.

    >>> float(penalty({"weight": jnp.ones((2, 1)), "bias": jnp.ones(1)}, {"l2": 1.0}))
    1.0
    """
    coefficients = [leaf for leaf in jax.tree.leaves(params) if jnp.ndim(leaf) > 1]
    total = jnp.zeros(())
    if "l1" in numbers:
        total += numbers["l1"] * sum(jnp.sum(_abs(leaf)) for leaf in coefficients)
    if "l2" in numbers:
        total += numbers["l2"] * 0.5 * tree.dot(coefficients, coefficients)
    return total


def _abs(array: Any) -> Any:
    """|x| with slope 0 at 0, so that a coefficient of 0 may stay there."""
    return array * jax.lax.stop_gradient(jnp.sign(array))
