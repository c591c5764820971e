"""What a table does to a descent: scales, columns that repeat others, or tell all.

Everything is measured on a few thousand rows as the model reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from steepest.diagnosis.probes.leaks import Leak, leak_of

Array = np.ndarray[Any, Any]
MOST_ROWS, FEWEST_ROWS, MOST_PRODUCTS = 1024, 256, 2e7
"""Rows that are looked at, fewer where columns are many: rows x columns^2."""
FEWEST = 8
"""Rows that tell anything."""
MOST_COLUMNS = 128
"""Of wider tables only pairs of equal columns are sought."""
UNEVEN = 3.0
"""Condition numbers are asked for where sizes of columns differ by more."""
ALIKE = 0.999
"""Two columns are one where the correlation is larger."""
SUMS = 1e-5
"""Columns are sums of others where an eigenvalue of their correlations is smaller."""
ROWS_A_COLUMN = 4
"""Rows that correlations of many columns need, for each column."""
TAKES_PART = 0.05
"""A column belongs to a sum whose unit vector has at least this share of it."""


class Source(NamedTuple):
    """A column of the user's table, and where the model reads it."""

    name: str
    first: int
    """its first encoded column"""
    width: int
    """how many of them it has"""
    number: bool
    """whether the first of them is a number; else it is one of many levels"""
    size: float = 1.0
    """what encoding divided it by"""


class Columns(NamedTuple):
    """What is known of the columns of a table."""

    rows: int
    """that were looked at"""
    width: int
    """columns that the model reads"""
    constant: tuple[str, ...] = ()
    """left out, as they are the same in every row"""
    ratio: float = 1.0
    """the largest size of a number column by the smallest, as the model reads them"""
    largest: str = ""
    smallest: str = ""
    condition: float | None = None
    """of the curvature of least squares; None where it was not measured"""
    scaled: float | None = None
    """the same, were all columns of mean 0 and deviation 1"""
    steepest: float | None = None
    """largest eigenvalue of the mean x x^T, with the bias"""
    trace: float | None = None
    """mean |x|^2, with the bias"""
    pairs: tuple[tuple[str, str, float], ...] = ()
    """(column, the same again, their correlation)"""
    sums: tuple[str, ...] = ()
    """columns of which one is a sum of the others"""
    leak: Leak | None = None
    """a column that tells the target by itself"""


def places(n_rows: int, width: int, seed: int) -> Array:
    """Rows to look at, in no order: what lies side by side may be alike.

    Args:
        n_rows: that there are.
        width: columns of each.
        seed: of the draw.

    >>> sorted(places(4, 2, 0).tolist())
    [0, 1, 2, 3]
    """
    most = MOST_PRODUCTS / max(1, min(width, MOST_COLUMNS)) ** 2
    most = int(np.clip(most, FEWEST_ROWS, MOST_ROWS))
    rng = np.random.default_rng(seed)
    if n_rows <= 4 * most:
        return rng.permutation(n_rows)[:most]
    return rng.permutation(np.unique(rng.integers(0, n_rows, most)))


def look_at(
    x: Array,
    y: Array,
    sources: Sequence[Source],
    *,
    classes: int = 0,
    constant: tuple[str, ...] = (),
) -> Columns:
    """Measure the columns of a table.

    Args:
        x: (m, d) rows as the model reads them, in no order, see `places`.
        y: (m,) their targets: numbers, or indices of classes.
        sources: the columns that the user knows.
        classes: how many, 0 for a number.
        constant: names of columns that were left out for being constant.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(50, 2)) * [1.0, 1e3]
    >>> sources = [Source("a", 0, 1, True), Source("b", 1, 1, True)]
    >>> found = look_at(x, x[:, 0], sources)
    >>> found.largest, round(np.log10(found.ratio))
    ('b', 3)
    """
    m, d = x.shape
    found = Columns(m, d, constant)
    if m < FEWEST:
        return found
    numbers = [one for one in sources if one.number]
    found = _with_sizes(found, x, numbers)
    found = _with_condition(found, x)
    found = _with_repeats(found, x, numbers)
    return found._replace(leak=leak_of(x, y, sources, classes=classes))


