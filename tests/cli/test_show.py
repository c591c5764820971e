"""Numbers, curves and advice as people read them; JSON as programs do."""

from __future__ import annotations

import io
import json
import math

import click
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.cli.show import (
    BARS,
    as_options,
    say_json,
    say_scores,
    score_text,
    sparkline,
    value_text,
)

COMMAND = click.Command(
    "fit",
    params=[
        *(
            click.Option([f"--{name}"])
            for name in ("learning-rate", "optimizer", "gtol", "bounds")
        ),
        click.Option(["--escape"], is_flag=True),
        click.Argument(["formula"]),
    ],
)


def test_json_is_strict(capsys):
    content = {"a": [math.nan, math.inf], "b": (-math.inf, 1.5), "c": True, "d": None}
    say_json(content)
    found = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert found == {"a": [None, "inf"], "b": ["-inf", 1.5], "c": True, "d": None}


@pytest.mark.parametrize(
    ("advice", "typed"),
    [
        ("try learning_rate=0.5, or more.", "try --learning-rate 0.5, or more."),
        ("try learning_rate=1.4e-13.", "try --learning-rate 1.4e-13."),
        ("use optimizer='auto'.", "use --optimizer auto."),
        ("raise learning_rate", "raise --learning-rate"),
        ("another optimizer may do.", "another optimizer may do."),
        ("raise max_steps", "raise max_steps"),  # not an option of this command
        ("set bounds= that hold", "set --bounds that hold"),
        ("set escape=True to leave", "set --escape to leave"),
        ("bounds: use optimizer='auto'.", "--bounds: use --optimizer auto."),
        ("entrant 'a': gtol: no", "entrant 'a': --gtol: no"),
        ("gtol=-1.0: or None to end it", "--gtol -1.0: or none to end it"),
        ("say --gtol=3 here", "say --gtol=3 here"),
        ("formula: is no option", "formula: is no option"),
        ("bad 'gd:learning_rate=3' here", "bad 'gd:learning_rate=3' here"),
    ],
)
def test_advice_can_be_typed(advice, typed):
    assert as_options(advice, COMMAND) == typed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (np.array(0.25), "0.25"),
        (np.array([[1.0], [-2.5]]), "[1, -2.5]"),
        (np.ones(20), "[1, 1, 1, 1, 1, 1, ...] (20 numbers)"),
    ],
)
def test_values(value, text):
    assert value_text(value) == text


@pytest.mark.parametrize(
    ("name", "score", "text"),
    [
        ("r2", -1e-9, "0.0000"),
        ("accuracy", 0.97126, "0.9713"),
        ("rmse", 800.78123, "800.78"),
        ("mae", 676.4, "676.40"),
        ("rmse", 12345.6, "12346"),
        ("roc_auc", None, "-"),
    ],
)
def test_scores(name, score, text):
    assert score_text(name, score) == text


def test_scores_are_a_table(capsys):
    say_scores({"validation": {"r2": 0.5, "mae": 10.0}, "baseline": {"mae": 100.0}})
    assert capsys.readouterr().out == (
        "       validation  baseline\n"
        "  R2       0.5000         -\n"
        "  MAE      10.000    100.00\n"
    )


@given(
    st.lists(st.floats(-1e300, 1e300) | st.just(math.nan), min_size=2),
    st.integers(2, 50),
)
def test_a_curve_keeps_its_order(values, width):
    line = sparkline(values, width)
    finite = [v for v in values if math.isfinite(v)]
    if len(finite) < 2:
        assert line == ""
        return
    assert len(line) == min(width, len(finite))
    assert set(line) <= set(BARS)
    heights = [BARS.index(mark) for mark in sparkline(sorted(finite), width)]
    assert heights == sorted(heights)
    if len(finite) <= width and max(finite) - min(finite) > 1e-6 * abs(max(finite)):
        assert {BARS[0], BARS[-1]} <= set(line)


def test_no_curve_where_it_cannot_be_shown(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr("sys.stdout", stream)
    assert sparkline([1.0, 2.0]) == ""
