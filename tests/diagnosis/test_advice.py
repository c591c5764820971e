"""What a run that ended short of its goal is told to do, and that doing it helps."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import steepest as sp
from steepest.diagnosis import worth_a_look
from steepest.diagnosis.advice import short_of
from steepest.diagnosis.probes.places import Place
from steepest.records import Stop, Trace
from steepest.records import row as rows_of
from steepest.records.row import Row


def trace(values, *, grad_norm=1.0):
    n = len(values)
    columns = {name: np.zeros(n, rows_of.dtype_of(name)) for name in Row._fields}
    columns["step"] = np.arange(n)
    columns["value"] = np.array(values, float)
    columns["grad_norm"] = np.full(n, grad_norm)
    columns["finite"] = np.isfinite(columns["value"])
    return Trace(Row(**columns))


def first(run):
    return run.verdict.findings[0]


@pytest.mark.parametrize(
    ("door", "formula"), [(sp.minimize, "x**2 + 1"), (sp.maximize, "-x**2 - 1")]
)
def test_a_lower_bound_that_is_none_is_blamed(door, formula):
    run = door(formula, 3.0, optimizer="momo", lower_bound=5)
    assert run.stop is Stop.PRECISION
    assert "lower_bound" in run.verdict.headline
    assert first(run).advice.startswith("lower_bound=5 is too high: momo makes no step")
    below = float(first(run).advice.rpartition("less than ")[2].rstrip(")."))
    assert 1 <= below < 5
    assert door(formula, 3.0, optimizer="momo", lower_bound=1).converged


def test_a_lower_bound_that_is_one_is_not_blamed():
    run = sp.minimize("x**2 + 1", 3.0, optimizer="momo", lower_bound=-9, max_steps=3)
    assert "lower_bound" not in first(run).advice


@pytest.mark.parametrize("formula", ["sqrt(x)", "log(x)", "acos(x)"])
def test_the_edge_of_a_domain_is_named(formula):
    run = sp.minimize(formula, 0.5, max_steps=2000)
    assert not run.converged
    assert "the edge of the function's domain" in run.verdict.headline
    advice, remark = (finding.advice for finding in run.verdict.findings)
    assert advice.startswith("set bounds= that hold the params")
    assert remark.endswith(
        "outside of the function's domain; the run ends at its edge."
    )
    assert "rescale" not in advice


def test_bounds_at_the_edge_help():
    run = sp.minimize("sqrt(x)", 3.0, bounds=(0, None))
    assert (run.converged, run.params) == (True, 0.0)
    narrow = short_of(
        Stop.PRECISION, trace([1.0]), {"bounds": [0.0, 1.0]}, place=Place("edge")
    )
    assert narrow[0].startswith("narrow the bounds")


def test_a_few_bad_trials_and_those_of_long_ago_are_worth_no_look():
    searches = {"searches": True}
    assert worth_a_look(trace([9, *[np.nan] * 5, 1]), searches)
    assert not worth_a_look(trace([9, *[np.nan] * 4, 1]), searches)
    assert not worth_a_look(trace([9, *[np.nan] * 50, *[1] * 60]), searches)
    assert not worth_a_look(trace([9, *[np.nan] * 5, 1]), {})
    run = sp.minimize("x - log(x)", 3.0)
    assert run.converged
    assert "the end is inside of it" in first(run).advice


def test_a_rule_without_a_search_is_told_of_bounds_too():
    run = sp.minimize("sqrt(x)", 3.0, optimizer="gd", learning_rate=0.1)
    assert run.stop is Stop.NONFINITE
    assert "set bounds= that hold to it, or try learning_rate=" in first(run).advice


@pytest.mark.parametrize("stop", [Stop.MAX_STEPS, Stop.MAX_SECONDS])
def test_lbfgs_out_of_budget_is_advised_a_longer_memory(stop):
    auto = {"optimizer": "lbfgs", "optimizer_chosen": "auto", "start": [0.0] * 300}
    end = trace([2.0] * 3001)
    advice, remedy = short_of(stop, end, auto)
    assert advice.startswith(f"raise {stop.name.lower()}, or use optimizer='bfgs'")
    assert remedy == {"optimizer": "bfgs"}
    for others in ({"start": [0.0] * 400}, {"start": [0.0] * 3000}):
        assert short_of(stop, end, auto | others)[1] == {}
    assert short_of(stop, trace([2.0] * 2999), auto)[1] == {}


def test_the_longer_memory_helps():
    weights = jnp.asarray(np.logspace(0, 6, 210))

    def bowl(x):
        return jnp.sum(weights * (x - 1) ** 2)

    asked: dict[str, Any] = {"max_steps": 2100}
    run = sp.minimize(bowl, np.zeros(210), **asked)
    assert run.stop is Stop.MAX_STEPS
    assert sp.minimize(bowl, np.zeros(210), **asked, **first(run).remedy).converged


@pytest.mark.parametrize("scale", ["1e-20", "1e-10"])
def test_a_function_far_below_gtol_is_told_its_scale(scale):
    run = sp.minimize(f"{scale}*(x-1)**2", 0.0, escape=False)
    assert not run.converged
    assert "the value falls by" in run.verdict.headline
    assert "meets gtol=1e-06 already" in first(run).advice
    assert f"multiply the function by 5e{19 if scale == '1e-20' else '+09'}" in (
        first(run).advice.replace("5e+19", "5e19")
    )
    again = sp.minimize(f"{scale}*(x-1)**2", 0.0, escape=False, **first(run).remedy)
    assert (again.converged, again.params) == (True, pytest.approx(1.0, abs=1e-5))


def test_a_constant_has_no_scale():
    advice = first(sp.minimize("0*x", 0.0)).advice
    assert advice == "start elsewhere, nearer to where the function slopes."


@pytest.mark.parametrize("door", [sp.minimize, sp.maximize])
def test_a_box_of_one_point_holds_every_coordinate(door):
    start = {"x": 1.0, "y": 1.0}
    run = door("x**2 + y**2", start, bounds=(1, 1))
    assert "on the bounds (x at 1, y at 1)" in run.verdict.headline
    assert first(run).symptom == "on_bounds"
    assert first(run).advice.startswith("the bounds hold every coordinate (x at 1, y")
    free = door("x**2 - y**2", start, bounds={"x": (1, 1), "y": (1, 2)})
    assert not any("every" in finding.advice for finding in free.verdict.findings)
