"""The curvature that a trace shows, beside the eigenvalues that made it."""

import math

import numpy as np
import pytest
from quadratics import spectrum, walk

import steepest as sp
from steepest.diagnosis.probes.spectrum import NOTHING, spectrum_of
from steepest.records.row import Row
from steepest.records.trace import Trace


def drawn(seed):
    """(eigenvalues, start, rate): rates from a thousandth to beyond stability."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 200))
    eigenvalues = spectrum(rng, 10 ** rng.uniform(0, 4), n)
    rate = 10 ** rng.uniform(-3.0, 0.4) / eigenvalues.max()
    return eigenvalues, rng.normal(size=n), rate


def test_plain_descent_tells_the_largest_curvature():
    """Within a factor of 2 in 99 of 100, and hardly ever above it."""
    ratios = []
    for seed in range(100):
        eigenvalues, start, rate = drawn(seed)
        seen = spectrum_of(walk(eigenvalues, start, rate, 30))
        assert seen.quadratic
        ratios.append(seen.largest / eigenvalues.max())
    assert max(ratios) < 1.001
    assert np.mean(np.array(ratios) > 0.5) >= 0.99


@pytest.mark.parametrize("rule", ["momentum", "nesterov"])
def test_other_rules_tell_a_lower_bound(rule):
    ratios = []
    for seed in range(60):
        eigenvalues, start, rate = drawn(seed)
        seen = spectrum_of(walk(eigenvalues, start, rate, 60, rule=rule))
        assert math.isnan(seen.rate)
        ratios.append(seen.largest / eigenvalues.max())
    assert max(ratios) < 1 + 1e-6
    assert np.mean(np.array(ratios) > 0.5) >= 0.9


@pytest.mark.parametrize("height", [0.0, 1e3])
def test_the_last_steps_tell_the_least_curvature(height):
    trace = walk([1.0, 30.0, 50.0], [1.0, 1.0, 1.0], 0.02, 300, height=height)
    assert spectrum_of(trace).smallest == pytest.approx(1.0, rel=1e-2)


def test_more_directions_than_nodes_still_bound_the_largest():
    eigenvalues = np.linspace(1, 100, 300)
    trace = walk(eigenvalues, 1 / eigenvalues, 0.001, 40)
    assert 90 < spectrum_of(trace).largest <= 100 * (1 + 1e-6)


def test_a_function_that_is_no_quadratic_is_known():
    x, rate, rows = 2.0, 0.01, []
    for step in range(30):  # x**4
        value, grad = x**4, 4 * x**3
        rows.append((step, value, grad, rate * grad))
        x -= rate * grad
    step, value, grad, length = np.array(rows).T
    quality = np.r_[np.nan, (value[:-1] - value[1:]) / (rate * grad[:-1] ** 2)]
    same = dict(epoch=step, samples=step, seconds=step, evals=step, param_norm=step)
    told = Row(
        step=step,
        value=value,
        grad_norm=grad,
        update_norm=length,
        learning_rate=np.full(30, rate),
        step_quality=quality,
        cosine=np.r_[np.nan, np.ones(29)],
        finite=np.ones(30, bool),
        **same,
    )
    seen = spectrum_of(Trace(told))
    assert not seen.quadratic
    assert 12 * 1.0 < seen.largest <= 12 * 4.0  # curvature 12 x^2 on the way from 2
    assert seen.at == 0


def test_a_trace_without_turns_tells_nothing():
    trace = walk([1.0], [1.0], 0.1, 5)
    blind = trace.rows._replace(cosine=np.full(6, np.nan))
    assert spectrum_of(Trace(blind)) == NOTHING
    one = Row(*(column[:1] for column in trace.rows))
    assert spectrum_of(Trace(one)) == NOTHING


def test_where_each_step_is_rounded_away_all_of_them_tell():
    options = {"optimizer": "gd", "learning_rate": 5e-9, "max_steps": 2000}
    run = sp.minimize("4*x**2 + 0.1*y**2", {"x": 1.0, "y": 1.0}, **options)
    assert spectrum_of(run.trace).largest == pytest.approx(8.0, rel=0.01)


def test_rounding_is_no_curvature():
    """Steps that change no digit of the gradient leave the curvature unknown."""
    seen = spectrum_of(walk([1.0, 1.0], [1.0, 1.0], 1e-17, 10))
    assert math.isnan(seen.largest)
