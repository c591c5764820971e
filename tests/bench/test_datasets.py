"""The loaders of bench/datasets.py that need no download."""

import gzip
import importlib.util
import io
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

FILE = Path(__file__).parents[2] / "bench" / "datasets.py"
SPEC = importlib.util.spec_from_file_location("bench_datasets", FILE)
datasets = importlib.util.module_from_spec(SPEC)
sys.modules[SPEC.name] = datasets
SPEC.loader.exec_module(datasets)


@pytest.mark.parametrize(
    ("name", "task", "shape"),
    [
        ("breast_cancer", "binary", (569, 30)),
        ("wine", "multiclass", (178, 13)),
        ("digits", "multiclass", (1797, 64)),
        ("diabetes", "regression", (442, 10)),
    ],
)
def test_a_table_of_scikit_learn(name, task, shape):
    [table] = datasets.tables([name])
    assert (table.name, table.task, table.X.shape) == (name, task, shape)
    assert len(table.y) == len(table.X)
    assert len(table.X.columns) == shape[1]


def test_a_large_table_is_drawn_by_its_seed_and_rows_without_target_are_left_out():
    X = pd.DataFrame({"x": range(10)})
    y = np.where(np.arange(10) == 4, np.nan, np.arange(10))
    table = datasets.Table("t", X, y, "regression")
    drawn = [datasets.drawn(table, most=5, seed=seed) for seed in (0, 0, 1)]
    assert drawn[0].X["x"].tolist() == drawn[0].y.tolist() == drawn[1].y.tolist()
    assert drawn[0].y.tolist() != drawn[2].y.tolist()
    assert datasets.drawn(table).y.tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 9]


def zipped(name, data):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, data)
    return file.getvalue()


def tarred(name, data):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_file_is_read_out_of_an_archive_in_an_archive(pack, tmp_path, monkeypatch):
    inner = pack("data/t.csv.gz", gzip.compress(b"a,b\n1,2\n"))
    path = tmp_path / "river-0.whl"
    path.write_bytes(pack("river/inner.zip", inner))
    monkeypatch.setattr(datasets, "archive", lambda package: path)
    frame = datasets.csv("river", "inner.zip", "t.csv.gz")
    assert frame.to_dict("list") == {"a": [1], "b": [2]}


def test_what_was_downloaded_is_not_downloaded_again(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "user_cache_path", lambda name: tmp_path / name)
    folder = tmp_path / "steepest" / "bench"
    folder.mkdir(parents=True)
    file = folder / f"islp-{datasets.PACKAGES['islp']}-py3-none-any.whl"
    file.write_bytes(b"")
    assert datasets.archive("islp") == file
