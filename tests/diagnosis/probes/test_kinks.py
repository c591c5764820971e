"""Kinks: what the slopes around a point leave, beside answers known by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import nnls

from steepest.diagnosis.probes.kinks import BALANCED, MOST, imbalance, shortest
from steepest.problems.bounds import Bounds
from steepest.problems.foreign import Foreign
from steepest.problems.layout import Layout


@pytest.fixture(autouse=True)
def _in_64_bits():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("m", [1, 2, 5, 40])
@pytest.mark.parametrize("n", [1, 2, 8])
@pytest.mark.parametrize("shift", [0.0, 0.5, 2.0])
def test_the_nearest_point_of_a_hull_beside_scipy(m, n, shift):
    points = np.random.default_rng(m + n).normal(size=(m, n)) + shift
    points /= np.linalg.norm(points, axis=1).max()
    heavy = 1e4
    system = np.vstack([points.T, np.full(m, heavy)])
    weights, _ = nnls(system, np.append(np.zeros(n), heavy))
    expected = np.linalg.norm(weights @ points / weights.sum())
    assert shortest(points) == pytest.approx(expected, abs=1e-6)


def test_points_that_are_one_point():
    assert shortest(np.full((6, 2), 0.6)) == pytest.approx(0.6 * 2**0.5)
    assert shortest(np.zeros((3, 2))) == 0


def rest(*args, **options):
    found = imbalance(*args, **options)
    assert found is not None
    return found


TURN = np.array([[np.cos(0.3), np.sin(0.3)], [-np.sin(0.3), np.cos(0.3)]])


def ridge(x):
    along, across = TURN @ x
    return jnp.abs(along) + 10 * jnp.abs(across)


def valley(x):
    return jnp.abs(1 - x[0]) + 100 * jnp.abs(x[1] - x[0] ** 2)


def bent(x):
    return jnp.abs(x[0] - 1) + (x[0] - 2) ** 2 / 10


@pytest.mark.parametrize(
    ("fn", "point"),
    [
        (lambda x: jnp.sum(jnp.abs(x)), np.zeros(3)),
        (lambda x: jnp.max(jnp.abs(x)), np.full(3, 1e-16)),
        (jnp.linalg.norm, np.full(2, 1e-25)),
        (ridge, np.zeros(2)),
        (valley, np.ones(2)),
        (bent, np.ones(1)),
        (lambda x: -jnp.linalg.norm(x), np.full(2, 1e-25)),
    ],
    ids=["sum", "max", "norm", "ridge", "valley", "bent", "summit"],
)
def test_at_a_kink_the_slopes_balance(fn, point):
    assert rest(fn, point) <= BALANCED


@pytest.mark.parametrize(
    ("fn", "point", "left"),
    [
        (ridge, 2 * TURN[0], 1 / 101**0.5),
        # along the floor (1, 1) the slope is -1/sqrt(2); beside it up to (-101, 100)
        (valley, np.array([0.5, 0.25]), 0.5**0.5 / np.hypot(101, 100)),
        (lambda x: jnp.sum(x**2), np.ones(2), 1.0),
    ],
    ids=["ridge", "valley", "smooth"],
)
def test_on_a_slope_the_rest_is_the_slope_along_the_floor(fn, point, left):
    assert rest(fn, point) == pytest.approx(left, rel=1e-3)


def test_a_function_in_numpy_is_blurred_and_still_balances():
    def fn(x):
        return float(np.abs(x).sum())

    layout = Layout.of(np.zeros(2))
    for grad in (None, np.sign):
        foreign = Foreign(fn, grad, layout)
        assert rest(foreign, np.zeros(2)) <= BALANCED
        assert rest(foreign, np.array([0.0, 3.0])) > 0.5


def test_what_bounds_hold_does_not_count():
    def fn(x):
        return jnp.abs(x[0] - 1) + 3 * x[1]

    bounds = Bounds(np.array([-9.0, 0.0]), np.array([9.0, 9.0]))
    assert rest(fn, np.array([1.0, 0.0]), bounds=bounds) <= BALANCED
    assert rest(fn, np.array([1.0, 0.0])) > 0.5
    assert rest(fn, np.array([1.0, 0.0]), sign=-1.0, bounds=bounds) > 0.5


@pytest.mark.parametrize(
    ("fn", "point"),
    [
        (jnp.log, 1e-20),
        (jnp.sqrt, 1e-20),
        (lambda x: 0.0 * x, 1.0),
        (lambda x: jnp.sum(jnp.abs(x)), np.zeros(MOST + 1)),
        (lambda x: jnp.sum(x), np.full(2, 1e308)),
    ],
    ids=["log", "sqrt", "constant", "many", "overflow"],
)
def test_what_cannot_be_known_is_not_claimed(fn, point):
    found = imbalance(fn, point)
    assert found is None or found > 0.5
