"""Ctrl-C as a wish, not an accident: it is heard between stretches."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def listening() -> Iterator[Callable[[], bool]]:
    """Within this block Ctrl-C sets a flag; a second one acts at once.

    Only the main thread may listen to signals; elsewhere nothing changes. A handler
    that somebody has put in place of Python's own is left alone.

    Yields:
        A function that tells whether Ctrl-C was pressed.
    """
    heard = threading.Event()
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield heard.is_set
        return

    def hear(number: int, frame: FrameType | None) -> None:
        del number, frame
        heard.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, hear)
    try:
        yield heard.is_set
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
