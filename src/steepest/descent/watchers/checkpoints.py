"""Checkpoints, written while a run goes: often, and at little cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from steepest.core.errors import UsageError
from steepest.core.numbers import is_number, is_whole
from steepest.descent.parts import Event
from steepest.descent.watchers.writing import Writing
from steepest.records.checkpoint import Checkpoint, save_checkpoint
from steepest.records.stop import Stop

MOST_SHARE = 0.025
"""Of the time of a run that checkpoints may take: then they come less often."""


class Checkpoints:
    """Writes a checkpoint every so many seconds or epochs, and one when interrupted.

    Args:
        folder: the run folder.
        bound: makes what a run must have in common to go on from them, as plain data
            with "run"; it is asked for once, with the first.
        seconds: between two, at least; None for no such limit.
        epochs: passes over the data between two; None for no such limit.
        writing: takes what goes wrong.
    """

    def __init__(
        self,
        folder: Path,
        bound: Callable[[], dict[str, Any]],
        *,
        seconds: float | None,
        epochs: int | None,
        writing: Writing,
    ) -> None:
        self._folder, self._bound, self._writing = folder, bound, writing
        self._seconds, self._epochs = seconds, epochs
        self._known: dict[str, Any] | None = None

    def open(self) -> None:
        """The clock begins; epochs count from the first stretch on."""
        self._since, self._wait = time.perf_counter(), self._seconds
        self._epoch: int | None = None

    def tell(self, event: Event) -> None:
        """Write one where it is due: never of a part of a run that has ended."""
        asked = event.stop is Stop.INTERRUPTED
        if asked or (event.stop is None and self._is_due(event)):
            began = time.perf_counter()
            with self._writing.outlived():
                self._save(event)
            self._since = time.perf_counter()
            self._epoch = int(event.state.cursor.epoch)
            if self._seconds is not None:
                took = self._since - began
                self._wait = max(self._seconds, took / MOST_SHARE)

    def close(self) -> None:
        """They stay until the run is saved."""

    def _is_due(self, event: Event) -> bool:
        if self._wait is not None and time.perf_counter() - self._since >= self._wait:
            return True
        epoch = int(event.state.cursor.epoch)
        if self._epoch is None:
            self._epoch = epoch
        return self._epochs is not None and epoch - self._epoch >= self._epochs

    def _save(self, event: Event) -> None:
        if self._known is None:
            self._known = self._bound()
        arrays, info = event.snapshot()
        info = {**info, "step": int(event.state.step), **self._known}
        save_checkpoint(self._folder, Checkpoint(arrays, info))


def check_often(seconds: Any, epochs: Any) -> None:
    """Refuse what cannot be meant as a time between checkpoints.

    Args:
        seconds: > 0, or None.
        epochs: a whole number from 1 on, or None.

    Raises:
        UsageError: anything else.

    >>> check_often(0, None)
    Traceback (most recent call last):
    steepest.core.errors.UsageError: checkpoint_seconds=0: must be > 0, or None for ...
    """
    if seconds is not None and not (is_number(seconds) and 0 < seconds < float("inf")):
        raise UsageError(
            f"checkpoint_seconds={seconds!r}: must be > 0, or None for no checkpoints "
            "by the clock."
        )
    if epochs is not None and not (is_whole(epochs) and epochs >= 1):
        raise UsageError(
            f"checkpoint_epochs={epochs!r}: must be a whole number from 1 on, or None "
            "for no checkpoints by epochs."
        )
