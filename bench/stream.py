"""Tables larger than memory beside PyArrow, scikit-learn and Vowpal Wabbit."""

from __future__ import annotations

import argparse
import functools
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from platformdirs import user_cache_path
from sklearn.linear_model import SGDClassifier

import steepest
from bench.results import record, table
from bench.timing import Times, in_turns, median, once, ratio
from steepest.core.mapped import mapped
from steepest.data.shards import BUFFERED

PACKAGES = ("steepest", "pyarrow", "numba", "jax", "scikit-learn", "vowpalwabbit")
COLUMNS, GROUP = 28, 500_000
RATE = 1e-2
MORE = 4
"""Epochs beyond the first whose time is taken together."""
VW_ROWS = 500_000
"""Its text takes 300 bytes a row: fewer rows tell its speed, too."""
PLAIN = {"stream": True, "validation": None, "progress": False}
WAYS: dict[str, dict[str, Any]] = {
    "all rows a step": {"batch_size": "full"},
    "256 rows a step": {"batch_size": 256},
    "a row a step": {"batch_size": 1},
}
HEAVY = """
import resource, sys, steepest
steepest.fit(sys.argv[1], "y", stream=True, progress=False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def file_of(n_rows: int) -> Path:
    """A Parquet file of so many rows of 28 numbers and a class, made once."""
    path = user_cache_path("steepest") / "bench" / f"stream-{n_rows}.parquet"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with pq.ParquetWriter(part, next(groups(1)).schema) as file:
            for group in groups(n_rows):
                file.write_table(group)
        part.replace(path)
    return path


def groups(n_rows: int) -> Iterator[pa.Table]:
    """The rows, a group at a time."""
    rng = np.random.default_rng(0)
    weight = rng.normal(size=COLUMNS).astype(np.float32) / 3
    for first in range(0, n_rows, GROUP):
        n = min(GROUP, n_rows - first)
        X = rng.standard_normal((COLUMNS, n), np.float32)
        y = rng.random(n) < 1 / (1 + np.exp(-weight @ X))
        columns = {f"x{i}": pa.array(x) for i, x in enumerate(X)}
        yield pa.table({**columns, "y": pa.array(y.astype(np.int8))})


def decode(path: Path) -> None:
    """Every row group decoded, by the fastest settings, and nothing done with it."""
    with pq.ParquetFile(path, **BUFFERED) as file:
        for i in range(file.num_row_groups):
            file.read_row_group(i)


def fit(path: Path, epochs: int, **options: Any) -> Any:
    """A fit through the door everyone uses, the steps named so that work is fixed."""
    named = {"optimizer": "gd", "learning_rate": RATE, "epochs": epochs, **PLAIN}
    return steepest.fit(path, "y", **named, **options)


def by_batches(path: Path) -> Any:
    """An epoch of scikit-learn on the same file, a row group at a time."""
    model = SGDClassifier(
        loss="log_loss",
        penalty=None,  # pyright: ignore[reportArgumentType]
        learning_rate="constant",
        eta0=RATE,
    )
    with pq.ParquetFile(path, **BUFFERED) as file:
        for i in range(file.num_row_groups):
            *columns, target = file.read_row_group(i).columns
            X = np.column_stack([column.to_numpy() for column in columns])
            model.partial_fit(X, target.to_numpy(), classes=[0, 1])
    return model


def first_epochs(path: Path, n: int, repeats: int) -> tuple[Times, list[list[str]]]:
    """From the call to the end of a fit of one epoch, decoding and writing included."""
    rivals = {"decode": functools.partial(decode, path)}
    rivals |= {way: functools.partial(fit, path, 1, **WAYS[way]) for way in WAYS}
    rivals["partial_fit"] = functools.partial(by_batches, path)
    times = in_turns(rivals, repeats=repeats)

    def nanoseconds(name: str) -> str:
        return f"{median(times, name) / n * 1e9:.0f}"

    rows = [
        [
            f"first epoch, {way}",
            nanoseconds(way),
            f"PyArrow decode alone {nanoseconds('decode')}",
            f"{ratio(times, 'decode', way):.2f} of its speed",
        ]
        for way in WAYS
    ]
    sgd = f"SGDClassifier.partial_fit {nanoseconds('partial_fit')}"
    faster = f"{ratio(times, 'partial_fit', 'a row a step'):.1f}x faster"
    rows.append(["first epoch, a row a step", nanoseconds("a row a step"), sgd, faster])
    return times, rows


def later_epochs(path: Path, n: int, repeats: int) -> Iterator[list[str]]:
    """What each further epoch takes, with the encoded rows in the system's memory."""
    with tempfile.TemporaryDirectory(dir=path.parent) as home:
        fit(path, 1, cache=home, **WAYS["all rows a step"])
        file = next(Path(home).rglob("train-values.bin"))
        values = mapped(file, np.float32, (n * COLUMNS,))
        rivals: dict[str, Any] = {"sum": values.sum}
        for way, options in WAYS.items():
            for epochs in (1, 1 + MORE):
                work = functools.partial(fit, path, epochs, cache=home, **options)
                rivals[f"{way} {epochs}"] = work
        times = in_turns(rivals, repeats=repeats)
        for way in WAYS:
            pairs = zip(times[f"{way} {1 + MORE}"], times[f"{way} 1"], strict=True)
            times[way] = [(more - one) / MORE for more, one in pairs]
            yield [
                f"later epochs, {way}",
                f"{median(times, way) / n * 1e9:.0f}",
                f"summing the rows on disk {median(times, 'sum') / n * 1e9:.0f}",
                f"{ratio(times, 'sum', way):.2f} of its speed",
            ]
        yield ["a row a step", *against_vw(median(times, "a row a step") / n)]


