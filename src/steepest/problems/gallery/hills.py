"""Surfaces with many minima: where descent ends depends on where it began."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from steepest.problems.formulas.functions import safe_sqrt
from steepest.problems.gallery.surface import Point, Surface


def _himmelblau(point: jax.Array) -> jax.Array:
    x, y = point
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def _three_hump_camel(point: jax.Array) -> jax.Array:
    x, y = point
    return 2 * x**2 - 1.05 * x**4 + x**6 / 6 + x * y + y**2


def _six_hump_camel(point: jax.Array) -> jax.Array:
    x, y = point
    return (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2


def _rastrigin(x: jax.Array) -> jax.Array:
    return jnp.sum(x**2 + 10 * (1 - jnp.cos(2 * jnp.pi * x)))


def _ackley(x: jax.Array) -> jax.Array:
    # A cone stands at the minimum; safe_sqrt makes its slope there 0, not nan.
    cone = -20 * jnp.exp(-0.2 * safe_sqrt(jnp.mean(x**2)))
    return cone - jnp.exp(jnp.mean(jnp.cos(2 * jnp.pi * x))) + 20 + math.e


def _griewank(x: jax.Array) -> jax.Array:
    i = jnp.arange(1, x.shape[0] + 1, dtype=x.dtype)
    return jnp.sum(x**2) / 4000 - jnp.prod(jnp.cos(x / jnp.sqrt(i))) + 1


def _styblinski_tang(x: jax.Array) -> jax.Array:
    return jnp.sum(x**4 - 16 * x**2 + 5 * x) / 2


def _levy(x: jax.Array) -> jax.Array:
    w = 1 + (x - 1) / 4
    first = jnp.sin(jnp.pi * w[0]) ** 2
    inner = (w[:-1] - 1) ** 2 * (1 + 10 * jnp.sin(jnp.pi * w[:-1] + 1) ** 2)
    last = (w[-1] - 1) ** 2 * (1 + jnp.sin(2 * jnp.pi * w[-1]) ** 2)
    return first + jnp.sum(inner) + last


def _michalewicz(x: jax.Array) -> jax.Array:
    i = jnp.arange(1, x.shape[0] + 1, dtype=x.dtype)
    return -jnp.sum(jnp.sin(x) * jnp.sin(i * x**2 / jnp.pi) ** 20)


_HIMMELBLAU = Surface(
    name="himmelblau",
    fn=_himmelblau,
    formula="(x^2 + y - 11)^2 + (x + y^2 - 7)^2",
    domain=((-5.0, 5.0),) * 2,
    start=(0.0, 0.0),
    minima=(
        Point((3.0, 2.0), 0.0),
        Point((-2.80511808695274485, 3.13131251825057297), 0.0),
        Point((-3.77931025337774689, -3.28318599128616941), 0.0),
        Point((3.58442834033049174, -1.84812652696440355), 0.0),
    ),
    stationary=(
        Point(
            (-0.270844590667347613, -0.923038556479981463),
            181.61652152258270,
            "maximum",
        ),
        Point(
            (3.38515418360702094, 0.0738518798377492877), 13.311926270405590, "saddle"
        ),
        Point(
            (-3.07302575076438961, -0.0813530442879675116), 104.01516291755811, "saddle"
        ),
        Point(
            (-0.127961346730680066, -1.95371498024457643), 178.33723920192746, "saddle"
        ),
        Point(
            (0.0866775045553963518, 2.88425470117477611), 67.719150087526139, "saddle"
        ),
    ),
    lesson="Four minima of the same value, parted by four saddles.",
    reference="Himmelblau 1972, Applied Nonlinear Programming",
)

_THREE_HUMP_CAMEL = Surface(
    name="three_hump_camel",
    fn=_three_hump_camel,
    formula="2*x^2 - 1.05*x^4 + x^6/6 + x*y + y^2",
    domain=((-5.0, 5.0),) * 2,
    start=(-2.0, 2.0),
    minima=(
        Point((0.0, 0.0), 0.0),
        Point((1.7475523458302889, -0.873776172915144449), 0.29863844223685982),
        Point((-1.7475523458302889, 0.873776172915144449), 0.29863844223685982),
    ),
    stationary=(
        Point(
            (1.07054229182365997, -0.535271145911829987), 0.87736155776314018, "saddle"
        ),
        Point(
            (-1.07054229182365997, 0.535271145911829987), 0.87736155776314018, "saddle"
        ),
    ),
    lesson="From most starts descent ends in one of the two higher valleys.",
    reference="Jamil and Yang 2013, A Literature Survey of Benchmark Functions, "
    "arXiv 1308.4008",
)

_SIX_HUMP_CAMEL = Surface(
    name="six_hump_camel",
    fn=_six_hump_camel,
    formula="(4 - 2.1*x^2 + x^4/3)*x^2 + x*y + (4*y^2 - 4)*y^2",
    domain=((-3.0, 3.0), (-2.0, 2.0)),
    start=(-1.0, 1.0),
    minima=(
        Point((0.0898420131003180624, -0.712656403020739633), -1.03162845348987735),
        Point((-0.0898420131003180624, 0.712656403020739633), -1.03162845348987735),
        Point((1.70360671496998085, -0.796083568672625119), -0.215463824383717638),
        Point((-1.70360671496998085, 0.796083568672625119), -0.215463824383717638),
        Point((1.60710475292019723, 0.568651454884131371), 2.10425031031125827),
        Point((-1.60710475292019723, -0.568651454884131371), 2.10425031031125827),
    ),
    stationary=(Point((0.0, 0.0), 0.0, "saddle"),),
    lesson="Six minima of three heights; the origin is a saddle.",
    reference="Dixon and Szego 1978, Towards Global Optimisation 2",
)

_RASTRIGIN = Surface(
    name="rastrigin",
    fn=_rastrigin,
    formula="sum(x^2 + 10*(1 - cos(2*pi*x)))",
    domain=((-5.12, 5.12),) * 2,
    start=(2.2, -1.3),
    minima=(Point((0.0, 0.0), 0.0),),
    lesson="A minimum near every whole number: descent stays where it fell.",
    reference="Rastrigin 1974, Systems of Extremal Control; for any n: Muhlenbein, "
    "Schomisch and Born 1991, Parallel Computing 17",
    any_dimension=True,
)

_ACKLEY = Surface(
    name="ackley",
    fn=_ackley,
    formula="20 + e - 20*exp(-sqrt(mean(x^2))/5) - exp(mean(cos(2*pi*x)))",
    domain=((-32.768, 32.768),) * 2,
    start=(2.5, -1.5),
    minima=(Point((0.0, 0.0), 0.0),),
    lesson="Ripples on a plain around one deep hole, whose tip is a cone.",
    reference="Ackley 1987, A Connectionist Machine for Genetic Hillclimbing",
    any_dimension=True,
)

_GRIEWANK = Surface(
    name="griewank",
    fn=_griewank,
    formula="sum(x^2)/4000 - prod(cos(x/sqrt(i))) + 1",
    domain=((-600.0, 600.0),) * 2,
    start=(30.0, -20.0),
    minima=(Point((0.0, 0.0), 0.0),),
    lesson="From afar a bowl, from near a field of ripples.",
    reference="Griewank 1981, Generalized Descent for Global Optimization, Journal of "
    "Optimization Theory and Applications 34(1)",
    any_dimension=True,
)

_STYBLINSKI_TANG = Surface(
    name="styblinski_tang",
    fn=_styblinski_tang,
    formula="sum(x^4 - 16*x^2 + 5*x)/2",
    domain=((-5.0, 5.0),) * 2,
    start=(0.0, 0.0),
    minima=(
        Point((-2.9035340277711771,) * 2, -78.332331407542831),
        Point((2.74680277099083699,) * 2, -50.0588933105678852),
    ),
    stationary=(Point((0.156731256780340103,) * 2, 0.391224718110716142, "maximum"),),
    lesson="Two valleys in every coordinate; only one corner of them is the lowest.",
    reference="Styblinski and Tang 1990, Experiments in Nonconvex Optimization, Neural "
    "Networks 3(4)",
    any_dimension=True,
)

_LEVY = Surface(
    name="levy",
    fn=_levy,
    formula="sin(pi*(x[0] + 3)/4)^2"
    " + sum(((x[:-1] - 1)/4)^2*(1 + 10*sin(pi*(x[:-1] + 3)/4 + 1)^2))"
    " + ((x[-1] - 1)/4)^2*(1 + sin(pi*(x[-1] + 3)/2)^2)",
    domain=((-10.0, 10.0),) * 2,
    start=(-4.0, 3.0),
    minima=(Point((1.0, 1.0), 0.0),),
    lesson="Waves on a parabola, each deeper than the last.",
    reference="Levy and Montalvo 1985, The Tunneling Algorithm for the Global "
    "Minimization of Functions, SIAM J. Sci. Stat. Comput. 6(1)",
    any_dimension=True,
)

_MICHALEWICZ = Surface(
    name="michalewicz",
    fn=_michalewicz,
    formula="-sum(sin(x)*sin(i*x^2/pi)^20)",
    domain=((0.0, math.pi),) * 2,
    start=(2.0, 1.5),
    minima=(Point((2.20290552017260935, math.pi / 2), -1.80130341009855253),),
    lesson="Narrow trenches across a plain: almost everywhere the slope says nothing.",
    reference="Michalewicz 1992, Genetic Algorithms + Data Structures = Evolution "
    "Programs",
    any_dimension=True,
)

SURFACES = (
    _HIMMELBLAU,
    _THREE_HUMP_CAMEL,
    _SIX_HUMP_CAMEL,
    _RASTRIGIN,
    _ACKLEY,
    _GRIEWANK,
    _STYBLINSKI_TANG,
    _LEVY,
    _MICHALEWICZ,
)
