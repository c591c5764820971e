"""A comparison of runs that sees every difference, and one ordinary run."""

import numpy as np
import pytest

from steepest.records import Finding, Run, Stop, Trace, Verdict
from steepest.records import row as rows_of
from steepest.records.row import Row


def is_same(a, b):
    """Same types all through, same numbers, nan beside nan."""
    if isinstance(a, float) and not isinstance(a, np.floating):
        return type(b) is float and (a == b or (a != a and b != b))
    if isinstance(a, np.ndarray | np.generic):
        a, b = np.asarray(a), np.asarray(b)
        kinds = (a.dtype, a.shape) == (b.dtype, b.shape)
        return kinds and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(is_same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(is_same, a, b))
    if isinstance(a, Run | Trace | Verdict | Finding):
        return is_same(vars(a), vars(b))
    return a == b


def ordinary_run(n=4, *, params=None, path=True, **changes):
    """One ordinary run, its rows at steps 0, 1, 2, ..."""
    params = {"x": 1.5, "w": np.array([1.0, 2.0])} if params is None else params
    columns = {
        name: np.arange(n).astype(rows_of.dtype_of(name)) for name in Row._fields
    }
    points = {"x": np.arange(1.0 * n), "w": np.arange(2.0 * n).reshape(n, 2)}
    parts = {
        "params": params,
        "value": 0.25,
        "grad_norm": 1e-7,
        "steps": n - 1,
        "best_step": n - 1,
        "stop": Stop.GRADIENT_SMALL,
        "verdict": Verdict("Converged to a minimum.", "minimum", converged=True),
        "trace": Trace(Row(**columns), path=points if path else None),
        "seconds": 0.5,
        "settings": {"optimizer": "gd", "learning_rate": 0.1},
        "environment": {"steepest": "0"},
    }
    return Run(**{**parts, **changes})


@pytest.fixture(scope="session")
def same():
    return is_same


@pytest.fixture(scope="session")
def a_run():
    return ordinary_run
