"""Normalized steps: each loss's motion, units, importance, raw tables, any rate."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from steepest.descent import kernels
from steepest.descent.kernels import OwnLoss, Plan

NUMBERS = {"huber": 0.7, "quantile": 0.8, "focal": 2.0}


def fresh(plan, k, d, dtype=np.float64):
    return kernels.start(plan, k, d, dtype)


def slope_of(plan, p, y):
    plan = Plan(loss=plan.loss, parameter=plan.parameter)
    weights = fresh(plan, 1, 1)
    args = np.array([[p]]), np.array([y])
    weights.weight[:] = 1.0
    return kernels.total(plan, weights, *args)[3].item()


def where(plan, p, y, t):
    """The prediction after time t: one row of a column of ones, h made 1.

    In a first step s = slope^2, N = 1 and M = 1, so h = 1 / |slope|.
    """
    plan = Plan(loss=plan.loss, parameter=plan.parameter, rule="normalized", bias=False)
    weights = fresh(plan, 1, 1)
    weights.weight[:] = p
    weights.memory.largest[:] = 1.0
    h = 1.0 / abs(slope_of(plan, p, y))
    kernels.train(plan, weights, np.ones((1, 1)), np.array([y]), None, [t / h])
    return weights.weight.item()


CASES = [
    (name, p, y)
    for name, targets in {
        "squared": (0.5,),
        "absolute": (0.5,),
        "huber": (0.5,),
        "quantile": (0.5,),
        "poisson": (0.0, 2.0),
        "log": (0.0, 1.0),
        "hinge": (0.0, 1.0),
        "squared_hinge": (0.0, 1.0),
    }.items()
    for y in targets
    for p in (-6.0, -0.3, 0.2, 4.0)
]


def slope_by_hand(name, p, y):
    r, sign = p - y, 1.0 if y > 0 else -1.0
    return {
        "squared": lambda: 2 * r,
        "absolute": lambda: np.sign(r),
        "huber": lambda: np.clip(r, -0.7, 0.7),
        "quantile": lambda: 0.2 if r > 0 else -0.8,
        "poisson": lambda: np.exp(p) - y,
        "log": lambda: -sign / (1 + np.exp(sign * p)),
        "hinge": lambda: -sign if sign * p < 1 else 0.0,
        "squared_hinge": lambda: -2 * sign * max(0.0, 1 - sign * p),
    }[name]()


@pytest.mark.parametrize(("name", "p", "y"), CASES)
def test_the_prediction_moves_as_in_many_small_steps(name, p, y):
    plan, steps = Plan(loss=name, parameter=NUMBERS.get(name, 1.0)), 500
    if slope_by_hand(name, p, y) == 0.0:
        pytest.skip("no slope: no step")
    for t in (0.02, 0.4, 4.0):
        want = p
        for _ in range(steps):
            half = want - 0.5 * t / steps * slope_by_hand(name, want, y)
            want -= t / steps * slope_by_hand(name, half, y)
        # Beyond a kink small steps rattle about the target.
        np.testing.assert_allclose(where(plan, p, y, t), want, rtol=1e-3, atol=2e-2)


@pytest.mark.parametrize(("name", "p", "y"), CASES)
@pytest.mark.parametrize("t", [1e-9, 1e-3, 1.0, 1e3, 1e9])
def test_no_step_passes_its_target_or_raises_its_loss(name, p, y, t):
    plan = Plan(loss=name, parameter=NUMBERS.get(name, 1.0))
    before = slope_of(plan, p, y)
    if before == 0.0:
        return
    there = where(plan, p, y, t)
    assert (there - p) * before < 0.0
    if there == y:
        return
    # Still on the same side: the slope has not changed its sign.
    assert slope_of(plan, there, y) * before >= -1e-12 * before**2


def test_focal_and_own_losses_take_the_implicit_step():
    own = OwnLoss(lambda p, y: (p - y) ** 4)
    for plan, p, y in ((Plan(loss="focal", parameter=2.0), 1.0, 1.0), (own, 3.0, 1.0)):
        plan = plan if isinstance(plan, Plan) else Plan(loss=plan)
        for t in (0.01, 1.0, 100.0):
            there = where(plan, p, y, t)
            left = there - p + t * slope_of(plan, there, y)
            assert abs(left) < 1e-5 * abs(there - p)


def data(seed=0, n=80, d=5):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) * (rng.random((n, d)) < 0.6)
    return X, (X @ rng.standard_normal(d) > 0).astype(float)


def by_loop(X, y, rate, weight):
    """The published rule with the squared loss, in NumPy."""
    d = X.shape[1]
    w, s, N, total, norms = np.zeros(d + 1), np.zeros(d + 1), np.ones(d + 1), 0.0, 0.0
    N[:d] = 0.0
    for x, target, share in zip(
        np.column_stack([X, np.ones(len(X))]), y, weight, strict=True
    ):
        larger = np.abs(x) > N
        w[larger] *= N[larger] / np.abs(x[larger])
        N[larger] = np.abs(x[larger])
        on = x != 0
        total, norms = total + share, norms + share * np.sum((x[on] / N[on]) ** 2)
        p = x @ w
        s[on] += share * (2 * (p - target) * x[on]) ** 2
        M = np.sqrt(total / norms)
        each = x[on] / (N[on] * np.sqrt(s[on]))
        h = M * np.sum(x[on] * each)
        w[on] += M * (target - p) * (1 - np.exp(-2 * rate * share * h)) / h * each
    return w


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 16])
def test_the_rule_is_the_published_one(size, dtype):
    X, y = data()
    y = y + 0.3
    weight = np.random.default_rng(1).uniform(0.5, 2.0, len(y))
    m = csr_matrix(X.astype(dtype))
    want = by_loop(X, y, 0.5, weight)
    for rows in (X.astype(dtype), (m.data, m.indices, m.indptr)):
        plan = Plan(rule="normalized", batch_size=size)
        weights = fresh(plan, 1, X.shape[1], dtype)
        rates = np.full(-(-len(y) // size), 0.5)
        assert kernels.train(plan, weights, rows, y, weight, rates).finite
        tol = 1e-12 if dtype == np.float64 else 1e-4
        got = np.append(*kernels.coefficients(weights))
        np.testing.assert_allclose(got, want, atol=tol)


def test_units_of_columns_do_not_matter():
    X, y = data()
    units = np.array([1e-6, 1.0, 1e3, 1e6, 1e-2])
    plan, results = Plan(loss="log", rule="normalized"), []
    for unit in (np.ones(5), units):
        weights = fresh(plan, 1, 5)
        kernels.train(plan, weights, X * unit, y, None, np.full(len(y), 0.5))
        results.append(weights.weight[0] * unit)
    np.testing.assert_allclose(*results, rtol=1e-9)


def accuracy(X, y, k, rate, loss):
    plan = Plan(loss=loss, rule="normalized")
    weights = fresh(plan, k, X.shape[1], np.float32)
    X = np.ascontiguousarray(X, np.float32)
    rng = np.random.default_rng(0)
    for _ in range(20):
        order = rng.permutation(len(y))
        tally = kernels.train(
            plan, weights, X, y, None, np.full(len(y), rate), order=order
        )
        assert tally.finite
    z = kernels.margins(weights, X)
    return np.mean((z.argmax(1) if k > 1 else z[:, 0] > 0) == y)


RATES = (1e-3, 0.05, 0.5, 5.0, 50.0)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("loss", ["log", "hinge", "squared_hinge", "focal"])
def test_raw_breast_cancer(loss, rate):
    X, y = load_breast_cancer(return_X_y=True)
    assert accuracy(X, y, 1, rate, loss) > (0.85 if rate >= 0.05 else 0.6)


@pytest.mark.parametrize("rate", RATES)
def test_raw_wine(rate):
    X, y = load_wine(return_X_y=True)
    assert accuracy(X, y, 3, rate, "cross_entropy") > (0.85 if rate >= 0.05 else 0.35)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(
    "loss", ["squared", "absolute", "huber", "quantile", "poisson"]
)
def test_raw_diabetes(loss, rate):
    X, y = load_diabetes(return_X_y=True, scaled=False)
    plan = Plan(loss=loss, parameter=0.5, rule="normalized")
    weights = fresh(plan, 1, X.shape[1], np.float32)
    X, ones = np.ascontiguousarray(X, np.float32), np.full(len(y), rate)
    rng = np.random.default_rng(0)
    for _ in range(20):
        order = rng.permutation(len(y))
        assert kernels.train(plan, weights, X, y, None, ones, order=order).finite
    p = kernels.margins(weights, X)[:, 0]
    p = np.exp(np.minimum(p, 30.0)) if loss == "poisson" else p
    assert np.all(np.isfinite(p))
    assert np.abs(p).max() < 5000
