"""The tables in words."""

from __future__ import annotations

import textwrap

from bench.diagnosis import scoring
from bench.diagnosis.running import Outcome

INTRO = """
Faults planted into runs whose healthy twins are known. The measure is what an end lacks
to the best known loss, as a share of the way from the start: of a function its value,
of a model the loss on rows that no fit saw, from that of the prediction that ignores
every column. Healthy: a function lacks at most 0.1 percent, a model 5 percent. Harmed:
more than 1 percent, more than 5 percent (constant, collinear and leaking columns and
rare classes count whatever came of the fit). What is neither is dropped and counted.
Only warnings and errors are counted, but for constant and collinear columns and rare
classes: what costs nothing may be told as information. Intervals are Wilson's, 95
percent.
""".strip()

PUBLISHED = """
False alarms are counted in 1,000 healthy runs. Beside steepest stand rule sets as they
were published, with their thresholds: those rules whose data a trace holds (values,
norms of gradients, updates and params, of layers too; validation loss; learning rate).
Where a rule asks for the mean of |g|, its upper bound |g| / sqrt(n) is taken. Their
rules on activations, inputs and weights at the start are left out, and AutoTrainer's
swings are of the loss in place of the accuracy. A set names a fault where one of its
rules stands for a cause that ours are counted for, too.
""".strip()
DELAY = """
Each fault; seen after: the median share of the run after which the trace alone, judged
as if it ended there, names it, of those that are ever named so.
""".strip()


def body(found: list[Outcome], *, details: bool) -> str:
    """What is printed and recorded.

    Args:
        found: outcomes of one or both halves.
        details: whether misses and false alarms are listed one by one.
    """
    parts = [INTRO, scoring.counts(found)]
    for half in ("judge", "tune"):
        some = [one for one in found if one.half == half]
        if some:
            parts += [_headline(half, some), scoring.overall(some), _names(some)]
    parts.append(PUBLISHED)
    shown = [one for one in found if one.half == "judge"] or found
    parts += [
        DELAY,
        scoring.by_fault(shown),
        "Each symptom; beside: told of a harmed run whose fault is another.",
        scoring.by_symptom(shown),
        scoring.missed(shown),
        f"Judging a run anew takes {scoring.overhead(found)} of a run (median).",
    ]
    if details:
        parts.append(scoring.flagged(found))
    return "\n\n".join(parts)


def _names(found: list[Outcome]) -> str:
    """The families, by part."""
    by_part: dict[str, list[str]] = {}
    for one in found:
        names = by_part.setdefault(one.part, [])
        if one.family not in names:
            names.append(one.family)
    told = [f"{part}: {', '.join(names)}" for part, names in by_part.items()]
    return "\n".join(textwrap.fill(f"Families of {line}.", 88) for line in told)


def _headline(half: str, found: list[Outcome]) -> str:
    families = {(one.part, one.family) for one in found}
    what = {
        "judge": "The half that measures (no threshold was set on it)",
        "tune": "The half that thresholds may be set on",
    }[half]
    healthy = scoring.of_state(found, "healthy")
    harmed = scoring.of_state(found, "harmed")
    named = sum(map(scoring.named, harmed))
    false = sum(bool(one.alarms) for one in healthy)
    return (
        f"{what}: {len(families)} families, {len(healthy):,} healthy and "
        f"{len(harmed):,} harmed runs. Faults named rightly: "
        f"{scoring.percent(named, len(harmed))}. False alarms in 1,000 healthy runs: "
        f"{scoring.per_thousand(false, len(healthy))}."
    )
