"""Edges, poles, jumps and noise: told from values close by, in whole runs too."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as sp
from steepest.diagnosis import survey
from steepest.diagnosis.probes.places import Place
from steepest.problems.foreign import Foreign
from steepest.problems.layout import Layout


def place(fn, *point, sign=1.0):
    with jax.enable_x64(True):
        return survey(fn, jnp.array(point, float), sign=sign)[1].place


SEEN = [
    ("pole", lambda p: jnp.sum(jnp.log(jnp.abs(p - 1))), 1 + 1e-15),
    ("pole", lambda p: -jnp.sum(1 / jnp.abs(p - 1)), 1 - 1e-15),
    ("pole", lambda p: -1 / (p[0] - 1) ** 2, 1 - 1e-15),
    ("edge", lambda p: jnp.sum(jnp.log(p)), 1e-20),
    ("edge", lambda p: jnp.sum(jnp.sqrt(p)), 1e-20),
    ("edge", lambda p: -jnp.sum(jnp.arccos(p)), -1 + 1e-15),
    ("jump", lambda p: jnp.sum(p**2 + jnp.floor(10 * p) / 10), -0.4 - 1e-15),
    ("plain", lambda p: jnp.sum(jnp.abs(p - 1)), 1 + 1e-15),
    ("plain", lambda p: jnp.sum(jnp.sqrt(jnp.abs(p - 1))), 1 + 1e-15),
    ("plain", lambda p: jnp.sum((p * 1e12 - 3) ** 2), 3.001e-12),
    ("plain", lambda p: jnp.sum(p**2), 0.3),
    ("plain", lambda p: jnp.sum(p - 1e-5 * jnp.log(p)), 1e-3),
    ("plain", lambda p: -jnp.sum(jnp.sqrt(1 - p**2)) + p[0], 0.0),
]


@pytest.mark.parametrize(("kind", "fn", "point"), SEEN, ids=range(len(SEEN)))
def test_what_stands_in_the_way(kind, fn, point):
    assert place(fn, point).kind == kind
    assert place(lambda p: -fn(p), point, sign=-1.0).kind == kind
    hidden = Foreign(lambda p: float(fn(p)), jax.grad(fn), Layout.of(np.ones(1)))
    with jax.enable_x64(True):
        assert survey(hidden, np.array([point]))[1].place.kind == kind


def test_how_high_a_jump_is():
    found = place(lambda p: p[0] ** 2 + (p[0] > 0) * 0.25 - p[0], 0.0)
    assert found.kind == "jump"
    assert found.size == pytest.approx(0.25, abs=1e-5)


def test_noise_is_measured():
    rng = np.random.default_rng(0)
    layout = Layout.of(np.ones(2))

    def noisy(p):
        return float(p @ p + 1e-3 * rng.standard_normal())

    found = survey(Foreign(noisy, None, layout), np.zeros(2))[1].place
    assert found.kind == "noisy"
    assert 4e-4 < found.size < 2e-3
    steady = Foreign(lambda p: float(p @ p), None, layout)
    assert survey(steady, np.zeros(2))[1].place == Place()


def test_every_place_has_words():
    for kind in ("edge", "pole", "jump", "ridge", "noisy"):
        found = Place(kind, 0.5)
        assert found.why("falls")
        for bounds in (None, [0, 1]):
            advice = found.advice({"bounds": bounds, "direction": "maximize"})
            assert advice.endswith(".")
            assert "minimum" not in advice
    assert not Place().why("falls")
    assert not Place().advice({})


def of(door, fn, start, **options):
    run = door(fn, start, progress=False, **options)
    assert np.isfinite(run.value)
    return run


ENDLESS = [
    (sp.minimize, "log(x)", 1.0, "edge"),
    (sp.minimize, lambda p: -1 / p, 1.0, "edge"),
    (sp.minimize, lambda p: jnp.log(p) + (p - 1) ** 2, 1.0, "edge"),
    (sp.maximize, lambda p: 1 / p, 1.0, "edge"),
]


@pytest.mark.parametrize(("door", "fn", "start", "words"), ENDLESS, ids=range(4))
def test_an_endless_value_on_a_bound_is_no_minimum(door, fn, start, words):
    run = of(door, fn, start, bounds=(0, None))
    assert (run.verdict.kind, run.converged) == ("not_stationary", False)
    assert words in run.verdict.headline


def test_an_endless_value_reaches_no_target():
    run = of(sp.minimize, "log(x)", 1.0, bounds=(0, None), target=-50.0)
    assert run.stop is not sp.Stop.TARGET
    assert not run.converged


POLES = [
    (sp.minimize, "-1/abs(x - 0.5)", 0.0),
    (sp.minimize, "log(abs(x))", 1.0),
    (sp.minimize, lambda p: jnp.log(jnp.abs(p - 1)), 0.0),
    (sp.maximize, lambda p: 1 / (p - 1) ** 2, 0.0),
]


@pytest.mark.parametrize(("door", "fn", "start"), POLES, ids=range(4))
def test_a_pole_is_no_kink(door, fn, start):
    run = of(door, fn, start)
    assert not run.converged
    assert run.steps < 2000
    assert "without bound on the way to a pole" in run.verdict.headline


def test_a_point_inside_of_the_domain_is_not_called_an_edge():
    run = of(sp.minimize, "-sqrt(1 - x^2) + x", {"x": 0.0})
    assert run.converged
    assert run.params["x"] == pytest.approx(-(0.5**0.5), abs=1e-6)


EARLY = [
    (lambda p: -jnp.arccos(p), 0.0, "edge of the function's domain"),
    (lambda x: float(np.sqrt(x - 1) + x), 3.0, "edge of the function's domain"),
    (lambda p: p**2 + jnp.floor(10 * p) / 10, 1.0, "jumps the wrong way"),
]


@pytest.mark.parametrize(("fn", "start", "words"), EARLY, ids=range(3))
def test_a_search_that_finds_nothing_better_ends_early(fn, start, words):
    with np.errstate(invalid="ignore"):
        run = of(sp.minimize, fn, start)
    assert (run.stop, run.converged) == (sp.Stop.PRECISION, False)
    assert run.steps < 2000
    assert words in run.verdict.headline
    assert "max_steps" not in run.verdict.findings[0].advice


def ridge(p):
    return 10 * jnp.abs(p[0] - p[1]) + (p[0] + p[1] - 4) ** 2


def test_a_kink_is_reached_and_a_ridge_is_named():
    run = of(sp.minimize, ridge, np.array([1.0, 0.0]))
    assert "at a kink" in run.verdict.headline
    assert run.steps < 1000
    np.testing.assert_allclose(run.params, 2.0, atol=1e-6)
    stuck = dict(optimizer="gd", learning_rate="backtracking")
    run = of(sp.minimize, ridge, np.array([1.0, 0.0]), **stuck)
    assert not run.converged
    assert "a kink here, along which it still falls" in run.verdict.headline
    assert "use optimizer='auto', or smooth" in run.verdict.findings[0].advice


def test_a_noisy_function_is_told_its_noise():
    rng = np.random.default_rng(0)
    run = of(
        sp.minimize,
        lambda x: float(np.sum(x**2) + 1e-4 * rng.standard_normal()),
        np.array([1.0, 2.0]),
    )
    words = [run.verdict.headline, *(f.advice for f in run.verdict.findings)]
    assert any("at one point differ, by about" in text for text in words)
    assert not any("rescale" in text for text in words)


def test_a_steep_smooth_bowl_has_no_kink():
    run = of(sp.minimize, lambda p: jnp.sum((p * 1e12 - 3) ** 2), np.array([1.0, 2.0]))
    assert run.converged
    assert "kink" not in run.verdict.headline


def test_a_budget_on_a_slope_that_met_gtol_claims_nothing():
    run = of(sp.minimize, "1e-9*x", 0.0, max_steps=200)
    assert (run.verdict.kind, run.converged) == ("not_stationary", False)


def test_a_saddle_among_many_params_is_left():
    def fn(p):
        return jnp.sum(p[:-1] ** 2) - p[-1] ** 2 + p[-1] ** 4

    start = np.append(np.ones(299), 0.0)
    stays = of(sp.minimize, fn, start, escape=False)
    assert (stays.verdict.kind, stays.converged) == ("saddle", False)
    run = of(sp.minimize, fn, start)
    assert run.converged
    assert run.value == pytest.approx(-0.25)


def test_bounds_end_the_way_out_of_a_level_top():
    run = of(sp.minimize, lambda p: -(p**4), 0.0, bounds=(-1, 1))
    assert run.converged
    assert abs(run.params) == 1.0


@pytest.mark.parametrize("formula", ["x^2 + y^3", "x^2 - y^4"])
def test_a_level_point_is_told_to_escape_and_it_helps(formula):
    start = {"x": 1.0, "y": 0.0}
    stays = of(sp.minimize, formula, start, escape=False)
    assert stays.verdict.findings[0].remedy == {"escape": True}
    run = of(sp.minimize, formula, start, escape=True)
    assert run.verdict.kind == "diverged"
    assert "falls without bound" in run.verdict.headline
