"""Ctrl-C and SIGTERM: the loop hears them as a wish; outside it they end at once."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

from steepest.cli.show import styled, tell

INTERRUPTED, TERMINATED = 130, 143
_terminated = threading.Event()


def exit_code() -> int:
    """130, as after Ctrl-C; 143 when SIGTERM came."""
    return TERMINATED if _terminated.is_set() else INTERRUPTED


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Around a whole command: both signals end it at once, as nothing is lost yet.

    An exception would not do: imports turn KeyboardInterrupt into other errors.
    """
    _terminated.clear()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {signal.SIGTERM: signal.signal(signal.SIGTERM, _terminate)}
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        before[signal.SIGINT] = signal.signal(signal.SIGINT, _leave)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Within `guarded`, around work that can end in good order.

    Ctrl-C is Python's own here, so the loop may take it over and hand back its best;
    elsewhere it is a KeyboardInterrupt. SIGTERM does the same.
    """
    if signal.getsignal(signal.SIGINT) is not _leave:
        yield
        return
    before, sys.unraisablehook = sys.unraisablehook, _swallowed
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, _leave)
        sys.unraisablehook = before


def _leave(number: int = 0, frame: FrameType | None = None) -> None:
    del number, frame
    tell(styled("interrupted", "yellow"))
    sys.stdout.flush()
    os._exit(exit_code())


def _terminate(number: int, frame: FrameType | None) -> None:
    _terminated.set()
    act = signal.getsignal(signal.SIGINT)
    if not callable(act):  # a job in the background, which Ctrl-C is not meant for
        raise KeyboardInterrupt
    act(number, frame)


def _swallowed(unraisable: Any) -> None:
    """A KeyboardInterrupt that fell into a callback would be lost: act on it."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        _leave()
    sys.__unraisablehook__(unraisable)
