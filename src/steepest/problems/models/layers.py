"""Parts of a network: activations, initial weights, batch norm."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

ACTIVATIONS: dict[str, Callable[[Any], jax.Array]] = {
    "relu": jax.nn.relu,
    "leaky_relu": jax.nn.leaky_relu,
    "gelu": functools.partial(jax.nn.gelu, approximate=False),
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
}
"""relu max(z, 0); leaky_relu z or 0.01 z; gelu z Phi(z), exact; tanh; sigmoid."""

INITS: dict[str, Callable[[int, int], float]] = {
    "he": lambda fan_in, _: math.sqrt(2 / fan_in),  # He et al. 2015, eq. 10
    "glorot": lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out)),  # 2010, 12
    "lecun": lambda fan_in, _: math.sqrt(1 / fan_in),  # LeCun et al. 1998, 16
    "zeros": lambda *_: 0.0,
    "normal": lambda *_: 0.01,  # Krizhevsky et al. 2012, section 5
}
"""Standard deviation of normal weights; the first three keep a signal's variance."""


def initial_weights(
    key: jax.Array, widths: Sequence[int], *, init: str, activation: str
) -> list[jax.Array]:
    """Weights of the layers between the given widths, each (fan_out, fan_in), float32.

    Args:
        key: a JAX random key.
        widths: number of inputs, of every hidden layer, of outputs.
        init: a name of INITS, or "auto": he for the relu family, whose half is cut
            off, and glorot otherwise.
        activation: a name of ACTIVATIONS.

    >>> weights = initial_weights(
    ...     jax.random.key(0), (3, 4, 1), init="auto", activation="relu"
    ... )
    >>> [weight.shape for weight in weights]
    [(4, 3), (1, 4)]
    """
    if init == "auto":
        init = "he" if activation in ("relu", "leaky_relu", "gelu") else "glorot"
    # NumPy's draws: a program would take longer to compile than all of them to make
    draws = np.random.Generator(np.random.Philox(key=_words(key)))
    return [
        jnp.asarray(INITS[init](*fans) * draws.standard_normal(fans[::-1], np.float32))
        for fans in itertools.pairwise(widths)
    ]


def _words(key: Any) -> np.ndarray[Any, Any]:
    """A JAX key, typed or raw, as the two numbers of 64 bits that NumPy takes."""
    if jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        key = jax.random.key_data(key)
    return np.resize(np.asarray(key).astype(np.uint64), 2)


def linear(weight: jax.Array, *, bias: bool) -> eqx.nn.Linear:
    """An Equinox linear layer with the given weight and a bias of zeros.

    >>> linear(jnp.ones((2, 3)), bias=True).bias.tolist()
    [0.0, 0.0]
    """
    fan_out, fan_in = weight.shape
    layer = eqx.filter_eval_shape(  # its shape only: Equinox would draw weights anew
        eqx.nn.Linear, fan_in, fan_out, use_bias=bias, key=jax.random.key(0)
    )
    zeros = jnp.zeros((fan_out,), weight.dtype) if bias else None
    return eqx.tree_at(
        lambda layer: (layer.weight, layer.bias),
        layer,
        (weight, zeros),
        is_leaf=lambda leaf: leaf is None,
    )


def affine(layer: eqx.nn.Linear, rows: jax.Array) -> jax.Array:
    """An Equinox linear layer on a whole batch: one matrix product.

    >>> layer = linear(jnp.ones((2, 3)), bias=True)
    >>> affine(layer, jnp.ones((1, 3))).tolist()
    [[3.0, 3.0]]
    """
    product = rows @ layer.weight.T
    return product if layer.bias is None else product + layer.bias


class Running(NamedTuple):
    """The running statistics of one batch norm: what prediction normalises with."""

    mean: jax.Array  # (width,)
    variance: jax.Array  # (width,)
    decay: jax.Array  # () share of the old value that the next batch leaves


class BatchNorm(eqx.Module):
    """Batch normalisation of columns, (x - mean) / sqrt(variance + 1e-5) scale + shift.

    In training, mean and variance are the batch's; in prediction, the running ones.
    The running ones are plain averages over the first ten batches and forget at a rate
    of 0.9 from then on; their variance is the unbiased one. A batch of one row has no
    variance: it is normalised with the running statistics and does not change them.

    Equinox's own BatchNorm starts its variance at 1 and later divides as if it had
    started at 0, so predictions early in a run come out far too small (a factor of
    ten after one step); hence this one.

    Args:
        width: number of columns.

    >>> norm = BatchNorm(1)
    >>> rows = jnp.array([[1.0], [3.0]])
    >>> out, running = norm(rows, norm.running(), training=True)
    >>> [round(float(value), 4) for value in out[:, 0]], running.mean.tolist()
    ([-1.0, 1.0], [2.0])

    Source: Ioffe and Szegedy (2015), algorithms 1 and 2.
    """

    scale: jax.Array
    shift: jax.Array

    def __init__(self, width: int) -> None:
        self.scale = jnp.ones((width,), jnp.float32)
        self.shift = jnp.zeros((width,), jnp.float32)

    def running(self) -> Running:
        """The statistics before the first batch: mean 0, variance 1."""
        zeros, ones = jnp.zeros_like(self.scale), jnp.ones_like(self.scale)
        return Running(zeros, ones, zeros[0])

    def __call__(
        self, rows: jax.Array, running: Running, *, training: bool
    ) -> tuple[jax.Array, Running]:
        """Normalised rows, and the running statistics to go on with.

        Args:
            rows: (n, width).
            running: the statistics so far.
            training: whether the batch's own statistics are used, and remembered.
        """
        mean, variance, _ = running
        if training and len(rows) > 1:
            mean, variance = jnp.mean(rows, axis=0), jnp.var(rows, axis=0)
            running = remember(running, mean, variance, len(rows))
        inverse = jax.lax.rsqrt(variance + 1e-5)
        return (rows - mean) * (inverse * self.scale) + self.shift, running


def remember(
    running: Running, mean: jax.Array, variance: jax.Array, n_rows: int
) -> Running:
    """The running statistics after one more batch.

    The decays 0, 1/2, 2/3, ... make a plain average, 0.9 a moving one: whichever is
    less, so that the first batch counts in full and needs no correction later.

    >>> before = BatchNorm(1).running()
    >>> remember(before, jnp.array([4.0]), jnp.array([1.0]), 2)
    Running(mean=Array([4.], dtype=float32), variance=Array([2.], dtype=float32),
            decay=Array(0.5, dtype=float32))
    """
    decay = running.decay
    unbiased = variance * (n_rows / (n_rows - 1))
    after = Running(
        decay * running.mean + (1 - decay) * mean,
        decay * running.variance + (1 - decay) * unbiased,
        jnp.minimum(0.9, 1 / (2 - decay)),
    )
    # Bookkeeping is not part of the prediction: no gradient flows through it.
    return jax.tree.map(jax.lax.stop_gradient, after)