def against_vw(ours: float) -> list[str]:
    """Vowpal Wabbit's pass over its own cache, of fewer rows."""
    from vowpalwabbit import Workspace

    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "rows.txt"
        with text.open("w") as file:
            for group in groups(VW_ROWS):
                *columns, target = (column.to_numpy() for column in group.columns)
                for row, y in zip(np.transpose(columns), target, strict=True):
                    cells = " ".join(f"{i}:{x:.6g}" for i, x in enumerate(row))
                    file.write(f"{2 * int(y) - 1} | {cells}\n")

        def one() -> None:
            flags = "--loss_function logistic --sgd --quiet -c"
            Workspace(f"{flags} -d {text}").finish()

        one()  # parses the text and writes the cache
        seconds = min(once(one) for _ in range(3)) / VW_ROWS
    told = f"Vowpal Wabbit from its cache {seconds * 1e9:.0f}"
    return [f"{ours * 1e9:.0f}", told, f"{seconds / ours:.1f}x faster"]


def peak(path: Path) -> str:
    """Megabytes that a whole fit by default takes at most, in a process of its own."""
    command = [sys.executable, "-c", HEAVY, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return f"{int(done.stdout.split()[-1]) / 1e3:,.0f} MB"


def main() -> None:
    """Measure, print, and with --record keep the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--record", action="store_true")
    asked = parser.parse_args()
    path, n = file_of(asked.rows), asked.rows
    most = peak(path)
    _, rows = first_epochs(path, n, asked.repeats)
    rows += later_epochs(path, n, asked.repeats)
    free = shutil.disk_usage(path.parent).free / 1e9
    told = table(["work", "ns a row", "beside", "ratio"], rows)
    size = path.stat().st_size / 1e6
    body = (
        f"{n:,} rows of {COLUMNS} float32 columns and a class, {size:,.0f} MB of "
        f"Parquet. A whole fit by default takes {most} at most, the code of its "
        f"libraries and mapped files included. ({free:.0f} GB of disk were free.)\n\n"
        f"{told}"
    )
    print(body)
    if asked.record:
        record("Larger than memory", body, packages=PACKAGES)


if __name__ == "__main__":
    main()
