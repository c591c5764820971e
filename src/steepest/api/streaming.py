"""Tables that do not fit into memory, as rows on disk that the engines read.

A sample of the rows tells how columns become numbers; then every part is decoded,
encoded and written once. What comes of it is what `table_data.prepare` gives, with
arrays that lie in files: the rest of a fit does not know the difference.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from steepest.api.table_data import (
    Rows,
    TableData,
    ignored,
    is_share,
    loss_for,
    own_validation,
)
from steepest.core.errors import DataError, UsageError
from steepest.core.suggest import did_you_mean
from steepest.core.words import plural
from steepest.data.encoding import (
    Encoded,
    Stream,
    distinct_of,
    encoded,
    shelves_of,
    size_of,
)
from steepest.data.features import Features
from steepest.data.gaps import check_missing
from steepest.data.orders import held_rows
from steepest.data.reading import target_name
from steepest.data.shards import Shards, open_shards
from steepest.data.shelf import Shelf
from steepest.data.target import MAX_CLASSES, SEEN_OFTEN, Target

SAMPLE_ROWS, SAMPLE_VALUES = 1 << 17, 1 << 23
"""Rows that tell how columns become numbers, fewer where columns are many."""


class Learnt(NamedTuple):
    """A table on disk and how it came there."""

    features: Features
    target: Target
    rows: Encoded

    def to_json(self) -> dict[str, Any]:
        """A plain dict; the rows themselves stay where they are."""
        rows = self.rows
        shelves = {"train": rows.train, "validation": rows.held}
        return {
            "features": self.features.to_json(),
            "target": self.target.to_json(),
            "rows": {name: [one.n_rows, one.n_values] for name, one in shelves.items()},
            "unknown": rows.unknown,
            "gaps": rows.gaps,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], folder: Path) -> Learnt:
        """What `to_json` wrote, with its rows in a folder.

        Raises:
            DataError: something else, or rows that are not there whole.
        """
        features = Features.from_json(data["features"])
        target = Target.from_json(data["target"])
        shelves = shelves_of(folder, features, target)
        for shelf, counts in zip(shelves, data["rows"].values(), strict=True):
            shelf.n_rows, shelf.n_values = counts
            shelf.check()
        rows = Encoded(*shelves, data["unknown"], data["gaps"])
        return cls(features, target, rows)


def learn_stream(
    data: Any,
    target: str | int | None,
    *,
    folder: Path,
    tell: Callable[[str], None],
    **asked: Any,
) -> Learnt:
    """Infer from a sample, then decode, encode and write down every part once.

    Args:
        data: paths, or an iterator of batches.
        target: the column to predict.
        folder: to keep encoded rows in.
        tell: what to do with a sentence for the user.
        **asked: all options of `table_data.prepare`.

    Raises:
        UsageError, DataError: whatever does not fit.
    """
    check_missing(asked["missing"])  # before anything is read
    _share(asked["validation"])
    named = None if target is None else str(target)
    shards = open_shards(data, folder, target=named)
    name = target_name(shards.names, shards.target if target is None else target)
    stream = _stream(shards, name, asked)
    done = encoded(stream, folder, tell)
    notes = [*stream.features.notes]
    if stream.share and not done.held.n_rows:
        notes.append(
            f"validation: no row is held out, {done.train.n_rows} are too few; metrics "
            "are those of the training rows."
        )
    notes.append(f"rows are read from disk, where they take {size_of(done.n_bytes)}.")
    found = replace(stream.target, missing=done.unknown)
    return Learnt(replace(stream.features, notes=tuple(notes)), found, done)


def _stream(shards: Shards, name: str, asked: dict[str, Any]) -> Stream:
    """All that a sample of the rows tells."""
    share, seed, missing = _share(asked["validation"]), asked["seed"], asked["missing"]
    weight = _weight_column(asked["sample_weight"], shards.names)
    left_out = {name, *ignored(asked["ignore"], shards.names)}
    learn = functools.partial(
        Features.infer,
        exclude=left_out | ({weight} if weight else set()),
        standardize=asked["standardize"],
        hash_bits=asked["hash_bits"],
        missing=missing,
    )
    sample, numbers = shards.sample(_sample_rows(len(shards.names)))
    found = _target(shards, sample[name], name, asked["task"])
    chosen = loss_for(asked["loss"], found, asked=asked["task"])
    keep, sieve, labels = found.encode(sample[name])[1], None, found
    if missing == "drop":
        sieve = learn(sample.filter(pa.array(keep)))
        keep = keep & sieve.complete(sample)
        if len(keep) == shards.n_rows:
            found = _of_complete(sample[name].filter(pa.array(keep)), found)
    keep = keep & ~held_rows(numbers, share, seed=seed)
    if not keep.any():
        told = f"validation={asked['validation']!r}"
        raise DataError(f"{told}: leaves no rows to train on.")
    known = sample.filter(pa.array(keep))
    if chosen.scales_target:
        scaled = Target.infer(known[name], task=found.task, name=name, scale=True)
        found = replace(found, center=scaled.center, scale=scaled.scale)
    features = learn(known, rows=numbers[keep] + 1)
    notes = [*shards.notes, *features.notes]
    if len(numbers) < shards.n_rows:
        rows = plural(len(numbers), "row")
        notes.append(f"how columns become numbers was learnt from {rows} of the table.")
    return Stream(
        shards=shards,
        features=replace(features, notes=tuple(notes)),
        sieve=sieve or features,
        target=found,
        labels=found if labels.classes == found.classes else labels,
        share=share,
        weight=weight,
        class_weight=asked["class_weight"],
        check=lambda y: chosen.check_target(y, n_classes=len(found.classes) or None),
        seed=seed,
    )


def _of_complete(column: pa.ChunkedArray, found: Target) -> Target:
    """The target of the rows that lack no value."""
    try:
        again = Target.infer(column, task=found.task, name=found.name)
    except DataError as error:
        left = plural(len(column), "row")
        raise DataError(
            f"missing='drop' leaves {left}, too few to learn from. Leave columns that "
            "often lack a value out, or set missing='impute'."
        ) from error
    return replace(again, reason=found.reason, missing=found.missing)


def table_of(learnt: Learnt, loss: Any, validation: Any) -> TableData:
    """What a fit is given.

    Args:
        learnt: with encoded rows.
        loss: as asked for.
        validation: as asked for; a table of the user's own is read now.
    """
    features, target, rows = learnt
    chosen = loss_for(loss, target, asked=target.task)
    held = rows_of(rows.held) if rows.held.n_rows else None
    if validation is not None and not is_share(validation):
        held = own_validation(validation, features, target, chosen)
    return TableData(features, target, chosen, rows_of(rows.train), held, rows.gaps)


def rows_of(shelf: Shelf) -> Rows:
    """What a fit reads.

    Args:
        shelf: with rows.
    """
    weight = shelf.weight
    if weight is None:  # one number seen as many: it takes no memory
        weight = np.broadcast_to(np.float32(1), (shelf.n_rows,))
    return Rows(shelf.inputs, shelf.target, weight)


def _target(
    shards: Shards, sample: pa.ChunkedArray, name: str, task: str | None
) -> Target:
    """The target, with every label there is: all rows are asked, not the sample."""
    extra = []
    if len(sample) < shards.n_rows and task != "regression":
        extra = [distinct_of(shards, name, sample, most=MAX_CLASSES)] * SEEN_OFTEN
    chunks = [*sample.chunks, *(chunk for chunk in extra if len(chunk))]
    return Target.infer(pa.chunked_array(chunks, sample.type), task=task, name=name)


def _sample_rows(n_columns: int) -> int:
    return max(4096, min(SAMPLE_ROWS, SAMPLE_VALUES // n_columns))


def _share(validation: Any) -> float:
    """The probability that a row validates."""
    if validation is None or not is_share(validation):
        return 0.0
    if isinstance(validation, bool) or not 0 <= validation < 1:
        raise UsageError(
            f"validation={validation!r}: must be a share in [0, 1), a table, or None."
        )
    return float(validation)


def _weight_column(sample_weight: Any, names: Sequence[str]) -> str | None:
    if sample_weight is None:
        return None
    if not isinstance(sample_weight, str):
        raise UsageError(
            "sample_weight: rows that are streamed get their weights from a column; "
            "name it."
        )
    if sample_weight not in names:
        near = did_you_mean(sample_weight, names)
        raise DataError(f"sample_weight={sample_weight!r}: no such column. {near}")
    return sample_weight
