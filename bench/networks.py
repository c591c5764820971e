"""Networks: a step beside torch and scikit-learn, and defaults beside tuned peers."""

from __future__ import annotations

import argparse
import functools
import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor

import steepest
from bench.datasets import Table, tables
from bench.real import (
    CLASSES,
    Part,
    Result,
    best_peer,
    judged,
    loss_of,
    parts_of,
    predictions,
)
from bench.results import record
from bench.results import table as markdown
from bench.timing import in_turns, median

PACKAGES = ("steepest", "jax", "torch", "scikit-learn", "numpy")
COLUMNS, RATE = 28, 1e-3
CASES = ((64, 32), (64, 256), (64, 2048), (256, 256), (256, 2048))
"""(width of both hidden layers, rows of a batch)"""
STEPS = {32: 5000, 256: 1000, 2048: 100}
"""Steps of an epoch, by the rows of a batch."""
EPOCHS = {32: (2, 5), 256: (10, 20), 2048: (10, 20)}
"""Of our fits. A step takes what the longer fit takes more, over the steps it makes
more: both are so long that they run the program of long fits."""
THEIRS = 1, 3
"""Epochs of scikit-learn's."""
JUDGED = (
    *("phishing", "spambase", "magic", "digits", "segments", "penbased"),
    *("computers", "diamonds"),
)
"""Tables that are told; nothing was chosen by them."""
DEVELOPMENT = (
    *("breast_cancer", "titanic", "affairs", "parties", "splice"),
    *("letter", "autompg", "college", "wage"),
)
"""Tables that the defaults were chosen by."""
NEAR = 1.02
"""Within 2 percent of the best peer's loss."""
NOTHING = 1e-4
"""Losses below it are equal."""
GRID = {
    "learning_rate_init": (1e-4, 1e-3, 1e-2),
    "hidden_layer_sizes": ((64,), (64, 64), (256,)),
    "alpha": (1e-5, 1e-3, 1e-1),
}
MOST_EPOCHS = 400
"""Of a peer; most stop long before."""


def rows_of(batch: int) -> tuple[Any, Any]:
    """Rows of two classes for the steps of an epoch."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((STEPS[batch] * batch, COLUMNS), np.float32)
    return X, (X[:, 0] * X[:, 1] + X[:, 2] > 0).astype(int)


def ours(X: Any, y: Any, width: int, batch: int, epochs: int) -> Any:
    """Our whole fit."""
    return steepest.fit(
        (X, y),
        task="binary",
        model=f"mlp:hidden={width}/{width}",
        optimizer="adam",
        learning_rate=RATE,
        batch_size=batch,
        epochs=epochs,
        validation=None,
        progress=False,
    )


def theirs(X: Any, y: Any, width: int, batch: int, epochs: int) -> Any:
    """scikit-learn's whole fit."""
    asked: dict[str, Any] = {"batch_size": batch, "learning_rate_init": RATE}
    asked |= {"max_iter": epochs, "n_iter_no_change": epochs, "tol": 0.0}
    return MLPClassifier((width, width), **asked).fit(X, y)


def torch_steps(width: int, batch: int, threads: int, how: str) -> Callable[[], Any]:
    """torch's eager loop over 50 batches.

    Args:
        width: of both hidden layers.
        batch: rows a step.
        threads: that torch may use.
        how: "plain", or what Adam is asked to be: "foreach" or "fused".
    """
    import torch  # pyright: ignore[reportMissingImports]  the bench extra brings it

    layers = torch.nn.Linear(COLUMNS, width), torch.nn.Linear(width, width)
    relu, last = torch.nn.ReLU(), torch.nn.Linear(width, 1)
    model = torch.nn.Sequential(layers[0], relu, layers[1], relu, last)
    asked: Any = {} if how == "plain" else {how: True}
    adam = torch.optim.Adam(model.parameters(), lr=RATE, **asked)
    loss_fn = torch.nn.BCEWithLogitsLoss()
    X = torch.randn(50, batch, COLUMNS)
    y = (X[:, :, 0] > 0).float()

    def run() -> None:
        torch.set_num_threads(threads)
        for rows, target in zip(X, y, strict=True):
            adam.zero_grad()
            loss_fn(model(rows)[:, 0], target).backward()
            adam.step()

    return run


def speed(width: int, batch: int, repeats: int) -> list[str]:
    """A row of the table of speeds: microseconds a step."""
    X, y = rows_of(batch)
    fits = {"ours": (ours, EPOCHS[batch]), "theirs": (theirs, THEIRS)}
    rivals: dict[str, Any] = {
        f"{name} {epochs}": functools.partial(fit, X, y, width, batch, epochs)
        for name, (fit, both) in fits.items()
        for epochs in both
    }
    hows = [(n, how) for n in (1, 2) for how in ("plain", "foreach", "fused")]
    for threads, how in hows:
        rivals[f"{how}, {threads}"] = torch_steps(width, batch, threads, how)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peers that stop at their last epoch
        times = in_turns(rivals, repeats=repeats)

    def a_step(name: str) -> float:
        few, many = fits[name][1]
        more = median(times, f"{name} {many}") - median(times, f"{name} {few}")
        return more / (many - few) / STEPS[batch]

    eager = {f"{how}, {n}": median(times, f"{how}, {n}") / 50 for n, how in hows}
    best = min(eager, key=lambda how: eager[how])
    plain = min(eager["plain, 1"], eager["plain, 2"])
    seconds = (a_step("ours"), eager[best], plain, a_step("theirs"))
    micros = [f"{1e6 * each:.0f}" for each in seconds]
    ratios = [f"{each / seconds[0]:.1f}" for each in seconds[1:]]
    return [f"{COLUMNS}-{width}-{width}-1, {batch:,} rows", *micros, best, *ratios]


