"""The families of linear models, in the order that is halved."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from bench.diagnosis import sources
from bench.diagnosis.fitting import Split, fitted, peer_loss, steepness
from bench.diagnosis.plans import Family, Group, Plan, halved, rng_of

Rng = np.random.Generator
HELD = {"validation": 0.2}
FULL = {"optimizer": "gd", "batch_size": "full", **HELD}
ADAM = {"optimizer": "adam", "batch_size": 32, **HELD}


def ten_to(rng: Rng, low: float, high: float) -> float:
    """A number drawn evenly on a logarithmic scale."""
    return float(10 ** rng.uniform(low, high))


def healthy(split: Split, rng: Rng, steep: float) -> list[Plan]:
    """Configurations that reach what a linear model can.

    Args:
        split: the rows.
        rng: draws rates.
        steep: largest curvature of the loss.
    """
    rate = float(rng.uniform(0.3, 0.9)) / steep
    adam = ten_to(rng, -2.3, -1.5)
    asked: dict[str, dict[str, Any]] = {
        "auto": {},
        "auto, a fifth held out": HELD,
        "gd on all rows": {**FULL, "learning_rate": rate, "epochs": 600},
        "nesterov on all rows": {
            **(FULL | {"optimizer": "nesterov"}),
            "learning_rate": rate / 2,
            "epochs": 300,
        },
        "adam, cosine": {
            **ADAM,
            "learning_rate": adam,
            "epochs": 60,
            "schedule": "cosine",
        },
        "adam, patience": {
            **ADAM,
            "learning_rate": adam / 3,
            "epochs": 300,
            "patience": 10,
        },
        "sgd, fading rate": {
            "optimizer": "gd",
            "batch_size": 16,
            **HELD,
            "learning_rate": rate / 2,
            "schedule": "cosine",
            "epochs": 80,
        },
    }
    return [Plan(name, fitted(split, **options)) for name, options in asked.items()]


def of_rates(split: Split, rng: Rng, steep: float) -> list[Plan]:
    """Rates too large and too small, and budgets cut short."""
    factor, less = ten_to(rng, 1, 3), ten_to(rng, 2, 4)
    adam, tiny = ten_to(rng, 0.5, 1.7), ten_to(rng, -6, -4.7)
    large, small = "rate too large", "rate too small"
    asked: list[tuple[str, str, dict[str, Any]]] = [
        (f"gd, rate x {factor:.0f}", large, FULL | _step(factor / steep, 200)),
        (f"adam, rate {adam:.1f}", f"{large}, batches", ADAM | _step(adam, 20)),
        (f"gd, rate / {less:.0f}", small, FULL | _step(1 / less / steep, 200)),
        (f"adam, rate {tiny:.0e}", small, ADAM | _step(tiny, 20)),
        ("gd, few epochs", "budget cut short", FULL | _step(0.5 / steep, 4)),
        ("adam, one epoch", "budget cut short", ADAM | _step(0.003, 1)),
    ]
    return [Plan(name, fitted(split, **o), fault) for name, fault, o in asked]


def _step(rate: float, epochs: int) -> dict[str, Any]:
    return {"learning_rate": rate, "epochs": epochs}


def of_noise(split: Split, rng: Rng, steep: float) -> list[Plan]:
    """Small batches at a rate that does not fade."""
    del steep
    width = split.X.shape[1]
    rate, adam = float(rng.uniform(0.3, 1.0)) / width, ten_to(rng, -1, 0)
    batch = int(rng.choice([1, 2, 4]))
    asked = {
        f"sgd, batches of {batch}": ("gd", batch, rate),
        f"adam, batches of {batch}": ("adam", batch, adam),
    }
    return [
        Plan(
            name,
            fitted(
                split,
                optimizer=rule,
                batch_size=size,
                learning_rate=speed,
                epochs=8,
                **HELD,
            ),
            "noise of small batches",
        )
        for name, (rule, size, speed) in asked.items()
    ]


def of_columns(split: Split, rng: Rng, steep: float) -> list[Plan]:
    """Columns that are of many scales, constant, collinear, or tell the target."""
    made = [_unscaled(split, rng)]
    n, name = len(split.X), list(split.X.select_dtypes("number"))
    options = (
        {},
        ADAM | {"learning_rate": 0.01, "epochs": 20},
        FULL | {"learning_rate": 0.5 / steep, "epochs": 200},
    )[int(rng.integers(3))]
    how = options.get("optimizer", "auto")
    if len(name) < 2:
        return made
    one, two = rng.choice(name, 2, replace=False)
    told = pd.factorize(split.y, sort=True)[0] if split.classes else split.y
    noise = 0.01 * np.std(told) * rng.standard_normal(n)
    columns = {
        "constant column": (np.full(n, 3.0), lambda X: np.full(len(X), 3.0)),
        "collinear columns": (
            2 * split.X[one].to_numpy() - 3 * split.X[two].to_numpy(),
            lambda X: 2 * X[one].to_numpy() - 3 * X[two].to_numpy(),
        ),
        "leaking column": (told + noise, lambda X: np.full(len(X), np.mean(told))),
    }
    for fault, (column, of_test) in columns.items():
        more = split._replace(
            X=split.X.assign(more=column),
            unseen=split.unseen.assign(more=of_test(split.unseen)),
        )
        made.append(Plan(how, fitted(more, **options), fault))
    return made


def _unscaled(split: Split, rng: Rng) -> Plan:
    """Columns in units that differ ten thousandfold, not standardised."""
    name = list(split.X.select_dtypes("number"))
    spread = np.nanstd(split.X[name].to_numpy(float), axis=0)
    units = 10.0 ** rng.permutation(np.linspace(0, 4, len(name)))
    units = units / np.where(spread > 0, spread, 1.0)

    def scaled(X: pd.DataFrame) -> pd.DataFrame:
        return X.assign(**{c: X[c] * u for c, u in zip(name, units, strict=True)})

    raw = split._replace(X=scaled(split.X), unseen=scaled(split.unseen))
    values = raw.X[name].fillna(0).to_numpy(float)
    steep = 2 * float(np.linalg.norm(values.T @ values / len(values), 2))
    options = FULL | {"standardize": False, "epochs": 300, "learning_rate": 0.5 / steep}
    make = fitted(raw, **options)
    return Plan("gd, units from 1 to 10,000", make, "columns of many scales")


def overfitted(split: Split, rng: Rng, steep: float) -> list[Plan]:
    """Few rows, and many columns of noise, with nothing that holds weights back."""
    del steep
    rows, more = 90, 60
    X = split.X.iloc[:rows].reset_index(drop=True)

    def noisy(X: pd.DataFrame) -> pd.DataFrame:
        noise = rng.standard_normal((len(X), more))
        return pd.concat(
            [X, pd.DataFrame(noise, columns=[f"noise{i}" for i in range(more)])], axis=1
        )

    few = split._replace(X=noisy(X), y=split.y[:rows], unseen=noisy(split.unseen))
    make, twin = fitted(few, l2=0.0, validation=0.3), fitted(few, validation=0.3)
    name = "auto without l2, 90 rows"
    return [Plan(name, make, "overfitting", lambda: twin().loss)]


def rare(split: Split, rng: Rng, steep: float) -> list[Plan]:
    """Labels of which one stands in 1 of 200 rows."""
    del steep
    places = [np.flatnonzero(split.y == label) for label in np.unique(split.y)]
    few = rng.permutation(places[0])[: max(3, len(places[1]) // 200)]
    kept = np.sort(np.concatenate([few, *places[1:]]))
    X = split.X.iloc[kept].reset_index(drop=True)
    some = split._replace(X=X, y=split.y[kept])
    adam = ADAM | {"learning_rate": 0.01, "epochs": 20}
    asked: dict[str, dict[str, Any]] = {"auto": {}, "adam": adam}
    return [
        Plan(name, fitted(some, **o), "classes 1 : 200") for name, o in asked.items()
    ]


Faults = Callable[[Split, Rng, float], list[Plan]]
USUAL: tuple[Faults, ...] = (of_rates, of_noise, of_columns)


def group_of(
    split: Callable[[int], Split], faults: tuple[Faults, ...], name: str, seed: int
) -> Group:
    """The plans of a table: healthy ones, and its faults.

    Args:
        split: seed -> rows.
        faults: what can be planted.
        name: of the family.
        seed: of the split and the rates.
    """
    rows, rng = split(seed), rng_of(name, seed)
    steep = steepness(rows)
    plans = healthy(rows, rng, steep)
    for fault in faults:
        plans += fault(rows, rng, steep)
    return Group(plans, peer_loss(rows))


def _made(
    name: str, maker: sources.Maker, task: str, loss: str, rows: int = 600
) -> Any:
    def split(seed: int) -> Split:
        return sources.made(name, maker, task, loss, seed, rows)

    return split


def _real(name: str, loss: str) -> Any:
    return functools.partial(sources.split_of, name, loss)


MANY = 2_400
"""Rows where one label is to be rare."""
TABLES: dict[str, tuple[Any, tuple[Faults, ...]]] = {
    "breast_cancer": (_real("breast_cancer", "log"), (*USUAL, overfitted)),
    "wine": (_real("wine", "cross_entropy"), USUAL),
    "line d10": (
        _made("line d10", sources.line(10, 1.0), "regression", "squared"),
        (*USUAL, overfitted),
    ),
    "line d40": (
        _made("line d40", sources.line(40, 3.0), "regression", "squared"),
        (*USUAL, overfitted),
    ),
    "diabetes": (_real("diabetes", "squared"), USUAL),
    "autompg": (_real("autompg", "squared"), USUAL),
    "sides d20": (
        _made("sides d20", sources.sides(20), "binary", "log", MANY),
        (*USUAL, overfitted, rare),
    ),
    "sides d8": (
        _made("sides d8", sources.sides(8), "binary", "log", MANY),
        (*USUAL, overfitted, rare),
    ),
    "digits": (_real("digits", "cross_entropy"), USUAL),
    "penguins": (_real("penguins", "cross_entropy"), USUAL),
    "counts d6": (_made("counts d6", sources.counts(6), "counts", "poisson"), USUAL),
    "counts d12": (_made("counts d12", sources.counts(12), "counts", "poisson"), USUAL),
    "college": (_real("college", "huber"), USUAL),
    "computers": (_real("computers", "huber"), USUAL),
    "titanic": (_real("titanic", "log"), (of_rates, of_noise)),
    "phishing": (_real("phishing", "log"), USUAL),
    "line d5, absolute": (
        _made("line d5", sources.line(5, 1.0), "regression", "absolute"),
        USUAL,
    ),
    "line d7, quantile": (
        _made("line d7", sources.line(7, 1.0), "regression", "quantile:0.8"),
        USUAL,
    ),
    "spambase": (_real("spambase", "log"), USUAL),
    "segments": (_real("segments", "cross_entropy"), USUAL),
    "four sides d10": (
        _made("four sides", sources.sides(10, 4), "multiclass", "cross_entropy"),
        USUAL,
    ),
    "friedman": (
        _made("friedman", sources.friedman, "regression", "squared"),
        (*USUAL, overfitted),
    ),
}
"""By name: seed -> rows, and what is planted."""


def families() -> list[Family]:
    """Every table, half of them to tune on."""

    def group(name: str) -> Callable[[int], Group]:
        return functools.partial(group_of, *TABLES[name], name)

    return halved("tables", {name: group(name) for name in TABLES})
