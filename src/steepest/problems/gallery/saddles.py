"""Places where the gradient is small and yet there is no minimum."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from steepest.problems.gallery.surface import Point, Surface


def _saddle(point: jax.Array) -> jax.Array:
    x, y = point
    return x**2 - y**2


def _monkey_saddle(point: jax.Array) -> jax.Array:
    x, y = point
    return x**3 - 3 * x * y**2


def _plateau(point: jax.Array) -> jax.Array:
    x, y = point
    return 1 - jnp.exp(-(x**2) - y**2)


def _easom(point: jax.Array) -> jax.Array:
    x, y = point
    distance = (x - jnp.pi) ** 2 + (y - jnp.pi) ** 2
    return -jnp.cos(x) * jnp.cos(y) * jnp.exp(-distance)


SURFACES = (
    Surface(
        name="saddle",
        fn=_saddle,
        formula="x^2 - y^2",
        domain=((-2.0, 2.0),) * 2,
        start=(1.0, 0.001),
        stationary=(Point((0.0, 0.0), 0.0, "saddle"),),
        lesson="Descent lingers where the gradient is small, then falls without end.",
        reference="Goodfellow, Bengio and Courville 2016, Deep Learning, section 8.2.3",
    ),
    Surface(
        name="monkey_saddle",
        fn=_monkey_saddle,
        formula="x^3 - 3*x*y^2",
        domain=((-2.0, 2.0),) * 2,
        start=(1.0, 0.0),
        stationary=(Point((0.0, 0.0), 0.0, "saddle"),),
        lesson="Three ways down and no curvature at all: the Hessian is zero there.",
        reference="Hilbert and Cohn-Vossen 1932, Geometry and the Imagination",
    ),
    Surface(
        name="plateau",
        fn=_plateau,
        formula="1 - exp(-x^2 - y^2)",
        domain=((-5.0, 5.0),) * 2,
        start=(3.0, 2.0),
        minima=(Point((0.0, 0.0), 0.0),),
        lesson="Flat ground around a hole: a small gradient is not yet a minimum.",
        reference="Goodfellow, Bengio and Courville 2016, Deep Learning, section 8.2.3",
    ),
    Surface(
        name="easom",
        fn=_easom,
        formula="-cos(x)*cos(y)*exp(-(x - pi)^2 - (y - pi)^2)",
        domain=((-100.0, 100.0),) * 2,
        start=(2.0, 2.0),
        minima=(Point((math.pi, math.pi), -1.0),),
        lesson="A needle's eye in a plain: found only from close by.",
        reference="Jamil and Yang 2013, A Literature Survey of Benchmark Functions, "
        "arXiv 1308.4008",
    ),
)
