"""Bad input: its exit code, one clear message with the value, and nothing written."""

from __future__ import annotations

import re
import shutil

import pytest

GD = ("--optimizer", "gd")
# formula and options; exit code; what the message must say
FORMULAS = [
    (["x**2 + z", "--start", "x=1,y=2"], 2, "value for z"),
    (["x**2", "--start", "x=1,q=2"], 2, "variable q"),
    (["sn(x)", "--start", "x=1"], 5, "'sn'. Did you mean sin"),
    (["__import__('os')", "--start", "x=1"], 5, "__import__"),
    (["(" * 10_000, "--start", "x=1"], 5, ""),
    (["", "--start", "x=1"], 5, "empty"),
    (["rosenbrok"], 2, "Did you mean rosenbrock"),
    (["theta"], 2, "no function of the gallery"),
    (["theta", "--start", "x=1"], 2, "no function of the gallery"),
    (["sum(x) + theta"], 2, "--start x=[1,1],theta=1"),
    (["bowl", "--max-steps", "1.5"], 2, "'1.5'"),
    (["x**2 + y**2"], 2, "--start x=1,y=1"),
    (["x**2 + y**2", "--start", "x=1"], 2, "y"),
    (["x**2", "--start", "x=nan"], 2, "'nan' is not a finite number"),
    (["x**2", "--start", "x=1e999"], 2, "'1e999'"),
    (["x**2", "--start", "x="], 2, "missing"),
    (["log(x)", "--start", "x=-1"], 5, "log(x)"),
    (["bowl", "--learning-rate", "-0.1"], 2, "--learning-rate -0.1: must be > 0"),
    (["bowl", "--learning-rate", "0", *GD], 2, "--learning-rate 0.0: must be > 0"),
    (["bowl", "--learning-rate", "nan", *GD], 2, "--learning-rate nan"),
    (["bowl", "--learning-rate", "fast"], 2, "'fast'"),
    (["bowl", "--optimizer", "adm"], 2, "--optimizer adm: unknown. Did you mean adam"),
    (
        ["bowl", "--schedule", "cosin", *GD],
        2,
        "--schedule cosin: unknown. Did you mean cosine",
    ),
    (["bowl", "--momentum", "0.9", *GD], 2, "momentum"),
    (["bowl", "--max-steps", "-1"], 2, "--max-steps -1: "),
    (["bowl", "--gtol", "nan"], 2, "--gtol nan: "),
    (["bowl", "--clip-norm", "0"], 2, "--clip-norm 0.0: "),
    (["bowl", "--seed", "-1"], 2, "-1"),
    (["bowl", "booth"], 2, "booth"),
    (["--start"], 2, "--start"),
    ([], 2, "FORMULA"),
]


def one_error(result, code: int, says: str) -> None:
    assert (result.exit_code, result.stdout) == (code, "")
    first, *more = result.stderr.splitlines()
    assert first.startswith("error: ")
    assert says in first
    # below it only a caret with its line, or the way to the help
    assert all(re.match(r"  |See 'steepest", line) for line in more)
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(("words", "code", "says"), FORMULAS)
def test_formulas(steepest, tmp_path, words, code, says):
    folder = tmp_path / "run"
    one_error(steepest("minimize", "--save", folder, "--json", *words), code, says)
    assert not folder.exists()


def test_maximize_refuses_alike(steepest):
    words = ["x**2", "--start", "x=1", "--optimizer", "adm"]
    one_error(steepest("maximize", *words), 2, "Did you mean adam")


