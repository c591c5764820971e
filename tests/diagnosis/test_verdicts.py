"""Verdicts: every Stop in every situation, and what the words must name."""

import itertools
import math

import numpy as np
import pytest
from ends import (
    BOWL,
    CURVATURES,
    ENDS,
    FLAT,
    GTOL,
    SADDLE,
    SUMMIT,
    check,
    judge,
    trace,
)
from hypothesis import given
from hypothesis import strategies as st

import steepest as sp
from steepest.diagnosis import Curvature, Way, judge_fit, judge_point
from steepest.diagnosis.case import Case
from steepest.diagnosis.probes.places import Place
from steepest.records import Stop


def way(distance, gain, *, rises=True):
    seen = {
        "distances": np.array([0.0, distance]),
        "gains": np.array([0.0, gain]),
        "rises": rises,
    }
    return Way(**{"tops": None, "points": None, **seen})


STEEP = trace(grads=(10.0, 4.0, 3.0))
"""Ends where the gradient is large."""


@pytest.mark.parametrize("end", [trace(), STEEP], ids=["stationary", "steep"])
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("curvature", CURVATURES)
@pytest.mark.parametrize("stop", Stop, ids=lambda stop: stop.name)
def test_every_stop_in_every_situation(stop, curvature, direction, end):
    verdict = judge(stop, curvature, of=end, direction=direction)
    check(verdict)
    goal = "minimum" if direction == "minimize" else "maximum"
    if stop.failed:
        kind = "diverged" if stop is Stop.DIVERGED else "nonfinite"
    elif end is STEEP or (curvature is None and not stop.converged):
        kind = "not_stationary"
    else:
        kind = goal if curvature is None else curvature.kind
    if stop is Stop.NONFINITE:
        assert "Diverged" not in verdict.headline
    assert verdict.kind == kind
    assert verdict.converged == (
        (not stop.failed and stop is Stop.TARGET) or kind == goal
    )
    assert bool(verdict.findings) != verdict.converged


@pytest.mark.parametrize("stop", ENDS, ids=lambda stop: stop.name)
def test_a_minimum_is_told_from_the_point_not_from_the_stop(stop):
    verdict = judge(stop)
    assert verdict.kind == "minimum"
    assert verdict.converged
    assert "value 1, gradient norm 1e-07" in verdict.headline


def test_what_was_not_measured_is_said():
    verdict = judge(Stop.GRADIENT_SMALL, None)
    assert verdict.kind == "minimum"
    assert "curvature not measured" in verdict.headline
    assert "not measured" not in judge(Stop.GRADIENT_SMALL).headline


@pytest.mark.parametrize(
    ("curvature", "kind", "words"),
    [
        (SADDLE, "saddle", "Stopped at a saddle"),
        (SUMMIT, "maximum", "Stopped at a maximum, not a minimum"),
        (FLAT, "plateau", "Stopped on a plateau"),
    ],
)
def test_a_point_of_another_kind_is_no_success(curvature, kind, words):
    verdict = judge(Stop.GRADIENT_SMALL, curvature)
    (finding,) = verdict.findings
    assert (verdict.kind, verdict.converged, finding.symptom) == (kind, False, kind)
    assert verdict.headline.startswith(words)
    assert finding.evidence["eigenvalue_min"] == curvature.smallest
    assert finding.evidence["eigenvalue_max"] == curvature.largest
    assert "start elsewhere" in finding.advice


def test_climbing_to_a_minimum_is_no_success():
    verdict = judge(Stop.GRADIENT_SMALL, BOWL, direction="maximize")
    assert not verdict.converged
    assert "Stopped at a minimum, not a maximum" in verdict.headline


@pytest.mark.parametrize("stop", [Stop.MAX_STEPS, Stop.MAX_SECONDS, Stop.INTERRUPTED])
def test_a_budget_is_no_success(stop):
    verdict = judge(stop, None, of=STEEP)
    assert verdict.headline.startswith("Not converged: ")
    assert "gradient norm 3" in verdict.headline
    (finding,) = verdict.findings
    assert finding.evidence == {"grad_norm": 3.0, "grad_norm_start": 10.0, "gtol": GTOL}


