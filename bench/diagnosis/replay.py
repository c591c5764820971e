"""Replay: a trace cut at growing steps is judged again, as if the run had ended there.

What is judged is the trace alone, without the function or the table: so the delay is
that of watching a run from outside.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

import steepest as sp
from steepest.records import Row

CUTS = 12
ALARMS = ("warning", "error")


def cut(trace: sp.Trace, rows: int) -> sp.Trace:
    """The first rows of a trace, with what was validated up to there.

    Args:
        trace: of a run.
        rows: how many are kept.
    """
    kept = Row(*(np.asarray(column)[:rows] for column in trace.rows))
    curve = trace.validation
    known = curve.step <= kept.step[-1]
    curve = type(curve)(*(column[known] for column in curve))
    changes = {"rows": kept, "validation": curve, "path": None}
    layers = getattr(trace, "layers", None)
    if layers is not None:
        names, *columns = layers
        changes["layers"] = type(layers)(names, *(c[:rows] for c in columns))
    return replace(trace, **changes)


def delay_of(run: sp.Run, right: frozenset[str]) -> tuple[float | None, float | None]:
    """(share of the run after which a right name stands, seconds to judge it whole).

    Args:
        run: a finished run.
        right: names that are right; without any, only the time is measured.

    Returns:
        The first is None where no right name ever stands, or none is asked.

    Raises:
        SteepestError: a trace that cannot be judged.
    """
    trace, began = run.trace, time.perf_counter()
    sp.diagnose(run)
    seconds = time.perf_counter() - began
    if not right:
        return None, seconds
    n = len(trace)
    for rows in np.unique(np.geomspace(2, n, CUTS).astype(int)) if n > 2 else [n]:
        found = sp.diagnose(cut(trace, int(rows))).verdict.findings
        if any(f.symptom in right and f.severity in ALARMS for f in found):
            return float(trace.step[rows - 1] / max(trace.step[-1], 1)), seconds
    return None, seconds
