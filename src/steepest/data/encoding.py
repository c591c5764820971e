"""Every part of a table decoded, encoded and written down, once."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from steepest.core.ahead import ahead
from steepest.core.errors import DataError
from steepest.core.mapped import release
from steepest.data.arrays import pc
from steepest.data.columns import Column
from steepest.data.features import Features
from steepest.data.gaps import refuse_missing_target
from steepest.data.orders import held_out
from steepest.data.plain_numbers import Numbers, places, plain_values
from steepest.data.shards import Shards
from steepest.data.shelf import Shelf
from steepest.data.spool import kept_in
from steepest.data.target import Target
from steepest.data.weights import check_weights, of_classes

Array = np.ndarray[Any, Any]
TILE_BYTES = 1 << 19
"""Rows that are encoded before they are written: so many fit into a near cache."""
PIECE_ROWS = 1 << 20
"""Rows whose weights are asked for at once."""


class Stream(NamedTuple):
    """A table in parts, and all that was learnt of it."""

    shards: Shards
    features: Features
    sieve: Features
    """tells with missing="drop" which rows lack a value"""
    target: Target
    labels: Target
    """knows labels of rows that are left out, too"""
    share: float
    """of the rows that validate"""
    weight: str | None
    """column of the rows' weights"""
    class_weight: str | Mapping[Any, float] | None
    check: Callable[[Array], None]
    """refuses encoded targets that the loss is not for"""
    seed: int

    @property
    def columns(self) -> list[str]:
        """Those that are read."""
        both = (*self.features.columns, *self.sieve.columns)
        others = [self.target.name, *([self.weight] if self.weight else [])]
        return list(dict.fromkeys([*(column.name for column in both), *others]))


class Encoded(NamedTuple):
    """Rows on disk."""

    train: Shelf
    held: Shelf
    """those to validate on; there may be none"""
    unknown: int
    """rows without a target"""
    gaps: int
    """rows with a target that were left out for lack of another value"""

    @property
    def n_bytes(self) -> int:
        """What all of them take."""
        return self.train.n_bytes + self.held.n_bytes


def encoded(stream: Stream, folder: Path, tell: Callable[[str], None]) -> Encoded:
    """Write down all rows of a table, ready to be read.

    Args:
        stream: the table.
        folder: where to.
        tell: what to do with a sentence for the user.

    Raises:
        DataError: values that do not fit, by their row; too little room.
    """
    features = stream.features
    train, held = shelves_of(folder, features, stream.target)
    if not features.sparse:
        needed = stream.shards.n_rows * 4 * (features.width + 1)
        _check_room(folder, needed)
        tell(
            f"{stream.shards.n_rows:,} rows are kept encoded in {folder}: "
            f"{size_of(needed)}."
        )
    with kept_in(folder):
        with contextlib.ExitStack() as stack:
            for shelf in (train, held):
                shelf.open(stack)
            unknown, gaps = _write(stream, train, held)
        _weigh(stream, train, held)
    return Encoded(train, held, unknown, gaps)


def shelves_of(folder: Path, features: Features, target: Target) -> tuple[Shelf, Shelf]:
    """Where rows to train on, and rows to validate on, are kept.

    Args:
        folder: the folder.
        features: how columns become numbers.
        target: how the target does.
    """
    dtype = np.int32 if target.classes else np.float32
    width, kind = features.width, {"sparse": features.sparse, "dtype": dtype}
    return Shelf(folder, "train", width, **kind), Shelf(
        folder, "validation", width, **kind
    )


