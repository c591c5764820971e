"""Who solved what, after how many gradients.

Solved at tau: f(x0) - f(x) >= (1 - tau) (f(x0) - f_best), f_best the best value that
any method of the table reached. Source: More and Wild (2009), "Benchmarking
derivative-free optimization algorithms", SIAM J. Optim. 20(1), eq. 2.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.functions.counting import MARKS
from bench.results import table

TAUS = (1e-1, 1e-3, 1e-5)
AT = (200, 1000)
FLOOR = -1e12
"""What is unbounded below counts as solved there."""
Results = Mapping[str, Mapping[str, Any]]


def best_values(results: Mapping[str, Results]) -> dict[str, float]:
    """f_best of each problem, over all methods."""
    best: dict[str, float] = {}
    for runs in results.values():
        for name, run in runs.items():
            reached = min(run["best"][-1], best.get(name, np.inf))
            best[name] = max(reached, FLOOR)
    return best


def solved(runs: Results, best: Mapping[str, float], *, tau: float) -> np.ndarray:
    """Share of the problems solved at each of MARKS.

    Args:
        runs: of one method, by problem.
        best: f_best by problem.
        tau: how near.
    """
    reached = np.array([run["best"] for run in runs.values()])
    start = np.array([run["start"] for run in runs.values()])[:, None]
    lowest = np.array([best[name] for name in runs])[:, None]
    return (start - reached >= (1 - tau) * (start - lowest)).mean(axis=0)


def unsolved(runs: Results, best: Mapping[str, float], *, tau: float) -> list[str]:
    """The problems not solved after the last of AT."""
    at = MARKS.index(AT[-1])
    return [
        name
        for name, run in runs.items()
        if not run["start"] - run["best"][at] >= (1 - tau) * (run["start"] - best[name])
    ]


def shares(results: Mapping[str, Results]) -> str:
    """Percent solved by each method after AT gradients, at each tau."""
    best = best_values(results)
    head = [f"{at:,}: {tau:g}" for at in AT for tau in TAUS]
    rows = []
    for method, runs in results.items():
        at_tau = [100 * solved(runs, best, tau=tau) for tau in TAUS]
        cells = [f"{s[MARKS.index(at)]:.1f}" for at in AT for s in at_tau]
        rows.append([method, *cells, *_spent(runs)])
    return table(["% solved, gradients: tau", *head, "gradients", "more values"], rows)


def _spent(runs: Results) -> list[str]:
    """Mean gradients, and points whose value alone was asked."""
    gradients = [run["gradients"] for run in runs.values()]
    values = [run["values"] - run["gradients"] for run in runs.values()]
    return [f"{np.mean(gradients):.0f}", f"{np.mean(values):.0f}"]
