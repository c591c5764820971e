"""Arrays that lie in a file: read where they are used, and let go of afterwards."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def mapped(path: Path, dtype: Any, shape: tuple[int, ...]) -> Array:
    """A file as an array that takes no memory until it is read.

    Args:
        path: the file: the values in C order and nothing else.
        dtype: of the values.
        shape: of the array; the file may hold more.

    Returns:
        An array that cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "values"
    ...     _ = path.write_bytes(np.arange(6.0).tobytes())
    ...     array = mapped(path, float, (2, 3))
    ...     array[1].tolist(), is_mapped(array[1:])
    ([3.0, 4.0, 5.0], True)
    """
    count = int(np.prod(shape))
    if not count:
        return np.empty(shape, dtype)
    with path.open("rb") as file:
        held = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(held, dtype, count).reshape(shape)


def is_mapped(array: Any) -> bool:
    """Whether an array, or what it is a part of, lies in a file.

    >>> is_mapped(np.zeros(2))
    False
    """
    return _map_of(array) is not None


def release(array: Any) -> None:
    """Let go of the memory that reading a mapped array took; others are left alone.

    It may be read again at any time: the file keeps it.

    Args:
        array: a mapped array, or a part of one; all from its first value to its last
            one is let go, with what lies between in steps of more than 1.
    """
    _advise(array, "MADV_DONTNEED")


def expect(array: Any) -> None:
    """Have the system read a mapped array ahead, while other things are done.

    Args:
        array: a mapped array, or a part of one; others are left alone.
    """
    _advise(array, "MADV_WILLNEED")


def _advise(array: Any, advice: str) -> None:
    """Tell the system what will become of the pages of a mapped array."""
    held = _map_of(array)
    if held is None or not array.size or not hasattr(mmap, advice):
        return
    low, high = np.lib.array_utils.byte_bounds(array)
    base = np.frombuffer(held, np.uint8, 1).__array_interface__["data"][0]
    begin, end = low - base, high - base
    # pages that are not the array's alone stay; but for those, nothing else is touched
    begin, end = -(-begin // mmap.PAGESIZE), end // mmap.PAGESIZE
    if end > begin:
        size = (end - begin) * mmap.PAGESIZE
        held.madvise(getattr(mmap, advice), begin * mmap.PAGESIZE, size)


def touch(array: Array) -> None:
    """Bring a mapped array, or a part of one, into memory before it is needed.

    Args:
        array: C-contiguous.
    """
    if array.size:
        # a value of each page is read; NumPy lets other threads run meanwhile
        array.reshape(-1)[:: max(1, mmap.PAGESIZE // array.itemsize)].max()


def _map_of(array: Any) -> mmap.mmap | None:
    while array is not None and not isinstance(array, mmap.mmap):
        if isinstance(array, memoryview):
            array = array.obj
        else:
            array = getattr(array, "base", None)
    return array
