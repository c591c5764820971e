"""What a fit came to: its words, kinds and findings."""

import math

import pytest
from ends import ENDS, check, trace

from steepest.diagnosis import judge_fit
from steepest.diagnosis.case import Case
from steepest.records import Stop


def fit(stop, losses=(), *, grads=(10.0, 1.0), score="", metric=None, **settings):
    end = trace(grads=grads, losses=losses)
    asked = {"learning_rate": 0.1, **settings}
    return judge_fit(Case(end, stop, asked, metric=metric), score=score)


@pytest.mark.parametrize("stop", Stop, ids=lambda stop: stop.name)
def test_every_stop_of_a_fit(stop):
    verdict = fit(stop, score="R2 0.9 on validation rows.")
    check(verdict)
    flat = Stop.VALUE_FLAT
    successes = (Stop.GRADIENT_SMALL, flat, Stop.PATIENCE, Stop.TARGET)
    assert verdict.converged == (stop in successes)
    if not stop.failed:
        assert verdict.headline.endswith(". R2 0.9 on validation rows.")


@pytest.mark.parametrize(
    ("stop", "kind", "words"),
    [
        (
            Stop.GRADIENT_SMALL,
            "noise_floor",
            "Converged: descent on all rows met gtol.",
        ),
        (Stop.PATIENCE, "noise_floor", "Stopped when the training loss no longer"),
        (Stop.MAX_EPOCHS, "not_stationary", "All the epochs were run."),
        (Stop.MAX_STEPS, "not_stationary", "The step budget is spent."),
        (Stop.MAX_SECONDS, "not_stationary", "The time budget is spent."),
        (Stop.INTERRUPTED, "not_stationary", "Interrupted; the best epoch so far"),
        (Stop.PRECISION, "not_stationary", "No step changes the params"),
        (Stop.DIVERGED, "diverged", "Diverged with learning_rate=0.1"),
        (Stop.NONFINITE, "nonfinite", "Stopped with learning_rate=0.1 where a param"),
    ],
)
def test_what_a_fit_came_to(stop, kind, words):
    verdict = fit(stop)
    assert verdict.kind == kind
    assert verdict.headline.startswith(words)


def test_a_fit_at_the_end_of_precision_has_settled_where_the_gradient_fell():
    verdict = fit(Stop.PRECISION, grads=(10.0, 10.0, 0.009))
    assert (verdict.kind, verdict.converged) == ("noise_floor", True)


@pytest.mark.parametrize("stop", ENDS, ids=lambda stop: stop.name)
def test_a_fit_whose_gradient_is_small_has_converged_whatever_ended_it(stop):
    verdict = fit(stop, (1.0, 0.8, 0.6), grads=(10.0, 1.0, 1e-4), gtol=1e-4)
    assert (verdict.kind, verdict.converged) == ("minimum", True)
    assert verdict.headline == "Converged: the gradient over all rows is 0.0001."


def test_the_best_on_validation_rows_is_not_called_the_minimum():
    verdict = fit(Stop.GRADIENT_SMALL, (1.0, 0.6, 0.8), grads=(10.0, 0.01), gtol=1e-4)
    assert (verdict.kind, verdict.converged) == ("noise_floor", True)
    assert "met gtol; the returned params are the best on" in verdict.headline
    assert "of epoch 1 (gradient norm 0.01 there)" in verdict.headline


def test_patience_names_the_loss_it_watched():
    assert "validation loss no longer" in fit(Stop.PATIENCE, (1.0, 0.5)).headline
    assert "training loss no longer" in fit(Stop.PATIENCE).headline


def symptoms(verdict):
    return [finding.symptom for finding in verdict.findings]


def test_a_fit_that_learned_nothing_has_not_converged():
    verdict = fit(Stop.PATIENCE, (1.0, 1.2, 1.5), metric=(0.0, 0.0))
    check(verdict)
    assert (verdict.kind, verdict.converged) == ("not_stationary", False)
    (finding,) = verdict.findings
    assert finding.symptom in ("learned_nothing", "step_too_large")


@pytest.mark.parametrize(
    ("losses", "rate", "verb"),
    [((1.0, 1.0, 1.0), 1.0, "raise"), ((1.0, 1.2, 1.0), 1.0, "raise")],
)
def test_a_loss_that_never_fell_asks_for_another_rate(losses, rate, verb):
    verdict = fit(Stop.MAX_EPOCHS, losses, metric=(0.0, 0.0))
    (finding,) = verdict.findings
    assert finding.symptom == "learned_nothing"
    assert f"{verb} learning_rate" in finding.advice
    assert finding.remedy == {"learning_rate": rate}


def test_a_fit_no_better_than_the_baseline_says_so():
    verdict = fit(Stop.PATIENCE, (3.0, 2.9), metric=(-0.01, 0.0))
    (finding,) = verdict.findings
    assert finding.symptom == "no_better_than_baseline"
    assert finding.evidence["metric_baseline"] == 0.0
    assert fit(Stop.PATIENCE, (3.0, 2.9), metric=(0.9, 0.0)).findings == ()
    assert fit(Stop.PATIENCE, (3.0, 3.0), metric=(0.9, 0.0)).findings == ()
    assert fit(Stop.PATIENCE, (3.0, 2.9), metric=(math.nan, 0.0)).findings == ()


def test_a_loss_that_fell_told_something_whatever_the_metric():
    # the quantile of a target may be told well by a model that tells its mean badly
    assert fit(Stop.PATIENCE, (3.0, 1.0), metric=(-0.4, 0.0)).findings == ()


def test_descent_that_came_to_rest_without_learning_blames_no_rate():
    verdict = fit(Stop.GRADIENT_SMALL, (1.0, 1.1, 1.1), metric=(-0.1, 0.0))
    assert symptoms(verdict) == ["no_better_than_baseline"]


@pytest.mark.parametrize("stop", [Stop.MAX_EPOCHS, Stop.MAX_STEPS])
def test_a_loss_that_still_falls_asks_for_more_epochs(stop):
    verdict = fit(stop, (1.0, 0.8, 0.6), epochs=2)
    check(verdict)
    assert "; the loss is still falling." in verdict.headline
    (finding,) = verdict.findings
    assert (finding.symptom, finding.severity) == ("budget_short", "warning")
    name = "epochs" if stop is Stop.MAX_EPOCHS else "max_steps"
    assert finding.remedy[name] > 2
    assert f"raise {name} from 2 to {finding.remedy[name]}" in finding.advice


def test_an_interrupted_fit_is_told_nothing_of_budgets():
    verdict = fit(Stop.INTERRUPTED, (1.0, 0.8, 0.6))
    assert "; the loss is still falling." in verdict.headline
    assert verdict.findings == ()


@pytest.mark.parametrize(
    "losses",
    [(), (1.0, 0.5), (1.0, 0.5, 0.5), (1.0, 0.5, 0.4999), (1.0, 0.5, math.nan)],
)
def test_a_loss_that_does_not_fall_asks_for_nothing(losses):
    assert fit(Stop.MAX_EPOCHS, losses).findings == ()


def test_patience_that_ran_out_asks_for_nothing():
    assert fit(Stop.PATIENCE, (1.0, 0.8, 0.6)).findings == ()


def test_a_fit_without_a_named_target_is_judged_as_one():
    # estimators know no name of a target
    assert symptoms(fit(Stop.MAX_EPOCHS, (1.0, 0.8, 0.6))) == ["budget_short"]
