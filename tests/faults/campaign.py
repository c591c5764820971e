"""Commands killed at seeded instants and resumed until they end, life after life.

A program of its own: it imports steepest once and forks a process for each life, before
anything in it has started a thread or a device. It prints what came of it as JSON.

    python campaign.py FOLDER KILLS SEED COMMAND...
"""

import contextlib
import hashlib
import importlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

from steepest.cli.group import cli

for _name in (
    *("api.descending", "api.fitting", "api.functions", "api.resuming", "api.tables"),
    *("cli.fit", "cli.fit_report", "cli.minimize", "cli.resume"),
    *("descent.kernels.calls", "estimators"),
):
    importlib.import_module(f"steepest.{_name}")

OFTEN = ("--checkpoint-seconds", "1e-3")
EACH = (*OFTEN, "--checkpoint-epochs", "1")
STEP = ("--optimizer", "gd", "--learning-rate")
COMMANDS = {
    "rows": ("fit", "{data}", "--target", "y", "--batch-size", "1", *STEP, "1e-3"),
    "batches": ("fit", "{data}", "--target", "y", "--learning-rate", "1e-3"),
    "network": ("fit", "{data}", "--target", "y", "--model", "mlp:hidden=8,norm=batch"),
    "kinks": ("fit", "{data}", "--target", "y", "--loss", "absolute"),
    "function": ("minimize", "rosenbrock", *STEP, "1e-4", "--max-steps", "1e6"),
}
MORE = {
    "rows": ("--epochs", "60", *EACH),
    "batches": ("--epochs", "60", *EACH),
    "network": ("--epochs", "40", *EACH),
    "kinks": EACH,
    "function": OFTEN,
}
LEFT = (".steepest.lock", "checkpoint")
"""What a kill leaves between the end that is whole and the exit of the process."""
LIVES = 10
"""That end by a kill, of one run at most; the last is left to end."""


def command(name, data, folder):
    words = [word.format(data=data) for word in COMMANDS[name]]
    return [*words, *MORE[name], "--save", str(folder)]


def born(words, log):
    """The number of a process that runs a command."""
    pid = os.fork()
    if pid:
        return pid
    with contextlib.suppress(BaseException):
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for stream in (1, 2):
            os.dup2(out, stream)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        code = 99
        try:
            cli(args=words, prog_name="steepest")
        except SystemExit as error:
            code = error.code or 0
        sys.stdout.flush()
        os._exit(code)
    os._exit(98)


def ended(pid):
    """The exit code of a process, None while it lives."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def marks(folder):
    """What changes while a run goes: the names of its files, and their sizes."""
    seen = []
    with contextlib.suppress(OSError):  # a folder may go while it is listed
        for path in folder.rglob("*"):
            with contextlib.suppress(OSError):
                seen.append((path.name, path.stat().st_size))
    return sorted(seen)


def until_changes(folder, pid, count):
    """Wait for so many changes of a folder; the exit code, None while it lives."""
    before = marks(folder)
    while count:
        code = ended(pid)
        if code is not None:
            return code
        now = marks(folder)
        count, before = count - (now != before), now
        time.sleep(2e-4)
    return None


def lived(words, folder, log, draws):
    """One life: its exit code, or None where it was killed."""
    pid = born(words, log)
    code = None
    if draws.random() < 0.1:  # while it starts, as well
        time.sleep(draws.uniform(0, 0.5))
    else:
        code = until_changes(folder, pid, draws.randint(1, 40))
        if code is None:
            time.sleep(draws.uniform(0, 5e-3))
    if code is None:
        code = ended(pid)
    if code is None:
        os.kill(pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return None if code == -signal.SIGKILL else code


def finish(words, log):
    pid = born(words, log)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def end_of(folder, but=()):
    """The sha256 of the params that a folder holds, and the names that lie there."""
    names = sorted(one.name for one in Path(folder).iterdir())
    names = [name for name in names if name not in but]
    run = json.loads(Path(folder, "run.json").read_text())
    told = [run["params"], run["value"], run["steps"], run["stop"], run["validation"]]
    weights = [name for name in names if name.startswith("weights-")]
    data = json.dumps(told).encode()
    for name in weights:
        data += Path(folder, name).read_bytes()
    return hashlib.sha256(data).hexdigest(), [n for n in names if n not in weights]


def chain(name, data, home, draws, most):
    """Kill and resume one run until it has ended, or was killed often enough."""
    folder, log = home / "run", home / "log"
    words, kills, left = command(name, data, folder), 0, ()
    while kills < most:
        code = lived(words, folder, log, draws)
        if code is not None:
            break
        kills += 1
        if (folder / "asked.json").exists():
            words = ["resume", str(folder)]
        elif words[0] == "resume":  # killed when its end was whole on disk already
            code, left = 0, LEFT
            break
    else:
        code = finish(words, log)
    return {"name": name, "kills": kills, "code": code, "end": end_of(folder, left)}


def warm():
    """What each life would do again: imports, and what Numba does first."""
    importlib.import_module("pandas")
    importlib.import_module("sklearn.metrics")
    kernels = importlib.import_module("steepest.descent.kernels")
    rows, y = np.ones((4, 3), np.float32), np.ones(4)
    weights = kernels.start(kernels.Plan(), 1, 3)
    kernels.train(kernels.Plan(), weights, rows, y, None, np.ones(4))
    kernels.total(kernels.Plan(), weights, rows, y)
    kernels.loss_total(kernels.Plan(), weights, rows, y)


def main(home, kills, seed, *names):
    home, draws = Path(home), random.Random(seed)
    data = home / "data.csv"
    warm()
    whole = {}
    for name in names:
        folder = home / f"{name}-whole"
        code = finish(command(name, data, folder), home / "log")
        whole[name] = {"code": code, "end": end_of(folder)}
    found = []
    while (left := kills - sum(one["kills"] for one in found)) > 0:
        name = names[len(found) % len(names)]
        place = home / f"{name}-{len(found)}"
        place.mkdir()
        found.append(chain(name, data, place, draws, min(LIVES, left)))
    json.dump({"whole": whole, "chains": found}, sys.stdout)


if __name__ == "__main__":
    home, kills, seed, *names = sys.argv[1:]
    main(home, int(kills), int(seed), *names)
