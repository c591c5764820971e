"""Findings on steps: which is told of a trace, and that what it advises is right."""

import numpy as np
import pytest
from quadratics import spectrum, walk

from steepest.diagnosis.case import Case
from steepest.diagnosis.probes.curvature import Curvature
from steepest.diagnosis.symptoms import findings_of
from steepest.records import Stop, Trace
from steepest.records import row as rows_of
from steepest.records.row import Row

GTOL = 1e-6


def told(trace, stop=Stop.MAX_STEPS, **settings):
    """The gravest finding on a run that did not converge, None where there is none."""
    asked = {"optimizer": "gd", "gtol": GTOL, "learning_rate": trace.learning_rate[0]}
    case = Case(trace, stop, {**asked, **settings}, converged=False)
    found = [one for one in findings_of(case) if one.severity != "info"]
    return found[0] if found else None


def a_bowl(seed, condition=30.0):
    rng = np.random.default_rng(seed)
    eigenvalues = spectrum(rng, condition, int(rng.integers(2, 60)))
    return eigenvalues, rng.normal(size=len(eigenvalues))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("share", "symptom"),
    [(1e-3, "step_too_small"), (1e-2, "step_too_small"), (2.5, "diverging")],
)
def test_the_rate_advised_is_within_a_factor_of_two(seed, share, symptom):
    eigenvalues, start = a_bowl(seed)
    best = 1 / eigenvalues.max()
    trace = walk(eigenvalues, start, share * best, 30)
    stop = Stop.DIVERGED if symptom == "diverging" else Stop.MAX_STEPS
    finding = told(trace, stop)
    assert finding is not None
    assert finding.symptom == symptom
    advised = finding.remedy["learning_rate"]
    assert best / 2 <= advised <= 2 * best
    assert f"learning_rate={advised:g}" in finding.advice
    again = walk(eigenvalues, start, advised, 900)
    assert again.grad_norm[-1] <= GTOL * max(1.0, trace.grad_norm[0])


def test_a_rate_at_the_edge_leaps_to_and_fro():
    trace = walk([1.0, 1000.0], [1.0, 1.0], 1.9995e-3, 40)
    finding = told(trace)
    assert finding is not None
    assert finding.symptom == "step_too_large"
    assert finding.remedy == {"learning_rate": 0.001}
    assert finding.evidence["cosine"] < -0.9


@pytest.mark.parametrize("rule", ["momentum", "nesterov"])
def test_with_momentum_the_same_rate_reaches_further(rule):
    """Rate / (1 - momentum) counts: a hundredth of 1 / curvature is a tenth of it."""
    for share, ill in ((1e-4, True), (2e-2, False)):
        trace = walk([1.0, 20.0], [1.0, 1.0], share / 20, 30, rule=rule)
        finding = told(trace, optimizer=rule, momentum=0.9)
        assert finding is not None
        assert (finding.symptom == "step_too_small") is ill


def test_condition_and_cure_of_a_long_valley():
    trace = walk([1.0, 400.0, 900.0], [30.0, 1.0, 1.0], 1e-3, 300)
    finding = told(trace)
    assert finding is not None
    assert finding.symptom == "ill_conditioned"
    assert finding.evidence["condition"] == pytest.approx(900, rel=0.02)
    cure = finding.remedy
    root = np.sqrt(finding.evidence["condition"] * 1.25)
    assert cure["momentum"] == pytest.approx(((root - 1) / (root + 1)) ** 2, abs=1e-4)
    again = walk(
        [1.0, 400.0, 900.0],
        [30.0, 1.0, 1.0],
        cure["learning_rate"],
        600,
        rule=cure["optimizer"],
        momentum=cure["momentum"],
    )
    assert again.grad_norm[-1] < 1e-6


def test_the_steps_that_were_missing_are_foretold():
    trace = walk([1.0, 3.0], [1.0, 1.0], 0.2, 12)
    finding = told(trace)
    assert finding is not None
    assert finding.symptom == "budget_short"
    long = walk([1.0, 3.0], [1.0, 1.0], 0.2, 300)
    needed = int(np.argmax(long.grad_norm <= GTOL))
    assert finding.evidence["steps_needed"] == pytest.approx(needed, rel=0.05)
    assert needed <= finding.remedy["max_steps"] <= 1.5 * needed


def test_a_run_that_came_far_bears_no_alarm():
    """Nearly all was gained: the budget is worth knowing, and no alarm."""
    for rate, steps in ((0.2, 40), (0.02, 400), (0.6, 30)):
        assert told(walk([1.0, 3.0], [1.0, 1.0], rate, steps)) is None


def test_what_stands_in_the_way_is_not_blamed_on_the_steps():
    trace = walk([1.0, 20.0], [1.0, 1.0], 1e-5, 30)
    searching = told(trace, searches=True)
    assert searching is not None
    assert searching.symptom == "budget_short"
    assert told(trace, Stop.INTERRUPTED) is None
    assert told(trace, Stop.TARGET) is None


@pytest.mark.parametrize("stop", [*Stop, None])
def test_a_trace_of_nothing_has_no_symptom_of_its_steps(stop):
    """No row, one row, and rows of nan: judged as far as they go."""
    blank = {name: np.full(4, np.nan) for name in Row._fields}
    blank |= {"step": np.arange(4), "finite": np.zeros(4, bool)}
    one = Row(*(np.ones(1, rows_of.dtype_of(name)) for name in Row._fields))
    for rows in (rows_of.empty(), one, Row(**blank)):
        found = findings_of(Case(Trace(rows), stop, {"gtol": GTOL}))
        alarms = {finding.symptom for finding in found} & {
            "step_too_large",
            "step_too_small",
            "ill_conditioned",
            "edge_of_stability",
        }
        assert not alarms


@pytest.mark.parametrize(
    ("downward", "severity"), [(-1e-9, "info"), (-0.01, "warning")]
)
def test_a_saddle_that_leads_nowhere_is_no_alarm(downward, severity):
    trace = walk(np.array([1.0, 3.0]), np.array([2.0, 1.0]), 0.3, 50)
    case = Case(trace, Stop.GRADIENT_SMALL, {"optimizer": "gd"}, converged=False)
    curvature = Curvature(downward, 3.0, 1e-12)
    found = findings_of(case._replace(kind="saddle", curvature=curvature))
    assert [one.severity for one in found if one.symptom == "saddle"] == [severity]
