"""Watchers that write: when they do, and what a full disk does to them."""

import json
import types

import numpy as np
import pytest

from steepest.core.errors import SaveWarning
from steepest.descent.snapshot import Snapshot
from steepest.descent.watchers import Checkpoints, TraceFile, Writing, checkpoints
from steepest.records import row as rows_of
from steepest.records.checkpoint import newest_checkpoint
from steepest.records.row import Row
from steepest.records.state import Cursor
from steepest.records.stop import Stop


def event(step=0, *, epoch=0, stop=None, n=1):
    columns = {name: np.zeros(n, rows_of.dtype_of(name)) for name in Row._fields}
    columns["step"] = step + np.arange(n)
    state = types.SimpleNamespace(step=step, cursor=Cursor(epoch, 0))
    snapshot = Snapshot({"x": np.ones(1)}, {"leg": 0})
    return types.SimpleNamespace(
        rows=Row(**columns),
        path=(),
        layers=None,
        stop=stop,
        state=state,
        snapshot=lambda: snapshot,
    )


class Clock:
    """A clock that goes on by what is asked of it; a save takes `cost`."""

    def __init__(self, monkeypatch, cost=0.0):
        self.now, self.steps, self.cost = 0.0, [], cost
        monkeypatch.setattr(checkpoints.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(checkpoints, "save_checkpoint", self.save)

    def save(self, folder, checkpoint):
        self.now += self.cost
        self.steps.append(checkpoint.info["step"])


def watched(tmp_path, **options):
    options = {"seconds": None, "epochs": None, **options}
    watcher = Checkpoints(
        tmp_path, lambda: {"run": "a"}, writing=Writing(tmp_path), **options
    )
    watcher.open()
    return watcher


def test_checkpoints_come_by_the_clock(tmp_path, monkeypatch):
    clock, watcher = Clock(monkeypatch), watched(tmp_path, seconds=5.0)
    for step in range(20):
        clock.now += 1.0
        watcher.tell(event(step))
    assert clock.steps == [4, 9, 14, 19]


def test_dear_checkpoints_come_less_often(tmp_path, monkeypatch):
    clock, watcher = Clock(monkeypatch, cost=0.5), watched(tmp_path, seconds=1.0)
    for step in range(200):
        clock.now += 1.0
        watcher.tell(event(step))
    spent = clock.cost * len(clock.steps)
    assert len(clock.steps) > 5
    assert spent / clock.now <= 0.03


def test_checkpoints_come_by_epochs(tmp_path, monkeypatch):
    clock, watcher = Clock(monkeypatch), watched(tmp_path, epochs=3)
    for epoch in range(10):
        watcher.tell(event(10 * epoch, epoch=epoch))
        watcher.tell(event(10 * epoch + 5, epoch=epoch))
    assert clock.steps == [30, 60, 90]


def test_one_comes_at_an_interrupt_and_none_at_another_end(tmp_path, monkeypatch):
    clock, watcher = Clock(monkeypatch), watched(tmp_path, seconds=1.0)
    clock.now = 9.0
    watcher.tell(event(1, stop=Stop.MAX_EPOCHS))
    assert clock.steps == []
    clock.now = 0.0
    watcher.tell(event(2, stop=Stop.INTERRUPTED))
    assert clock.steps == [2]


def test_what_binds_is_made_once_and_kept_with_each(tmp_path):
    made = []

    def bound():
        made.append(1)
        return {"run": "a", "bound": {"data": None}}

    options = {"seconds": 1e-9, "epochs": None, "writing": Writing(tmp_path)}
    watcher = Checkpoints(tmp_path, bound, **options)
    watcher.open()
    assert made == []
    watcher.tell(event(1))
    watcher._wait = 0.0
    watcher.tell(event(2))
    found, _ = newest_checkpoint(tmp_path, "a")
    assert found is not None
    assert (found.info["step"], found.info["bound"]) == (2, {"data": None})
    assert made == [1]


def test_a_fault_is_told_once_and_the_next_save_is_tried(tmp_path, monkeypatch):
    clock, watcher = Clock(monkeypatch), watched(tmp_path, seconds=1e-9)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save_checkpoint", full)
    clock.now = 1.0
    with pytest.warns(SaveWarning, match="No space left on device.* The run goes on"):
        watcher.tell(event(1))
    clock.now = 2.0
    watcher.tell(event(2))  # a second warning would be an error here
    monkeypatch.setattr(checkpoints, "save_checkpoint", clock.save)
    clock.now = 3.0
    watcher.tell(event(3))
    assert clock.steps == [3]


def steps_in(path):
    return [json.loads(line)["step"] for line in path.read_text().splitlines()]


class FullDisk:
    """A file that takes so many bytes, then part of what it is given, then none."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def write(self, data):
        if not self.room:
            raise OSError(28, "No space left on device")
        taken = self.file.write(data[: self.room])
        self.room -= taken
        return taken

    def __getattr__(self, name):
        return getattr(self.file, name)


def tell_pairs(trace, steps):
    for step in steps:
        trace.tell(event(step, n=2))


@pytest.mark.parametrize("room", [1, 100, 300, 700])
def test_rows_that_found_no_room_are_written_later(tmp_path, room):
    trace, path = TraceFile(tmp_path), tmp_path / "trace.jsonl.part"
    trace.open()
    trace._file = disk = FullDisk(trace._file, 1 << 20)
    trace.tell(event(0, n=1))
    disk.room = room
    with pytest.warns(SaveWarning, match="cannot be written"):
        tell_pairs(trace, range(1, 9, 2))
    assert steps_in(path) == list(range(len(steps_in(path))))
    disk.room = 1 << 20
    tell_pairs(trace, [9])
    assert steps_in(path) == list(range(11))
    trace.close()


def test_rows_of_before_come_first(tmp_path):
    before = event(0, n=3)
    trace = TraceFile(tmp_path, before=(before.rows, [], None))
    trace.open()
    trace.tell(event(3, n=2))
    trace.close()
    assert steps_in(tmp_path / "trace.jsonl.part") == [0, 1, 2, 3, 4]


def test_a_file_that_cannot_be_made_ends_no_run(tmp_path):
    trace = TraceFile(tmp_path / "absent")
    with pytest.warns(SaveWarning, match="absent: cannot be written .No such file"):
        trace.open()
    trace.tell(event())
    trace.close()
