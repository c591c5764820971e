"""Many runs at once: each is the run that it would be alone."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import steepest as sp
from steepest.api.descending import set_up
from steepest.api.searching import full
from steepest.core import random
from steepest.descent import many
from steepest.descent.many import descend_many
from steepest.problems.gallery import get
from steepest.records import Stop, Stopping

ASKED = {"gtol": 1e-6, "max_steps": 60}


def crowd(objective, starts, sign=1.0, stopping=None, **options):
    """The ends of the runs from a (n, ...) tree of starts."""
    first = jax.tree.map(lambda rows: rows[0], starts)
    task = set_up(objective, first, sign, **full({**ASKED, **options}))
    n = len(jax.tree.leaves(starts)[0])
    keys = np.tile(np.asarray(random.key(0)), (n, 1))
    return descend_many(task.engine, starts, keys, stopping or task.stopping)


def alone(objective, start, sign=1.0, **options):
    door = sp.minimize if sign > 0 else sp.maximize
    return door(objective, start, **{**ASKED, **options})


def assert_same(ends, i, run):
    assert Stop.from_code(int(ends.code[i])) is run.stop
    assert ends.steps[i] == run.steps
    assert ends.best_step[i] == run.best_step
    assert ends.value[i] == pytest.approx(run.value, rel=1e-7, abs=1e-12)
    assert ends.grad_norm[i] == pytest.approx(run.grad_norm, rel=1e-6, abs=1e-9)
    for column, leaf in zip(
        jax.tree.leaves(ends.params), jax.tree.leaves(run.params), strict=True
    ):
        assert np.allclose(column[i], leaf, rtol=1e-7, atol=1e-10)


STARTS = np.random.default_rng(0).uniform(-2, 2, (5, 2))
RULES = [
    dict(optimizer="gd", learning_rate=1e-3),
    dict(optimizer="adam", learning_rate=0.05),
    dict(optimizer="adgd"),
    dict(optimizer="bb"),
    dict(optimizer="bfgs"),
]


@pytest.mark.parametrize("options", RULES, ids=lambda options: options["optimizer"])
def test_lanes_are_the_runs_alone(options):
    ends = crowd("rosenbrock", STARTS, **options)
    for i, start in enumerate(STARTS):
        assert_same(ends, i, alone("rosenbrock", start, **options))


@pytest.mark.parametrize(
    ("options", "stop"),
    [
        (dict(learning_rate=0.4), Stop.GRADIENT_SMALL),
        (dict(learning_rate=0.4, gtol=None, ftol=1e-3), Stop.VALUE_FLAT),
        (dict(learning_rate=0.4, gtol=None, xtol=1e-3), Stop.STEP_SMALL),
        (dict(learning_rate=0.4, gtol=None, max_steps=500), Stop.PRECISION),
        (dict(learning_rate=1.5, max_steps=5000), Stop.DIVERGED),
        (dict(learning_rate=1e-3), Stop.MAX_STEPS),
        (dict(learning_rate=1e-3, max_steps=0), Stop.MAX_STEPS),
        # rows after the thousandth step are rarer: stops that are asked on rows wait
        (dict(learning_rate=0.01, gtol=None, max_steps=20_000), Stop.PRECISION),
    ],
)
def test_each_stop_is_the_one_of_the_run_alone(options, stop):
    options = {"optimizer": "gd", **options}
    starts = {"x": np.array([3.0, -1.0]), "y": np.array([4.0, 0.5])}
    ends = crowd("(x - 1)**2 + 0.5*(y - 2)**2", starts, **options)
    for i in range(2):
        start = {name: float(rows[i]) for name, rows in starts.items()}
        run = alone("(x - 1)**2 + 0.5*(y - 2)**2", start, **options)
        assert run.stop is stop
        assert_same(ends, i, run)


def test_backing_off_is_the_same():
    starts = np.array([0.05, 0.5, 1.5])
    options = dict(optimizer="gd", learning_rate=0.5, max_steps=300)
    ends = crowd("x - log(x)", starts, **options)
    for i, start in enumerate(starts):
        assert_same(ends, i, alone("x - log(x)", float(start), **options))


def test_climbing_shows_the_users_sign():
    ends = crowd("3 - (x - 1)^2", np.array([0.0, 5.0]), sign=-1.0, optimizer="bfgs")
    assert np.allclose(ends.value, 3.0)
    assert_same(ends, 1, alone("3 - (x - 1)^2", 5.0, sign=-1.0, optimizer="bfgs"))


def test_bounds_hold():
    starts, box = np.array([[0.5, 0.5], [-1.0, 1.0]]), ([-2.0, -2.0], [0.6, 2.0])
    ends = crowd("rosenbrock", starts, bounds=box, optimizer="bb", max_steps=200)
    assert (ends.params[:, 0] <= 0.6).all()
    for i, start in enumerate(starts):
        run = alone("rosenbrock", start, bounds=box, optimizer="bb", max_steps=200)
        assert_same(ends, i, run)


def test_more_runs_than_lanes(monkeypatch):
    starts = np.random.default_rng(1).uniform(-2, 2, (11, 2))
    whole = crowd("himmelblau", starts, optimizer="bfgs")
    monkeypatch.setattr(many, "LANES", 2)  # many waits for a lane, and many cores
    many._lanes.cache_clear()
    few = crowd("himmelblau", starts, optimizer="bfgs")
    many._lanes.cache_clear()
    assert np.array_equal(whole.code, few.code)
    assert np.array_equal(whole.steps, few.steps)
    assert np.allclose(whole.params, few.params, rtol=1e-9)


def test_lanes_are_fewer_where_memory_is_short():
    task = set_up("rosenbrock", np.ones(1000), 1.0, **full({"optimizer": "bfgs"}))
    shape = jax.tree.structure(0)
    assert many._lanes(task.rule, shape, ((1000,),)) == 4
    assert many._lanes(task.rule, shape, ((3,),)) == many.LANES


def test_time_is_up():
    stopping = Stopping(gtol=None, max_steps=10**9, max_seconds=0.0)
    starts = np.ones((600, 2)) * 3.0
    ends = crowd(
        "booth",
        starts,
        stopping=stopping,
        optimizer="gd",
        learning_rate=1e-9,
        gtol=None,
        max_steps=10**9,
    )
    cut = ends.code == Stop.MAX_SECONDS.code
    assert cut.any()
    assert set(ends.code) <= {0, Stop.MAX_SECONDS.code}
    assert np.isfinite(ends.value[cut]).all()
    assert (ends.steps[cut] > 0).all()


def test_watcher_sees_the_best_and_may_raise():
    task = set_up(get("himmelblau"), np.ones(2), 1.0, **full(ASKED))
    starts = np.random.default_rng(0).uniform(-2, 2, (9, 2))
    keys = np.tile(np.asarray(task.key), (9, 1))
    told = []
    ends = descend_many(task.engine, starts, keys, task.stopping, tell=told.append)
    assert told[-1].ended == 9
    assert told[-1].best == pytest.approx(ends.value.min())

    def stop(progress):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        descend_many(task.engine, starts, keys, task.stopping, tell=stop)
