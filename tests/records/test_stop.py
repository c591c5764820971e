"""Why a run ends, and what may be asked of it."""

import math

import numpy as np
import pytest

from steepest.core.errors import UsageError
from steepest.records import Stop, Stopping

EVERY = pytest.mark.parametrize("stop", Stop, ids=lambda stop: stop.name)
TOLERANCES = ["gtol", "ftol", "xtol"]
REALS = [*TOLERANCES, "target", "max_seconds"]
WHOLES = ["max_steps", "max_epochs", "patience"]


@EVERY
def test_codes_go_round(stop):
    assert Stop.from_code(stop.code) is stop
    assert stop.code > 0


def test_codes_are_distinct_and_zero_goes_on():
    assert len({stop.code for stop in Stop}) == len(Stop)
    assert Stop.from_code(0) is None


@EVERY
def test_each_has_one_sentence(stop):
    assert stop.value[0].isupper()
    assert stop.value.endswith(".")
    assert ". " not in stop.value


def test_no_sentence_serves_two_causes():
    assert len({stop.value for stop in Stop}) == len(Stop)


@EVERY
def test_success_budget_and_failure_are_kept_apart(stop):
    assert stop.converged + stop.budget + stop.failed <= 1


def test_which_is_which():
    def those(kind):
        return {stop.name for stop in Stop if getattr(stop, kind)}

    assert those("converged") == {
        "GRADIENT_SMALL",
        "VALUE_FLAT",
        "STEP_SMALL",
        "TARGET",
    }
    assert those("budget") == {"MAX_STEPS", "MAX_EPOCHS", "MAX_SECONDS"}
    assert those("failed") == {"DIVERGED", "NONFINITE"}


def test_all_is_off_unless_asked():
    assert all(value is None for value in vars(Stopping()).values())
    assert set(vars(Stopping())) == {*REALS, *WHOLES}


@pytest.mark.parametrize("number", [0, 1, 1e-6, 3.5, np.float32(0.5), np.int64(2)])
@pytest.mark.parametrize("name", REALS)
def test_a_number_is_kept_as_a_float(name, number):
    kept = getattr(Stopping(**{name: number}), name)
    assert (kept, type(kept)) == (float(number), float)


@pytest.mark.parametrize("number", [1, 7, 1e3, np.int32(5), np.float64(8), 2**31 - 1])
@pytest.mark.parametrize("name", WHOLES)
def test_a_whole_number_is_kept_as_an_int(name, number):
    kept = getattr(Stopping(**{name: number}), name)
    assert (kept, type(kept)) == (int(number), int)


BAD = [math.nan, math.inf, -math.inf, True, "1", [1.0], np.ones(2), 1j]


@pytest.mark.parametrize("bad", [*BAD, -1, -1e-9])
@pytest.mark.parametrize("name", [*TOLERANCES, "max_seconds"])
def test_what_is_no_tolerance_is_refused(name, bad):
    with pytest.raises(UsageError, match=rf"{name}=.*must be >= 0 and finite, or None"):
        Stopping(**{name: bad})


@pytest.mark.parametrize("bad", BAD)
def test_what_is_no_target_is_refused(bad):
    with pytest.raises(UsageError, match=r"target=.*must be finite, or None"):
        Stopping(target=bad)


@pytest.mark.parametrize("bad", [*BAD, -1, 0.5, 2**31, 1e300])
@pytest.mark.parametrize("name", WHOLES)
def test_what_is_no_budget_is_refused(name, bad):
    with pytest.raises(UsageError, match=rf"{name}=.*whole number from . to 2\*\*31"):
        Stopping(**{name: bad})


def test_zero_is_a_budget_but_no_patience():
    assert Stopping(max_steps=0, max_epochs=0, max_seconds=0).max_steps == 0
    assert Stopping(target=-3.5).target == -3.5
    with pytest.raises(UsageError, match="patience=0"):
        Stopping(patience=0)


def test_limits_say_the_same_in_numbers():
    asked = Stopping(1e-6, 1e-9, 1e-8, -2.0, patience=5, max_steps=100)
    assert asked.limits() == (1e-6, 1e-9, 1e-8, -2.0, 5, 100)


def test_limits_that_are_off_are_left_out_of_compiled_code():
    assert Stopping().limits() == (None, None, None, None, None, 2**31 - 1)


def test_climbing_turns_the_target_and_nothing_else():
    asked = Stopping(gtol=1e-6, target=3.0, max_steps=9)
    assert asked.limits(-1.0) == asked.limits()._replace(target=-3.0)


def test_on_batches_only_the_step_budget_is_left():
    asked = Stopping(1.0, 1.0, 1.0, 1.0, patience=5, max_steps=100)
    assert asked.limits(stochastic=True) == Stopping(max_steps=100).limits()
