"""anneal: out of the valley that descent stays in."""

from __future__ import annotations

import json

import numpy as np
import pytest

import steepest as sp
from steepest.api import annealing
from steepest.api.annealing import anneal
from steepest.records import Stop


@pytest.mark.parametrize("gradient", [True, False], ids=["langevin", "walk"])
@pytest.mark.parametrize("name", ["rastrigin", "ackley"])
def test_finds_what_descent_does_not(name, gradient):
    start = [3.1, -2.1]
    assert sp.minimize(name, start).value > 1
    bounds = (-5.12, 5.12)
    found = anneal(name, start, bounds=bounds, gradient=gradient, steps=2000)
    assert found.value == pytest.approx(0, abs=1e-5)
    assert np.allclose(found.params, 0, atol=1e-4)
    assert (found.chains.value[:-1] <= found.chains.value[1:]).all()
    assert found.chains.params.shape == (16, 2)


def test_seed_decides_and_json_is_plain():
    one, same, other = (anneal("himmelblau", n=3, steps=50, seed=s) for s in (1, 1, 2))
    assert np.array_equal(one.chains.value, same.chains.value)
    assert not np.array_equal(one.chains.value, other.chains.value)
    data = json.loads(json.dumps(one.to_json()))
    assert data["schema"] == "steepest.anneal/1"
    assert data["settings"]["temperature"] > 0
    assert "chains" in repr(one)


def test_without_polish_the_best_point_seen():
    found = anneal("himmelblau", n=3, steps=50, polish=False)
    assert found.best.steps == 0
    assert found.value == pytest.approx(found.chains.value[0])
    assert not found.polished
    assert not found.best.converged
    headline = found.best.verdict.headline
    assert headline.startswith("Best point of 3 chains: value ")
    assert headline.endswith("; no descent was asked for (polish=True).")
    assert found.best.verdict.findings == ()


def test_without_polish_a_minimum_is_still_one():
    found = anneal("x", bounds=(0, 1), n=4, steps=500, polish=False)
    assert found.value == 0.0
    assert found.best.verdict.kind == "minimum"


def cut_by(stop, monkeypatch):
    made = annealing.descend_many

    def cut(*args, **options):
        ends = made(*args, **options)
        return ends._replace(
            steps=np.full_like(ends.steps, 7), code=np.full_like(ends.code, stop.code)
        )

    monkeypatch.setattr(annealing, "descend_many", cut)


def test_an_interrupt_is_told_and_no_descent_follows(monkeypatch):
    cut_by(Stop.INTERRUPTED, monkeypatch)
    found = anneal("himmelblau", n=3, steps=50)
    assert found.interrupted
    assert not found.polished
    assert found.best.stop is Stop.INTERRUPTED
    assert found.best.steps == 0
    told = "Interrupted after 7 of 50 steps; best point of 3 chains: value "
    assert found.best.verdict.headline.startswith(told)
    assert found.tally == "3 chains, 7 of 50 steps made: interrupted"
    data = found.to_json()
    assert (data["chains_steps"], data["chains_cut"]) == (7, "INTERRUPTED")


def test_a_time_budget_is_told_and_a_descent_follows():
    found = anneal("himmelblau", n=3, steps=10**9, max_seconds=1e-3)
    assert not found.interrupted
    assert found.ran.cut is Stop.MAX_SECONDS
    assert 0 < found.ran.steps < 10**9
    made = f"3 chains, {found.ran.steps:,} of 1,000,000,000 steps made: the time"
    assert made in repr(found)
    assert found.best.verdict.kind == "minimum"


def test_climb_by_name():
    found = anneal(
        "cos(3*x) - x^2/20", {"x": 4.0}, direction="maximize", n=8, steps=500
    )
    assert found.params["x"] == pytest.approx(0, abs=1e-5)
    assert found.value == pytest.approx(1.0)
    assert isinstance(found.params["x"], float)


def test_bounds_are_kept():
    found = anneal("(x + 3)^2", bounds={"x": (0, 2)}, n=2, steps=50)
    assert found.params["x"] == 0.0
    assert (found.chains.params["x"] >= 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(temperature=0), "temperature=0: must be > 0"),
        (dict(temperature=-1.0), "temperature=-1.0: must be > 0"),
        (dict(temperature=float("nan")), "temperature=nan"),
        (dict(cooling=0), "cooling=0"),
        (dict(cooling=1.1), "cooling=1.1"),
        (dict(steps=0), "steps=0"),
        (dict(n=0), "n=0"),
        (dict(direction=1), "direction=1"),
        (dict(progress=2), "progress=2"),
        (dict(seed="a"), "seed='a'"),
        (dict(save="x"), "save: many runs"),
        (dict(gtol=-1), "gtol=-1"),
        (dict(optimizer="adm"), "Did you mean adam"),
        (dict(foo=1), "foo: there is no such option"),
        (dict(temprature=1), "temprature: .*Did you mean temperature"),
        (dict(bounds=(0, None)), "give both ends"),
    ],
    ids=range(16),
)
def test_options_that_cannot_be_meant(options, message, monkeypatch):
    def never(*args, **options):
        raise AssertionError("compiled")

    monkeypatch.setattr("steepest.api.annealing.descend_many", never)
    with pytest.raises(sp.UsageError, match=message):
        anneal("x^2", {"x": 1.0}, **options)


def test_nothing_tells_where_to_begin():
    with pytest.raises(sp.UsageError, match="nothing tells"):
        anneal("x^2")


def test_chains_that_begin_nowhere_are_counted():
    found = anneal("x - log(x)", bounds=(-1, 3), n=16, steps=100)
    assert found.lost == 3
    assert len(found.chains.value) == 13
    assert np.isfinite(found.chains.value).all()
    assert "16 chains of 100 steps; 3 not finite at the start, and lost" in repr(found)
    assert found.to_json()["chains_lost"] == 3
    assert found.value == pytest.approx(1.0)


@pytest.mark.parametrize(("n", "where"), [(4, "any of the 4 chains"), (1, "the 1 ch")])
def test_all_chains_begin_nowhere(n, where):
    with pytest.raises(sp.DataError, match=f"not finite where {where}"):
        anneal("log(x)", {"x": -99.0}, n=n, steps=5, temperature=1.0)


def test_one_step_is_enough():
    found = anneal("x^2", bounds=(-1, 1), n=1, steps=1)
    assert "1 chain of 1 step" in repr(found)
    assert "best best" not in repr(found)
    assert found.lost == 0
