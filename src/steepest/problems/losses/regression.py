"""Losses whose target is a number: squared, absolute, huber, quantile, poisson."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import xlogy

# Above this log mean exp is continued by its tangent: means up to 1e13 are exact, and
# neither the loss nor the square of its gradient leaves float32 for any prediction.
LOG_MEAN_MAX = 30.0


def squared(prediction: Any, target: Any) -> jax.Array:
    """Squared error, (prediction - target)^2: its mean is the MSE, without a half.

    Args:
        prediction: (n,) in the target's unit.
        target: (n,) numbers.

    Returns:
        (n,) in the target's unit squared; the slope is 2 (prediction - target).

    >>> float(squared(jnp.array(3.0), 1.0))
    4.0

    Source: Legendre (1805), Nouvelles méthodes pour la détermination des orbites.
    """
    return (prediction - target) ** 2


def absolute(prediction: Any, target: Any) -> jax.Array:
    """Absolute error, |prediction - target|: least moved by outliers; fits the median.

    Args:
        prediction: (n,) in the target's unit.
        target: (n,) numbers.

    Returns:
        (n,) in the target's unit; the slope at a perfect prediction is 0.

    >>> float(absolute(jnp.array(3.0), 1.0))
    2.0

    Source: Boscovich (1757); Koenker (2005), Quantile Regression, section 1.2.
    """
    r = prediction - target
    return r * jax.lax.stop_gradient(jnp.sign(r))  # abs has slope 1 at 0 in jax


def huber(prediction: Any, target: Any, *, delta: float = 1.0) -> jax.Array:
    """Huber's loss: a parabola near zero, straight lines beyond delta.

    With r = |prediction - target|:  r^2 / 2 if r <= delta, else delta (r - delta / 2).

    Args:
        prediction: (n,) in the target's unit.
        target: (n,) numbers.
        delta: where the parabola ends, > 0, in the unit of the target as seen by the
            loss (standard deviations when the target is standardised).

    Returns:
        (n,) values.

    >>> float(huber(jnp.array(3.0), 0.0, delta=1.0))
    2.5

    Source: Huber (1964), Robust estimation of a location parameter, equation 1.
    """
    r = jnp.abs(prediction - target)
    near = jnp.minimum(r, delta)
    return near * (r - near / 2)


def quantile(prediction: Any, target: Any, *, q: float = 0.5) -> jax.Array:
    """The pinball loss: its best constant is the q-quantile of the target.

    max(q (target - prediction), (q - 1) (target - prediction))

    Args:
        prediction: (n,) in the target's unit.
        target: (n,) numbers.
        q: the quantile, in (0, 1); 0.5 gives half the absolute error.

    Returns:
        (n,) in the target's unit.

    >>> round(float(quantile(jnp.array(0.0), 10.0, q=0.9)), 6)
    9.0

    Source: Koenker and Bassett (1978), Regression quantiles, equation 1.1.
    """
    short = target - prediction
    return jnp.maximum(q * short, (q - 1) * short)


def poisson(prediction: Any, target: Any) -> jax.Array:
    """Half the Poisson deviance of a count, for a prediction that is the log mean.

    exp(prediction) - target - target (prediction - log target);  0 log 0 = 0.
    Beyond prediction = 30 the exponential goes on as its tangent, so that the loss
    stays finite and convex. It differs from the negative log likelihood by a constant.

    Args:
        prediction: (n,) logarithm of the mean; `exp` gives what people read.
        target: (n,) counts or rates, >= 0.

    Returns:
        (n,) values >= 0, zero where exp(prediction) equals the target.

    >>> float(poisson(jnp.array(0.0), 1.0)), float(poisson(jnp.array(0.0), 0.0))
    (0.0, 1.0)

    Source: McCullagh and Nelder (1989), Generalized Linear Models, section 2.3.
    """
    target = jnp.asarray(target, jnp.result_type(prediction, jnp.float32))
    excess = jnp.maximum(prediction - LOG_MEAN_MAX, 0.0)
    mean = jnp.exp(prediction - excess) * (1.0 + excess)
    return mean - target - target * prediction + xlogy(target, target)


def count_mean(raw: Any) -> jax.Array:
    """The link of poisson: exp, held below exp(30).

    >>> float(count_mean(0.0))
    1.0
    """
    return jnp.exp(jnp.minimum(raw, LOG_MEAN_MAX))
