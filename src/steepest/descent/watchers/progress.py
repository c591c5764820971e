"""The progress bar: on stderr, at most ten times a second, never in a pipe."""

from __future__ import annotations

import sys
import time
from typing import Literal

from steepest.core.errors import UsageError
from steepest.descent.parts import Event
from steepest.records.stop import Stopping

EVERY_SECONDS = 0.1


def progress_bar(
    progress: bool | Literal["auto"],
    stopping: Stopping,
    n_rows: int = 0,
) -> tuple[ProgressBar, ...]:
    """One progress bar, or none where nobody would see it.

    Args:
        progress: True, False, or "auto": when stderr is a terminal.
        stopping: its budget is the length of the bar.
        n_rows: training rows an epoch; 0 for a function.

    Raises:
        UsageError: another word.
    """
    if progress not in (True, False, "auto"):
        raise UsageError(f"progress={progress!r}: must be True, False or 'auto'.")
    if progress == "auto" and not sys.stderr.isatty():
        return ()
    return (ProgressBar(stopping, n_rows),) if progress else ()


class ProgressBar:
    """Steps or rows done, the loss, the validation loss, rows a second.

    Args:
        stopping: its budget is the length of the bar.
        n_rows: training rows an epoch; 0 for a function.
    """

    def __init__(self, stopping: Stopping, n_rows: int) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._n_rows, self._epochs = n_rows, stopping.max_epochs
        total = stopping.max_steps
        if n_rows and stopping.max_epochs is not None:
            total = n_rows * stopping.max_epochs
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=14),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("compiling", total=total, note="")
        self._shown, self._seen, self._since = 0.0, 0, (0, 0.0)

    def open(self) -> None:
        """Show the bar, while the program compiles."""
        self._bar.start()

    def tell(self, event: Event) -> None:
        """Redraw, unless it was just done."""
        if len(event.rows.value):
            self._seen = int(event.rows.samples[-1] if self._n_rows else 0)
        now = time.monotonic()
        if event.stop is None and now - self._shown < EVERY_SECONDS:
            return
        if not self._shown:  # what compiling took says nothing of the speed
            self._since = (self._seen, event.seconds)
        self._shown = now
        done = self._seen if self._n_rows else int(event.state.step)
        words, note = self._words(event)
        self._bar.update(self._task, completed=done, description=words, note=note)

    def close(self) -> None:
        """Take the bar away; what counts is printed by the caller."""
        self._bar.stop()

    def _words(self, event: Event) -> tuple[str, str]:
        """(where the run is, how it goes), to fit 80 columns together."""
        value, grad_norm = event.log.last_point()
        if not self._n_rows:
            step = f"step {int(event.state.step):,}"
            return step, f"value {value:.6g}  |gradient| {grad_norm:.2g}"
        parts = [f"loss {value:.4g}"]
        if event.log.judged:
            parts.append(f"validation {event.log.judged[-1][2]:.4g}")
        rows, seconds = self._since
        if event.seconds > seconds:
            speed = (self._seen - rows) / (event.seconds - seconds)
            parts.append(f"{speed:,.0f} rows/s")
        epoch = int(event.state.cursor.epoch)
        return f"epoch {epoch}/{self._epochs or '?'}", "  ".join(parts)
