"""How a run still converges at its end, beside runs that went on."""

import math

import numpy as np
import pytest
from ends import trace
from quadratics import walk

from steepest.diagnosis.probes.tail import tail_of


def of(values, grads):
    return trace(values=values, grads=grads)


def test_linear_convergence_foretells_the_steps_that_are_needed():
    eigenvalues, start = [1.0, 20.0, 50.0], [1.0, 1.0, 1.0]
    short = walk(eigenvalues, start, 0.02, 120)
    tail = tail_of(short)
    assert tail.law == "linear"
    assert tail.number == pytest.approx(0.98, abs=1e-4)
    long = walk(eigenvalues, start, 0.02, 1000)
    needed = int(np.argmax(long.grad_norm <= 1e-6))
    assert tail.steps_to(short, 1e-6) == pytest.approx(needed, rel=0.01)
    assert tail.left == pytest.approx(short.value[-1], rel=0.05)


def test_a_power_law_is_told_from_a_factor():
    """x**4 by gradient flow: x ~ t^-1/2, |g| ~ t^-3/2, f ~ t^-2."""
    steps = np.arange(1.0, 201.0)
    tail = tail_of(of(steps**-2, 4 * steps**-1.5))
    assert tail.law == "power"
    assert tail.number == pytest.approx(1.5, abs=0.01)
    assert tail.left == pytest.approx(200.0**-2, rel=0.05)
    ahead = tail.steps_to(of(steps**-2, 4 * steps**-1.5), 4 * 1000**-1.5)
    assert ahead == pytest.approx(1000, rel=0.02)


@pytest.mark.parametrize(
    "grads", [np.ones(40), 1.1 ** np.arange(40), np.r_[np.ones(3), 0.5]]
)
def test_no_law_where_the_gradient_does_not_fall(grads):
    tail = tail_of(of(np.ones(len(grads)), grads))
    assert tail.law == "none"
    assert math.isnan(tail.steps_to(of([1.0], [1.0]), 1e-6))


def test_values_that_swing_leave_what_they_span():
    values = 1.0 + 0.5 * (-1.0) ** np.arange(100)
    swinging = of(values, np.full(100, 3.0))
    swinging.rows.update_norm[:], swinging.rows.cosine[:] = 1.0, -1.0
    assert tail_of(swinging).left == pytest.approx(1.0)
    still = of(values, np.full(100, 1e-9))  # the slope says that nothing is left
    still.rows.update_norm[:], still.rows.cosine[:] = 1.0, -1.0
    assert tail_of(still).left == pytest.approx(3e-9)


def test_what_is_no_number_is_left_out():
    values = np.r_[np.nan, np.inf, 0.9 ** np.arange(40)]
    assert tail_of(of(values, np.r_[np.inf, np.nan, 0.9 ** np.arange(40)])).law == (
        "linear"
    )
    assert tail_of(of([math.nan], [math.nan])).law == "none"
