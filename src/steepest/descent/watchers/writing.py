"""What those who write files share: a fault is told once, and the run goes on."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

from steepest.core.errors import DataError, SaveWarning


class Writing:
    """Takes what goes wrong with writing to a folder.

    Args:
        folder: the run folder.

    >>> Writing(Path("run")).failed
    False
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.failed = folder, False

    @contextlib.contextmanager
    def outlived(self) -> Iterator[None]:
        """Within this block a file that cannot be written ends no run."""
        try:
            yield
        except (OSError, DataError) as error:
            self.tell(_reason(error, self.folder))

    def tell(self, fault: str) -> None:
        """Warn the user, but for the first fault only."""
        if not self.failed:
            self.failed = True
            warnings.warn(SaveWarning(fault), stacklevel=2)


def _reason(error: OSError | DataError, folder: Path) -> str:
    told = str(error)
    if isinstance(error, OSError):
        told = f"{folder}: cannot be written ({error.strerror})."
    return f"{told} The run goes on; until that is mended it cannot be resumed."
