"""restarts, anneal and race as a person types them."""

import dataclasses
import inspect
import json

import pytest

from steepest import api
from steepest.api import annealing, racing
from steepest.cli import anneal, race, restarts
from steepest.cli.race import entrant
from steepest.core.errors import UsageError
from steepest.records import Stop
from steepest.steps import OPTIMIZERS

OWN = {"as_json", "strict", "gallery", "optimizers", "formula"}
HYPER = {name for entry in OPTIMIZERS.values() for name in entry.hyper}
TOLERANCES = {"gtol", "ftol", "xtol", "target", "patience"}
STEP = {"optimizer", "learning_rate", "schedule", "clip_norm", "clip_value", *HYPER}


def names(command):
    return {param.name for param in command.params} - OWN


def keywords(door):
    return {
        name
        for name, parameter in inspect.signature(door).parameters.items()
        if parameter.kind is not parameter.VAR_KEYWORD
    } - {"objective"}


def test_options_are_those_of_python():
    assert names(restarts.command) == (
        (keywords(api.restarts) - {"sampler"}) | TOLERANCES | STEP
    )
    assert names(anneal.command) == keywords(api.anneal)
    left_out = {"target"}  # of a table; --target is a value to reach
    assert names(race.command) - TOLERANCES - {
        "max_steps",
        "max_seconds",
        "bounds",
    } == (keywords(api.race) - left_out)


def test_restarts_lists_the_minima(steepest):
    done = steepest("restarts", "himmelblau", "--n", "40", "--seed", "1")
    assert done.exit_code == 0
    assert "of 40 runs" in done.stdout
    assert "40 converged" in done.stdout
    assert "[3, 2]" in done.stdout


def test_restarts_lists_other_ends_apart(steepest):
    words = ("restarts", "exp(-x)", "--start", "x=1", "--n", "5")
    done = steepest(*words)
    assert done.exit_code == 0
    assert "no minimum but a point on a slope that goes on" in done.stdout
    assert "0 converged, 5 ended at 1 point on a slope that goes on" in done.stdout
    assert done.stdout.splitlines()[-2].split() == ["value", "runs", "kind", "params"]
    assert steepest(*words, "--strict").exit_code == 3
    found = json.loads(steepest(*words, "--json").stdout)
    assert found["minima"] == []
    assert [m["kind"] for m in found["others"]] == ["not_stationary"]
    assert found["runs"]["converged"] == 0


def test_restarts_that_all_diverge(steepest):
    done = steepest("restarts", "x^3 + x", "--bounds", "x=-1:1", "--n", "4")
    assert done.exit_code == 4
    assert done.stdout.startswith("All 4 runs failed (4 diverged)")
    assert "; --keep-bounds keeps them inside" in done.stdout


def test_chains_that_are_lost_are_told(steepest):
    done = steepest(
        "anneal", "x - log(x)", "--bounds", "-1:3", "--n", "4", "--steps", "20"
    )
    assert done.exit_code == 0
    assert "4 chains of 20 steps" in done.stdout


def test_restarts_as_json(steepest):
    done = steepest(
        "restarts", "x^4 - 3*x^2 + x", "--bounds", "x=-3:3", "--n", "20", "--json"
    )
    found = json.loads(done.stdout)
    assert found["schema"] == "steepest.restarts/1"
    assert [round(m["value"], 3) for m in found["minima"]] == [-3.514, -1.07]


def test_a_race_has_an_order(steepest):
    done = steepest(
        "race",
        "rosenbrock",
        "bfgs",
        "slow=gd:learning_rate=0.001",
        "--max-steps",
        "200",
    )
    assert done.exit_code == 0
    lines = [line.split() for line in done.stdout.splitlines() if line]
    assert lines[0][:2] == ["Best:", "bfgs."]
    assert lines[-2][-1] == "bfgs"
    assert lines[-1][-1] == "slow"


def test_strict_asks_that_the_best_has_converged(steepest):
    words = ("race", "rosenbrock", "gd:learning_rate=0.001", "--max-steps", "5")
    assert steepest(*words).exit_code == 0
    assert steepest(*words, "--strict").exit_code == 3


