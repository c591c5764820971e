"""The functions: each is made once, with a start drawn for each seed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import steepest as sp
from bench.diagnosis.plans import rng_of

Vector = np.ndarray[Any, Any]
Start = Callable[[np.random.Generator], Vector]


def normal(d: int, spread: float = 1.0) -> Start:
    """Starts around the origin."""
    return lambda rng: spread * rng.standard_normal(d)


def within(low: float, high: float, d: int = 2) -> Start:
    """Starts in a box."""
    return lambda rng: rng.uniform(low, high, d)


def around(point: Any, spread: float) -> Start:
    """Starts around a point."""
    return lambda rng: (
        np.asarray(point, float) + spread * rng.standard_normal(len(point))
    )


def quadratic(d: int, condition: float) -> Callable[[Any], Any]:
    """A bowl along random axes, its curvatures from 1 to `condition`."""
    rng = rng_of("quadratic", d)
    axes = np.linalg.qr(rng.standard_normal((d, d)))[0]
    inner = np.exp(rng.uniform(0, np.log(condition), d - 2))
    matrix = axes @ np.diag([1.0, *inner, condition]) @ axes.T
    matrix = (matrix + matrix.T) / 2

    def bowl(x: Any) -> Any:
        return 0.5 * x @ (matrix @ x)

    return bowl


def logistic(d: int, n: int, ridge: float = 0.1) -> Callable[[Any], Any]:
    """The mean log loss of random rows, with a ridge."""
    rng = rng_of("logistic", d)
    X = rng.standard_normal((n, d))
    side = np.where(X @ rng.standard_normal(d) + rng.standard_normal(n) > 0, 1.0, -1.0)

    def loss(w: Any) -> Any:
        return jnp.mean(jnp.logaddexp(0.0, -side * (X @ w))) + ridge / 2 * w @ w

    return loss


def smooth_max(d: int, n: int) -> Callable[[Any], Any]:
    """log of a sum of exponentials of random planes, with a slight bowl."""
    rng = rng_of("smooth max", d)
    A, b = rng.standard_normal((n, d)), rng.standard_normal(n)

    def top(x: Any) -> Any:
        return jax.nn.logsumexp(A @ x + b) + 0.05 * x @ x

    return top


def robust(d: int, n: int) -> Callable[[Any], Any]:
    """A line through rows with outliers, by Cauchy's loss: log(1 + r^2)."""
    rng = rng_of("robust", d)
    X = rng.standard_normal((n, d))
    y = X @ rng.standard_normal(d) + 0.3 * rng.standard_normal(n)
    y[: n // 10] += 8.0

    def loss(w: Any) -> Any:
        return jnp.mean(jnp.log1p((X @ w - y) ** 2))

    return loss


def waves(d: int) -> Callable[[Any], Any]:
    """A bowl with slight waves: not convex, and with one minimum."""
    rng = rng_of("waves", d)
    often, high = rng.uniform(1, 3, d), rng.uniform(0.02, 0.2, d)

    def sea(x: Any) -> Any:
        return jnp.sum(x**2 / 2 + high * jnp.sin(often * x) ** 2)

    return sea


def factors(rows: int, columns: int, rank: int) -> Callable[[Any], Any]:
    """A matrix as a product of two thin ones: saddles, and no minimum but the best."""
    rng = rng_of("factors", rows)
    left = rng.standard_normal((rows, rank))
    target = left @ rng.standard_normal((rank, columns)) / rank

    def gap(x: Any) -> Any:
        a = x[: rows * rank].reshape(rows, rank)
        b = x[rows * rank :].reshape(rank, columns)
        return 0.5 * jnp.sum((a @ b - target) ** 2)

    return gap


def mixture(d: int) -> Callable[[Any], Any]:
    """Three holes in a gentle bowl, the deepest at the origin."""
    rng = rng_of("mixture", d)
    places = np.vstack([np.zeros(d), 3 * rng.standard_normal((2, d))])

    def holes(x: Any) -> Any:
        near = jnp.exp(-jnp.sum((x - places) ** 2, axis=1) / 2)
        return 0.05 * x @ x - near @ jnp.array([3.0, 1.0, 0.5])

    return holes


def quartic(d: int) -> Callable[[Any], Any]:
    """A convex quartic with a bowl inside: its curvature grows outwards."""
    weights = rng_of("quartic", d).uniform(0.5, 2, d)

    def cup(x: Any) -> Any:
        return jnp.sum(weights * (x**4 / 4 + x**2 / 2))

    return cup


def two_wells(d: int) -> Callable[[Any], Any]:
    """(x_1^2 - 1)^2 / 4 and a bowl in the others: a saddle at the origin."""
    weights = rng_of("two wells", d).uniform(0.5, 2, d - 1)

    def wells(x: Any) -> Any:
        return (x[0] ** 2 - 1) ** 2 / 4 + 0.5 * weights @ x[1:] ** 2

    return wells


def egg_box(x: Any) -> Any:
    """sum cos(x) + x^2 / 20: a maximum at the origin."""
    return jnp.sum(jnp.cos(x) + x**2 / 20)


def pit(d: int, wide: float) -> Callable[[Any], Any]:
    """1 - exp(-|x|^2 / (2 wide^2)): level ground around a pit."""
    weights = rng_of("pit", d).uniform(0.7, 1.4, d)

    def ground(x: Any) -> Any:
        return 1 - jnp.exp(-jnp.sum(weights * x**2) / (2 * wide**2))

    return ground


def steps(x: Any) -> Any:
    """sum tanh(x)^2: it is level far from the origin."""
    return jnp.sum(jnp.tanh(x) ** 2)


def barrier(d: int) -> Callable[[Any], Any]:
    """sum a x - log(x): not defined at 0 and below."""
    weights = rng_of("barrier", d).uniform(0.5, 2, d)

    def wall(x: Any) -> Any:
        return jnp.sum(weights * x - jnp.log(x))

    return wall


def entropy(d: int) -> Callable[[Any], Any]:
    """sum x log(x) - a x: not defined below 0."""
    weights = rng_of("entropy", d).uniform(0.5, 1.5, d)

    def heat(x: Any) -> Any:
        return jnp.sum(x * jnp.log(x) - weights * x)

    return heat


def hole(d: int, radius: float) -> Callable[[Any], Any]:
    """A bowl that is nan near its lowest point."""
    bowl = quadratic(d, 10.0)

    def broken(x: Any) -> Any:
        value = bowl(x)
        return jnp.where(x @ x < radius**2, jnp.nan, value)

    return broken


def scaled(fn: Callable[[Any], Any], scales: Vector) -> Callable[[Any], Any]:
    """The function of params in units of their own."""
    inverse = 1 / np.asarray(scales, float)

    def rescaled(x: Any) -> Any:
        return fn(x * inverse)

    return rescaled


@functools.cache
def gallery(name: str) -> Callable[[Any], Any]:
    """A function of the gallery."""
    return sp.GALLERY[name].fn


@functools.cache
def negative(fn: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function upside down."""
    return lambda x: -fn(x)
