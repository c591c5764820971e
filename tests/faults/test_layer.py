"""A power cut at each operation of a save, with what was not synced lost or torn.

The operations of real saves are recorded; then a disk is made as it may be found after
a cut behind each of them: any of the entries of folders that were not synced may lack,
and data that was not synced may lack or be cut short. A reader must find the checkpoint
of before or the new one, and once a save has returned, the new one.
"""

import itertools
import os
from pathlib import Path

import numpy as np
import pytest

from steepest.records.checkpoint import Checkpoint, newest_checkpoint, save_checkpoint


def small(step):
    return Checkpoint({"x": np.full(3, float(step))}, {"step": step, "run": "a"})


class Written:
    """A file that tells what is written to it."""

    def __init__(self, file, tell):
        self.file, self.tell = file, tell

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def write(self, data):
        self.tell(data)
        return self.file.write(data)

    def __getattr__(self, name):
        return getattr(self.file, name)


class Recorder:
    """Writes down what is done to files below a folder."""

    def __init__(self, patch):
        self.done, self.names = [], {}
        self.opened, self.fdopened = os.open, os.fdopen
        patch.setattr(os, "open", self.open)
        patch.setattr(os, "fdopen", self.fdopen)
        patch.setattr(os, "fsync", lambda handle: self.tell("sync", self.names[handle]))
        for name, kind in (("replace", "rename"), ("unlink", "unlink")):
            patch.setattr(Path, name, self.of_path(name, kind))
        patch.setattr(Path, "mkdir", self.of_path("mkdir", "mkdir"))

    def tell(self, *what):
        self.done.append(tuple(map(str, what[:3])) + what[3:])

    def open(self, path, flags, *mode, **options):
        handle = self.opened(path, flags, *mode, **options)
        self.names[handle] = str(path)
        if flags & os.O_CREAT:
            self.tell("create", path)
        return handle

    def fdopen(self, handle, *mode):
        name = self.names[handle]
        file = self.fdopened(handle, *mode)
        return Written(file, lambda data: self.tell("write", name, "", data))

    def of_path(self, name, kind):
        real = getattr(Path, name)

        def call(path, *args, **options):
            before = path.exists()
            found = real(path, *args, **options)
            if before != path.exists():
                self.tell(kind, path, *args)
            return found

        return call


class Disk:
    """What is surely on it, and what is on its way."""

    def __init__(self):
        self.entries, self.waiting = {}, []
        self.live, self.synced, self.all = {}, {}, {}

    def do(self, kind, name, *rest):
        if kind == "sync" and name in self.live:
            self.synced[self.live[name]] = self.all[self.live[name]]
        elif kind == "sync":
            for entry in [
                one for one in self.waiting if str(Path(one[1]).parent) == name
            ]:
                self.waiting.remove(entry)
                apply(self.entries, entry)
        elif kind == "write":
            self.all[self.live[name]] += rest[1]
        else:
            if kind == "create":
                self.live[name] = number = len(self.all)
                self.all[number], self.synced[number] = b"", b""
                entry = kind, name, "", number
            elif kind == "rename":
                number = self.live[rest[0]] = self.live.pop(name)
                entry = kind, name, rest[0], number
            else:
                self.live.pop(name, None)
                entry = kind, name, "", None
            self.waiting.append(entry)

    def after_a_cut(self):
        """Every content that may be found."""
        for kept in itertools.product((False, True), repeat=len(self.waiting)):
            entries = dict(self.entries)
            for entry in itertools.compress(self.waiting, kept):
                apply(entries, entry)
            for share in (0.0, 0.5, 1.0):
                yield {
                    name: None if number is None else self.found(number, share)
                    for name, number in entries.items()
                }

    def found(self, number, share):
        sure, whole = self.synced[number], self.all[number]
        return whole[: len(sure) + round(share * (len(whole) - len(sure)))]


def apply(entries, entry):
    kind, name, new, number = entry
    if kind == "mkdir":
        entries[name] = None
    elif kind == "create":
        entries[name] = number
    else:
        entries.pop(name, None)
    if kind == "rename":
        entries[new] = number


def recorded(folder, steps):
    """The operations of each of some saves."""
    found = []
    with pytest.MonkeyPatch.context() as patch:
        recorder = Recorder(patch)
        for step in steps:
            save_checkpoint(folder, small(step))
            found.append(recorder.done[:])
            recorder.done.clear()
    return found


def lay_out(content, begin, folder):
    folder.mkdir()
    for name, data in sorted(content.items()):
        path = folder / Path(name).relative_to(begin)
        if data is None:
            path.mkdir()
        elif path.parent.is_dir():  # else its folder was lost, and it with that
            path.write_bytes(data)


def test_a_cut_at_any_instant_leaves_the_one_before_or_the_new_one(tmp_path):
    begin = tmp_path / "run"
    begin.mkdir()
    saves = recorded(begin, [1, 2, 3, 4])
    assert [kind for kind, *_ in saves[3]] == [
        *("create", "write", "sync", "rename", "sync", "unlink")
    ]
    disk, count = Disk(), 0
    for step, operations in enumerate(saves, 1):
        for i, operation in enumerate(operations):
            disk.do(*operation)
            for content in disk.after_a_cut():
                count += 1
                folder = tmp_path / str(count)
                lay_out(content, begin, folder)
                found, _ = newest_checkpoint(folder, "a")
                now = found.info["step"] if found else 0
                assert now in (step - 1, step), (step, i)
                if i == len(operations) - 1:
                    assert now == step
    assert count > 100


def test_the_model_of_a_cut_sees_a_save_without_syncs(tmp_path):
    """The test itself must be able to fail."""
    begin = tmp_path / "run"
    begin.mkdir()
    saves = recorded(begin, [1, 2])
    disk = Disk()
    for operation in itertools.chain(*saves):
        if operation[0] != "sync":
            disk.do(*operation)
    contents = list(disk.after_a_cut())
    assert {} in contents
    assert any(b"" in content.values() for content in contents)