def test_annealing_finds_what_descent_does_not(steepest):
    done = steepest("anneal", "rastrigin", "--steps", "1500", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["value"] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("restarts", "himmelblau", "--n", "0"), "error: --n 0: must be"),
        (("restarts", "himmelblau", "--enough", "0"), "error: --enough 0: must be"),
        (("restarts", "x", "--start", "1", "--spread=-1"), "error: --spread -1.0: "),
        (("restarts", "x", "--start", "1", "--keep-bounds"), "error: --keep-bounds: t"),
        (("restarts", "himmelblau", "--bounds", "0:"), "error: --bounds: an end is"),
        (("restarts", "x", "--start", "9", "--bounds", "0:1"), "outside of its bounds"),
        (("anneal", "ackley", "--n", "0"), "error: --n 0: must be"),
        (("anneal", "ackley", "--steps", "0"), "error: --steps 0: must be"),
        (("anneal", "ackley", "--cooling", "2"), "error: --cooling 2.0: must be"),
        (("anneal", "ackley", "--bounds", "3:1"), "error: --bounds: params[0] has low"),
        (("anneal", "x", "--start", "9", "--bounds", "0:1"), "outside of its bounds"),
        (("anneal", "x^2", "--bounds", "x=:1"), "error: --bounds: an end is missing"),
        (("restarts", "x^2 + y^2"), "--bounds x=-5:5,y=-5:5, or around which point"),
        (("restarts", "x^2 + y^2"), "as --start x=1,y=1."),
        (("anneal", "x^2"), "error: --bounds is missing; say where to begin, as --b"),
        (("anneal", "sum(x^2)"), "--start is missing; say where to begin, as --start"),
        (("restarts", "x", "--bounds", "x=0:2,x=1:3"), "x is given twice"),
        (("restarts", "ackley", "--b1", "0.3"), "error: --b1: --optimizer auto choos"),
        (("race", "x^2", "gd"), "--start x=1"),
        (("restarts", "himmelblau", "--bounds", "3:1"), "low"),
        (("restarts", "himmelblau", "--bounds", "abc"), "LOW:HIGH"),
        (("anneal", "ackley", "--temperature", "0"), "--temperature 0.0: must"),
        (("anneal", "ackley", "--temperature=-1"), "--temperature -1.0: must"),
        (("race", "beale"), "no entrants"),
        (("race", "beale", "gd", "gd"), "two entrants"),
        (("race", "beale", "adma"), "entrant 'adma': optimizer adma: unknown. Did"),
        (
            ("race", "beale", "a=adam,lr=3"),
            "options come behind a colon, as",
        ),
        (("race", "beale", "gd", "learning_rate=3"), "options come behind a colon"),
        (
            ("race", "beale", "gd:"),
            "no option stands behind the colon; write gd, or",
        ),
        (("race", "beale", "gd:b=1,b=2"), "error: 'gd:b=1,b=2': b is given twice"),
        (("race", "beale", "gd:direction=maximize"), "is for the race as a whole"),
        (("race", "beale", "gd:lr=1"), "Did you mean learning_rate?"),
        (("race", "beale", "gd:schedule=cosin"), ": schedule=cosin: unknown."),
        (("race", "beale", "bfgs", "--bounds", "-9:9"), "cannot keep them; use auto, "),
        (("race", "beale", "gd:learning_rate=-1"), "learning_rate"),
    ],
)
def test_what_cannot_be_meant_is_told(steepest, words, told):
    done = steepest(*words)
    assert done.exit_code == 2
    assert told in done.stderr
    assert not done.stdout


def test_the_spelling_of_an_entrant():
    assert entrant("momentum:learning_rate=0.1,momentum=0.5") == (
        "momentum:learning_rate=0.1,momentum=0.5",
        {"optimizer": "momentum", "learning_rate": 0.1, "momentum": 0.5},
    )
    with pytest.raises(UsageError, match="before the colon"):
        entrant("gd:optimizer=adam")


def test_a_race_that_nobody_finished(steepest):
    words = ("race", "x^2", "gd:learning_rate=9", "b=gd:learning_rate=10")
    words += ("--start", "5")
    done = steepest(*words)
    assert done.exit_code == 4
    assert done.stdout.startswith("All 2 entrants failed: ")
    assert steepest(*words, "adam").exit_code == 0


def test_an_interrupted_race(steepest, monkeypatch):
    made = racing.carry_out

    def cut(task):
        return dataclasses.replace(made(task), stop=Stop.INTERRUPTED)

    monkeypatch.setattr(racing, "carry_out", cut)
    done = steepest("race", "rosenbrock", "bfgs", "bb")
    assert done.exit_code == 130
    assert done.stdout.startswith("Interrupted; best so far: bfgs. ")
    assert done.stdout.endswith("note: interrupted; not run: bb\n")


def test_interrupted_chains(steepest, monkeypatch):
    made = annealing.descend_many

    def cut(*args, **options):
        ends = made(*args, **options)
        return ends._replace(code=ends.code * 0 + Stop.INTERRUPTED.code)

    monkeypatch.setattr(annealing, "descend_many", cut)
    done = steepest("anneal", "rastrigin", "--steps", "9")
    assert done.exit_code == 130
    assert done.stdout.startswith("Interrupted after 9 of 9 steps; best point of 16 ")


def test_chains_that_no_descent_follows(steepest):
    done = steepest("anneal", "rastrigin", "--steps", "9", "--no-polish")
    assert done.exit_code == 0
    headline, *_ = done.stdout.splitlines()
    assert headline.startswith("Best point of 16 chains: value ")
    assert headline.endswith("; no descent was asked for (--polish).")
    assert "max-steps" not in done.stdout


def test_restarts_that_need_more_steps(steepest):
    words = ("--n", "2", "--max-steps", "3", "--optimizer", "adam")
    done = steepest("restarts", "himmelblau", *words)
    assert (
        "  next     raise --max-steps (now 3), or use --optimizer auto" in done.stdout
    )


@pytest.mark.parametrize("command", ["minimize", "restarts", "anneal"])
def test_the_only_variable_has_its_name(steepest, command):
    done = steepest(command, "x^2", "--start", "1")
    assert any(line.startswith("  x  ") for line in done.stdout.splitlines())
    assert "  params  " not in done.stdout.replace("runs  params", "")
