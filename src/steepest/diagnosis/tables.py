"""Steps of a fit to a table: too long, too short, or too few.

What the symptoms of these names say of tables; those of functions stand in their files.
"""

from __future__ import annotations

import math

import numpy as np

from steepest.diagnosis.batches import (
    FEW,
    hover_of,
    is_early,
    thrown,
    turns_back,
    usual_rate,
)
from steepest.diagnosis.case import Case
from steepest.diagnosis.lacks import CLOSE, HARMED, fall_of, lack_of, rate_of, times_of
from steepest.diagnosis.rates import round_down
from steepest.records.stop import Stop
from steepest.records.verdict import Finding

SHORTER = 10.0
"""A rate so many times below the usual one may be raised."""
FAR_SHORTER = 300.0
"""Few steps go nowhere at any rate but the best: only one so many times below the
usual one is to blame."""
USUAL = 500
"""Steps that a fit takes at least, of one that has only begun."""
MOVED = 0.1
"""Params that went less than this share of their length hardly moved."""
ROSE = 1e-3
"""A loss that ends above its start by this share rose."""
FADED, FADING = 0.3, 0.4
"""A rate that ends at less of its largest makes the loss fall: then so much may seem
to be left."""
WORTH = 0.01
"""A share still to gain that is worth knowing."""
SPARE = 3.0
"""So many times what is foreseen is advised: the last of a fall is slower than that."""
MOST = 100.0
"""Not more times the epochs are advised."""
FAR = 50.0
"""Where it would take so many times the epochs, the rate is to blame."""
FASTER = "optimizer='auto' needs no rate"
RATES = "Bach, Moulines 2013, arXiv 1306.2119; LeCun et al. 1998, Efficient BackProp"
FALLS = (
    "what each part of a run gains, as a share of the part before it: a geometric sum"
)


def too_large(case: Case) -> Finding | None:
    """A loss that rose, or steps that undo each other.

    Args:
        case: of a fit that lacks something.
    """
    stop = case.stop
    if stop is None or stop.failed or stop is Stop.INTERRUPTED or stop.converged:
        return None
    rate, found = rate_of(case), case.falls_seen
    if rate is None or not found:
        return None
    fall = found[0]
    risen = fall.now > fall.start + ROSE * abs(fall.start)
    risen = risen and not found[-1].now < found[-1].start
    hover = hover_of(case)
    noisy = hover is not None and hover.loud
    leaps = turns_back(case) and (
        noisy if case.reach is None else lack_of(case) > HARMED
    )
    peak = thrown(case)
    if not (risen or leaps or peak):
        return None
    new = _lower(case, rate[0])
    if new is None:
        return None
    evidence = {"loss_start": fall.start, "loss_best": fall.best, "loss_end": fall.now}
    if hover is not None and math.isfinite(hover.cosine):
        evidence["cosine"] = hover.cosine
    told = "the loss rose" if risen else "successive steps undo each other"
    if peak and not leaps:
        told = f"the first steps threw the loss to {peak:.2g} times that of the start"
        evidence["loss_highest"] = peak
    advice = f"{told}: lower learning_rate, to {new:g}; {FASTER}."
    remedy = {"learning_rate": new}
    return Finding("step_too_large", "warning", advice, evidence, None, remedy, RATES)


def _lower(case: Case, rate: float) -> float | None:
    """A tenth, or what is usual; None where the rate is small already."""
    usual = usual_rate(case)
    if usual is None:
        return round_down(rate / 10)
    if rate < usual[0]:
        return None
    return round_down(min(usual[0] / 2, rate / 10))


def too_small(case: Case) -> Finding | None:
    """A rate far below what is usual, of a fit that hardly got anywhere.

    Args:
        case: of a fit that lacks something.
    """
    stop, rate, usual = case.stop, rate_of(case), usual_rate(case)
    if stop is None or stop.failed or stop.converged or rate is None or usual is None:
        return None
    largest = rate[0] / rate[1]
    few = case.trace.step[-1] < FEW and not largest * FAR_SHORTER < usual[0]
    if few or not largest * SHORTER < usual[0] or not _hardly_moved(case):
        return None
    new = round_down(usual[0])
    evidence = {"learning_rate": largest, "usual": usual[0]}
    lack = lack_of(case)
    if math.isfinite(lack):
        evidence["share_left"] = lack
    advice = (
        f"the steps are too short: learning_rate={largest:.3g} is "
        f"{usual[0] / largest:,.0f} times below {usual[1]}; try {new:g}, or "
        "optimizer='auto', which needs none."
    )
    remedy = {"learning_rate": new}
    return Finding("step_too_small", "warning", advice, evidence, None, remedy, RATES)


