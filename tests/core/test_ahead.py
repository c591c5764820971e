"""Work ahead of its use: order, bounds, errors and threads left behind."""

import threading

import pytest

from steepest.core.ahead import Next, ahead


class Source:
    """Counts what was taken from it."""

    def __init__(self, n, fails_at=None):
        self.n, self.fails_at, self.taken = n, fails_at, 0

    def __iter__(self):
        for i in range(self.n):
            if i == self.fails_at:
                raise OSError("broken")
            self.taken += 1
            yield i


@pytest.mark.parametrize("n", [0, 1, 2, 7])
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_all_items_come_in_their_order(n, depth):
    assert list(ahead(Source(n), depth)) == list(range(n))


@pytest.mark.parametrize("depth", [1, 3])
def test_no_more_than_depth_items_wait(depth):
    source = Source(50)
    for used, _ in enumerate(ahead(source, depth), start=1):
        assert source.taken <= used + depth


@pytest.mark.parametrize("fails_at", [0, 1, 4])
def test_an_error_comes_where_its_item_would(fails_at):
    found = []
    with pytest.raises(OSError, match="broken"):
        found.extend(ahead(Source(9, fails_at)))
    assert found == list(range(fails_at))


def test_items_may_be_anything_also_none_and_errors():
    items = [None, (), ValueError("item"), StopIteration()]
    assert list(ahead(items)) == items


def test_whoever_stops_early_leaves_no_thread_behind():
    before = threading.active_count()
    items = ahead(Source(1000))
    assert next(items) == 0
    items.close()
    assert threading.active_count() == before


def test_items_are_made_by_another_thread():
    seen = list(ahead(threading.get_ident() for _ in range(3)))
    assert threading.get_ident() not in seen
    assert len(set(seen)) == 1


def test_next_is_made_once_and_before_it_is_asked_for():
    calls = []
    made = threading.Event()

    def square(n):
        calls.append((n, threading.get_ident()))
        made.set()
        return n * n

    squares = Next(square)
    squares.begin(3)
    squares.begin(3)
    assert made.wait(5)
    assert squares.take(3) == 9
    assert [n for n, _ in calls] == [3]
    assert calls[0][1] != threading.get_ident()
    assert squares.take(3) == 9  # what was begun is gone: made anew, here
    assert calls[1] == (3, threading.get_ident())


def test_an_error_of_the_next_comes_when_it_is_taken():
    divide = Next(lambda n: 1 // n)
    divide.begin(0)
    with pytest.raises(ZeroDivisionError):
        divide.take(0)
    assert divide.take(1) == 1


def test_two_are_never_made_at_once():
    # What is made may use the memory of what was made before it.
    under_way, most = [], []
    gate = threading.Event()

    def make(n):
        under_way.append(n)
        most.append(len(under_way))
        gate.wait(0.05)
        under_way.remove(n)
        return n

    for other in (2, 3):
        coming = Next(make)
        coming.begin(1)
        assert coming.take(other) == other
    assert max(most) == 1
