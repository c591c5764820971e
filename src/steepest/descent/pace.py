"""Pace: how many steps a stretch may hold so that the loop stays answerable."""

from __future__ import annotations

from steepest.records.stop import Stopping

TARGET_SECONDS = 0.05
"""A stretch of about this length: progress, Ctrl-C and time limits act soon after,
and the cost of returning to Python disappears in it."""
GROWTH = 8


class Pace:
    """Steps per stretch, learnt from the stretches so far.

    The first stretch is one step (it pays for compilation, so it teaches nothing).

    >>> pace = Pace()
    >>> pace.steps
    1
    >>> pace.learn(1, 2.0); pace.learn(1, 0.001); pace.steps
    8
    """

    def __init__(self) -> None:
        self.steps = 1
        self._seen = 0

    def learn(self, done: int, seconds: float) -> None:
        """Take in that `done` steps took `seconds`."""
        self._seen += 1
        if self._seen == 1:
            return
        wanted = done * TARGET_SECONDS / max(seconds, 1e-9)
        self.steps = int(max(1, min(wanted, GROWTH * self.steps, 1 << 30)))

    def within(self, stopping: Stopping, elapsed: float, per_step: float) -> int:
        """The steps of the next stretch, fewer when the time budget is near."""
        if stopping.max_seconds is None or not per_step > 0:
            return self.steps
        left = max(0.0, stopping.max_seconds - elapsed)
        return max(1, min(self.steps, int(left / per_step) + 1))
