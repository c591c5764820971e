"""The verdict on a fit to a table: what the epochs brought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from steepest.diagnosis.case import Case
from steepest.diagnosis.symptoms import findings_of
from steepest.diagnosis.verdicts import failed
from steepest.records.stop import Stop
from steepest.records.trace import Trace
from steepest.records.verdict import Kind, Verdict

SHRUNK = 1e-3
"""Steps lost to rounding settle a fit only where the gradient fell to this share of
its start; otherwise the rate is merely small."""
BETTER = 1e-3
"""A loss lower by this share is better."""


def judge_fit(case: Case, *, score: str = "") -> Verdict:
    """What a fit to a table came to.

    Args:
        case: its trace (the last row at the returned params), why it ended, its
            settings (learning_rate, epochs, gtol; what is left out is unknown), and
            what was measured at its end.
        score: one sentence about the metrics, for the headline.

    Returns:
        The verdict. `converged` is true where the gradient over all rows is small,
        where patience ran out, and where steps ended with the gradient far below its
        start: more epochs would bring nothing. Never where the loss did not fall.

    >>> from steepest.records import Row
    >>> rows = Row(*(np.array([2.0, 1.0]) for _ in Row._fields))
    >>> judge_fit(Case(Trace(rows), Stop.PATIENCE), score="R2 0.9.").headline
    'Stopped when the training loss no longer improved. R2 0.9.'
    """
    stop = case.stop
    assert stop is not None  # noqa: S101  a fit ends with a cause
    if not case.on_table:  # estimators know no name of a target
        case = case._replace(settings={"target": "y", **case.settings})
    if stop.failed:
        verdict = failed(stop, case.trace, case.settings)
        case = case._replace(kind=verdict.kind, converged=False).measured()
        return replace(verdict, findings=findings_of(case))
    words, kind, converged = _ending(stop, case.trace, case.settings)
    case = case._replace(kind=kind, converged=converged).measured()
    return Verdict(f"{words} {score}".strip(), kind, converged, findings_of(case))


def _ending(
    stop: Stop, trace: Trace, settings: Mapping[str, Any]
) -> tuple[str, Kind, bool]:
    """(in words, kind, converged) of an end that is no blow-up."""
    grad_norm, gtol = float(trace.grad_norm[-1]), settings.get("gtol")
    if gtol is not None and grad_norm <= gtol:
        words = f"Converged: the gradient over all rows is {grad_norm:.2g}."
        return words, "minimum", True
    settled = stop in (Stop.PATIENCE, Stop.GRADIENT_SMALL, Stop.VALUE_FLAT) or (
        stop is Stop.PRECISION and trace.grad_norm[-1] <= SHRUNK * trace.grad_norm[0]
    )
    # Descent that met gtol had no further to go, though the best came before.
    settled = settled and (fell(trace) or stop is Stop.GRADIENT_SMALL)
    converged = settled or stop is Stop.TARGET
    words = _words(stop, trace, settings)
    falling = not converged and _falls(trace)
    words += "; the loss is still falling." if falling else "."
    return words, "noise_floor" if converged else "not_stationary", converged


def _words(stop: Stop, trace: Trace, settings: Mapping[str, Any]) -> str:
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


def fell(trace: Trace) -> bool:
    """Whether the loss fell at all: on validation rows, where there are any.

    Args:
        trace: of a fit.

    >>> from steepest.records import Row
    >>> fell(Trace(Row(*(np.array([2.0, 2.1]) for _ in Row._fields))))
    False
    """
    losses = trace.validation.loss if len(trace.validation.loss) else trace.value
    losses = losses[np.isfinite(losses)]
    if len(losses) < 2 or trace.step[-1] == 0:
        return True
    first, best = float(losses[0]), float(np.min(losses))
    return best < first - BETTER * abs(first)


def _falls(trace: Trace) -> bool:
    """Whether the last epoch improved the validation loss by more than 0.1 %."""
    loss = trace.validation.loss
    if len(loss) < 3:
        return False
    before, last = float(np.min(loss[:-1])), float(loss[-1])
    return last < before - BETTER * abs(before)
