"""A run and its folder: what is kept while it goes, at its end, and to go on from."""

from __future__ import annotations

import contextlib
import hashlib
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from steepest.api.asked import Asked, asked_of
from steepest.core.errors import DataError, LostWarning, ResumeWarning
from steepest.core.files import sha256
from steepest.descent.parts import Watcher
from steepest.descent.snapshot import Snapshot, layers_from, rows_from
from steepest.descent.watchers import Checkpoints, TraceFile, Writing, check_often
from steepest.records.checkpoint import (
    checkpoint_files,
    clear_checkpoints,
    newest_checkpoint,
)
from steepest.records.folder import forget_unfinished, run_folder
from steepest.records.stop import Stop

if TYPE_CHECKING:  # functions need no tables
    from steepest.api.table_data import TableData

MOST_HASHED = 1 << 28
"""Bytes of an array that are read to know it again; of a larger one, so many of it."""
PIECE = 1 << 16

TOLD_FIRST = ("objective", "model", "loss", "optimizer", "batch_size", "epochs")
"""What others follow from, where a run differs from the one that began."""

Bound = Callable[[], Mapping[str, Any]]
"""Makes what a run that goes on must have in common with the one that began."""


class Keeping:
    """What a run writes while it goes; nothing where nothing is saved.

    Args:
        folder: the run folder, None where nothing is saved.
        watchers: that write there.
        snapshot: to go on from; None to begin.
    """

    def __init__(
        self,
        folder: Path | None = None,
        watchers: tuple[Watcher, ...] = (),
        snapshot: Snapshot | None = None,
    ) -> None:
        self.folder, self.watchers, self.snapshot = folder, watchers, snapshot

    def save(self, write: Callable[[Path], Any], stop: Stop) -> None:
        """Write down what came of the run; one that was interrupted can go on.

        Args:
            write: the run folder -> anything.
            stop: why the run ended.
        """
        if self.folder is None:
            return
        try:
            write(self.folder)
            if stop is not Stop.INTERRUPTED:
                forget_unfinished(self.folder)
        except (OSError, DataError) as error:
            told = str(error)
            if isinstance(error, OSError):
                told = f"{self.folder}: cannot be written ({error.strerror})."
            told += " The result is not saved; mend that, then resume the run."
            warnings.warn(LostWarning(told), stacklevel=2)


def record_of(
    door: str, subject: Any, asked: Mapping[str, Any], **more: Any
) -> Asked | None:
    """What a run was asked, where it is saved; its options about that are checked.

    Args:
        door: fit, minimize or maximize.
        subject: the data, or the objective.
        asked: the options of the door.
        **more: its other arguments.

    Raises:
        UsageError: options that cannot be meant.
        DataError: a file that is not there.
    """
    check_often(asked["checkpoint_seconds"], asked.get("checkpoint_epochs"))
    if asked["save"] is None:
        return None
    paths = (subject, asked["validation"]) if door == "fit" else ()
    return asked_of(door, subject, {**asked, **more}, *paths)


def bound_of(
    record: Asked | None, settings: Mapping[str, Any], table: TableData | None = None
) -> Bound:
    """What a run has in common with one that goes on from it: asked for when needed.

    Args:
        record: what was asked; files it names are known by their size and time.
        settings: all that was asked, inferred and chosen.
        table: what a model is fitted to.
    """

    def bound() -> dict[str, Any]:
        if table is None:
            return {"settings": settings, "data": None}
        read = [table.features.to_json(), table.target.to_json()]
        found = [sha256(json.dumps(read, default=str).encode())]
        if record is not None and not record.files:
            found.append(hash_of((table.train, table.validation)))
        return {"settings": settings, "data": found}

    return bound


