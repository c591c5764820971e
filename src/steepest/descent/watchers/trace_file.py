"""The rows of a run, appended to a file as they come."""

from __future__ import annotations

from pathlib import Path

from steepest.descent.parts import Event
from steepest.records.folder import PART, TRACE, row_lines


class TraceFile:
    """Appends each stretch's rows to trace.jsonl.part; a killed run leaves them there.

    The trace of an earlier run in the folder stays until this one is whole.

    Args:
        folder: the run folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / (TRACE + PART)

    def open(self) -> None:
        """Begin the file anew."""
        self._file = self._path.open("w", encoding="utf-8")

    def tell(self, event: Event) -> None:
        """Write the new rows."""
        self._file.writelines(row_lines(event.rows, event.path))
        self._file.flush()

    def close(self) -> None:
        """The last row follows with the run itself."""
        self._file.close()
