"""The command line called in this process, and a small table with its model."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner, Result

from steepest.cli.group import cli

N = 80


@pytest.fixture(scope="session")
def steepest():
    """steepest("minimize", "x**2", ...) -> what it printed and its exit code."""

    def call(*words: object) -> Result:
        return CliRunner().invoke(cli, [str(word) for word in words])

    return call


@pytest.fixture(scope="session")
def answer(steepest):
    """The one JSON object that a command printed, and its exit code."""

    def call(*words: object) -> tuple[dict, int]:
        result = steepest(*words, "--json")
        assert result.stdout.count("\n") == 1, result.stderr
        return json.loads(result.stdout, parse_constant=pytest.fail), result.exit_code

    return call


@pytest.fixture(scope="session")
def table(tmp_path_factory):
    """A CSV of x, colour, y = 3 x + 1 and late (text), and one row lacking y."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=N)
    lines = ["x,colour,y,late"]
    for k, value in enumerate(x):
        y = "" if k == 3 else f"{3 * value + 1:.6f}"
        late = "yes" if value > 0 else "no"
        lines.append(f"{value:.6f},{('red', 'blue')[k % 2]},{y},{late}")
    path = tmp_path_factory.mktemp("table") / "points.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


FIT = ("--epochs", 30, "--batch-size", "full", "--optimizer", "gd")


@pytest.fixture(scope="session")
def line(steepest, table, tmp_path_factory):
    """A saved regression of y, and what fit printed."""
    folder = tmp_path_factory.mktemp("models") / "line"
    words = ("--target", "y", "--ignore", "late", "--learning-rate", 0.3)
    result = steepest("fit", table, *words, *FIT, "--save", folder)
    assert result.exit_code == 0, result.stderr
    return folder, result


@pytest.fixture(scope="session")
def classes(steepest, table, tmp_path_factory):
    """A saved classification of late."""
    folder = tmp_path_factory.mktemp("models") / "classes"
    words = ("--target", "late", "--ignore", "y", "--learning-rate", 1.0)
    result = steepest("fit", table, *words, *FIT, "--save", folder)
    assert result.exit_code == 0, result.stderr
    return folder
