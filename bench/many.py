"""Many restarts in one compiled call, beside a loop over SciPy's L-BFGS-B."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import scipy.optimize
from threadpoolctl import threadpool_limits

import steepest as sp
from bench.results import record, table
from bench.timing import in_turns, median, ratio

PARAMS, STARTS = 10, 1024
PACKAGES = ("steepest", "jax", "scipy")
Vector = np.ndarray[Any, Any]


class Surface(NamedTuple):
    """A function for us, for SciPy with its gradient, and where starts are drawn."""

    ours: Callable[[Any], Any]
    theirs: Callable[[Vector], tuple[float, Vector]]
    bounds: tuple[float, float]


def rastrigin(x: Any) -> Any:
    """10 n + sum x_i^2 - 10 cos(2 pi x_i); minimum 0 at 0."""
    return 10 * len(x) + jnp.sum(x**2 - 10 * jnp.cos(2 * jnp.pi * x))


def rastrigin_both(x: Vector) -> tuple[float, Vector]:
    """Its value and gradient in NumPy."""
    angle = 2 * np.pi * x
    value = 10 * len(x) + np.sum(x**2 - 10 * np.cos(angle))
    return float(value), 2 * x + 20 * np.pi * np.sin(angle)


def rosenbrock(x: Any) -> Any:
    """sum 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2; minimum 0 at 1."""
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_both(x: Vector) -> tuple[float, Vector]:
    """Its value and gradient in NumPy."""
    bend, rest = x[1:] - x[:-1] ** 2, 1 - x[:-1]
    grad = np.zeros_like(x)
    grad[:-1] = -400 * x[:-1] * bend - 2 * rest
    grad[1:] += 200 * bend
    return float(100 * bend @ bend + rest @ rest), grad


SURFACES = {
    "Rastrigin": Surface(rastrigin, rastrigin_both, (-5.12, 5.12)),
    "Rosenbrock": Surface(rosenbrock, rosenbrock_both, (-2.048, 2.048)),
}


def compare(name: str, starts: int, repeats: int) -> list[str]:
    """One row of the table."""
    surface = SURFACES[name]
    low, high = (np.full(PARAMS, end) for end in surface.bounds)

    def ours() -> Any:
        return sp.restarts(
            surface.ours, bounds=(low, high), n=starts, seed=0, progress=False
        )

    found = ours()
    points = np.asarray(found.starts)

    def theirs() -> Vector:
        ends = [
            scipy.optimize.minimize(surface.theirs, x, jac=True, method="L-BFGS-B").fun
            for x in points
        ]
        return np.array(ends)

    values, others = np.asarray(found.ends.value), theirs()
    rivals = {"ours": lambda: ours().value, "SciPy": theirs}
    times = in_turns(rivals, repeats=repeats)
    return [
        f"{name}, {PARAMS} params, {starts:,} starts",
        *(f"{median(times, rival):.2f}" for rival in rivals),
        f"{ratio(times, 'SciPy', 'ours'):.1f}",
        *(f"{side.min():.3g}" for side in (values, others)),
        *(f"{np.median(side):.3g}" for side in (values, others)),
    ]


def main() -> None:
    """Measure, print, and with --record keep."""
    parser = argparse.ArgumentParser(prog="python -m bench.many")
    add = parser.add_argument
    add("--starts", type=int, default=STARTS, help=f"how many ({STARTS:,})")
    add("--repeats", type=int, default=5, help="rounds (5)")
    add("--record", action="store_true", help="put it in RESULTS.md")
    asked = parser.parse_args()
    # BLAS threads would wait for each other over ten numbers, and slow SciPy down
    with threadpool_limits(1):
        rows = [compare(name, asked.starts, asked.repeats) for name in SURFACES]
    head = ["restarts", "ours, s", "SciPy, s", "SciPy / ours"]
    head += ["best, ours", "best, SciPy", "median, ours", "median, SciPy"]
    body = f"""
One call of `restarts` against a loop of SciPy's L-BFGS-B from the same starts, with
analytic gradients in NumPy; both with their defaults. Warmed up, in turns, medians of
{asked.repeats} rounds; values are those at the ends of the runs.

{table(head, rows)}
""".strip()
    print(body)
    if asked.record:
        record("many", body, packages=PACKAGES)


if __name__ == "__main__":
    main()
