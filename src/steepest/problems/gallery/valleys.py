"""Curved valleys: easy to enter, slow to follow."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from steepest.problems.gallery.surface import Point, Surface

_THIRD = math.pi / 3


def _rosenbrock(x: jax.Array) -> jax.Array:
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def _beale(point: jax.Array) -> jax.Array:
    x, y = point
    first, second, third = x * (1 - y), x * (1 - y**2), x * (1 - y**3)
    return (1.5 - first) ** 2 + (2.25 - second) ** 2 + (2.625 - third) ** 2


def _powell(x: jax.Array) -> jax.Array:
    a, b, c, d = x
    return (a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4


def _mccormick(point: jax.Array) -> jax.Array:
    x, y = point
    return jnp.sin(x + y) + (x - y) ** 2 - 1.5 * x + 2.5 * y + 1


def _goldstein_price(point: jax.Array) -> jax.Array:
    x, y = point
    inner = 19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2
    outer = 18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2
    return (1 + (x + y + 1) ** 2 * inner) * (30 + (2 * x - 3 * y) ** 2 * outer)


SURFACES = (
    Surface(
        name="rosenbrock",
        fn=_rosenbrock,
        formula="sum(100*(x[1:] - x[:-1]^2)^2 + (1 - x[:-1])^2)",
        domain=((-2.048, 2.048),) * 2,
        start=(-1.2, 1.0),
        minima=(Point((1.0, 1.0), 0.0),),
        lesson="A bent, flat valley: found at once, followed for thousands of steps.",
        reference="Rosenbrock 1960, An Automatic Method for Finding the Greatest or "
        "Least Value of a Function, The Computer Journal 3(3)",
        any_dimension=True,
    ),
    Surface(
        name="beale",
        fn=_beale,
        formula="(1.5 - x + x*y)^2 + (2.25 - x + x*y^2)^2 + (2.625 - x + x*y^3)^2",
        domain=((-4.5, 4.5),) * 2,
        start=(1.0, 1.0),
        minima=(Point((3.0, 0.5), 0.0),),
        stationary=(Point((0.0, 1.0), 14.203125, "saddle"),),
        lesson="Walls of 100,000 beside a flat floor: one rate does not fit both.",
        reference="More, Garbow and Hillstrom 1981, Testing Unconstrained Optimization "
        "Software, ACM TOMS 7(1), problem 5",
    ),
    Surface(
        name="powell",
        fn=_powell,
        formula="(x[0] + 10*x[1])^2 + 5*(x[2] - x[3])^2 + (x[1] - 2*x[2])^4 "
        "+ 10*(x[0] - x[3])^4",
        domain=((-4.0, 5.0),) * 4,
        start=(3.0, -1.0, 0.0, 1.0),
        minima=(Point((0.0, 0.0, 0.0, 0.0), 0.0),),
        lesson="Curvature vanishes at the minimum: the last digits never come.",
        reference="More, Garbow and Hillstrom 1981, Testing Unconstrained Optimization "
        "Software, ACM TOMS 7(1), problem 13",
    ),
    Surface(
        name="mccormick",
        fn=_mccormick,
        formula="sin(x + y) + (x - y)^2 - 1.5*x + 2.5*y + 1",
        domain=((-1.5, 4.0), (-3.0, 4.0)),
        start=(0.0, 0.0),
        minima=(Point((0.5 - _THIRD, -0.5 - _THIRD), -math.sqrt(3) / 2 - _THIRD),),
        lesson="A sloping channel with a ripple; outside the domain it has no bottom.",
        reference="Jamil and Yang 2013, A Literature Survey of Benchmark Functions, "
        "arXiv 1308.4008",
    ),
    Surface(
        name="goldstein_price",
        fn=_goldstein_price,
        formula="(1 + (x + y + 1)^2*(19 - 14*x + 3*x^2 - 14*y + 6*x*y + 3*y^2))"
        "*(30 + (2*x - 3*y)^2*(18 - 32*x + 12*x^2 + 48*y - 36*x*y + 27*y^2))",
        domain=((-2.0, 2.0),) * 2,
        start=(0.5, -0.5),
        minima=(
            Point((0.0, -1.0), 3.0),
            Point((-0.6, -0.4), 30.0),
            Point((1.8, 0.2), 84.0),
            Point((1.2, 0.8), 840.0),
        ),
        lesson="Values from 3 to a million: only a tiny rate survives the walls.",
        reference="Goldstein and Price 1971, On Descent from Local Minima, Mathematics "
        "of Computation 25(115)",
    ),
)
