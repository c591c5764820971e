"""The rows of a run, appended to a file as they come."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import jax

from steepest.descent.parts import Event
from steepest.descent.watchers.writing import Writing
from steepest.records.folder import PART, TRACE, row_lines
from steepest.records.layers import Layers
from steepest.records.row import Row


class TraceFile:
    """Appends each stretch's rows to trace.jsonl.part; a killed run leaves them there.

    The trace of an earlier run in the folder stays until this one is whole. Rows that
    cannot be written are kept, and tried again with those that follow.

    Args:
        folder: the run folder.
        writing: takes what goes wrong; None for one of its own.
        before: (rows, path, layers) of the part of the run that came before, if any.
    """

    def __init__(
        self,
        folder: Path,
        writing: Writing | None = None,
        before: tuple[Row, Any, Layers | None] | None = None,
    ) -> None:
        self._path = folder / (TRACE + PART)
        self._writing = writing or Writing(folder)
        self._before, self._waiting, self._size = before, b"", 0
        self._file: io.FileIO | None = None

    def open(self) -> None:
        """Begin the file anew."""
        with self._writing.outlived():
            self._file = io.FileIO(self._path, "w")
        if self._before is not None:
            self._add(*self._before)

    def tell(self, event: Event) -> None:
        """Write the new rows."""
        self._add(event.rows, event.path, event.layers)

    def close(self) -> None:
        """The last row follows with the run itself."""
        if self._file is not None:
            with self._writing.outlived():
                self._file.close()

    def _add(self, rows: Row, path: Any, layers: Layers | None) -> None:
        if self._file is None:
            return
        path = path if jax.tree.leaves(path) else None
        self._waiting += "".join(row_lines(rows, path, layers)).encode()
        with self._writing.outlived():
            self._write(self._file)

    def _write(self, file: io.FileIO) -> None:
        """All that waits, or nothing of it: half a line would hide those after it."""
        begin = self._size
        try:
            while self._waiting[self._size - begin :]:
                self._size += file.write(self._waiting[self._size - begin :]) or 0
        except OSError:
            self._size = begin
            with contextlib.suppress(OSError):
                file.seek(begin)
                file.truncate()
            raise
        self._waiting = b""
