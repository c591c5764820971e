"""What every surface of the gallery owes: a new entry is tested by being there."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

from steepest.core.errors import UsageError
from steepest.problems.formulas import parse
from steepest.problems.gallery import GALLERY, get

SIZED = [
    pytest.param(surface.sized(n), id=f"{surface.name}-{n}")
    for surface in GALLERY.values()
    for n in ((2, 4) if surface.any_dimension else (surface.dimension,))
]
POINTS = [
    pytest.param(surface.values[0], point, id=f"{surface.id}-{i}")
    for surface in SIZED
    for i, point in enumerate(surface.values[0].minima + surface.values[0].stationary)
]
every_surface = pytest.mark.parametrize("surface", SIZED)
every_point = pytest.mark.parametrize(("surface", "point"), POINTS)


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


ROWS = 5_000


@functools.partial(jax.jit, static_argnums=0)
def value_and_slope(surface, x):
    return jax.value_and_grad(surface.fn)(x)


def curvatures(surface, at):
    """Eigenvalues of the Hessian, by differences of the gradient."""
    rows = []
    for step in 1e-5 * np.eye(surface.dimension):
        ahead, behind = (value_and_slope(surface, at + s)[1] for s in (step, -step))
        rows.append((ahead - behind) / 2e-5)
    return np.linalg.eigvalsh((np.array(rows) + np.transpose(rows)) / 2)


@functools.partial(jax.jit, static_argnums=0)
def compiled_values(surface, rows):
    return jax.vmap(surface.fn)(rows)


def values(surface, rows):
    """The value at each row; one shape for all, so that each compiles once."""
    filled = np.resize(rows, (ROWS, surface.dimension))
    return np.asarray(compiled_values(surface, filled))[: len(rows)]


def places(surface, count):
    """Random points of the domain, one a row."""
    low, high = np.array(surface.domain).T
    return np.random.default_rng(0).uniform(low, high, (count, surface.dimension))


def rises(surface, point):
    """Values at random points close to a point, less the value there."""
    low, high = np.array(surface.domain).T
    steps = np.random.default_rng(1).normal(size=(200, surface.dimension))
    near = np.array(point.at) + steps * 1e-3 * np.minimum(high - low, 10)
    return values(surface, near) - values(surface, np.array([point.at]))


@every_surface
def test_it_is_described(surface):
    assert surface.reference
    assert surface.lesson.endswith(".")
    assert surface.minima or surface.stationary or surface.any_dimension
    assert hash(surface) == hash(surface)
    assert GALLERY[surface.name].name == surface.name


@every_surface
def test_it_starts_inside_its_domain_with_somewhere_to_go(surface):
    assert len(surface.domain) == len(surface.start) == surface.dimension
    for (low, high), coordinate in zip(surface.domain, surface.start, strict=True):
        assert low <= coordinate <= high
    value, slope = value_and_slope(surface, jnp.array(surface.start))
    assert np.isfinite(value)
    assert 1e-6 < np.linalg.norm(slope) < np.inf


@every_point
def test_gradient_is_zero_and_value_as_stated(surface, point):
    value, slope = value_and_slope(surface, jnp.array(point.at))
    bend = curvatures(surface, np.array(point.at))
    assert value == pytest.approx(point.value, rel=1e-13, abs=1e-13)
    # The coordinates are rounded: a relative 1e-15 of them times the curvature.
    np.testing.assert_allclose(slope, 0, atol=1e-14 * (1 + np.abs(bend).max()))
    for (low, high), coordinate in zip(surface.domain, point.at, strict=True):
        assert low <= coordinate <= high


@every_point
def test_the_point_is_of_its_kind(surface, point):
    bend = curvatures(surface, np.array(point.at))
    noise = 1e-6 * (1 + np.abs(bend).max())
    rise = rises(surface, point)
    if point.kind == "minimum":
        assert bend.min() > -noise
        assert rise.min() > 0
    elif point.kind == "maximum":
        assert bend.max() < noise
        assert rise.max() < 0
    else:
        assert rise.min() < 0 < rise.max()
        assert (bend.min() < -noise and bend.max() > noise) or np.abs(
            bend
        ).max() < noise


@every_surface
def test_no_place_of_the_domain_lies_below_the_lowest_minimum(surface):
    if not surface.minima:
        return
    lowest = surface.minima[0].value
    assert lowest == min(point.value for point in surface.minima)
    assert values(surface, places(surface, ROWS)).min() > lowest


@every_surface
def test_minima_are_minima_and_other_points_are_not(surface):
    assert {point.kind for point in surface.minima} <= {"minimum"}
    assert "minimum" not in {point.kind for point in surface.stationary}


@every_surface
def test_gradient_agrees_with_differences(surface):
    for place in places(surface, 5):
        value, slope = value_and_slope(surface, place)
        step = 1e-6 * np.maximum(1, np.abs(place))
        ahead = values(surface, place + np.diag(step))
        behind = values(surface, place - np.diag(step))
        noise = 1e-8 * (1 + abs(float(value)))
        difference = (ahead - behind) / (2 * step)
        np.testing.assert_allclose(slope, difference, rtol=1e-6, atol=noise)


@every_surface
def test_formula_and_function_are_the_same(surface):
    formula = parse(surface.formula)
    compiled = jax.jit(formula)
    rows = places(surface, 10)
    for place, expected in zip(rows, values(surface, rows), strict=True):
        if formula.variables[:2] == ("x", "y"):
            point = dict(zip(("x", "y"), place, strict=True))
        else:
            point = {"x": place, "i": np.arange(1.0, surface.dimension + 1)}
            point = {name: point[name] for name in formula.variables}
        assert compiled(point) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    formula.check(point)


@every_surface
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_precision_is_that_of_the_point(surface, dtype):
    point = jax.ShapeDtypeStruct((surface.dimension,), dtype)
    assert jax.eval_shape(surface.fn, point).dtype == dtype


def test_the_gallery_is_complete():
    assert len(GALLERY) >= 16
    assert set(GALLERY) >= {
        *("bowl", "coupled_bowl", "ill_conditioned", "booth", "matyas", "beale"),
        *("rosenbrock", "himmelblau", "rastrigin", "ackley", "styblinski_tang"),
        *("goldstein_price", "michalewicz", "saddle", "monkey_saddle", "plateau"),
    }
    assert len({surface.fn for surface in GALLERY.values()}) == len(GALLERY)


def test_rosenbrock_is_scipys():
    surface = get("rosenbrock").sized(6)
    for place in places(surface, 20):
        got = value_and_slope(surface, place)
        np.testing.assert_allclose(got[0], scipy.optimize.rosen(place), rtol=1e-13)
        np.testing.assert_allclose(got[1], scipy.optimize.rosen_der(place), rtol=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ackley_is_finite_at_its_tip(dtype):
    value, slope = jax.jit(jax.value_and_grad(get("ackley")))(jnp.zeros(3, dtype))
    assert abs(value) < 1e-5
    assert not slope.any()


def test_known_values():
    assert get("coupled_bowl")(jnp.array([2.0, 1.0])) == 7.0
    assert get("bowl")(jnp.array([3.0, 4.0])) == 25.0
    assert get("michalewicz").minima[0].value == pytest.approx(-1.8013, abs=1e-4)
    assert get("styblinski_tang").minima[0].value == pytest.approx(
        2 * -39.16617, abs=1e-4
    )
    assert get("rosenbrock")(jnp.array([-1.2, 1.0])) == pytest.approx(24.2)


def test_other_dimensions():
    ackley = get("ackley")
    assert ackley.sized(2) is ackley
    assert ackley.sized(4) is ackley.sized(4)
    assert ackley.sized(4).start == (2.5, -1.5, 2.5, -1.5)
    assert get("michalewicz").sized(5).minima == ()
    expected = -39.16616570377142 * 7
    assert get("styblinski_tang").sized(7).minima[0].value == pytest.approx(expected)


@pytest.mark.parametrize("n", [1, 0, -2, 2.5, True, "3"])
def test_dimensions_that_are_none(n):
    with pytest.raises(UsageError, match="whole number of at least 2"):
        get("bowl").sized(n)


def test_a_fixed_dimension_stays():
    assert get("powell").sized(4).dimension == 4
    with pytest.raises(UsageError, match="2 dimensions and no other"):
        get("booth").sized(3)


@pytest.mark.parametrize("name", ["rosenbrok", "", None, ["bowl"], 3])
def test_unknown_name(name):
    with pytest.raises(UsageError, match="The gallery has no"):
        get(name)
