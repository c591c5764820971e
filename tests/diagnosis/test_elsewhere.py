"""The verdict on rows alone: what they tell, and what nobody may claim of them."""

from __future__ import annotations

import numpy as np
import pytest

from steepest.diagnosis.case import Case
from steepest.diagnosis.elsewhere import judge_trace, middles_of
from steepest.records import Row, Trace, Validation
from steepest.records.row import dtype_of

N = 300
T = np.arange(N)
NOISE = np.random.default_rng(0).normal(size=N)


def trace(value, *, validation=None, **columns):
    """A trace of losses; what is not given is nan."""
    value = np.asarray(value, float)
    n = len(value)
    told = {"step": np.arange(n), "value": value, "finite": np.isfinite(value)}
    told |= {name: np.asarray(column, float) for name, column in columns.items()}
    blank = {
        name: np.zeros(n, int) if dtype_of(name) is np.int64 else np.full(n, np.nan)
        for name in Row._fields
    }
    curve = Validation.empty()
    if validation is not None:
        at = np.arange(len(validation))
        curve = Validation(at, at, np.asarray(validation, float))
    return Trace(Row(**{**blank, **told}), curve)


def judged(value, **columns):
    settings = columns.pop("settings", {})
    return judge_trace(Case(trace(value, **columns), settings=settings))


SETTLED = {
    "with noise": 0.3 + 2 * np.exp(-T / 30) + 0.02 * NOISE,
    "with much noise": 0.3 + 0.5 * np.exp(-T / 30) + 0.1 * NOISE,
    "without": 0.3 + 2 * np.exp(-T / 20),
    "to 0": 5 * np.exp(-T / 10),
    "below 0": -3 + 2 * np.exp(-T / 30) + 0.01 * NOISE,
    "after one jump": 0.3 + 2 * np.exp(-T / 30) + 9 * (T == 40),
    "from far": 0.3 + 1e6 * np.exp(-T) + 0.02 * NOISE,
    "at once": 0.01 + 4.99 * (T == 0),
    "within a few rows": 0.0089 + 4 * 0.1**T,
    "at once, with noise": 0.3 + 4 * 0.1**T + 0.02 * NOISE,
    "in steps": 0.3 + 0.7 * (T < 60) + 0.4 * (T < 20) + 0.01 * NOISE,
}


@pytest.mark.parametrize("value", SETTLED.values(), ids=SETTLED)
def test_a_loss_that_settled_is_no_reason_for_an_alarm(value):
    verdict = judged(value, learning_rate=np.full(N, 0.1))
    assert (verdict.kind, verdict.converged) == ("noise_floor", True)
    assert verdict.headline.startswith("Settled: the loss fell from")
    assert verdict.headline.endswith("no row tells if that is a minimum.")
    assert [one for one in verdict.findings if one.severity != "info"] == []


FALLING = {
    "straight": 5 - 0.01 * T,
    "with noise": 3 * np.exp(-T / 400) + 0.05 * NOISE,
    "by powers": 2 * (1 + T) ** -0.2,
}


@pytest.mark.parametrize("value", FALLING.values(), ids=FALLING)
def test_a_loss_that_still_falls_is_no_reason_either(value):
    verdict = judged(value)
    assert (verdict.kind, verdict.converged) == ("not_stationary", False)
    assert verdict.headline.startswith("Still falling when the rows end: from")
    assert [one.severity for one in verdict.findings] == ["info"]
    assert "let it run on" in verdict.findings[0].advice


def test_a_loss_that_never_fell():
    for value in (2.3 + 0.01 * NOISE, np.full(N, 2.3), 2.3 + 1e-5 * T):
        verdict = judged(value)
        assert (verdict.kind, verdict.converged) == ("plateau", False)
        assert verdict.headline.startswith("The loss never fell: from 2.3")
        finding = verdict.findings[0]
        assert (finding.symptom, finding.severity) == ("not_stationary", "warning")
        assert finding.evidence["rows"] == N
        assert finding.reference


def test_a_loss_of_0_has_nothing_to_gain():
    verdict = judged(np.zeros(N))
    assert (verdict.kind, verdict.converged) == ("noise_floor", True)
    assert verdict.headline == f"Settled: the loss is 0 in all {N} rows."


def test_a_loss_that_rose_again():
    verdict = judged(1 - 0.9 * np.sin(np.pi * T / N) + 0.01 * NOISE)
    assert (verdict.kind, verdict.converged) == ("not_stationary", False)
    assert verdict.headline.startswith("The loss rose again: 0.0")
    assert verdict.findings[0].severity == "warning"


