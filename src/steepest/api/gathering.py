"""Where the rows of a fit come from: memory, or files that are streamed."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from steepest.api.streaming import Learnt, learn_stream, table_of
from steepest.api.table_data import TableData, is_share, prepare
from steepest.core import memory
from steepest.core.errors import DataError, UsageError
from steepest.core.files import digest, read_json, write_json
from steepest.core.locks import is_locked, lock
from steepest.data.files import expand, suffix_of
from steepest.data.shards import PARQUET
from steepest.data.spool import kept_in

SCHEMA, LIST = "steepest.rows/1", "rows.json"
STEM, LOCK = "steepest-rows-", "lock"
"""What folders are called, with the process that writes there, and what it holds."""
COPIES = 8
"""A fit in memory takes so many times the bytes of its table, at least for a moment,
and may take half of what is free."""


def gathered(
    data: Any,
    target: str | int | None,
    *,
    stream: Any,
    cache: str | Path | None,
    progress: Any,
    **asked: Any,
) -> TableData:
    """The rows of a fit: in memory, or on disk where they are to be streamed.

    Args:
        data: as for `fit`.
        target: as for `fit`.
        stream: True, False or "auto".
        cache: a folder to keep encoded rows in, for other fits too; None for one that
            goes when they have been used.
        progress: whether the user is told where rows are kept.
        **asked: all options of `table_data.prepare`.

    Raises:
        UsageError, DataError: whatever does not fit.
    """
    if not streams(data, stream):
        if cache is not None:
            raise UsageError(
                "cache: is for rows that are streamed; these are held in memory. Set "
                "stream=True, or leave cache out."
            )
        return prepare(data, target, **asked)
    if not is_share(asked["validation"]):
        paths_of(asked["validation"])  # a wrong name is told before anything is read
    tell, home = teller(progress), None
    if cache is not None:
        home = Path(cache).expanduser()
        _make(home)
        stamps = stamps_of(data)
        if stamps is not None:
            learnt = _kept(data, target, home, stamps, tell, **asked)
            return table_of(learnt, asked["loss"], asked["validation"])
    with new_folder(home) as folder:
        learnt = learn_stream(data, target, folder=folder, tell=tell, **asked)
        return table_of(learnt, asked["loss"], asked["validation"])


def _make(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cache: {home} cannot be made ({error.strerror}).") from error


def _kept(
    data: Any,
    target: str | int | None,
    home: Path,
    stamps: list[list[Any]],
    tell: Callable[[str], None],
    **asked: Any,
) -> Learnt:
    """Rows that an earlier fit left in a folder, or new ones that stay there."""
    told = {name: _plain(value) for name, value in asked.items()}
    told["validation"] = asked["validation"] if is_share(asked["validation"]) else None
    key = digest({"files": stamps, "target": _plain(target), **told})[:16]
    place = home / f"rows-{key}"
    learnt = _left(place)
    if learnt is not None:
        tell(f"rows are read from {place}, where an earlier fit left them.")
        return learnt
    with new_folder(home) as folder:
        learnt = learn_stream(data, target, folder=folder, tell=tell, **asked)
        for spooled in (*folder.glob("*.arrow"), folder / LOCK):
            spooled.unlink(missing_ok=True)
        write_json(folder / LIST, {"schema": SCHEMA, **learnt.to_json()})
        if _left(place) is None:  # no other process was faster
            shutil.rmtree(place, ignore_errors=True)
            with kept_in(home):
                folder.replace(place)
    return Learnt.from_json(read_json(place / LIST, schema=SCHEMA), place)


def _left(place: Path) -> Learnt | None:
    """The rows in a folder; None where there are none, or damaged ones."""
    with contextlib.suppress(DataError):
        return Learnt.from_json(read_json(place / LIST, schema=SCHEMA), place)
    return None


def stamps_of(data: Any) -> list[list[Any]] | None:
    """(path, bytes, time of the last change) of each file; None for no files.

    Args:
        data: as for `fit`.
    """
    paths = paths_of(data)
    if paths is None:
        return None
    stats = [(path.resolve(), path.stat()) for path in paths]
    return [[str(path), stat.st_size, stat.st_mtime_ns] for path, stat in stats]


def paths_of(data: Any) -> list[Path] | None:
    """The files that are meant; None where the data are no paths.

    Args:
        data: as for `fit`.

    Raises:
        DataError: a path without a file.
    """
    if isinstance(data, (str, os.PathLike)):
        data = [data]
    if not isinstance(data, Sequence) or not data:
        return None
    if not all(isinstance(each, (str, os.PathLike)) for each in data):
        return None
    return [path for place in data for path in expand(place)]


def _plain(value: Any) -> Any:
    """An option as plain data, to tell whether it is the same."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, str | int | float | None):
        return value
    return getattr(value, "__qualname__", str(value))


