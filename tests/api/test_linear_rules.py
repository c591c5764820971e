"""Normalized steps and averaged params of linear models, through the door."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

import steepest as sp
from steepest.core.errors import UsageError
from steepest.data import orders

X, Y = load_diabetes(return_X_y=True, scaled=False)
CANCER, WINE = load_breast_cancer(return_X_y=True), load_wine(return_X_y=True)


@pytest.mark.parametrize("rate", [1e-3, 0.1, 0.5, 5.0, 50.0])
@pytest.mark.parametrize(
    ("data", "loss"),
    [
        ((X, Y), "squared"),
        ((X, Y), "absolute"),
        (CANCER, "log"),
        (CANCER, "hinge"),
        (WINE, "cross_entropy"),
    ],
    ids=["squared", "absolute", "log", "hinge", "cross_entropy"],
)
def test_normalized_never_blows_up_on_raw_columns(data, loss, rate):
    fitted = sp.fit(
        (data[0], data[1] if loss != "cross_entropy" else data[1].astype(str)),
        loss=loss,
        optimizer="normalized",
        learning_rate=rate,
        standardize=False,
        epochs=3,
        validation=None,
    )
    trace = fitted.run.trace
    assert not fitted.run.stop.failed
    assert np.isfinite(trace.value).all()
    trivial = {"squared": 1.0, "absolute": 0.9, "log": 0.7, "hinge": 1.0}.get(loss, 1.1)
    assert fitted.run.value <= 1.05 * trivial
    assert fitted.run.settings["batch_size"] == 1


def test_normalized_steps_do_not_care_for_units():
    runs = [
        sp.fit((X * unit, Y), optimizer="normalized", standardize=False, epochs=2).run
        for unit in (1.0, np.geomspace(1e-4, 1e4, X.shape[1]))
    ]
    np.testing.assert_allclose(
        runs[0].trace.validation.loss, runs[1].trace.validation.loss, rtol=1e-3
    )


def test_averages_are_the_mean_of_the_points_from_the_second_pass_on():
    x, y = (X - X.mean(axis=0)) / X.std(axis=0), (Y - Y.mean()) / Y.std()
    fitted = sp.fit(
        (x, y),
        optimizer="gd",
        learning_rate=0.01,
        batch_size=1,
        epochs=3,
        average=True,
        validation=None,
    )
    theta, met, n = np.zeros(x.shape[1] + 1), [], len(y)
    rows = np.hstack([np.ones((n, 1)), x])
    for epoch in range(3):
        for row in orders.order(n, seed=0, epoch=epoch):
            slope = 2 * (rows[row] @ theta - y[row])
            theta = theta - 0.01 * slope * rows[row]
            met += [theta] if epoch > 0 else []
    mean = np.mean(met, axis=0)
    found = np.append(fitted.params["bias"], fitted.params["weight"])
    np.testing.assert_allclose(found, mean, atol=1e-4)
    assert np.abs(theta - mean).max() > 1e-2
    assert fitted.run.settings["average"] is True


def test_averages_come_nearer_to_the_optimum_than_the_last_point():
    steps = {"optimizer": "momentum", "batch_size": 8, "epochs": 60}
    steps |= {"validation": None, "learning_rate": 0.02}
    least = sp.fit((X, Y), validation=None).run.value
    last = sp.fit((X, Y), **steps).run.value
    mean = sp.fit((X, Y), average=True, **steps).run.value
    assert mean - least < 0.2 * (last - least)
    auto = sp.fit((X, Y), average=True, validation=None)
    assert auto.run.settings["optimizer"] == "adagrad"
    assert auto.run.value <= 1.01 * least


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"optimizer": "normalized", "model": "mlp"}, "updates linear models row by"),
        ({"optimizer": "normalized", "l2": 0.1}, "normalized steps have no penalty"),
        ({"optimizer": "normalized", "clip_norm": 1.0}, "clip_norm is not in the ker"),
        ({"optimizer": "normalised"}, "Did you mean normalized?"),
        ({"average": True, "optimizer": "lbfgs"}, "average=True with 'lbfgs'"),
        ({"average": True, "optimizer": "rmsprop"}, "average=True with 'rmsprop'"),
        ({"average": True, "model": "mlp"}, "optimizer='schedule_free'"),
        ({"average": True, "batch_size": "full"}, "all rows make no noise"),
        ({"average": True, "clip_value": 1.0}, "average=True: clip_value is not"),
        ({"average": 1}, "must be True or False"),
    ],
    ids=lambda value: "" if isinstance(value, str) else "-".join(value),
)
def test_what_they_are_not_for_is_refused(options, words):
    with pytest.raises(UsageError) as caught:
        sp.fit((X, Y), epochs=1, **options)
    assert words in str(caught.value)


def test_functions_have_no_rows():
    with pytest.raises(UsageError, match="Elsewhere use adam"):
        sp.minimize("x**2", {"x": 1.0}, optimizer="normalized")
