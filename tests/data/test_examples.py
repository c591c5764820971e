"""The tables in examples/ hold what their README says and can be learnt."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from steepest.data.features import Features
from steepest.data.orders import split
from steepest.data.reading import table_and_target
from steepest.data.target import Target

FOLDER = Path(__file__).parents[2] / "examples"


def prepare(name, column):
    table, name = table_and_target(FOLDER / name, column)
    target = Target.infer(table.column(name), name=name)
    y, keep = target.encode(table.column(name))
    features = Features.infer(table, exclude=[name])
    return table, features, features.encode(table)[keep], y, target


@pytest.fixture(scope="module")
def flights():
    return prepare("flights.parquet", "arr_delay")


def test_flights_are_many_small_and_mixed(flights):
    table, features, *_ = flights
    assert table.num_rows == 60_000
    assert (FOLDER / "flights.parquet").stat().st_size < 3e6
    assert {c.kind for c in features.columns} == {"number", "category", "moment"}
    assert sum(column.null_count > 0 for column in table.columns) == 10


def test_flights_are_sampled_in_time_order(flights):
    dates = flights[0].column("date").to_numpy()
    assert (np.diff(dates) >= np.timedelta64(0, "D")).all()
    assert np.unique(dates.astype("datetime64[M]")).size == 12


def test_flights_can_be_learnt(flights):
    _, _, X, y, target = flights
    assert target.task == "regression"
    assert target.missing == 1705
    training, validation = split(len(y), 0.1)
    model = Ridge(1.0).fit(X[training], y[training])
    assert 0.8 < model.score(X[validation], y[validation]) < 0.9


def test_penguins_can_be_told_apart():
    table, _, X, y, target = prepare("penguins.csv", "species")
    assert table.num_rows == 344
    assert target.classes == ("Adelie", "Chinstrap", "Gentoo")
    training, validation = split(len(y), 0.3, strata=y)
    model = LogisticRegression(max_iter=200).fit(X[training], y[training])
    assert model.score(X[validation], y[validation]) > 0.95
