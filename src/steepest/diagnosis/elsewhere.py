"""The verdict on a trace that comes without its function or table: rows alone.

No row tells a minimum from a saddle, so neither is ever claimed. What rows do tell:
whether the loss still falls, has settled, rose again, never fell, or ran away.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from steepest.core.words import plural
from steepest.diagnosis.case import Case
from steepest.diagnosis.rates import STABLE
from steepest.diagnosis.symptoms import GRAVITY, findings_of
from steepest.records.trace import Trace
from steepest.records.verdict import Finding, Kind, Severity, Verdict

PARTS, LEAST = 5, 4
"""The rows are judged in so many parts of equal length; fewer rows tell of no way."""
CLEAR = 3.0
"""Standard errors by which the medians of two parts must differ to differ at all."""
SHARE = 0.01
"""A change below this share of what the loss fell by is no change worth a step."""
AGAIN = 0.1
"""A loss that rose by this share of what it fell by has left its best."""
CLIMB = 10.0
"""An end this many times the height of the start above it has run away."""
MEDIAN = (np.pi / 2) ** 0.5
"""Standard error of a median, in units of that of a mean."""
GAUSS = 1.4826 / 6.0**0.5
"""From the median size of second differences to the standard deviation of noise."""
FIFTHS = (
    "medians of fifths of the rows, apart by 3 standard errors of the noise that "
    "second differences show"
)


class Middles(NamedTuple):
    """The loss in parts, from the first rows to the last."""

    first: float
    """Median of the first part."""
    half: float
    """Median of the first half of the rows."""
    best: float
    """The lowest median of a part."""
    before: float
    """Median of the part before the last."""
    last: float
    """Median of the last part."""
    error: float
    """Standard error of the difference of two parts."""
    noise: float
    """Standard deviation of a row around its way."""


class End(NamedTuple):
    """How rows end."""

    words: str
    kind: Kind
    converged: bool | None = False
    """Whether the loss came as far as it goes; None where it is not said to."""
    advice: str = ""
    """What to do, where no symptom tells better."""
    severity: Severity = "warning"


def judge_trace(case: Case) -> Verdict:
    """What rows from elsewhere come to.

    Args:
        case: its trace, and what is known of its settings.

    Returns:
        The verdict. Its kind is never "minimum": nobody looked around the end.
        `converged` says that the loss fell and then settled: the last fifth of the
        rows is not lower than the fifth before by 3 standard errors and by 1 % of what
        the loss fell by since the first half.

    >>> from steepest.records import Row
    >>> rows = Row(*(np.full(40, np.nan) for _ in Row._fields))
    >>> falls = Trace(rows._replace(step=np.arange(40), value=np.arange(40.0)[::-1]))
    >>> judge_trace(Case(falls)).headline
    'Still falling when the rows end: from 39 to 0 in 40 rows.'
    """
    if not len(case.trace):
        words = "No rows: nothing can be judged."
        return Verdict(words, "not_stationary", converged=False)
    end = _end_of(case)
    settings = {"learning_rate": _rate(case.trace), **case.settings}
    case = case._replace(settings=settings, kind=end.kind, converged=end.converged)
    case = case.measured()
    found = findings_of(case)
    if not _is_ours(case):
        found = tuple(replace(one, advice=_for_others(one.advice)) for one in found)
    found = _with_own(end, found, case.trace)
    gravest = sorted(found, key=lambda one: GRAVITY.index(one.severity))
    return Verdict(end.words, end.kind, bool(end.converged), tuple(gravest))


def _is_ours(case: Case) -> bool:
    """Whether the rows are of a run of steepest, which has its options."""
    return case.climbs or case.on_table or "direction" in case.settings


def _for_others(advice: str) -> str:
    """Advice without what only steepest has."""
    return re.sub(r",? or optimizer='auto'(, which needs none)?", "", advice)


def _end_of(case: Case) -> End:
    trace, sign = case.trace, -1.0 if case.climbs else 1.0
    value, steps = sign * np.asarray(trace.value, float), np.asarray(trace.step)
    finite = np.isfinite(value)
    seen = value[finite]
    lower = _lower(trace)
    last = f"{sign * seen[-1]:.4g}" if len(seen) else ""
    if len(seen) and _ran_away(seen):
        way, then = "fell" if case.climbs else "rose", ""
        if not finite[-1]:
            then = f", and is {_named(value[-1])} at the end"
        words = (
            f"Diverged: the loss {way} from {sign * seen[0]:.4g} to {last} by step "
            f"{steps[finite][-1]}{then}."
        )
        return End(words, "diverged", advice=lower, severity="error")
    if not finite.all() and not finite[-1]:
        words = "Not finite: the loss is nan or inf in every row."
        if len(seen):
            lost = len(value) - int(np.argmax(finite[::-1]))
            words = (
                f"Not finite: the loss is {_named(value[lost])} from step "
                f"{steps[lost]} on; the best before was {sign * seen.min():.4g}."
            )
        return End(words, "nonfinite", advice=lower, severity="error")
    end, held = _way_of(seen, sign), trace.validation.loss
    held = held[np.isfinite(held)]
    if len(held) < 2:
        return end
    told = f"validation loss {held.min():.4g} at best, {held[-1]:.4g} at the end"
    return end._replace(words=f"{end.words[:-1]}; {told}.")


def _way_of(seen: np.ndarray, sign: float) -> End:
    """How a loss ends that stayed finite."""
    falling, fell, rose = ("falling", "fell", "rose")
    if sign < 0:
        falling, fell, rose = ("rising", "rose", "fell")
    n, start, end = (
        plural(len(seen), "row"),
        *(f"{sign * seen[k]:.4g}" for k in (0, -1)),
    )
    if len(seen) < LEAST:
        advice = f"record more rows: {LEAST} tell of a way at all, 50 tell more."
        words = f"Too short to judge: {n}, loss {end} at the end."
        return End(words, "not_stationary", None, advice, "info")
    middles = middles_of(seen)
    numbers, clear = f"from {start} to {end} in {n}", CLEAR * middles.error
    drop, step = middles.first - middles.last, middles.before - middles.last
    if drop > 0 and step > max(clear, SHARE * (middles.half - middles.last)):
        words = f"Still {falling} when the rows end: {numbers}."
        advice = "let it run on: the end is not reached yet."
        return End(words, "not_stationary", None, advice, "info")
    back = max(clear, AGAIN * (middles.first - middles.best), SHARE * abs(middles.best))
    if middles.last - middles.best > back:
        best = f"{sign * seen.min():.4g} at best"
        words = f"The loss {rose} again: {best}, {end} at the end, {n}."
        advice = "keep the params of the best row, and lower learning_rate before it."
        return End(words, "not_stationary", advice=advice)
    if not seen.any():
        return End(f"Settled: the loss is 0 in all {n}.", "noise_floor", True)
    whole = float(seen[0]) - middles.last
    at_once = whole > max(CLEAR * middles.noise, SHARE * abs(float(seen[0])))
    if drop <= max(clear, SHARE * abs(middles.first)) and not at_once:
        advice = "try learning_rate 10 times as large, then 10 times as small."
        return End(f"The loss never {fell}: {numbers}.", "plateau", advice=advice)
    noise = f" beyond its noise of {middles.noise:.2g}"
    words = f"Settled: the loss {fell} {numbers} and no longer does"
    words += noise if middles.noise > SHARE * drop else ""
    return End(f"{words}; no row tells if that is a minimum.", "noise_floor", True)


def middles_of(seen: np.ndarray) -> Middles:
    """The loss in parts.

    Args:
        seen: (n,) finite losses in the order of their steps, n >= 4.

    >>> middles_of(np.array([4.0, 3.0, 2.0, 1.0])).last
    1.5
    """
    parts = np.array_split(seen, min(PARTS, len(seen) // 2))
    middle = [float(np.median(part)) for part in parts]
    bends = np.abs(np.diff(seen[len(seen) // 2 :], 2))
    noise = float(np.median(bends)) * GAUSS if len(bends) else 0.0
    error = MEDIAN * noise * (2 / len(parts[-1])) ** 0.5
    half = float(np.median(seen[: len(seen) // 2]))
    return Middles(middle[0], half, min(middle), middle[-2], middle[-1], error, noise)


def _ran_away(seen: np.ndarray) -> bool:
    """Whether the last rows stand far above the start."""
    first = float(seen[0])
    height = max(abs(first), first - float(seen.min()), 1e-300)
    last = seen[-3:] - first
    # one outlier is no flight: all of the last rows are high, or they rise in turn
    rises = len(last) == 3 and bool((np.diff(last) > 0).all()) and last[-2] > height
    return len(seen) > 1 and (last if not rises else last[-1:]).min() > CLIMB * height


def _named(number: float) -> str:
    return "nan" if np.isnan(number) else f"{number:g}"


def _rate(trace: Trace) -> float | None:
    """The last rate that is known."""
    rates = trace.learning_rate[np.isfinite(trace.learning_rate)]
    return float(rates[-1]) if len(rates) else None


def _lower(trace: Trace) -> str:
    rate = _rate(trace)
    told = "a tenth of the learning rate"
    if rate is not None:
        told = f"learning_rate={rate / 10:.2g}, a tenth of the last"
    return f"try {told}, and clip_norm=1.0 (gradients no longer than 1)."


def _with_own(
    end: End, found: tuple[Finding, ...], trace: Trace
) -> tuple[Finding, ...]:
    """The findings, with one on an end that none of them explains."""
    told = {one.severity for one in found}
    if end.converged or "error" in told:
        return found
    if end.severity != "error":
        return found if "warning" in told else (*found, _own(end, trace))
    advised = next((one for one in found if "learning_rate" in one.remedy), None)
    own = _own(end, trace)
    if advised is None:
        return (own, *found)
    # what was seen of the steps before tells the rate better than a tenth does
    evidence = {**own.evidence, **advised.evidence}
    own = replace(own, advice=advised.advice, remedy=advised.remedy, evidence=evidence)
    return (own, *(one for one in found if one is not advised))


def _own(end: End, trace: Trace) -> Finding:
    """What is said of an end that no symptom explains."""
    told = {
        "rows": float(len(trace)),
        "value_start": float(trace.value[0]),
        "value_end": float(trace.value[-1]),
    }
    evidence = {name: number for name, number in told.items() if np.isfinite(number)}
    failed = end.severity == "error"
    symptom = end.kind if failed else "not_stationary"
    if end.kind == "diverged":
        symptom = "diverging"
    remedy = {"clip_norm": 1.0} if failed else {}
    reference = STABLE if failed else FIFTHS
    return Finding(
        symptom, end.severity, end.advice, evidence, remedy=remedy, reference=reference
    )
