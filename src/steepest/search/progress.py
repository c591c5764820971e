"""The progress bar of many runs: how many are over, and the best value so far."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Literal

from steepest.core.errors import UsageError
from steepest.descent.many import Progress

EVERY_SECONDS = 0.1

Tell = Callable[[Progress], None]


@contextlib.contextmanager
def runs_bar(progress: bool | Literal["auto"], n: int) -> Iterator[Tell]:
    """A bar on stderr while the block runs, or none where nobody would see it.

    Args:
        progress: True, False, or "auto": when stderr is a terminal.
        n: the length of the bar.

    Yields:
        What to call with each Progress.

    Raises:
        UsageError: another word.
    """
    check_progress(progress)
    if progress is False or (progress == "auto" and not sys.stderr.isatty()):
        yield lambda done: None  # noqa: ARG005
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=14))
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task, shown = bar.add_task("compiling", total=n), 0.0

        def tell(done: Progress) -> None:
            nonlocal shown
            now = time.monotonic()
            if now - shown < EVERY_SECONDS and done.ended < n:
                return
            shown = now
            words = f"{done.ended:,}/{n:,} runs  best {done.best:.6g}"
            bar.update(task, completed=done.ended, description=words)

        yield tell


def check_progress(progress: bool | Literal["auto"]) -> None:
    """Refuse what is neither True, False nor "auto".

    Args:
        progress: what was asked.

    Raises:
        UsageError: another word.

    >>> check_progress("auto")
    """
    if progress not in (True, False, "auto"):
        raise UsageError(f"progress={progress!r}: must be True, False or 'auto'.")
