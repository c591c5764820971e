"""Losses whose target is a class: log, cross_entropy, hinge, squared_hinge, focal."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.nn import softplus


def margin(prediction: Any, target: Any) -> jax.Array:
    """The raw prediction, signed so that larger is better.

    Args:
        prediction: (n,) raw scores; above 0 speaks for class 1.
        target: (n,) classes 0 or 1.

    >>> margin(jnp.array([2.0, 2.0]), jnp.array([1, 0])).tolist()
    [2.0, -2.0]
    """
    return jnp.where(jnp.asarray(target) > 0, prediction, -prediction)


def log_odds(prediction: Any, target: Any) -> jax.Array:
    """Log odds of the true class against all others: P(true) = sigmoid(log_odds).

    prediction[true] - logsumexp(the other predictions)

    Args:
        prediction: (n, k) logits.
        target: (n,) class numbers from 0 to k - 1.

    >>> log_odds(jnp.array([[0.0, 3.0]]), jnp.array([1])).tolist()
    [3.0]
    """
    prediction = jnp.asarray(prediction)
    classes = jnp.arange(prediction.shape[-1])
    true = jnp.asarray(target)[..., None] == classes
    others = jax.nn.logsumexp(jnp.where(true, -jnp.inf, prediction), axis=-1)
    return jnp.sum(jnp.where(true, prediction, 0.0), axis=-1) - others


def log(prediction: Any, target: Any) -> jax.Array:
    """The log loss, or logistic loss, of a raw score.

    log(1 + exp(-m)) with m = prediction for class 1 and -prediction for 0.

    Args:
        prediction: (n,) log odds of class 1; `sigmoid` gives the probability.
        target: (n,) classes 0 or 1.

    Returns:
        (n,) negative log probability of the true class, in nats.

    >>> round(float(log(jnp.array(0.0), 1)), 6)
    0.693147

    Source: Hastie, Tibshirani, Friedman (2009), equation 10.18.
    """
    return softplus(-margin(prediction, target))


def cross_entropy(prediction: Any, target: Any) -> jax.Array:
    """Softmax cross-entropy, -log softmax(prediction)[target].

    Args:
        prediction: (n, k) logits; `softmax` gives the probabilities.
        target: (n,) class numbers from 0 to k - 1.

    Returns:
        (n,) negative log probability of the true class, in nats.

    >>> round(float(cross_entropy(jnp.zeros((1, 4)), jnp.array([2]))[0]), 6)
    1.386294

    Source: Bishop (2006), Pattern Recognition and Machine Learning, equation 4.108.
    """
    return softplus(-log_odds(prediction, target))


def hinge(prediction: Any, target: Any) -> jax.Array:
    """The hinge of support vector machines, max(0, 1 - m).

    m = prediction for class 1 and -prediction for class 0.

    Args:
        prediction: (n,) raw scores.
        target: (n,) classes 0 or 1.

    Returns:
        (n,) values, zero beyond the margin.

    >>> float(hinge(jnp.array(0.25), 1)), float(hinge(jnp.array(0.25), 0))
    (0.75, 1.25)

    Source: Cortes and Vapnik (1995), Support-vector networks, section 3.
    """
    return jnp.maximum(0.0, 1.0 - margin(prediction, target))


def squared_hinge(prediction: Any, target: Any) -> jax.Array:
    """The hinge squared, max(0, 1 - m)^2: smooth, and harsher on large errors.

    m = prediction for class 1 and -prediction for class 0.

    Args:
        prediction: (n,) raw scores.
        target: (n,) classes 0 or 1.

    Returns:
        (n,) values, zero beyond the margin.

    >>> float(squared_hinge(jnp.array(0.5), 1))
    0.25

    Source: Lee and Mangasarian (2001), SSVM: a smooth support vector machine.
    """
    return hinge(prediction, target) ** 2


def focal(prediction: Any, target: Any, *, gamma: float = 2.0) -> jax.Array:
    """Focal loss, -(1 - P)^gamma log P with P the probability of the true class.

    Rows that are already right count little. gamma = 0 is log or cross_entropy.

    Args:
        prediction: (n,) log odds of class 1, or (n, k) logits.
        target: (n,) classes: 0 or 1, or class numbers from 0 to k - 1.
        gamma: how strongly easy rows are played down, >= 0.

    Returns:
        (n,) values.

    >>> round(float(focal(jnp.array(0.0), 1, gamma=2.0)), 6)
    0.173287

    Source: Lin et al. (2017), Focal loss for dense object detection, equation 4.
    """
    binary = jnp.ndim(prediction) == jnp.ndim(target)
    odds = (margin if binary else log_odds)(prediction, target)
    return jnp.exp(-gamma * softplus(odds)) * softplus(-odds)


def softmax(raw: Any) -> jax.Array:
    """The link of k classes: (n, k) logits -> (n, k) probabilities.

    >>> softmax(jnp.zeros((1, 2))).tolist()
    [[0.5, 0.5]]
    """
    return jax.nn.softmax(raw, axis=-1)


def probability(raw: Any) -> jax.Array:
    """The link of a loss for two or k classes: sigmoid of (n,), softmax of (n, k).

    >>> float(probability(jnp.array(0.0)))
    0.5
    """
    return jax.nn.sigmoid(raw) if jnp.ndim(raw) < 2 else softmax(raw)
