"""The verdict: judged from the trace and the end point, not copied from the stop."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.diagnosis.curvature import Curvature
from steepest.records.stop import Stop
from steepest.records.trace import Trace
from steepest.records.verdict import Finding, Kind, Verdict

SHRUNK = 1e-3
"""A value or step that stopped moving means something only where the gradient fell to
this share of its start; otherwise the rate is merely small."""


def judge_point(
    stop: Stop,
    trace: Trace,
    curvature: Curvature | None,
    *,
    settings: dict[str, Any],
) -> Verdict:
    """What a descent on a function came to.

    Args:
        stop: why the run ended.
        trace: its rows, the last at the returned point.
        curvature: of the function there (of the function itself, also when
            climbing); None when it is unknown.
        settings: optimizer, learning_rate, direction, gtol, max_steps.
    """
    if stop.failed:
        return _failed(stop, trace, curvature, settings)
    goal = "maximum" if settings.get("direction") == "maximize" else "minimum"
    stationary = _is_stationary(stop, trace, curvature, settings)
    if not stationary:
        return _not_stationary(stop, trace, settings)
    kind: Any = goal if curvature is None else curvature.kind
    if kind == goal:
        how = "" if curvature is not None else " (curvature not measured)"
        words = f"Converged to a {goal}{how}: {_end(trace)}."
        return Verdict(words, kind, converged=True)
    return _wrong_kind(kind, goal, trace, curvature)


def judge_fit(
    stop: Stop, trace: Trace, *, settings: dict[str, Any], score: str = ""
) -> Verdict:
    """What a fit to a table came to.

    Args:
        stop: why the run ended.
        trace: its rows and validation curve.
        settings: optimizer, learning_rate, epochs, gtol.
        score: one sentence about the metrics, for the headline.
    """
    if stop.failed:
        return _failed(stop, trace, None, settings)
    if stop is Stop.GRADIENT_SMALL:
        words = f"Converged: the gradient over all rows is {trace.grad_norm[-1]:.2g}."
        return Verdict(f"{words} {score}".strip(), "minimum", converged=True)
    improving, finding = _still_improving(stop, trace)
    words = {
        Stop.PATIENCE: "Stopped when the validation loss no longer improved",
        Stop.INTERRUPTED: "Interrupted; the best epoch so far is kept",
    }.get(stop, "The budget is spent")
    words += "; the loss is still falling." if improving else "."
    converged = stop is Stop.PATIENCE or stop.converged
    kind: Kind = "noise_floor" if converged else "not_stationary"
    findings = (finding,) if finding else ()
    return Verdict(f"{words} {score}".strip(), kind, converged, findings)


def _is_stationary(
    stop: Stop, trace: Trace, curvature: Curvature | None, settings: dict[str, Any]
) -> bool:
    grad_norm, first = trace.grad_norm[-1], trace.grad_norm[0]
    if grad_norm <= (settings.get("gtol") or 0.0):
        return True
    if stop in (Stop.VALUE_FLAT, Stop.STEP_SMALL):
        return bool(grad_norm <= SHRUNK * first)
    if stop is Stop.PRECISION and curvature is not None:
        # the gradient that rounding of the params alone makes
        reach = np.finfo(float).eps * (1 + trace.param_norm[-1])
        steepest = max(abs(curvature.largest), abs(curvature.smallest))
        return bool(grad_norm <= 1e3 * reach * steepest)
    return False


def _not_stationary(stop: Stop, trace: Trace, settings: dict[str, Any]) -> Verdict:
    end = _end(trace)
    if stop is Stop.TARGET:
        words = f"The target was reached: {end}."
        return Verdict(words, "not_stationary", converged=True)
    advice = {
        Stop.MAX_STEPS: "raise max_steps, raise learning_rate, or use optimizer='auto'",
        Stop.MAX_SECONDS: "raise max_seconds, or use optimizer='auto'",
        Stop.INTERRUPTED: "start again from params",
        Stop.PRECISION: "rescale the params, so that steps are not lost to rounding",
        Stop.PATIENCE: "lower learning_rate, or raise patience",
    }.get(stop, "lower ftol and xtol, or raise learning_rate")
    words = f"Not converged: {stop.value[0].lower()}{stop.value[1:-1]} ({end})."
    evidence = {
        "grad_norm": float(trace.grad_norm[-1]),
        "grad_norm_start": float(trace.grad_norm[0]),
        "gtol": float(settings.get("gtol") or 0.0),
    }
    finding = Finding("not_stationary", "warning", f"{advice}.", evidence)
    return Verdict(words, "not_stationary", converged=False, findings=(finding,))


def _wrong_kind(
    kind: Kind, goal: str, trace: Trace, curvature: Curvature | None
) -> Verdict:
    assert curvature is not None  # noqa: S101  only a measured kind can be wrong
    evidence = {
        "eigenvalue_min": curvature.smallest,
        "eigenvalue_max": curvature.largest,
    }
    words = {
        "plateau": "Stopped on a plateau: neither gradient nor curvature show a way",
        "saddle": "Stopped at a saddle: the function still curves away on both sides",
    }.get(kind, f"Stopped at a {kind}, not a {goal}")
    advice = "start elsewhere: a small random shift of the start is enough"
    if kind == "plateau":
        advice = "start elsewhere, nearer to where the function slopes"
    reference = "second derivative test on the eigenvalues of the Hessian"
    finding = Finding(kind, "warning", f"{advice}.", evidence, reference=reference)
    headline = f"{words} ({_end(trace)})."
    return Verdict(headline, kind, converged=False, findings=(finding,))


def _failed(
    stop: Stop, trace: Trace, curvature: Curvature | None, settings: dict[str, Any]
) -> Verdict:
    rate, steps = settings.get("learning_rate"), int(trace.step[-1])
    seen = trace.value[:-1] if len(trace) > 1 else trace.value
    direction = "rose" if settings.get("direction") != "maximize" else "fell"
    worst = float(seen[-1])
    named = "" if rate is None else f" with learning_rate={rate:g}"
    if stop is Stop.DIVERGED:
        what = f"the value {direction} from {trace.value[0]:.3g} to {worst:.3g}"
        if worst < trace.value[0] and direction == "rose":
            what = f"the value falls without bound (to {worst:.3g})"
    else:
        what = "a parameter, value or gradient became inf or nan"
    headline = f"Diverged{named}: {what} within {steps} steps; the best point is kept."
    advice, remedy = _smaller(rate, curvature)
    evidence = {"value_start": float(trace.value[0]), "value_worst": worst}
    if curvature is not None:
        evidence["eigenvalue_max"] = curvature.largest
    kind: Kind = "diverged" if stop is Stop.DIVERGED else "nonfinite"
    finding = Finding(
        kind,
        "error",
        advice,
        evidence,
        steps=(0, steps),
        remedy=remedy,
        reference="descent on a quadratic is stable for rates below 2 / curvature",
    )
    return Verdict(headline, kind, converged=False, findings=(finding,))


def _smaller(
    rate: float | None, curvature: Curvature | None
) -> tuple[str, dict[str, Any]]:
    """What to try after a divergence: a rate below 1 / curvature, or a tenth."""
    if rate is None:
        return "use a named optimizer with a smaller learning_rate.", {}
    better = rate / 10
    if curvature is not None and curvature.largest > curvature.noise:
        better = min(better, 1 / curvature.largest)
    better = float(f"{better:.2g}")
    words = f"try learning_rate={better:g}, or optimizer='auto', which needs none."
    return words, {"learning_rate": better}


def _still_improving(stop: Stop, trace: Trace) -> tuple[bool, Finding | None]:
    """Whether the last epoch improved the validation loss by more than 0.1 %."""
    loss = trace.validation.loss
    if stop is Stop.PATIENCE or len(loss) < 3:
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


def _end(trace: Trace) -> str:
    value, grad_norm = trace.value[-1], trace.grad_norm[-1]
    return f"value {value:.6g}, gradient norm {grad_norm:.2g}"
