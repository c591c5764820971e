"""What checkpoints cost: runs that write one every few seconds, beside runs without."""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import steepest as sp
from bench.results import record, table
from bench.timing import in_turns, median, ratio
from steepest.descent.watchers import checkpoints

ROWS, COLUMNS = 200_000, 28
PACKAGES = ("steepest", "jax", "numba", "safetensors")
QUIET = {"progress": False}
Run = Callable[..., Any]


def runs() -> dict[str, tuple[Run, int]]:
    """By name: a run of a length (epochs or steps), and a length to begin with."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, COLUMNS)).astype(np.float32)
    y = X @ rng.normal(size=COLUMNS) + rng.normal(size=ROWS)

    def fit(epochs: int, **options: Any) -> Any:
        return sp.fit((X, y), epochs=epochs, **QUIET, **options)

    def rows(length: int, **kept: Any) -> Any:
        step = {"optimizer": "gd", "learning_rate": 1e-5, "batch_size": 1}
        return fit(length, **step, **kept)

    def network(length: int, **kept: Any) -> Any:
        return fit(length, model="mlp:hidden=64/64", batch_size=256, **kept)

    def walk(length: int, **kept: Any) -> Any:
        start = np.full(1000, -1.2)
        options = {"optimizer": "adam", "learning_rate": 1e-6, "gtol": None}
        told = {"max_steps": length, "record_path": True, **QUIET}
        return sp.minimize("rosenbrock", start, **options, **told, **kept)

    return {
        "linear, a row a step": (rows, 20),
        "network 28-64-64-1": (network, 2),
        "function of 1,000 params, its path recorded": (walk, 100_000),
    }


@contextlib.contextmanager
def counted(spent: list[float]) -> Iterator[None]:
    """Within this block each checkpoint adds its seconds to a list."""
    real = checkpoints.Checkpoints._save  # noqa: SLF001

    def save(watcher: Any, event: Any) -> None:
        began = time.perf_counter()
        real(watcher, event)
        spent.append(time.perf_counter() - began)

    checkpoints.Checkpoints._save = save  # noqa: SLF001
    try:
        yield
    finally:
        checkpoints.Checkpoints._save = real  # noqa: SLF001


def compare(every: float, seconds: float, repeats: int) -> Iterator[list[str]]:
    """A row for each kind of run."""
    for name, (run, length) in runs().items():
        began = time.perf_counter()
        run(length)
        run(length)
        took = (time.perf_counter() - began) / 2
        enough = max(length, round(length * seconds / took))
        spent: list[float] = []
        with tempfile.TemporaryDirectory() as home:

            def kept(often: float | None, run: Run = run, n: int = enough) -> Any:
                return lambda: run(n, save=Path(home, "run"), checkpoint_seconds=often)

            with counted(spent):
                times = in_turns(
                    {"with": kept(every), "without": kept(None)}, repeats=repeats
                )
        whole = median(times, "with")
        share = statistics.fmean(spent) * len(spent) / (repeats + 1) / whole
        yield [
            name,
            f"{median(times, 'without'):.1f}",
            f"{whole:.1f}",
            f"{100 * (ratio(times, 'with', 'without') - 1):+.1f}",
            f"{1000 * statistics.median(spent):.1f}",
            f"{len(spent) / (repeats + 1):.1f}",
            f"{100 * share:.2f}",
        ]


def main() -> None:
    """Measure, print, and with --record keep."""
    parser = argparse.ArgumentParser(prog="python -m bench.checkpoints")
    parser.add_argument("--repeats", type=int, default=5, help="rounds (5)")
    parser.add_argument("--every", type=float, default=5.0, help="seconds (5)")
    parser.add_argument("--seconds", type=float, default=20.0, help="of a run (20)")
    parser.add_argument("--record", action="store_true", help="put it in RESULTS.md")
    asked = parser.parse_args()
    head = ["", "seconds without", "with", "cost, %", "ms a checkpoint"]
    head += ["checkpoints a run", "their share of it, %"]
    rows = compare(asked.every, asked.seconds, asked.repeats)
    body = f"""
A checkpoint every {asked.every:g} s, synced to disk, beside the same run without, saved
at its end in both cases; in turns, medians of {asked.repeats} rounds. "cost" compares
whole runs, so it holds the noise of the machine; the last column adds up the time spent
in checkpoints alone.

{table(head, rows)}
""".strip()
    print(body)
    if asked.record:
        record("checkpoints", body, packages=PACKAGES)


if __name__ == "__main__":
    main()
