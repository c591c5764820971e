"""A learning rate that is found by trying, asked for by name."""

import numpy as np
import pytest

import steepest as sp
from steepest.core.errors import UsageError
from steepest.steps import OPTIMIZERS, settle

BACKTRACKED = ("gd", "momentum", "nesterov")


def test_equal_settings_give_the_identical_rule():
    """The compile cache goes by identity."""
    one, _ = settle("momentum", "backtracking", momentum=0.5)
    two, _ = settle(OPTIMIZERS["momentum"], "backtracking")
    assert one == two
    assert one.optimizer is two.optimizer
    assert one.optimizer.name == "momentum"
    assert one.searches
    assert one.optimizer.full_gradient
    assert not settle("momentum")[0].searches


@pytest.mark.parametrize("name", sorted(OPTIMIZERS.keys() - set(BACKTRACKED)))
def test_backtracking_is_refused_by_name(name):
    works = f"works with gd, momentum, nesterov, not with {name}"
    with pytest.raises(UsageError, match=works):
        settle(name, "backtracking")


@pytest.mark.parametrize("schedule", ["cosine:over=10", lambda step: 0.1])
def test_backtracking_takes_no_schedule(schedule):
    with pytest.raises(UsageError, match="schedule: learning_rate='backtracking' find"):
        settle("gd", "backtracking", schedule=schedule)


@pytest.mark.parametrize("word", ["fast", "", "Backtracking", "0.1"])
def test_another_word_for_a_rate_is_refused(word):
    message = f"learning_rate='{word}': must be > 0 and finite.*'backtracking'"
    with pytest.raises(UsageError, match=message):
        settle("gd", word)


@pytest.mark.parametrize("name", BACKTRACKED)
def test_minimize_takes_it_by_name(name):
    run = sp.minimize("himmelblau", optimizer=name, learning_rate="backtracking")
    assert run.settings["backtracking"]
    assert run.settings["learning_rate"] is None
    assert run.converged
    assert run.value == pytest.approx(0, abs=1e-8)
    assert np.isfinite(run.trace.learning_rate[:-1]).all()
