"""Verdicts on runs that blew up: what went wrong, where, and what to do."""

import math

import pytest
from ends import FLAT, SADDLE, check, judge, trace

from steepest.diagnosis import Curvature
from steepest.records import Stop

BLOWN = trace(values=(25.0, 9e3, 3.2e6, 25.0), grads=(10.0, 190.0, 3e3, 10.0))


def test_divergence_names_the_rate_the_rise_and_the_steps():
    verdict = judge(Stop.DIVERGED, of=BLOWN, learning_rate=10.0)
    expected = "Diverged with learning_rate=10: the value rose from 25 to 3.2e+06"
    assert verdict.headline.startswith(expected)
    assert "within 3 steps" in verdict.headline
    (finding,) = verdict.findings
    assert finding.severity == "error"
    assert finding.steps == (0, 3)
    assert finding.evidence["value_start"] == 25.0
    assert finding.evidence["value_worst"] == 3.2e6


FALLEN = (0.0, -1e9, -1e22, -1e22)


@pytest.mark.parametrize(
    ("direction", "values", "words"),
    [
        ("minimize", (25.0, 9e3, 3e6, 25.0), "rose from 25 to 3e+06"),
        ("minimize", FALLEN, "falls without bound (to -1e+22)"),
        ("maximize", FALLEN, "fell from 0 to -1e+22"),
        ("maximize", (0.0, 1e9, 1e22, 1e22), "rises without bound (to 1e+22)"),
    ],
)
def test_the_way_it_went_is_said(direction, values, words):
    end = trace(values=values)
    assert words in judge(Stop.DIVERGED, of=end, direction=direction).headline


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e308])
def test_a_number_that_is_none_is_told_and_can_be_written(value):
    verdict = judge(Stop.NONFINITE, None, of=trace(values=(25.0, value, 25.0)))
    check(verdict)
    assert (verdict.kind, verdict.converged) == ("nonfinite", False)
    assert "became inf or nan" in verdict.headline


@pytest.mark.parametrize("rate", [10.0, 1.0, 0.3, 1e-6, 7.77e5])
@pytest.mark.parametrize("steep", [1e-3, 0.7, 2.0, 7.95, 10.0, 333.0, 1.1e9])
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_rate_advised_is_stable(direction, steep, rate):
    """Descent on a quadratic is stable below 2 / curvature; we advise half of it."""
    curvature = Curvature(steep / 3, steep, 1e-12)
    if direction == "maximize":
        curvature = Curvature(-steep, -steep / 3, 1e-12)
    verdict = judge(
        Stop.DIVERGED, curvature, of=BLOWN, learning_rate=rate, direction=direction
    )
    (finding,) = verdict.findings
    better = finding.remedy["learning_rate"]
    assert 0 < better <= (1 + 1e-8) * min(1 / steep, rate / 10)
    assert better > 0.9 * min(1 / steep, rate / 10)
    assert f"learning_rate={better:g}" in finding.advice
    assert finding.evidence["curvature"] == steep


def test_without_curvature_a_tenth_of_the_rate_is_advised():
    for curvature in (None, FLAT):
        (finding,) = judge(Stop.DIVERGED, curvature, learning_rate=0.3).findings
        assert finding.remedy == {"learning_rate": 0.03}


@pytest.mark.parametrize("stop", [Stop.DIVERGED, Stop.NONFINITE])
def test_a_rule_without_a_rate_is_advised_to_have_one(stop):
    verdict = judge(stop, of=BLOWN, learning_rate=None)
    assert "learning_rate=" not in verdict.headline
    (finding,) = verdict.findings
    assert finding.remedy == {}
    assert "named optimizer with a smaller learning_rate" in finding.advice


def test_a_function_without_end_is_not_blamed_on_the_rate():
    end = trace(values=(1.0, -1e3, -1e21, -1e21))
    verdict = judge(Stop.DIVERGED, SADDLE, of=end, learning_rate=0.1)
    assert "falls without bound" in verdict.headline
    assert "learning_rate" not in verdict.headline
    assert "sign" in verdict.findings[0].advice