@pytest.mark.parametrize(
    ("stop", "advice"),
    [
        (Stop.MAX_STEPS, "raise max_steps"),
        (Stop.MAX_SECONDS, "raise max_seconds"),
        (Stop.INTERRUPTED, "start again from params"),
        (Stop.PRECISION, "rescale the params"),
        (Stop.PATIENCE, "lower learning_rate, or raise patience"),
        (Stop.VALUE_FLAT, "lower ftol and xtol"),
        (Stop.STEP_SMALL, "lower ftol and xtol"),
        (Stop.GRADIENT_SMALL, "start again from params with a smaller learning_rate"),
    ],
)
def test_what_to_do_fits_the_cause(stop, advice):
    (finding,) = judge(stop, None, of=STEEP).findings
    assert finding.advice.startswith((advice, "the point that met gtol"))
    assert advice in finding.advice


@pytest.mark.parametrize("stop", [Stop.VALUE_FLAT, Stop.STEP_SMALL])
def test_a_value_that_stopped_moving_is_judged_by_what_is_left_to_gain(stop):
    """The fall so far is 24; a small gradient, beside its start, proves nothing."""
    end = trace(grads=(10.0, 0.0099))
    assert not judge(stop, of=end).converged
    assert judge(stop, BOWL, way(0.05, 1e-4), of=end).converged
    for ahead in (way(0.05, 1e-3), way(0.2, 1e-4)):
        verdict = judge(stop, BOWL, ahead, of=end)
        assert (verdict.kind, verdict.converged) == ("not_stationary", False)
        assert "the slope goes on" in verdict.headline
        assert verdict.findings[0].evidence["gain"] == ahead.gains[1]
    assert "not measured" in judge(stop, None, way(0.0, 0.0), of=end).headline
    assert not judge(stop, SADDLE, way(0.0, 0.0), of=end).converged


def test_a_small_gradient_on_a_slope_that_goes_on_is_no_minimum():
    verdict = judge(Stop.GRADIENT_SMALL, BOWL, way(1.0, 0.5, rises=False))
    assert (verdict.kind, verdict.converged) == ("not_stationary", False)
    assert "the value falls by 0.5 more" in verdict.headline
    (finding,) = verdict.findings
    assert "lower gtol (now 1e-06)" in finding.advice
    assert finding.evidence["distance"] == 1.0
    check(verdict)
    up = way(1.0, 0.5)
    verdict = judge(Stop.GRADIENT_SMALL, SUMMIT, up, direction="maximize")
    assert "the value rises by 0.5 more" in verdict.headline
    assert judge(Stop.GRADIENT_SMALL, BOWL, way(1e-3, 0.5)).converged
    assert judge(Stop.GRADIENT_SMALL, BOWL, way(1.0, 1e-14)).converged


def test_no_curvature_but_higher_on_all_sides_is_a_minimum():
    assert judge(Stop.GRADIENT_SMALL, FLAT, way(0, 0)).kind == "minimum"
    for ahead in (way(0, 0, rises=False), None):
        assert judge(Stop.GRADIENT_SMALL, FLAT, ahead).kind == "plateau"
    falls = judge(Stop.GRADIENT_SMALL, FLAT, way(1.0, 1.0))
    assert falls.kind == "not_stationary"
    assert "there may be no minimum this way" in falls.findings[0].advice


def test_where_nobody_looked_no_minimum_is_claimed():
    for stop in ENDS:
        if not stop.converged:
            verdict = judge(stop, None)
            assert (verdict.kind, verdict.converged) == ("not_stationary", False)


def test_an_estimate_says_so():
    bowl = Curvature(2.0, 10.0, 1e-12, estimated=True)
    verdict = judge(Stop.GRADIENT_SMALL, bowl, way(0, 0))
    assert verdict.headline.startswith(
        "Converged to a minimum (curvature estimated by Lanczos): value 1"
    )
    assert not judge(Stop.VALUE_FLAT, bowl, way(0, 0), of=STEEP).converged
    assert judge(Stop.VALUE_FLAT, BOWL, way(0, 0), of=STEEP).converged


