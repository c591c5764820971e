"""Large tables begin with a sample: one run, from some rows to all of them."""

import numpy as np
import pytest

import steepest as sp
from steepest.api import linear_choice as choice
from steepest.api import linear_legs as legs
from steepest.descent.linear_tables import Table
from steepest.problems.losses import get_loss
from steepest.records import Stop

N, D = 6000, 5


def correlated(n=N, dtype=np.float32):
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((n, D)) @ rng.uniform(-1, 1, (D, D))
    odds = rows @ rng.uniform(-2, 2, D) - 0.5
    return rows.astype(dtype), (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(int)


def test_a_large_table_goes_from_a_sample_to_all_rows():
    x, y = correlated()
    fitted = sp.fit((x, y), loss="log", validation=None, l2=0.0)
    run = fitted.run
    assert run.settings["optimizer"] == "bfgs"
    assert run.settings["first"] == "bfgs on a sample of 375 rows"
    assert run.stop is Stop.GRADIENT_SMALL
    assert run.trace.grad_norm[-1] <= 1e-6
    # steps on the sample come before the first whole pass
    assert (run.trace.epoch == 0).sum() > 3
    assert run.trace.epoch[-1] < 12
    assert np.all(np.diff(run.trace.samples) >= 0)


def test_it_ends_where_newton_ends():
    x, y = correlated(dtype=np.float64)
    model = sp.DescentClassifier(l2=1 / N, tol=1e-9).fit(x, y)
    assert model.run_.settings["first"] == "bfgs on a sample of 375 rows"
    mean, size = x.mean(0), x.std(0)
    ones = np.column_stack([(x - mean) / size, np.ones(N)])
    w = np.zeros(D + 1)
    for _ in range(30):
        p = 1 / (1 + np.exp(-ones @ w))
        penalty = np.append(np.ones(D), 0.0) / N
        slope = ones.T @ (p - y) / N + penalty * w
        w -= np.linalg.solve(
            (ones.T * (p * (1 - p))) @ ones / N + np.diag(penalty), slope
        )
    np.testing.assert_allclose(model.coef_[0], w[:-1] / size, rtol=1e-6)
    bias = w[-1] - mean @ (w[:-1] / size)
    np.testing.assert_allclose(model.intercept_, bias, rtol=1e-6, atol=1e-8)


def test_rare_and_missing_levels_of_a_sample_do_no_harm():
    rng = np.random.default_rng(0)
    level = rng.zipf(1.5, 20_000).clip(max=60)
    x = np.eye(61, dtype=np.float32)[level]
    y = rng.standard_normal(61)[level] + rng.standard_normal(20_000)
    model = sp.DescentRegressor(l2=1e-6).fit(x, y)
    assert model.run_.stop is Stop.GRADIENT_SMALL
    assert "sample" in model.run_.settings["first"]
    means = np.array([y[level == one].mean() for one in range(1, 61)])
    counts = np.bincount(level, minlength=61)[1:]
    predicted = model.predict(np.eye(61, dtype=np.float32)[1:])
    often = counts > 20
    np.testing.assert_allclose(predicted[often], means[often], atol=0.05)


def test_a_budget_of_one_pass_ends_after_one():
    x, y = correlated()
    fitted = sp.fit((x, y), loss="log", validation=None, epochs=1)
    assert fitted.run.stop is Stop.MAX_EPOCHS
    assert fitted.run.trace.epoch[-1] == 1


def test_the_time_budget_ends_the_run_in_any_leg():
    x, y = correlated()
    fitted = sp.fit((x, y), loss="log", validation=None, max_seconds=1e-9)
    assert fitted.run.stop is Stop.MAX_SECONDS


@pytest.mark.parametrize(
    ("n", "numbers", "loss", "l1", "standardize", "want"),
    [
        (100, 5, "log", 0.0, True, None),
        (6000, 5, "log", 0.0, True, choice.Sample(375)),
        (100_000, 5, "log", 0.0, True, choice.Sample(6250)),
        (6000, 5, "log", 0.0, False, choice.RAW),
        (6000, 600, "log", 0.0, True, choice.SCALED),
        (6000, 5, "hinge", 0.0, True, choice.SCALED),
        (6000, 5, "log", 0.1, True, choice.SCALED),
        (6000, 100, "log", 0.0, True, None),
    ],
)
def test_what_comes_first(n, numbers, loss, l1, standardize, want):
    found = get_loss(loss, task="binary")
    got = choice.Case(found, l1, n, numbers).first(standardize=standardize)
    assert got == want


def test_two_engines_of_one_width_keep_their_tables_apart():
    # compiled loops are shared by width: the table is the engine's own
    from steepest.core import random
    from steepest.descent.summed import WholeEngine
    from steepest.records import Stopping
    from steepest.steps import settle

    x, y = correlated(200, np.float64)
    rule, numbers = settle("bfgs", None)
    limits = Stopping(gtol=1e-6).limits()
    told = [Table(rows, y.astype(float), None, D) for rows in (x, 3 * x)]
    engines = [
        WholeEngine(legs.Plan(loss="log"), table, 1, rule, numbers, limits)
        for table in told
    ]
    params = {"weight": np.ones((D, 1)), "bias": np.zeros(1)}
    for engine, table in zip(engines, told, strict=True):
        engine.start(params, (), random.key(0))
        assert engine.fn.table is table
