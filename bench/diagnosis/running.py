"""Makes the runs, and asks of each whether it is healthy, harmed or neither."""

from __future__ import annotations

import json
import math
import multiprocessing
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import jax

import steepest as sp
from bench.diagnosis import functions, networks, published, replay, tables
from bench.diagnosis.plans import FAULTS, Family, Made, Plan, rounds

ALARMS = ("warning", "error")
SEEDS = {"functions": 6, "tables": 3, "networks": 5}
"""Of each family, when all is run."""
FEWEST = 6
"""Plans that a group has at least."""


class Outcome(NamedTuple):
    """What came of a plan, as plain data."""

    part: str
    family: str
    half: str
    seed: int
    config: str
    fault: str | None
    state: str
    """healthy, harmed, neither (it counts nowhere) or refused."""
    gap: float
    """What is missing to the best, as a share of the way from the start."""
    alarms: list[str]
    """Names of findings that are warnings or errors, the gravest first."""
    infos: list[str]
    kind: str
    stop: str
    steps: int
    seconds: float
    rules: dict[str, list[str]]
    """What the published rules say, by set."""
    delay: float | None = None
    """Share of the run after which a right name first stood, judged by its trace."""
    judging: float | None = None
    """Seconds that judging the whole trace takes."""


def families(parts: Iterable[str], half: str) -> list[Family]:
    """The families of some parts.

    Args:
        parts: of PARTS.
        half: tune, judge or both.
    """
    made = {
        "functions": functions.families,
        "tables": tables.families,
        "networks": networks.families,
    }
    every = [family for part in parts for family in made[part]()]
    return [family for family in every if half in ("both", family.half)]


def outcomes(chosen: list[Family], runs: int | None, jobs: int) -> Iterator[Outcome]:
    """What comes of the families' plans.

    Args:
        chosen: families of any parts.
        runs: about how many runs; None for all.
        jobs: processes; the results are the same, the times are not.
    """
    asked = [
        (f, s)
        for f, s in rounds(chosen, max(SEEDS.values()))
        if runs is not None or s < SEEDS[f.part]
    ]
    if runs is not None:
        asked = asked[: -(-runs // FEWEST)]
    done, began = 0, time.perf_counter()
    for some in _groups(asked, jobs):
        yield from some
        done += len(some)
        spent = time.perf_counter() - began
        print(f"{done} runs, {spent:.0f} s   ", end="\r", file=sys.stderr, flush=True)
        if runs is not None and done >= runs:
            return


def _groups(asked: list[tuple[Family, int]], jobs: int) -> Iterator[list[Outcome]]:
    """The outcomes of each group; a process keeps a family, and its programs."""
    if jobs == 1:
        for family, seed in asked:
            yield outcomes_of(family, seed)
        return
    by_family: dict[tuple[str, str], list[int]] = {}
    for family, seed in asked:
        by_family.setdefault((family.part, family.name), []).append(seed)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, spawn) as pool:
        every = pool.map(_by_name, *zip(*by_family, strict=True), by_family.values())
        yield from every


def _by_name(part: str, name: str, seeds: list[int]) -> list[Outcome]:
    """All groups of a family, in a process of its own."""
    [family] = [f for f in families([part], "both") if f.name == name]
    found = [one for seed in seeds for one in outcomes_of(family, seed)]
    jax.clear_caches()
    return found


def outcomes_of(family: Family, seed: int) -> list[Outcome]:
    """What comes of one group: its runs are made, then compared.

    Args:
        family: whose.
        seed: of its start or split.
    """
    return [outcome_of(family, seed, *one) for one in run_all(family, seed)]


def run_all(family: Family, seed: int) -> list[tuple[Plan, Made | None, float]]:
    """(plan, its run, the best loss within its reach) for each plan of a group.

    Args:
        family: whose.
        seed: of its start or split.
    """
    group = family.group(seed)
    made = [(plan, _made(plan)) for plan in group.plans]
    healthy = [m.loss for p, m in made if p.fault is None and m is not None]
    best = min([group.best, *(loss for loss in healthy if math.isfinite(loss))])
    return [
        (plan, one, best if plan.best is None else plan.best()) for plan, one in made
    ]


def _made(plan: Plan) -> Made | None:
    """The run of a plan; None where steepest refuses it, or fails."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return plan.make()
    except sp.SteepestError as error:
        why = f"refused: {error}"
    except Exception as error:  # told, and counted; the other runs go on
        why = f"FAILED: {error!r}"
    print(f"\n{plan.config}, {plan.fault}: {why}", file=sys.stderr)
    return None


def state_of(fault: str | None, gap: float, *, near: float, harmed: float) -> str:
    """Whether a run is what it was meant to be.

    Args:
        fault: that was planted, or None.
        gap: what is missing, as a share of the way.
        near: up to it an end is healthy.
        harmed: beyond it an end is harmed.

    >>> shares = {"near": 0.05, "harmed": 0.05}
    >>> [state_of(fault, 0.01, **shares) for fault in (None, "overfitting")]
    ['healthy', 'neither']
    """
    if fault is None:
        return "healthy" if gap <= near else "neither"
    is_harmed = not FAULTS[fault].harms or not gap <= harmed
    return "harmed" if is_harmed else "neither"


def gap_of(loss: float, start: float, best: float) -> float:
    """What is missing to the best, as a share of the way from the start.

    nan where the way has no end.

    >>> gap_of(2.0, 11.0, 1.0), gap_of(1.0, 1.0, 1.0)
    (0.1, 0.0)
    """
    if loss <= best:
        return 0.0
    return (loss - best) / (start - best) if start > best else math.inf


def outcome_of(
    family: Family, seed: int, plan: Plan, made: Made | None, best: float
) -> Outcome:
    """What came of a plan.

    Args:
        family: whose.
        seed: of its group.
        plan: what was to be run.
        made: the run; None where there is none.
        best: the best loss within its reach.
    """
    who = (family.part, family.name, family.half, seed, plan.config, plan.fault)
    if made is None:
        nothing: dict[str, list[str]] = {}
        nan = math.nan
        return Outcome(*who, "refused", nan, [], [], "", "", 0, 0.0, nothing)
    run, gap = made.run, gap_of(made.loss, made.start, best)
    found = run.verdict.findings
    state = state_of(plan.fault, gap, near=family.near, harmed=family.harmed)
    right = FAULTS[plan.fault].names if plan.fault else frozenset()
    delay, judging = replay.delay_of(run, right if state == "harmed" else frozenset())
    return Outcome(
        *who,
        state,
        gap,
        [f.symptom for f in found if f.severity in ALARMS],
        [f.symptom for f in found if f.severity not in ALARMS],
        run.verdict.kind,
        run.stop.name,
        run.steps,
        made.seconds,
        published.told(run, made.accuracy),
        delay,
        judging,
    )


def keep(found: list[Outcome], path: Path) -> None:
    """Write outcomes, a line each."""
    lines = [json.dumps(one._asdict()) for one in found]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def kept(path: Path) -> list[Outcome]:
    """The outcomes that `keep` wrote."""
    lines: list[dict[str, Any]] = [
        json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return [Outcome(**line) for line in lines]
