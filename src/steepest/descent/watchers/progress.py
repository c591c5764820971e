"""The progress bar: on stderr, at most ten times a second, never in a pipe."""

from __future__ import annotations

import sys
import time
from typing import Any, Literal

from steepest.core.errors import UsageError
from steepest.descent.loop import Event
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
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        self._n_rows, self._epochs = n_rows, stopping.max_epochs
        total = stopping.max_steps
        if n_rows and stopping.max_epochs is not None:
            total = n_rows * stopping.max_epochs
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        name = "fitting" if n_rows else "descending"
        self._task = self._bar.add_task(name, total=total, note="compiling")
        self._shown, self._seen = 0.0, 0

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
        self._shown = now
        done = self._seen if self._n_rows else int(event.state.step)
        self._bar.update(self._task, completed=done, note=self._note(event))

    def close(self) -> None:
        """Take the bar away; what counts is printed by the caller."""
        self._bar.stop()

    def _note(self, event: Event) -> str:
        value, grad_norm = event.log.last_point()
        if not self._n_rows:
            step = int(event.state.step)
            return f"step {step:,}  value {value:.6g}  |gradient| {grad_norm:.2g}"
        epoch = int(event.state.cursor.epoch)
        parts: list[Any] = [f"epoch {epoch}/{self._epochs or '?'}", f"loss {value:.4g}"]
        if len(event.log.validation.loss):
            parts.append(f"validation {event.log.validation.loss[-1]:.4g}")
        speed = self._seen / max(event.seconds, 1e-9)
        return "  ".join([*parts, f"{speed:,.0f} rows/s"])
