"""The options are those of Python: names, defaults, and all of them."""

from __future__ import annotations

import inspect
import re

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest import api
from steepest.cli import fit, maximize, minimize
from steepest.cli.fit import ClassWeight, Validation
from steepest.cli.group import cli
from steepest.cli.options import WHOLE_OR_NONE, IntOrWord, PointType, Whole
from steepest.core.errors import UsageError
from steepest.steps import OPTIMIZERS

OWN = {"as_json", "strict", "gallery", "optimizers"}
HYPER = {name for entry in OPTIMIZERS.values() for name in entry.hyper}
DOORS = [
    (minimize.command, api.minimize, {"formula", "start"}, {"record_path", "grad"}),
    (maximize.command, api.minimize, {"formula", "start"}, {"record_path", "grad"}),
    (fit.command, api.fit, {"data", "target"}, set()),
]


def defaults(door) -> dict:
    return {
        name: parameter.default
        for name, parameter in inspect.signature(door).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }


@pytest.mark.parametrize(("command", "door", "arguments", "left_out"), DOORS)
def test_options_are_the_parameters_of_python(command, door, arguments, left_out):
    names = {p.name for p in command.params} - OWN - arguments
    assert names == (set(defaults(door)) | HYPER) - left_out


@pytest.mark.parametrize(("command", "door", "arguments", "left_out"), DOORS)
def test_help_tells_the_defaults_of_python(command, door, arguments, left_out):
    told = {}
    for option in command.params:
        found = re.search(r"Default ([^\s:]+)\.$", getattr(option, "help", "") or "")
        if found and option.name in defaults(door):
            told[option.name] = found[1]
    assert {"optimizer", "seed", "gtol", "max_steps", "patience"} <= set(told)
    for name, text in told.items():
        default = defaults(door)[name]
        expected = "none" if default is None else default
        assert text == str(expected) or float(text) == expected, name


def parsed(command: click.Command, *words: str) -> dict:
    # Click keeps the help option that a command is first parsed with.
    names = cli.context_settings["help_option_names"]
    with command.make_context("x", list(words), help_option_names=names) as ctx:
        return ctx.params


@pytest.mark.parametrize(
    "words",
    [
        ["-(x-1)^2+3", "--start", "x=-2"],
        ["--start", "x=-2", "-(x-1)^2+3"],
        ["--start=x=-2", "-(x-1)^2+3", "--json"],
        ["--json", "--start=x=-2", "--", "-(x-1)^2+3"],
    ],
)
def test_a_formula_may_begin_with_a_minus(words):
    found = parsed(maximize.command, *words)
    assert found["formula"] == "-(x-1)^2+3"
    assert found["start"] == {"x": -2.0}


@pytest.mark.parametrize(
    ("start", "point"),
    [
        ("-1,2", [-1.0, 2.0]),
        ("x=-1e-3", {"x": -1e-3}),
        ("x=[1,-2],y=3", {"x": [1.0, -2.0], "y": 3.0}),
        ("-5", -5.0),
    ],
)
def test_a_start_may_be_negative(start, point):
    assert parsed(minimize.command, "f", "--start", start)["start"] == point
    assert parsed(minimize.command, "f", f"--start={start}")["start"] == point


@given(formula=st.from_regex(r"\A-?[a-gi-z(][a-z0-9+*/^() .-]{0,12}\Z"))
@settings(max_examples=60)
def test_any_formula_arrives_whole(formula):
    words = ["--optimizer", "gd", formula, "--max-steps", "5"]
    for order in (words, [formula, *words[:2], *words[3:]]):
        found = parsed(minimize.command, *order)
        assert (found["formula"], found["max_steps"]) == (formula, 5)


def test_limits_can_be_switched_off():
    found = parsed(minimize.command, "f", "--gtol", "none", "--max-steps", "none")
    assert (found["gtol"], found["max_steps"]) == (None, None)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (IntOrWord("auto", "full"), "32", 32),
        (IntOrWord("auto", "full"), "full", "full"),
        (IntOrWord("auto", "full"), "1e3", 1000),
        (WHOLE_OR_NONE, "7", 7),
        (WHOLE_OR_NONE, "1e3", 1000),
        (WHOLE_OR_NONE, "none", None),
        (Whole(), "9007199254740993", 2**53 + 1),
        (Validation(), "0.2", 0.2),
        (Validation(), "none", None),
        (Validation(), "held.csv", "held.csv"),
        (ClassWeight(), "balanced", "balanced"),
        (ClassWeight(), "yes=2, a=b=0.5", {"yes": 2.0, "a=b": 0.5}),
    ],
)
def test_values_are_read(kind, text, value):
    assert kind.convert(text, None, None) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (IntOrWord("auto", "full"), "1.5"),
        (WHOLE_OR_NONE, "many"),
        (WHOLE_OR_NONE, "1.5"),
        (Whole(), "inf"),
        (Whole(), "nan"),
        (ClassWeight(), "yes"),
        (ClassWeight(), "yes=much"),
        (ClassWeight(), "yes=1,"),
    ],
)
def test_values_are_refused(kind, text):
    with pytest.raises(click.BadParameter, match=re.escape(text)):
        kind.convert(text, None, None)


def test_a_point_is_refused_with_its_place():
    with pytest.raises(UsageError, match="not a finite number"):
        PointType().convert("x=inf", None, None)


def test_columns_to_ignore_are_listed_or_repeated():
    found = parsed(fit.command, "t.csv", "--ignore", "a, b", "--ignore", "c")
    assert found["ignore"] == ["a", "b", "c"]
