"""Losses on embeddings: contrastive (pairs) and triplet."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

SHORT = 1e-20
"""Squares of lengths below it are taken for 0: their slopes would overflow."""


def squared_distance(a: Any, b: Any) -> jax.Array:
    """Squared Euclidean distance of each row of a to the same row of b.

    >>> squared_distance(jnp.array([[3.0, 0.0]]), jnp.array([[0.0, 4.0]])).tolist()
    [25.0]
    """
    return jnp.sum((a - b) ** 2, axis=-1)


def safe_sqrt(value: Any) -> jax.Array:
    """Square root whose slope at 0 is 0: two equal points have no direction apart.

    >>> float(jax.grad(safe_sqrt)(0.0))
    0.0
    """
    positive = value > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, value, 1.0)), 0.0)


def unit(raw: Any) -> jax.Array:
    """The link of embeddings: rows of length 1, so that margins mean one thing.

    On the sphere |a - b|^2 = 2 - 2 cos(a, b) is at most 4. A row of zeros stays there.

    Args:
        raw: (n, k) outputs of a model.

    >>> unit(jnp.array([[3.0, 4.0]])).round(3).tolist()
    [[0.6000000238418579, 0.800000011920929]]

    Source: Schroff, Kalenichenko, Philbin (2015), FaceNet, section 3.1.
    """
    square = jnp.sum(jnp.square(raw), axis=-1, keepdims=True)
    long = square > SHORT
    return raw * jax.lax.rsqrt(jnp.where(long, square, 1.0))


def contrastive(
    prediction: tuple[Any, Any], target: Any, *, margin: float = 1.0
) -> jax.Array:
    """Contrastive loss of a pair: like rows pull together, unlike ones part.

    With d = |a - b|:  d^2 / 2 if the target is 1 (same), max(0, margin - d)^2 / 2 if 0.

    Args:
        prediction: (a, b), two arrays of embeddings, each (n, d).
        target: (n,) 1 where the pair is the same, 0 where it is not.
        margin: distance beyond which unlike pairs are left alone, > 0.

    Returns:
        (n,) values.

    >>> a, b = jnp.array([[0.0, 0.0]]), jnp.array([[0.6, 0.0]])
    >>> round(float(contrastive((a, b), jnp.array([0]))[0]), 6)
    0.08

    Source: Hadsell, Chopra, LeCun (2006), Dimensionality reduction by learning an
    invariant mapping, equation 4 (where the label 0 means same).
    """
    square = squared_distance(*prediction)
    apart = jnp.maximum(0.0, margin - safe_sqrt(square)) ** 2
    return jnp.where(jnp.asarray(target) > 0, square, apart) / 2


def triplet(
    prediction: tuple[Any, Any, Any], target: None = None, *, margin: float = 0.2
) -> jax.Array:
    """Triplet loss: the anchor lies nearer its own kind than another, by a margin.

    max(0, |anchor - positive|^2 - |anchor - negative|^2 + margin)

    Args:
        prediction: (anchor, positive, negative), each (n, d) embeddings.
        target: not used; the order of the triplet says it all.
        margin: how much farther the negative must be, > 0, in squared distance.

    Returns:
        (n,) values.

    >>> rows = [jnp.array([[x]]) for x in (0.0, 1.0, 1.5)]
    >>> float(triplet(tuple(rows))[0])
    0.0
    >>> float(triplet(tuple(rows), margin=2.0)[0])
    0.75

    Source: Schroff, Kalenichenko, Philbin (2015), FaceNet, equation 3; its margin of
    0.2 is for embeddings of length 1.
    """
    del target
    anchor, positive, negative = prediction
    near, far = squared_distance(anchor, positive), squared_distance(anchor, negative)
    return jnp.maximum(0.0, near - far + margin)
