"""The curvature that steps begin with, beside JAX's own second derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse

from steepest.core import random
from steepest.descent import curvature
from steepest.descent.curvature import inverse_curvature, inverted
from steepest.descent.kernels import Csr, Plan
from steepest.descent.linear_tables import Table
from steepest.descent.loop import descend
from steepest.descent.sources import PassSource
from steepest.descent.summed import WholeEngine, objective, packed, unpacked
from steepest.problems.losses import get_loss
from steepest.records import Stopping
from steepest.steps import settle

N, D = 60, 3
SMOOTH = ["squared", "huber", "poisson", "log", "squared_hinge"]


def table_of(loss, *, sparse=False, weighted=True):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, D))
    y = rng.standard_normal(N)
    if loss == "poisson":
        y = rng.poisson(1.0, N).astype(float)
    if loss in ("log", "squared_hinge"):
        y = (y > 0).astype(float)
    if loss == "cross_entropy":
        y = rng.integers(0, 3, N).astype(float)
    weight = rng.uniform(0.5, 2.0, N) if weighted else None
    inputs = X
    if sparse:
        held = scipy.sparse.csr_matrix(X)
        inputs = Csr(held.data, held.indices, held.indptr.astype(np.int64))
    return Table(inputs, y, weight, D), X, y, weight


def hessian(loss, X, y, weight, params, l2, bias):
    """(p, p) by JAX, of the vector that the engine moves."""
    task = {"cross_entropy": "multiclass", "log": "binary", "squared_hinge": "binary"}
    fn = get_loss(loss, task=task.get(loss, "regression")).fn
    d, k = params["weight"].shape

    def whole(vector):
        b, w = (vector[:k], vector[k:]) if bias else (jnp.zeros(k), vector)
        w = w.reshape(d, k)
        z = X @ w + b
        losses = jax.vmap(fn)(z if k > 1 else z[:, 0], y.astype(int) if k > 1 else y)
        return jnp.sum(weight * losses) / weight.sum() + l2 / 2 * jnp.sum(w**2)

    size = d * k + (k if bias else 0)
    return np.asarray(jax.hessian(whole)(jnp.asarray(packed(params, size))))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("loss", [*SMOOTH, "cross_entropy"])
def test_it_is_the_inverse_of_jaxs_hessian(loss, sparse, bias):
    table, X, y, weight = table_of(loss, sparse=sparse)
    k = 3 if loss == "cross_entropy" else 1
    params = {"weight": 0.3 * np.random.default_rng(1).standard_normal((D, k))}
    if bias:
        params["bias"] = np.full(k, 0.1)
    plan = Plan(loss=loss, l2=0.01, bias=bias)
    found = inverse_curvature(plan, table, params, seed=0)
    with jax.enable_x64(True):
        want = hessian(loss, X, y, weight, params, 0.01, bias)
    if k > 1 and bias:  # biases may rise together: no curvature, and no inverse
        np.testing.assert_allclose(want @ found @ want, want, atol=1e-5)
    else:
        np.testing.assert_allclose(found @ want, np.eye(len(want)), atol=1e-5)


def test_a_column_without_values_is_taken_to_be_like_the_others():
    found = inverted(np.diag([4.0, 0.0, 1.0]), np.zeros(3))
    np.testing.assert_allclose(np.diag(found)[[0, 2]], [0.25, 1.0])
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(inverted(np.zeros((2, 2)), np.zeros(2)), np.eye(2))


def test_of_many_rows_a_sample_is_read(monkeypatch):
    monkeypatch.setattr(curvature, "ROWS", 40)
    monkeypatch.setattr(curvature, "ROWS_A_NUMBER", 1)
    table, *_ = table_of("squared")
    params = {"weight": np.zeros((D, 1)), "bias": np.zeros(1)}
    one, same, other = (
        inverse_curvature(Plan(), table, params, seed=seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def steps_to(table, plan, *, seed):
    rule, numbers = settle("bfgs", None)
    stopping = Stopping(gtol=1e-9, max_epochs=200)
    engine = WholeEngine(plan, table, 1, rule, numbers, stopping.limits(), seed=seed)
    params = {"weight": np.zeros((table.n_columns, 1)), "bias": np.zeros(1)}
    state = engine.start(params, (), random.key(0))
    ended = descend(engine, PassSource(len(table.target)), state, stopping)
    return ended, unpacked(ended.params, table.n_columns, 1, bias=True)


def test_columns_of_any_correlation_take_a_handful_of_steps():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 8)) @ rng.standard_normal((8, 8))
    X[:, 0] = X[:, 1] + 1e-3 * X[:, 0]
    y = X @ np.ones(8) + rng.standard_normal(400)
    table, plan = Table(X, y, None, 8), Plan(l2=1e-6)
    ended, params = steps_to(table, plan, seed=0)
    assert int(ended.state.step) <= 6
    ones = np.column_stack([np.ones(400), X])
    penalty = 1e-6 * np.diag([0.0, *np.ones(8)])
    want = np.linalg.solve(2 * ones.T @ ones / 400 + penalty, 2 * ones.T @ y / 400)
    found = np.concatenate([params["bias"], params["weight"][:, 0]])
    np.testing.assert_allclose(found, want, rtol=1e-3, atol=1e-3)
    without, _ = steps_to(table, plan, seed=None)
    assert int(without.state.step) > int(ended.state.step)


def test_float32_rows_have_gradients_without_stairs():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3000, 4)).astype(np.float32)
    X[:, 1] = X[:, 0] + 0.01 * X[:, 1]
    y = (X[:, 2] + rng.standard_normal(3000) > 0).astype(np.float32)
    table, plan = Table(X, y, None, 4), Plan(loss="log", l2=1e-3)
    point = {"weight": rng.standard_normal((4, 1)), "bias": np.ones(1)}
    exact = Table(X.astype(float), y.astype(float), None, 4)
    for shift in (0.0, 1e-9, 1e-8):
        near = {"weight": point["weight"] + shift, "bias": point["bias"]}
        got, want = (objective(plan, rows, near)[1] for rows in (table, exact))
        np.testing.assert_allclose(got["weight"], want["weight"], atol=1e-8)
        np.testing.assert_allclose(got["bias"], want["bias"], atol=1e-8)
