"""What the rays see, and the verdicts of whole runs on functions with traps."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as sp
from steepest.diagnosis import survey
from steepest.diagnosis.probes.ways import LENGTHS, follow
from steepest.problems.bounds import Bounds
from steepest.problems.foreign import Foreign
from steepest.problems.layout import Layout
from steepest.records import Stop


def look(fn, *point, sign=1.0):
    with jax.enable_x64(True):
        return survey(fn, jnp.array(point, float), sign=sign)


def test_a_ray_is_followed_while_the_value_improves():
    bowl, slope = (LENGTHS - 0.25) ** 2, -LENGTHS
    ripple = np.where(LENGTHS < 0.1, LENGTHS, -1.0)
    flat, edge = 0 * LENGTHS, np.where(LENGTHS < 0.1, -LENGTHS, np.nan)
    way = follow(0.0625, np.stack([bowl]))
    assert (way.distances.tolist(), way.rises) == ([0.25], True)
    way = follow(0.0, np.stack([slope, ripple, flat, edge]))
    assert way.distances.tolist() == [1.0, 0.0, 0.0, 0.0625]
    assert way.gains.tolist() == [1.0, 0.0, 0.0, 0.0625]
    assert not way.rises
    assert follow(0.0, np.stack([ripple, LENGTHS])).rises


def test_the_newton_ray_finds_the_minimum_of_any_quadratic():
    """Along the gradient of an ill-conditioned bowl hardly anything is gained."""
    curvature, way = look(lambda p: 1e4 * p[0] ** 2 + p[1] ** 2, 1e-9, 0.25)
    assert curvature.kind == "minimum"
    assert way.gains.max() == pytest.approx(0.0625, rel=0.1)
    assert way.further(0.0, small=True)[0] == pytest.approx(0.25)


def test_a_hidden_way_down_is_seen_where_gradient_and_curvature_are_zero():
    for fn in (lambda p: p[0] ** 3 + p[1] ** 4, lambda p: jnp.sum(p**3)):
        curvature, way = look(fn, 0.0, 0.0)
        assert curvature.kind == "plateau"
        assert way.further(1.0, small=True) is not None
    assert look(lambda p: jnp.sum(p**4), 0.0, 0.0)[1].rises
    assert look(lambda p: -jnp.sum(p**4), 0.0, 0.0, sign=-1.0)[1].rises


def test_beyond_two_hundred_params_the_slope_and_an_estimate_are_walked():
    curvature, way = look(lambda p: 1e-10 * jnp.sum(p**2), *np.ones(201))
    assert (curvature.kind, curvature.estimated) == ("minimum", True)
    assert way.further(0.0, small=True)[0] == 0.5
    assert len(way.gains) == 3
    curvature, way = look(lambda p: jnp.sum(p[1:] ** 2) - p[0] ** 2, *np.zeros(201))
    assert curvature.kind == "saddle"
    assert way.gains[1:].max() == pytest.approx(1.0)


def peano(p):
    """A saddle at 0 that every straight line climbs: it falls along y = 2 x^2."""
    return (p[1] - p[0] ** 2) * (p[1] - 3 * p[0] ** 2)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("foreign", [False, True])
def test_a_bent_way_down_is_seen(sign, foreign):
    def fn(p):
        return sign * peano(p)

    hidden = Foreign(lambda p: float(fn(p)), None, Layout.of(np.ones(2)))
    curvature, way = look(hidden if foreign else fn, 0.0, 0.0, sign=sign)
    assert curvature.smallest * curvature.largest == pytest.approx(0, abs=1e-6)
    assert way.rises is False
    assert way.further(0.0, small=True) == pytest.approx((1.0, 1.0), rel=1e-3)
    line = follow(0.0, np.array([[peano((0.0, t)) for t in LENGTHS]]))
    assert line.rises


def test_a_level_floor_that_rises_or_stays_is_no_way_down():
    for fn in (
        lambda p: (p[1] - p[0] ** 2) ** 2,
        lambda p: (p[1] - p[0] ** 2) ** 2 + p[0] ** 4,
    ):
        assert look(fn, 0.0, 0.0)[1].further(1.0, small=True) is None


def test_a_ray_that_ends_at_the_bounds_has_its_top_there():
    with jax.enable_x64(True):
        box = Bounds(np.full(1, -1.0), np.full(1, 1.0))
        fn = lambda p: -jnp.sum(p**4)  # noqa: E731
        _, way = survey(fn, jnp.zeros(1), bounds=box)
        assert np.abs(way.onward(0.0, small=True)) == 1.0
        assert way.tops.max() == 1.0
        assert not survey(fn, jnp.ones(1) / 4)[1].tops.any()


def test_a_level_point_is_left_along_a_slope_that_leaves_its_ray():
    _, way = look(lambda p: p[0] ** 2 - p[1] ** 4, 0.0, 0.0)
    assert way.level
    assert way.onward(1.0, small=True) is not None
    assert look(lambda p: p[0] ** 2 - p[1] ** 4, 0.0, 1e-4)[1].level is False


def test_a_better_point_behind_a_ridge_is_seen_and_one_that_leaves_the_ray_is_not():
    ripple = np.where(LENGTHS < 0.1, LENGTHS, LENGTHS - 1.0)  # -0.875 at 1/8
    slope = -LENGTHS
    way = follow(0.0, np.stack([ripple, slope, LENGTHS]))
    assert way.tops.tolist() == [0.875, 0.0, 0.0]
    assert way.points[0].tolist() == [0.125]
    assert way.onward(1.0, small=True).tolist() == [0.125]
    assert way.onward(1e6, small=True).tolist() == [0.125], "the second ray slopes on"
    way = follow(0.0, np.stack([ripple, LENGTHS]))
    assert way.onward(1e6, small=True) is None, "too little beside what was gained"


@pytest.mark.parametrize("given", [True, False], ids=["gradients", "values"])
def test_foreign_functions_are_surveyed_like_traced_ones(given):
    def fn(p):
        return 1e4 * p[0] ** 2 + p[1] ** 2

    hidden = Foreign(
        lambda p: float(fn(p)),
        (lambda p: np.array([2e4 * p[0], 2 * p[1]])) if given else None,
        Layout.of(np.ones(2)),
    )
    for point in ([0.0, 0.0], [1e-9, 0.25]):
        curvature, way = look(fn, *point)
        found, seen = survey(hidden, np.array(point))
        assert found.kind == curvature.kind == "minimum"
        assert seen.rises == way.rises
        assert seen.gains.max() == pytest.approx(way.gains.max(), rel=1e-3)
    saddle = Foreign(
        lambda p: float(p[0] ** 2 - p[1] ** 2), None, Layout.of(np.ones(2))
    )
    curvature, way = survey(saddle, np.zeros(2))
    assert curvature.kind == "saddle"
    assert way.further(0.0, small=True) is not None
    assert survey(saddle, np.zeros(2), sign=-1.0)[1].further(0.0, small=True)


def test_no_more_values_are_asked_for_than_are_looked_at():
    calls = []

    def counted(p):
        calls.append(1)
        return float(p @ p)

    survey(Foreign(counted, lambda p: 2 * p, Layout.of(np.ones(2))), np.zeros(2))
    assert len(calls) < 110  # 21 on each of twelve rays, were all of them asked for


def test_leaving_the_domain_of_a_foreign_function_is_no_fault():
    fn = Foreign(lambda x: math.log(x) ** 2, None, Layout.of(1.0))
    curvature, way = survey(fn, 1.0)
    assert curvature.kind == "minimum"
    assert way.rises
    assert fn.fault is None


MINIMA = [
    ("x^2", 1e-7, {}),
    ("x^4", 1.0, {}),
    ("x^4 + y^4", {"x": 1.0, "y": 0.5}, {}),
    ("max(x, 0)^2", 1.0, {}),
    ("x^2 - 2e4*x + 1e8", 0.0, {}),
    ("abs(x)", 1.0, dict(optimizer="gd", learning_rate=0.25)),
    ("norm(x)", np.zeros(2), {}),
    ("x^2", 5.0, dict(optimizer="gd", learning_rate=0.1, ftol=1e-6)),
    ("rosenbrock", None, dict(ftol=1e-12)),
    *[
        (name, None, {})
        for name in (
            "ill_conditioned",
            "styblinski_tang",
            "ackley",
        )
    ],
]


@pytest.mark.parametrize(("objective", "start", "options"), MINIMA, ids=str)
def test_minima_are_called_minima(objective, start, options):
    run = sp.minimize(objective, start, progress=False, **options)
    assert (run.verdict.kind, run.converged) == ("minimum", True)


SLOPES = [
    ("x^3", 1.0, dict(optimizer="adgd")),
    ("x^3 + y^2", {"x": 1.0, "y": 1.0}, dict(escape=False)),
    ("exp(-x)", 0.0, {}),
    ("1/x", 1.0, dict(escape=False)),
    ("log(1 + exp(-x))", 0.0, {}),
    ("1e-10*x^2", 1.0, dict(escape=False)),
    ("1e-8*((x - 3)^2 + y^2)", {"x": 1.0, "y": 1.0}, dict(escape=False)),
    ("rosenbrock", None, dict(optimizer="adgd", ftol=1e-6)),
    ("rosenbrock", None, dict(optimizer="gd", learning_rate=1e-3, xtol=1e-4)),
]


@pytest.mark.parametrize(("objective", "start", "options"), SLOPES, ids=str)
def test_a_tolerance_met_on_a_slope_is_no_minimum(objective, start, options):
    run = sp.minimize(objective, start, progress=False, **options)
    assert run.stop.converged
    assert (run.verdict.kind, run.converged) == ("not_stationary", False)
    assert "the slope goes on" in run.verdict.headline


def test_the_same_up_the_hill():
    assert sp.maximize("-x^4", 1.0).verdict.kind == "maximum"
    run = sp.maximize("-exp(-x)", 0.0)
    assert (run.verdict.kind, run.converged) == ("not_stationary", False)


@pytest.mark.parametrize("rate", [0.9999, 1.0, 1.0001])
def test_a_rate_at_the_edge_is_to_be_lowered(rate):
    """x^2 has curvature 2: stable below 1, and 0.5 ends in one step."""
    options = dict(optimizer="gd", max_steps=50)
    run = sp.minimize("x^2", 5.0, learning_rate=rate, **options)
    assert run.stop is Stop.MAX_STEPS
    better = run.verdict.findings[0].remedy["learning_rate"]
    assert 0.4 < better <= 0.5
    assert sp.minimize("x^2", 5.0, **{**options, "learning_rate": better}).converged


def test_walking_out_of_the_domain_is_not_called_divergence():
    run = sp.minimize("sqrt(x)", 1.0, optimizer="gd", learning_rate=0.5)
    assert run.stop is Stop.NONFINITE
    assert "where the value became nan at step" in run.verdict.headline


def test_fits_are_judged_beside_the_baseline():
    x = np.random.default_rng(0).normal(size=(60, 2))
    data = (x, x @ [2.0, -1.0])
    run = sp.fit(data, learning_rate=1e-8, epochs=5).run
    assert run.verdict.findings[0].symptom == "step_too_small"
    assert "the steps are too short" in run.verdict.findings[0].advice
    assert sp.fit(data).run.verdict.findings == ()
