"""The command diagnose: what it prints, and its exit codes."""

from __future__ import annotations

import numpy as np
import pytest

STEPS = np.arange(60)
LOSSES = {
    "settled": 0.3 + 2 * 0.7**STEPS,
    "falling": 2 - 0.01 * STEPS,
    "diverged": 1.4**STEPS,
    "nan": np.where(STEPS < 30, 2.0 - 0.01 * STEPS, np.nan),
}


@pytest.fixture
def csv(tmp_path):
    """csv("settled") -> the path of such a file."""

    def write(name):
        rows = zip(STEPS, LOSSES[name], strict=True)
        lines = [f"{k},{loss},{k / 60}" for k, loss in rows]
        path = tmp_path / f"{name}.csv"
        path.write_text("\n".join(["iter,Loss,accuracy", *lines]) + "\n")
        return path

    return write


@pytest.mark.parametrize(
    ("name", "codes"),
    [("settled", (0, 0)), ("falling", (0, 3)), ("diverged", (4, 4)), ("nan", (4, 4))],
)
def test_exit_codes(steepest, csv, name, codes):
    path = csv(name)
    assert steepest("diagnose", path).exit_code == codes[0]
    assert steepest("diagnose", path, "--strict").exit_code == codes[1]


def test_what_is_read(steepest, csv):
    path = csv("diverged")
    lines = steepest("diagnose", path).stdout.splitlines()
    assert lines[0].startswith("Diverged: the loss rose from 1 to 4.")
    assert lines[1] == ""
    told = dict(line.strip().split("  ", 1) for line in lines[2:8])
    assert told["read"].strip() == f"a file of rows {path}, 60 rows"
    assert told["kind"].strip() == "diverged"
    assert told["columns"].strip() == "step from 'iter', value from 'Loss'"
    assert told["not used"].strip() == "accuracy"
    missing = "gradient norms, learning rates, validation losses"
    assert told["missing"].strip() == missing
    assert lines[9].startswith("diverging (error")
    assert "    value start  1" in lines
    assert not any(line.startswith("note") for line in lines)


def test_lines_fit_the_screen(steepest, csv, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = steepest("diagnose", csv("diverged")).stdout.splitlines()
    path = next(line for line in lines if ".csv" in line)
    assert max(len(line) for line in lines[1:] if line is not path) <= 80


def test_json(answer, csv):
    found, code = answer("diagnose", csv("falling"))
    assert code == 0
    assert found["schema"] == "steepest.diagnosis/1"
    assert found["converged"] is False
    assert found["verdict"]["kind"] == "not_stationary"
    assert found["read"]["columns"] == {"step": "iter", "value": "Loss"}
    assert found["read"]["unused"] == ["accuracy"]
    finding = found["verdict"]["findings"][0]
    assert set(finding) >= {"symptom", "severity", "evidence", "advice", "remedy"}


def test_a_saved_run(steepest, answer, tmp_path):
    folder = tmp_path / "run"
    words = ("--optimizer", "gd", "--learning-rate", "1e-3", "--max-steps", 50)
    run, _ = answer("minimize", "x^2", "--start", "x=3", *words, "--save", folder)
    found, code = answer("diagnose", folder)
    assert code == 0
    assert found["verdict"] == run["verdict"]
    lines = steepest("diagnose", folder).stdout.splitlines()
    assert lines[0] == run["verdict"]["headline"]
    finding = run["verdict"]["findings"][0]
    assert f"{finding['symptom']} (warning" in "\n".join(lines)
    assert any(line.startswith("    remedy: --learning-rate 0.") for line in lines)
    result = steepest("diagnose", folder / "trace.jsonl", "--strict")
    assert result.exit_code == 3


BAD = {
    "absent": (None, "absent: cannot be read (No such file or directory)."),
    "empty": (b"", "is empty. Need CSV with a header such as step,loss"),
    "bytes": (b"\x00\x01\x02", "is a binary file."),
    "no loss": (b"step,acc\n0,1\n", "no column of losses among step, acc."),
    "text": (b"step,loss\n0,a\n", "loss holds no number in any of 1 row."),
}


@pytest.mark.parametrize(("data", "told"), BAD.values(), ids=BAD)
def test_bad_input(steepest, tmp_path, data, told):
    path = tmp_path / "absent"
    if data is not None:
        path.write_bytes(data)
    result = steepest("diagnose", path)
    assert result.exit_code == 5
    assert result.stdout == ""
    assert result.stderr.startswith(f"error: {path}: ")
    assert told.split(": ")[-1] in result.stderr
    assert result.stderr.count("\n") == 1


def test_wrong_usage(steepest):
    assert steepest("diagnose").exit_code == 2
    result = steepest("diagnose", "a.csv", "--learning-rate", "3")
    assert result.exit_code == 2
    assert result.stdout == ""
