"""Losses with kinks and L1 penalties: to the optimum of exact solvers, and said so."""

import numpy as np
import pytest
import scipy.optimize
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import Lasso
from sklearn.svm import SVC

import steepest as sp
from steepest.estimators import DescentClassifier, DescentRegressor


def standardized(rows):
    return (rows - rows.mean(axis=0)) / rows.std(axis=0)


def diabetes():
    x, y = load_diabetes(return_X_y=True)
    return standardized(x), standardized(y)


def many():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6000, 8))
    y = x @ rng.normal(size=8) + rng.standard_t(2, size=6000)
    return standardized(x), standardized(y)


def wine_alcohol():
    x = load_wine().data
    return standardized(x[:, 1:]), standardized(x[:, 0])


def least_pinball(x, y, q):
    """The least mean pinball loss, by linear programming."""
    n, d = x.shape
    rows = np.hstack([x, np.ones((n, 1)), np.eye(n), -np.eye(n)])
    cost = np.concatenate([np.zeros(d + 1), np.full(n, q / n), np.full(n, (1 - q) / n)])
    free = [(None, None)] * (d + 1) + [(0, None)] * (2 * n)
    return scipy.optimize.linprog(cost, A_eq=rows, b_eq=y, bounds=free).fun


def pinball(x, y, coef, intercept, q):
    short = y - x @ np.ravel(coef) - np.ravel(intercept)[0]
    return np.maximum(q * short, (q - 1) * short).mean()


@pytest.mark.parametrize("data", [diabetes, wine_alcohol])
@pytest.mark.parametrize(("loss", "q"), [("absolute", 0.5), ("quantile:0.9", 0.9)])
def test_absolute_and_quantile_reach_the_linear_program(data, loss, q):
    x, y = data()
    least = least_pinball(x, y, q)
    ours = DescentRegressor(loss, l2=0).fit(x, y)
    assert pinball(x, y, ours.coef_, ours.intercept_, q) <= 1.0002 * least
    assert ours.run_.verdict.kind == "minimum"
    assert ours.run_.converged
    fitted = sp.fit((x, y), loss=loss, validation=None)
    mine = pinball(x, y, fitted.params["weight"], fitted.params["bias"], q)
    assert mine <= 1.0002 * least
    assert fitted.run.verdict.kind == "minimum"
    told = fitted.run.verdict.findings[-1]
    assert told.symptom == "kinks_rounded"
    # the bound that is told covers what is left
    assert mine - least <= told.evidence["gap"]
    # what is reported is the loss itself, not the rounded one
    height = 2 if loss == "absolute" else 1
    assert fitted.run.value == pytest.approx(height * mine, rel=1e-5)
    assert fitted.run.trace.value[-1] == fitted.run.value


def test_the_path_falls_all_along_and_many_rows_get_a_pass_before():
    x, y = many()
    ours = DescentRegressor("absolute", l2=0).fit(x, y)
    assert ours.run_.settings["first"] == "adagrad on batches once"
    assert ours.run_.converged
    trace = ours.run_.trace
    values = trace.value
    assert values[-1] == min(values[trace.epoch > 1])
    least = scipy.optimize.minimize(
        lambda t: abs(y - x @ t[:-1] - t[-1]).mean(),
        np.append(ours.coef_, ours.intercept_),
        method="Powell",
    ).fun
    assert values[-1] <= least * (1 + 1e-4)


@pytest.mark.parametrize("l2", [0.01, 0.1])
@pytest.mark.parametrize(
    "data", [load_breast_cancer, load_wine], ids=["cancer", "wine"]
)
def test_the_hinge_reaches_the_support_vector_machine(data, l2):
    x, y = data(return_X_y=True)
    x, y = standardized(x), (y == 1).astype(int)
    n, s = len(y), np.where(y > 0, 1, -1)
    theirs = SVC(kernel="linear", C=1 / (n * l2), tol=1e-8).fit(x, y)

    def objective(w, b):
        margin = s * (x @ np.ravel(w) + np.ravel(b)[0])
        return np.maximum(0, 1 - margin).mean() + l2 / 2 * (np.ravel(w) @ np.ravel(w))

    least = objective(theirs.coef_, theirs.intercept_)
    ours = DescentClassifier("hinge", l2=l2).fit(x, y)
    assert objective(ours.coef_, ours.intercept_) <= 1.001 * least
    assert ours.run_.verdict.kind == "minimum"


@pytest.mark.parametrize("l1", [0.01, 0.1])
def test_l1_reaches_the_lasso_and_its_zeros(l1):
    x, y = diabetes()
    theirs = Lasso(alpha=l1 / 2, tol=1e-12, max_iter=100_000).fit(x, y)
    ours = DescentRegressor(l1=l1, l2=0).fit(x, y)
    mine, least = (
        ((y - x @ m.coef_ - m.intercept_) ** 2).mean() + l1 * abs(m.coef_).sum()
        for m in (ours, theirs)
    )
    assert mine <= least * (1 + 1e-6)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-3)
    np.testing.assert_array_equal(ours.coef_ == 0, theirs.coef_ == 0)
    assert ours.run_.converged
    assert ours.run_.settings["optimizer"] == "bb"
    fitted = sp.fit((x, y), l1=l1, validation=None)
    np.testing.assert_array_equal(fitted.params["weight"].ravel() == 0, ours.coef_ == 0)
    assert fitted.run.verdict.kind == "minimum"


def test_l1_of_several_classes_and_of_a_loss_with_kinks():
    x, y = load_wine(return_X_y=True)
    x = standardized(x)
    ours = DescentClassifier(l1=0.02, l2=0).fit(x, y)
    assert ours.run_.converged
    assert 0 < np.sum(ours.coef_ == 0) < ours.coef_.size
    n, k, d = len(y), 3, x.shape[1]

    def objective(t):
        w, b = t[: 2 * k * d].reshape(2, k, d), t[2 * k * d :]
        z = x @ (w[0] - w[1]).T + b
        top = z.max(axis=1, keepdims=True)
        odds = z - top - np.log(np.exp(z - top).sum(axis=1, keepdims=True))
        g = (np.exp(odds) - np.eye(k)[y]) / n
        slope = g.T @ x
        grad = np.concatenate(
            [(slope + 0.02).ravel(), (0.02 - slope).ravel(), g.sum(axis=0)]
        )
        return -odds[np.arange(n), y].mean() + 0.02 * w.sum(), grad

    free = [(0, None)] * (2 * k * d) + [(None, None)] * k
    least = scipy.optimize.minimize(
        objective, np.zeros(2 * k * d + k), jac=True, bounds=free, tol=1e-12
    ).fun
    assert ours.run_.value == pytest.approx(least, rel=1e-4)
    x, y = diabetes()
    both = DescentRegressor("absolute", l1=0.05, l2=0).fit(x, y)
    assert both.run_.converged
    assert np.sum(both.coef_ == 0) >= 2


def test_what_has_no_minimum_is_not_called_one():
    x, y = load_breast_cancer(return_X_y=True)
    fitted = sp.fit((x, y), loss="hinge", validation=None, epochs=300)
    assert not fitted.run.converged  # separable: the margins may grow for ever


def test_named_steps_are_left_as_they_are():
    x, y = diabetes()
    named = sp.fit((x, y), loss="absolute", optimizer="lbfgs", batch_size="full")
    assert all(f.symptom != "kinks_rounded" for f in named.run.verdict.findings)
    held = sp.fit((x, y), loss="absolute")
    assert held.run.verdict.findings[-1].symptom == "kinks_rounded"
    assert held.run.converged
