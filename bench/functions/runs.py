"""Runs methods on problems, each pair once: what was run is kept on disk."""

from __future__ import annotations

import functools
import hashlib
import json
import multiprocessing
import os
import re
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax

import steepest as sp
from bench.functions.counting import Counted
from bench.functions.methods import METHODS, OURS
from bench.functions.problems import Problem, Size
from bench.functions.truth import claim
from bench.results import BENCH, write_whole

CACHE = BENCH / ".cache" / "functions"
PEERS = ("scipy", "optax", "optimistix", "jax", "optiprofiler")
WHAT_COUNTS = ("counting.py", "methods.py", "problems.py", "truth.py")
Results = dict[str, dict[str, Any]]
"""What came of a method, by problem."""


def run_all(methods: Iterable[str], sizes: Iterable[Size], *, fresh: bool) -> None:
    """Run what the cache does not hold yet; an interrupted run goes on from there.

    Gradients are counted, not seconds, so the problems may share the machine.

    Args:
        methods: names of METHODS.
        sizes: the problems.
        fresh: whether to run all of them anew.
    """
    kept = {method: {} if fresh else read(method) for method in methods}
    left = {
        size: [m for m in kept if size.name not in kept[m]]
        for size in sizes
        if any(size.name not in runs for runs in kept.values())
    }
    done, total = 0, sum(map(len, left.values()))
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the workers are enough
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), spawn) as pool:
        waiting = {
            pool.submit(run_one, method, size): (method, size)
            for size, missing in left.items()
            for method in missing
        }
        for future in as_completed(waiting):
            method, size = waiting[future]
            kept[method][size.name] = future.result()
            _write(method, kept[method])
            done += 1
            print(f"{done}/{total} {size.name}, {method}   ", end="\r", file=sys.stderr)


def run_one(method: str, size: Size) -> dict[str, Any]:
    """One method on one problem, as plain data."""
    problem = _problem(size)
    counted, error, claimed = Counted(problem), None, None
    try:
        run = METHODS[method](counted)
        claimed = claim(run, problem) if run is not None else None
    except sp.SteepestError as refused:
        error = f"{type(refused).__name__}: {refused}"
    jax.clear_caches()  # each run compiled its own program: they would fill memory
    return {
        "start": problem.value_and_grad(problem.start)[0],
        "gradients": counted.gradients,
        "values": counted.values,
        "best": counted.best_at_marks(),
        "claim": claimed,
        "error": error,
    }


def read(method: str) -> Results:
    """What is kept of a method; nothing where it is of another version."""
    path = _path(method)
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return kept["runs"] if kept.get("stamp") == stamp(method) else {}


def _write(method: str, runs: Mapping[str, Any]) -> None:
    kept = {"method": method, "stamp": stamp(method), "runs": runs}
    write_whole(_path(method), json.dumps(kept))


def _path(method: str) -> Path:
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / ".gitignore").write_text("*\n", encoding="utf-8")
    return CACHE / f"{re.sub(r'[^a-z0-9.]+', '-', method.lower())}.json"


@functools.cache
def stamp(method: str) -> str:
    """What the results depend on: versions, our counting, and steepest's source."""
    here = Path(__file__).parent
    files = [here / name for name in WHAT_COUNTS]
    if method.startswith(OURS):
        source = here.parents[1] / "src" / "steepest"
        files += sorted(set(source.rglob("*.py")) - set(source.glob("cli/*.py")))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files))
    versions = [f"{name} {version(name)}" for name in PEERS]
    return f"{', '.join(versions)}, {digest.hexdigest()[:16]}"


@functools.lru_cache(maxsize=4)
def _problem(size: Size) -> Problem:
    return Problem(size)