@contextlib.contextmanager
def keeping(
    record: Asked | None,
    asked: Mapping[str, Any],
    bound: Bound,
    *,
    model: bool = False,
    resumed: bool = False,
) -> Iterator[Keeping]:
    """The folder of a run, for as long as it goes: no other process may run there.

    Args:
        record: from `record_of`, or read from the folder.
        asked: the options of the door.
        bound: makes what the run must have in common with one that goes on from it.
        model: whether a model is to be saved.
        resumed: whether the run goes on.

    Raises:
        DataError: the folder cannot be written, another process runs there, or what
            is there is of another run.
    """
    if record is None:
        yield Keeping()
        return
    with run_folder(asked["save"], model=model, resumed=resumed) as folder:
        assert folder is not None  # noqa: S101  there is a record
        snapshot = None
        if resumed:
            snapshot = _snapshot(folder, record, bound)
        else:
            if checkpoint_files(folder):
                told = f"{folder}: the run that could be resumed there is given up."
                warnings.warn(ResumeWarning(told), stacklevel=2)
            record.write(folder)
            clear_checkpoints(folder)
        writing = Writing(folder)
        checkpoints = Checkpoints(
            folder,
            lambda: {"run": record.run, "bound": _as_json(bound())},
            seconds=asked["checkpoint_seconds"],
            epochs=asked.get("checkpoint_epochs"),
            writing=writing,
        )
        before = None if snapshot is None else _rows(snapshot)
        trace = TraceFile(folder, writing, before)
        yield Keeping(folder, (trace, checkpoints), snapshot)


def _rows(snapshot: Snapshot) -> tuple[Any, Any, Any]:
    """The rows so far, the leaves of their params, and what they tell of layers."""
    arrays = snapshot.arrays
    path = [a for name, a in arrays.items() if name[:5] == "path."]
    return rows_from(arrays), path, layers_from(snapshot)


def _snapshot(folder: Path, record: Asked, bound: Bound) -> Snapshot | None:
    """What the run goes on from; None where it begins anew, which is said."""
    found, wrong = newest_checkpoint(folder, record.run)
    instead = "the one before it is used" if found else "the run begins anew"
    for fault in wrong:
        warnings.warn(ResumeWarning(f"{fault} {instead.capitalize()}."), stacklevel=2)
    if found is None:
        if not wrong:
            told = f"{folder}: holds no checkpoint yet; {instead}."
            warnings.warn(ResumeWarning(told), stacklevel=2)
        return None
    _check_bound(folder, found.info["bound"], _as_json(bound()))
    return Snapshot(found.arrays, found.info)


def _check_bound(folder: Path, then: dict[str, Any], now: dict[str, Any]) -> None:
    if then["data"] != now["data"]:
        raise DataError(
            f"{folder}: the data is not what the run began with, or not in the same "
            "order; hand over the same, or begin a new run."
        )
    before, after = then["settings"], now["settings"]
    for name in (*TOLD_FIRST, *before, *after):
        if before.get(name) != after.get(name):
            raise DataError(
                f"{folder}: {name} was {before.get(name)!r} when the run began, and is "
                f"{after.get(name)!r} now; resume it with what it began with, or begin "
                "a new run."
            )


def _as_json(bound: Mapping[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(bound, default=str))


def hash_of(parts: Any) -> str:
    """What tells arrays from others: the SHA-256 of their types, shapes and numbers.

    Of an array beyond MOST_HASHED bytes pieces are read that lie evenly in it.

    Args:
        parts: a tree of arrays, or of sparse rows of SciPy; None for nothing.

    >>> hash_of([np.ones(2)]) == hash_of([np.ones(2)]) != hash_of([np.zeros(2)])
    True
    """
    found = hashlib.sha256()
    for part in jax.tree.leaves(parts):
        sparse = hasattr(part, "indptr")
        whole = (part.data, part.indices, part.indptr) if sparse else (part,)
        for array in map(np.asarray, whole):
            found.update(f"{array.dtype}{array.shape}".encode())
            for piece in _pieces(array):
                found.update(np.ascontiguousarray(piece).data)
    return found.hexdigest()


def _pieces(array: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, Any]]:
    if array.ndim == 0 or not array.size:
        yield array.reshape(-1)
        return
    rows = max(1, PIECE * len(array) // array.nbytes)
    stride = rows * max(1, array.nbytes // MOST_HASHED)
    for start in range(0, len(array), stride):
        yield array[start : start + rows]