def _hardly_moved(case: Case) -> bool:
    """Whether no epochs would do: by the columns, the loss, or the params."""
    if case.reach is not None:
        return lack_of(case) > HARMED and times_of(case) > FAR
    steps = np.asarray(case.trace.update_norm, float)
    rows = steps[np.isfinite(steps)]
    norms = np.asarray(case.trace.param_norm, float)
    way = float(rows.mean()) * float(case.trace.step[-1]) if len(rows) else math.inf
    if norms[0] > 0:
        return way < MOVED * float(norms[0])
    return fall_of(case) is not None and way < (1 + MOVED) * float(norms[-1])


def short(case: Case) -> Finding | None:
    """A loss that was on its way down where the budget ended, and what is missing.

    Args:
        case: of a fit.
    """
    stop, fall, lack = case.stop, fall_of(case), lack_of(case)
    if stop is None or not stop.budget or case.converged:
        return None
    early = is_early(case)
    harmed = early or lack > _allowed(case)
    known = case.reach is not None  # then the fall alone says nothing
    if not harmed and (known or fall is None or fall.share_left < WORTH):
        return None
    name, now, need = _needed(case)
    evidence = {f"{name}_needed": float(need)}
    if math.isfinite(lack):
        evidence["share_left"] = lack
    if fall is not None:
        judged = "validation" if fall.validated else "training"
        gained = f"{fall.gained:.2g} over the last {fall.steps:,.0f} steps"
        told = f"the {judged} loss, {fall.now:.3g}, was still falling, by {gained}"
        evidence |= {"loss": fall.now, "gained_last": fall.gained}
    elif case.reach is None:
        loss, steps = case.falls_seen[0].now, int(case.trace.step[-1])
        told = f"after {steps} steps the loss is still {loss:.3g}"
        evidence |= {"loss": loss}
    else:
        told = (
            f"the training loss is {case.reach.now:.3g}, and these columns allow "
            f"{case.reach.least:.3g}"
        )
        evidence |= {"loss": case.reach.now, "loss_least": case.reach.least}
    return Finding(
        "budget_short",
        "warning" if harmed else "info",
        f"raise {name} from {now:,} to {need:,}: {told}.",
        evidence,
        remedy={name: need},
        reference=FALLS,
    )


def _allowed(case: Case) -> float:
    """The share that may be left: a loss falls anyway while its rate fades."""
    rate = rate_of(case)
    fades = case.reach is None and rate is not None and rate[1] < FADED
    return FADING if fades else HARMED


def _needed(case: Case) -> tuple[str, int, int]:
    """(the budget, what it was, what it takes)."""
    done = max(1, int(case.trace.step[-1]))
    fall, times = fall_of(case), times_of(case)
    if fall is not None:
        times = max(times, 1 + fall.steps_to(CLOSE) / done)
    if is_early(case):
        times = max(times, USUAL / done / SPARE)
    times = float(np.clip(SPARE * times, 1.5, MOST))
    if case.stop is Stop.MAX_STEPS:
        return "max_steps", done, _round_up(times * done)
    if case.stop is Stop.MAX_SECONDS:
        seconds = float(case.settings.get("max_seconds") or 1.0)
        return "max_seconds", math.ceil(seconds), _round_up(times * seconds)
    epochs = int(case.settings.get("epochs") or max(1, int(case.trace.epoch[-1])))
    return "epochs", epochs, _round_up(times * epochs)


def _round_up(number: float) -> int:
    """Two digits of a count, never less than it is."""
    unit = 10 ** max(0, math.floor(math.log10(max(number, 1.0))) - 1)
    return math.ceil(number / unit) * unit
