"""`steepest predict`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from steepest.cli.command import Command
from steepest.cli.interrupts import interruptible
from steepest.cli.options import option
from steepest.cli.show import say_json, score_label, score_text, tell
from steepest.cli.tables import FORMATS, csv_text, suffix_of, write_table
from steepest.core.errors import DataError, UsageError
from steepest.core.suggest import did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

    from steepest.api import Fitted

SCHEMA = "steepest.prediction/1"


@click.command(
    "predict",
    cls=Command,
    examples="""
    steepest predict model/ new.csv > predictions.csv
    steepest predict model/ new.parquet --keep --output predictions.parquet
    steepest predict model/ new.csv --proba | head
    """,
)
@click.argument("model", metavar="MODEL_DIR")
@click.argument("data", nargs=-1, required=True)
@option(
    "--output",
    metavar="FILE",
    help="Write the table to this file, by its suffix as CSV, Parquet or Arrow. "
    "Default: CSV on stdout.",
)
@option("--proba", is_flag=True, help="Add a column p(LABEL) for each class.")
@option("--keep", is_flag=True, help="Keep the columns of DATA beside the prediction.")
@option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
def command(
    model: str,
    data: tuple[str, ...],
    output: str | None,
    proba: bool,
    keep: bool,
    as_json: bool,
) -> None:
    """Predict the target of each row of DATA with a saved model.

    Prints the column `prediction`. Where DATA has the target too, the metrics are
    told on stderr.
    """
    path = None if output is None else Path(output).expanduser()
    if path is not None and suffix_of(path) not in FORMATS:
        near = did_you_mean(suffix_of(path), FORMATS)
        raise UsageError(f"--output {output}: unknown suffix. {near}")
    from steepest import api
    from steepest.data.reading import read_table

    with interruptible():
        fitted = api.load(model)
        if not isinstance(fitted, api.Fitted):
            raise DataError(f"{model}: holds a run on a function; predict needs a fit.")
        table = read_table(data[0] if len(data) == 1 else list(data))
        answer = _predictions(fitted, table, proba=proba)
        if keep:
            answer = _beside(table, answer)
        metrics = _metrics(fitted, table)
        if path is not None:
            write_table(answer, path)
            tell(f"{answer.num_rows:,} predictions of {fitted.target.name} in {path}.")
    if as_json:
        say_json(_described(fitted, answer, model=model, output=path, metrics=metrics))
    elif path is None:
        click.echo(csv_text(answer), nl=False)
    if metrics:
        scores = (f"{score_label(k)} {score_text(k, v)}" for k, v in metrics.items())
        tell(f"On these rows: {', '.join(scores)}.")


def _predictions(fitted: Fitted, table: pa.Table, *, proba: bool) -> pa.Table:
    """The prediction of each row, and the probability of each class if asked for."""
    import numpy as np
    import pyarrow as pa

    if proba and not fitted.target.classes:
        raise UsageError("--proba: the model predicts a number; leave --proba out.")
    columns: dict[str, Any] = {"prediction": fitted.predict(table)}
    if proba:
        shares = fitted.predict_proba(table)
        for k, label in enumerate(fitted.target.classes):
            columns[f"p({label})"] = shares[:, k]
    for name, values in columns.items():
        if values.dtype.kind == "f":  # all the digits that float32 can vouch for
            columns[name] = np.char.mod("%.9g", values).astype(float)
    return pa.table(columns)


def _beside(table: pa.Table, answer: pa.Table) -> pa.Table:
    """The columns of the input, then the answer's."""
    for name in answer.column_names:
        if name in table.column_names:
            raise DataError(
                f"--keep: the table has a column {name!r} already; rename it."
            )
        table = table.append_column(name, answer[name])
    return table


def _metrics(fitted: Fitted, table: pa.Table) -> dict[str, float] | None:
    """The metrics where the table has the target; predictions need none."""
    if fitted.target.name not in table.column_names:
        return None
    try:
        return fitted.evaluate(table)
    except DataError as error:
        tell(f"No metrics: {error}")
        return None


def _described(
    fitted: Fitted,
    answer: pa.Table,
    *,
    model: str,
    output: Path | None,
    metrics: dict[str, float] | None,
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "model": model,
        "target": fitted.target.name,
        "task": fitted.target.task,
        "rows": answer.num_rows,
        "columns": answer.column_names,
        "output": None if output is None else str(output),
        "metrics": metrics,
        "table": answer.to_pydict() if output is None else None,
    }
