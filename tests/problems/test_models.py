"""Models against plain NumPy, and what every recipe owes a compiled loop."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from steepest.core.errors import DataError, UsageError
from steepest.problems.models import (
    MLP,
    FunctionModel,
    Linear,
    ModuleModel,
    get_model,
    leaves_by_name,
    model_from_json,
    replace_leaves,
    squeeze_outputs,
)
from steepest.problems.models.layers import ACTIVATIONS, INITS, initial_weights

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
    "linear without bias": Linear(bias=False),
    "mlp": MLP(hidden=(5, 4)),
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


@functools.partial(jax.jit, static_argnames=("model", "training"))
def apply(model, params, stats, inputs, *, training):
    """Compiled whole, as the engine does it."""
    return model.apply(params, stats, inputs, training=training)


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


@pytest.mark.parametrize("name", ["linear", "mlp", "mlp batch", "mlp layer"])
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


# ---- numbers, by hand ----


def test_linear_by_hand():
    model = Linear()
    params, stats = model.init(KEY, N_IN, N_OUT)
    assert not np.any(params["weight"])
    assert not np.any(params["bias"])
    rng = np.random.default_rng(1)
    params = {"weight": rng.normal(size=(N_IN, N_OUT)), "bias": rng.normal(size=N_OUT)}
    outputs, _ = apply(model, params, stats, rows(), training=False)
    want = rows() @ params["weight"] + params["bias"]
    np.testing.assert_allclose(outputs, want, rtol=1e-5)
    assert squeeze_outputs(outputs).shape == (ROWS, N_OUT)
    assert squeeze_outputs(outputs[:, :1]).shape == (ROWS,)


FORWARD = {
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "gelu": lambda z: z * scipy.special.ndtr(z),
    "tanh": np.tanh,
    "sigmoid": scipy.special.expit,
}
SLOPE = {
    "relu": lambda z: (z > 0) * 1.0,
    "leaky_relu": lambda z: np.where(z > 0, 1.0, 0.01),
    "gelu": lambda z: (
        scipy.special.ndtr(z) + z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    ),
    "tanh": lambda z: 1 - np.tanh(z) ** 2,
    "sigmoid": lambda z: scipy.special.expit(z) * scipy.special.expit(-z),
}


@pytest.mark.parametrize(
    ("activation", "residual"),
    [("relu", False), *((name, True) for name in ACTIVATIONS)],
)
def test_mlp_forward_and_backward_by_hand(activation, residual):
    model = MLP(hidden=(4, 4), activation=activation, residual=residual)
    f, slope = FORWARD[activation], SLOPE[activation]
    with jax.enable_x64(True):
        params, stats = model.init(KEY, N_IN, 1)
        params = jax.tree.map(np.float64, params)
        x, t = rows().astype(np.float64), np.arange(ROWS) / ROWS

        def mean_square(params):
            outputs, _ = apply(model, params, stats, x, training=True)
            return jnp.mean((outputs[:, 0] - t) ** 2)

        value, grad = jax.jit(jax.value_and_grad(mean_square))(params)
    (w1, b1), (w2, b2), (w3, b3) = (
        (np.asarray(layer.weight), np.asarray(layer.bias))
        for layer in (*(block.linear for block in params.hidden), params.output)
    )
    z1 = x @ w1.T + b1
    h1 = f(z1)
    z2 = h1 @ w2.T + b2
    h2 = f(z2) + (h1 if residual else 0)
    error = (h2 @ w3.T + b3)[:, 0] - t
    np.testing.assert_allclose(value, np.mean(error**2), rtol=1e-12)
    d3 = (2 * error / ROWS)[:, None]
    d2 = d3 @ w3
    d1 = (d2 * slope(z2)) @ w2 + (d2 if residual else 0)
    d2, d1 = d2 * slope(z2), d1 * slope(z1)
    for layer, delta, inputs in (
        (grad.output, d3, h2),
        (grad.hidden[1].linear, d2, h1),
        (grad.hidden[0].linear, d1, x),
    ):
        np.testing.assert_allclose(layer.weight, delta.T @ inputs, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(layer.bias, delta.sum(axis=0), rtol=1e-8, atol=1e-9)


def hidden_rows(params, x):
    """The hidden rows of an identity-like network, before the norm."""
    return x @ np.asarray(params.hidden[0].linear.weight).T


def test_layer_norm_by_hand():
    model = MLP(hidden=4, norm="layer", activation="tanh")
    params, stats = model.init(KEY, N_IN, 1)
    z = hidden_rows(params, rows())
    z = (z - z.mean(axis=1, keepdims=True)) / np.sqrt(z.var(axis=1) + 1e-5)[:, None]
    want = np.tanh(z) @ np.asarray(params.output.weight).T
    outputs, _ = apply(model, params, stats, rows(), training=True)
    np.testing.assert_allclose(outputs, want, rtol=1e-4, atol=1e-6)


def test_batch_norm_by_hand_in_training_and_in_prediction():
    model = MLP(hidden=4, norm="batch", activation="tanh")
    params, stats = model.init(KEY, N_IN, 1)
    assert params.hidden[0].linear.bias is None
    weight = np.asarray(params.output.weight).T
    means, variances, decays = [], [], []
    mean, variance = np.zeros(4), np.ones(4)
    for step in range(15):
        z = hidden_rows(params, rows(seed=step))
        normal = (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-5)
        outputs, stats = apply(model, params, stats, rows(seed=step), training=True)
        np.testing.assert_allclose(outputs, np.tanh(normal) @ weight, atol=1e-5)
        decays.append(min(0.9, step / (step + 1)))
        mean = decays[-1] * mean + (1 - decays[-1]) * z.mean(axis=0)
        variance = decays[-1] * variance + (1 - decays[-1]) * z.var(axis=0, ddof=1)
        means.append(z.mean(axis=0))
        variances.append(z.var(axis=0, ddof=1))
        np.testing.assert_allclose(stats[0].mean, mean, atol=1e-6)
        np.testing.assert_allclose(stats[0].variance, variance, rtol=1e-5)
        if step == 9:
            np.testing.assert_allclose(mean, np.mean(means, axis=0), atol=1e-7)
            np.testing.assert_allclose(variance, np.mean(variances, axis=0), rtol=1e-6)
    z = hidden_rows(params, rows(seed=99))
    want = np.tanh((z - mean) / np.sqrt(variance + 1e-5)) @ weight
    outputs, _ = apply(model, params, stats, rows(seed=99), training=False)
    np.testing.assert_allclose(outputs, want, atol=1e-5)
    training, _ = apply(model, params, stats, rows(seed=99), training=True)
    assert np.abs(training - outputs).max() > 1e-3


def test_batch_norm_slope_sees_the_batch_statistics():
    model = MLP(hidden=4, norm="batch", activation="tanh")
    with jax.enable_x64(True):
        start = model.init(KEY, N_IN, 1)
        params, stats = jax.tree.map(np.float64, start)
        weight = params.hidden[0].linear.weight

        def value(weight):
            moved = eqx.tree_at(lambda p: p.hidden[0].linear.weight, params, weight)
            outputs, _ = apply(model, moved, stats, rows(), training=True)
            return jnp.sum(outputs**3)

        at = jax.jit(value)
        slope = jax.jit(jax.grad(value))(weight)
        bump = 1e-6 * np.eye(weight.size).reshape(-1, *weight.shape)
        want = [(at(weight + e) - at(weight - e)) / 2e-6 for e in bump]
    np.testing.assert_allclose(slope.ravel(), want, rtol=1e-5, atol=1e-6)


def test_one_row_meets_the_running_statistics_of_batch_norm():
    model = MLP(hidden=4, norm="batch")
    params, stats = model.init(KEY, N_IN, 1)
    _, stats = apply(model, params, stats, rows(), training=True)
    trained, after = apply(model, params, stats, rows(1), training=True)
    predicted, _ = apply(model, params, stats, rows(1), training=False)
    np.testing.assert_array_equal(trained, predicted)
    np.testing.assert_array_equal(after[0].mean, stats[0].mean)


@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
def test_residual_blocks_of_zeros_are_the_identity(norm):
    deep = MLP(hidden=(6, 6, 6), residual=True, norm=norm)
    params, stats = deep.init(KEY, 6, 1)
    blocks = jax.tree.map(np.zeros_like, params.hidden)
    params = eqx.tree_at(lambda p: p.hidden, params, blocks)
    x = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    outputs, _ = apply(deep, params, stats, x, training=True)
    np.testing.assert_allclose(
        outputs, x @ np.asarray(params.output.weight).T, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    ("init", "activation"),
    [("he", FORWARD["relu"]), ("glorot", np.array), ("lecun", np.array)],
)
def test_initial_weights_keep_the_variance_over_ten_layers(init, activation):
    z = np.random.default_rng(0).normal(size=(400, 512))
    for weight in initial_weights(KEY, [512] * 11, init=init, activation="relu"):
        z = activation(z) @ np.asarray(weight).T
    assert 0.5 < z.var() < 2.0


@pytest.mark.parametrize(("fan_in", "fan_out"), [(400, 100), (100, 400)])
def test_initial_weights_know_fan_in_from_fan_out(fan_in, fan_out):
    def variance(init, activation="relu"):
        (weight,) = initial_weights(
            KEY, (fan_in, fan_out), init=init, activation=activation
        )
        assert weight.shape == (fan_out, fan_in)
        return float(np.var(weight))

    assert np.isclose(variance("he"), 2 / fan_in, rtol=0.05)
    assert np.isclose(variance("glorot"), 2 / (fan_in + fan_out), rtol=0.05)
    assert np.isclose(variance("lecun"), 1 / fan_in, rtol=0.05)
    assert np.isclose(variance("normal"), 1e-4, rtol=0.05)
    assert variance("zeros") == 0.0
    for activation in ("relu", "leaky_relu", "gelu"):
        assert variance("auto", activation) == variance("he")
    for activation in ("tanh", "sigmoid"):
        assert variance("auto", activation) == variance("glorot")


@pytest.mark.parametrize("norm", ["none", "layer", "batch"])
def test_mlp_is_one_matrix_product_a_layer(norm):
    model = MLP(hidden=(5, 4), norm=norm)
    params, stats = model.init(KEY, N_IN, 1)
    jaxpr = str(
        jax.make_jaxpr(lambda x: model.apply(params, stats, x, training=True))(rows())
    )
    assert jaxpr.count("dot_general[") == 3
    assert "scan[" not in jaxpr
    assert "while[" not in jaxpr


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
    assert shape_of(one) == shape_of(two)


@pytest.mark.parametrize(
    "model", [Linear(bias=False), MLP(hidden=(8, 3), norm="layer", init="lecun")]
)
def test_recipes_survive_json(model):
    import json

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
        ("mlp", {"hidden": ()}, "model='linear'"),
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


def test_init_names_are_all_there():
    assert set(INITS) == {"he", "glorot", "lecun", "zeros", "normal"}
    assert set(ACTIVATIONS) == set(FORWARD)