def test_a_gradient_that_bounds_alone_make_small_is_no_success():
    for kind in ("edge", "pole"):
        ahead = way(0, 0)._replace(place=Place(kind), slope=10.0)
        verdict = judge(Stop.GRADIENT_SMALL, SUMMIT, ahead)
        assert (verdict.kind, verdict.converged) == ("not_stationary", False)
        assert kind in verdict.headline
        inside = ahead._replace(slope=GTOL)
        assert judge(Stop.GRADIENT_SMALL, BOWL, inside).converged


def test_a_level_point_is_not_told_to_lower_gtol():
    level = way(1.0, 0.5)._replace(slope=0.0)
    told = judge(Stop.GRADIENT_SMALL, BOWL, level).findings[0]
    assert told.remedy == {"escape": True}
    assert "gtol" not in told.advice
    told = judge(Stop.GRADIENT_SMALL, BOWL, level, escape=True).findings[0]
    assert told.advice.startswith("start elsewhere")


def test_a_slope_whose_top_is_far_is_no_maximum():
    run = sp.minimize("-exp(-x**2)", {"x": 4.0}, optimizer="gd", learning_rate=0.1)
    assert run.verdict.kind == "not_stationary"
    top = sp.minimize("-(x**2)", {"x": 0.0}, optimizer="gd", learning_rate=0.1)
    assert top.verdict.kind == "maximum"


def test_short_leaps_across_a_kink_are_no_alarm():
    options = {"optimizer": "gd", "schedule": "cosine", "max_steps": 200}
    start = {"x": 1.0, "y": 1.0}
    fine = sp.minimize("abs(x) + abs(y)", start, learning_rate=0.1, **options)
    assert fine.value < 1e-5
    assert {one.severity for one in fine.verdict.findings} <= {"info"}
    options["schedule"] = None
    rough = sp.minimize("abs(x) + abs(y)", start, learning_rate=0.3, **options)
    assert "step_too_large" in {one.symptom for one in rough.verdict.findings}


def test_minus_zero_is_zero():
    end = trace(values=(1.0, -0.0), grads=(1.0, 0.0))
    assert "value 0, gradient norm 0" in judge(Stop.GRADIENT_SMALL, of=end).headline


def bounce(values, cosine=-1.0, quality=0.0):
    end = trace(values=values, grads=(10.0,))
    for name, number in (("cosine", cosine), ("step_quality", quality)):
        getattr(end.rows, name)[:] = [math.nan, *[number] * (len(values) - 1)]
    return end


@pytest.mark.parametrize("stop", [Stop.MAX_STEPS, Stop.VALUE_FLAT, Stop.PATIENCE])
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_steps_that_leap_to_and_fro_ask_for_a_smaller_rate(stop, direction):
    end = bounce((25.0, 25.0, 25.0))
    curvature = BOWL if direction == "minimize" else SUMMIT
    verdict = judge(stop, curvature, of=end, learning_rate=0.2, direction=direction)
    (finding,) = verdict.findings
    assert finding.remedy == {"learning_rate": 0.1}
    assert "raise learning_rate" not in finding.advice
    assert finding.evidence["cosine"] == -1.0
    check(verdict)


def test_a_worse_value_asks_for_a_smaller_rate_and_a_steady_fall_does_not():
    rate = {"learning_rate": 0.05}
    worse = judge(Stop.MAX_STEPS, None, of=bounce((1.0, 2.0, 3.0), 0.5, -1.0))
    assert worse.findings[0].remedy == rate
    for cosine, quality in ((1.0, 1.0), (-1.0, 0.5), (0.0, 0.0)):
        steady = bounce((3.0, 2.0, 1.0), cosine, quality)
        (told,) = judge(Stop.MAX_STEPS, None, of=steady).findings
        assert told.symptom == "budget_short"
    turns = bounce((1.0, 0.5, 1.0, 0.5, 1.0))
    turns.rows.step_quality[:] = [math.nan, 1.0, -1.0, 1.0, -1.0]
    assert judge(Stop.MAX_STEPS, None, of=turns).findings[0].remedy == rate
    huge = judge(Stop.MAX_STEPS, None, of=bounce((1.7e308, 1.7e308, 1.7e308)))
    assert huge.findings[0].remedy == rate
    kink = judge(Stop.MAX_STEPS, Curvature(0.0, 1e9, 1e-12), of=bounce((1.0, 1.0)))
    assert kink.findings[0].remedy == rate