@pytest.mark.parametrize("tail", [[], [np.inf, np.nan]])
def test_a_loss_that_ran_away(tail):
    value = [*(0.5 * 1.6 ** np.arange(40)), *tail]
    verdict = judged(value, learning_rate=np.full(len(value), 0.5))
    assert (verdict.kind, verdict.converged) == ("diverged", False)
    told = "Diverged: the loss rose from 0.5 to 4.567e+07 by step 39"
    assert verdict.headline.startswith(told)
    assert verdict.headline.endswith("nan at the end." if tail else "39.")
    finding = verdict.findings[0]
    assert (finding.symptom, finding.severity) == ("diverging", "error")
    assert finding.remedy["learning_rate"] == 0.05
    assert "auto" not in finding.advice


def test_a_loss_that_is_not_finite():
    value = np.where(T < 200, SETTLED["with noise"], np.nan)
    verdict = judged(value)
    assert (verdict.kind, verdict.converged) == ("nonfinite", False)
    assert verdict.headline.startswith("Not finite: the loss is nan from step 200 on")
    assert verdict.findings[0].severity == "error"
    verdict = judged(np.full(5, np.nan))
    assert verdict.kind == "nonfinite"
    assert verdict.headline == "Not finite: the loss is nan or inf in every row."
    assert verdict.findings[0].severity == "error"
    assert judged([2.0, np.inf]).kind == "nonfinite"


def test_nan_on_the_way_does_not_hide_the_end():
    value = SETTLED["with noise"].copy()
    value[50:55] = np.nan
    assert judged(value).converged


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_rows_say_nothing(n):
    verdict = judged(np.arange(n, 0, -1))
    assert (verdict.kind, verdict.converged) == ("not_stationary", False)
    assert verdict.headline.startswith(f"Too short to judge: {n} row")
    assert [one.severity for one in verdict.findings] == ["info"]


def test_without_rows():
    verdict = judged([])
    assert verdict.headline == "No rows: nothing can be judged."
    assert not verdict.converged


def test_a_run_that_climbs():
    up = {"direction": "maximize"}
    verdict = judged(-SETTLED["with noise"], settings=up)
    assert verdict.converged
    assert "the loss rose from -2." in verdict.headline
    assert judged(-FALLING["straight"], settings=up).headline.startswith("Still rising")
    assert judged(-(2.0 ** np.arange(40)), settings=up).kind == "diverged"


def test_a_validation_loss_that_rose_again():
    falls = np.exp(-np.arange(40) / 10)
    verdict = judged(falls, validation=0.5 + 0.3 * (np.arange(40) / 10 - 1) ** 2)
    finding = verdict.findings[0]
    assert (finding.symptom, finding.severity) == ("overfitting", "warning")
    assert finding.evidence["epoch_best"] == 10
    assert "validation loss 0.5 at best, 3.023 at the end." in verdict.headline
    verdict = judged(falls, validation=0.1 + falls)
    assert all(one.severity == "info" for one in verdict.findings)


def test_the_rate_for_a_quadratic_from_its_rows_alone():
    rate, curve = 0.001, np.array([1.0, 30.0])
    x, told = np.array([3.0, 1.0]), []
    for _ in range(200):
        g = curve * x
        told.append((0.5 * g @ x, g.copy()))
        x = x - rate * g
    value, grads = (np.array(one) for one in zip(*told, strict=True))
    norm = np.linalg.norm(grads, axis=1)
    cosine = (grads[1:] * grads[:-1]).sum(1) / norm[1:] / norm[:-1]
    quality = -np.diff(value) / (rate * norm[:-1] ** 2)
    verdict = judged(
        value,
        grad_norm=norm,
        update_norm=rate * norm,
        learning_rate=np.full(200, rate),
        cosine=[np.nan, *cosine],
        step_quality=[np.nan, *quality],
    )
    finding = verdict.findings[0]
    assert finding.symptom == "step_too_small"
    assert 0.5 / 30 <= finding.remedy["learning_rate"] <= 2 / 30


def test_middles_by_hand():
    found = middles_of(np.array([9.0, 7.0, 5.0, 5.0, 4.0, 2.0, 1.0, 1.0, 3.0, 3.0]))
    assert found[:5] == (8, 5, 1, 1, 3)
    bends = np.abs([0 - -1, 2 - 0, 0 - 2])  # of 2, 1, 1, 3, 3
    noise = np.median(bends) * 1.4826 / np.sqrt(6)
    assert found.noise == pytest.approx(noise)
    assert found.error == pytest.approx(noise * np.sqrt(2 / 2) * np.sqrt(np.pi / 2))
