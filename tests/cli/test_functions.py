"""minimize and maximize: what they print, as text and as JSON, and how they end."""

from __future__ import annotations

import json
import re

import pytest

from steepest.problems.gallery import GALLERY
from steepest.steps import OPTIMIZERS

ARTICLE = ("minimize", "x**2 + x*y + y**2", "--start", "x=3,y=4", "--optimizer", "gd")
ARTICLE = (*ARTICLE, "--learning-rate", 0.1, "--max-steps", 100)
SCHEMA = {
    "schema": str,
    "params": dict,
    "value": float,
    "grad_norm": float,
    "steps": int,
    "best_step": int,
    "stop": str,
    "converged": bool,
    "verdict": dict,
    "seconds": float,
    "settings": dict,
    "environment": dict,
    "asked": type(None),
    "measured": dict,
    "params_layout": dict,
}
FINDING = {"symptom", "severity", "evidence", "advice", "steps", "remedy", "reference"}


def test_json_has_the_schema(answer):
    found, code = answer(*ARTICLE)
    assert code == 0
    assert {key: type(value) for key, value in found.items()} == SCHEMA
    assert found["schema"] == "steepest.run/1"
    assert set(found["verdict"]) == {"headline", "kind", "converged", "findings"}
    assert all(set(finding) == FINDING for finding in found["verdict"]["findings"])


def test_the_articles_numbers(answer):
    found, _ = answer(*ARTICLE)
    assert found["params"]["x"] == pytest.approx(-1.3280699e-05, abs=1e-9)
    assert found["params"]["y"] == pytest.approx(1.3280699e-05, abs=1e-9)
    assert (found["stop"], found["converged"]) == ("MAX_STEPS", False)
    assert found["settings"]["learning_rate"] == 0.1
    longer, _ = answer(*ARTICLE[:-1], 500)
    assert (longer["stop"], longer["converged"]) == ("GRADIENT_SMALL", True)


def test_text_tells_the_same(steepest, answer):
    result, (found, _) = steepest(*ARTICLE), answer(*ARTICLE)
    lines = result.stdout.splitlines()
    assert lines[0] == found["verdict"]["headline"]
    fields = dict(line.split(maxsplit=1) for line in lines if line.startswith("  "))
    assert float(fields["x"]) == pytest.approx(found["params"]["x"], rel=1e-9)
    assert float(fields["value"]) == pytest.approx(found["value"], rel=1e-9)
    assert fields["steps"].startswith("100 in ")
    assert fields["stop"].startswith("MAX_STEPS: ")
    assert fields["optimizer"] == "gd, learning rate 0.1"
    # Python's advice, in words that can be typed
    assert "max_steps" in found["verdict"]["findings"][0]["advice"]
    assert "--max-steps" in lines[-1]
    assert "--optimizer auto" in lines[-1]
    assert result.stderr == ""


@pytest.mark.parametrize("steps", [5, 5000])
def test_strict_asks_for_convergence(steepest, steps):
    words = (*ARTICLE[:-1], steps)
    assert steepest(*words).exit_code == 0
    assert steepest(*words, "--strict").exit_code == (3 if steps == 5 else 0)


def test_maximize_climbs(answer):
    found, code = answer("maximize", "-(x-1)^2+3", "--start", "x=-2")
    assert code == 0
    assert found["value"] == pytest.approx(3)
    assert found["params"]["x"] == pytest.approx(1, abs=1e-5)
    assert found["verdict"]["kind"] == "maximum"


@pytest.mark.parametrize("strict", [(), ("--strict",)])
def test_divergence_always_fails_and_names_the_rate(answer, strict):
    words = ("x**2", "--start", "x=5", "--optimizer", "gd", "--learning-rate", 10)
    found, code = answer("minimize", *words, *strict)
    assert (found["stop"], code) == ("DIVERGED", 4)
    assert "learning_rate=10" in found["verdict"]["headline"]


def test_a_gallery_function_brings_its_start(steepest):
    result = steepest("minimize", "booth", "--no-progress")
    assert result.exit_code == 0
    params = result.stdout.partition("params")[2].split("]")[0].strip(" [")
    assert [float(x) for x in params.split(",")] == pytest.approx([1, 3], abs=1e-5)


def test_save_keeps_the_run(steepest, tmp_path):
    folder = tmp_path / "run"
    result = steepest(*ARTICLE, "--save", folder)
    assert f"saved in       {folder}" in result.stdout
    kept = json.loads((folder / "run.json").read_text())
    assert kept["stop"] == "MAX_STEPS"
    assert len((folder / "trace.jsonl").read_text().splitlines()) >= 101


def test_gallery_and_optimizers_are_listed(steepest):
    gallery, optimizers = (
        steepest("minimize", "--gallery"),
        steepest("fit", "--optimizers"),
    )
    assert gallery.exit_code == optimizers.exit_code == 0
    for name, surface in GALLERY.items():
        assert f"{name}\n  {surface.formula}\n  {surface.lesson}\n" in gallery.stdout
    for name, entry in OPTIMIZERS.items():
        assert f"{name}\n  {entry.formula}\n  learning rate " in optimizers.stdout


def test_a_vector_is_one_variable(steepest, answer):
    words = ("minimize", "sum((x - 1)**2) + dot(x, x)", "--start", "x=[1,2,3]")
    found, code = answer(*words)
    assert code == 0
    assert found["params"]["x"] == pytest.approx([0.5] * 3, abs=1e-6)
    text = steepest(*words).stdout
    assert len(re.findall(r"0\.(?:5|4999)\d*", text)) >= 3
    assert re.search(r"^  x +\[0\.\d+, 0\.\d+, 0\.\d+\]$", text, re.M)


def test_a_word_that_the_start_names_is_a_formula(answer):
    found, code = answer("minimize", "theta", "--start", "theta=1", "--max-steps", 2)
    assert (found["stop"], code) == ("MAX_STEPS", 0)
    assert list(found["params"]) == ["theta"]
