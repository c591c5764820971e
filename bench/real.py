"""Real tables: linear models with our defaults beside scikit-learn's, tuned by grid."""

from __future__ import annotations

import argparse
import itertools
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.metrics import log_loss, mean_poisson_deviance, mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import steepest
from bench.datasets import LOADERS, MOST_ROWS, Table, tables
from bench.results import record
from bench.results import table as markdown
from steepest.estimators import DescentClassifier, DescentRegressor

PACKAGES = ("steepest", "numba", "scikit-learn", "numpy", "pandas")
NEAR = 1.01
"""Within 1 percent of the best peer's loss."""
NOTHING = 1e-6
"""Losses below it are equal: probabilities of all rows are right to six digits."""
STRENGTHS = tuple(10.0 ** np.arange(-3, 5))
"""Of ridge penalties, on sums of losses."""
ALPHAS = tuple(10.0 ** np.arange(-4, 2))
"""Of lasso and elastic net, on a target of deviation 1."""
SGD = {
    "rate": (("optimal", 0.01), ("adaptive", 0.01), ("adaptive", 0.1)),
    "alpha": (1e-5, 1e-4, 1e-3, 1e-2),
}
CLASSES = "binary", "multiclass"


class Part(NamedTuple):
    """Rows of one part: as they came, as numbers, and as standardised numbers."""

    frame: pd.DataFrame
    X: np.ndarray[Any, Any]
    scaled: np.ndarray[Any, Any]
    y: np.ndarray[Any, Any]


def parts_of(table: Table, seed: int) -> list[Part]:
    """Training, validation and test rows: 60, 20 and 20 percent."""
    classes = table.task in CLASSES
    y = np.unique(table.y, return_inverse=True)[1] if classes else table.y.astype(float)
    places: list[Any] = [np.arange(len(y))]
    for share in (0.2, 0.25):
        strata = y[places[0]] if classes else None
        kept, out = train_test_split(
            places[0], test_size=share, random_state=seed, stratify=strata
        )
        places = [kept, out, *places[1:]]
    frames = [table.X.iloc[rows] for rows in places]
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True))
    texts = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    encoder = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (texts, make_column_selector(dtype_exclude="number")),
    )
    X = [encoder.fit(frames[0]).transform(frame) for frame in frames]
    scaler = StandardScaler().fit(X[0])
    return [
        Part(frame, x, scaler.transform(x), y[rows])
        for frame, x, rows in zip(frames, X, places, strict=True)
    ]


def loss_of(task: str, y: Any, predicted: Any) -> float:
    """Mean squared error, mean Poisson deviance, or log loss."""
    if task == "regression":
        return float(mean_squared_error(y, predicted))
    if task == "counts":
        return float(mean_poisson_deviance(y, np.maximum(predicted, 1e-12)))
    return float(log_loss(y, predicted))


def predictions(model: Any, rows: Any, task: str) -> Any:
    """What the loss is of: probabilities of classes, or numbers."""
    found = model.predict_proba(rows) if task in CLASSES else model.predict(rows)
    return np.clip(np.nan_to_num(found, nan=1e9), -1e9, 1e9)  # SGD may blow up


def grid(task: str, n: int) -> Iterator[tuple[str, Any]]:
    """(name and settings, peer) for each point of the grids."""
    for model, options in peers(task, n):
        for values in itertools.product(*options.values()):
            chosen = dict(zip(options, values, strict=True))
            told = " ".join(_told(name, value) for name, value in chosen.items())
            if "rate" in chosen:
                chosen["learning_rate"], chosen["eta0"] = chosen.pop("rate")
            yield f"{type(model).__name__} {told}", clone(model).set_params(**chosen)


def peers(task: str, n: int) -> list[tuple[Any, dict[str, Any]]]:
    """Peers and what they may choose from."""
    if task == "counts":
        alphas = [strength / n for strength in STRENGTHS]
        return [(PoissonRegressor(max_iter=1000), {"alpha": alphas})]
    if task == "regression":
        few, ratios = {"max_iter": 5000, "precompute": True}, (0.2, 0.5, 0.8)
        return [
            (Ridge(), {"alpha": STRENGTHS}),
            (Lasso(**few), {"alpha": ALPHAS}),
            (ElasticNet(**few), {"alpha": ALPHAS, "l1_ratio": ratios}),
            (SGDRegressor(random_state=0), SGD),
        ]
    return [
        (LogisticRegression(max_iter=1000), {"C": STRENGTHS}),
        (SGDClassifier(loss="log_loss", random_state=0), SGD),
    ]


def _told(name: str, value: Any) -> str:
    if isinstance(value, tuple):
        return value[0] if value[0] == "optimal" else f"{value[0]} {value[1]:g}"
    return f"{name}={value:.3g}"


class Result(NamedTuple):
    """Losses of one model on the test and the training rows, and seconds of its fit."""

    test: float
    train: float
    seconds: float
    how: str = ""


