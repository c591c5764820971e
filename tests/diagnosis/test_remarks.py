"""What stands beside a verdict: that a run went back, and the limit it came to."""

import math

import numpy as np
import pytest

import steepest as sp
from steepest.diagnosis import Curvature, Way, judge_point, worth_a_look
from steepest.records import Stop, Trace
from steepest.records import row as rows_of
from steepest.records.row import Row

NAN = math.nan
BOWL = Curvature(2.0, 10.0, 1e-12)
SEEN = dict(distances=np.zeros(2), gains=np.zeros(2), rises=True)
STILL = Way(**{"tops": None, "points": None, **SEEN})
EPS = np.finfo(float).eps


def trace(values, *, rates=None, grad_norm=1e-7):
    n = len(values)
    columns = {name: np.zeros(n, rows_of.dtype_of(name)) for name in Row._fields}
    columns["step"] = np.arange(n)
    columns["value"] = np.array(values, float)
    columns["grad_norm"] = np.array([3.0] * (n - 1) + [grad_norm])
    columns["finite"] = np.isfinite(columns["value"])
    columns["learning_rate"] = np.array([0.5] * n if rates is None else rates, float)
    columns["update_norm"] = columns["learning_rate"] * 1.0
    return Trace(Row(**columns))


BACK = trace([9, NAN, 8, math.inf, 7, 1], rates=[0.5, NAN, 0.05, NAN, 0.005, NAN])


def judge(end, stop=Stop.GRADIENT_SMALL, curvature=BOWL, way=STILL, **settings):
    settings = {"learning_rate": 0.5, "gtol": 1e-6, **settings}
    return judge_point(stop, end, curvature, way, settings=settings)


def test_a_run_that_went_back_says_so_and_keeps_its_kind():
    verdict = judge(BACK)
    assert (verdict.kind, verdict.converged) == ("minimum", True)
    (finding,) = verdict.findings
    assert (finding.symptom, finding.severity) == ("backed_off", "info")
    assert finding.evidence == {"times": 2.0, "first_step": 1.0, "learning_rate": 0.005}
    assert finding.steps == (1, 3)
    assert finding.remedy == {"learning_rate": 0.005}
    assert finding.advice == (
        "the run met inf or nan twice and went back to its best point, with steps a "
        "tenth as long: start with learning_rate=0.005, or optimizer='auto'."
    )


def test_who_cannot_be_helped_by_a_rate_is_told_none():
    for settings in ({"learning_rate": None}, {"optimizer_chosen": "auto"}):
        (finding,) = judge(BACK, **settings).findings
        assert "optimizer='auto'" not in finding.advice
    (finding,) = judge(BACK, learning_rate=None).findings
    assert (finding.severity, finding.remedy) == ("info", {})
    assert "learning_rate" not in finding.advice
    (finding,) = judge(BACK, searches=True).findings
    assert (finding.severity, finding.remedy) == ("info", {})
    assert (
        "trial steps met inf or nan twice, outside of the function's domain"
        in finding.advice
    )


def test_trials_of_a_search_leave_rates_behind():
    tried = trace([9, NAN, 1], rates=[1.0, 1.0, NAN])
    assert judge(tried).findings == ()
    (finding,) = judge(tried, searches=True).findings
    assert finding.evidence == {"times": 1.0, "first_step": 1.0}


@pytest.mark.parametrize("last", [NAN, math.inf, 1.0])
def test_the_row_that_ended_the_run_is_no_way_back(last):
    for stop in (Stop.NONFINITE, Stop.MAX_STEPS):
        symptoms = [f.symptom for f in judge(trace([9, 8, last]), stop).findings]
        assert "backed_off" not in symptoms


def test_one_finding_names_a_rate_the_other_does_not():
    verdict = judge(BACK, Stop.NONFINITE, learning_rate=0.5)
    grave, light = verdict.findings
    assert (grave.symptom, light.symptom) == ("nonfinite", "backed_off")
    assert "learning_rate=0.5 where" in verdict.headline
    assert grave.remedy == {"learning_rate": pytest.approx(0.0005)}
    assert (light.severity, light.remedy) == ("info", {})


