"""The door for tables: tasks, losses, models, saving, and what is refused."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

import steepest as sp

EXAMPLES = __import__("pathlib").Path(__file__).parents[2] / "examples"
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def mixed():
    n = 300
    size = RNG.normal(20.0, 5.0, n)
    kind = RNG.choice(["a", "b", "c"], n)
    weight = 3 * size + np.where(kind == "a", 10.0, 0.0) + RNG.normal(0, 1, n)
    size[::17] = np.nan
    return pd.DataFrame(
        {"size": size, "kind": kind, "old": RNG.random(n) < 0.5, "weight": weight}
    )


@pytest.fixture(scope="module")
def fitted(mixed):
    return sp.fit(mixed, "weight", epochs=60)


def test_a_mixed_table_is_fitted_without_a_choice(fitted):
    scores = fitted.metrics["validation"]
    assert scores["r2"] > 0.8 > fitted.metrics["baseline"]["r2"] + 0.5
    assert fitted.run.settings["task"] == "regression"
    assert fitted.run.settings["chosen"].keys() == {"optimizer", "l2"}
    assert fitted.run.settings["optimizer"] == "lbfgs"
    assert "kind=other" in fitted.features.names
    assert "size missing" in fitted.features.names


@pytest.mark.parametrize("wrap", [pl.from_pandas, pa.Table.from_pandas, dict])
def test_every_kind_of_table_gives_the_same_model(mixed, fitted, wrap):
    other = sp.fit(wrap(mixed), "weight", epochs=60)
    np.testing.assert_array_equal(other.params["weight"], fitted.params["weight"])


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet"])
def test_every_kind_of_file_gives_the_same_model(mixed, fitted, name, tmp_path):
    path = tmp_path / name
    mixed.to_parquet(path) if "parquet" in name else mixed.to_csv(path, index=False)
    other = sp.fit(path, "weight", epochs=60)
    np.testing.assert_allclose(
        other.params["weight"], fitted.params["weight"], rtol=1e-4, atol=1e-5
    )


def test_a_glob_of_files_is_one_table(mixed, fitted, tmp_path):
    for i in range(3):
        mixed[i * 100 : (i + 1) * 100].to_parquet(tmp_path / f"part{i}.parquet")
    other = sp.fit(str(tmp_path / "part*.parquet"), "weight", epochs=60)
    np.testing.assert_array_equal(other.params["weight"], fitted.params["weight"])


@pytest.mark.parametrize(
    ("data", "peer"),
    [
        (load_diabetes(), Ridge(alpha=1e-3)),
        (load_breast_cancer(), LogisticRegression(max_iter=1000)),
        (load_wine(), LogisticRegression(max_iter=1000)),
    ],
    ids=["diabetes", "cancer", "wine"],
)
def test_defaults_come_close_to_the_exact_solver(data, peer):
    X, y = data.data, data.target
    held = np.arange(len(y)) % 4 == 0
    fitted = sp.fit((X[~held], y[~held]), validation=(X[held], y[held]))
    scaler = StandardScaler().fit(X[~held])
    peer.fit(scaler.transform(X[~held]), y[~held])
    best = peer.score(scaler.transform(X[held]), y[held])
    name = "r2" if fitted.target.task == "regression" else "accuracy"
    assert fitted.metrics["validation"][name] >= best - 0.03


LOSSES = {
    "regression": ["squared", "absolute", "huber:2", "quantile:0.5"],
    "binary": ["log", "hinge", "squared_hinge", "focal"],
    "multiclass": ["cross_entropy", "focal"],
}


@pytest.mark.parametrize(
    ("task", "loss"), [(task, loss) for task, names in LOSSES.items() for loss in names]
)
def test_every_loss_learns_its_task(task, loss):
    x = RNG.normal(size=(400, 4))
    score = x @ np.array([2.0, -1.0, 0.5, 0.0])
    y = {
        "regression": score,
        "binary": np.where(score > 0, "yes", "no"),
        "multiclass": np.digitize(score, [-1, 1]).astype(str),
    }[task]
    fitted = sp.fit((x, y), loss=loss, epochs=60, learning_rate=0.05)
    scores = fitted.metrics["validation"]
    assert scores.get("r2", scores.get("accuracy")) > 0.8
    assert fitted.run.settings["task"] == task


def test_poisson_counts():
    x = RNG.normal(size=(500, 2))
    y = RNG.poisson(np.exp(0.5 + x @ np.array([0.7, -0.4])))
    fitted = sp.fit(
        (x, y), loss="poisson", task="regression", epochs=80, standardize=False
    )
    found = np.append(fitted.params["weight"][:, 0], fitted.params["bias"])
    np.testing.assert_allclose(found, [0.7, -0.4, 0.5], atol=0.15)
    assert (fitted.predict(x) > 0).all()


def test_a_network_learns_what_a_line_cannot():
    x = RNG.uniform(-1, 1, size=(600, 2))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    line = sp.fit((x, y), epochs=20)
    network = sp.fit((x, y), model="mlp:hidden=32/32,activation=tanh", epochs=60)
    assert line.metrics["validation"]["accuracy"] < 0.75
    assert network.metrics["validation"]["accuracy"] > 0.9


def test_own_loss_own_module_and_own_pair(tmp_path):
    x = RNG.normal(size=(200, 2)).astype(np.float32)
    y = x[:, 0] - x[:, 1]

    def cube(prediction, target):
        return jnp.abs(prediction - target) ** 3

    module = eqx.nn.MLP(2, 1, 8, 1, key=jax.random.key(0))
    fitted = sp.fit((x, y), model=module, loss=cube, epochs=40, save=tmp_path / "m")
    assert fitted.metrics["validation"]["r2"] > 0.7
    with pytest.raises(sp.DataError, match="your own"):
        sp.load(tmp_path / "m", loss=cube)
    with pytest.raises(sp.DataError, match="hand it over as loss="):
        sp.load(tmp_path / "m", model=module)
    again = sp.load(tmp_path / "m", model=module, loss=cube)
    np.testing.assert_array_equal(again.predict(x), fitted.predict(x))
    pair = ({"w": np.zeros((2, 1), np.float32)}, lambda p, rows: rows @ p["w"])
    line = sp.fit((x, y), model=pair, epochs=40)
    assert line.metrics["validation"]["r2"] > 0.95


def test_predictions_come_back_in_the_user_s_own_terms(mixed):
    table = mixed.assign(grade=np.where(mixed.weight > 65, 7, 3))
    fitted = sp.fit(table.drop(columns="weight"), "grade", epochs=40)
    assert set(fitted.predict(table)) <= {3, 7}
    proba = fitted.predict_proba(table)
    assert proba.shape == (300, 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    assert fitted.evaluate(table)["accuracy"] > 0.85
    with pytest.raises(sp.UsageError, match="regression"):
        sp.fit(mixed, "weight", epochs=1).predict_proba(mixed)


def test_saved_and_loaded_predicts_the_same(mixed, tmp_path):
    fitted = sp.fit(
        mixed, "weight", model="mlp:norm=batch", epochs=5, save=tmp_path / "model"
    )
    again = sp.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(mixed), fitted.predict(mixed))
    assert again.metrics == fitted.metrics
    assert again.run.to_json() == fitted.run.to_json()
    json.dumps(fitted.to_json(), allow_nan=False)


def test_saving_again_replaces_the_model(mixed, tmp_path):
    sp.fit(mixed, "weight", epochs=2, seed=1, save=tmp_path / "model")
    second = sp.fit(mixed, "weight", epochs=3, seed=2, save=tmp_path / "model")
    again = sp.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(mixed), second.predict(mixed))
    assert len(list((tmp_path / "model").glob("*.safetensors"))) == 1


def test_damage_is_found(mixed, tmp_path):
    sp.fit(mixed, "weight", epochs=1, save=tmp_path / "model")
    files = [p for p in (tmp_path / "model").iterdir() if p.suffix != ".jsonl"]
    assert len(files) == 3
    for path in files:
        data = path.read_bytes()
        for at in (0, len(data) // 2, len(data) - 20):
            changed = bytes([data[at] ^ 1])
            path.write_bytes(data[:at] + changed + data[at + 1 :])
            with pytest.raises(sp.DataError, match=path.name.split("-")[0]):
                sp.load(tmp_path / "model")
        path.write_bytes(data[: len(data) // 2])
        with pytest.raises(sp.DataError):
            sp.load(tmp_path / "model")
        path.write_bytes(data)
    sp.load(tmp_path / "model")


def test_a_model_of_another_schema_is_told(mixed, tmp_path):
    folder = sp.fit(mixed, "weight", epochs=1).save(tmp_path / "model")
    path = folder / "model.json"
    path.write_text(path.read_text().replace("steepest.model/1", "steepest.model/9"))
    with pytest.raises(sp.DataError, match="steepest.model/9"):
        sp.load(folder)
    with pytest.raises(sp.DataError, match="cannot be read"):
        sp.load(tmp_path / "nowhere")


def test_reading_at_predict_time(mixed, fitted):
    whole = fitted.predict(mixed)
    shuffled = mixed[["old", "kind", "size"]].assign(extra=1)
    np.testing.assert_array_equal(fitted.predict(shuffled), whole)
    unseen = mixed.assign(kind="zebra")
    assert np.isfinite(fitted.predict(unseen)).all()
    with pytest.raises(sp.DataError, match="kind"):
        fitted.predict(mixed.drop(columns="kind"))
    words = mixed.assign(size=["huge", *map(str, mixed["size"][1:])])
    with pytest.raises(sp.DataError, match="size.*huge"):
        fitted.predict(words)


def test_validation_data_of_one_s_own(mixed):
    fitted = sp.fit(mixed[:200], "weight", validation=mixed[200:], epochs=30)
    assert fitted.run.settings["rows"]["validation"] == 100
    assert fitted.metrics["validation"] == fitted.evaluate(mixed[200:])
    bare = sp.fit(mixed, "weight", validation=None, epochs=5)
    assert bare.metrics.keys() == {"training", "baseline"}
    assert len(bare.run.trace.validation.loss) == 0


def test_class_weight_and_ignored_columns(mixed):
    table = mixed.assign(rare=(mixed.weight > 80).astype(str))
    plain = sp.fit(table, "rare", ignore="weight", epochs=20)
    balanced = sp.fit(
        table, "rare", ignore=["weight"], class_weight="balanced", epochs=20
    )
    assert not any("weight" in name for name in plain.features.names)
    caught = [np.sum(f.predict(table) == "True") for f in (plain, balanced)]
    assert caught[1] > caught[0]


def bad_tables(tmp_path):
    good = "x,c,y\n1,a,2\n2,b,3\n3,a,5\n4,b,6\n"
    files = {
        "empty.csv": "",
        "ragged.csv": good + "9,a\n",
        "constant.csv": "x,y\n1,2\n2,2\n3,2\n",
        "missing.csv": "x,y\n1,\n2,\n3,\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    pq.write_table(
        pa.table({"x": [1.0] * 999, "y": [2.0] * 999}), tmp_path / "t.parquet"
    )
    data = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "short.parquet").write_bytes(data[: len(data) // 2])


@pytest.mark.parametrize(
    ("name", "target", "message"),
    [
        ("nowhere.csv", "y", "nowhere.csv"),
        ("empty.csv", "y", "empty"),
        ("ragged.csv", "y", "line 6"),
        ("constant.csv", "y", "y.*2"),
        ("missing.csv", "y", "missing"),
        ("short.parquet", "y", "short.parquet"),
        ("ragged*.json", "y", "json"),
        ("constant.csv", "z", "'z'"),
    ],
)
def test_tables_that_cannot_be_used(name, target, message, tmp_path):
    bad_tables(tmp_path)
    with pytest.raises(sp.DataError, match=message):
        sp.fit(str(tmp_path / name), target, save=tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(batch_size=0), "batch_size=0"),
        (dict(batch_size="half"), "batch_size='half'"),
        (dict(epochs=0.5), "epochs=0.5"),
        (dict(epochs=0), "epochs=0: must be a whole number >= 1"),
        (dict(learning_rate=0), "learning_rate=0"),
        (dict(validation=1.5), "validation=1.5"),
        (dict(validation=-0.1), "validation=-0.1"),
        (dict(l2=-1.0), "l2=-1.0"),
        (dict(model="mpl"), "mlp"),
        (dict(model="mlp:hidden=0"), "hidden"),
        (dict(loss="sqared"), "squared"),
        (dict(loss="log"), "log"),
        (dict(task="guess"), "guess"),
        (dict(class_weight="balanced"), "class_weight"),
        (dict(ignore=["nope"]), "nope"),
        (dict(patience=0), "patience=0"),
        (dict(seed="x"), "seed='x'"),
    ],
    ids=str,
)
def test_options_that_cannot_be_meant(mixed, options, message, tmp_path):
    with pytest.raises(sp.UsageError, match=message):
        sp.fit(mixed, "weight", save=tmp_path / "model", **options)
    assert not (tmp_path / "model").exists()


def test_the_examples_are_fitted():
    flights = sp.fit(EXAMPLES / "flights.parquet", "arr_delay", epochs=2)
    assert flights.metrics["validation"]["r2"] > 0.8
    penguins = sp.fit(EXAMPLES / "penguins.csv", "species", epochs=40)
    assert penguins.metrics["validation"]["accuracy"] > 0.9
    assert penguins.target.classes == ("Adelie", "Chinstrap", "Gentoo")


def test_arrays_side_by_side_are_asked_for_as_a_pair(mixed):
    with pytest.raises(sp.UsageError, match=r"as a pair \(X, y\)"):
        sp.fit(np.ones((5, 2)), np.arange(5.0))


def test_a_class_that_is_almost_sure_leaves_the_other_a_probability():
    x = np.linspace(-1, 1, 41)
    fitted = sp.fit((x[:, None], x > 0), task="binary", l2=1e-3, validation=None)
    chances = fitted.predict_proba(np.array([[-3.0], [3.0]]))
    assert (chances > 0).all()
    assert chances.min(axis=1).max() < 1e-9
    np.testing.assert_allclose(chances.sum(axis=1), 1.0)
