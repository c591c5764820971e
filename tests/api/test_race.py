"""race: named settings side by side."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

import steepest as sp
from steepest.api import racing
from steepest.api.racing import race
from steepest.descent import abreast
from steepest.records import Stop

START = [-1.2, 1.0]
ENTRANTS = {
    "slow": dict(optimizer="gd", learning_rate=1e-4),
    "good": dict(optimizer="gd", learning_rate=1e-3),
    "wild": dict(optimizer="gd", learning_rate=1e-2),
    "short": dict(optimizer="gd", learning_rate=1e-3, max_steps=50),
    "adam": dict(optimizer="adam", learning_rate=0.1),
    "cosine": dict(optimizer="gd", learning_rate=1e-3, schedule="cosine"),
    "auto": {},
}


@pytest.fixture(scope="module")
def result():
    return race("rosenbrock", START, ENTRANTS, max_steps=1500)


@pytest.mark.parametrize("name", ENTRANTS)
def test_each_run_is_the_run_alone(result, name):
    got = result.runs[name]
    alone = sp.minimize("rosenbrock", START, **{"max_steps": 1500, **ENTRANTS[name]})
    assert got.stop is alone.stop
    assert got.steps == alone.steps
    assert got.best_step == alone.best_step
    assert got.verdict.kind == alone.verdict.kind
    assert got.settings == alone.settings
    assert np.array_equal(got.trace.step, alone.trace.step)
    first = slice(0, 40)  # rounding has not grown yet
    for column in ("value", "grad_norm", "learning_rate", "update_norm"):
        ours, theirs = (getattr(run.trace, column)[first] for run in (got, alone))
        assert np.allclose(ours, theirs, rtol=1e-6, atol=1e-9, equal_nan=True), column
    assert np.shape(got.trace.path) == np.shape(alone.trace.path)
    assert got.trace.value[-1] == got.value


def test_order_and_table(result):
    assert result.winner == "auto"
    assert result.order[-1] == "wild"
    assert result.best is result.runs["auto"]
    assert list(result.runs) == list(ENTRANTS)
    table = result.table()
    assert [row["place"] for row in table] == list(range(1, 8))
    assert [row["name"] for row in table] == result.order
    assert "DIVERGED" in repr(result) or "NONFINITE" in repr(result)
    data = json.loads(json.dumps(result.to_json()))
    assert data["winner"] == "auto"
    assert set(data["runs"]) == set(ENTRANTS)


def test_level_runs_are_told_by_steps():
    rates = {"a": dict(learning_rate=0.01), "b": dict(learning_rate=0.3)}
    assert race("x^2", 1.0, rates, optimizer="gd").order == ["b", "a"]


def test_numbers_alone_share_a_program(monkeypatch):
    sizes, made = [], abreast.descend_abreast
    monkeypatch.setattr(
        "steepest.api.racing.descend_abreast",
        lambda engines, *rest: sizes.append(len(engines)) or made(engines, *rest),
    )
    rates = [(str(rate), dict(learning_rate=rate)) for rate in (0.1, 0.2, 0.3)]
    race("x^2", 1.0, [*rates, ("adam", dict(optimizer="adam"))], optimizer="gd")
    assert sizes == [3]


def test_climb():
    result = race(
        "4 - x^2",
        1.0,
        {"a": dict(learning_rate=0.1), "b": dict(learning_rate=1e-4)},
        direction="maximize",
        max_steps=100,
    )
    assert result.winner == "a"
    assert result.best.value == pytest.approx(4.0)
    assert result.best.verdict.kind == "maximum"


def test_numpy_functions_run_one_after_another():
    def bowl(x):
        return float(x[0] ** 2)

    rates = {"a": dict(learning_rate=0.1), "b": dict(learning_rate=0.4)}
    assert race(bowl, np.ones(1), rates, optimizer="gd").winner == "b"


def test_on_data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = X @ [1.0, -2.0, 0.5] + 0.01 * rng.normal(size=200)
    entrants = {"few": dict(learning_rate=1e-5), "many": dict(learning_rate=0.1)}
    result = race((X, y), entrants=entrants, optimizer="adam", epochs=5, seed=3)
    assert result.winner == "many"
    assert set(result.fits) == {"few", "many"}
    alone = sp.fit((X, y), optimizer="adam", epochs=5, seed=3, learning_rate=0.1)
    assert np.array_equal(alone.run.trace.value, result.best.trace.value)
    assert "score" in result.table()[0]


def fine(**options):
    return {"fine": {}, "bad": options}


@pytest.mark.parametrize(
    ("entrants", "message"),
    [
        ({}, "there are no entrants"),
        ([], "there are no entrants"),
        ([("a", {}), ("a", {})], "two entrants are called 'a'"),
        ({"": {}}, "its name must be a text"),
        ({1: {}}, "its name must be a text"),
        ({"a": 0.1}, "are no options"),
        (["a"], "entrants="),
        (3, "entrants=3"),
        (fine(learning_rate=-1), "entrant 'bad': learning_rate=-1: must be > 0"),
        (fine(optimizer="adm"), "entrant 'bad': .*Did you mean adam"),
        (fine(max_step=3), "entrant 'bad': max_step: .*Did you mean max_steps"),
        (fine(lerning_rate=1), "entrant 'bad': .*Did you mean learning_rate"),
        (fine(momentum=0.9, optimizer="gd"), "entrant 'bad': momentum"),
        (fine(gtol=-1.0), "entrant 'bad': gtol"),
        (fine(direction="maximize"), "'bad': direction is for the race as a whole"),
        (fine(seed=3), "'bad': seed is for the race as a whole"),
        (fine(optimizer="gd", lr=1), "'bad': lr: .*Did you mean learning_rate"),
        (
            fine(schedule="cosin", optimizer="gd"),
            "entrant 'bad': .*Did you mean cosine",
        ),
    ],
    ids=range(18),
)
@pytest.mark.parametrize("data", [False, True], ids=["function", "data"])
def test_entrants_that_cannot_run(entrants, message, data, monkeypatch):
    def never(*args, **options):
        raise AssertionError("compiled")

    for name in ("descend_abreast", "carry_out", "fit"):
        monkeypatch.setattr(f"steepest.api.racing.{name}", never)
    given = (np.ones((4, 2)), np.ones(4)) if data else "x^2"
    with pytest.raises(sp.UsageError, match=message):
        race(given, None if data else 1.0, entrants)


def test_what_is_no_entrants_fault_is_told_plainly():
    with pytest.raises(sp.UsageError, match=r"^start: missing"):
        race("x^2", None, fine())
    with pytest.raises(sp.UsageError, match="is for functions"):
        race((np.ones((4, 2)), np.ones(4)), 1.0, fine())
    with pytest.raises(sp.UsageError, match="direction='up'"):
        race("x^2", 1.0, fine(), direction="up")


def test_what_an_iterator_of_entrants_raises_comes_out():
    def read(text):
        raise sp.UsageError(f"{text}: no")

    with pytest.raises(sp.UsageError, match=r"^gd: no$"):
        race("x^2", 1.0, map(read, ["gd"]))
    with pytest.raises(sp.UsageError, match=r"^entrants=<list_iterator>: give"):
        race("x^2", 1.0, iter([3]))


def stopped(monkeypatch, name):
    """Let the runs of a door end as if Ctrl-C had been pressed; how many it makes."""
    calls, made = [], getattr(racing, name)

    def cut(*args, **options):
        calls.append(1)
        found = made(*args, **options)
        run = dataclasses.replace(getattr(found, "run", found), stop=Stop.INTERRUPTED)
        return dataclasses.replace(found, run=run) if hasattr(found, "run") else run

    monkeypatch.setattr(racing, name, cut)
    return calls


TRIO = {name: {} for name in ("a", "b", "c")}


def test_an_interrupt_ends_the_race(monkeypatch):
    calls = stopped(monkeypatch, "carry_out")
    result = race("x^2", 1.0, TRIO)
    assert (len(calls), list(result.runs), result.absent) == (1, ["a"], ("b", "c"))
    assert result.interrupted
    assert result.headline.startswith("Interrupted; best so far: a. ")
    assert "interrupted; not run: b, c" in repr(result)
    assert result.to_json()["not_run"] == ["b", "c"]


def test_all_that_failed_are_called_that():
    wild = {str(rate): dict(learning_rate=rate) for rate in (10.0, 20.0)}
    result = race("x^2", 1.0, wild, optimizer="gd")
    assert result.failed
    assert result.headline.startswith("All 2 entrants failed: ")
    mild = race("x^2", 1.0, {**wild, "0.1": dict(learning_rate=0.1)}, optimizer="gd")
    assert not mild.failed
    assert not mild.interrupted
    assert mild.headline.startswith("Best: 0.1. Converged to a minimum")
