"""Backpropagation through a network: each number is JAX's, and by hand."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pytest

import steepest as sp
from steepest.core.errors import UsageError

ROW = {"x": [1.0, 0.5], "y": 1.0}


@pytest.mark.parametrize(
    "spec",
    [
        "mlp:hidden=2/2,activation=sigmoid",
        "mlp:hidden=3,activation=tanh,loss=log,seed=3",
        "mlp:hidden=4,activation=relu,loss=huber",
        "mlp:hidden=2,activation=leaky_relu,loss=absolute",
        "mlp:hidden=2,activation=gelu,loss=hinge",
        "linear:loss=log",
    ],
)
def test_the_gradient_is_jax_s(spec):
    told = sp.explain(spec, ROW, steps=2)
    assert told.difference < 1e-9
    assert told.to_text().count("Backwards") == 1
    assert max(map(len, told.to_text().splitlines())) <= 80
    json.dumps(told.to_json(), allow_nan=False)
    assert "<pre>" in told.to_html()
    assert "Backwards" in told.to_markdown()


def test_layer_by_layer_by_hand():
    told = sp.explain("mlp:hidden=2,activation=sigmoid", ROW, learning_rate=0.5)
    (w1, b1, _), (w2, b2, _) = told.graph.layers
    x = np.array(ROW["x"])
    a = 1 / (1 + np.exp(-(w1 @ x + b1)))
    p = float((w2 @ a + b2)[0])
    delta2 = 2 * (p - 1.0)
    delta1 = w2[0] * delta2 * a * (1 - a)
    first, second = told.graph.passes
    assert told.value == pytest.approx((p - 1) ** 2, rel=1e-12)
    np.testing.assert_allclose(second.delta, [delta2], rtol=1e-12)
    np.testing.assert_allclose(first.delta, delta1, rtol=1e-12)
    np.testing.assert_allclose(first.by_weight, np.outer(delta1, x), rtol=1e-12)
    [step] = told.steps
    moved = dict(zip(told.names, step.after.x, strict=True))
    assert moved["w2[0,1]"] == pytest.approx(w2[0, 1] - 0.5 * delta2 * a[1], rel=1e-12)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 60))
    kind = np.array(["p", "q", "r"])[np.digitize(a, [-0.5, 0.5])]
    return {"a": a, "b": b, "y": 3 * a - b + 100, "kind": kind}


def fitted(table, target, model):
    columns = {name: table[name] for name in ("a", "b", target)}
    return sp.fit(columns, target=target, model=model, epochs=2, progress=False)


@pytest.mark.parametrize(
    ("target", "model"), [("y", "linear"), ("kind", sp.MLP(hidden=3))]
)
def test_a_fitted_model_is_followed(table, target, model):
    one = fitted(table, target, model)
    row = {"a": 1.0, "b": 2.0, target: table[target][0]}
    told = sp.explain(one, row)
    assert told.difference < 1e-9
    encoded = one.features.encode(pa.table({"a": [1.0], "b": [2.0]}))
    raw = np.asarray(one.raw(encoded), float).ravel()
    np.testing.assert_allclose(told.graph.passes[-1].a, raw, rtol=1e-5, atol=1e-6)
    label, _ = one.target.encode([row[target]])
    prediction = jnp.asarray(raw if target == "y" else raw[None])
    with jax.enable_x64(True):
        loss = float(one.loss(prediction, jnp.asarray(label))[0])
    assert told.value == pytest.approx(loss, rel=1e-4)


@pytest.mark.parametrize(
    ("spec", "at", "match"),
    [
        ("mlp:hidden=2", None, "a network needs a row"),
        ("mlp:hidden=2", {"x": [1.0]}, "y missing"),
        ("mlp:hidden=2", {"x": [1.0], "y": 1.0, "z": 1.0}, "z: unknown"),
        ("mlp:hidden=2", {"x": [float("nan")], "y": 1.0}, "finite numbers"),
        ("mlp:hidden=2", {"x": ["a"], "y": 1.0}, "finite numbers"),
        ("mlp:hidden=2,loss=log", {"x": [1.0], "y": 3.0}, "class 0 or 1"),
        ("mlp:hidden=2,loss=cross_entropy", ROW, "one output"),
        ("mlp:hidden=2,norm=batch", ROW, "networks of plain layers"),
        ("mlp:hiden=2", ROW, "Did you mean hidden"),
        ("mlp:hidden=0", ROW, "hidden=0"),
        ("mlp:hidden=2,seed=half", ROW, "seed='half'"),
    ],
)
def test_what_cannot_be_followed_is_told(spec, at, match):
    with pytest.raises(UsageError, match=match):
        sp.explain(spec, at)


def test_a_fitted_model_needs_its_target_in_the_row(table):
    one = fitted(table, "y", "linear")
    with pytest.raises(UsageError, match="needs its target 'y'"):
        sp.explain(one, {"a": 1.0, "b": 1.0})
    with pytest.raises(UsageError, match="give one row"):
        sp.explain(one)
