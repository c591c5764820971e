"""Ends that are not the best point in sight are left; minima are left alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as sp
from steepest.descent.loop import ESCAPES
from steepest.diagnosis.escape import way_out

DEEP = 1 / np.sqrt(2)


def pass_(p):
    """x^2 - y^2 + y^4: a saddle between two minima at y = +-1/sqrt(2), value -1/4."""
    return p[0] ** 2 - p[1] ** 2 + p[1] ** 4


def monkey(p):
    """A monkey saddle with a slight fall along y, and a floor."""
    x, y = p
    return x**3 - 3 * x * y**2 - 0.1 * y**2 + (x**2 + y**2) ** 2


def test_a_saddle_is_left_and_the_trace_goes_on():
    stays = sp.minimize(pass_, np.zeros(2), escape=False)
    assert (stays.verdict.kind, stays.steps, stays.converged) == ("saddle", 0, False)
    run = sp.minimize(pass_, np.zeros(2), escape=True)
    assert run.settings["escape"]
    assert run.verdict.kind == "minimum"
    assert run.converged
    assert abs(run.params[1]) == pytest.approx(DEEP, abs=1e-6)
    assert run.params[0] == pytest.approx(0, abs=1e-6)
    assert run.value == pytest.approx(-0.25)
    np.testing.assert_array_equal(run.trace.step, np.arange(run.steps + 1))
    with jax.enable_x64(True):
        np.testing.assert_array_equal(run.trace.path[1], way_out(pass_, jnp.zeros(2)))
        values = [float(pass_(point)) for point in run.trace.path]
    np.testing.assert_allclose(run.trace.value, values, rtol=1e-12, atol=1e-15)
    assert run.trace.value[1] < run.trace.value[0]


def test_it_is_the_default_where_the_way_is_left_to_us():
    assert sp.minimize(pass_, np.zeros(2)).converged
    for asked in (dict(optimizer="bfgs"), dict(learning_rate=0.1)):
        run = sp.minimize(pass_, np.zeros(2), **asked)
        assert (run.verdict.kind, run.settings["escape"]) == ("saddle", False)
    run = sp.minimize(pass_, np.zeros(2), learning_rate=0.1, escape=True)
    assert run.converged


@pytest.mark.parametrize("escape", ["yes", None, 2, [True]], ids=repr)
def test_another_word_is_refused(escape):
    with pytest.raises(sp.UsageError, match="escape=.*: must be True, False or 'auto'"):
        sp.minimize(pass_, np.zeros(2), escape=escape)


def wells(x):
    """x^2 with a ripple: its best point is at 0, its wells are 1/2 apart."""
    return x**2 + 0.5 * jnp.sin(2 * jnp.pi * x) ** 2


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_ridge_is_crossed_to_a_better_point_in_sight(sign):
    door = sp.minimize if sign > 0 else sp.maximize
    stays = door(lambda x: sign * wells(x), 0.9, escape=False)
    run = door(lambda x: sign * wells(x), 0.9)
    assert abs(stays.params) > 0.4
    assert abs(run.params) < abs(stays.params) - 0.3
    assert run.converged
    assert sign * run.value < sign * stays.value


def test_a_foreign_function_crosses_it_too():
    stays = sp.minimize(lambda x: float(wells(x)), 0.9, escape=False)
    run = sp.minimize(lambda x: float(wells(x)), 0.9)
    assert run.value < stays.value


def test_gtol_is_tightened_where_the_slope_goes_on():
    loose = sp.minimize("1e-10*x^2", 1.0, escape=False)
    assert (loose.steps, loose.converged) == (0, False)
    run = sp.minimize("1e-10*x^2", 1.0)
    assert run.converged
    assert run.params == pytest.approx(0, abs=1e-3)
    assert run.settings["gtol"] == 1e-6
    endless = sp.minimize("exp(-x)", 0.0)
    assert endless.verdict.kind == "not_stationary"
    assert "there may be no minimum this way" in endless.verdict.findings[0].advice
    assert 1e-11 < endless.grad_norm < 1e-8, "tightened, and then enough"


def test_a_saddle_met_on_the_way_is_left_too():
    run = sp.minimize(
        pass_, np.array([2.0, 0.0]), optimizer="gd", learning_rate=0.1, escape=True
    )
    assert abs(run.params[1]) == pytest.approx(DEEP, abs=1e-6)
    jump = int(np.flatnonzero(run.trace.path[:, 1])[0])
    x, rows = 2.0, []
    for _ in range(jump):
        rows.append(x)
        x -= 0.1 * 2 * x
    np.testing.assert_allclose(run.trace.path[:jump, 0], rows, rtol=1e-12)
    assert rows[-1] <= 1e-6 / 2 < rows[-2], "it leaves where gtol holds"
    np.testing.assert_array_equal(run.trace.step, np.arange(run.steps + 1))


def test_a_monkey_saddle_that_falls_is_left():
    run = sp.minimize(monkey, np.zeros(2), escape=True)
    assert run.converged
    assert run.value < -0.1


def test_uphill():
    run = sp.maximize(lambda p: 3 - pass_(p), np.zeros(2), escape=True)
    assert run.verdict.kind == "maximum"
    assert run.converged
    assert run.value == pytest.approx(3.25)
    assert abs(run.params[1]) == pytest.approx(DEEP, abs=1e-6)


def test_ten_saddles_are_left_at_most():
    """Each coordinate is a saddle of its own: x^4 / 4 - c x^2 / 2, deep at sqrt(c)."""
    falls = np.linspace(1.0, 2.0, ESCAPES + 2)
    run = sp.minimize(
        lambda p: jnp.sum(p**4 / 4 - falls * p**2 / 2),
        np.zeros(ESCAPES + 2),
        escape=True,
    )
    moved = np.abs(run.params) > 1e-6
    np.testing.assert_array_equal(moved, np.arange(ESCAPES + 2) >= 2)
    np.testing.assert_allclose(np.abs(run.params[2:]), np.sqrt(falls[2:]), atol=1e-5)
    assert (run.verdict.kind, run.converged) == ("saddle", False)


def test_a_minimum_is_left_alone():
    options = dict(start=np.array([1.0, 2.0]), optimizer="gd", learning_rate=0.05)
    plain = sp.minimize(pass_, **options)
    run = sp.minimize(pass_, escape=True, **options)
    assert plain.converged
    assert (run.steps, run.stop) == (plain.steps, plain.stop)
    np.testing.assert_array_equal(run.trace.path, plain.trace.path)


def test_bounds_are_kept():
    run = sp.minimize(pass_, np.zeros(2), bounds=(-0.3, 0.3), escape=True)
    assert (np.abs(run.trace.path) <= 0.3).all()
    assert abs(run.params[1]) == 0.3
    assert run.value == pytest.approx(0.3**4 - 0.3**2)
    assert run.converged


def test_a_budget_counts_the_jump():
    run = sp.minimize(pass_, np.zeros(2), escape=True, max_steps=1)
    assert (run.steps, run.stop) == (1, sp.Stop.MAX_STEPS)
    assert run.value < 0