def test_precision_counts_where_rounding_alone_explains_the_gradient():
    eps = np.finfo(float).eps
    for grad, converged in ((100 * eps * 10, True), (1e-3, False)):
        end = trace(grads=(1.0, 1.0, grad))
        assert judge(Stop.PRECISION, of=end, gtol=None).converged is converged
    assert not judge(Stop.PRECISION, None, of=trace(grads=(1.0,)), gtol=None).converged


def test_precision_counts_only_where_rounding_hides_what_is_left_to_gain():
    """The same gradient along a flat axis has far more to gain than along a steep."""
    steep, flat, grad = 1e12, 1.0, 1e-3
    for along, converged in ((steep, True), (flat, False)):
        bowl = Curvature(flat, steep, 1e-4, decrement=grad**2 / along)
        end = trace(grads=(1.0, 1.0, grad))
        assert judge(Stop.PRECISION, bowl, of=end, gtol=None).converged is converged


@pytest.mark.parametrize("curvature", [FLAT, BOWL, SUMMIT])
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_slopes_that_balance_make_a_kink_an_end(curvature, direction):
    asked = {"gtol": GTOL, "direction": direction}

    def told(imbalance, ahead, end=STEEP, stop=Stop.PRECISION, **more):
        return judge_point(
            stop, end, curvature, ahead, settings={**asked, **more}, imbalance=imbalance
        )

    verdict = told(0.0, way(0, 0))
    goal = "minimum" if direction == "minimize" else "maximum"
    assert (verdict.kind, verdict.converged) == (goal, True)
    assert verdict.headline.startswith(f"Converged to a {goal}, at a kink: value 1")
    assert not told(0.01, way(0, 0)).converged
    assert "has a kink here, along which it still" in told(0.01, way(0, 0)).headline
    assert "kink" not in told(1.0, way(0, 0)).headline
    assert not told(None, way(0, 0)).converged
    assert not told(0.0, way(0, 0, rises=False)).converged
    assert not told(0.0, way(1.0, 0.5)).converged
    assert not told(0.0, way(0, 0), stop=Stop.MAX_STEPS).converged
    for kind in ("edge", "pole", "jump", "noisy"):
        there = way(0, 0)._replace(place=Place(kind, 0.1))
        assert not told(0.0, there).converged


def test_a_target_that_was_reached_is_a_success_wherever_it_is():
    for curvature in CURVATURES:
        verdict = judge(Stop.TARGET, curvature)
        assert verdict.converged
        assert verdict.headline.startswith("The target was reached: value 1")
    assert judge(Stop.TARGET, SADDLE).kind == "saddle"
    assert judge(Stop.TARGET, None, of=STEEP).kind == "not_stationary"


def test_one_row_is_enough():
    end = trace(values=(25.0,))
    for stop in Stop:
        check(judge(stop, of=end))


@given(
    st.sampled_from(Stop),
    st.sampled_from(CURVATURES),
    st.lists(st.floats(), min_size=1, max_size=4),
    st.lists(st.floats(min_value=0), min_size=1, max_size=4),
    st.floats(1e-12, 1e12) | st.none(),
)
def test_any_trace_can_be_judged(stop, curvature, values, grads, rate):
    end = trace(values=values, grads=grads)
    for verdict in (
        judge(stop, curvature, of=end, learning_rate=rate, gtol=None),
        judge_fit(Case(end, stop, {"learning_rate": rate})),
    ):
        check(verdict)
        if stop.failed:
            assert not verdict.converged


def test_no_two_situations_share_a_headline():
    headlines = [
        judge(stop, curvature).headline
        for stop, curvature in itertools.product(
            (Stop.GRADIENT_SMALL, Stop.TARGET, Stop.DIVERGED, Stop.NONFINITE),
            CURVATURES[:1],
        )
    ]
    headlines += [judge(Stop.GRADIENT_SMALL, c).headline for c in CURVATURES[1:]]
    headlines += [judge(stop, None, of=STEEP).headline for stop in ENDS]
    assert len(set(headlines)) == len(headlines)
