"""steepest resume: killed, interrupted, changed, finished, absent, busy."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from steepest.cli.interrupts import guarded
from steepest.core.locks import lock
from steepest.descent import loop
from steepest.descent.watchers import checkpoints
from steepest.records.checkpoint import checkpoint_files, save_checkpoint
from steepest.records.folder import ASKED, LOCK

FIT = ("--target", "y", "--ignore", "late", "--model", "mlp:hidden=4", "--epochs", 5)
OFTEN = ("--checkpoint-seconds", "1e-9")


def fit(table, folder):
    return ("fit", table, *FIT, "--save", folder, *OFTEN)


@pytest.fixture
def unlimited(monkeypatch):
    monkeypatch.setattr(checkpoints, "MOST_SHARE", 1e9)


@pytest.fixture
def stopped(monkeypatch, unlimited, answer):
    """A command interrupted after so many checkpoints, and what it printed."""

    def run(after, *words):
        left = [after]

        def save(folder, checkpoint):
            save_checkpoint(folder, checkpoint)
            left[0] -= 1
            if not left[0]:
                signal.raise_signal(signal.SIGINT)

        with monkeypatch.context() as patch, guarded():
            patch.setattr(checkpoints, "save_checkpoint", save)
            return answer(*words)

    return run


def params(found):
    return found["params"], found["value"], found["steps"], found["stop"]


def test_after_ctrl_c_a_fit_goes_on_to_the_same_end(answer, stopped, table, tmp_path):
    whole, code = answer(*fit(table, tmp_path / "whole"))
    assert code == 0
    found, code = stopped(3, *fit(table, tmp_path / "run"))
    assert (found["stop"], code) == ("INTERRUPTED", 130)
    assert checkpoint_files(tmp_path / "run")
    found, code = answer("resume", tmp_path / "run")
    assert code == 0
    assert params(found) == params(whole)
    assert found["metrics"] == whole["metrics"]
    assert not (tmp_path / "run" / ASKED).exists()


def test_an_interrupted_run_says_how_to_go_on(steepest, table, tmp_path, monkeypatch):
    folder = tmp_path / "my run"

    class Hurried:
        steps = 1

        def learn(self, done, seconds):
            signal.raise_signal(signal.SIGINT)

        def within(self, *_):
            return 1

    with monkeypatch.context() as patch, guarded():
        patch.setattr(loop, "Pace", Hurried)
        result = steepest(*fit(table, folder))
    assert result.exit_code == 130
    assert f"go on from here: steepest resume '{folder}'" in result.stderr
    result = steepest("resume", folder)
    assert result.exit_code == 0, result.stderr
    assert "All 5 epochs were run" in result.stdout
    assert f"steepest predict '{folder}' {table}" in result.stdout


def test_a_function_goes_on_too(answer, stopped, tmp_path):
    words = ("--optimizer", "gd", "--learning-rate", "1e-4", "--max-steps", 3000)
    whole, _ = answer("minimize", "rosenbrock", *words)
    found, code = stopped(
        2, "minimize", "rosenbrock", *words, "--save", tmp_path / "run", *OFTEN
    )
    assert (found["stop"], code) == ("INTERRUPTED", 130)
    found, code = answer("resume", tmp_path / "run")
    assert (params(found), code) == (params(whole), 0)
    _, code = answer("minimize", "x**2", "--start", "x=1", "--save", tmp_path / "other")
    assert code == 0


@pytest.fixture
def unfinished(stopped, table, tmp_path):
    """A folder with an unfinished run on a file of its own."""
    path = tmp_path / "own.csv"
    path.write_bytes(Path(table).read_bytes())
    stopped(3, *fit(path, tmp_path / "run"))
    return tmp_path / "run", path


def refused(steepest, *words, code):
    result = steepest(*words)
    assert result.exit_code == code, result.stderr
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    return result.stderr


def test_a_changed_file_is_refused(steepest, unfinished):
    folder, path = unfinished
    path.write_text(path.read_text() + "1,red,1,no\n")
    told = refused(steepest, "resume", folder, code=5)
    assert "own.csv: changed since the run began (its bytes" in told
    path.unlink()
    told = refused(steepest, "resume", folder, code=5)
    assert "own.csv: cannot be read (No such file" in told


def test_a_folder_in_use_is_refused(steepest, unfinished):
    folder, path = unfinished
    before = sorted(folder.rglob("*"))
    with lock(folder / LOCK):
        for words in (("resume", folder), fit(path, folder)):
            told = refused(steepest, *words, code=5)
            assert "another process runs in this folder; wait" in told
    assert sorted(folder.rglob("*")) == before
    assert steepest("resume", folder).exit_code == 0


def test_a_damaged_checkpoint_is_told(steepest, unfinished):
    folder, _ = unfinished
    newest = checkpoint_files(folder)[0]
    newest.write_bytes(newest.read_bytes()[:-9])
    result = steepest("resume", folder)
    assert result.exit_code == 0
    assert f"warning: {newest}: damaged, its checksum does not match." in result.stderr
    assert "The one before it is used." in result.stderr


def test_what_was_asked_must_be_whole(steepest, unfinished):
    folder, _ = unfinished
    asked = json.loads((folder / ASKED).read_text())
    (folder / ASKED).write_text(json.dumps({**asked, "door": "minimize"}))
    told = refused(steepest, "resume", folder, code=5)
    assert "asked.json: damaged, its checksum" in told


def test_where_nothing_is_to_resume(steepest, line, tmp_path):
    told = refused(steepest, "resume", line[0], code=2)
    assert "nothing to resume (its run has ended: MAX_EPOCHS, All epochs" in told
    told = refused(steepest, "resume", tmp_path / "absent", code=2)
    assert "absent: nothing to resume (no run is saved there)" in told
    told = refused(steepest, "resume", tmp_path, "--epochs", 3, code=2)
    assert "No such option" in told


FULL = """
import resource, signal, sys
from steepest.cli.main import run
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), -1))
sys.argv = ["steepest", *sys.argv[2:]]
run()
"""


def on_a_small_disk(most, *words):
    """A command whose files may have so many bytes each: a disk that is full."""
    environment = {**os.environ, "JAX_ENABLE_COMPILATION_CACHE": "false"}
    return subprocess.run(
        [sys.executable, "-c", FULL, str(most), *map(str, words)],
        capture_output=True,
        text=True,
        env=environment,
    )


def test_a_checkpoint_that_fails_costs_nothing_in_the_end(
    steepest, table, tmp_path, monkeypatch, unlimited
):
    failed = []

    def save(folder, checkpoint):
        if not failed:
            failed.append(1)
            raise OSError(28, "No space left on device")
        save_checkpoint(folder, checkpoint)

    monkeypatch.setattr(checkpoints, "save_checkpoint", save)
    result = steepest(*fit(table, tmp_path / "model"))
    assert failed
    assert "No space left on device" in result.stderr
    assert "Saved in" in result.stdout
    assert result.exit_code == 0


def test_a_full_disk_is_told_and_the_fit_goes_on(table, tmp_path):
    folder = tmp_path / "run"
    done = on_a_small_disk(2500, *fit(table, folder), "--json")
    found = json.loads(done.stdout)
    assert (found["stop"], done.returncode) == ("MAX_EPOCHS", 1)
    told = done.stderr.splitlines()
    assert len(told) == 2, done.stderr
    assert "The run goes on; until that is mended it cannot be resumed." in told[0]
    assert "The result is not saved; mend that, then resume the run." in told[1]
    assert not list(folder.rglob("*.tmp"))
    lines = (folder / "trace.jsonl.part").read_text().splitlines()
    assert all(json.loads(text)["step"] == i for i, text in enumerate(lines))


def test_a_folder_that_goes_away_is_told(table, tmp_path):
    folder = tmp_path / "run"
    words = ["minimize", "rosenbrock", "--optimizer", "gd", "--learning-rate", "1e-8"]
    words += ["--max-steps", "none", "--gtol", "none", "--max-seconds", "60"]
    words += ["--save", str(folder), "--checkpoint-seconds", "0.01", "--json"]
    with subprocess.Popen(
        [sys.executable, "-m", "steepest", *words], stdout=-1, stderr=-1, text=True
    ) as process:
        # not the first, of step 0: all else may still be compiled then
        until(lambda: any(int(f.stem) for f in checkpoint_files(folder)), process)
        folder.rename(tmp_path / "elsewhere")
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        out, told = process.communicate()
    assert json.loads(out)["stop"] == "INTERRUPTED"
    assert process.returncode == 143
    assert told.count("warning: ") == 2
    assert "The result is not saved" in told


def until(holds, process):
    deadline = time.monotonic() + 60
    while not holds():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
