"""The verdict on a fit to a table: what the epochs brought."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.diagnosis.rates import round_down
from steepest.diagnosis.verdicts import failed
from steepest.records.stop import Stop
from steepest.records.trace import Trace
from steepest.records.verdict import Finding, Kind, Verdict

SHRUNK = 1e-3
"""Steps lost to rounding settle a fit only where the gradient fell to this share of
its start; otherwise the rate is merely small."""
BETTER = 1e-3
"""A loss lower by this share, a metric higher by this much, is better."""


def judge_fit(
    stop: Stop,
    trace: Trace,
    *,
    settings: dict[str, Any],
    score: str = "",
    metric: tuple[float, float] | None = None,
) -> Verdict:
    """What a fit to a table came to.

    Args:
        stop: why the run ended.
        trace: its rows (the last at the returned params) and validation curve.
        settings: learning_rate, epochs, gtol; what is left out is unknown.
        score: one sentence about the metrics, for the headline.
        metric: (the model's, the baseline's) number of a metric that is better when
            larger, such as R2.

    Returns:
        The verdict. `converged` is true where the gradient over all rows is small,
        where patience ran out, and where steps ended with the gradient far below its
        start: more epochs would bring nothing. Never where the loss did not fall.

    >>> from steepest.records import Row
    >>> rows = Row(*(np.array([2.0, 1.0]) for _ in Row._fields))
    >>> judge_fit(Stop.PATIENCE, Trace(rows), settings={}, score="R2 0.9.").headline
    'Stopped when the training loss no longer improved. R2 0.9.'
    """
    if stop.failed:
        return failed(stop, trace, None, settings)
    nothing = _learned_nothing(trace, metric, settings)
    findings = () if nothing is None else (nothing,)
    grad_norm, gtol = float(trace.grad_norm[-1]), settings.get("gtol")
    if gtol is not None and grad_norm <= gtol:
        words = f"Converged: the gradient over all rows is {grad_norm:.2g}."
        return Verdict(f"{words} {score}".strip(), "minimum", True, findings)
    stuck = nothing is not None and nothing.symptom == "learned_nothing"
    improving, short = _still_improving(stop, trace)
    if short is not None:
        findings = (*findings, short)
    settled = stop in (Stop.PATIENCE, Stop.GRADIENT_SMALL, Stop.VALUE_FLAT) or (
        stop is Stop.PRECISION and trace.grad_norm[-1] <= SHRUNK * trace.grad_norm[0]
    )
    # Descent that met gtol had no further to go, though the best came before.
    settled = settled and (not stuck or stop is Stop.GRADIENT_SMALL)
    converged = settled or stop is Stop.TARGET
    kind: Kind = "noise_floor" if converged else "not_stationary"
    words = _words(stop, trace, settings)
    words += "; the loss is still falling." if improving else "."
    return Verdict(f"{words} {score}".strip(), kind, converged, findings)


def _words(stop: Stop, trace: Trace, settings: dict[str, Any]) -> str:
    curve = trace.validation
    judged = "validation" if len(curve.loss) else "training"
    met = "Converged: descent on all rows met gtol"
    if len(curve.loss) and settings.get("restores", True):
        epoch = int(curve.epoch[np.argmin(curve.loss)])
        grad_norm = trace.grad_norm[-1]
        met += (
            "; the returned params are the best on validation rows, of epoch "
            f"{epoch} (gradient norm {grad_norm:.2g} there)"
        )
    return {
        Stop.GRADIENT_SMALL: met,
        Stop.VALUE_FLAT: "Converged: steps on all rows no longer change the objective",
        Stop.PATIENCE: f"Stopped when the {judged} loss no longer improved",
        Stop.INTERRUPTED: "Interrupted; the best epoch so far is kept",
        Stop.MAX_EPOCHS: (
            "The one epoch was run"
            if settings.get("epochs") == 1
            else f"All {settings.get('epochs', 'the')} epochs were run"
        ),
        Stop.MAX_STEPS: "The step budget is spent",
        Stop.MAX_SECONDS: "The time budget is spent",
    }.get(stop, stop.value[:-1])


def _learned_nothing(
    trace: Trace, metric: tuple[float, float] | None, settings: dict[str, Any]
) -> Finding | None:
    """A loss that never fell, or a model no better than the trivial prediction."""
    losses = trace.validation.loss if len(trace.validation.loss) else trace.value
    losses = losses[np.isfinite(losses)]
    if len(losses) < 2 or trace.step[-1] == 0:
        return None
    first, last, best = float(losses[0]), float(losses[-1]), float(np.min(losses))
    evidence = {"loss_start": first, "loss_best": best, "loss_end": last}
    fell = best < first - BETTER * abs(first)
    beats = fell
    if metric is not None and np.isfinite(metric).all():
        evidence |= {"metric": metric[0], "metric_baseline": metric[1]}
        beats = metric[0] > metric[1] + BETTER
    if beats:
        return None  # also where the start was good already
    if fell:
        advice = (
            "the model is not better than the baseline: run more epochs, raise "
            "learning_rate, or try another model or other columns."
        )
        return Finding("no_better_than_baseline", "warning", advice, evidence)
    rose = last > first + BETTER * abs(first)
    advice, remedy = _other_rate(settings.get("learning_rate"), rose=rose)
    return Finding("learned_nothing", "warning", advice, evidence, remedy=remedy)


def _other_rate(rate: float | None, *, rose: bool) -> tuple[str, dict[str, Any]]:
    if rose:
        told, factor = "the loss rose: lower learning_rate", 0.1
        more = "; if that brings nothing, the columns may say nothing of the target"
    else:
        told, factor = "the loss hardly moved: raise learning_rate", 10.0
        more = " or beyond, or run more epochs"
    if rate is None:
        return f"{told}.", {}
    new = round_down(rate * factor)
    return f"{told}, to {new:g}{more}.", {"learning_rate": new}


def _still_improving(stop: Stop, trace: Trace) -> tuple[bool, Finding | None]:
    """Whether the last epoch improved the validation loss by more than 0.1 %."""
    loss = trace.validation.loss
    ended = stop is Stop.PATIENCE or stop.converged
    if ended or len(loss) < 3:
        return False, None
    before, last = float(np.min(loss[:-1])), float(loss[-1])
    if not last < before - 1e-3 * abs(before):
        return False, None
    finding = Finding(
        "budget_short",
        "info",
        "more epochs would help.",
        {"validation_loss_before": before, "validation_loss": last},
    )
    return True, finding
