"""The door for tables: fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

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
    epochs: int | None = None,
    validation: Any = 0.1,
    patience: int | None = None,
    l1: float = 0.0,
    l2: float = 0.0,
    class_weight: Literal["balanced"] | Mapping[Any, float] | None = None,
    sample_weight: Any = None,
    ignore: Iterable[str] = (),
    standardize: bool = True,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    gtol: float | None = None,
    max_steps: int | None = None,
    max_seconds: float | None = None,
    seed: int = 0,
    progress: bool | Literal["auto"] = "auto",
    save: str | Path | None = None,
    **hyper: Any,
) -> Fitted:
    """Fit a model to a table by batch, mini-batch or per-sample descent.

    params <- params - learning_rate * gradient of the mean loss of a batch

    Args:
        data: a path or glob (CSV, Parquet, Arrow), a pandas or polars frame, an Arrow
            table, a dict of columns, a NumPy array, or a pair (X, y).
        target: the column to predict; for (X, y) it may be left out.
        model: "linear", "mlp", either with options ("mlp:hidden=64/32,norm=batch"), a
            steepest.MLP, any Equinox module, or (params, apply).
        task: "regression", "binary", "multiclass"; None infers it from the target.
        loss: "auto", a name of steepest.LOSSES ("huber:2"), or a function
            loss(prediction, target) that gives one value a row.
        optimizer: "auto", a name of steepest.OPTIMIZERS, or an Optax transformation.
            "auto" takes a linear model with a convex loss to its optimum: a pass of
            adagrad on batches where rows are many, then L-BFGS on all rows. For other
            models, or where a rate, a schedule or a batch size is named, it is adam.
        learning_rate: step length per unit of gradient, > 0. Given with
            optimizer="auto", adam takes it as it stands, without a schedule.
        schedule: such as "inverse_time:decay=0.1,per=epoch" or "cosine".
        batch_size: rows a step: "full" is batch descent, 1 is stochastic descent, any
            number between is mini-batch descent.
        epochs: passes over the data at most.
        validation: share of rows to hold out, a table of your own, or None.
        patience: epochs without a better validation loss before stopping.
        l1: weight of the sum of |coefficients|. With model="linear" on batches those
            of no use become 0; elsewhere, by its subgradient, they come close to it.
        l2: weight of half the sum of squared coefficients.
        class_weight: "balanced", or a dict of label to weight.
        sample_weight: a column of the table, or one weight >= 0 a row.
        ignore: columns to leave out.
        standardize: bring number columns to mean 0 and deviation 1.
        clip_norm: shorten gradients longer than this.
        clip_value: cut gradient entries to [-clip_value, clip_value].
        gtol: stop at this gradient norm; only with batch_size="full".
        max_steps: updates at most.
        max_seconds: wall-clock seconds at most.
        seed: of the split, the initial params and the order of rows.
        progress: show a progress bar; "auto" when stderr is a terminal.
        save: folder to save the model and its run in.
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
    """
    asked = {k: v for k, v in locals().items() if k not in ("data", "target")}
    return fit_table(data, target, asked)
