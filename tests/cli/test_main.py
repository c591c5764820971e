"""The command itself: help, version, how errors look, what is imported when."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

import steepest as package
from steepest.cli import minimize
from steepest.cli.group import COMMANDS, cli

MODULE = [sys.executable, "-m", "steepest"]


def loaded(name: str) -> click.Command:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    return command


def test_alone_it_prints_help(steepest):
    result = steepest()
    assert result.exit_code == 0
    assert result.stdout == steepest("--help").stdout
    assert all(re.search(rf"^  {name} +\w", result.stdout, re.M) for name in COMMANDS)


def test_version(steepest):
    assert steepest("--version").stdout.split()[-1] == package.__version__


def test_module_is_the_command():
    done = subprocess.run([*MODULE, "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"steepest {package.__version__}\n")


def test_help_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from steepest.cli.group import cli\n"
        "for words in (['--help'], ['fit', '--help'], ['predict', '--help']):\n"
        "    try: cli(words)\n"
        "    except SystemExit as end: assert not end.code\n"
        "heavy = {'jax', 'numpy', 'pyarrow', 'sklearn', 'optax', 'rich', 'equinox'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("typed", "meant"), [("minimise", "minimize"), ("fits", "fit"), ("zzz", "Known: ")]
)
def test_unknown_command(steepest, typed, meant):
    result = steepest(typed)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"error: {typed}: unknown command. " in result.stderr
    assert meant in result.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_owes_a_help(steepest, name):
    result = steepest(name, "--help")
    assert result.exit_code == 0
    assert steepest(name, "-h").stdout == result.stdout
    assert "Examples:" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    short = loaded(name).get_short_help_str(60)
    assert short.endswith(".")
    assert "..." not in short


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_can_be_typed(name):
    command = loaded(name)
    for example in command.examples:
        words = shlex.split(re.split(r"[|>]", example)[0])
        assert words[:2] == ["steepest", name]
        command.make_context(name, words[2:]).close()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name):
    options = [p for p in loaded(name).params if isinstance(p, click.Option)]
    assert [o.name for o in options if not o.help or not o.help.endswith(".")] == []


def test_an_unforeseen_error_is_one_line(steepest, monkeypatch):
    def broken(*args, **options):
        raise RuntimeError("a\nb")

    monkeypatch.setattr("steepest.api.minimize", broken)
    monkeypatch.delenv("STEEPEST_DEBUG", raising=False)
    result = steepest("minimize", "bowl")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "internal error: RuntimeError: a b; set STEEPEST_DEBUG=1 to see the traceback\n"
    )
    monkeypatch.setenv("STEEPEST_DEBUG", "1")
    assert "Traceback" in steepest("minimize", "bowl").stderr


def test_a_command_line_error_points_to_the_help(steepest):
    result = steepest("minimize", "x**2", "--optimzer", "gd")
    assert (result.exit_code, result.stdout) == (2, "")
    first, second = result.stderr.splitlines()
    assert first.startswith("error: ")
    assert "'--optimzer'" in first
    assert "--optimizer" in first
    assert second == "See 'steepest minimize --help'."


def test_a_reader_that_leaves_is_no_error():
    process = subprocess.Popen(
        [*MODULE, "fit", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    _, told = process.communicate(timeout=60)
    assert told == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device")
@pytest.mark.parametrize("words", [["--help"], ["minimize", "bowl", "--json"]])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_said(words, unbuffered):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [*MODULE, *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )
    assert done.returncode == 1
    assert done.stderr == "error: cannot write to stdout: No space left on device\n"


def test_an_os_error_elsewhere_is_not_blamed_on_stdout(steepest, monkeypatch):
    def broken(*args, **options):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("steepest.api.minimize", broken)
    result = steepest("minimize", "bowl")
    assert result.exit_code == 1
    assert "internal error: OSError: [Errno 5] Input/output error" in result.stderr


def test_colours_only_where_they_belong(steepest, monkeypatch):
    runner = click.testing.CliRunner()
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in runner.invoke(cli, ["zzz"], color=True).stderr
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in runner.invoke(cli, ["zzz"], color=True).stderr
    assert "\x1b[" not in steepest("zzz").stderr


def test_an_old_terminal_gets_text_too():
    done = subprocess.run(
        [*MODULE, "ж"],
        capture_output=True,
        env={"PYTHONIOENCODING": "latin-1", "LC_ALL": "C.UTF-8"},
    )
    assert b"Traceback" not in done.stderr
    assert b"\\u0436" in done.stderr


def test_minimize_is_loaded_lazily():
    assert loaded("minimize") is minimize.command
    assert cli.get_command(click.Context(cli), "main") is None
