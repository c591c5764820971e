"""What the outcomes come to: shares with their intervals, and tables."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterable

from bench.diagnosis.plans import FAULTS, PARTS
from bench.diagnosis.published import CAUSES, SETS
from bench.diagnosis.running import Outcome
from bench.results import table

OURS = "steepest"
Z = 1.959964
"""Of a 95 % interval."""


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share.

    Source: Wilson (1927), J. Am. Stat. Assoc. 22, 209.

    >>> [round(end, 3) for end in wilson(0, 100)]
    [0.0, 0.037]
    """
    if n == 0:
        return 0.0, 1.0
    share, spread = hits / n, Z * Z / n
    centre = share + spread / 2
    wide = Z * math.sqrt((share * (1 - share) + spread / 4) / n)
    low, high = (centre - wide) / (1 + spread), (centre + wide) / (1 + spread)
    return max(low, 0.0), min(high, 1.0)


def percent(hits: int, n: int) -> str:
    """A share with its interval.

    >>> percent(9, 10)
    '90 % (60-98)'
    """
    if n == 0:
        return "-"
    low, high = wilson(hits, n)
    return f"{100 * hits / n:.0f} % ({100 * low:.0f}-{100 * high:.0f})"


def per_thousand(hits: int, n: int) -> str:
    """A rate in 1,000 with its interval.

    >>> per_thousand(1, 1000)
    '1.0 (0.2-5.6)'
    """
    if n == 0:
        return "-"
    low, high = wilson(hits, n)
    return f"{1000 * hits / n:.1f} ({1000 * low:.1f}-{1000 * high:.1f})"


def named(one: Outcome) -> bool:
    """Whether a harmed run's fault is named rightly."""
    if one.fault is None:
        return False
    fault = FAULTS[one.fault]
    return not fault.names.isdisjoint(one.alarms + one.infos * fault.infos)


def of_state(found: Iterable[Outcome], state: str) -> list[Outcome]:
    """The outcomes of a state."""
    return [one for one in found if one.state == state]


def says(rules: str) -> tuple[Callable[[Outcome], bool], Callable[[Outcome], bool]]:
    """(whether a set of rules says anything, whether it names the fault).

    Args:
        rules: OURS or a name of the published SETS.
    """
    if rules == OURS:
        return lambda one: bool(one.alarms), named

    def right(one: Outcome) -> bool:
        names = frozenset[str]().union(*(CAUSES[c] for c in one.rules.get(rules, ())))
        return bool(one.fault and names & FAULTS[one.fault].names)

    return lambda one: bool(one.rules.get(rules)), right


def overall(found: list[Outcome]) -> str:
    """Ours and the published sets: false alarms and faults named, by part."""
    parts = [part for part in PARTS if any(one.part == part for one in found)]
    head = ["rules", *(f"false alarms, {p}" for p in parts), "all, in 1,000"]
    head += [*(f"named, {p}" for p in parts), "all"]
    rows = []
    for rules in (OURS, *SETS):
        speaks, right = says(rules)
        cells = []
        for state, test, told in (
            ("healthy", speaks, per_thousand),
            ("harmed", right, percent),
        ):
            some = of_state(found, state)
            for part in [*parts, None]:
                runs = [one for one in some if part in (None, one.part)]
                hits = sum(test(one) for one in runs)
                cells.append(told(hits, len(runs)))
        rows.append([rules, *cells])
    return table(head, rows)


def by_fault(found: list[Outcome]) -> str:
    """Each fault: how many runs, how many named, when, and what else was said."""
    rows = []
    for fault in FAULTS:
        planted = [one for one in found if one.fault == fault]
        runs = of_state(planted, "harmed")
        if not planted:
            continue
        delays = [one.delay for one in runs if one.delay is not None]
        when = f"{100 * statistics.median(delays):.0f} %" if delays else "-"
        hits = sum(map(named, runs))
        left = len(planted) - len(runs)
        rows.append([fault, len(runs), left, percent(hits, len(runs)), when])
    return table(["fault", "runs", "not harmed", "named rightly", "seen after"], rows)


def by_symptom(found: list[Outcome]) -> str:
    """Each symptom: how often it was told, and how often rightly."""
    rows = []
    harmed, healthy = of_state(found, "harmed"), of_state(found, "healthy")
    names = sorted({name for one in found for name in one.alarms})
    for name in names:
        right = [one for one in harmed if one.fault and _allows(one.fault, name)]
        told = sum(name in one.alarms for one in harmed)
        hits = sum(name in one.alarms for one in right)
        false = sum(name in one.alarms for one in healthy)
        precision = percent(hits, told + false)
        recall = percent(hits, len(right))
        rows.append([name, hits, told - hits, false, precision, recall])
    head = ["symptom", "right", "beside", "on healthy", "precision", "recall"]
    return table(head, rows)


def _allows(fault: str, name: str) -> bool:
    return name in FAULTS[fault].names


def missed(found: list[Outcome]) -> str:
    """What was not named rightly, and what it was called instead."""
    wrong = [one for one in of_state(found, "harmed") if not named(one)]
    counted = Counter((one.fault, _called(one)) for one in wrong)
    rows = [[*key, n] for key, n in counted.most_common()]
    return table(["fault missed", "called", "runs"], rows) if rows else "None missed."


def flagged(found: list[Outcome]) -> str:
    """Healthy runs that were flagged, by configuration and name."""
    wrong = [one for one in of_state(found, "healthy") if one.alarms]
    counted = Counter((f"{o.part}: {o.family}, {o.config}", _called(o)) for o in wrong)
    rows = [[*key, n] for key, n in counted.most_common()]
    return table(["healthy run", "called", "runs"], rows) if rows else "None flagged."


def _called(one: Outcome) -> str:
    return " ".join(one.alarms) or "nothing"


def counts(found: list[Outcome]) -> str:
    """How many runs there were of each state."""
    rows = []
    for part in PARTS:
        some = [one for one in found if one.part == part]
        plain = [one for one in some if one.fault is None]
        cells = [len(of_state(plain, s)) for s in ("healthy", "neither", "refused")]
        spoilt = [one for one in some if one.fault is not None]
        cells += [len(of_state(spoilt, s)) for s in ("harmed", "neither", "refused")]
        rows.append([part, *cells])
    head = ["runs", "healthy", "dropped", "refused", "harmed", "dropped", "refused"]
    return table(head, rows)


def overhead(found: list[Outcome]) -> str:
    """The median share of a run that judging it anew takes; compiled runs only."""
    again = [one for one in found if one.seed > 0]
    shares = [o.judging / o.seconds for o in again if o.judging and o.seconds]
    if not shares:
        return "not measured"
    return f"{100 * statistics.median(shares):.2f} %"
