"""From names, modules and pairs to models: how they run, and what is refused."""

import functools
import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.core.errors import DataError, UsageError
from steepest.problems.models import (
    MLP,
    FunctionModel,
    Linear,
    ModuleModel,
    get_model,
    model_from_json,
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
    "module": get_model(eqx.nn.MLP(N_IN, N_OUT, 4, 1, key=KEY)),
    "stateful module": get_model(Stateful(KEY)),
    "pair": get_model(PAIR),
}


def rows(n=ROWS, seed=0):
    return np.random.default_rng(seed).normal(size=(n, N_IN)).astype(np.float32)


@functools.partial(jax.jit, static_argnames=("model", "training"))
def apply(model, params, stats, inputs, *, training):
    """Compiled whole, as the engine does it."""
    return model.apply(params, stats, inputs, training=training)


# ---- models of one's own ----


def test_module_is_called_row_by_row():
    module = eqx.nn.MLP(N_IN, N_OUT, 4, 1, key=KEY)
    model = get_model(module)
    params, stats = model.init(jax.random.key(5), N_IN, N_OUT)
    outputs, _ = apply(model, params, stats, rows(), training=True)
    want = np.stack([module(row) for row in rows()])
    np.testing.assert_allclose(outputs, want, rtol=1e-5, atol=1e-6)


def test_dropout_draws_anew_in_training_and_rests_in_prediction():
    width = 50
    linear = eqx.nn.Linear(N_IN, width, key=KEY)
    model = get_model(eqx.nn.Sequential([linear, eqx.nn.Dropout(0.5)]))
    params, stats = model.init(jax.random.key(1), N_IN, width)
    one, after = apply(model, params, stats, rows(), training=True)
    again, _ = apply(model, params, stats, rows(), training=True)
    two, _ = apply(model, params, after, rows(), training=True)
    np.testing.assert_array_equal(one, again)
    assert np.any(np.asarray(one) != two)
    dropped = np.asarray(one) == 0
    assert 0.35 < dropped.mean() < 0.65
    assert np.any(dropped[0] != dropped[1])  # a mask of its own for each row
    predicted, rested = apply(model, params, after, rows(), training=False)
    np.testing.assert_allclose(predicted, jax.vmap(linear)(rows()), rtol=1e-5)
    np.testing.assert_array_equal(rested.key, after.key)


def test_stateful_module_learns_its_statistics():
    model = MODELS["stateful module"]
    params, stats = model.init(KEY, N_IN, N_OUT)
    _, after = apply(model, params, stats, rows(), training=True)
    before_leaves, after_leaves = map(jax.tree.leaves, (stats.state, after.state))
    assert any(
        np.any(np.asarray(a) != b)
        for a, b in zip(before_leaves, after_leaves, strict=True)
    )
    # the statistics are not among what descends
    assert len(jax.tree.leaves(params)) == 4
    # and a second init starts afresh
    for a, b in zip(
        before_leaves,
        jax.tree.leaves(model.init(KEY, N_IN, N_OUT)[1].state),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_a_pair_of_one_output_may_return_a_vector():
    model = get_model(({"a": 2.0, "b": 1.0}, lambda p, x: p["a"] * x[:, 0] + p["b"]))
    params, stats = model.init(KEY, N_IN, 1)
    outputs, _ = apply(model, params, stats, rows(), training=False)
    np.testing.assert_allclose(outputs[:, 0], 2 * rows()[:, 0] + 1, rtol=1e-6)


# ---- names, options, JSON ----


def test_names_and_equal_recipes():
    assert get_model("linear") == Linear() != Linear(bias=False)
    assert get_model("mlp", hidden=8) == MLP(hidden=[8])
    assert hash(get_model("mlp", hidden=8)) == hash(MLP(hidden=(8,)))
    assert MLP(init="he") != MLP(init="auto")
    model = MODELS["module"]
    assert get_model(model) is model
    assert isinstance(model, ModuleModel)
    assert isinstance(MODELS["pair"], FunctionModel)
    made_with_state = get_model(eqx.nn.make_with_state(Stateful)(KEY))
    one = made_with_state.init(KEY, N_IN, N_OUT)
    two = MODELS["stateful module"].init(KEY, N_IN, N_OUT)
    assert jax.tree.structure(one) == jax.tree.structure(two)


@pytest.mark.parametrize(
    "model", [Linear(bias=False), MLP(hidden=(8, 3), norm="layer", init="lecun")]
)
def test_recipes_survive_json(model):
    assert model_from_json(json.loads(json.dumps(model.to_json()))) == model


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "needs its kind"),
        ([], "needs its kind"),
        ({"kind": "mpl"}, "Did you mean mlp"),
        ({"kind": "mlp", "hidden": [0]}, "cannot be rebuilt"),
        ({"kind": "mlp", "depth": 3}, "no option 'depth'"),
        (MODELS["module"].to_json(), "code of your own"),
        (MODELS["pair"].to_json(), "code of your own"),
    ],
)
def test_bad_json_is_a_data_error(data, message):
    with pytest.raises(DataError, match=message):
        model_from_json(data)


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("mpl", {}, "Did you mean mlp"),
        ("mlp", {"hiden": 3}, "Did you mean hidden"),
        ("linear", {"hidden": 3}, "has no option 'hidden'"),
        ("linear", {"bias": 1}, "True or False"),
        ("mlp", {"activation": "rleu"}, "Did you mean relu"),
        ("mlp", {"activation": None}, "unknown"),
        ("mlp", {"norm": "bach"}, "Did you mean batch"),
        ("mlp", {"init": "hee"}, "Did you mean he"),
        ("mlp", {"residual": "yes"}, "True or False"),
        ("mlp", {"hidden": 0}, "whole number >= 1"),
        ("mlp", {"hidden": (8, -1)}, "whole number >= 1"),
        ("mlp", {"hidden": ()}, "take a linear model"),
        ("mlp", {"hidden": 6.5}, "whole number >= 1"),
        ("mlp", {"hidden": "64"}, "whole number >= 1"),
        (Linear(), {"hidden": 3}, "model given by name"),
        (3, {}, "an Equinox module"),
        (({"a": 1}, affine), {}, "only floats can descend"),
        (({}, affine), {}, "no number to learn"),
        (eqx.nn.Identity(), {}, "no float array"),
        (eqx.nn.StateIndex(jnp.zeros(1)), {}, "no __call__"),
    ],
)
def test_bad_specs_say_what_is_needed(spec, options, message):
    with pytest.raises(UsageError, match=message):
        get_model(spec, **options)


@pytest.mark.parametrize(
    ("model", "sizes", "message"),
    [
        (Linear(), (0, 1), "n_inputs=0"),
        (MLP(), (3, 0), "n_outputs=0"),
        (MODELS["module"], (N_IN, 5), "needs \\(2, 5\\)"),
        (MODELS["module"], (N_IN + 1, N_OUT), "cannot be called on rows of 4"),
        (MODELS["pair"], (N_IN, 1), "needs \\(2, 1\\)"),
        (get_model(Stateful(KEY, axis_name="rows")), (N_IN, N_OUT), "axis_name"),
    ],
)
def test_sizes_that_do_not_fit(model, sizes, message):
    with pytest.raises(UsageError, match=message):
        model.init(KEY, *sizes)
