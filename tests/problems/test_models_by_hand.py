"""Linear models and networks against plain NumPy, forward and backward."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from steepest.problems.models import MLP, Linear
from steepest.problems.models.layers import ACTIVATIONS, INITS, initial_weights
from steepest.problems.outputs import squeeze_outputs

KEY = jax.random.key(0)
N_IN, N_OUT, ROWS = 3, 2, 8


def rows(n=ROWS, seed=0):
    return np.random.default_rng(seed).normal(size=(n, N_IN)).astype(np.float32)


@functools.partial(jax.jit, static_argnames=("model", "training"))
def apply(model, params, stats, inputs, *, training):
    """Compiled whole, as the engine does it."""
    return model.apply(params, stats, inputs, training=training)


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
    bare = Linear(bias=False)
    assert list(bare.init(KEY, N_IN, N_OUT)[0]) == ["weight"]
    del params["bias"]
    outputs, _ = apply(bare, params, stats, rows(), training=False)
    np.testing.assert_allclose(outputs, rows() @ params["weight"], rtol=1e-5)
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


def test_init_names_are_all_there():
    assert set(INITS) == {"he", "glorot", "lecun", "zeros", "normal"}
    assert set(ACTIVATIONS) == set(FORWARD)