def _with_sizes(found: Columns, x: Array, numbers: list[Source]) -> Columns:
    if len(numbers) < 2:
        return found
    sizes = np.sqrt((x[:, [one.first for one in numbers]] ** 2).mean(axis=0))
    sizes = np.where(sizes > 0, sizes, np.nan)
    if np.isnan(sizes).all():
        return found
    high, low = int(np.nanargmax(sizes)), int(np.nanargmin(sizes))
    ratio = float(sizes[high] / sizes[low])
    return found._replace(
        ratio=ratio, largest=numbers[high].name, smallest=numbers[low].name
    )


def _with_condition(found: Columns, x: Array) -> Columns:
    """Curvatures of least squares, as columns are and as they would be scaled."""
    m, d = x.shape
    square = float((x * x).sum() / m) + 1.0
    if d > MOST_COLUMNS:
        return found._replace(trace=square, steepest=_largest(x))
    whole = np.column_stack([x, np.ones(m)])
    second = whole.T @ whole / m
    top = float(np.linalg.eigvalsh(second)[-1])
    found = found._replace(trace=square, steepest=top)
    if found.ratio < UNEVEN:
        return found
    spread = x.std(axis=0)
    keep = spread > 1e-12 * np.abs(x).max(axis=0, initial=0.0)
    if m < ROWS_A_COLUMN * d or not keep.any():
        return found
    mean = x.mean(axis=0)
    covariance = second[:d, :d] - np.outer(mean, mean)
    part = covariance[np.ix_(keep, keep)]
    own = np.sqrt(np.diag(part))
    scaled = _condition(np.linalg.eigvalsh(part / np.outer(own, own)))
    raw = _condition(np.linalg.eigvalsh(second[np.ix_(*[np.append(keep, True)] * 2)]))
    return found._replace(condition=raw, scaled=scaled)


def _condition(values: Array) -> float:
    """Largest by smallest eigenvalue, of those that are not 0 for rounding's sake."""
    top = float(values[-1])
    least = values[values > 1e-9 * top]
    return top / float(least[0])


def _largest(x: Array, steps: int = 8) -> float:
    """The largest eigenvalue of the mean x x^T, with the bias, by powers."""
    v, bias, value = x.mean(axis=0), 1.0, 1.0
    for _ in range(steps):
        length = np.sqrt(v @ v + bias * bias)
        v, bias = v / length, bias / length
        out = x @ v + bias
        value = float(out @ out / len(x))
        v, bias = x.T @ out / len(x), float(out.mean())
    return value


def _with_repeats(found: Columns, x: Array, numbers: list[Source]) -> Columns:
    """Number columns that are others again, or sums of others."""
    if len(numbers) < 2:
        return found
    z = x[:, [one.first for one in numbers]]
    z = z - z.mean(axis=0)
    sizes = np.sqrt((z * z).mean(axis=0))
    keep = np.flatnonzero(sizes > 0)
    z, names = z[:, keep] / sizes[keep], [numbers[i].name for i in keep]
    if len(names) < 2:
        return found
    if len(names) > MOST_COLUMNS:
        return found._replace(pairs=_equal(z, names))
    near = z.T @ z / len(z)
    high = np.argwhere(np.triu(np.abs(near) > ALIKE, 1))
    pairs = tuple((names[i], names[j], float(near[i, j])) for i, j in high)
    rest = np.setdiff1d(np.arange(len(names)), high[:, 1])
    if len(z) < ROWS_A_COLUMN * len(rest) or len(rest) < 3:
        return found._replace(pairs=pairs)
    values, vectors = np.linalg.eigh(near[np.ix_(rest, rest)])
    flat = vectors[:, values < SUMS]
    part = rest[(np.abs(flat) > TAKES_PART).any(axis=1)]
    return found._replace(pairs=pairs, sums=tuple(names[i] for i in part))


def _equal(z: Array, names: list[str]) -> tuple[tuple[str, str, float], ...]:
    """Equal columns among many: they stand side by side on any line."""
    line = np.abs(np.random.default_rng(0).normal(size=len(z)) @ z)
    order = np.argsort(line)
    one, other = z[:, order[:-1]], z[:, order[1:]]
    near = (one * other).mean(axis=0)
    return tuple(
        (names[order[i]], names[order[i + 1]], float(near[i]))
        for i in np.flatnonzero(np.abs(near) > ALIKE)
    )
