"""Networks with statistics: training and inference told apart, the best epoch kept."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

import steepest as sp
from steepest.data.reading import read_table

ROWS, LABELS = load_breast_cancer(return_X_y=True)
TRAIN, HELD = (ROWS[:300], LABELS[:300]), (ROWS[300:], LABELS[300:])
STEPS = dict(batch_size=16, optimizer="adam", learning_rate=0.03, validation=HELD)


class Stateful(eqx.Module):
    """A residual block with Equinox's own batch norm."""

    first: eqx.nn.Linear
    second: eqx.nn.Linear
    norm: eqx.nn.BatchNorm

    def __init__(self, key):
        one, two = jax.random.split(key)
        self.first = eqx.nn.Linear(30, 8, key=one)
        self.second = eqx.nn.Linear(8, 1, key=two)
        self.norm = eqx.nn.BatchNorm(8, axis_name="batch", mode="batch")

    def __call__(self, row, state):
        z = self.first(row)
        h, state = self.norm(z, state)
        return self.second(z + jax.nn.relu(h)), state


MODELS = {
    "mlp": lambda: sp.MLP(hidden=(8, 8), norm="batch", residual=True),
    "module": lambda: Stateful(jax.random.key(0)),
}


@pytest.fixture(scope="module", params=MODELS)
def pair(request):
    """A fit that patience ended, and the same made for its best epoch alone."""
    model = MODELS[request.param]()
    stopped = sp.fit(TRAIN, model=model, epochs=60, patience=4, **STEPS)
    curve = stopped.run.trace.validation
    best = int(curve.epoch[np.argmin(curve.loss)])
    return stopped, sp.fit(TRAIN, model=model, epochs=max(best, 1), **STEPS), best


def same(one, other):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_params_and_the_statistics_of_the_best_epoch_come_back(pair):
    stopped, alone, best = pair
    curve = stopped.run.trace.validation
    assert stopped.run.stop is sp.Stop.PATIENCE
    assert 0 < best < curve.epoch[-1], "or nothing would be restored"
    same(stopped.params, alone.params)
    same(stopped.stats, alone.stats)
    told = stopped.evaluate(HELD)["log_loss"]
    assert told == pytest.approx(curve.loss.min(), rel=1e-4)


def test_training_and_inference_are_told_apart(pair):
    fitted, _, _ = pair
    rows = fitted.features.encode(read_table(ROWS[:64]))
    model = fitted.model
    trained, moved = model.apply(
        fitted.params, fitted.stats, jnp.asarray(rows), training=True
    )
    told, kept = model.apply(
        fitted.params, fitted.stats, jnp.asarray(rows), training=False
    )
    assert np.abs(trained - told).max() > 1e-3
    same(kept, fitted.stats)
    arrays = [jax.tree.leaves(part) for part in (moved, fitted.stats)]
    assert any(np.any(np.asarray(a) != b) for a, b in zip(*arrays, strict=True))
    alone = np.concatenate([fitted.predict_proba(ROWS[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(alone, fitted.predict_proba(ROWS[:64])[:5], atol=1e-5)
