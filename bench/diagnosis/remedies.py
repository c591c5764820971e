"""Remedies: planted faults whose run is made again as its findings advise."""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from typing import Any, NamedTuple

import steepest as sp
from bench.diagnosis.plans import Family, Made, Plan, rounds
from bench.diagnosis.running import gap_of, outcome_of, run_all
from bench.diagnosis.scoring import percent
from bench.results import table

CURED = 0.05
"""A cured run lacks at most this share of the way to its healthy twins."""


class Cure(NamedTuple):
    """What came of the remedies of one run."""

    fault: str
    symptom: str
    """The gravest finding that has a remedy, or nothing."""
    gap: float
    """What the run lacked."""
    after: float
    """What it lacks with the remedies that were kept."""
    tried: int
    """How many were."""


def cures(chosen: list[Family], runs: int) -> list[Cure]:
    """Remedies of the harmed runs of some families.

    Args:
        chosen: the families.
        runs: about how many harmed runs.
    """
    found: list[Cure] = []
    for family, seed in rounds(chosen, 100):
        for plan, one, best in run_all(family, seed):
            if plan.fault is None or one is None:
                continue
            seen = outcome_of(family, seed, plan, one, best)
            if seen.state == "harmed" and not seen.gap <= CURED:
                found.append(_cure(plan, one, best))
        print(f"{len(found)} harmed runs   ", end="\r", file=sys.stderr, flush=True)
        if len(found) >= runs:
            break
    return found


def _cure(plan: Plan, made: Made, best: float) -> Cure:
    """What comes of the remedies of one run."""
    assert plan.fault is not None
    gap, findings = gap_of(made.loss, made.start, best), made.run.verdict.findings
    symptom = next((f.symptom for f in findings if f.remedy), "nothing")
    if symptom == "nothing":
        return Cure(plan.fault, symptom, gap, gap, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = sp.diagnose(made.what, remedy=True)
    cured = made.what if found.best is None else found.best
    after = gap_of(made.loss_of(cured), made.start, best)
    return Cure(plan.fault, symptom, gap, after, len(found.tried))


def body(found: list[Cure]) -> str:
    """The table of remedies."""
    rows: list[list[Any]] = []
    for fault in sorted({one.fault for one in found}):
        runs = [one for one in found if one.fault == fault]
        rows.append([fault, *_row(runs)])
    rows.append(["all", *_row(found)])
    head = ["fault", "runs", "with a remedy", "of them cured", "of all cured"]
    lost = Counter((o.fault, o.symptom) for o in found if not o.after <= CURED)
    left = [[*key, n] for key, n in lost.most_common()]
    told = table(["fault not cured", "gravest finding with a remedy", "runs"], left)
    return f"""
Harmed runs, made again as their findings advise: remedies are tried one after the
other, and what helps is kept. Cured: what is missing to the healthy twins is at most 5
percent of the way from the start; runs that lacked no more are left out.

{table([*head, "remedies tried"], rows)}

{told if left else "All are cured."}
""".strip()


def _row(runs: list[Cure]) -> list[Any]:
    able = [one for one in runs if one.symptom != "nothing"]
    cured = sum(one.after <= CURED for one in able)
    tried = sum(one.tried for one in able) / max(len(able), 1)
    shares = percent(cured, len(able)), percent(cured, len(runs))
    return [len(runs), len(able), *shares, f"{tried:.1f}"]
