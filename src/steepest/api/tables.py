"""The door for tables: fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from steepest.api.again import Again
from steepest.api.fitted import Fitted
from steepest.api.fitting import fit_table


def fit(
    data: Any,
    target: str | None = None,
    *,
    model: Any = "linear",
    task: Literal["regression", "binary", "multiclass"] | None = None,
    loss: Any = "auto",
    optimizer: Any = "auto",
    learning_rate: float | None = None,
    schedule: Any = None,
    batch_size: int | Literal["auto", "full"] = "auto",
    average: bool = False,
    epochs: int | None = None,
    validation: Any = 0.1,
    patience: int | None = None,
    l1: float = 0.0,
    l2: float | Literal["auto"] = "auto",
    class_weight: Literal["balanced"] | Mapping[Any, float] | None = None,
    sample_weight: Any = None,
    ignore: Iterable[str] = (),
    standardize: bool = True,
    hash_bits: int | None = None,
    missing: Literal["impute", "drop", "refuse"] = "impute",
    clip_norm: float | None = None,
    clip_value: float | None = None,
    gtol: float | None = None,
    max_steps: int | None = None,
    max_seconds: float | None = None,
    stream: bool | Literal["auto"] = "auto",
    cache: str | Path | None = None,
    seed: int = 0,
    progress: bool | Literal["auto"] = "auto",
    save: str | Path | None = None,
    checkpoint_seconds: float | None = 30.0,
    checkpoint_epochs: int | None = None,
    **hyper: Any,
) -> Fitted:
    """Fit a model to a table by batch, mini-batch or per-sample descent.

    params <- params - learning_rate * gradient of the mean loss of a batch

    Args:
        data: a path or glob (CSV, Parquet, Arrow), a pandas or polars frame, an Arrow
            table, a dict of columns, a NumPy array, or a pair (X, y), where X may be
            sparse rows of SciPy for a linear model; or an iterator of such batches.
        target: the column to predict; for (X, y) it may be left out.
        model: "linear", "mlp", either with options ("mlp:hidden=64/32,norm=batch"), a
            steepest.MLP, any Equinox module, or (params, apply).
        task: "regression", "binary", "multiclass"; None infers it from the target.
        loss: "auto", a name of steepest.LOSSES ("huber:2"), or a function
            loss(prediction, target): of arrays of rows, with jax.numpy, one value a
            row; or for linear models of two plain numbers, one value, with `math` and
            `if`, which is compiled. What is both is compiled. "triplet" and
            "contrastive" learn an embedding of "mlp:outputs=16", "linear:outputs=2" or
            a module of your own: rows become places on a sphere, near those of their
            class. Each row is compared with a like and an unlike one of its batch; the
            metric is recall@1, and `transform` gives the places.
        optimizer: "auto", a name of steepest.OPTIMIZERS, or an Optax transformation.
            "auto" takes a linear model with a convex loss to its optimum, by
            quasi-Newton steps on all rows; where these are many, from a sample of them,
            whose curvature the steps begin with. For other models, or where a rate, a
            schedule or a batch size is named, it is adam.
            Kinks (absolute, quantile, hinge, l1) are rounded off on the way, ever
            less; the verdict says how much lower the minimum may be. "normalized" is
            for linear models: row by row, safe on raw columns at any rate.
        learning_rate: step length per unit of gradient, > 0. Given with
            optimizer="auto", adam takes it as it stands, without a schedule.
        schedule: such as "inverse_time:decay=0.1,per=epoch" or "cosine".
        batch_size: rows a step: "full" is batch descent, 1 is stochastic descent, any
            number between is mini-batch descent; at most the rows to train on. A step
            of B rows is one along their mean gradient, all taken at one point: not B
            steps of a row each, every one from where the last ended. Both agree to
            first order in the rate a of single rows, where that of B rows is B a. So
            B a is the rate to choose, unless it is too large to descend (for gd, 2 /
            the largest curvature or more).
        average: return the mean of the params that steps on batches of a linear model
            met, from the second pass on (Polyak and Juditsky 1992).
        epochs: passes over the data at most.
        validation: share of rows to hold out, a table of your own, or None. The params
            of the epoch that is best on them are returned. On the way to the optimum of
            a smooth loss they choose nothing unless patience is given.
        patience: epochs without a better validation loss before stopping.
        l1: weight of the sum of |coefficients|. With model="linear", where nothing of
            the step or batches are named, those of no use become 0; elsewhere, by its
            subgradient, they come close to it.
        l2: weight of half the sum of squared coefficients. "auto", on the way to the
            optimum of a smooth loss, is the strength whose models predict rows best
            that they did not see; for a network whose step is left to us, 1 / rows;
            elsewhere 0.
        class_weight: "balanced", or a dict of label to weight.
        sample_weight: a column of the table, or one weight >= 0 a row.
        ignore: columns to leave out.
        standardize: bring number columns to mean 0 and deviation 1, those of sparse
            rows to a root mean square of 1 where they are not 0.
        hash_bits: hash text into 2^hash_bits columns, +1 or -1 for a category or a
            word, instead of a column for each of its 64 most frequent values: for
            linear models of wide categories and of text. 18 is usual.
        missing: what is done about missing and infinite values in columns: "impute"
            fills them in (numbers by their mean) and flags them by a column of their
            own; "drop" leaves the rows out, but for predictions, where gaps are filled
            in; "refuse" raises an error that names the row. Rows that lack the target
            are left out and counted; with "refuse" they are an error, too.
        clip_norm: shorten gradients longer than this.
        clip_value: cut gradient entries to [-clip_value, clip_value].
        gtol: stop at this gradient norm; only with batch_size="full".
        max_steps: updates at most.
        max_seconds: wall-clock seconds at most.
        stream: decode files once into a copy on disk that is read a piece at a time,
            so that memory stays bounded whatever their size; what columns mean is
            learnt from 131,072 rows spread over them. "auto" does so for files that
            would take half of the free memory, and for iterators.
        cache: folder to keep that copy in, for other fits of the same files too, which
            are then streamed; None for one that goes with the fit.
        seed: of the split, the initial params and the order of rows.
        progress: show a progress bar; "auto" when stderr is a terminal.
        save: folder to save the model and its run in; `resume` goes on from there,
            should the run be killed or interrupted.
        checkpoint_seconds: time between two checkpoints there, more where writing
            them would take over a fortieth of it; None for none by the clock.
        checkpoint_epochs: passes over the data between two; None for none by epochs.
        **hyper: the optimizer's other numbers, such as momentum=0.9.

    Returns:
        A Fitted: predict, metrics, run, save.

    Raises:
        UsageError: an option that cannot be meant.
        DataError: a table that cannot be used.

    >>> import numpy as np, steepest as sp
    >>> x = np.linspace(0.0, 1.0, 50)[:, None]
    >>> line = sp.fit((x, 3 * x[:, 0] + 1), batch_size="full", optimizer="gd",
    ...               learning_rate=0.1, epochs=300, validation=None)
    >>> line.predict(np.array([[2.0]])).round(3).tolist()
    [7.0]

    One pass over four rows, a row a step, and as one step at four times the rate:

    >>> rows = np.array([[1.0], [2.0], [3.0], [4.0]]), np.array([1.0, 3.0, 2.0, 5.0])
    >>> once = dict(optimizer="gd", epochs=1, validation=None, standardize=False)
    >>> passes = [sp.fit(rows, batch_size=b, learning_rate=0.001 * b, **once)
    ...           for b in (1, 4)]
    >>> [round(float(one.params["weight"][0, 0]), 4) for one in passes]
    [0.0076, 0.0074]
    """
    asked = {k: v for k, v in locals().items() if k not in ("data", "target")}
    fitted = fit_table(data, target, asked)
    assert fitted.run is not None  # noqa: S101  a fit always has its run
    again = Again(fit, data, {**asked, "target": target})
    fitted.run = replace(fitted.run, again=again)
    return fitted