GOOD = "x,c,y\n1,a,2\n2,b,3\n3,a,4.5\n4,b,5\n5,a,6\n6,b,7.5\n"
# what the file holds (None: no file); options; exit code; what the message must say
TABLES = [
    (None, ["--target", "y"], 5, "no such file"),
    ("", ["--target", "y"], 5, "empty"),
    ("x,y\n", ["--target", "y"], 5, "no rows"),
    ("x,y\n1,2\n3\n", ["--target", "y"], 5, "line 3"),
    (GOOD, [], 2, "Columns: x, c, y"),
    (GOOD, ["--target", "yy"], 5, "'yy': no such column"),
    ("x,y\n1,7\n2,7\n", ["--target", "y"], 5, "y"),
    ("x,y\n1,\n2,\n", ["--target", "y"], 5, "missing"),
    (GOOD, ["--target", "c", "--task", "regression"], 5, "c"),
    (GOOD, ["--target", "y", "--task", "regresion"], 2, "--task regresion"),
    (GOOD, ["--target", "y", "--optimizer", "sgd"], 2, "--optimizer sgd"),
    (GOOD, ["--target", "y", "--learning-rate", "-1"], 2, "--learning-rate -1.0"),
    (GOOD, ["--target", "y", "--loss", "hubr"], 2, "--loss hubr"),
    (GOOD, ["--target", "y", "--loss", "log"], 2, "log"),
    (GOOD, ["--target", "y", "--model", "tree"], 2, "--model tree"),
    (GOOD, ["--target", "y", "--model", "mlp:hiden=3"], 2, "'hiden'"),
    (GOOD, ["--target", "y", "--batch-size", "all"], 2, "'all'"),
    (GOOD, ["--target", "y", "--batch-size", "0"], 2, "0"),
    (GOOD, ["--target", "y", "--validation", "1.5"], 2, "--validation 1.5"),
    (GOOD, ["--target", "y", "--validation", "no.csv"], 5, "no.csv"),
    (GOOD, ["--target", "y", "--epochs", "-1"], 2, "--epochs -1"),
    (GOOD, ["--target", "y", "--l1", "-1"], 2, "--l1 -1.0"),
    (GOOD, ["--target", "y", "--ignore", "z"], 2, "--ignore z: no such column"),
    ("a;y\n1,2;3\n".encode("utf-16"), ["--target", "y"], 5, "UTF-16"),
    (GOOD, ["--target", "y", "--sample-weight", "w"], 5, "--sample-weight w:"),
    (GOOD, ["--target", "c", "--class-weight", "d=2"], 2, "'d'"),
    (GOOD, ["--target", "y", "--gtol", "1", "--batch-size", "2"], 2, "--gtol 1: "),
]


@pytest.mark.parametrize(("cells", "words", "code", "says"), TABLES)
def test_tables(steepest, tmp_path, cells, words, code, says):
    path, folder = tmp_path / "table.csv", tmp_path / "model"
    if cells is not None:
        path.write_bytes(cells if isinstance(cells, bytes) else cells.encode())
    one_error(steepest("fit", path, "--save", folder, "--json", *words), code, says)
    assert not folder.exists()


def test_a_truncated_parquet(steepest, table, tmp_path):
    import pandas as pd

    path = tmp_path / "table.parquet"
    pd.read_csv(table).to_parquet(path)
    path.write_bytes(path.read_bytes()[:-50])
    one_error(steepest("fit", path, "--target", "y"), 5, str(path))


