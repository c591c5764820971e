"""How low a linear model could come, against scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.metrics import log_loss, mean_poisson_deviance, mean_squared_error

from steepest.diagnosis.probes.reach import constant_loss, reach_of
from steepest.problems.losses import get_loss

RNG = np.random.default_rng(0)
N, D = 400, 3
X = RNG.normal(size=(N, D)) * [1.0, 10.0, 0.1]
LINE = X @ [1.0, 0.1, 5.0]
WEIGHT = RNG.uniform(0.5, 2.0, N)


def target_of(loss):
    if loss == "squared":
        return LINE + RNG.normal(size=N)
    if loss == "poisson":
        return RNG.poisson(np.exp(LINE / 4)).astype(float)
    if loss == "log":
        return (LINE + RNG.normal(size=N) > 0).astype(float)
    return np.digitize(LINE + RNG.normal(size=N), [-1.0, 1.0]).astype(float)


def best_of(loss, y):
    if loss == "squared":
        fit = LinearRegression().fit(X, y, WEIGHT)
        return mean_squared_error(y, fit.predict(X), sample_weight=WEIGHT)
    if loss == "poisson":
        fit = PoissonRegressor(alpha=0, max_iter=1000, tol=1e-6).fit(X, y, WEIGHT)
        return mean_poisson_deviance(y, fit.predict(X), sample_weight=WEIGHT) / 2
    fit = LogisticRegression(C=np.inf, tol=1e-8, max_iter=2000).fit(X, y, WEIGHT)
    return log_loss(y, fit.predict_proba(X), sample_weight=WEIGHT)


@pytest.mark.parametrize("loss", ["squared", "poisson", "log", "cross_entropy"])
def test_the_least_loss_is_that_of_scikit_learn(loss):
    y, k = target_of(loss), 3 if loss == "cross_entropy" else 1
    params = {
        "weight": RNG.normal(size=(D, k)) / 10,
        "bias": RNG.normal(size=k) / 10,
    }
    found, best = reach_of(X, y, WEIGHT, params, loss), best_of(loss, y)
    optimism = (2 * best if loss == "squared" else 1.0) * k * (D + 1) / N
    assert found.least == pytest.approx(best + optimism, rel=1e-4)
    raw = X @ params["weight"] + params["bias"]
    of = get_loss(loss)
    rows = of(raw if k > 1 else raw[:, 0], y.astype(int) if k > 1 else y)
    assert found.now == pytest.approx(np.average(rows, weights=WEIGHT), rel=1e-5)
    assert found.start == pytest.approx(constant_loss(y, WEIGHT, loss, k))
    assert found.least < found.now
    assert found.share > 0


def test_the_best_constant_is_the_mean():
    y = target_of("squared")
    mean = np.average(y, weights=WEIGHT)
    best = np.average((y - mean) ** 2, weights=WEIGHT)
    assert constant_loss(y, WEIGHT, "squared", 1) == pytest.approx(best)
    shares = np.bincount(target_of("cross_entropy").astype(int)) / N
    y = np.repeat([0.0, 1.0, 2.0], (shares * N).round().astype(int))
    found = constant_loss(y, np.ones(len(y)), "cross_entropy", 3)
    assert found == pytest.approx(-(shares * np.log(shares)).sum())


def test_classes_that_a_plane_parts_are_no_failure():
    y = (X[:, 0] > 0).astype(float)
    zero = {"weight": np.zeros((D, 1)), "bias": np.zeros(1)}
    found = reach_of(X, y, np.ones(N), zero, "log")
    assert found.least == pytest.approx((D + 1) / N, abs=5e-3)
    assert found.share == pytest.approx(1.0, abs=0.02)


def test_what_it_cannot_tell():
    zero = {"weight": np.zeros((D, 1)), "bias": np.zeros(1)}
    assert reach_of(X, LINE, WEIGHT, zero, "absolute") is None
    assert reach_of(X[:20], LINE[:20], WEIGHT[:20], zero, "squared") is None
    assert reach_of(X, LINE, np.zeros(N), zero, "squared") is None
    assert reach_of(X, LINE, WEIGHT, {"weight": zero["weight"]}, "squared") is None
    lost = {**zero, "bias": np.array([np.nan])}
    assert reach_of(X, LINE, WEIGHT, lost, "squared") is None
    assert constant_loss(LINE, WEIGHT, "absolute", 1) is None
