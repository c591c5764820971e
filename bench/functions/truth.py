"""Whether a run that says it converged did: asked of S2MPJ's own derivatives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import steepest as sp
from bench.functions.problems import Problem
from bench.results import table

GTOL = 1e-6
"""The tolerance that the runs were asked for: the default of minimize."""
ROUNDING = 1e-8
"""An eigenvalue this far below 0, relative to the largest, is rounding."""


def claim(run: sp.Run, problem: Problem) -> dict[str, Any]:
    """What a run says of its end, and what the derivatives there say.

    Args:
        run: a finished run.
        problem: what it minimised.
    """
    _, grad, hessian = problem.derivatives(run.params)
    finite = bool(np.isfinite(hessian).all())
    eigenvalues = np.linalg.eigvalsh((hessian + hessian.T) / 2) if finite else [np.nan]
    return {
        "stop": run.stop.name,
        "kind": run.verdict.kind,
        "converged": run.converged,
        "grad_norm": float(np.linalg.norm(grad)),
        "eigenvalues": [float(eigenvalues[0]), float(eigenvalues[-1])],
    }


def holds(claimed: Mapping[str, Any]) -> bool:
    """Whether the gradient is small and no eigenvalue negative."""
    lowest, highest = claimed["eigenvalues"]
    scale = max(abs(lowest), abs(highest))
    return claimed["grad_norm"] <= GTOL and lowest >= -ROUNDING * scale


def report(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Of each method's claims the share that holds, and those that do not.

    Args:
        results: by method, by problem.
    """
    shares, offenders = [], []
    for method, runs in results.items():
        claims = {name: run["claim"] for name, run in runs.items() if run["claim"]}
        said = {name: c for name, c in claims.items() if c["converged"]}
        false = {name: c for name, c in said.items() if not holds(c)}
        true = len(said) - len(false)
        share = f"{100 * true / len(said):.1f} %" if said else "-"
        errors = sum(run["error"] is not None for run in runs.values())
        shares.append([method, len(runs), errors, len(said), true, share])
        offenders += [_line(method, name, c) for name, c in sorted(false.items())]
    head = ["method", "runs", "refused", "said converged", "of them true", "share"]
    columns = ["method and problem", "stop", "kind", "grad norm", "lowest", "highest"]
    parts = [table(head, shares)]
    if offenders:
        parts.append("Claims that do not hold (the last two are eigenvalues):")
        parts.append(table(columns, offenders))
    return "\n\n".join(parts)


def _line(method: str, name: str, claimed: Mapping[str, Any]) -> list[str]:
    numbers = [claimed["grad_norm"], *claimed["eigenvalues"]]
    told = [f"{number:.2g}" for number in numbers]
    return [f"{method}, {name}", claimed["stop"], claimed["kind"], *told]
