"""Locks: one process at a time, and none that a dead one holds."""

import os
import subprocess
import sys

import pytest

from steepest.core.errors import DataError
from steepest.core.locks import is_locked, lock, refuse_locked

HOLD = """
import sys
from pathlib import Path
from steepest.core.locks import lock
with lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds the lock until its stdin is closed."""
    words = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(words, stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_one_is_refused_until_the_first_ends(tmp_path, other):
    path = tmp_path / "lock"
    assert is_locked(path)
    with pytest.raises(DataError, match="another process runs in this folder"):
        refuse_locked(path)
    with pytest.raises(DataError, match="another process"), lock(path):
        pass
    other.stdin.close()
    other.wait()
    assert not path.exists()
    with lock(path):
        assert not is_locked(path)  # it is ours
        with pytest.raises(DataError), lock(path):
            pass


def test_a_killed_one_holds_nothing(tmp_path, other):
    path = tmp_path / "lock"
    other.kill()
    other.wait()
    assert path.exists()
    assert not is_locked(path)
    with lock(path):
        pass
    assert not path.exists()


def test_one_that_was_removed_meanwhile_is_made_again(tmp_path, monkeypatch):
    path, real, made = tmp_path / "lock", os.open, []

    def opened(*args):
        made.append(real(*args))
        if len(made) == 1:
            path.unlink()  # as its holder does at the end
        return made[-1]

    monkeypatch.setattr(os, "open", opened)
    with lock(path):
        assert len(made) == 2
        assert path.exists()


def test_a_place_that_cannot_be_written_is_an_error_of_the_system(tmp_path):
    with pytest.raises(OSError, match="No such file"), lock(tmp_path / "no" / "lock"):
        pass
