"""Locks on files, held by a living process: the system frees those of a killed one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from steepest.core.errors import DataError

_held: set[Path] = set()
"""What this process holds."""


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold a lock file for as long as the block runs; it is removed at the end.

    Where a file system knows no locks, nothing is held and all goes on.

    Args:
        path: the file, made where it is not there.

    Raises:
        DataError: another process, or another thread, holds it.
        OSError: it cannot be made.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with lock(Path(folder, "lock")):
    ...         is_locked(Path(folder, "lock"))
    False
    """
    handle = _take(path)
    _held.add(path.resolve())
    try:
        yield
    finally:
        _held.discard(path.resolve())
        with contextlib.suppress(OSError):  # while it is held: nobody else has it
            path.unlink()
        os.close(handle)


def is_locked(path: Path) -> bool:
    """Whether another process holds a lock file.

    Args:
        path: the file, there or not.

    >>> is_locked(Path("absent.lock"))
    False
    """
    if path.resolve() in _held:
        return False
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        return not _try_lock(handle)
    finally:
        os.close(handle)


def refuse_locked(path: Path) -> None:
    """Refuse a folder whose lock file another process holds.

    Args:
        path: the file.

    Raises:
        DataError: it is held.
    """
    if is_locked(path):
        raise _busy(path)


def _take(path: Path) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        if not _try_lock(handle):
            os.close(handle)
            raise _busy(path)
        if path.exists() and os.path.samestat(path.stat(), os.fstat(handle)):
            return handle
        os.close(handle)  # the one before removed it between the two calls


def _busy(path: Path) -> DataError:
    return DataError(
        f"{path.parent}: another process runs in this folder; wait until it ends, or "
        "name another folder."
    )


if os.name == "nt":
    import msvcrt

    def _try_lock(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # no locks here
            return True
        return True
