"""Embeddings that bring rows of a class together, beside scikit-learn's NCA."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.datasets import load_digits, load_wine
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NeighborhoodComponentsAnalysis
from sklearn.preprocessing import StandardScaler

import steepest as sp
from bench.results import record, table
from steepest.problems.neighbours import recall_at_1

PACKAGES = ("steepest", "jax", "scikit-learn")
TABLES = {"digits": load_digits, "wine": load_wine}
WIDTH, SPLITS = 16, 5
MODEL = f"mlp:hidden=64,outputs={WIDTH}"
Rows = np.ndarray[Any, Any]
Places = Callable[[Rows], Rows]


def ours(loss: str) -> Callable[[Rows, Rows, int], Places]:
    """Fits by a loss of ours, nothing else named."""

    def fitted(rows: Rows, labels: Rows, seed: int) -> Places:
        pair = (rows, labels)
        return sp.fit(pair, model=MODEL, loss=loss, seed=seed, progress=False).transform

    return fitted


def standardised(rows: Rows, labels: Rows, seed: int) -> Places:
    """The columns as they are, at one size."""
    del labels, seed
    return StandardScaler().fit(rows).transform


def nca(rows: Rows, labels: Rows, seed: int) -> Places:
    """Neighborhood components analysis (Goldberger et al. 2004), its own defaults."""
    scaler = StandardScaler().fit(rows)
    width = min(WIDTH, rows.shape[1])
    found = NeighborhoodComponentsAnalysis(n_components=width, random_state=seed)
    found.fit(scaler.transform(rows), labels)
    return lambda new: found.transform(scaler.transform(new))


RIVALS = {
    "columns": standardised,
    "NCA": nca,
    "contrastive": ours("contrastive"),
    "triplet": ours("triplet"),
}


def compare(name: str, splits: int) -> list[list[str]]:
    """A row of the table for each rival."""
    rows, labels = TABLES[name](return_X_y=True)
    found: dict[str, list[tuple[float, float]]] = {rival: [] for rival in RIVALS}
    for seed in range(splits):
        kept, held, y, truth = train_test_split(
            rows, labels, test_size=0.3, random_state=seed, stratify=labels
        )
        for rival, fit in RIVALS.items():
            began = time.perf_counter()
            places = fit(kept, y, seed)
            took = time.perf_counter() - began
            found[rival].append((recall_at_1(places(held), truth), took))
    return [
        [
            f"{name}, {rival}",
            f"{np.mean([recall for recall, _ in runs]):.4f}",
            f"{min(recall for recall, _ in runs):.4f}",
            f"{np.median([took for _, took in runs]):.2f}",
        ]
        for rival, runs in found.items()
    ]


def main() -> None:
    """Measure, print, and with --record keep."""
    parser = argparse.ArgumentParser(prog="python -m bench.metric")
    add = parser.add_argument
    add("--splits", type=int, default=SPLITS, help=f"how many ({SPLITS})")
    add("--record", action="store_true", help="put it in RESULTS.md")
    asked = parser.parse_args()
    lines = [line for name in TABLES for line in compare(name, asked.splits)]
    head = ["held-out rows", "recall@1, mean", "worst", "s a fit"]
    told = (
        f"Three tenths of the rows are held out, in {asked.splits} ways. Recall@1 is "
        "the share of held-out rows whose nearest other one has their label. Ours is "
        f"`{MODEL}`, nothing else named; it holds out a tenth of its rows once more."
    )
    body = f"{told}\n\n{table(head, lines)}"
    print(body)
    if asked.record:
        record("Embeddings", body, packages=PACKAGES)


if __name__ == "__main__":
    main()