@contextlib.contextmanager
def new_folder(home: Path | None) -> Iterator[Path]:
    """A folder that is taken away at the end of the block, with what it holds.

    Maps of its files stay good; a system that does not allow that (Windows) takes the
    files away when the process ends.

    Args:
        home: where to make it; None for the system's place.
    """
    try:
        place = Path(tempfile.gettempdir()) if home is None else home
        _sweep(place)
        folder = Path(tempfile.mkdtemp(prefix=f"{STEM}{os.getpid()}-", dir=place))
    except OSError as error:
        where = "the folder for temporary files" if home is None else home
        raise DataError(
            f"{where}: rows cannot be kept there ({error.strerror or error}). Name "
            "another folder by cache=."
        ) from error
    try:
        with lock(folder / LOCK):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            atexit.register(shutil.rmtree, folder, ignore_errors=True)


def _sweep(place: Path) -> None:
    """Take away what killed processes left."""
    for folder in place.glob(f"{STEM}*"):
        number = folder.name.removeprefix(STEM).split("-")[0]
        dead = number.isdigit() and not _lives(int(number))
        if dead and not is_locked(folder / LOCK):  # by one that we cannot see
            shutil.rmtree(folder, ignore_errors=True)


def _lives(number: int) -> bool:
    """Whether a process runs, or may."""
    if os.name == "nt":  # where a signal of 0 is not only a question
        return True
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def teller(progress: Any) -> Callable[[str], None]:
    """What says a sentence on stderr, where progress is shown.

    Args:
        progress: True, False or "auto".
    """
    shown = sys.stderr.isatty() if progress == "auto" else bool(progress)
    return functools.partial(print, file=sys.stderr) if shown else lambda _: None


def streams(data: Any, asked: Any, cache: Any = None) -> bool:
    """Whether the rows are to be read from disk.

    Args:
        data: as for `fit`.
        asked: True, False or "auto".
        cache: the folder for rows of files, which "auto" takes for True.

    Raises:
        UsageError: another word, or False for what comes only once.
    """
    if asked not in (True, False, "auto"):
        raise UsageError(f"stream={asked!r}: must be True, False or 'auto'.")
    comes = isinstance(data, Iterator) and not hasattr(data, "__arrow_c_stream__")
    if comes and asked is False:
        raise UsageError(
            "stream=False: an iterator of batches can only be streamed; gather the "
            "batches in a table to hold it in memory."
        )
    if asked == "auto" and cache is not None and paths_of(data) is not None:
        return True
    return comes or asked is True or (asked == "auto" and is_large(data))


def is_large(data: Any) -> bool:
    """Whether files are too large to be held in memory comfortably.

    Args:
        data: paths; anything else is in memory already.
    """
    paths = paths_of(data)
    if paths is None:
        return False
    return COPIES * sum(map(_size, paths)) > memory.available()


def _size(path: Path) -> int:
    """Bytes of the table in a file, about."""
    if suffix_of(path) not in PARQUET:
        return path.stat().st_size
    try:
        metadata = pq.read_metadata(path)
    except (pa.ArrowException, OSError):  # told when it is read
        return 0
    groups = range(metadata.num_row_groups)
    return sum(metadata.row_group(i).total_byte_size for i in groups)
