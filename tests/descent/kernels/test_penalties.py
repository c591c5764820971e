"""L1 and averaged points: beside plain loops, and where the objective has its end."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import Lasso

from steepest.descent import kernels
from steepest.descent.kernels import Plan

N, D = 60, 8
RULES = ("gd", "momentum", "adagrad", "adam")


def table(seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((N, D)) * (rng.random((N, D)) < 0.3)
    return X, X @ rng.standard_normal(D) + 0.1 * rng.standard_normal(N)


def hand(X, sparse):
    m = csr_matrix(X)
    return (m.data, m.indices, m.indptr) if sparse else X


def by_loop(X, y, rates, *, l1=0.0, l2=0.0):
    """Yield (w, b) of Tsuruoka's descent, every weight charged at every step."""
    w, b, paid, due = np.zeros(D), 0.0, np.zeros(D), 0.0
    for x, target, rate in zip(X, y, rates, strict=True):
        slope = 2 * (x @ w + b - target)
        w = (1 - rate * l2) * w - rate * slope * x
        b -= rate * slope
        due += rate * l1
        low, high = np.maximum(0, w - (due + paid)), np.minimum(0, w + (due - paid))
        new = np.where(w > 0, low, high)
        paid, w = paid + new - w, new
        yield w, b


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "csr"])
def test_gd_pays_the_cumulative_penalty(sparse):
    X, y = table()
    rates = 0.1 / np.sqrt(1 + np.arange(N))
    plan = Plan(l1=0.3)
    weights = kernels.start(plan, 1, D, np.float64)
    for i, (w, b) in enumerate(by_loop(X, y, rates, l1=0.3)):
        row = slice(i, i + 1)
        kernels.train(plan, weights, hand(X[row], sparse), y[row], None, rates[row])
        got, bias = kernels.coefficients(weights)
        np.testing.assert_allclose(got[0], w, atol=1e-13)
        np.testing.assert_allclose(bias, [b], atol=1e-13)
    assert 0 < np.sum(w == 0) < D
    whole = kernels.start(plan, 1, D, np.float64)
    kernels.train(plan, whole, hand(X, sparse), y, None, rates)
    np.testing.assert_array_equal(kernels.coefficients(whole)[0], got)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "csr"])
@pytest.mark.parametrize("rule", RULES)
def test_l1_ends_where_the_lasso_does(rule, sparse):
    X, y = table()
    want = Lasso(alpha=0.05, tol=1e-14, max_iter=100_000).fit(X, y)
    plan = Plan(rule=rule, batch_size=N, l1=0.1)  # ours has no half in the square
    weights = kernels.start(plan, 1, D, np.float64)
    rate = {"gd": 0.3, "momentum": 0.1, "adagrad": 1.0, "adam": 0.02}[rule]
    rows = hand(X, sparse)
    for t in range(10_000 if rule == "adam" else 4000):
        slower = 0.999**t if rule == "adam" else 1.0
        kernels.train(plan, weights, rows, y, None, [rate * slower])
    w, b = kernels.coefficients(weights)
    np.testing.assert_allclose(w[0], want.coef_, atol=1e-5)
    np.testing.assert_allclose(b, [want.intercept_], atol=1e-5)
    assert np.any(want.coef_ == 0)


def test_both_penalties_on_sparse_rows_are_near_the_dense_ones():
    X, y = table()
    plan, rates = Plan(l1=0.1, l2=0.1), np.full(N, 0.02)
    results = []
    for sparse in (False, True):
        weights = kernels.start(plan, 1, D, np.float64)
        kernels.train(plan, weights, hand(X, sparse), y, None, rates)
        results.append(kernels.coefficients(weights)[0][0])
    *_, (want, _) = by_loop(X, y, rates, l1=0.1, l2=0.1)
    np.testing.assert_allclose(results[0], want, atol=1e-13)
    np.testing.assert_allclose(results[1], want, atol=2e-3)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "csr"])
@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("l1", [0.0, 0.2])
@pytest.mark.parametrize("rule", [*RULES, "normalized"])
def test_the_mean_is_that_of_the_points(rule, l1, size, sparse):
    if rule == "normalized" and l1:
        pytest.skip("no penalty in normalized steps")
    X, y = table()
    l2 = 0.0 if rule in ("adagrad", "normalized") or l1 else 2.0
    options = dict(rule=rule, l1=l1, l2=l2, batch_size=size)
    plan, simple = Plan(average_from=5, **options), Plan(**options)
    mean = kernels.start(plan, 1, D, np.float64)
    last = kernels.start(simple, 1, D, np.float64)
    one = kernels.start(plan, 1, D, np.float64)
    rates = np.full(-(-N // size), 0.4 / size)
    points, step = [], size if rule != "normalized" else 1
    for i in range(0, N, size):
        rows = slice(i, i + size)
        part, rate = hand(X[rows], sparse), rates[:1]
        kernels.train(simple, last, part, y[rows], None, rate)
        kernels.train(plan, mean, part, y[rows], None, rate)
        points.append(np.append(*kernels.coefficients(last)))
        if step == size and i // size < 5:
            np.testing.assert_array_equal(
                kernels.coefficients(mean, averaged=True)[0],
                kernels.coefficients(mean)[0],
            )
    kernels.train(plan, one, hand(X, sparse), y, None, rates)
    now = np.append(*kernels.coefficients(mean))
    np.testing.assert_allclose(now, points[-1], atol=1e-12)
    if step == size:
        got = np.append(*kernels.coefficients(mean, averaged=True))
        np.testing.assert_allclose(got, np.mean(points[5:], axis=0), atol=1e-12)
        again = np.append(*kernels.coefficients(one, averaged=True))
        np.testing.assert_array_equal(again, got)


def test_the_mean_of_points_whose_scale_falls():
    X, y = table()
    plan = Plan(l2=5.0, average_from=0)
    rates = np.full(N, 0.15)
    weights = kernels.start(plan, 1, D, np.float64)
    kernels.train(plan, weights, hand(X, sparse=True), y, None, rates)
    want = np.mean([w for w, _ in by_loop(X, y, rates, l2=5.0)], axis=0)
    got = kernels.coefficients(weights, averaged=True)[0][0]
    np.testing.assert_allclose(got, want, atol=1e-13)


def test_sparse_then_dense_rows_go_on_with_one_model():
    X, y = table()
    plan, rates = Plan(l2=0.5, average_from=0), np.full(30, 0.05)
    weights = kernels.start(plan, 1, D, np.float64)
    kernels.train(plan, weights, hand(X[:30], sparse=True), y[:30], None, rates)
    kernels.train(plan, weights, X[30:], y[30:], None, rates)
    points = [w for w, _ in by_loop(X, y, np.full(N, 0.05), l2=0.5)]
    np.testing.assert_allclose(kernels.coefficients(weights)[0][0], points[-1])
    mean = kernels.coefficients(weights, averaged=True)[0][0]
    np.testing.assert_allclose(mean, np.mean(points, axis=0), atol=1e-13)