@pytest.mark.parametrize(("rate", "times"), [(1.0, 0), (10.0, 1)])
def test_leaving_the_domain_of_a_logarithm(rate, times):
    options = dict(optimizer="gd", learning_rate=rate, progress=False)
    run = sp.minimize("x - log(x)", 0.05, **options)
    assert (run.verdict.kind, run.converged) == ("minimum", True)
    assert run.value == pytest.approx(1.0)
    found = [f for f in run.verdict.findings if f.symptom == "backed_off"]
    assert len(found) == min(times, 1)
    for finding in found:
        assert finding.evidence["times"] == times
        advised = finding.remedy["learning_rate"]
        assert advised == pytest.approx(rate * 0.1**times)
        assert run.trace.learning_rate[-2] == pytest.approx(advised)
        assert not np.isfinite(run.trace.value[finding.steps[0]])
        again = sp.minimize("x - log(x)", 0.05, **{**options, "learning_rate": advised})
        assert again.verdict.findings == ()


def test_the_limit_of_floating_point_is_named():
    end = trace([9, 1], grad_norm=1e-14)
    verdict = judge(end, Stop.PRECISION, gtol=None)
    assert verdict.headline == (
        "Converged to a minimum at the limit of floating point: value 1, gradient norm "
        "1e-14."
    )
    assert verdict.converged
    assert "limit" not in judge(end, Stop.PRECISION).headline  # gtol was met
    assert "limit" not in judge(end, Stop.VALUE_FLAT, gtol=None).headline
    assert not judge(trace([9, 1], grad_norm=1e-9), Stop.PRECISION, gtol=None).converged
    saddle = Curvature(-2.0, 2.0, 1e-12)
    assert judge(end, Stop.PRECISION, saddle, gtol=None).kind == "saddle"


DIFFERENCES = {"gradient": "central differences", "gtol": 1e-13}


@pytest.mark.parametrize("stop", [Stop.PRECISION, Stop.MAX_STEPS, Stop.PATIENCE])
@pytest.mark.parametrize("height", [1.0, 1e4])
def test_the_limit_of_differences_counts_as_converged(stop, height):
    floor = EPS ** (2 / 3) * height
    end = trace([9 * height, height], grad_norm=2 * floor)
    verdict = judge(end, stop, **DIFFERENCES)
    assert (verdict.kind, verdict.converged) == ("minimum", True)
    assert "minimum at the limit of its central differences: value" in verdict.headline
    assert worth_a_look(end, DIFFERENCES)
    for gradient in ("jax", "given"):
        settings = {**DIFFERENCES, "gradient": gradient}
        assert not judge(end, stop, **settings).converged
        assert not worth_a_look(end, settings)
    steep = trace([9 * height, height], grad_norm=1e5 * floor)
    assert not judge(steep, stop, **DIFFERENCES).converged
    assert not worth_a_look(steep, DIFFERENCES)


def test_the_limit_is_claimed_only_where_curvature_and_rays_agree():
    end = trace([9, 1], grad_norm=1e-11)
    onwards = STILL._replace(
        distances=np.array([1.0]), gains=np.array([0.5]), rises=False
    )
    for curvature, way in ((None, STILL), (BOWL, None), (BOWL, onwards)):
        verdict = judge(end, Stop.PRECISION, curvature, way, **DIFFERENCES)
        assert verdict.kind == "not_stationary"
    saddle = Curvature(-2.0, 2.0, 1e-6)
    assert not judge(end, Stop.PRECISION, saddle, **DIFFERENCES).converged


def test_noise_of_the_function_raises_the_floor():
    """First differences are off by s / eps^(1/3), second ones by s / eps^(1/2)."""
    noise = 1e-9
    slope = noise / EPS ** (1 / 3)
    end = trace([9, 1], grad_norm=slope)
    noisy = Curvature(2.0, 10.0, noise / EPS**0.5)
    assert judge(end, Stop.PRECISION, noisy, **DIFFERENCES).converged
    assert not judge(end, Stop.PRECISION, BOWL, **DIFFERENCES).converged
