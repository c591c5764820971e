"""Linear models beside scikit-learn's, and beside the speed of memory."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.results import record, table
from bench.timing import in_turns, median, ratio
from steepest.descent import kernels
from steepest.descent.kernels import Plan
from steepest.estimators import DescentClassifier, DescentRegressor

PACKAGES = ("steepest", "numba", "scikit-learn", "numpy")
RATE = 1e-3
VALUES = 40_000_000
"""Values in a dense table: 160 MB in float32, more than a cache holds."""


def peer(X: Any, y: Any) -> Callable[[], Any]:
    """One epoch of scikit-learn, its shuffle included."""
    model = SGDClassifier(
        loss="log_loss",
        penalty=None,
        learning_rate="constant",
        eta0=RATE,
        max_iter=1,
        tol=None,
    )
    return lambda: model.fit(X, y)


def epoch(X: Any, y: Any, n: int, d: int, batch_size: int) -> Callable[[], Any]:
    """One epoch of ours, its shuffle included unless the batch is full."""
    plan = Plan(loss="log", batch_size=batch_size)
    columns = int(X[2][-1] / n) if isinstance(X, tuple) else d
    rates = np.full(-(-n // batch_size), RATE)

    def run() -> None:
        weights = kernels.start(plan, 1, d, np.float32)
        order = kernels.shuffle_order(n, columns, seed=0, epoch=1)
        kernels.train(plan, weights, X, y, None, rates, order=order)

    return run


def targets(n: int) -> Any:
    """Classes by chance."""
    return (np.random.default_rng(1).random(n) < 0.5).astype(np.float32)


def dense(d: int, repeats: int) -> list[str]:
    """A row of the table: per-sample steps on dense rows."""
    n = VALUES // d
    X = np.random.default_rng(0).standard_normal((n, d), np.float32)
    y = targets(n)
    rivals = {"theirs": peer(X, y), "ours": epoch(X, y, n, d, 1)}
    return told(f"dense, {d:,} columns", rivals, n, repeats)


def sparse(repeats: int) -> list[str]:
    """A row of the table: per-sample steps on sparse rows."""
    n, d, each = 100_000, 50_000, 75
    rng = np.random.default_rng(0)
    indices = np.sort(rng.integers(0, d, (n, each), np.int32), axis=1).reshape(-1)
    data = rng.standard_normal(n * each, np.float32)
    X = data, indices, np.arange(n + 1) * each
    y = targets(n)
    m = csr_matrix(X, shape=(n, d))
    rivals = {"theirs": peer(m, y), "ours": epoch(X, y, n, d, 1)}
    return told("CSR, 50,000 columns, 75 values a row", rivals, n, repeats)


def told(name: str, rivals: dict[str, Any], n: int, repeats: int) -> list[str]:
    """ns a row of both, and how often ours fits into theirs."""
    times = in_turns(rivals, repeats=repeats)
    ns = [f"{1e9 * median(times, rival) / n:.0f}" for rival in rivals]
    return [name, *ns, f"{ratio(times, 'theirs', 'ours'):.1f}"]


def passes(d: int, repeats: int) -> Iterator[list[str]]:
    """Rows of the table: full passes and batches beside a sum of the table."""
    n = VALUES // d
    X = np.random.default_rng(0).standard_normal((n, d), np.float32)
    y, full = targets(n), Plan(loss="log")
    weights = kernels.start(full, 1, d, np.float32)
    batch = Plan(loss="log", batch_size=256)
    rates = np.full(-(-n // 256), RATE)
    rivals = {
        "sum": X.sum,
        "gradient, one thread": lambda: kernels.total(full, weights, X, y, threads=1),
        "gradient, all cores": lambda: kernels.total(full, weights, X, y),
        "batches of 256": lambda: kernels.train(batch, weights, X, y, None, rates),
    }
    times = in_turns(rivals, repeats=repeats)
    for name in list(rivals)[1:]:
        ns = [f"{1e9 * median(times, each) / n:.0f}" for each in ("sum", name)]
        yield [f"{name}, {d:,} columns", *ns, f"{ratio(times, 'sum', name):.2f}"]


NEAR = 1.001
"""Within 0.1 percent of the least log loss."""
GRID = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
"""Rates that scikit-learn's SGD may choose from; the search is not counted."""


def to_the_optimum(n: int, repeats: int) -> list[str]:
    """A row of the table: seconds to within 0.1 percent of the least log loss."""
    X, y = correlated(n)

    def loss(model: Any) -> float:
        return float(log_loss(y, model.predict_proba(X)))

    best = loss(DescentClassifier(l2=0.0, epochs=200).fit(X, y))
    passes = next(
        e
        for e in range(1, 100)
        if loss(DescentClassifier(epochs=e).fit(X, y)) <= NEAR * best
    )
    found = [
        (e, rate)
        for e in (1, 2, 3, 5, 8)
        for rate in GRID
        if loss(sgd(rate, e).fit(X, y)) <= NEAR * best
    ]
    rivals = {"ours": lambda: DescentClassifier(epochs=passes).fit(X, y)}
    if not found:
        rivals["theirs"] = lambda: sgd(GRID[0], 8).fit(X, y)
    else:
        epochs, rate = found[0]
        rivals["theirs"] = lambda: sgd(rate, epochs).fit(X, y)
    times = in_turns(rivals, repeats=repeats)
    how = f"{found[0][0]} epochs at {found[0][1]:g}" if found else "never within 8"
    return [
        f"{n:,} x {X.shape[1]}",
        f"{median(times, 'theirs'):.2f} ({how})",
        f"{median(times, 'ours'):.2f} ({passes} passes)",
        f"{ratio(times, 'theirs', 'ours'):.1f}",
    ]


