"""`steepest explain`: what it prints, writes, refuses, and its exit codes."""

from __future__ import annotations

import inspect
import json

import pytest

from steepest import api
from steepest.cli import explain
from steepest.explanation.rules import RULES

BOWL = ("explain", "x**2 + y**2", "--at", "x=3,y=4")


def test_the_issue_s_example(steepest):
    done = steepest(*BOWL, "--learning-rate", 0.1)
    assert done.exit_code == 0
    assert "x = 3 - 0.1*6 = 2.4" in done.stdout
    assert "f: 25 -> 16, down by 9" in done.stdout


def test_json_is_one_line(answer):
    told, code = answer(*BOWL, "--steps", 2, "--optimizer", "adam", "--b1", 0.5)
    assert code == 0
    assert told["numbers"] == {
        "learning_rate": 0.1,
        "b1": 0.5,
        "b2": 0.999,
        "eps": 1e-8,
    }
    assert len(told["steps"]) == 2
    assert told["graph"] is None


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("a.html", "<!doctype html>"),
        ("a.md", "# `x**2 + y**2`"),
        ("a.json", "{"),
        ("a.txt", "f(x, y) = "),
    ],
)
def test_the_name_of_the_file_says_the_form(steepest, tmp_path, name, begins):
    done = steepest(*BOWL, "-o", tmp_path / name)
    assert done.exit_code == 0
    assert done.stdout == ""
    assert (tmp_path / name).read_text(encoding="utf-8").startswith(begins)


def test_formats_on_stdout(steepest):
    assert steepest(*BOWL, "--format", "html").stdout.startswith("<!doctype html>")
    assert steepest(*BOWL, "--format", "markdown").stdout.startswith("# `x**2")
    assert json.loads(steepest(*BOWL, "--format", "json").stdout)["value"] == 25.0


def test_a_network(steepest):
    words = ("mlp:hidden=2,activation=sigmoid", "--at", "x=[1,0.5],y=1")
    done = steepest("explain", *words, "--backprop")
    assert done.exit_code == 0
    assert "Backwards" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("x**2", "--at", "x=0", "--learning-rate", "0"), 2, "--learning-rate 0.0: "),
        (("x*y", "--at", "x=1"), 2, "The point needs a value for y"),
        (("x*y",), 2, "--at is missing; say where, as --at x=1,y=1"),
        (("x+", "--at", "x=1"), 5, "is missing here"),
        (("x", "--at", "x=1", "--optimizer", "bfgs"), 2, "cannot be written out"),
        (("x", "--at", "x=1", "--json", "--format", "html"), 2, "leave one"),
        (("rosenbrok",), 2, "Did you mean rosenbrock"),
    ],
)
def test_what_is_refused(steepest, words, code, told):
    done = steepest("explain", *words)
    assert (done.exit_code, done.stdout) == (code, "")
    assert told in done.stderr


def test_no_value_and_divergence_have_their_codes(steepest):
    done = steepest("explain", "log(x)", "--at", "x=-1")
    assert done.exit_code == 5
    assert "x is -1 there" in done.stdout
    words = ("--learning-rate", 10, "--steps", 50)
    assert steepest("explain", "x**4", "--at", "x=3", *words).exit_code == 4


def test_options_are_the_parameters_of_python():
    names = {param.name for param in explain.command.params}
    own = {"formula", "form", "as_json", "output", "gallery"}
    hyper = {name for rule in RULES.values() for name in rule.numbers}
    door = set(inspect.signature(api.explain).parameters) - {"objective", "hyper"}
    assert names - own == door | hyper
