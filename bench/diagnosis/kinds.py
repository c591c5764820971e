"""What kind of point a run ended at, beside the analytic Hessian there."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

import steepest as sp
from bench.diagnosis.plans import rng_of
from bench.diagnosis.scoring import percent
from bench.functions.problems import BUDGET, Problem, sizes
from bench.results import table

RULES: dict[str, dict[str, Any]] = {
    "auto": {},
    "auto, no escape": {"escape": False},
    "lbfgs": {"optimizer": "lbfgs"},
    "bb": {"optimizer": "bb"},
}
STARTS = 6
"""Of each function of the gallery, beside its stationary points."""
ROUNDING = 1e-7
"""Eigenvalues this small, relative to the largest and to 1, are rounding: what the
Hessian cannot tell is not counted."""
GTOL = 1e-6
Vector = np.ndarray[Any, Any]


class Ended(NamedTuple):
    """Where one run ended, and what it says of it."""

    source: str
    problem: str
    rule: str
    said: str
    true: str | None
    """What the derivatives say; None where they cannot tell."""


def truth(value: float, grad: Vector, hessian: Vector) -> str | None:
    """The kind of a point by its derivatives.

    A gradient counts as 0 up to gtol, and where the Newton step would change the value
    by less than rounding.

    Args:
        value: there.
        grad: (n,) there.
        hessian: (n, n) there.

    >>> truth(0.0, np.zeros(2), np.diag([1.0, -1.0]))
    'saddle'
    >>> truth(0.0, np.zeros(2), np.diag([1.0, 0.0])) is None
    True
    """
    if not (np.isfinite(grad).all() and np.isfinite(hessian).all()):
        return None
    eigenvalues, axes = np.linalg.eigh((hessian + hessian.T) / 2)
    noise = ROUNDING * np.abs(eigenvalues).max(initial=0.0)
    low, high = eigenvalues[0], eigenvalues[-1]
    if np.linalg.norm(grad) > GTOL:
        gain = np.sum((axes.T @ grad) ** 2 / np.maximum(np.abs(eigenvalues), 1e-300))
        if gain > 1e-13 * max(1.0, abs(value)):
            return "not_stationary"
        if low <= noise:
            return None
    if low > noise and low > GTOL * ROUNDING:
        return "minimum"
    if high < -noise:
        return "maximum"
    return "saddle" if low < -max(noise, ROUNDING) else None


def ends(letters: str, first: int | None) -> Iterator[Ended]:
    """Runs on S2MPJ's problems and on the gallery.

    Args:
        letters: first letters of the problems, as A-L.
        first: only so many of either; None for all.
    """
    chosen = sizes(letters)[:first]
    for i, size in enumerate(chosen):
        problem = Problem(size)
        for rule, options in RULES.items():
            yield from _foreign(problem, rule, options)
        jax.clear_caches()  # each compiled programs of its own
        print(f"{i + 1}/{len(chosen)} {size.name}   ", end="\r", file=sys.stderr)
    for name in list(sp.GALLERY)[:first]:
        yield from _gallery(name)


def _gallery(name: str) -> Iterator[Ended]:
    """Runs from starts in the domain, and from known points of zero gradient."""
    surface, rng = sp.GALLERY[name], rng_of(name, 0)
    low, high = np.array(surface.domain, float).T
    starts = [np.array(surface.start), *rng.uniform(low, high, (STARTS, len(low)))]
    known = [np.array(point.at) for point in surface.stationary]
    with jax.enable_x64(True):
        both = jax.jit(jax.value_and_grad(surface.fn))
        hessian = jax.jit(jax.hessian(surface.fn))

    def derivatives(x: Vector) -> tuple[float, Vector, Vector]:
        with jax.enable_x64(True):
            value, grad = both(x)
            return float(value), np.asarray(grad), np.asarray(hessian(x))

    for rule, options in RULES.items():
        for start in [*starts, *known]:
            with contextlib.suppress(sp.SteepestError):
                run = sp.minimize(surface.fn, start, progress=False, **options)
                yield _ended("gallery", name, rule, run, derivatives)


def _foreign(problem: Problem, rule: str, options: dict[str, Any]) -> Iterator[Ended]:
    """A run on one of S2MPJ's problems, by its own gradient."""
    with contextlib.suppress(sp.SteepestError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = sp.minimize(
            *(lambda x: problem.value_and_grad(x)[0], problem.start),
            grad=lambda x: problem.value_and_grad(x)[1],
            max_steps=BUDGET,
            progress=False,
            **options,
        )
        yield _ended("S2MPJ", problem.name, rule, run, problem.derivatives)


def _ended(
    source: str,
    name: str,
    rule: str,
    run: sp.Run,
    derivatives: Callable[[Vector], tuple[float, Vector, Vector]],
) -> Ended:
    true = truth(*derivatives(np.asarray(run.params, float).ravel()))
    return Ended(source, name, rule, run.verdict.kind, true)


def right(one: Ended) -> bool:
    """Whether a run says what the derivatives say; blown up is not stationary."""
    blown = one.said in ("diverged", "nonfinite") and one.true == "not_stationary"
    return blown or one.said == one.true


def body(found: list[Ended]) -> str:
    """The table of kinds."""
    told = [one for one in found if one.true is not None]
    rows = []
    for source in sorted({one.source for one in found}):
        for rule in RULES:
            some = [o for o in found if (o.source, o.rule) == (source, rule)]
            rows.append([f"{source}, {rule}", *_row(some)])
    rows.append(["all", *_row(found)])
    wrong = [[f"{o.problem}, {o.rule}", o.said, o.true] for o in told if not right(o)]
    missed = table(["run", "said", "derivatives"], wrong) if wrong else "None is wrong."
    kinds = [
        [kind, *_row([one for one in found if one.true == kind])]
        for kind in ("minimum", "saddle", "maximum", "not_stationary")
    ]
    head = ["runs", "can be told", "right"]
    return f"""
The kind of the point that a run ended at, beside the eigenvalues of the analytic
Hessian there. What these cannot tell, as they are 0 up to rounding, is left out.

{table(["where and how", *head], rows)}

{table(["derivatives say", *head], kinds)}

{missed}
""".strip()


def _row(found: list[Ended]) -> list[Any]:
    told = [one for one in found if one.true is not None]
    return [len(found), len(told), percent(sum(map(right, told)), len(told))]
