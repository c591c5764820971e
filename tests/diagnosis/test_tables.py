"""Steps of fits to tables: what was done wrong is named, with what to use instead."""

import numpy as np
import pytest
from ends import check
from twins_tables import BLURRED, CLASS, FAR, LINE, PLAIN, X, fitted

from steepest.diagnosis.batches import usual_rate
from steepest.diagnosis.case import Case
from steepest.diagnosis.probes.columns import Source, look_at
from steepest.records import Trace
from steepest.records.row import empty


def alarms(run):
    check(run.verdict)
    return {f.symptom: f for f in run.verdict.findings if f.severity != "info"}


@pytest.mark.parametrize("optimizer", ["gd", "momentum", "adam", "rmsprop"])
def test_a_rate_far_too_small_is_named_and_its_remedy_helps(optimizer):
    options = {**PLAIN, "optimizer": optimizer, "learning_rate": 1e-6}
    (finding,) = alarms(fitted(X, LINE, **options)()).values()
    assert finding.symptom == "step_too_small"
    rate = finding.remedy["learning_rate"]
    assert f"{rate:g}" in finding.advice
    assert rate > 1e-3
    options["learning_rate"] = rate
    assert alarms(fitted(X, LINE, **options)()) == {}


@pytest.mark.parametrize(
    ("target", "rate"), [(LINE, 0.003), (CLASS, 0.03)], ids=["numbers", "classes"]
)
def test_epochs_cut_short_are_named_and_the_remedy_suffices(target, rate):
    options = {**PLAIN, "learning_rate": rate, "epochs": 2}
    (finding,) = alarms(fitted(X, target, **options)()).values()
    assert finding.symptom == "budget_short"
    assert finding.evidence["share_left"] > 0.05
    options |= finding.remedy
    assert 2 < options["epochs"] <= 400
    assert alarms(fitted(X, target, **options)()) == {}


def test_steps_on_all_rows_cut_short_are_named():
    options = {"optimizer": "gd", "batch_size": "full", "learning_rate": 0.03}
    (finding,) = alarms(fitted(X, LINE, epochs=10, **options)()).values()
    assert finding.symptom == "budget_short"
    assert alarms(fitted(X, LINE, epochs=200, **options)()) == {}


def test_a_constant_rate_without_an_end_to_its_noise_is_named_by_its_cost():
    noisy = {**PLAIN, "batch_size": 2, "learning_rate": 0.05, "validation": None}
    run = fitted(X, BLURRED, **noisy)()
    (finding,) = alarms(run).values()
    assert finding.symptom == "noise_floor"
    best = fitted(X, BLURRED, validation=None, l2=0.0)().value
    excess = run.value - best
    assert finding.evidence["excess"] == pytest.approx(excess, rel=1.0)
    low, high = (finding.evidence[f"noise_scale_{edge}"] for edge in ("low", "high"))
    assert low < finding.evidence["noise_scale"] < high
    assert alarms(fitted(X, BLURRED, **{**noisy, **finding.remedy})()) == {}


def test_raw_columns_are_named_before_the_rate_that_they_ask_for():
    raw = {**PLAIN, "learning_rate": 1e-5, "standardize": False}
    (finding,) = alarms(fitted(FAR, LINE, **raw)()).values()
    assert finding.symptom == "unscaled_columns"
    assert finding.remedy == {"standardize": True}


def test_the_usual_rate_of_plain_descent_is_where_it_is_stable():
    run = fitted(X, LINE, **PLAIN, validation=None)()
    case = Case(Trace(empty()), settings=run.settings)
    assert usual_rate(case) == (0.01, "what gd takes by itself")
    assert usual_rate(Case(Trace(empty()), settings={"optimizer": "mine"})) is None
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    found = look_at(z, LINE, [Source(f"x{i}", i, 1, True) for i in range(4)])
    rate, _ = usual_rate(case._replace(columns=found))
    top = np.linalg.eigvalsh(np.cov(z.T, bias=True))[-1]
    assert rate == pytest.approx(1 / (2 * (max(top, 1.0) + 5 / 16)), rel=1e-6)
    stable, wild = (
        fitted(X, LINE, **{**PLAIN, "learning_rate": t * rate})() for t in (0.5, 8.0)
    )
    assert not stable.stop.failed
    assert wild.stop.failed
    assert next(iter(alarms(wild))) in ("diverging", "nonfinite")
