"""Where a loss was heading, against falls whose end is known."""

import numpy as np
import pytest
from ends import trace

from steepest.diagnosis.case import Case
from steepest.diagnosis.lacks import CLOSE, fall_of, lack_of, times_of
from steepest.diagnosis.probes.reach import Reach
from steepest.records import Stop

STEPS = np.arange(1001)


def case(values, losses=(), **options):
    rows = trace(values=values, grads=np.ones(len(values)), losses=losses)
    return Case(rows, Stop.MAX_EPOCHS, {"target": "y"}, **options)


def falling(rate, least=0.5, noise=0.0, seed=0):
    jitter = noise * np.random.default_rng(seed).normal(size=len(STEPS))
    return least + np.exp(-rate * STEPS / 1000) + jitter


@pytest.mark.parametrize("rate", [1.0, 2.0, 5.0])
def test_what_is_left_of_an_exponential_is_told(rate):
    (fall,) = case(falling(rate)).falls_seen
    truth = np.exp(-0.9 * rate)  # seen from the middle of the last part
    assert fall.ratio == pytest.approx(np.exp(-0.2 * rate), rel=1e-3)
    assert fall.left == pytest.approx(truth, rel=0.05)
    ahead = fall.steps_to(CLOSE) / 1000
    assert np.exp(-rate * ahead) == pytest.approx(CLOSE, rel=0.05)


@pytest.mark.parametrize("seed", range(10))
def test_noise_around_a_level_is_no_fall(seed):
    level = case(1 + 0.3 * np.random.default_rng(seed).normal(size=1001))
    assert lack_of(level) < 0.05 or fall_of(level) is None


@pytest.mark.parametrize("seed", range(5))
def test_noise_does_not_hide_a_fall(seed):
    short = case(falling(0.5, noise=0.1, seed=seed))
    assert lack_of(short) > 0.1
    done = case(falling(12.0, noise=0.1, seed=seed))
    assert not lack_of(done) > 0.05


def test_few_epochs_are_joined_by_lines():
    short = case(np.ones(3), losses=(1.0, 0.8, 0.7))
    fall = fall_of(short)
    assert fall.validated
    assert (fall.before, fall.gained) == (pytest.approx(0.2), pytest.approx(0.1))
    assert fall.left == pytest.approx(0.1)
    assert lack_of(short) == pytest.approx(0.1 / 0.4)


def test_a_rise_in_training_says_that_the_rows_judged_fell_by_chance():
    curve = np.linspace(1.0, 0.5, 101)
    assert fall_of(case(np.linspace(1, 2, 1001), losses=curve)) is None
    assert fall_of(case(np.linspace(2, 1, 1001), losses=curve)) is not None


def test_what_a_constant_is_as_good_as_is_no_gain():
    far = (5.0, 1.0, 0.9)  # a network begins far worse than any constant
    assert lack_of(case(np.ones(3), losses=far)) < 0.05
    assert lack_of(case(np.ones(3), losses=far, constant=1.0)) > 0.4
    assert lack_of(case(np.ones(3), losses=far, constant=0.8)) == 1.0


def test_the_least_loss_of_the_columns_counts_before_the_fall():
    near = Reach(start=1.0, now=0.51, least=0.5)
    assert lack_of(case(falling(0.5), reach=near)) == pytest.approx(0.02)
    nothing = Reach(start=1.0, now=0.999, least=0.99)  # the columns tell nothing
    assert lack_of(case(falling(0.5), reach=nothing)) == 0.0
    far = Reach(start=1.0, now=0.75, least=0.5)
    halved = np.log(CLOSE) / np.log(0.5)  # half of the way took the whole run
    assert times_of(case(falling(9) - 0.4, reach=far)) == pytest.approx(halved)
    begun = (0.75 - 0.5) / (2.5 - 0.5)  # far above the best constant
    worse = times_of(case(2 * falling(9) - 0.5 + 0.0, reach=far))
    assert worse <= halved
    assert worse >= np.log(CLOSE) / np.log(begun)


def test_runs_without_rows_have_no_fall():
    assert case([1.0]).falls_seen == ()
    assert np.isnan(lack_of(case([1.0, 2.0])))
    assert case([np.nan] * 5).falls_seen == ()
