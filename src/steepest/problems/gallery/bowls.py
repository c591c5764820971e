"""Convex surfaces: one minimum, and only its shape makes descent slow."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from steepest.problems.gallery.surface import Point, Surface


def _bowl(x: jax.Array) -> jax.Array:
    return jnp.sum(x**2)


def _coupled_bowl(point: jax.Array) -> jax.Array:
    x, y = point
    return x**2 + x * y + y**2


def _ill_conditioned(point: jax.Array) -> jax.Array:
    x, y = point
    return (x**2 + 100 * y**2) / 2


def _booth(point: jax.Array) -> jax.Array:
    x, y = point
    return (x + 2 * y - 7) ** 2 + (2 * x + y - 5) ** 2


def _matyas(point: jax.Array) -> jax.Array:
    x, y = point
    return 0.26 * (x**2 + y**2) - 0.48 * x * y


SURFACES = (
    Surface(
        name="bowl",
        fn=_bowl,
        formula="sum(x^2)",
        domain=((-5.0, 5.0),) * 2,
        start=(3.0, 4.0),
        minima=(Point((0.0, 0.0), 0.0),),
        lesson="The plainest case: a rate below 1 converges, a rate above 1 diverges.",
        reference="De Jong 1975, An Analysis of the Behavior of a Class of Genetic "
        "Adaptive Systems, function F1",
        any_dimension=True,
    ),
    Surface(
        name="coupled_bowl",
        fn=_coupled_bowl,
        formula="x^2 + x*y + y^2",
        domain=((-5.0, 5.0),) * 2,
        start=(3.0, 4.0),
        minima=(Point((0.0, 0.0), 0.0),),
        lesson="The axes pull on each other: the path bends on its way down.",
        reference="Boyd and Vandenberghe 2004, Convex Optimization, section 9.3",
    ),
    Surface(
        name="ill_conditioned",
        fn=_ill_conditioned,
        formula="(x^2 + 100*y^2)/2",
        domain=((-120.0, 120.0), (-12.0, 12.0)),
        start=(100.0, 1.0),
        minima=(Point((0.0, 0.0), 0.0),),
        lesson="One side 100 times steeper: the worst zigzag that descent can make.",
        reference="Boyd and Vandenberghe 2004, Convex Optimization, section 9.3.2",
    ),
    Surface(
        name="booth",
        fn=_booth,
        formula="(x + 2*y - 7)^2 + (2*x + y - 5)^2",
        domain=((-10.0, 10.0),) * 2,
        start=(-5.0, 5.0),
        minima=(Point((1.0, 3.0), 0.0),),
        lesson="Least squares in two unknowns; the minimum is not at the origin.",
        reference="Jamil and Yang 2013, A Literature Survey of Benchmark Functions, "
        "arXiv 1308.4008",
    ),
    Surface(
        name="matyas",
        fn=_matyas,
        formula="0.26*(x^2 + y^2) - 0.48*x*y",
        domain=((-10.0, 10.0),) * 2,
        start=(8.0, -4.0),
        minima=(Point((0.0, 0.0), 0.0),),
        lesson="A bowl stretched along the diagonal: quick across, slow along.",
        reference="Jamil and Yang 2013, A Literature Survey of Benchmark Functions, "
        "arXiv 1308.4008",
    ),
)