def whole_way(n: int, repeats: int) -> Iterator[list[str]]:
    """Rows of the table: seconds to the optimum, beside LogisticRegression."""
    X, y = correlated(n)
    strong = 1.0  # scikit-learn's C; ours is one row's worth: the same objective

    def ours() -> Any:
        return DescentClassifier(l2=strong / n).fit(X, y)

    rivals: dict[str, Any] = {"steepest": ours}
    for solver in ("lbfgs", "newton-cholesky"):
        rivals[solver] = functools.partial(
            LogisticRegression(C=strong, solver=solver, max_iter=1000).fit, X, y
        )
    models = {name: rival() for name, rival in rivals.items()}
    times = in_turns(rivals, repeats=repeats)
    for name, model in models.items():
        loss = float(log_loss(y, model.predict_proba(X)))
        seconds = f"{median(times, name):.2f}"
        yield [name, seconds, f"{ratio(times, name, 'steepest'):.1f}", f"{loss:.9f}"]


def correlated(n: int) -> tuple[Any, Any]:
    """28 standardised columns that depend on one another, and two classes."""
    d, rng = 28, np.random.default_rng(0)
    X = rng.standard_normal((n, d), np.float32) @ rng.uniform(-1, 1, (d, d)) / 3
    X = (X + 0.5 * rng.standard_normal((n, d))).astype(np.float32)
    odds = X @ rng.uniform(-1, 1, d) - 0.5
    y = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(int)
    return StandardScaler().fit_transform(X), y


def sgd(rate: float, epochs: int) -> SGDClassifier:
    """scikit-learn's, with a rate that falls as it advises, or constant."""
    return SGDClassifier(
        loss="log_loss",
        penalty=None,
        learning_rate="constant",
        eta0=rate,
        max_iter=epochs,
        tol=None,
        average=True,
    )


def raw() -> Iterator[list[str]]:
    """Rows of the table: raw columns, defaults, beside scaled models of the peer."""
    for load in (load_breast_cancer, load_wine):
        X, y = load(return_X_y=True)
        peer_ = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        yield scored(load.__name__[5:], X, y, peer_, DescentClassifier())
    X, y = load_diabetes(return_X_y=True, scaled=False)
    peer_ = make_pipeline(StandardScaler(), Ridge())
    yield scored("diabetes", X, y, peer_, DescentRegressor())


def scored(name: str, X: Any, y: Any, theirs: Any, ours: Any) -> list[str]:
    """Means over five folds: accuracy, or R2."""
    scores = [cross_val_score(model, X, y).mean() for model in (theirs, ours)]
    return [name, *(f"{score:.3f}" for score in scores)]


def main() -> None:
    """Measure, print, and with --record keep."""
    parser = argparse.ArgumentParser(prog="python -m bench.linear")
    parser.add_argument("--repeats", type=int, default=5, help="rounds (5)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="(1,000,000)")
    parser.add_argument("--record", action="store_true", help="put it in RESULTS.md")
    asked = parser.parse_args()
    steps = [dense(d, asked.repeats) for d in (28, 100, 1000)]
    steps.append(sparse(asked.repeats))
    reads = [row for d in (100, 1000) for row in passes(d, asked.repeats)]
    optimum = to_the_optimum(asked.rows, asked.repeats)
    ways = list(whole_way(asked.rows, asked.repeats))
    body = f"""
One epoch of the log loss, a step a row, shuffle included, one thread, float32:

{table(["rows", "scikit-learn, ns a row", "steepest", "times faster"], steps)}

Passes over rows in memory order, beside `X.sum()` on one thread:

{table(["pass", "X.sum(), ns a row", "steepest", "share of its speed"], reads)}

Seconds to within 0.1 percent of the least log loss; DescentClassifier with its
defaults, SGDClassifier averaged, at the best of {len(GRID)} rates (the search is not
counted), standardised columns:

{table(["table", "SGDClassifier", "DescentClassifier", "times faster"], [optimum])}

Seconds to the optimum of the same table, l2 of one row's worth (C = 1), all cores:

{table(["solver", "seconds", "of steepest's time", "log loss"], ways)}

Raw columns, five folds, accuracy or R2; DescentClassifier and DescentRegressor with
their defaults, LogisticRegression and Ridge behind a StandardScaler:

{table(["table", "scikit-learn, scaled", "steepest, raw"], list(raw()))}
""".strip()
    print(body)
    if asked.record:
        record("linear", body, packages=PACKAGES)


if __name__ == "__main__":
    main()
