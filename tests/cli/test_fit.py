"""fit: what it prints, as text and as JSON, and what it leaves behind."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from steepest.cli.show import BARS

FAST = ("--epochs", 2, "--batch-size", "full", "--optimizer", "gd")


def test_text_tells_what_was_inferred_and_how_it_went(line, table):
    folder, result = line
    text = result.stdout
    lines = text.splitlines()
    assert " R2 " in lines[0]
    assert "y: regression (" in text
    assert "71 to train on, 8 to validate" in text
    assert "learning rate 0.3, all rows a step" in text
    assert "30 in 30 epochs" in text
    assert "MAX_EPOCHS: All epochs were run." in text
    head = next(k for k, row in enumerate(lines) if row.split()[:1] == ["validation"])
    assert set(lines[head].split()[1]) <= set(BARS)
    head = next(k for k, row in enumerate(lines) if row.endswith("  baseline"))
    metrics = lines[head + 1 :]
    assert [row.split()[0] for row in metrics[:3]] == ["R2", "RMSE", "MAE"]
    assert len({len(row) for row in metrics[:3]}) == 1
    assert lines[-1] == (
        f"Saved in {folder}. "
        f"Next: steepest predict {folder} {table} --output predictions.csv"
    )
    assert result.stderr == ""
    assert sorted(path.suffix for path in folder.iterdir()) == [
        ".json",
        ".json",
        ".jsonl",
        ".safetensors",
    ]


def test_json_adds_metrics_and_model(answer, table):
    found, code = answer("fit", table, "--target", "late", *FAST)
    assert code == 0
    assert found["schema"] == "steepest.run/1"
    assert set(found["metrics"]) == {"validation", "baseline"}
    assert set(found["metrics"]["validation"]) == {"accuracy", "log_loss", "roc_auc"}
    assert found["model"]["kind"] == "linear"
    assert found["settings"]["task"] == "binary"
    assert found["steps"] == 2


def test_options_reach_python(answer, table):
    words = ("--target", "late", "--model", "linear:bias=false", "--loss", "focal:1")
    words = (*words, "--class-weight", "yes=2", "--l2", 0.5, "--validation", table)
    words = (*words, "--ignore", "y", "--momentum", 0.5, "--no-standardize")
    found, _ = answer("fit", table, *words, *FAST[:-1], "momentum")
    settings = found["settings"]
    assert found["model"] == {"kind": "linear", "bias": False}
    assert settings["loss"] == "focal:1.0"
    assert settings["class_weight"] == {"yes": 2.0}
    assert settings["penalty"] == {"l2": 0.5}
    assert (settings["rows"]["train"], settings["rows"]["validation"]) == (80, 80)
    assert settings["columns"] == 4  # x; colour=blue, colour=red, colour=other
    assert settings["momentum"] == 0.5


def test_averages_and_normalized_steps_reach_python(answer, table):
    words = ("--target", "y", "--optimizer", "normalized", "--average", "--epochs", 2)
    found, code = answer("fit", table, *words)
    assert code == 0
    settings = found["settings"]
    assert (settings["optimizer"], settings["average"]) == ("normalized", True)
    assert (settings["batch_size"], settings["learning_rate"]) == (1, 0.5)


def test_several_files_and_no_validation(steepest, table):
    words = ("--target", "y", "--validation", "none", *FAST)
    text = steepest("fit", table, table, *words).stdout
    assert "158 to train on, 0 to validate" in text
    assert "  training  " in text
    assert "add --save DIR" in text


@pytest.mark.parametrize(
    ("rate", "strict", "code"), [(1e-3, True, 3), (1e30, False, 4)]
)
def test_exit_codes(answer, table, rate, strict, code):
    words = ("--target", "y", *FAST, "--learning-rate", rate)
    found, got = answer("fit", table, *words, *(["--strict"] if strict else []))
    assert got == code
    assert not found["converged"]


def test_the_unit_of_the_loss_is_said(steepest, table):
    words = ("fit", table, "--epochs", 1, "--target")
    number = steepest(*words, "y").stdout
    assert re.search(r"loss squared, of the standardised target$", number, re.M)
    assert "standardised" not in steepest(*words, "late").stdout


def test_a_fit_does_not_load_scikit_learn(table):
    code = (
        "import sys\n"
        "from steepest.cli.group import cli\n"
        f"words = ['fit', {str(table)!r}, '--epochs', '1', '--target']\n"
        "for target in ('y', 'late'):\n"
        "    try: cli([*words, target])\n"
        "    except SystemExit as end: assert not end.code\n"
        "assert 'sklearn' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_too_few_rows_to_hold_any_out(steepest, tmp_path):
    path = tmp_path / "two.csv"
    path.write_text("x,y\n1,1.25\n2,2.5\n")
    words = ("fit", path, "--target", "y", "--epochs", 2)
    result = steepest(*words)
    assert result.exit_code == 0, result.stderr
    assert "2 to train on, 0 to validate" in result.stdout
    assert "no row is held out, 2 are too few" in result.stdout
    refused = steepest(*words, "--validation", 0.5)
    assert refused.exit_code == 5
    assert "validation=0.5 leaves 1 rows to train on: too few." in refused.stderr


def test_decimal_commas_are_numbers(answer, tmp_path):
    path = tmp_path / "de.csv"
    rows = [f"{k},5;{3 * k},25" for k in range(50)]
    path.write_text("\n".join(["x;y", *rows]) + "\n")
    found, code = answer("fit", path, "--target", "y", "--epochs", 60)
    assert code == 0
    assert found["settings"]["task"] == "regression"
    assert found["metrics"]["validation"]["r2"] > 0.9
