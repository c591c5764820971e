"""Few runs, made one by one: what they come to is what the pool comes to."""

from __future__ import annotations

import numpy as np
import pytest

from steepest.api.restarting import restarts
from steepest.records import Stop
from steepest.search import few


def test_few_runs_are_those_of_the_pool(monkeypatch):
    options = dict(bounds=(-2, 2), n=6, seed=3)
    few = restarts("himmelblau", **options)
    monkeypatch.setattr("steepest.api.restarting.FEW", 0)
    pool = restarts("himmelblau", **options)
    assert few.ends.stop == pool.ends.stop
    assert np.array_equal(few.ends.steps, pool.ends.steps)
    assert np.allclose(few.ends.params, pool.ends.params, atol=1e-8)
    assert np.allclose(few.ends.value, pool.ends.value, atol=1e-12)
    assert np.allclose(few.ends.grad_norm, pool.ends.grad_norm, rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize("most", [8, 0], ids=["few", "pool"])
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_start_without_a_value_is_told_alike(most, direction, monkeypatch):
    monkeypatch.setattr("steepest.api.restarting.FEW", most)
    sign = "" if direction == "minimize" else "-"
    got = restarts(f"{sign}(x - log(x))", bounds=(-1, 3), n=4, direction=direction)
    assert got.failures == {"not finite at the start": 1}
    assert got.ends.value[-1] == (np.inf if direction == "minimize" else -np.inf)
    assert got.converged == 3


def test_an_interrupt_ends_few_runs(monkeypatch):
    made = few.descend

    def cut(*args, **options):
        return made(*args, **options)._replace(stop=Stop.INTERRUPTED)

    monkeypatch.setattr(few, "descend", cut)
    got = restarts("himmelblau", n=5)
    assert (got.n, got.asked, got.stops) == (1, 5, {"INTERRUPTED": 1})
    assert got.why == Stop.INTERRUPTED.value


def test_a_time_budget_holds_for_all_together():
    options = dict(optimizer="gd", learning_rate=1e-9, max_steps=None)
    got = restarts("himmelblau", n=5, max_seconds=1e-3, **options)
    assert (got.n, got.asked, got.stops) == (1, 5, {"MAX_SECONDS": 1})
    assert got.why == Stop.MAX_SECONDS.value


def test_the_watcher_is_told_after_each_run(monkeypatch):
    told = []
    made = few.descend_few

    def watched(*args, **options):
        del options["tell"]
        return made(*args, tell=told.append, **options)

    monkeypatch.setattr("steepest.api.restarting.descend_few", watched)
    got = restarts("himmelblau", n=3, direction="minimize")
    assert [done.ended for done in told] == [1, 2, 3]
    assert told[-1].best == got.value
