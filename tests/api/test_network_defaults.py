"""What a network's fit chooses where nothing is named, and what it leaves alone."""

import numpy as np
import optax
import pytest

import steepest as sp

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 3))
Y = np.where(X[:, 0] * X[:, 1] > 0, "yes", "no")
DATA = {"epochs": 2, "validation": None, "progress": False}


def settings(**options):
    asked = {"model": "mlp:hidden=4", **DATA, **options}
    return sp.fit((X, Y), **asked).run.settings


def test_each_choice_is_told():
    told = settings(epochs=None, max_steps=1)
    assert (told["optimizer"], told["schedule"]) == ("adam", "cosine")
    assert (told["batch_size"], told["epochs"]) == (16, 100)
    assert told["penalty"] == {"l2": pytest.approx(1 / 400)}
    assert set(told["chosen"]) == {
        *("optimizer", "schedule", "batch_size", "epochs", "l2"),
    }


@pytest.mark.parametrize(
    "named",
    [
        {"optimizer": "adam"},
        {"optimizer": optax.sgd(0.1)},
        {"learning_rate": 0.01},
        {"schedule": "cosine"},
        {"clip_norm": 1.0},
        {"clip_value": 1.0},
        {"l1": 0.01},
        {"l2": 0.0},
    ],
    ids=lambda named: (
        next(iter(named)) + "-" + type(next(iter(named.values()))).__name__
    ),
)
def test_who_names_a_number_gets_no_l2_beside_it(named):
    told = settings(**named)
    assert "l2" not in told["penalty"]
    assert "l2" not in told["chosen"]


def test_a_named_l2_stays():
    told = settings(l2=0.5)
    assert told["penalty"] == {"l2": 0.5}
    assert "l2" not in told["chosen"]


def test_a_pair_of_the_users_is_not_held_back():
    params = {"weight": np.zeros((3, 1), np.float32)}
    told = settings(model=(params, lambda p, x: x @ p["weight"]))
    assert told["penalty"] == {}


def test_linear_models_keep_their_batches():
    told = settings(model="linear", learning_rate=0.01, epochs=None, max_steps=1)
    assert told["epochs"] == 4000 * 16 // 400
    assert told["chosen"]["batch_size"].endswith("from 16 to 256")
    assert told["penalty"] == {}


def test_defaults_beat_the_baseline_and_restore_the_best_epoch():
    fitted = sp.fit((X, Y), model="mlp", validation=0.2, progress=False)
    curve = fitted.run.trace.validation
    best = fitted.metrics["validation"]["log_loss"]
    assert best == pytest.approx(curve.loss.min(), rel=1e-4)
    assert best < 0.5 * fitted.metrics["baseline"]["log_loss"]
