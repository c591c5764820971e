"""Rounded kinks: beside the formula and differences, at each width."""

import jax
import numpy as np
import pytest

from steepest.core import random
from steepest.descent.kernels import Csr, Plan
from steepest.descent.linear_tables import Table
from steepest.descent.rounded import GAP, WIDEST, RoundedEngine, kink_of
from steepest.descent.summed import objective
from steepest.records.stop import Limits
from steepest.steps import settle

RNG = np.random.default_rng(0)
N, D = 40, 3
X = RNG.normal(size=(N, D))
X[RNG.random((N, D)) < 0.3] = 0.0
Y = X @ [1.0, -2.0, 0.5] + RNG.normal(size=N)
WEIGHT = RNG.uniform(0.5, 2.0, N)
LIMITS = Limits(1e-9, 1e-12, None, None, None, 2**31 - 1)


def sparse(rows):
    rows = np.asarray(rows)
    at = [np.flatnonzero(row) for row in rows]
    indptr = np.cumsum([0, *map(len, at)])
    data = np.concatenate([row[j] for row, j in zip(rows, at, strict=True)])
    return Csr(data, np.concatenate(at).astype(np.int32), indptr.astype(np.int64))


def table(loss, *, csr=False):
    y = (Y > 0).astype(float) if loss == "hinge" else Y
    return Table(sparse(X) if csr else X, y, WEIGHT, D)


def engine(loss, *, l1=0.0, l2=0.0, csr=False, q=0.3):
    plan = Plan(loss=loss, parameter=q, l1=l1, l2=l2)
    rule, numbers = settle("bb" if l1 else "lbfgs")
    return RoundedEngine(plan, table(loss, csr=csr), 1, rule, numbers, LIMITS)


def by_formula(loss, theta, *, width, l2, q=0.3):
    p = X @ theta[1:] + theta[0]
    s = np.where(Y > 0, 1.0, -1.0)
    r = 1 - s * p if loss == "hinge" else p - Y
    size = np.where(abs(r) <= width, r**2 / (2 * width) + width / 2, abs(r))
    each = {
        "absolute": size,
        "quantile": 0.5 * size + (0.5 - q) * r,
        "hinge": 0.5 * size + 0.5 * r,
    }[loss]
    return np.average(each, weights=WEIGHT) + l2 / 2 * theta[1:] @ theta[1:]


@pytest.mark.parametrize("csr", [False, True], ids=["dense", "csr"])
@pytest.mark.parametrize("loss", ["absolute", "quantile", "hinge"])
def test_values_and_slopes_are_those_of_the_formula(loss, csr):
    made = engine(loss, l2=0.1, csr=csr)
    for width in (0.1, 1.0):
        made.fn.radius = width
        theta = RNG.normal(size=D + 1)
        vector = np.zeros(made.fn.layout.size)
        vector[: D + 1] = theta
        value, slope = made.fn.loss(vector), made.fn.gradient_at(vector)
        assert value == pytest.approx(by_formula(loss, theta, width=width, l2=0.1))
        steps = 1e-6 * np.eye(D + 1)
        differences = [
            by_formula(loss, theta + step, width=width, l2=0.1)
            - by_formula(loss, theta - step, width=width, l2=0.1)
            for step in steps
        ]
        np.testing.assert_allclose(slope[: D + 1], np.array(differences) / 2e-6, 1e-5)
        assert not slope[D + 1 :].any()


@pytest.mark.parametrize("loss", ["absolute", "quantile", "hinge"])
def test_rounding_lies_above_by_what_it_says_and_falls_with_the_width(loss):
    made, plan = engine(loss), Plan(loss=loss, parameter=0.3)
    for _ in range(5):
        params = {"weight": RNG.normal(size=(D, 1)), "bias": RNG.normal(size=1)}
        exact = objective(plan, table(loss), params)[0]
        values = []
        for width in (1.0, 0.3, 0.1, 0.01):
            made.fn.radius = width
            values.append(made.fn.value_and_grad(params)[0])
            assert -1e-12 <= values[-1] - exact <= made.added + 1e-12
        assert (np.diff(values) <= 1e-12).all()


def test_l1_parts_the_coefficients():
    made = engine("squared", l1=0.25)
    params = {"weight": np.array([[2.0], [-3.0], [0.0]]), "bias": np.array([0.5])}
    vector = made.vector(params)
    assert vector[:7].tolist() == [0.5, 2.0, 0.0, 0.0, 0.0, 3.0, 0.0]
    exact, grad = objective(Plan(), table("squared"), params)
    assert made.fn.loss(vector) == pytest.approx(exact + 0.25 * 5)
    slope, weight = made.fn.gradient_at(vector), grad["weight"].ravel()
    expected = [*grad["bias"], *(0.25 + weight), *(0.25 - weight)]
    np.testing.assert_allclose(slope[:7], expected)
    bounds = made.numbers["bounds"]
    assert bounds.low[:8].tolist() == [-np.inf, *[0.0] * 6, -np.inf]


def test_widths_narrow_until_rounding_adds_little():
    made = engine("absolute")
    zero = {"weight": np.zeros((D, 1)), "bias": np.zeros(1)}
    with made.scope():
        state = made.start(zero, (), random.key(0))
    assert made.fn.radius == WIDEST
    assert made.limits.gtol > LIMITS.gtol
    state = state._replace(watch=state.watch._replace(best_value=np.float64(0.5)))
    widths = [made.fn.radius]
    with made.scope():
        while (after := made.narrow(state)) is not None:
            widths.append(made.fn.radius)
            assert int(after.step) == int(state.step) + 1
            assert float(after.watch.best_value) == 0.5
            state = after
        assert made.added <= GAP * 0.5 < 5 * made.added
        assert made.limits == LIMITS
        np.testing.assert_allclose(np.divide(widths[1:], widths[:-1]), 0.2)
        assert made.look_longer(state) is not None
    assert made.limits.ftol == pytest.approx(1e-14)


def test_smooth_losses_have_no_kink_and_float32_is_read_finer():
    assert kink_of(Plan(loss="huber"), table("huber")) is None
    small = table("absolute")._replace(
        inputs=X.astype(np.float32), target=Y.astype(np.float32), weight=None
    )
    rule, numbers = settle("lbfgs")
    made = RoundedEngine(Plan(loss="absolute"), small, 1, rule, numbers, LIMITS)
    assert made.fn.table.dtype == np.float64
    assert not jax.config.jax_enable_x64
