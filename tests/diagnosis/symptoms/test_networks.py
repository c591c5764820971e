"""Symptoms of networks: what is told, what stays silent, and whether remedies cure."""

from dataclasses import replace

import numpy as np
import pytest
from twins_networks import FIT, NETWORKS, X, Y

import steepest as sp
from steepest.diagnosis.case import Case
from steepest.diagnosis.probes.units import Units
from steepest.diagnosis.symptoms import (
    dead_units,
    exploding_gradients,
    nonfinite,
    saturated_units,
    vanishing_gradients,
)
from steepest.problems.models.table import model_from_json
from steepest.records import Row, Stop, Trace
from steepest.records.layers import layers_of
from steepest.records.offender import Offender

NAMES = ("hidden.0.linear.weight", "hidden.1.linear.weight", "output.weight")
MODEL = {"kind": "mlp", "hidden": [8, 8], "activation": "sigmoid", "init": "auto"}
ALL = (0.0, 0.0)


def case_of(grads, *, end, activation="relu", dead=ALL, full=ALL, stop=Stop.MAX_EPOCHS):
    """A fit whose loss goes from 1 to `end`, with these gradients all the way."""
    n = 40
    rows = Row(*(np.zeros(n) for _ in Row._fields))
    values = np.append(np.linspace(1.0, end, 10), np.full(n - 10, end))
    rows = rows._replace(step=np.arange(n), value=values)
    norms = np.ones((8, 3, 3))
    norms[:, 0] = grads
    trace = Trace(rows, layers=layers_of(NAMES, range(8), norms))
    settings = {
        "target": "y",
        "model": MODEL,
        "optimizer": "gd",
        "learning_rate": 1.0,
        "chosen": {},
    }
    units = Units(activation, ALL, dead, ALL, full)
    return Case(trace, stop, settings, constant=1.0, units=units)


FAINT, SOUND, LOUD = (1e-9, 1e-5, 1.0), (0.2, 0.3, 1.0), (1e5, 1e4, 1.0)
DEAD = {"dead": (0.0, 1.0)}


@pytest.mark.parametrize(
    ("find", "sick", "sound"),
    [
        (vanishing_gradients.find, (FAINT, {}), (SOUND, {})),
        (exploding_gradients.find, (LOUD, {}), (SOUND, {})),
        (dead_units.find, (SOUND, DEAD), (SOUND, {"dead": (0.4, 0.6)})),
        (
            saturated_units.find,
            (SOUND, {"full": (1.0, 0.0), "activation": "tanh"}),
            (SOUND, {"full": (0.5, 0.0), "activation": "tanh"}),
        ),
    ],
)
def test_only_a_run_that_is_stuck_by_it_is_told(find, sick, sound):
    grads, more = sick
    found = find(case_of(grads, end=0.99, **more))
    assert found.severity == "warning"
    assert found.remedy
    assert find(case_of(grads, end=0.5, **more)) is None  # it learned all the same
    assert find(case_of(sound[0], end=0.99, **sound[1])) is None
    bare = case_of(grads, end=0.99, **more)
    assert find(bare._replace(trace=Trace(bare.trace.rows))) is None


def test_what_a_penalty_pulls_is_no_signal():
    case = case_of((0.01, 0.01, 1.0), end=1.0)
    assert vanishing_gradients.find(case) is None
    pulled = {**case.settings, "penalty": {"l2": 0.01}}
    assert vanishing_gradients.find(case._replace(settings=pulled)) is not None


def test_a_run_that_blew_up_is_no_case_of_units():
    assert dead_units.find(case_of(SOUND, end=1.0, stop=Stop.DIVERGED, **DEAD)) is None


def test_the_first_offender_is_named():
    case = case_of(SOUND, end=1.0, stop=Stop.NONFINITE)
    lost = Offender("gradient", NAMES[1], 7, "nan")
    found = nonfinite.find(case._replace(trace=replace(case.trace, offender=lost)))
    assert found.advice.startswith(f"the gradient of {NAMES[1]} became nan at step 7: ")
    assert found.severity == "error"
    assert found.remedy == {"learning_rate": 0.1}
    auto = {**case.settings, "learning_rate": None}
    assert nonfinite.find(case._replace(settings=auto)).remedy == {"clip_norm": 1.0}
    assert nonfinite.find(case._replace(stop=Stop.DIVERGED)) is None


@pytest.mark.parametrize("name", ["vanishing_gradients", "dead_units"])
def test_the_remedy_cures(name):
    sick = NETWORKS[name][0]()
    (finding,) = [f for f in sick.verdict.findings if f.symptom == name]
    model = finding.remedy.get("model", sick.settings["model"])
    rule = {k: v for k, v in finding.remedy.items() if k != "model"}
    cured = sp.fit(
        (X, Y), model=model_from_json(model), progress=False, **{**FIT, **rule}
    )
    assert cured.metrics["training"]["r2"] > 0.7
