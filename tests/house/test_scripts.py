"""The commands of script/: what they make, skip, heal and refuse to touch."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# All that a fresh machine must have besides Python; chmod is the fake's own need.
TOOLS = ["bash", "cat", "cmp", "dirname", "env", "grep", "head", "ls", "mkdir", "mv"]
TOOLS += ["paste", "rm", "sed", "sort", "tr", "chmod"]

# Plays both the machine's Python and an environment's: it notes what it is asked
# for, makes environments by copying itself, and fails to install when told to.
FAKE_PYTHON = """#!/usr/bin/env bash
case "$*" in
*ensurepip*) echo "$0" ;;
*sys.version\\)*) echo 3.11.0 ;;
"-m venv"*)
    echo venv >>"$FAKE_LOG"
    rm -rf "${@: -1}"
    mkdir -p "${@: -1}/bin"
    cat "$0" >"${@: -1}/bin/python"
    chmod +x "${@: -1}/bin/python"
    echo fake >"${@: -1}/pyvenv.cfg" ;;
"-m pip"*)
    echo "pip ${@: -1}" >>"$FAKE_LOG"
    echo "no such release"
    exit "${FAKE_PIP_EXIT:-0}" ;;
esac
"""


class Machine:
    """A machine with a few tools, and a checkout in a folder with a space."""

    def __init__(self, folder: Path, *, python: bool = True):
        self.bin, self.checkout = folder / "bin", folder / "a checkout"
        self.venv, self.log = self.checkout / ".venv", folder / "log"
        shutil.copytree(ROOT / "script", self.checkout / "script")
        for name in ("pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.checkout)
        self.bin.mkdir()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool) or tool)
        if python:
            (self.bin / "python3").write_text(FAKE_PYTHON)
            (self.bin / "python3").chmod(0o755)

    def prepare(self, extras: str = "test", **environment: str):
        """Prepare from another folder; what was done, and how it ended."""
        self.log.write_text("")
        done = subprocess.run(
            ["bash", "-c", f'. "{self.checkout}/script/lib.sh"; prepare "{extras}"'],
            cwd="/",
            env={"PATH": str(self.bin), "FAKE_LOG": str(self.log), **environment},
            capture_output=True,
            text=True,
        )
        return self.log.read_text().splitlines(), done


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_first_run_makes_and_installs_and_the_second_does_nothing(machine):
    steps, done = machine.prepare()
    assert done.returncode == 0, done.stderr
    assert steps == ["venv", "pip .[test]"]
    assert len(done.stderr.splitlines()) == 2  # a line a phase
    assert done.stdout == ""
    steps, done = machine.prepare()
    assert steps == []
    assert done.stderr == ""


def test_extras_that_are_there_stay(machine):
    machine.prepare("")
    assert machine.prepare("test")[0] == ["pip .[test]"]
    assert machine.prepare("")[0] == []
    assert machine.prepare("bench")[0] == ["pip .[bench,test]"]


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_changed_requirements_are_installed(machine, name):
    machine.prepare()
    with (machine.checkout / name).open("a") as file:
        file.write("# changed\n")
    assert machine.prepare()[0] == ["pip .[test]"]


def test_broken_off_install_is_healed(machine):
    _, done = machine.prepare(FAKE_PIP_EXIT="1")
    assert done.returncode == 1
    assert "no such release" in done.stderr
    assert machine.prepare()[0] == ["venv", "pip .[test]"]


def test_broken_environment_is_made_again(machine):
    machine.prepare()
    (machine.venv / "bin" / "python").unlink()
    assert machine.prepare()[0] == ["venv", "pip .[test]"]


def test_moved_checkout_is_made_again(machine):
    machine.prepare()
    machine.checkout = machine.checkout.rename(machine.checkout.with_name("moved"))
    assert machine.prepare()[0] == ["venv", "pip .[test]"]


def test_another_place_can_be_named(machine, tmp_path):
    steps, _ = machine.prepare(STEEPEST_VENV=str(tmp_path / "elsewhere"))
    assert steps == ["venv", "pip .[test]"]
    assert (tmp_path / "elsewhere" / "pyvenv.cfg").exists()
    assert not machine.venv.exists()


def test_folder_that_is_no_environment_is_left_alone(machine, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "letter.txt").write_text("dear")
    steps, done = machine.prepare(STEEPEST_VENV=str(precious))
    assert done.returncode == 1
    assert "is not a Python environment" in done.stderr
    assert steps == []
    assert [path.name for path in precious.iterdir()] == ["letter.txt"]


def test_machine_without_python_is_told_what_to_install(tmp_path):
    _, done = Machine(tmp_path, python=False).prepare()
    assert done.returncode == 1
    assert "no Python 3.11 or newer" in done.stderr
    assert "apt-get install python3 python3-venv" in done.stderr


@pytest.mark.parametrize(
    "name", ["script/test", "script/demo", "script/pin", ".ci/run"]
)
def test_commands_can_be_run_as_programs(name):
    assert os.access(ROOT / name, os.X_OK)
    subprocess.run(["bash", "-n", str(ROOT / name)], check=True)
