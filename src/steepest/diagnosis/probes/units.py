"""Units: how many of a network's hidden units are dead or saturated on many rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from steepest.problems.models.layers import BatchNorm
from steepest.problems.models.mlp import MLP

MOST, LEAST = 1024, 16
"""Rows that are looked at; fewer than the second tell nothing."""
FLAT = 1e-6
"""An output that varies by less than this, over all rows, tells nothing of them."""
NEAR = 0.01
"""An output this close to an end of a sigmoid is saturated; of tanh twice as close,
whose ends are twice as far apart, so that both have the same slope there."""
NEARLY_ALL = 0.95
"""The share of the rows on which a unit must be, to count as saturated."""
EPSILON = 1e-5
"""What norms add to a variance."""
Array = np.ndarray[Any, Any]


class Units(NamedTuple):
    """Shares of the units of each hidden layer, from input to output, in [0, 1]."""

    activation: str
    dead_start: tuple[float, ...]
    """Whose output was the same on every row, before the first step."""
    dead: tuple[float, ...]
    """At the end."""
    saturated_start: tuple[float, ...]
    """Whose output was near an end of its range on nearly all rows."""
    saturated: tuple[float, ...]


def units_of(recipe: Any, start: Any, end: Any, inputs: Any) -> Units | None:
    """The units of a network before and after its training.

    Args:
        recipe: the model; None is returned for any but an MLP.
        start: (params, stats) before the first step.
        end: (params, stats) at the end.
        inputs: (n, d) rows as the network sees them.
    """
    if not isinstance(recipe, MLP) or len(inputs) < LEAST:
        return None
    rows = np.asarray(inputs[:: -(-len(inputs) // MOST)], np.float64)
    shares = []
    for params, stats in (start, end):
        with np.errstate(all="ignore"):  # of a run that blew up
            outputs = list(hidden_outputs(recipe, params, stats, rows))
            dead = tuple(float(_dead(out).mean()) for out in outputs)
            full = tuple(
                float(_saturated(out, recipe.activation).mean()) for out in outputs
            )
        shares.append((dead, full))
    (dead_start, full_start), (dead, full) = shares
    return Units(recipe.activation, dead_start, dead, full_start, full)


def hidden_outputs(recipe: MLP, params: Any, stats: Any, rows: Array) -> Any:
    """(n, width) what each hidden layer's activation gives, as in prediction.

    With NumPy: a program for one pass would take longer to compile than to write out.

    Args:
        recipe: of the network.
        params: its arrays.
        stats: the running statistics of its norms.
        rows: (n, d) inputs.

    >>> import jax
    >>> net = MLP(hidden=2)
    >>> params, stats = net.init(jax.random.key(0), 3, 1)
    >>> [out.shape for out in hidden_outputs(net, params, stats, np.ones((5, 3)))]
    [(5, 2)]
    """
    for block, running in zip(params.hidden, stats, strict=True):
        z = rows @ np.asarray(block.linear.weight, np.float64).T
        if block.linear.bias is not None:
            z = z + np.asarray(block.linear.bias, np.float64)
        z = _normed(z, block.norm, running)
        out = _activated(z, recipe.activation)
        yield out
        rows = rows + out if recipe.residual and z.shape == rows.shape else out


def _normed(z: Array, norm: Any, running: Any) -> Array:
    """As batch norm or layer norm leave it; as it is without either."""
    if norm is None:
        return z
    if isinstance(norm, BatchNorm):
        mean, variance = (np.asarray(one, np.float64) for one in running[:2])
        z = (z - mean) / np.sqrt(variance + EPSILON)
        return z * np.asarray(norm.scale) + np.asarray(norm.shift)
    spread = np.sqrt(z.var(axis=1, keepdims=True) + EPSILON)
    z = (z - z.mean(axis=1, keepdims=True)) / spread
    return z * np.asarray(norm.weight) + np.asarray(norm.bias)


def _activated(z: Array, activation: str) -> Array:
    if activation == "tanh":
        return np.tanh(z)
    if activation == "sigmoid":
        return 0.5 + 0.5 * np.tanh(0.5 * z)
    if activation == "gelu":
        from scipy.special import ndtr

        return z * ndtr(z)
    return np.where(z > 0, z, 0.01 * z if activation == "leaky_relu" else 0.0)


def _dead(out: Array) -> Array:
    """(width,) whether a unit gives the same on every row."""
    top, bottom = out.max(axis=0), out.min(axis=0)
    return ~(top - bottom > FLAT * np.maximum(np.abs(top), np.abs(bottom)))


def _saturated(out: Array, activation: str) -> Array:
    """(width,) whether a unit is near an end of its range on nearly all rows."""
    if activation == "tanh":
        near = np.abs(out) > 1 - 2 * NEAR
    elif activation == "sigmoid":
        near = np.abs(out - 0.5) > 0.5 - NEAR
    else:
        near = np.zeros(out.shape, bool)
    return near.mean(axis=0) >= NEARLY_ALL
