"""Ctrl-C and SIGTERM, before the loop, in it and after it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from steepest.cli import interrupts

NO_END = ("--gtol", "none", "--max-steps", "none", "--max-seconds", "60")
SLOW = ("--optimizer", "gd", "--learning-rate", "1e-5")
ENDLESS = ("minimize", "rosenbrock", *SLOW, *NO_END)


class Left(BaseException):
    """os._exit was called."""


@pytest.fixture
def left(monkeypatch):
    def leave(code):
        raise Left(code)

    monkeypatch.setattr(os, "_exit", leave)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_outside_the_work_it_ends_at_once(left, capsys, number, code):
    before = signal.getsignal(number)
    with pytest.raises(Left, match=str(code)), interrupts.guarded():
        signal.raise_signal(number)
    assert signal.getsignal(number) is before
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_in_the_work_it_is_an_exception(left, number, code):
    with interrupts.guarded():
        with pytest.raises(KeyboardInterrupt), interrupts.interruptible():
            signal.raise_signal(number)
        assert interrupts.exit_code() == code
        with pytest.raises(Left):
            signal.raise_signal(number)


def test_one_that_falls_into_a_callback_is_not_lost(left, monkeypatch):
    heard = []
    monkeypatch.setattr(interrupts, "_leave", lambda *_: heard.append(1))

    class Callback:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    with interrupts.guarded(), interrupts.interruptible():
        Callback()
    assert heard == [1]


def test_a_handler_of_somebody_else_stays():
    def theirs(number, frame):
        del number, frame

    before = signal.signal(signal.SIGINT, theirs)
    try:
        with interrupts.guarded(), interrupts.interruptible():
            assert signal.getsignal(signal.SIGINT) is theirs
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_thread_leaves_signals_alone():
    seen = []

    def work():
        with interrupts.guarded():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]


def test_while_it_loads_it_ends_quietly():
    code = (
        "import sys, types\n"
        "class Interrupted(types.ModuleType):\n"
        "    def __getattr__(self, name): raise KeyboardInterrupt\n"
        "sys.modules['steepest.cli.group'] = Interrupted('group')\n"
        "from steepest.cli.main import run\n"
        "assert not {'click', 'jax', 'numpy'} & set(sys.modules)\n"
        "run()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def wait_for_rows(folder: Path, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        trace = folder / "trace.jsonl.part"
        if trace.exists() and trace.stat().st_size > 0:
            return
        time.sleep(0.02)
    raise TimeoutError(folder)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_the_loop_hands_back_its_best(answer, table, tmp_path, number, code):
    folder = tmp_path / "model"

    def send():
        wait_for_rows(folder)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=send)
    thread.start()
    # a rate so small that no tolerance ends it first
    slow = ("--optimizer", "gd", "--learning-rate", 1e-9, "--batch-size", 1)
    words = ("--target", "y", "--epochs", 1_000_000, "--save", folder)
    found, got = answer("fit", table, *words, *slow)
    thread.join()
    assert (found["stop"], got) == ("INTERRUPTED", code)
    assert json.loads((folder / "run.json").read_text())["stop"] == "INTERRUPTED"
    assert (folder / "model.json").exists()


def test_a_process_that_is_told_to_end_prints_and_saves(tmp_path):
    folder = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-m", "steepest", *ENDLESS, "--save", folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_rows(folder)
    process.send_signal(signal.SIGTERM)
    text, told = process.communicate(timeout=60)
    go_on = f"Interrupted. To go on from here: steepest resume {folder}\n"
    assert (process.returncode, told) == (143, go_on)
    assert text.startswith("Not converged: interrupted")
    assert f"saved in       {folder}\n" in text
    assert json.loads((folder / "run.json").read_text())["stop"] == "INTERRUPTED"