def test_save_leaves_other_folders_alone(steepest, table, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    words = ("--target", "y", "--epochs", 1, "--save", tmp_path)
    one_error(steepest("fit", table, *words), 5, "thesis.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("cells", "words", "code", "says"),
    [
        (None, [], 5, "no such file"),
        ("colour\nred\n", [], 5, "x"),
        ("x,colour\none,red\n", [], 5, "one"),
        ("x,colour\n1,red\n", ["--proba"], 2, "--proba"),
        ("x,colour,prediction\n1,red,2\n", ["--keep"], 5, "'prediction'"),
        ("x,colour\n1,red\n", ["--output", "out.xlsx"], 2, "'.xlsx'"),
    ],
)
def test_predictions(steepest, line, tmp_path, monkeypatch, cells, words, code, says):
    monkeypatch.chdir(tmp_path)
    if cells is not None:
        (tmp_path / "new.csv").write_text(cells)
    words = words if "--output" in words else [*words, "--output", "out.csv"]
    result = steepest("predict", line[0], "new.csv", *words)
    one_error(result, code, "" if "suffix" in result.stderr else says)
    assert {path.name for path in tmp_path.iterdir()} <= {"new.csv"}


@pytest.mark.parametrize("suffix", ["safetensors", "json"])
def test_a_damaged_model(steepest, line, table, tmp_path, suffix):
    folder = tmp_path / "model"
    shutil.copytree(line[0], folder)
    path = next(p for p in folder.glob(f"*.{suffix}") if p.name != "run.json")
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    one_error(steepest("predict", folder, table), 5, str(path))


def test_a_model_of_another_schema(steepest, line, table, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(line[0], folder)
    path = folder / "model.json"
    path.write_text(path.read_text().replace("steepest.model/1", "steepest.model/9"))
    one_error(steepest("predict", folder, table), 5, "steepest.model/9")


def test_no_model(steepest, table, tmp_path):
    one_error(steepest("predict", tmp_path / "none", table), 5, "none")


GAPS = "x,c,y\n1,a,2\n2,b,3\n3,,4.5\n4,b,\ninf,a,6\n6,b,7.5\n7,a,8\n"
LABELS = "x,late\n" + "".join(f"{i % 7}.5,{'yn'[i % 2]}\n" for i in range(20))
FITS = [
    (GAPS, ["--missing", "mean"], 2, "--missing mean: unknown. Known: impute, drop"),
    (GAPS, ["--missing", "refuse"], 5, "target y, row 4: missing or not finite"),
    (GAPS.replace("b,\n", "b,5\n"), ["--missing", "refuse"], 5, "column c, row 3: "),
    (GAPS.replace("b,\n", "b,5\n"), ["--missing", "refuse"], 5, "--missing drop"),
    ("x,y\n1,2\n2,2\n,3\n", ["--missing", "drop"], 5, "drop leaves 2 rows of 3"),
    (GOOD, ["--batch-size", "7"], 2, "--batch-size 7: there are only"),
    (GOOD, ["--loss", "log"], 2, "set --task binary."),
    (GOOD + "7,a,nan\n8,b,-1\n", ["--loss", "poisson"], 5, "target in row 8 is -1.0"),
]


@pytest.mark.parametrize(("cells", "words", "code", "says"), FITS)
def test_fits(steepest, tmp_path, cells, words, code, says):
    path, folder = tmp_path / "table.csv", tmp_path / "model"
    path.write_text(cells)
    result = steepest("fit", path, "--target", "y", "--save", folder, *words)
    one_error(result, code, says)
    assert not folder.exists()


def test_a_target_without_its_option(steepest, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(GOOD)
    result = steepest("fit", path, "y")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "y: no such file. To predict a column of this name, write --target y." in (
        result.stderr
    )


def test_gaps_are_told_and_rows_left_out_on_demand(steepest, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(GAPS)
    words = ("--target", "y", "--validation", "none", "--epochs", 3)
    filled = steepest("fit", path, *words)
    assert filled.exit_code == 0
    assert "filled in and flagged: x 1 (row 5), c 1 (row 3)." in filled.stdout
    dropped = steepest("fit", path, *words, "--missing", "drop")
    lacking = "1 left out for lack of a target; 2 left out for lack of a value"
    assert f"4 to train on, 0 to validate; {lacking}" in dropped.stdout


def test_a_new_class_is_predicted_but_not_judged(steepest, tmp_path):
    path, new, model = (tmp_path / name for name in ("t.csv", "new.csv", "model"))
    path.write_text(LABELS)
    new.write_text(LABELS.replace("y\n", "maybe\n"))
    words = ("--target", "late", "--epochs", 3, "--save", model)
    assert steepest("fit", path, *words).exit_code == 0
    result = steepest("predict", model, new)
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 21
    assert "No metrics: target late, row 1: 'maybe' is not a class" in result.stderr
