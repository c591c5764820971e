"""Traces made by hand, and what every verdict on them owes."""

import json
import math

import numpy as np

from steepest.diagnosis import Curvature, judge_point
from steepest.records import Stop, Trace, Validation, Verdict
from steepest.records import row as rows_of
from steepest.records.row import Row

BOWL = Curvature(2.0, 10.0, 1e-12)
SADDLE = Curvature(-2.0, 2.0, 1e-12)
SUMMIT = Curvature(-10.0, -2.0, 1e-12)
FLAT = Curvature(0.0, 0.0, 1e-12)
CURVATURES = [BOWL, SADDLE, SUMMIT, FLAT, None]
ENDS = [stop for stop in Stop if not stop.failed]
GTOL = 1e-6


def trace(*, values=(25.0, 4.0, 1.0), grads=(10.0, 4.0, 1e-7), losses=(), norm=1.0):
    n = len(values)
    columns = {name: np.zeros(n, rows_of.dtype_of(name)) for name in Row._fields}
    columns["step"] = np.arange(n)
    columns["value"] = np.array(values, float)
    columns["grad_norm"] = np.array([*grads, *[grads[-1]] * n][:n], float)
    columns["param_norm"] = np.full(n, norm)
    curve = Validation.empty()
    for epoch, loss in enumerate(losses):
        curve = curve.add(epoch, 10 * epoch, loss)
    return Trace(Row(**columns), curve)


def judge(stop, curvature=BOWL, way=None, *, of=None, **settings):
    asked = {"learning_rate": 0.1, "direction": "minimize", "gtol": GTOL, **settings}
    end = trace() if of is None else of
    return judge_point(stop, end, curvature, way, settings=asked)


def check(verdict):
    """What every verdict owes."""
    assert verdict.headline[0].isupper()
    assert verdict.headline.endswith(".")
    for finding in verdict.findings:
        assert finding.severity in ("info", "warning", "error")
        assert finding.advice.endswith(".")
        assert finding.evidence
        assert all(isinstance(number, float) for number in finding.evidence.values())
    text = json.dumps(verdict.to_json(), allow_nan=False)
    if all(math.isfinite(x) for f in verdict.findings for x in f.evidence.values()):
        assert Verdict.from_json(json.loads(text)) == verdict
