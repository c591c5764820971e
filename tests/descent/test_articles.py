"""The numbers of the first articles, and those that a hand can work out."""

import jax
import numpy as np
import pytest

import steepest as sp
from steepest import Stop


def article(**options):
    return sp.minimize(
        "x^2 + x*y + y^2",
        {"x": 3.0, "y": 4.0},
        optimizer="gd",
        learning_rate=0.1,
        gtol=1e-6,
        **options,
    )


def test_hundred_steps_of_the_article_are_no_success():
    run = article(max_steps=100)
    path = run.trace.path
    assert (path["x"][0], path["y"][0]) == (3.0, 4.0)
    assert len(path["x"]) == 101
    assert run.params["x"] == pytest.approx(-1.3280699e-05, abs=1e-9)
    assert run.params["y"] == pytest.approx(1.3280699e-05, abs=1e-9)
    assert run.stop is Stop.MAX_STEPS
    assert not run.converged
    assert run.verdict.kind == "not_stationary"


def test_the_path_of_the_article_is_that_of_a_hand_written_loop():
    path = article(max_steps=100).trace.path
    x, y = 3.0, 4.0
    for k in range(101):
        assert path["x"][k] == pytest.approx(x, rel=1e-12)
        assert path["y"][k] == pytest.approx(y, rel=1e-12)
        x, y = x - 0.1 * (2 * x + y), y - 0.1 * (x + 2 * y)


def test_five_hundred_steps_converge():
    run = article(max_steps=500)
    assert run.stop is Stop.GRADIENT_SMALL
    assert run.grad_norm <= 1e-6
    assert run.verdict.kind == "minimum"
    assert run.converged


def test_one_step_of_the_squared_distance():
    run = sp.minimize(
        "x^2 + y^2",
        {"x": 3.0, "y": 4.0},
        optimizer="gd",
        learning_rate=0.1,
        max_steps=1,
    )
    assert run.trace.value.tolist() == pytest.approx([25.0, 16.0])
    assert run.trace.grad_norm[0] == pytest.approx(10.0)
    assert run.params == pytest.approx({"x": 2.4, "y": 3.2})


def test_maximize_climbs_in_the_sign_of_the_function():
    run = sp.maximize("-(x-1)^2 + 3", 0.0)
    assert run.value == pytest.approx(3.0)
    assert run.params == pytest.approx(1.0, abs=1e-6)
    assert run.trace.value[0] == 2.0
    assert run.trace.value[-1] == run.value
    assert (run.verdict.kind, run.converged) == ("maximum", True)
    assert run.settings["direction"] == "maximize"


def test_maximize_is_minimize_of_the_negative_step_by_step():
    up = sp.maximize(
        "3 - x^2 - 2*y^2",
        {"x": 1.0, "y": 2.0},
        optimizer="adam",
        learning_rate=0.1,
        max_steps=30,
    )
    down = sp.minimize(
        "x^2 + 2*y^2 - 3",
        {"x": 1.0, "y": 2.0},
        optimizer="adam",
        learning_rate=0.1,
        max_steps=30,
    )
    np.testing.assert_allclose(up.trace.value, -down.trace.value)
    np.testing.assert_allclose(up.trace.path["y"], down.trace.path["y"])


def test_one_neuron_against_its_hand_derivative():
    rng = np.random.default_rng(0)
    for w, x, y in rng.normal(size=(5, 3)):
        run = sp.minimize(
            lambda p, x=x, y=y: (p * x - y) ** 2,
            float(w),
            optimizer="gd",
            learning_rate=0.01,
            max_steps=1,
            gtol=None,
        )
        slope = 2 * (w * x - y) * x
        assert run.trace.grad_norm[0] == pytest.approx(abs(slope))
        assert run.params == pytest.approx(w - 0.01 * slope)


def test_value_and_gradient_of_the_article():
    formula = sp.parse("x^2 + x*y + y^2")
    with jax.enable_x64(True):
        value, grad = jax.value_and_grad(formula)({"x": 2.0, "y": 1.0})
    assert (float(value), float(grad["x"]), float(grad["y"])) == (7.0, 5.0, 4.0)
    slope = jax.grad(sp.parse("x^2"))
    assert [float(slope({"x": x})["x"]) for x in (5.0, 3.0, -2.0)] == [10, 6, -4]
