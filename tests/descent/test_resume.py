"""A descent that goes on from any of its snapshots ends as if it had never stopped."""

import functools

import numpy as np
import pytest
from runs import CASES, function, same, table, told

from steepest.api import descending, fitting
from steepest.core.errors import DataError
from steepest.descent import linear_engine, loop
from steepest.descent.pace import Pace
from steepest.descent.snapshot import Snapshot
from steepest.records.checkpoint import Checkpoint, from_bytes, to_bytes
from steepest.records.stop import Stop

MOST = 6
"""Snapshots that each run goes on from, the first and the last among them."""


class Watch:
    """Keeps what a checkpoint would keep."""

    def __init__(self):
        self.snapshots, self.stop = [], False

    def open(self):
        self.files = []

    def tell(self, event):
        if event.stop is None or event.stop is Stop.INTERRUPTED:
            arrays, info = event.snapshot()
            step = {"step": int(event.state.step), "run": "one"}
            self.files.append(to_bytes(Checkpoint(arrays, {**info, **step})))

    def close(self):
        pass


def begun(monkeypatch, watcher, resume=None):
    """Whatever is fitted or minimized next has this watcher, and goes on from this."""
    for door in (fitting, descending):

        def descend(*args, watchers=(), **options):
            options |= {"watchers": [*watchers, watcher], "resume": resume}
            return loop.descend(*args, **options)

        monkeypatch.setattr(door, "descend", descend)


def snapshot_of(data):
    found = from_bytes(data)
    return Snapshot(found.arrays, found.info)


@pytest.fixture(autouse=True)
def short_stretches(monkeypatch):
    monkeypatch.setattr(linear_engine, "GRAIN_ROWS", 512)
    monkeypatch.setattr(Pace, "learn", lambda self, done, seconds: None)
    monkeypatch.setattr(Pace, "__init__", functools.partialmethod(paced, 37))


def paced(self, steps):
    self.steps, self._seen = steps, 0


def picked(files):
    return {int(i) for i in np.linspace(0, len(files) - 1, min(MOST, len(files)))}


@pytest.mark.parametrize("case", CASES)
def test_a_run_goes_on_from_any_snapshot(case, monkeypatch):
    watch = Watch()
    begun(monkeypatch, watch)
    whole, files = told(CASES[case]()), watch.files
    for i in picked(files):
        begun(monkeypatch, Watch(), snapshot_of(files[i]))
        same(whole, told(CASES[case]()))


def test_what_remains_is_what_is_run(monkeypatch):
    watch = Watch()
    begun(monkeypatch, watch)
    run = table(n=500, batch_size=16, optimizer="adam", epochs=9)
    run()
    begun(monkeypatch, again := Watch(), snapshot_of(watch.files[-1]))
    run()
    assert len(watch.files) > 5
    assert again.files == []


@pytest.mark.parametrize(
    "other",
    [
        table(n=300, model="mlp:hidden=4", epochs=4),
        table(n=300, model="mlp:hidden=8", epochs=4, optimizer="gd"),
        function(),
    ],
    ids=["width", "rule", "function"],
)
def test_a_snapshot_of_another_descent_is_refused(monkeypatch, other):
    watch = Watch()
    begun(monkeypatch, watch)
    table(n=300, model="mlp:hidden=8", epochs=4)()
    begun(monkeypatch, Watch(), snapshot_of(watch.files[-1]))
    with pytest.raises(DataError, match="the checkpoint holds"):
        other()
