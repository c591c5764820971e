"""What kind of point it is, beside Hessians worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import rosen, rosen_der, rosen_hess

from steepest.diagnosis import Curvature, measure_curvature
from steepest.diagnosis.probes.curvature import MOST_PARAMS, curvature_of, hessian_of
from steepest.problems.foreign import Foreign
from steepest.problems.layout import Layout


def test_the_decrement_is_twice_the_gain_of_a_newton_step():
    hessian, grad = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([1.0, -2.0])
    step = -np.linalg.solve(hessian, grad)
    gain = -(grad @ step + step @ hessian @ step / 2)
    found = curvature_of(hessian, 1e-12, grad=grad).decrement
    assert found == pytest.approx(2 * gain, rel=1e-12)
    saddle = curvature_of(np.diag([2.0, -4.0, 0.0]), 1e-12, grad=np.array([1.0, 2, 9]))
    assert saddle.decrement == pytest.approx(1 / 2 + 4 / 4)
    assert np.isnan(curvature_of(hessian, 1e-12).decrement)


def measured(fn, *point):
    with jax.enable_x64(True):
        return measure_curvature(fn, jnp.array(point, float))


# fn, point, smallest and largest eigenvalue by hand, kind
POINTS = {
    "bowl": (lambda p: p[0] ** 2 + 5 * p[1] ** 2, (0, 0), (2, 10), "minimum"),
    "cross": (
        lambda p: p[0] ** 2 + p[0] * p[1] + p[1] ** 2,
        (3, 4),
        (1, 3),
        "minimum",
    ),
    "saddle": (lambda p: p[0] ** 2 - p[1] ** 2, (0, 0), (-2, 2), "saddle"),
    "summit": (lambda p: -jnp.sum(p**2) + 3, (0, 0), (-2, -2), "maximum"),
    "quartic": (lambda p: jnp.sum(p**4), (0, 0, 0), (0, 0), "plateau"),
    "monkey": (lambda p: p[0] ** 3 - 3 * p[0] * p[1] ** 2, (0, 0), (0, 0), "plateau"),
    "constant": (lambda p: 0 * p[0] + 7.0, (1,), (0, 0), "plateau"),
    "slope": (lambda p: 2 * p[0] + p[1], (1, 1), (0, 0), "plateau"),
    "valley": (lambda p: (p[0] - p[1]) ** 2, (1, 1), (0, 4), "minimum"),
    "ridge": (lambda p: -((p[0] - p[1]) ** 2), (1, 1), (-4, 0), "maximum"),
    "faint saddle": (
        lambda p: p[0] ** 2 - 1e-6 * p[1] ** 2,
        (0, 0),
        (-2e-6, 2),
        "saddle",
    ),
    "rosenbrock": (
        lambda p: 100 * (p[1] - p[0] ** 2) ** 2 + (1 - p[0]) ** 2,
        (1, 1),
        (501 - np.sqrt(250601), 501 + np.sqrt(250601)),
        "minimum",
    ),
}


@pytest.mark.parametrize("name", POINTS)
def test_kind_and_eigenvalues(name):
    fn, point, (smallest, largest), kind = POINTS[name]
    found = measured(fn, *point)
    assert found.smallest == pytest.approx(smallest, rel=1e-10, abs=1e-12)
    assert found.largest == pytest.approx(largest, rel=1e-10, abs=1e-12)
    assert found.kind == kind


@pytest.mark.parametrize("given", [True, False], ids=["gradients", "values"])
@pytest.mark.parametrize("name", POINTS)
def test_kind_and_eigenvalues_by_differences(name, given):
    fn, point, (smallest, largest), kind = POINTS[name]
    found = measure_curvature(foreign(fn, point, given=given), np.array(point, float))
    assert found.kind == kind
    assert found.smallest == pytest.approx(smallest, abs=found.noise)
    assert found.largest == pytest.approx(largest, abs=found.noise)
    assert found.noise < (1e-4 if given else 2e-2)


def foreign(fn, point, *, given):
    """A function that hides from jax, with or without its gradient."""
    start = np.array(point, float)
    with jax.enable_x64(True):
        slope = jax.jit(jax.grad(fn))
    grad = (lambda x: np.array(slope(x))) if given else None
    return Foreign(lambda x: float(fn(x)), grad, Layout.of(start))


def rosen_foreign(point, *, given, offset=0.0):
    grad = (lambda x: rosen_der(x)) if given else None
    return Foreign(lambda x: offset + float(rosen(x)), grad, Layout.of(point))


@pytest.mark.parametrize("given", [True, False], ids=["gradients", "values"])
@pytest.mark.parametrize("n", [2, 5, 12])
def test_differenced_hessians_beside_those_worked_out(n, given):
    point = np.random.default_rng(n).normal(size=n)
    fn = rosen_foreign(point, given=given)
    hessian, noise = hessian_of(fn, point)
    wanted = rosen_hess(point)
    error = np.linalg.norm(hessian - wanted, 2)
    assert error < noise
    assert error < (1e-6 if given else 1e-3) * np.linalg.norm(wanted, 2)


@pytest.mark.parametrize("given", [True, False], ids=["gradients", "values"])
@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("offset", [0.0, 1.0, 1e6])
def test_a_flat_direction_is_never_called_a_saddle(size, offset, given):
    """The noise covers the error, whatever the height and the offset."""
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]
    half = size * turn[:2]
    for seed in range(5):
        point = np.random.default_rng(seed).normal(size=4)
        fn = Foreign(
            lambda x: offset + float(np.sum((half @ x) ** 2)),
            (lambda x: 2 * half.T @ (half @ x)) if given else None,
            Layout.of(point),
        )
        hessian, noise = hessian_of(fn, point)
        assert np.linalg.norm(hessian - 2 * half.T @ half, 2) < noise
        assert measure_curvature(fn, point).kind in ("minimum", "plateau")


def test_by_values_few_params_are_measured_and_by_gradients_two_hundred():
    for n, slopes, known in ((30, False, True), (31, False, False), (200, True, True)):
        point = np.full(n, 0.5)
        fn = Foreign(
            lambda x: float(x @ x),
            (lambda x: 2 * x) if slopes else None,
            Layout.of(point),
        )
        assert (measure_curvature(fn, point) is not None) is known
    assert found_values(30) <= 2 * 30**2 + 2 * 30 + 2


def found_values(n):
    calls = []

    def counted(x):
        calls.append(1)
        return float(x @ x)

    measure_curvature(Foreign(counted, None, Layout.of(np.ones(n))), np.ones(n))
    return len(calls)


def test_noise_of_the_function_is_noise_of_its_curvature():
    rng = np.random.default_rng(0)
    fn = Foreign(
        lambda x: float(x @ x) + 1e-3 * rng.normal(), None, Layout.of(np.ones(2))
    )
    assert measure_curvature(fn, np.ones(2)).kind == "plateau"


def test_where_a_function_raises_nothing_is_known():
    def broken(x):
        raise ZeroDivisionError

    assert measure_curvature(Foreign(broken, None, Layout.of(1.0)), 1.0) is None
    edge = Foreign(lambda x: float(np.sqrt(x)), None, Layout.of(0.0))
    assert measure_curvature(edge, 0.0) is None


def test_any_symmetric_matrix_beside_numpy():
    matrices = np.random.default_rng(3).normal(size=(4, 5, 5))
    matrices += matrices.transpose(0, 2, 1)

    def form(params):
        flat = jnp.concatenate([params["x"].ravel(), params["y"][None]])
        return flat @ params["A"] @ flat / 2

    for matrix in matrices:
        with jax.enable_x64(True):
            found = measure_curvature(
                lambda p, m=matrix: form({**p, "A": jnp.asarray(m)}),
                {"x": jnp.ones((2, 2)), "y": jnp.array(0.5)},
            )
        values = np.linalg.eigvalsh(matrix)
        assert (found.smallest, found.largest) == pytest.approx(
            (values[0], values[-1]), rel=1e-10
        )


def test_two_hundred_params_are_measured_and_one_more_is_estimated():
    scale = jnp.linspace(1.0, 2.0, MOST_PARAMS)
    found = measure_curvature(lambda p: jnp.sum(scale * p**2), jnp.zeros(MOST_PARAMS))
    assert (found.smallest, found.largest) == pytest.approx((2.0, 4.0), rel=1e-5)
    assert not found.estimated
    found = measure_curvature(lambda p: 3 * p @ p, jnp.zeros(MOST_PARAMS + 1))
    assert found.estimated
    assert (found.smallest, found.largest) == pytest.approx((6.0, 6.0), rel=1e-5)


@pytest.mark.parametrize(
    "fn", [lambda p: jnp.sum(p**1.5), lambda p: jnp.sum(jnp.log(p))]
)
def test_a_hessian_that_is_not_finite_says_nothing(fn):
    assert measured(fn, 0.0, 1.0) is None


def test_rounding_is_no_curvature():
    """In 32 bits a flat direction of a steep bowl shows eigenvalues of about 1e-5."""
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 8)))[0]
    half = jnp.asarray(turn[:4] * 100.0, jnp.float32)
    found = measure_curvature(lambda p: jnp.sum((half @ p) ** 2), jnp.zeros(8))
    assert found.noise > abs(found.smallest)
    assert found.kind == "minimum"


@given(st.floats(-1e3, 1e3), st.floats(0, 1e3), st.floats(1e-12, 1.0))
def test_the_kind_is_told_by_what_stands_out_of_the_noise(smallest, width, noise):
    found = Curvature(smallest, smallest + width, noise)
    up, down = found.largest > noise, smallest < -noise
    kinds = {(1, 1): "saddle", (1, 0): "minimum", (0, 1): "maximum", (0, 0): "plateau"}
    assert found.kind == kinds[up, down]


def test_turning_the_function_over_turns_the_kind():
    found = Curvature(1.0, 3.0, 1e-12)
    assert Curvature(-3.0, -1.0, 1e-12).kind == "maximum" != found.kind
