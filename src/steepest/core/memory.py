"""How much memory there is to use."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

MEMINFO = Path("/proc/meminfo")
GROUP = Path("/sys/fs/cgroup")
USUAL = 4 << 30
"""Bytes that are assumed where the system does not tell."""


def available() -> int:
    """Bytes that a process may still take: what is free, within its group's limit.

    >>> available() > 0
    True
    """
    return max(1, min(_free(), _left_of_group()))


def _free() -> int:
    with contextlib.suppress(OSError):
        found = re.search(r"MemAvailable:\s+(\d+) kB", MEMINFO.read_text())
        if found:
            return int(found[1]) * 1024
    with contextlib.suppress(AttributeError, ValueError, OSError):  # not on Windows
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    return USUAL


def _left_of_group() -> int:
    """Containers have limits of their own that the system's numbers do not show."""
    with contextlib.suppress(OSError, ValueError):
        limit = int((GROUP / "memory.max").read_text())
        used = int((GROUP / "memory.current").read_text())
        return limit - used + _cached()
    return 1 << 62


def _cached() -> int:
    """Bytes of files that a group holds only until it needs the room."""
    found = 0
    with contextlib.suppress(OSError):
        text = (GROUP / "memory.stat").read_text()
        found = sum(map(int, re.findall(r"^(?:in)?active_file (\d+)$", text, re.M)))
    return found
