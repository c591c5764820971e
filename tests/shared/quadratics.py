"""Descents on quadratics made by hand in NumPy: traces whose curvature is known."""

import math

import numpy as np

from steepest.records import Trace
from steepest.records import row as rows_of
from steepest.records.row import Row


def spectrum(rng, condition, n):
    """(n,) eigenvalues from 1 to a condition number, times any unit."""
    between = condition ** rng.uniform(size=n)
    between[:2] = 1.0, condition
    return between / condition * 10 ** rng.uniform(-3, 3)


def walk(eigenvalues, start, rate, steps, *, rule="gd", momentum=0.9, height=0.0):
    """The trace of a descent on height + sum(l x^2) / 2."""
    bends, x = np.asarray(eigenvalues, float), np.asarray(start, float)
    velocity, before, rows = np.zeros_like(x), None, []
    for step in range(steps + 1):
        grad, value = bends * x, height + 0.5 * float(np.sum(bends * x * x))
        if not value < 1e200:
            break
        velocity = momentum * velocity - rate * grad
        moves = {
            "gd": -rate * grad,
            "momentum": velocity,
            "nesterov": momentum * velocity - rate * grad,
        }
        quality = cosine = math.nan
        if before is not None:
            old, high = before
            quality = (high - value) / (rate * (old @ old))
            cosine = old @ grad / np.linalg.norm(old) / np.linalg.norm(grad)
        row = dict.fromkeys(Row._fields, 0.0) | {
            "step": step,
            "value": value,
            "grad_norm": np.linalg.norm(grad),
            "update_norm": np.linalg.norm(moves[rule]),
            "param_norm": np.linalg.norm(x),
            "learning_rate": rate,
            "step_quality": quality,
            "cosine": cosine,
            "finite": True,
        }
        rows.append(row)
        before, x = (grad, value), x + moves[rule]
    columns = {name: [row[name] for row in rows] for name in Row._fields}
    return Trace(
        Row(**{k: np.array(v, rows_of.dtype_of(k)) for k, v in columns.items()})
    )
