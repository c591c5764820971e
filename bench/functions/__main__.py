"""python -m bench.functions: one table and one picture."""

from __future__ import annotations

import argparse

from bench.functions import picture, runs, scoring, truth
from bench.functions.methods import METHODS, OURS
from bench.functions.problems import BUDGET, LEFT_OUT, MOST_PARAMS, sizes
from bench.results import BENCH, record

PACKAGES = ("steepest", "jax", "scipy", "optax", "optimistix", "optiprofiler")


def main() -> None:
    """Run what is missing, print the tables, draw the picture."""
    asked = _asked()
    chosen = sizes(asked.letters)[: asked.first]
    methods = asked.methods or list(METHODS)
    runs.run_all(methods, chosen, fresh=asked.fresh)
    results = {}
    for method in METHODS:
        kept = runs.read(method)
        if all(size.name in kept for size in chosen):
            results[method] = {size.name: kept[size.name] for size in chosen}
    body = _body(results, asked.letters, len(chosen))
    print(f"\n{body}")
    for method in asked.unsolved:
        best = scoring.best_values(results)
        names = scoring.unsolved(results[method], best, tau=scoring.TAUS[-1])
        print(f"\n{method} leaves at 1e-5: {' '.join(names)}")
    path = (BENCH if asked.record else runs.CACHE) / "functions.svg"
    picture.draw(results, path)
    print(f"\nThe picture: {path.relative_to(BENCH.parent)}")
    if asked.record:
        record("functions", f"{body}\n\n![]({path.name})", packages=PACKAGES)


def _body(results: dict[str, runs.Results], letters: str, problems: int) -> str:
    ours = {name: r for name, r in results.items() if name.startswith(OURS)}
    return f"""
{problems} unconstrained problems of S2MPJ with at most {MOST_PARAMS} params, {letters}
(left out, since a gradient takes 20 ms and more: {", ".join(LEFT_OUT)}).
Percent solved at tau: f(x0) - f >= (1 - tau) (f(x0) - f_best), f_best the best of all
methods here after {BUDGET:,} gradients. A value and a gradient at one point are one
gradient; on average of a run: gradients spent, and points whose value alone was asked.
steepest with its defaults; the peers with tolerances so small that they go on.

{scoring.shares(results)}

Runs that said they converged: true when the gradient norm is at most {truth.GTOL:g} and
no eigenvalue of the Hessian is below 0 (by S2MPJ's own derivatives).

{truth.report(ours)}
""".strip()


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.functions")
    add = parser.add_argument
    add("--letters", default="A-L", help="first letters of the problems (A-L)")
    add("--first", type=int, help="only so many problems")
    add(
        "--methods", nargs="+", choices=METHODS, metavar="METHOD", help="run only these"
    )
    add("--fresh", action="store_true", help="run anew what was kept")
    add(
        "--unsolved",
        nargs="+",
        default=[],
        metavar="METHOD",
        help="list what they leave",
    )
    add("--record", action="store_true", help="put the tables in RESULTS.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
