"""Remedies are run, compared and kept where they help; a run can be made again."""

import copy
import json
import pickle

import numpy as np
import pytest

import steepest as sp
from steepest.api.remedies import Trial, try_remedies, worded
from steepest.core.errors import UsageError
from steepest.records import Finding, Verdict

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 3))
Y = X @ [2.0, -1.0, 0.5] + 0.1 * RNG.normal(size=300)
GD = {"optimizer": "gd", "max_steps": 50, "gtol": 1e-6}


def bowl(**options):
    return sp.minimize("x**2 + 10*y**2", {"x": 3.0, "y": 1.0}, **{**GD, **options})


def saying(symptom, remedy, severity="warning"):
    finding = Finding(symptom, severity, "do it.", remedy=remedy)
    return Verdict("Not converged.", "not_stationary", False, (finding,))


def test_a_remedy_that_helps_is_kept_and_the_next_is_tried_on_top():
    run = bowl(learning_rate=0.2)
    assert run.stop.failed
    tried = try_remedies(run, run.verdict)
    first = tried.trials[0]
    assert first.helps
    assert first.before == run.value > first.after
    assert tried.best.converged
    assert tried.best.value <= min(trial.after for trial in tried.trials)
    again = run.again(**tried.kept)
    assert again.value == tried.best.value


def test_a_remedy_that_does_not_help_is_not_kept():
    run = bowl(learning_rate=0.04)
    tried = try_remedies(run, saying("step_too_large", {"learning_rate": 1e-5}))
    assert not tried.trials[0].helps
    assert tried.trials[0].after > tried.trials[0].before
    assert "learning_rate" not in tried.kept or tried.kept["learning_rate"] is None


def test_a_remedy_that_cannot_be_run_is_told():
    run = bowl(learning_rate=0.04)
    tried = try_remedies(run, saying("x", {"learning_rate": -1.0}))
    first = tried.trials[0]
    assert (first.helps, np.isnan(first.after)) == (False, True)
    assert "learning_rate=-1" in first.outcome
    assert json.loads(json.dumps(first.to_json()))["after"] is None


def test_a_run_without_fault_is_left_alone():
    run = sp.minimize("x**2 + y**2", {"x": 3.0, "y": 4.0})
    tried = try_remedies(run, run.verdict)
    assert tried.trials == ()
    assert tried.best is run
    assert tried.kept == {}


def test_what_already_stands_is_not_tried():
    run = bowl(learning_rate=0.04)
    tried = try_remedies(run, saying("x", {"learning_rate": 0.04}))
    assert all(trial.remedy != {"learning_rate": 0.04} for trial in tried.trials)


def test_many_starts_are_a_remedy():
    run = sp.minimize("x**4 - 3*x**2 + x", {"x": 1.0})
    tried = try_remedies(run, saying("local_minimum", {"restarts": 8}, "warning"))
    assert tried.trials[0].helps
    assert tried.best.value == pytest.approx(-3.513905, abs=1e-5)


def test_climbing_counts_upwards():
    run = sp.maximize("-(x - 1)**2", {"x": 5.0}, optimizer="gd", learning_rate=1e-4,
                      max_steps=20)  # fmt: skip
    tried = try_remedies(run, saying("step_too_small", {"learning_rate": 0.4}))
    assert tried.trials[0].helps
    assert tried.trials[0].after > tried.trials[0].before


def test_a_fit_is_measured_by_the_error_on_rows_held_out():
    fitted = sp.fit((X, Y), optimizer="gd", learning_rate=1e-6, epochs=3)
    tried = try_remedies(fitted, saying("step_too_small", {"learning_rate": 0.05}))
    first = tried.trials[0]
    assert (first.measure, first.helps) == ("rmse", True)
    assert first.before == fitted.metrics["validation"]["rmse"]
    assert tried.best.metrics["validation"]["rmse"] < first.before


def test_a_model_as_plain_data_is_a_remedy():
    fitted = sp.fit((X, Y), optimizer="gd", learning_rate=1e-6, epochs=3)
    remedy = {"model": {"kind": "mlp", "hidden": [4]}, "optimizer": "adam"}
    remedy |= {"learning_rate": 0.05}
    tried = try_remedies(fitted, saying("x", remedy))
    assert tried.trials[0].helps
    assert tried.best.model == sp.MLP(hidden=(4,))
    assert worded(remedy).startswith("model='mlp:hidden=4', optimizer='adam'")


def test_a_stored_run_is_made_again_as_its_folder_tells(tmp_path):
    bowl(learning_rate=0.2, save=tmp_path / "run")
    run = sp.load(tmp_path / "run")
    assert run.again is None
    tried = try_remedies(run, run.verdict)
    assert tried.best.converged
    np.savetxt(tmp_path / "t.csv", np.c_[X, Y], delimiter=",", header="a,b,c,y",
               comments="")  # fmt: skip
    options = {"optimizer": "gd", "learning_rate": 1e-6, "epochs": 3}
    sp.fit(tmp_path / "t.csv", "y", **options, save=tmp_path / "model")
    fitted = sp.load(tmp_path / "model")
    tried = try_remedies(fitted, saying("x", {"learning_rate": 0.05}))
    assert tried.trials[0].helps
    (tmp_path / "t.csv").write_text("a,b,c,y\n1,2,3,4\n")
    with pytest.raises(sp.DataError, match="changed since the run began"):
        try_remedies(fitted, saying("x", {"learning_rate": 0.05}))


def test_what_nobody_can_make_again_is_refused():
    run = pickle.loads(pickle.dumps(bowl(learning_rate=0.2)))
    with pytest.raises(UsageError, match="nothing tells how this run was made"):
        try_remedies(run, run.verdict)


def test_another_optimizer_takes_no_number_of_the_one_before():
    run = bowl(learning_rate=0.01, optimizer="momentum", momentum=0.5)
    assert run.again(optimizer="auto").settings["optimizer"] == "bfgs"
    assert run.again(max_steps=2).settings["momentum"] == 0.5


def test_again_neither_saves_nor_travels(tmp_path):
    run = bowl(learning_rate=0.04, save=tmp_path / "run")
    before = sorted(path.stat().st_mtime_ns for path in (tmp_path / "run").iterdir())
    run.again(learning_rate=0.05)
    after = sorted(path.stat().st_mtime_ns for path in (tmp_path / "run").iterdir())
    assert before == after
    assert copy.copy(run).again is None


def test_a_trial_is_plain_data():
    trial = Trial("x", {"escape": True}, "value", 1.0, 0.5, True, "Converged.")
    assert json.loads(json.dumps(trial.to_json()))["remedy"] == {"escape": True}
