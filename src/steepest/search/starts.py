"""Starts: where many runs begin. A function of the seed alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from steepest.core.errors import DataError, SteepestError, UsageError
from steepest.core.tree import leaf_names
from steepest.problems.bounds import Bounds

Sampler = Callable[[np.random.Generator, int], Any]
"""(generator, n) -> a tree of arrays (n, ...)."""


def within(box: Bounds, n: int, seed: int) -> Any:
    """Points spread over a box by a Latin hypercube.

    Each coordinate's range is cut into n equal parts, and each part holds one point:
    so few points already reach everywhere, whatever the dimension.

    Args:
        box: finite ends; trees of arrays.
        n: how many points.
        seed: of the randomness.

    Returns:
        A tree of (n, ...).

    Source: McKay, Beckman, Conover 1979, Technometrics 21:239.

    >>> points = within(Bounds(np.array([0.0]), np.array([4.0])), 4, seed=0)
    >>> np.sort(np.floor(points[:, 0])).tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    rng = generator(seed)

    def spread(low: Any, high: Any) -> Any:
        low, high = np.asarray(low, float), np.asarray(high, float)
        parts = rng.permuted(np.tile(np.arange(n), (low.size, 1)), axis=1).T
        share = ((parts + rng.random((n, low.size))) / n).reshape(n, *low.shape)
        # a mean of both ends: their difference may overflow
        return np.clip((1 - share) * low + share * high, low, high)

    return jax.tree.map(spread, box.low, box.high)


def around(start: Any, n: int, spread: float, seed: int) -> Any:
    """The start and normal points about it.

    x_0 = start;   x_i = start + spread max(1, |start|) * noise, in each coordinate

    Args:
        start: a tree of float arrays and floats.
        n: how many points, the start among them.
        spread: standard deviation where |start| is at most 1.
        seed: of the randomness.

    Returns:
        A tree of (n, ...).

    >>> around(3.0, 2, 0.0, seed=0).tolist()
    [3.0, 3.0]
    """
    rng = generator(seed)

    def scatter(leaf: Any) -> Any:
        leaf = np.asarray(leaf, float)
        noise = rng.standard_normal((n, *leaf.shape))
        noise[0] = 0.0
        return leaf + spread * np.maximum(1.0, np.abs(leaf)) * noise

    return jax.tree.map(scatter, start)


def sampled(sampler: Sampler, n: int, seed: int) -> Any:
    """The points that the user's sampler draws, checked.

    Args:
        sampler: (NumPy generator, n) -> a tree of arrays with a leading axis of n.
        n: how many points.
        seed: of the generator.

    Raises:
        UsageError: no function, or arrays of another length, or not finite.
        DataError: what the sampler raised.

    >>> sampled(lambda rng, n: rng.random((n, 2)), 3, seed=0).shape
    (3, 2)
    """
    if not callable(sampler):
        raise UsageError(
            f"sampler={sampler!r}: must be a function (generator, n) -> starts with a "
            "leading axis of n."
        )
    try:
        drawn = sampler(generator(seed), n)
    except SteepestError:
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise DataError(
            f"sampler: raised {what}; it is called with (NumPy generator, n={n})."
        ) from error
    names = leaf_names(drawn)
    leaves, shape = jax.tree.flatten(drawn)
    if not leaves:
        raise UsageError("sampler: drew nothing; it must return arrays of n starts.")
    pairs = zip(names, leaves, strict=True)
    return jax.tree.unflatten(shape, [_column(x, leaf, n) for x, leaf in pairs])


def _column(name: str, leaf: Any, n: int) -> Any:
    array = np.asarray(leaf)
    if array.dtype.kind not in "iuf" or array.ndim == 0 or len(array) != n:
        raise UsageError(
            f"sampler: drew {name} of type {array.dtype} and shape {array.shape}: need "
            f"real numbers with a leading axis of n={n}."
        )
    array = array.astype(float)
    if not np.isfinite(array).all():
        raise UsageError(
            f"sampler: drew {name} that is not finite; draw finite starts."
        )
    return array


def generator(seed: int) -> np.random.Generator:
    """NumPy's counter-based generator of a seed."""
    return np.random.Generator(np.random.Philox(seed))


def flat(points: Any) -> np.ndarray[Any, Any]:
    """A tree of (n, ...) as rows (n, d).

    Args:
        points: a tree of arrays with a leading axis of n.

    >>> flat({"x": np.zeros(3), "y": np.zeros((3, 2))}).shape
    (3, 3)
    """
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(points)]
    return np.concatenate([leaf.reshape(len(leaf), -1) for leaf in leaves], axis=1)


def span(points: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """How far rows reach in each coordinate; 1 where all of them agree.

    Args:
        points: (n, d).

    >>> span(np.array([[0.0, 1.0], [4.0, 1.0]])).tolist()
    [4.0, 1.0]
    """
    reach = np.ptp(points, axis=0)
    return np.where((reach > 0) & (reach < math.inf), reach, 1.0)