def best_peer(
    task: str, parts: list[Part], rivals: Iterable[tuple[str, Any]]
) -> tuple[Result, float]:
    """The peer whose validation loss is least, and that loss.

    Its seconds are the mean of the grid's. Peers of regression see a target of mean 0
    and deviation 1.

    Args:
        task: of the table.
        parts: to learn from, to choose by, to judge by.
        rivals: (settings, model) of each point of the grid.
    """
    train, *_ = parts
    middle, spread = 0.0, 1.0
    if task == "regression":
        middle, spread = float(np.mean(train.y)), float(np.std(train.y))
    found, seconds = [], []
    for how, model in rivals:
        began = time.perf_counter()
        y = (train.y - middle) / spread if task == "regression" else train.y
        model.fit(train.scaled, y)
        seconds.append(time.perf_counter() - began)
        told = (predictions(model, part.scaled, task) for part in parts)
        losses = [
            loss_of(task, part.y, middle + spread * each)
            for part, each in zip(parts, told, strict=True)
        ]
        found.append((losses[1], losses[2], losses[0], how))
    validation, test, learnt, how = min(found)
    return Result(test, learnt, float(np.mean(seconds)), how), validation


def estimator(task: str, parts: list[Part]) -> Result:
    """Our estimator, its columns encoded but not scaled."""
    ours: dict[str, Any] = {
        "regression": DescentRegressor(),
        "counts": DescentRegressor(loss="poisson"),
    }
    model = ours.get(task, DescentClassifier())
    train, _, test = (part._replace(frame=part.X) for part in parts)
    return judged(lambda: model.fit(train.X, train.y), task, train, test)


def table_fit(task: str, parts: list[Part]) -> Result:
    """`steepest.fit`, the frame as it came."""
    asked = {"loss": "poisson"} if task == "counts" else {"task": task}
    train, _, test = parts
    data = train.frame, train.y
    return judged(
        lambda: steepest.fit(data, progress=False, **asked), task, train, test
    )


def judged(fit: Callable[[], Any], task: str, train: Part, test: Part) -> Result:
    """The losses of what a call fits to the training rows."""
    began = time.perf_counter()
    model = fit()
    seconds = time.perf_counter() - began
    losses = [
        loss_of(task, part.y, predictions(model, part.frame, task))
        for part in (test, train)
    ]
    return Result(*losses, seconds)


def share(ours: Result, peer: Result) -> float:
    """Our test loss as a share of the peer's."""
    return max(ours.test, NOTHING) / max(peer.test, NOTHING)


HEAD = (
    "table",
    "rows x columns",
    "task",
    "best peer",
    "its loss",
    "ours / its",
    "fit / its",
    "train: its",
    "train: ours",
    "s: mean of grid",
    "s: ours",
    "s: fit",
)


def row(table: Table, seed: int) -> tuple[list[str], tuple[float, float]]:
    """A row of the results, and both of our losses as shares of the peer's."""
    parts = parts_of(table, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peers that do not converge within a grid
        rivals = grid(table.task, len(parts[0].y))
        peer, _ = best_peer(table.task, parts, rivals)
    ours, fit = estimator(table.task, parts), table_fit(table.task, parts)
    shares = share(ours, peer), share(fit, peer)
    n, d = parts[0].X.shape
    numbers = [f"{loss:.4g}" for loss in (peer.train, ours.train)]
    numbers += [f"{seconds:.2f}" for _, _, seconds, _ in (peer, ours, fit)]
    told = [table.name, f"{n:,} x {d}", table.task, peer.how, f"{peer.test:.4g}"]
    return [*told, *(f"{share:.3f}" for share in shares), *numbers], shares


def main() -> None:
    """Measure, print, and with --record keep."""
    parser = argparse.ArgumentParser(prog="python -m bench.real")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(LOADERS)} (all)")
    parser.add_argument("--seed", type=int, default=0, help="of the split (0)")
    parser.add_argument("--record", action="store_true", help="put it in RESULTS.md")
    asked = parser.parse_args()
    rows, shares = [], []
    for table in tables(asked.names or None):
        told, both = row(table, asked.seed)
        print(*told, sep=" | ", flush=True)
        rows.append(told)
        shares.append(both)
    near = [sum(both[i] <= NEAR for both in shares) for i in (0, 1)]
    body = f"""
Linear models with our defaults beside the best of scikit-learn's, which are tuned by
grid. One split of each table: 60 percent to learn from, 20 for the peers to choose by,
20 for the loss that is told (log loss, mean squared error, mean Poisson deviance). All
learn from the same 60; the peers see standardised columns, ours the same columns as
they are, and `steepest.fit` the frame itself, a tenth of which it holds out. Categories
are one-hot. Losses below {NOTHING:g} count as equal. At most {MOST_ROWS:,} rows of a
table are drawn, for everybody. Seconds are indicative: other work ran on the machine.

Within 1 percent of the best peer, or better: ours {near[0]} of {len(rows)} tables,
`steepest.fit` {near[1]} of {len(rows)}.

{markdown(HEAD, rows)}
""".strip()
    print(body)
    if asked.record:
        record("real", body, packages=PACKAGES)


if __name__ == "__main__":
    main()
