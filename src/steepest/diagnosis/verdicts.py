"""The verdict: judged from the trace and the end point, not copied from the stop."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from steepest.diagnosis.curvature import Curvature
from steepest.records.stop import Stop
from steepest.records.trace import Trace
from steepest.records.verdict import Finding, Kind, Verdict

BOTTOMLESS = 1e6
"""A value this far from the start, the right way, has no end there."""
SHRUNK = 1e-3
"""A value or step that stopped moving means something only where the gradient fell to
this share of its start; otherwise the rate is merely small."""
_SETTLED = (Stop.VALUE_FLAT, Stop.STEP_SMALL, Stop.PRECISION)


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
        settings: learning_rate, direction ("minimize" or "maximize"), gtol; what is
            left out is unknown.

    Returns:
        The verdict. `converged` is true at a minimum (climbing: a maximum) and where
        a target was reached, and nowhere else.

    >>> from steepest.records import Row
    >>> rows = Row(*([0.0, 0.0] for _ in Row._fields))._replace(grad_norm=[2.0, 0.0])
    >>> saddle = Curvature(smallest=-2.0, largest=2.0, noise=1e-12)
    >>> judge_point(Stop.GRADIENT_SMALL, Trace(rows), saddle, settings={}).kind
    'saddle'
    """
    if stop.failed:
        return _failed(stop, trace, curvature, settings)
    goal: Kind = "maximum" if _climbs(settings) else "minimum"
    stationary = _is_stationary(stop, trace, curvature, settings)
    kind: Kind = goal if curvature is None else curvature.kind
    if stop is Stop.TARGET:
        words = f"The target was reached: {_end(trace)}."
        return Verdict(words, kind if stationary else "not_stationary", converged=True)
    if not stationary:
        return _not_stationary(stop, trace, settings)
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
        settings: learning_rate, epochs; what is left out is unknown.
        score: one sentence about the metrics, for the headline.

    Returns:
        The verdict. `converged` is true where the gradient over all rows is small,
        where patience ran out, and where steps ended with the gradient far below its
        start: more epochs would bring nothing.

    >>> from steepest.records import Row
    >>> rows = Row(*([0.0, 0.0] for _ in Row._fields))
    >>> judge_fit(Stop.PATIENCE, Trace(rows), settings={}, score="R2 0.9.").headline
    'Stopped when the validation loss no longer improved. R2 0.9.'
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
        Stop.MAX_EPOCHS: f"All {settings.get('epochs', 'the')} epochs were run",
        Stop.MAX_STEPS: "The step budget is spent",
        Stop.MAX_SECONDS: "The time budget is spent",
    }.get(stop, stop.value[:-1])
    words += "; the loss is still falling." if improving else "."
    converged = stop in (Stop.PATIENCE, Stop.TARGET) or (
        stop in _SETTLED and _shrank(trace)
    )
    kind: Kind = "noise_floor" if converged else "not_stationary"
    findings = (finding,) if finding else ()
    return Verdict(f"{words} {score}".strip(), kind, converged, findings)


def _is_stationary(
    stop: Stop, trace: Trace, curvature: Curvature | None, settings: dict[str, Any]
) -> bool:
    grad_norm = trace.grad_norm[-1]
    if grad_norm <= (settings.get("gtol") or 0.0):
        return True
    if stop in (Stop.VALUE_FLAT, Stop.STEP_SMALL):
        return _shrank(trace)
    if stop is Stop.PRECISION and curvature is not None:
        # the gradient that rounding of the params alone makes
        reach = np.finfo(float).eps * (1 + trace.param_norm[-1])
        return bool(grad_norm <= 1e3 * reach * _steepest(curvature))
    return False


def _shrank(trace: Trace) -> bool:
    return bool(trace.grad_norm[-1] <= SHRUNK * trace.grad_norm[0])


def _climbs(settings: dict[str, Any]) -> bool:
    return settings.get("direction") == "maximize"


def _not_stationary(stop: Stop, trace: Trace, settings: dict[str, Any]) -> Verdict:
    advice = {
        Stop.GRADIENT_SMALL: "the point that met gtol is worse than the best seen; "
        "start again from params with a smaller learning_rate",
        Stop.MAX_STEPS: "raise max_steps, raise learning_rate, or use optimizer='auto'",
        Stop.MAX_SECONDS: "raise max_seconds, or use optimizer='auto'",
        Stop.INTERRUPTED: "start again from params",
        Stop.PRECISION: "rescale the params, so that steps are not lost to rounding",
        Stop.PATIENCE: "lower learning_rate, or raise patience",
    }.get(stop, "lower ftol and xtol, or raise learning_rate")
    words = f"Not converged: {stop.value[0].lower()}{stop.value[1:-1]} ({_end(trace)})."
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
    first, worst = float(trace.value[0]), float(seen[-1])
    climbs = _climbs(settings)
    far = abs(worst) > BOTTOMLESS * (1 + abs(first))
    endless = stop is Stop.DIVERGED and far and (worst < first) is not climbs
    what = "a parameter, value or gradient became inf or nan"
    if stop is Stop.DIVERGED:
        what = _how(first, worst, climbs=climbs)
    named = "" if rate is None or endless else f" with learning_rate={rate:g}"
    headline = f"Diverged{named}: {what} within {steps} steps; the best point is kept."
    advice, remedy = _smaller(rate, curvature)
    if endless:
        advice, remedy = "check the function's sign, or start elsewhere.", {}
    evidence = {"value_start": first, "value_worst": worst}
    if curvature is not None:
        evidence["curvature"] = _steepest(curvature)
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


def _how(first: float, worst: float, *, climbs: bool) -> str:
    """The wrong way, or the right way without an end."""
    down = worst < first
    if down is climbs:
        verb = "fell" if down else "rose"
        return f"the value {verb} from {first:.3g} to {worst:.3g}"
    return f"the value {'falls' if down else 'rises'} without bound (to {worst:.3g})"


def _steepest(curvature: Curvature) -> float:
    """The curvature that bounds the rate, whichever way the run went."""
    return max(abs(curvature.largest), abs(curvature.smallest))


def _smaller(
    rate: float | None, curvature: Curvature | None
) -> tuple[str, dict[str, Any]]:
    """What to try after a divergence: a rate below 1 / curvature, or a tenth."""
    if rate is None:
        return "use a named optimizer with a smaller learning_rate.", {}
    better = rate / 10
    if curvature is not None and _steepest(curvature) > curvature.noise:
        better = min(better, 1 / _steepest(curvature))
    better = _round_down(better)
    words = f"try learning_rate={better:g}, or optimizer='auto', which needs none."
    return words, {"learning_rate": better}


def _round_down(number: float) -> float:
    """Two digits of a positive number, never more than it is."""
    unit = 10.0 ** (math.floor(math.log10(number)) - 1)
    return float(f"{math.floor(number / unit + 1e-9) * unit:.2g}")


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
