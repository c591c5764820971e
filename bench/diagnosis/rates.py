"""Rates that are advised for random quadratics, from the trace alone."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import steepest as sp
from bench.diagnosis.plans import rng_of
from bench.diagnosis.scoring import percent
from bench.diagnosis.surfaces import quadratic
from bench.results import table

SHAPES = [(2, 10.0), (5, 100.0), (10, 30.0), (20, 300.0), (50, 100.0), (100, 1000.0)]
FACTORS = (1e-4, 1e-3, 1e-2, 0.1, 3.0, 10.0, 100.0)
"""Rates of gd, in units of 1 / the largest curvature."""
STEPS = 300
WITHIN = 2.0


class Advised(NamedTuple):
    """What was advised for one run."""

    factor: float
    symptom: str
    """The finding that names a rate, or nothing."""
    rate: float
    """In units of 1 / the largest curvature; nan without advice."""


@functools.cache
def _bowl(d: int, condition: float) -> Callable[[Any], Any]:
    return quadratic(d, condition)


def advised(seeds: int) -> list[Advised]:
    """Runs of gd on quadratics of every shape, at every rate.

    Args:
        seeds: starts of each.
    """
    found: list[Advised] = []
    for d, condition in SHAPES:
        for seed in range(seeds):
            rng = rng_of("rates", 1000 * d + seed)
            found += [_advised(d, condition, factor, rng) for factor in FACTORS]
    return found


def _advised(
    d: int, condition: float, factor: float, rng: np.random.Generator
) -> Advised:
    run = sp.minimize(
        *(_bowl(d, condition), rng.standard_normal(d)),
        optimizer="gd",
        learning_rate=factor * float(rng.uniform(0.5, 1.0)) / condition,
        max_steps=STEPS,
        progress=False,
    )
    for finding in sp.diagnose(run.trace).verdict.findings:
        rate = finding.remedy.get("learning_rate")
        if isinstance(rate, float | int):
            return Advised(factor, finding.symptom, rate * condition)
    return Advised(factor, "nothing", float("nan"))


def body(found: list[Advised]) -> str:
    """The table of rates."""
    rows = [[f"{f:g}", *_row([o for o in found if o.factor == f])] for f in FACTORS]
    rows.append(["all", *_row(found)])
    head = ["rate x curvature", "runs", "advised", "of them within 2", "median", "by"]
    return f"""
gd on random quadratics, {STEPS} steps; the rate that the trace alone, judged without
the function, advises, in units of 1 / the largest curvature. Within 2: from a half to
twice of it.

{table(head, rows)}
""".strip()


def _row(runs: list[Advised]) -> list[Any]:
    able = [one.rate for one in runs if one.rate == one.rate]
    near = sum(1 / WITHIN <= rate <= WITHIN for rate in able)
    by = sorted({one.symptom for one in runs} - {"nothing"})
    middle = f"{np.median(able):.2g}" if able else "-"
    return [len(runs), len(able), percent(near, len(able)), middle, " ".join(by)]