def _write(stream: Stream, train: Shelf, held: Shelf) -> tuple[int, int]:
    """Write every row; (rows without a target, rows left out for another gap)."""
    unknown = gaps = 0
    features, target = stream.features, stream.target
    tables = stream.shards.tables(stream.columns)
    for first, place, table in ahead(tables):
        try:
            y, keep = stream.labels.encode(table[target.name])
            if features.missing == "refuse":
                refuse_missing_target(target.name, keep)
                features.gaps(table, presence=True).refuse()
            whole = stream.sieve.complete(table)
            unknown, gaps = (
                unknown + int((~keep).sum()),
                gaps + int((keep & ~whole).sum()),
            )
            y, keep = y[whole[keep]], keep & whole
            if stream.labels is not target:
                y, _ = target.encode(table[target.name].filter(pa.array(keep)))
            stream.check(y)
            weight = (
                None if stream.weight is None else check_weights(stream.weight, table)
            )
            split = held_out(first, len(keep), stream.share, seed=stream.seed)
            if not keep.all():
                table, split = table.filter(pa.array(keep)), split[keep]
                weight = None if weight is None else weight[keep]
            for tile in tiles(features, table, split):
                _shelve(tile, split, y, weight, train, held)
        except DataError as error:
            raise DataError(f"{place}: {error}") from error
    if not train.n_rows:
        raise DataError("no row is left to train on.")
    return unknown, gaps


def _shelve(
    tile: Tile, split: Array, y: Array, weight: Array | None, train: Shelf, held: Shelf
) -> None:
    """Write the rows of a tile where they belong."""
    part = slice(tile.first, tile.first + tile.size)
    some, fit = split[part], tile.size - tile.held
    if not tile.held:
        train.add(tile.rows, y[part], None if weight is None else weight[part])
        return
    for shelf, which, rows in (
        (train, ~some, tile.rows[:fit]),
        (held, some, tile.rows[fit:]),
    ):
        if rows.shape[0]:
            given = None if weight is None else weight[part][which]
            shelf.add(rows, y[part][which], given)


def _weigh(stream: Stream, train: Shelf, held: Shelf) -> None:
    """Write how much each row counts, of mean 1, where that differs."""
    if stream.weight is None and stream.class_weight is None:
        return
    shelves = [shelf for shelf in (train, held) if shelf.n_rows]
    by_class = _by_class(stream, shelves)
    tops = [given.max() for shelf in shelves for _, given in _pieces(shelf)]
    top = max(tops) or 1.0  # divided by it first, large weights cannot overflow

    def weights(shelf: Shelf) -> Iterator[tuple[Array, Array]]:
        for y, given in _pieces(shelf):
            yield y, given / top * (1.0 if by_class is None else by_class[y])

    sums = [sum(float(part.sum()) for _, part in weights(shelf)) for shelf in shelves]
    if sums[0]:
        _refuse_one_value(stream.target, weights(train))
    if not all(sums):
        told = "every row to train on weighs 0"
        if sums[0]:
            told = "every row to validate on weighs 0; take a larger share"
        raise DataError(f"weights: {told}.")
    mean = sum(sums) / sum(shelf.n_rows for shelf in shelves)
    for shelf in shelves:
        for _, part in weights(shelf):
            shelf.weigh(part / mean)


def _refuse_one_value(target: Target, pieces: Iterable[tuple[Array, Array]]) -> None:
    """Weights of 0 may leave one value alone to train on."""
    used = (y[weight > 0] for y, weight in pieces)
    ends = [end for y in used if y.size for end in (y.min(), y.max())]
    if min(ends) == max(ends):
        value = target.decode(np.array(ends[:1])).tolist()[0]
        raise DataError(
            f"target {target.name}: it is {value!r} in every row to train on that "
            "weighs more than 0, so there is nothing to learn. Give rows of other "
            "values a weight above 0."
        )


def _by_class(stream: Stream, shelves: list[Shelf]) -> Array | None:
    """(k,) what each class weighs; None where classes do not matter."""
    if stream.class_weight is None:
        return None
    classes = len(stream.target.classes)
    counts = np.zeros(classes)
    for shelf in shelves if classes else ():
        for y, _ in _pieces(shelf):
            counts += np.bincount(y, minlength=classes)
    found = of_classes(counts, stream.target, stream.class_weight)
    return found / (found.max() or 1.0)


