"""Mining: which rows of a batch a row is compared with, by a loss of embeddings.

A row of a batch is an anchor; its partners are a like row (of its class) and an unlike
one. An anchor that lacks either counts nothing, and a row of weight 0 is no partner.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from steepest.problems.losses.base import Loss


class Partners(NamedTuple):
    """The rows that each row is compared with."""

    like: jax.Array
    """(B, B) 1 at a row of the same class, else 0: products with it pick rows, and are
    far quicker to compile and to differentiate than indices"""
    unlike: jax.Array
    """(B, B) 1 at a row of another class"""
    found: jax.Array
    """(B,) whether both are there"""


def mined(
    loss: Loss, embeddings: jax.Array, target: jax.Array, weight: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """(loss, weight) of each row of a batch, compared with its partners.

    triplet: the loss of (row, like, unlike). contrastive: half the sum of the losses of
    the pairs (row, like) and (row, unlike).

    Args:
        loss: "triplet" or "contrastive".
        embeddings: (B, k) places of the rows, after the loss's link.
        target: (B,) class of each row.
        weight: (B,) >= 0; how much a row counts as an anchor.

    >>> from steepest.problems.losses import get_loss
    >>> places = jnp.array([[0.0], [1.0], [2.0], [9.0]])
    >>> losses, weights = mined(
    ...     get_loss("triplet:4"), places, jnp.array([0, 0, 1, 2]), jnp.ones(4)
    ... )
    >>> losses[:2].tolist(), weights.tolist()
    ([1.0, 0.0], [1.0, 1.0, 0.0, 0.0])
    """
    far = squared_distances(jax.lax.stop_gradient(embeddings))
    semi_hard = loss.name == "triplet"
    like, unlike, found = partners(far, target, weight, semi_hard=semi_hard)
    near, other = like @ embeddings, unlike @ embeddings
    if semi_hard:
        losses = loss((embeddings, near, other), None)
    else:
        ones, zeros = jnp.ones_like(target), jnp.zeros_like(target)
        losses = loss((embeddings, near), ones) + loss((embeddings, other), zeros)
        losses = losses / 2
    return jnp.where(found, losses, 0.0), jnp.where(found, weight, 0.0)


def partners(
    far: jax.Array, target: jax.Array, weight: jax.Array, *, semi_hard: bool
) -> Partners:
    """A like and an unlike row for each row of a batch.

    The like row is the next in the batch, whose order is drawn anew in each epoch: so
    all pairs of a class come up alike. The unlike row is the nearest one; semi-hard, it
    is the nearest that is farther than the like row, and the farthest of all where
    there is none.

    Args:
        far: (B, B) squared distances.
        target: (B,) class of each row.
        weight: (B,) >= 0; rows of weight 0 are no partners.
        semi_hard: which unlike row is taken.

    Source: Schroff, Kalenichenko, Philbin (2015), FaceNet, section 3.2 and equation 4.
    """
    rows = jnp.arange(len(target))
    counts = weight > 0
    same = (target[:, None] == target) & counts
    unlikes = ~same & counts
    likes = same & (rows != rows[:, None])
    after = (rows - rows[:, None]) % len(rows)  # how far on in the batch
    like = _least(jnp.where(likes, after.astype(far.dtype), jnp.inf))
    found = counts & likes.any(axis=1) & unlikes.any(axis=1)
    if semi_hard:
        beyond = far > jnp.sum(like * far, axis=1, keepdims=True)
        far = jnp.where(beyond, far, 2 * jnp.max(far) + 1 - far)
    return Partners(like, _least(jnp.where(unlikes, far, jnp.inf)), found)


def _least(values: jax.Array) -> jax.Array:
    """1 at the first least of each row, else 0."""
    at = jnp.argmin(values, axis=1)
    return jax.nn.one_hot(at, values.shape[1], dtype=values.dtype)


def squared_distances(embeddings: jax.Array) -> jax.Array:
    """|a - b|^2 between all rows: |a|^2 + |b|^2 - 2 a . b, and never below 0.

    Args:
        embeddings: (B, k).

    >>> squared_distances(jnp.array([[0.0], [3.0]])).tolist()
    [[0.0, 9.0], [9.0, 0.0]]
    """
    square = jnp.sum(embeddings**2, axis=1)
    product = embeddings @ embeddings.T
    return jnp.maximum(square[:, None] + square - 2 * product, 0.0)