def grid(task: str) -> Iterator[tuple[str, Any]]:
    """(settings, peer) for each point of the grid."""
    kind = MLPClassifier if task in CLASSES else MLPRegressor
    for values in itertools.product(*GRID.values()):
        chosen = dict(zip(GRID, values, strict=True))
        rate, widths, alpha = values
        told = f"{rate:g} {'-'.join(map(str, widths))} alpha={alpha:g}"
        yield told, kind(max_iter=MOST_EPOCHS, random_state=0, **chosen)


def our_fit(task: str, parts: list[Part]) -> tuple[Result, float]:
    """`steepest.fit` with its defaults, and its loss on the validation rows."""
    train, held, test = parts
    asked = {"task": task, "model": "mlp", "progress": False}
    models = []

    def fit() -> Any:
        rows, validation = (train.frame, train.y), (held.frame, held.y)
        models.append(steepest.fit(rows, validation=validation, **asked))
        return models[0]

    found = judged(fit, task, train, test)
    predicted = predictions(models[0], held.frame, task)
    return found, loss_of(task, held.y, predicted)


HEAD = (
    "table",
    "rows x columns",
    "best peer",
    "its validation loss",
    "ours / its",
    "its test loss",
    "ours / its, test",
    "s: mean of grid",
    "s: ours",
)


def row(table: Table, seed: int) -> tuple[list[str], list[float]]:
    """A row of the table of tables, and our shares: of losses, and of seconds."""
    parts = parts_of(table, seed)
    mine, validation = our_fit(table.task, parts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peers that do not converge
        peer, least = best_peer(table.task, parts, grid(table.task))
    pairs = (validation, least), (mine.test, peer.test), (mine.seconds, peer.seconds)
    shares = [max(a, NOTHING) / max(b, NOTHING) for a, b in pairs]
    n, d = parts[0].X.shape
    told = [table.name, f"{n:,} x {d}", peer.how, f"{least:.4g}", f"{shares[0]:.3f}"]
    told += [f"{peer.test:.4g}", f"{shares[1]:.3f}"]
    return [*told, f"{peer.seconds:.2f}", f"{mine.seconds:.2f}"], shares


SPEED = """
A step of Adam on the log loss, float32: ours is the whole `fit`, shuffle and trace
included, as what more epochs take longer; so is scikit-learn's. torch eager is a bare
loop at the best of 1 and 2 threads and of Adam plain, foreach and fused. In turns,
medians of {repeats} rounds.

{table}
"""
TABLES = """
`fit(model="mlp")` with its defaults beside the best of {points} points of MLPClassifier
or MLPRegressor ({most} epochs at most): 60 percent of the rows to learn from, 20 to
validate on, 20 for the test. Peers are chosen by their loss on the validation rows;
ours restores the weights of the epoch that is best on them. The peers see standardised
columns, ours the frame. Nothing was chosen by these tables: the defaults are by
{development}.

Within 2 percent of the best peer's validation loss, or better: {near[0]} of {n} tables;
of its test loss: {near[1]}. In less time than a point of the grid takes on average:
{faster}.

{table}
"""


def speeds(repeats: int) -> str:
    """What a step takes."""
    steps = []
    for width, batch in CASES:
        steps.append(speed(width, batch, repeats))
        print(*steps[-1], sep=" | ", flush=True)
    head = ("network, batch", "ours, us a step", "torch", "torch, plain Adam")
    head += ("scikit-learn", "torch's best", "torch / ours", "plain / ours")
    told = markdown((*head, "scikit-learn / ours"), steps)
    return SPEED.format(repeats=repeats, table=told).strip()


def defaults(names: list[str], seed: int) -> str:
    """How near defaults come to tuned peers."""
    rows, shares = [], []
    for table in tables(names):
        told, found = row(table, seed)
        print(*told, sep=" | ", flush=True)
        rows.append(told)
        shares.append(found)
    return TABLES.format(
        points=len(list(grid("binary"))),
        most=MOST_EPOCHS,
        development=", ".join(DEVELOPMENT),
        near=[sum(one[i] <= NEAR for one in shares) for i in (0, 1)],
        n=len(rows),
        faster=sum(one[2] < 1 for one in shares),
        table=markdown(HEAD, rows),
    ).strip()


def main() -> None:
    """Measure, print, and with --record keep."""
    parser = argparse.ArgumentParser(prog="python -m bench.networks")
    parser.add_argument("part", choices=("speed", "tables"))
    parser.add_argument("names", nargs="*", help="tables (those that are judged)")
    parser.add_argument("--seed", type=int, default=0, help="of the split (0)")
    parser.add_argument("--repeats", type=int, default=5, help="rounds (5)")
    parser.add_argument("--record", action="store_true", help="put it in RESULTS.md")
    asked = parser.parse_args()
    if asked.part == "speed":
        title, body = "Networks: a step", speeds(asked.repeats)
    else:
        names = list(asked.names or JUDGED)
        title, body = "Networks: defaults on tables", defaults(names, asked.seed)
    print(body)
    if asked.record:
        record(title, body, packages=PACKAGES)


if __name__ == "__main__":
    main()
