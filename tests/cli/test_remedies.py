"""steepest diagnose --remedy: what was tried, what came of it, where it is saved."""

import json

import pytest

import steepest as sp


@pytest.fixture
def diverged(tmp_path):
    options = {"optimizer": "gd", "learning_rate": 0.05, "max_steps": 400}
    sp.minimize("x**2 + 40*y**2", {"x": 3.0, "y": 1.0}, **options, save=tmp_path / "r")
    return tmp_path / "r"


def test_what_helps_is_told_and_saved(steepest, diverged, tmp_path):
    found = steepest("diagnose", diverged, "--remedy", "--save", tmp_path / "cured")
    assert found.exit_code == 0, found.stderr
    assert "With --learning-rate 0.01" in found.stdout
    assert "Converged to a minimum" in found.stdout
    assert sp.load(tmp_path / "cured").converged
    assert steepest("diagnose", tmp_path / "cured", "--strict").exit_code == 0


def test_json_holds_trials_and_the_better_run(steepest, diverged):
    found = steepest("diagnose", diverged, "--remedy", "--json")
    told = json.loads(found.stdout)
    assert told["tried"][0]["helps"]
    assert told["tried"][0]["remedy"].items() <= told["kept"].items()
    assert told["best"]["converged"]


def test_without_fault_nothing_is_tried(steepest, tmp_path):
    sp.minimize("x**2", {"x": 3.0}, save=tmp_path / "r")
    found = steepest("diagnose", tmp_path / "r", "--remedy", "--save", tmp_path / "s")
    assert found.exit_code == 0
    assert "No remedy was tried" in found.stdout
    assert not (tmp_path / "s").exists()


def test_rows_of_another_program_cannot_be_made_again(steepest, tmp_path):
    (tmp_path / "log.csv").write_text("step,loss\n0,1\n1,2\n2,400\n3,1e9\n4,1e20\n")
    found = steepest("diagnose", tmp_path / "log.csv", "--remedy")
    assert found.exit_code == 2
    assert "cannot be made again" in found.stderr


def test_save_asks_for_remedy(steepest, diverged, tmp_path):
    found = steepest("diagnose", diverged, "--save", tmp_path / "x")
    assert found.exit_code == 2
    assert "add --remedy" in found.stderr
    assert not (tmp_path / "x").exists()
