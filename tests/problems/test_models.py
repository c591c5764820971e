"""Models against plain NumPy, and what every recipe owes a compiled loop."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.core.errors import DataError
from steepest.problems.models import (
    MLP,
    Linear,
    get_model,
    leaves_by_name,
    replace_leaves,
)

KEY = jax.random.key(0)
N_IN, N_OUT, ROWS = 3, 2, 8


class Stateful(eqx.Module):
    """A user's module with Equinox's own batch norm and dropout."""

    layer: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    dropout: eqx.nn.Dropout

    def __init__(self, key, axis_name="batch"):
        self.layer = eqx.nn.Linear(N_IN, N_OUT, key=key)
        self.norm = eqx.nn.BatchNorm(N_OUT, axis_name=axis_name, mode="batch")
        self.dropout = eqx.nn.Dropout(0.5)

    def __call__(self, row, state, *, key=None):
        row, state = self.norm(self.layer(row), state)
        return self.dropout(row, key=key), state


def affine(params, inputs):
    return inputs @ params["weight"] + params["bias"]


PAIR = ({"weight": np.ones((N_IN, N_OUT)), "bias": np.zeros(N_OUT)}, affine)
MODELS = {
    "linear": Linear(),
    "mlp batch": MLP(hidden=(5, 5), norm="batch", residual=True),
    "mlp layer": MLP(hidden=(5, 5), norm="layer", activation="gelu"),
    "module": get_model(eqx.nn.MLP(N_IN, N_OUT, 4, 1, key=KEY)),
    "stateful module": get_model(Stateful(KEY)),
    "pair": get_model(PAIR),
}
each_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def rows(n=ROWS, seed=0):
    return np.random.default_rng(seed).normal(size=(n, N_IN)).astype(np.float32)


def shape_of(tree):
    return jax.tree.structure(tree), [
        (leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(tree)
    ]


# ---- what every model owes ----


@each_model
def test_shapes_and_dtypes(model):
    params, stats = model.init(KEY, N_IN, N_OUT)
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(params))
    for training in (True, False):
        forward = functools.partial(model.apply, training=training)
        outputs, after = jax.eval_shape(forward, params, stats, rows())
        assert outputs.shape == (ROWS, N_OUT)
        assert outputs.dtype == np.float32
        assert shape_of(after) == shape_of(stats)


@each_model
def test_a_compiled_loop_carries_it(model):
    params, stats = model.init(KEY, N_IN, N_OUT)

    def loss(params, stats, batch):
        outputs, stats = model.apply(params, stats, batch, training=True)
        return jnp.mean((outputs - 1.0) ** 2), stats

    def step(carry, batch):
        params, stats = carry
        (value, stats), grad = jax.value_and_grad(loss, has_aux=True)(*carry, batch)
        params = jax.tree.map(lambda p, g: p - 0.05 * g, params, grad)
        return (params, stats), value

    batches = np.stack([rows(seed=0)] * 40)
    carry, values = jax.jit(lambda c: jax.lax.scan(step, c, batches))((params, stats))
    assert shape_of(carry) == shape_of((params, stats))
    assert values[-5:].mean() < values[:5].mean()


@each_model
def test_rows_do_not_meet_in_prediction_and_one_row_can_be_trained_on(model):
    params, stats = model.init(KEY, N_IN, N_OUT)

    @jax.jit
    def outcomes(rows):
        together, rested = model.apply(params, stats, rows, training=False)
        alone = [
            model.apply(params, stats, row, training=False)[0]
            for row in jnp.split(rows, len(rows))
        ]
        trained = model.apply(params, stats, rows[:1], training=True)
        return together, rested, jnp.concatenate(alone), trained

    together, rested, alone, trained = outcomes(rows(3))
    np.testing.assert_allclose(alone, together, rtol=1e-5, atol=1e-6)
    for before, leaf in zip(
        jax.tree.leaves(stats), jax.tree.leaves(rested), strict=True
    ):
        np.testing.assert_array_equal(before, leaf)
    for leaf in jax.tree.leaves(trained):
        assert np.isfinite(np.asarray(leaf, np.float64)).all()


@each_model
def test_equal_keys_give_equal_models(model):
    one, two = (model.init(jax.random.key(7), N_IN, N_OUT) for _ in range(2))
    assert jax.tree.structure(one) == jax.tree.structure(two)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_array_equal(a, b)


@each_model
def test_it_is_hashable_and_its_leaves_have_names(model):
    assert hash(model) == hash(model)
    params, stats = model.init(KEY, N_IN, N_OUT)
    for tree in (params, stats):
        named = leaves_by_name(tree)
        assert len(named) == len(jax.tree.leaves(tree))
        other = jax.tree.map(lambda leaf: leaf + 1, tree)
        back = replace_leaves(tree, jax.tree.map(np.asarray, leaves_by_name(other)))
        assert shape_of(back) == shape_of(tree)
        for a, b in zip(jax.tree.leaves(back), jax.tree.leaves(other), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["linear", "mlp batch", "mlp layer"])
def test_dtypes_hold_with_x64_on(name):
    model = MODELS[name]
    forward = functools.partial(model.apply, training=True)
    with jax.enable_x64(True):
        params, stats = model.init(KEY, N_IN, N_OUT)
        outputs, after = jax.eval_shape(forward, params, stats, rows())
        assert outputs.dtype == np.float32
        assert shape_of(after) == shape_of(stats)
        assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(params))
        wide = jax.tree.map(lambda leaf: np.float64(leaf), (params, stats))
        outputs, after = jax.eval_shape(forward, *wide, np.float64(rows()))
        assert outputs.dtype == np.float64
        assert shape_of(after) == shape_of(wide[1])


# ---- leaves ----


def test_leaves_have_readable_names():
    params, stats = MLP(hidden=4, norm="batch").init(KEY, N_IN, 1)
    assert "hidden.0.linear.weight" in leaves_by_name(params)
    assert "output.bias" in leaves_by_name(params)
    assert list(leaves_by_name(stats)) == ["0.mean", "0.variance", "0.decay"]
    assert list(leaves_by_name(jnp.zeros(2))) == ["value"]
    clash = {"a.b": jnp.zeros(1), "a": {"b": jnp.zeros(1)}}
    assert len(leaves_by_name(clash)) == 2


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({}, "weight on one side only"),
        ({"weight": np.zeros((3, 1), np.float32), "x": np.zeros(1)}, "x on one side"),
        ({"weight": np.zeros((2, 1), np.float32)}, r"needs float32\(3, 1\)"),
        ({"weight": np.zeros((3, 1))}, "is float64"),
    ],
)
def test_saved_leaves_that_do_not_fit(named, message):
    tree, _ = Linear(bias=False).init(KEY, 3, 1)
    with pytest.raises(DataError, match=message):
        replace_leaves(tree, named)
