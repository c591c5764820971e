"""What a new user waits for: the first call, and the whole process."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.results import record, table

TURNS = 7
PACKAGES = ("steepest", "jax", "optimistix")

COMMON = """
import time
import numpy as np
import jax, jax.numpy as jnp
def fn(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
"""
OURS = (
    COMMON
    + """
from steepest import minimize
jnp.zeros(2).block_until_ready()
began = time.perf_counter()
run = minimize(fn, np.array([-1.2, 1.0]), progress=False)
took, x = time.perf_counter() - began, run.params
"""
)
OPTIMISTIX = (
    COMMON
    + """
import optimistix
jax.config.update("jax_enable_x64", True)
start = jnp.array([-1.2, 1.0]).block_until_ready()
began = time.perf_counter()
solver = optimistix.BFGS(rtol=1e-8, atol=1e-8)
found = optimistix.minimise(lambda x, _: fn(x), solver, start, max_steps=10_000)
x = np.asarray(found.value)
took = time.perf_counter() - began
"""
)
TELL = """
assert np.abs(x - 1).max() < 1e-4, x
print(took)
"""
STEEPEST = str(Path(sys.executable).with_name("steepest"))
FORMULA = ["minimize", "x**2 + x*y + y**2", "--start", "x=3,y=4"]


def fresh(command: list[str], *, cached: bool = False) -> tuple[float, str]:
    """Seconds and output of a process that finds nothing compiled on disk.

    Args:
        command: what to run.
        cached: whether it may find what the same command compiled before.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("JAX_COMPILATION_CACHE")
    }
    if not cached:
        environment["JAX_ENABLE_COMPILATION_CACHE"] = "false"
    began = time.perf_counter()
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    )
    return time.perf_counter() - began, done.stdout


def first_call(script: str) -> float:
    """Seconds of the first call in a fresh process: compiling, but not importing."""
    return float(fresh([sys.executable, "-c", script + TELL])[1])


def measure(turns: int) -> list[list[str]]:
    """Rows of the table; the rivals of a row take turns, after one unmeasured round."""
    importing = [sys.executable, "-c", "import jax.numpy"]
    rows = {
        ("first call, 2 params", "minimize, auto", "Optimistix BFGS"): (
            lambda: first_call(OURS),
            lambda: first_call(OPTIMISTIX),
        ),
        ("whole process", "steepest minimize", "import jax.numpy"): (
            lambda: fresh([STEEPEST, *FORMULA])[0],
            lambda: fresh(importing)[0],
        ),
        ("whole process, again", "steepest minimize", "import jax.numpy"): (
            lambda: fresh([STEEPEST, *FORMULA], cached=True)[0],
            lambda: fresh(importing)[0],
        ),
    }
    told = []
    for names, (ours, theirs) in rows.items():
        pairs = [(ours(), theirs()) for _ in range(turns + 1)][1:]
        seconds = [statistics.median(side) for side in zip(*pairs, strict=True)]
        ratio = statistics.median(mine / other for mine, other in pairs)
        told.append([" / ".join(names), *(f"{s:.2f}" for s in seconds), f"{ratio:.2f}"])
    return told


def main() -> None:
    """Measure, print, and with --record keep."""
    parser = argparse.ArgumentParser(prog="python -m bench.starts")
    parser.add_argument("--turns", type=int, default=TURNS, help=f"rounds ({TURNS})")
    parser.add_argument("--record", action="store_true", help="put it in RESULTS.md")
    asked = parser.parse_args()
    head = ["what / ours / theirs", "ours, s", "theirs, s", "ours / theirs"]
    body = f"""
Fresh processes in turns, medians of {asked.turns}, JAX's compilation cache off. The
first call is Rosenbrock's function from (-1.2, 1) in float64, compiled and solved; what
was imported before does not count. The whole process is the command
`steepest minimize "x**2 + x*y + y**2" --start x=3,y=4`; again: what the command
compiled before is kept on disk, and found.

{table(head, measure(asked.turns))}
""".strip()
    print(body)
    if asked.record:
        record("starts", body, packages=PACKAGES)


if __name__ == "__main__":
    main()
