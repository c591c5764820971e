"""Rows left out by one Newton step, beside models that are fitted without them."""

import numpy as np
import pytest
from scipy.optimize import minimize

from steepest.descent.kernels import Plan
from steepest.descent.left_out import Rows, left_out, optimum
from steepest.descent.row_losses import row_losses
from steepest.problems.losses import get_loss

N, D = 60, 4
TASKS = {"log": "binary", "squared_hinge": "binary", "cross_entropy": "multiclass"}
LOSSES = ["squared", "huber", "poisson", "log", "squared_hinge", "cross_entropy"]


def rows_of(loss, weight=None, *, bias=True):
    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(N), rng.standard_normal((N, D))])
    z = X @ rng.standard_normal(D + 1)
    y = z + rng.standard_normal(N)
    if loss == "poisson":
        y = rng.poisson(np.exp(z / 3)).astype(float)
    if loss in ("log", "squared_hinge"):
        y = (z + 2 * rng.standard_normal(N) > 0).astype(float)
    if loss == "cross_entropy":
        y = np.clip(np.round(z / 2 + rng.standard_normal(N)), 0, 2)
    weight = np.ones(N) if weight is None else weight
    return Rows(Plan(loss=loss, bias=bias), X[:, not bias :], y, weight)


def zeros(rows):
    k = 3 if rows.plan.loss == "cross_entropy" else 1
    return np.zeros((rows.X.shape[1], k))


def refitted(rows, ridge):
    """The loss of each row under a model that is fitted without a part of it."""
    losses, at = [], optimum(rows, zeros(rows), ridge).params
    for i, part in enumerate(rows.parts):
        weight = rows.weight - part * (np.arange(N) == i)
        params = optimum(rows._replace(weight=weight), at, ridge).params
        losses.append(row_losses(rows.plan, rows.X[i : i + 1] @ params, rows.y[i:][:1]))
    return np.concatenate([value for value, _ in losses])


COUNTS = np.random.default_rng(1).integers(0, 4, N).astype(float)
SHARES = np.random.default_rng(1).uniform(0.2, 3, N)


@pytest.mark.parametrize(
    "weight", [None, COUNTS, SHARES], ids=["1", "counts", "shares"]
)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("ridge", [0.01, 1.0, 100.0])
def test_of_the_squared_loss_it_is_exact(ridge, bias, weight):
    rows = rows_of("squared", weight, bias=bias)
    found = left_out(rows, optimum(rows, zeros(rows), ridge))
    np.testing.assert_allclose(found, refitted(rows, ridge), atol=1e-8)


@pytest.mark.parametrize("ridge", [3.0, 10.0])
@pytest.mark.parametrize("loss", LOSSES[1:])
def test_of_other_losses_it_is_near(loss, ridge):
    rows = rows_of(loss)
    found = left_out(rows, optimum(rows, zeros(rows), ridge))
    seen = row_losses(
        rows.plan, rows.X @ optimum(rows, zeros(rows), ridge).params, rows.y
    )
    want = refitted(rows, ridge)
    more = want.mean() - seen[0].mean()
    assert abs(found.mean() - want.mean()) < 0.25 * more


@pytest.mark.parametrize("loss", LOSSES)
def test_newton_ends_where_scipy_does(loss):
    rows = rows_of(loss, SHARES)
    start = zeros(rows)
    fn = get_loss(loss, task=TASKS.get(loss, "regression")).fn
    y = rows.y.astype(int) if loss == "cross_entropy" else rows.y

    def whole(vector):
        params = vector.reshape(start.shape)
        margins = rows.X @ params
        losses = np.asarray(fn(margins if start.shape[1] > 1 else margins[:, 0], y))
        return float(SHARES @ losses) + 0.5 * float((params[1:] ** 2).sum())

    least = minimize(whole, start.ravel() + 0.1, tol=1e-3)
    found = optimum(rows, start, 1.0)
    assert whole(found.params.ravel()) <= least.fun * (1 + 1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_weights_that_are_whole_count_rows(loss):
    once = rows_of(loss, COUNTS)
    times = COUNTS.astype(int)
    many = Rows(
        *(once.plan, np.repeat(once.X, times, axis=0), np.repeat(once.y, times)),
        np.ones(times.sum()),
    )
    told = [left_out(rows, optimum(rows, zeros(rows), 1.0)) for rows in (once, many)]
    np.testing.assert_allclose(np.repeat(told[0], times), told[1], rtol=1e-6, atol=1e-9)


def test_classes_that_a_plane_parts_and_empty_columns_are_no_trouble():
    rows = rows_of("log")
    apart = rows._replace(y=(rows.X[:, 1] > 0).astype(float))
    apart.X[:, 2] = 0.0
    found = left_out(apart, optimum(apart, zeros(apart), 1e-4))
    assert np.isfinite(found).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_row_losses_are_those_of_the_catalogue(loss):
    rows = rows_of(loss)
    margins = np.random.default_rng(2).standard_normal((N, zeros(rows).shape[1]))
    fn = get_loss(loss, task=TASKS.get(loss, "regression")).fn
    many = margins.shape[1] > 1
    y = rows.y.astype(int) if many else rows.y
    value, slope = row_losses(rows.plan, margins, rows.y)
    want = np.asarray(fn(margins if many else margins[:, 0], y))
    np.testing.assert_allclose(value, want, rtol=1e-5, atol=1e-6)
    e = 1e-5 * np.eye(margins.shape[1])
    for c, step in enumerate(e):
        above, below = (
            row_losses(rows.plan, margins + s * step, rows.y)[0] for s in (1, -1)
        )
        np.testing.assert_allclose(slope[:, c], (above - below) / 2e-5, atol=1e-5)
