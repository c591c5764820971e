"""Work done ahead of its use, by a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any


def ahead(items: Iterable[Any], depth: int = 1) -> Iterator[Any]:
    """The items in their order, the next ones already under way.

    At most `depth` of them wait to be taken, so memory stays bounded. An error comes
    where its item would; whoever stops early leaves no thread behind.

    Args:
        items: anything that can be iterated over.
        depth: items that may wait, >= 1.

    >>> list(ahead(range(3)))
    [0, 1, 2]
    """
    source = iter(items)
    with ThreadPoolExecutor(1) as thread:
        waiting: list[Future[Any]] = []
        try:
            while True:
                while len(waiting) < depth + 1:
                    waiting.append(thread.submit(next, source, END))
                item = waiting.pop(0).result()
                if item is END:
                    return
                yield item
        finally:
            for future in waiting:
                future.cancel()


END = object()
"""What stands for the end of the items."""


class Next:
    """What will be asked for next, made by a thread while something else is done.

    >>> squares = Next(lambda n: n * n)
    >>> squares.begin(3)
    >>> squares.take(3), squares.take(4)
    (9, 16)
    """

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make
        self._thread: ThreadPoolExecutor | None = None
        self._begun: tuple[Any, Future[Any]] | None = None

    def begin(self, *asked: Any) -> None:
        """Make it for these arguments, in the background."""
        if self._begun is not None and self._begun[0] == asked:
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1)
        self._begun = asked, self._thread.submit(self._make, *asked)

    def take(self, *asked: Any) -> Any:
        """What is made for these arguments: now, where it was not begun."""
        begun, self._begun = self._begun, None
        if begun is not None and begun[0] == asked:
            return begun[1].result()
        if begun is not None and not begun[1].cancel():
            wait([begun[1]])  # what is made may share memory: never two at once
        return self._make(*asked)
