"""predict: its tables, its metrics, and files that are whole or not there."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from steepest import api
from steepest.cli.tables import FORMATS, csv_text


def column(text: str, name: str = "prediction") -> list[str]:
    return [row[name] for row in csv.DictReader(io.StringIO(text))]


def test_csv_on_stdout_and_metrics_on_stderr(steepest, line, table):
    folder, _ = line
    result = steepest("predict", folder, table)
    assert result.exit_code == 0
    got = np.array(column(result.stdout), float)
    assert np.allclose(got, api.load(folder).predict(table), rtol=1e-8)
    assert result.stderr.startswith("On these rows: R2 ")
    assert result.stderr.count("\n") == 1


def test_labels_and_probabilities(steepest, classes, table):
    result = steepest("predict", classes, table, "--proba")
    fitted = api.load(classes)
    assert column(result.stdout) == fitted.predict(table).tolist()
    shares = [
        [float(s) for s in column(result.stdout, f"p({k})")] for k in ("no", "yes")
    ]
    assert np.allclose(np.transpose(shares), fitted.predict_proba(table), rtol=1e-8)


READ = {".csv": pd.read_csv, ".parquet": pq.read_table, ".arrow": feather.read_table}


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_holds_the_same(steepest, classes, table, tmp_path, suffix):
    path = tmp_path / "new" / f"out{suffix}"
    result = steepest("predict", classes, table, "--keep", "--output", path)
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"80 predictions of late in {path}.\n" in result.stderr
    read = READ[suffix](path)
    frame = read if suffix == ".csv" else read.to_pandas()
    names = ["x", "colour", "y", "late", "prediction"]
    assert list(frame.columns) == names
    before = pd.read_csv(table)
    pd.testing.assert_frame_equal(frame[names[:4]], before, check_dtype=False)
    assert frame["prediction"].tolist() == api.load(classes).predict(table).tolist()
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_json(answer, line, table, tmp_path):
    folder, _ = line
    found, code = answer("predict", folder, table)
    assert code == 0
    assert set(found) == {
        "schema", "model", "target", "task", "rows", "columns", "output", "metrics",
        "table",
    }  # fmt: skip
    assert found["schema"] == "steepest.prediction/1"
    assert (found["target"], found["task"], found["rows"]) == ("y", "regression", 80)
    assert found["columns"] == ["prediction"]
    assert np.allclose(found["table"]["prediction"], api.load(folder).predict(table))
    assert set(found["metrics"]) == {"r2", "rmse", "mae"}
    written, _ = answer("predict", folder, table, "--output", tmp_path / "p.csv")
    assert written["table"] is None
    assert written["output"] == str(tmp_path / "p.csv")


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ("x,colour\n1,red\n", ""),
        ("x,colour,late\n1,red,\n", "No metrics: "),
        ("x,colour,late\n1,red,perhaps\n", "No metrics: "),
    ],
)
def test_a_target_is_not_needed(steepest, classes, tmp_path, cells, told):
    new = tmp_path / "new.csv"
    new.write_text(cells)
    result = steepest("predict", classes, new)
    assert result.exit_code == 0
    assert column(result.stdout) == ["yes"]
    assert result.stderr.startswith(told)
    assert "On these rows" not in result.stderr


def test_an_unseen_category_is_predicted(steepest, classes, tmp_path):
    new = tmp_path / "new.csv"
    new.write_text("x,colour\n-2,violet\n")
    assert column(steepest("predict", classes, new).stdout) == ["no"]


def test_csv_text_quotes_what_needs_it():
    cells = pa.table({"n,m": [1.5, None], "t": ['a"b', "c\nd"], "l": [[1], None]})
    assert csv_text(cells) == '"n,m",t,l\n1.5,"a""b",[1]\n,"c\nd",\n'


def test_every_reader_gets_back_what_was_written():
    cells = pa.table({"t": ["a,b", " c ", "é", '"'], "n": [1e-300, 0.1, 1e22, -0.0]})
    read = pd.read_csv(io.StringIO(csv_text(cells)))
    pd.testing.assert_frame_equal(read, cells.to_pandas())


def test_a_run_on_a_function_is_no_model(steepest, table, tmp_path):
    api.minimize("x^2", 1.0, save=tmp_path / "run")
    done = steepest("predict", tmp_path / "run", table)
    assert done.exit_code == 5
    assert "holds a run on a function" in done.stderr


def test_a_model_of_hashed_columns_predicts_new_categories(steepest, table, tmp_path):
    words = ("--target", "y", "--ignore", "late", "--hash-bits", 10)
    fitted = steepest("fit", table, *words, "--save", tmp_path / "model")
    assert fitted.exit_code == 0, fitted.stderr
    assert "2, as 1,025 numbers" in fitted.stdout
    assert "colour: its 2 values are hashed into 1,024 columns." in fitted.stdout
    new = tmp_path / "new.csv"
    new.write_text("colour,x\ngreen,1.0\n,1.0\n")
    done = steepest("predict", tmp_path / "model", new)
    head, *values = done.stdout.split()
    assert head == "prediction"
    assert [float(value) for value in values] == pytest.approx([4.0, 4.0], abs=0.1)


def test_bits_out_of_range_are_a_usage_error(steepest, table):
    done = steepest("fit", table, "--target", "y", "--hash-bits", 99)
    assert done.exit_code == 2
    assert "--hash-bits 99: must be a whole number from 1 to 24" in done.stderr
