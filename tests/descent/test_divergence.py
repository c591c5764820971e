"""Runs that blow up: told from healthy ones, sent back, given up."""

import jax.numpy as jnp
import numpy as np
import pytest

import steepest as sp
from steepest import Stop


@pytest.mark.parametrize(
    ("rate", "stop"),
    [(1e-6, Stop.MAX_STEPS), (0.01, Stop.GRADIENT_SMALL), (10.0, Stop.DIVERGED)],
)
def test_three_rates_end_in_three_ways(rate, stop):
    run = sp.minimize("x^2", 5.0, optimizer="gd", learning_rate=rate)
    assert run.stop is stop
    if stop is Stop.DIVERGED:
        assert run.steps < 10
        assert "learning_rate=10" in run.verdict.headline
        better = run.verdict.findings[0].remedy["learning_rate"]
        assert sp.minimize("x^2", 5.0, optimizer="gd", learning_rate=better).converged
        assert run.params == 5.0


def test_slow_divergence_is_seen_too():
    run = sp.minimize("x^2", 5.0, optimizer="gd", learning_rate=1.01)
    assert run.stop is Stop.DIVERGED
    assert run.value == 25.0


@pytest.mark.parametrize("name", ["momentum", "nesterov"])
def test_divergence_that_swings_is_seen(name):
    run = sp.minimize("x^2", 5.0, optimizer=name, learning_rate=3.0)
    assert run.stop.failed


@pytest.mark.parametrize("name", ["adam", "rmsprop", "momentum", "nesterov", "gd"])
@pytest.mark.parametrize("surface", ["rosenbrock", "beale", "himmelblau", "booth"])
def test_healthy_runs_are_not_called_diverged(name, surface):
    rate = {"adam": 0.1, "rmsprop": 0.1}.get(name, 1e-4)
    run = sp.minimize(surface, optimizer=name, learning_rate=rate, max_steps=3000)
    assert not run.stop.failed


def test_starting_next_to_a_minimum_with_a_long_step_is_not_divergence():
    run = sp.minimize("x^2", 1e-6, optimizer="adam", learning_rate=0.1)
    assert not run.stop.failed


def test_a_function_without_floor_is_told():
    run = sp.minimize("-x^2", 1.0)
    assert run.stop is Stop.DIVERGED
    assert "without bound" in run.verdict.headline


def test_an_accident_sends_the_run_back_to_its_best_point_with_a_tenth_of_the_step():
    run = sp.minimize("x - log(x)", 3.0, optimizer="gd", learning_rate=10.0, gtol=1e-9)
    x, rate, best, path, rates = 3.0, 10.0, 3.0, [], []
    while len(path) <= run.steps:  # the same by hand
        path.append(x)
        if x <= 0:
            x, rate = best, rate / 10
            rates.append(np.nan)
            continue
        best = min(best, x, key=lambda at: at - np.log(at))
        rates.append(rate)
        x -= rate * (1 - 1 / x)
    np.testing.assert_allclose(run.trace.path, path, rtol=1e-9)
    np.testing.assert_allclose(run.trace.learning_rate[:-1], rates[:-1])
    assert min(path) < 0
    assert run.trace.learning_rate[-2] == pytest.approx(1.0)
    assert np.isnan(run.trace.value[1])
    assert not run.trace.finite[1]
    assert run.converged


def test_a_run_that_blows_up_again_and_again_gives_up_on_its_best_point():
    # finite at the start alone: no step is short enough
    run = sp.minimize(
        lambda x: jnp.where(x == 10.0, x, jnp.nan),
        10.0,
        optimizer="gd",
        learning_rate=1.0,
    )
    assert run.stop is Stop.NONFINITE
    assert run.params == 10.0
    assert run.trace.value[-1] == run.value == 10.0
    assert not run.converged
    steps = run.trace.path[::2] - run.trace.path[1::2]
    np.testing.assert_allclose(steps[:4], 0.1 ** np.arange(4.0), rtol=1e-6)
    assert np.isnan(run.trace.value[1:-1:2]).all()


def test_an_overflow_of_the_params_is_an_accident_too():
    run = sp.minimize(
        lambda x: jnp.sum(x**4),
        np.array([10.0, 1.0]),
        optimizer="gd",
        learning_rate=1.0,
    )
    assert run.value < 1.0
    assert np.isfinite(run.params).all()
    assert not run.trace.finite.all()
    assert np.isfinite(run.trace.value[-1])


def test_a_deep_well_near_the_start_is_no_abyss():
    run = sp.minimize("1e25*(x^2 - x)", 0.0, gtol=1e15)
    assert run.stop is Stop.GRADIENT_SMALL
    assert run.params == pytest.approx(0.5)
