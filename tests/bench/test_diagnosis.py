"""The pure parts of bench/diagnosis: what is counted, and how."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

import steepest as sp

ROOT = str(Path(__file__).parents[2])


@pytest.fixture(scope="module")
def bench():
    """The modules of bench/diagnosis, which is no installed package."""
    sys.path.insert(0, ROOT)
    try:
        from bench.diagnosis import (
            kinds,
            plans,
            published,
            replay,
            report,
            running,
            scoring,
        )
    finally:
        sys.path.remove(ROOT)
    modules = (kinds, plans, published, replay, report, running, scoring)
    return {module.__name__.rpartition(".")[2]: module for module in modules}


def outcome(bench, **changes):
    plain = {
        "part": "functions",
        "family": "bowl",
        "half": "judge",
        "seed": 1,
        "config": "gd",
        "fault": None,
        "state": "healthy",
        "gap": 0.0,
        "alarms": [],
        "infos": [],
        "kind": "minimum",
        "stop": "GRADIENT_SMALL",
        "steps": 10,
        "seconds": 1.0,
        "rules": {},
    }
    return bench["running"].Outcome(**(plain | changes))


@pytest.mark.parametrize(("hits", "n"), [(0, 7), (3, 10), (10, 10), (1, 1000)])
def test_intervals_are_wilsons(bench, hits, n):
    theirs = binomtest(hits, n).proportion_ci(method="wilson")
    assert bench["scoring"].wilson(hits, n) == pytest.approx(tuple(theirs), abs=1e-6)


def test_an_interval_of_no_runs_says_nothing(bench):
    assert bench["scoring"].wilson(0, 0) == (0.0, 1.0)
    assert bench["scoring"].percent(0, 0) == "-"


@pytest.mark.parametrize(
    ("fault", "gap", "state"),
    [
        (None, 0.01, "healthy"),
        (None, 0.03, "neither"),
        (None, math.nan, "neither"),
        ("rate too large", 0.03, "neither"),
        ("rate too large", 0.2, "harmed"),
        ("climb from a minimum", math.nan, "harmed"),
        ("constant column", 0.0, "harmed"),
    ],
)
def test_a_run_is_healthy_harmed_or_neither(bench, fault, gap, state):
    told = bench["running"].state_of(fault, gap, near=0.02, harmed=0.05)
    assert told == state


def test_a_gap_is_a_share_of_the_way_from_the_start(bench):
    gap_of = bench["running"].gap_of
    assert gap_of(3.0, 11.0, 1.0) == pytest.approx(0.2)
    assert gap_of(0.5, 11.0, 1.0) == 0.0
    assert math.isinf(gap_of(2.0, 1.0, 1.0))
    assert math.isnan(gap_of(2.0, 2.0, -math.inf))


def test_a_fault_is_named_by_a_warning_and_a_harmless_one_by_an_info(bench):
    named = bench["scoring"].named
    large = {"fault": "rate too large", "state": "harmed"}
    assert named(outcome(bench, **large, alarms=["budget_short", "diverging"]))
    assert not named(outcome(bench, **large, infos=["diverging"]))
    assert not named(outcome(bench, **large, alarms=["step_too_small"]))
    constant = {"fault": "constant column", "state": "harmed"}
    assert named(outcome(bench, **constant, infos=["constant_columns"]))
    assert not named(outcome(bench, alarms=["diverging"]))


def test_every_fault_is_named_by_symptoms_that_exist(bench):
    from steepest.diagnosis.symptoms import SYMPTOMS

    known = {*SYMPTOMS, "minimum", "backed_off"}
    for name, fault in bench["plans"].FAULTS.items():
        assert fault.names, name
        assert fault.names <= known, name


def test_published_causes_are_symptoms_of_faults(bench):
    published = bench["published"]
    told = {name for fault in bench["plans"].FAULTS.values() for name in fault.names}
    for rules in published.SETS.values():
        for cause, _ in rules.values():
            assert published.CAUSES[cause] <= told


def test_families_are_halved_and_draw_the_same_from_the_same_seed(bench):
    families = bench["running"].families(("functions", "tables", "networks"), "both")
    halves = [family.half for family in families]
    assert abs(halves.count("tune") - halves.count("judge")) <= 1
    names = [(family.part, family.name) for family in families]
    assert len(set(names)) == len(names)
    one, same, other = (
        bench["plans"].rng_of(name, 3).random() for name in ("a", "a", "b")
    )
    assert one == same != other


def test_parts_take_turns(bench):
    plans = bench["plans"]
    named = {"a": None, "b": None}
    some = [one for part in plans.PARTS for one in plans.halved(part, named)]
    order = [(f.part, f.name, seed) for f, seed in plans.rounds(some, 2)]
    assert [part for part, *_ in order[:3]] == list(plans.PARTS)
    assert {seed for *_, seed in order[:6]} == {0}
    assert len(set(order)) == len(order) == 12


def test_a_trace_is_cut_at_a_row(bench):
    run = sp.minimize(
        "x**2", {"x": 3.0}, optimizer="gd", learning_rate=0.1, max_steps=9
    )
    cut = bench["replay"].cut(run.trace, 4)
    assert len(cut) == 4
    assert cut.step.tolist() == [0, 1, 2, 3]
    assert cut.value.tolist() == run.trace.value[:4].tolist()
    assert not len(cut.validation.loss)


@pytest.mark.parametrize(
    ("hessian", "grad", "kind"),
    [
        (np.diag([2.0, 1.0]), [0.0, 0.0], "minimum"),
        (np.diag([-2.0, -1.0]), [0.0, 0.0], "maximum"),
        (np.diag([-2.0, 1.0]), [0.0, 0.0], "saddle"),
        (np.diag([2.0, 1.0]), [1.0, 0.0], "not_stationary"),
        (np.diag([2.0, 0.0]), [0.0, 0.0], None),
        (np.diag([np.nan, 0.0]), [0.0, 0.0], None),
    ],
)
def test_the_kind_of_a_point_by_its_derivatives(bench, hessian, grad, kind):
    assert bench["kinds"].truth(1.0, np.array(grad), hessian) == kind


def diverged():
    return sp.minimize(
        "x**2 + y**2", {"x": 3.0, "y": 1.0}, optimizer="gd", learning_rate=30.0
    )


def test_published_rules_fire_where_they_were_made_to(bench):
    told = bench["published"].told(diverged())
    assert told["TheDeepChecker"]
    assert "rate too large" in told["UMLAUT"]
    assert "rate too large" in told["DeepDiagnosis"]


def test_autotrainer_is_silent_where_the_model_is_accurate(bench):
    run = diverged()
    assert bench["published"].told(run)["AutoTrainer"]
    assert not bench["published"].told(run, accuracy=0.9)["AutoTrainer"]


def test_what_was_kept_is_read_back(bench, tmp_path):
    found = [outcome(bench), outcome(bench, fault="overfitting", alarms=["diverging"])]
    bench["running"].keep(found, tmp_path / "deep" / "kept.jsonl")
    assert bench["running"].kept(tmp_path / "deep" / "kept.jsonl") == found


def test_the_report_counts_what_there_is(bench):
    spoilt = {"fault": "rate too large", "state": "harmed"}
    found = [
        *(outcome(bench) for _ in range(3)),
        outcome(bench, alarms=["noise_floor"]),
        outcome(bench, **spoilt, alarms=["diverging"]),
        outcome(bench, **spoilt),
        outcome(bench, state="neither"),
    ]
    body = bench["report"].body(found, details=True)
    assert "4 healthy and 2 harmed runs" in body
    assert "Faults named rightly: 50 %" in body
    assert "False alarms in 1,000 healthy runs: 250.0" in body
    assert "noise_floor" in body