def _pieces(shelf: Shelf) -> Iterator[tuple[Array, Array]]:
    """(targets, weights as given) of some rows at a time."""
    if not shelf.n_rows:
        return
    target, given = shelf.target, shelf.given
    for first in range(0, shelf.n_rows, PIECE_ROWS):
        part = slice(first, first + PIECE_ROWS)
        y = target[part]
        yield y, np.ones(len(y)) if given is None else given[part]
        release(target)
        release(given)


def distinct_of(
    shards: Shards, name: str, known: pa.ChunkedArray, *, most: int
) -> pa.Array:
    """The values of a column that are not among some of them.

    Args:
        shards: the table.
        name: of the column.
        known: some of its values; where they are more than `most`, no others are
            looked for.
        most: values to find, about.
    """
    seen = pc.unique(known)
    start = len(seen)
    if start > most:
        return seen.slice(start)
    for _, place, table in ahead(shards.tables([name])):
        try:
            values = pc.unique(table[name]).cast(seen.type)
        except pa.ArrowException as error:
            raise DataError(
                f"{place}: column {name} holds {table[name].type}, elsewhere "
                f"{seen.type}. Write it alike in all files."
            ) from error
        new = values.filter(pc.invert(pc.is_in(values, value_set=seen)))
        seen = pa.concat_arrays([seen, new])
        if len(seen) > most:
            break
    return seen.slice(start)


class Tile(NamedTuple):
    """Encoded rows: those to train on, then those to validate on."""

    rows: Any
    first: int
    """The first of them in the table they come from."""
    size: int
    held: int
    """How many of them are the latter."""


def tiles(features: Features, table: pa.Table, held: Array) -> Iterator[Tile]:
    """The rows of a table, encoded a few at a time.

    The rows of a tile are good until the next one is asked for.

    Args:
        features: how columns become numbers.
        table: (n rows) all of which are used.
        held: (n,) true for rows to validate on.

    Raises:
        DataError: as `Features.encode`.
    """
    if features.sparse:
        rows = features.encode(table)
        order = np.argsort(held, kind="stable")
        yield Tile(rows[order], 0, len(held), int(held.sum()))
        return
    numbers, others = _by_kind(features, table)
    size = max(64, TILE_BYTES // (4 * max(features.width, 1)))
    out = np.empty((size, features.width), np.float32)
    for first in range(0, table.num_rows, size):
        some = held[first : first + size]
        at = places(some)
        numbers.write(first, at, out)
        for left, column, values in others:
            part = values.slice(first, len(some))
            block = column.encode(part, first_row=first)
            out[at, left : left + block.shape[1]] = block
        yield Tile(out[: len(some)], first, len(some), int(some.sum()))


def _by_kind(
    features: Features, table: pa.Table
) -> tuple[Numbers, list[tuple[int, Column, pa.ChunkedArray]]]:
    """(columns of plain numbers, others with the place of each in a row)."""
    found = features.found(table)
    widths = [len(column.names) for column in features.columns]
    lefts = np.cumsum([0, *widths])
    plain, others = [], []
    for column, left in zip(features.columns, lefts, strict=False):
        values = found[column.name]
        numbers = plain_values(column, values)
        if numbers is None:
            others.append((int(left), column, values))
        else:
            plain.append((column, numbers, int(left)))
    columns, numbers, places = zip(*plain, strict=True) if plain else ((), (), ())
    return Numbers(columns, numbers, places), others


def _check_room(folder: Path, needed: int) -> None:
    """Refuse a folder with too little room."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{folder}: {size_of(needed)} are needed to keep encoded rows, "
            f"{size_of(free)} are free. Name a folder with more room by cache=."
        )


def size_of(n_bytes: int) -> str:
    """A number of bytes as people write it.

    >>> size_of(1_234_567_890), size_of(52_000)
    ('1.2 GB', '0.1 MB')
    """
    if n_bytes >= 1e9:
        return f"{n_bytes / 1e9:.1f} GB"
    return f"{max(n_bytes / 1e6, 0.1):.1f} MB"
