"""The data profile as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.functions.counting import MARKS
from bench.functions.methods import OURS
from bench.functions.scoring import TAUS, Results, best_values, solved


def draw(results: Mapping[str, Results], path: Path) -> None:
    """Share of problems solved against gradients spent, one panel for each tau.

    Args:
        results: by method, by problem.
        path: of the SVG.
    """
    # the same numbers give the same file
    mpl.rcParams["svg.hashsalt"] = "steepest"
    figure = Figure(figsize=(13, 4.5), layout="constrained")
    panels = figure.subplots(1, len(TAUS), sharey=True)
    best = best_values(results)
    for panel, tau in zip(panels, TAUS, strict=True):
        for i, (method, runs) in enumerate(results.items()):
            ours = method.startswith(OURS)
            panel.step(
                MARKS,
                solved(runs, best, tau=tau),
                where="post",
                label=method,
                color=f"C{i % 10}",
                linestyle="-" if ours else "--",
                linewidth=2 if ours else 1,
            )
        panel.set(xscale="log", xlabel="gradients", title=f"tau = {tau:g}", ylim=(0, 1))
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("share of problems solved")
    panels[-1].legend(fontsize="x-small", loc="upper left")
    figure.savefig(path, metadata={"Date": None})
