"""What the compiled program tells of a network's layers, beside NumPy's own steps."""

import jax
import jax.numpy as jnp
import numpy as np

import steepest as sp
from steepest.descent.weights import Weights, weights_of
from steepest.problems.models import MLP
from steepest.records.layers import array_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 3))
Y = np.tanh(X @ [1.0, -1.0, 0.5])
STARTS = {"w1": RNG.normal(size=(3, 4)), "b": np.zeros(4), "w2": RNG.normal(size=(4,))}


def loss(params):
    hidden = jnp.tanh(X @ params["w1"] + params["b"])
    return jnp.mean((hidden @ params["w2"][:, 0] - Y) ** 2)


def test_each_norm_is_that_of_the_step():
    start = {**STARTS, "w2": STARTS["w2"][:, None]}
    options = dict(optimizer="gd", learning_rate=0.1, max_steps=20, gtol=None)
    layers = sp.minimize(loss, start, **options).trace.layers
    assert layers.names == ("w1", "w2")
    assert layers.step.tolist() == [*range(9), 10, 12, 14, 16, 20]
    with jax.enable_x64(True):
        at, expected = start, []
        for step in range(21):
            grad = jax.grad(loss)(at)
            moves = 0.1 if step < 20 else np.nan  # the last row leaves for nowhere
            sizes = [
                [np.linalg.norm(one[name]) for name in layers.names]
                for one in (grad, jax.tree.map(lambda g, m=moves: m * g, grad), at)
            ]
            expected.append(sizes)
            at = jax.tree.map(lambda p, g: p - 0.1 * g, at, grad)
    np.testing.assert_allclose(
        array_of(layers), np.array(expected)[layers.step], rtol=1e-9
    )


def test_layers_and_rows_tell_of_the_same_steps():
    model = MLP(hidden=(4, 4))
    run = sp.fit((X, Y), model=model, epochs=9, progress=False, validation=None).run
    layers, trace = run.trace.layers, run.trace
    rows = np.searchsorted(trace.step, layers.step)
    np.testing.assert_array_equal(trace.step[rows], layers.step)
    for name in ("grad_norm", "update_norm", "param_norm"):
        squares = np.sum(getattr(layers, name) ** 2, axis=1)
        whole = getattr(trace, name)[rows] ** 2
        assert (squares <= whole * (1 + 1e-5)).all()
        assert (squares[1:] >= 0.1 * whole[1:]).all()  # biases are the rest


def test_what_is_no_network_has_none():
    assert sp.fit((X, Y), progress=False, epochs=1).run.trace.layers is None
    assert sp.minimize("x**2", {"x": 1.0}).trace.layers is None
    assert weights_of({"w": np.ones((2, 2)), "b": np.ones(2)}) == Weights()


def test_layers_stand_in_the_order_of_the_network():
    params, _ = MLP(hidden=(4,) * 12).init(jax.random.key(0), 3, 1)
    names = weights_of(params).names
    assert names[0] == "hidden.0.linear.weight"
    assert names[10:] == (
        *("hidden.10.linear.weight", "hidden.11.linear.weight"),
        "output.weight",
    )
