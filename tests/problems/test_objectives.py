"""Objectives of tables: means by hand, and batches in which no row counts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as sp
from steepest.problems.losses import get_loss
from steepest.problems.models import Linear
from steepest.problems.objectives import Batch, TableObjective

RNG = np.random.default_rng(0)


def test_the_mean_is_weighed_by_hand():
    inputs, target, weight = RNG.normal(size=(6, 2)), RNG.normal(size=6), np.arange(6.0)
    params = {"bias": jnp.ones(1), "weight": jnp.array([[2.0], [-1.0]])}
    objective = TableObjective(Linear(), get_loss("squared"))
    rows = Batch(*map(jnp.asarray, (inputs, target, weight)))
    got = objective(params, (), rows, {"l2": 0.5})[0]
    errors = inputs @ [2.0, -1.0] + 1 - target
    want = np.average(errors**2, weights=weight) + 0.5 / 2 * 5
    assert float(got) == pytest.approx(want, rel=1e-5)


def test_a_batch_in_which_no_row_counts_has_only_its_penalty():
    objective = TableObjective(Linear(), get_loss("squared"))
    params = {"bias": jnp.ones(1), "weight": jnp.ones((2, 1))}
    rows = Batch(jnp.ones((3, 2)), jnp.zeros(3), jnp.zeros(3))
    value, slope = jax.value_and_grad(
        lambda params: objective(params, (), rows, {"l2": 1.0})[0]
    )(params)
    assert value == 1.0
    assert slope["bias"] == 0.0


def test_a_network_is_fitted_where_most_rows_weigh_nothing():
    rows = RNG.normal(size=(300, 3))
    weight = (np.arange(300) < 60) * 1.0
    found = sp.fit(
        (rows, (rows[:, 0] > 0) * 1),
        model="mlp:hidden=8",
        sample_weight=weight,
        batch_size=4,
        epochs=20,
        validation=None,
    )
    assert not found.run.stop.failed
    assert found.metrics["training"]["accuracy"] > 0.9
