"""Columns that are brought to one size on paper: the rows stay as they lie."""

import numpy as np
import pytest

from steepest.descent.curvature import inverse_curvature
from steepest.descent.kernels import Plan
from steepest.descent.linear_tables import Columns, Table, picked, scaled
from steepest.descent.summed import objective

N, D = 80, 4


def tables(dtype):
    rng = np.random.default_rng(0)
    rows = (rng.standard_normal((N, D)) * [1, 5, 0.1, 2] + [3, -4, 0.2, 0]).astype(
        dtype
    )
    columns = Columns(rows.mean(0, dtype=float), rows.std(0, dtype=float))
    y = (rng.random(N) < 0.5).astype(dtype)
    weight = rng.uniform(0.5, 2, N).astype(dtype)
    lazy = Table(rows, y, weight, D, columns)
    brought = ((rows - columns.mean) / columns.size).astype(dtype)
    return lazy, Table(brought, y, weight, D)


@pytest.mark.parametrize(("dtype", "close"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize("loss", ["log", "squared"])
def test_the_objective_is_that_of_scaled_rows(loss, dtype, close):
    lazy, brought = tables(dtype)
    rng = np.random.default_rng(1)
    params = {"weight": rng.standard_normal((D, 1)), "bias": np.ones(1)}
    plan = Plan(loss=loss, l2=0.1, l1=0.01)
    (value, grad), (want, slope) = (
        objective(plan, table, params) for table in (lazy, brought)
    )
    assert value == pytest.approx(want, rel=close)
    np.testing.assert_allclose(grad["weight"], slope["weight"], rtol=close, atol=close)
    np.testing.assert_allclose(grad["bias"], slope["bias"], rtol=close, atol=close)


def test_without_a_bias_columns_are_only_divided():
    lazy, brought = tables(np.float64)
    size = lazy.columns.size
    lazy = lazy._replace(columns=Columns(np.zeros(D), size))
    brought = brought._replace(inputs=lazy.inputs / size)
    params, plan = {"weight": np.ones((D, 1))}, Plan(bias=False)
    found, want = objective(plan, lazy, params), objective(plan, brought, params)
    np.testing.assert_allclose(found[0], want[0], rtol=1e-12)
    np.testing.assert_allclose(found[1]["weight"], want[1]["weight"], rtol=1e-10)


def test_rows_are_scaled_where_they_are_asked_for():
    lazy, brought = tables(np.float64)
    np.testing.assert_allclose(scaled(lazy).inputs, brought.inputs, atol=1e-12)
    assert scaled(lazy).columns is None
    assert scaled(brought) is brought
    some = picked(lazy, np.array([5, 2]))
    np.testing.assert_allclose(scaled(some).inputs, brought.inputs[[5, 2]], atol=1e-12)
    params = {"weight": np.zeros((D, 1)), "bias": np.zeros(1)}
    found, want = (
        inverse_curvature(Plan(loss="log"), table, params, seed=0)
        for table in (lazy, brought)
    )
    np.testing.assert_allclose(found, want, atol=1e-6)
