"""`steepest fit`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from steepest.cli.command import Command
from steepest.cli.ending import exit_code, tell_resumable
from steepest.cli.interrupts import interruptible
from steepest.cli.options import (
    NUMBER_OR_NONE,
    WHOLE_OR_NONE,
    IntOrWord,
    NumberOrWord,
    budget_options,
    epochs_option,
    given,
    optimizers_option,
    option,
    output_options,
    step_options,
    stop,
    together,
)
from steepest.cli.show import say_json
from steepest.core.errors import UsageError

if TYPE_CHECKING:
    from steepest.api import Fitted


class Validation(click.ParamType):
    """A share of the rows, a file, or none."""

    name = "share"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """A float, a path, or None."""
        del param, ctx
        try:
            return None if value == "none" else float(value)
        except ValueError:
            return value


class ClassWeight(click.ParamType):
    """The word balanced, or label=weight,label=weight."""

    name = "weights"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The word, or a dict label -> weight."""
        if value == "balanced":
            return value
        weights: dict[str, float] = {}
        for part in value.split(","):
            label, _, weight = (piece.strip() for piece in part.rpartition("="))
            try:
                weights[label] = float(weight)
            except ValueError:
                label = ""
            if not label:
                need = "balanced, or label=weight for each class"
                self.fail(f"{value!r}: write {need}.", param, ctx)
        return weights


def _split_names(
    ctx: click.Context, param: click.Parameter, names: tuple[str, ...]
) -> list[str]:
    del ctx, param
    return [name.strip() for part in names for name in part.split(",") if name.strip()]


def _refuse_bare_target(data: tuple[str, ...]) -> None:
    """A last word that can be no file is taken for the target, which has an option."""
    last = data[-1]
    if len(data) > 1 and re.fullmatch(r"\w+", last) and not Path(last).exists():
        raise UsageError(
            f"{last}: no such file. To predict a column of this name, write --target "
            f"{last}."
        )


_table = together(
    option(
        "--target", metavar="COLUMN", section="Table", help="The column to predict."
    ),
    option(
        "--task",
        metavar="NAME",
        section="Table",
        help="regression, binary or multiclass. Default: inferred from the target.",
    ),
    option(
        "--ignore",
        multiple=True,
        callback=_split_names,
        metavar="COLUMN,...",
        section="Table",
        help="Columns to leave out; may be repeated.",
    ),
    option(
        "--validation",
        type=Validation(),
        metavar="SHARE|FILE",
        section="Table",
        help="Rows to judge on: a share in [0, 1), a table of your own, or none. "
        "Default 0.1.",
    ),
    option(
        "--class-weight",
        type=ClassWeight(),
        metavar="balanced|LABEL=WEIGHT,...",
        section="Table",
        help="How much each class counts.",
    ),
    option(
        "--sample-weight",
        metavar="COLUMN",
        section="Table",
        help="A column that says how much each row counts, >= 0.",
    ),
    option(
        "--standardize/--no-standardize",
        default=True,
        section="Table",
        help="Bring number columns to mean 0 and deviation 1. Default: yes.",
    ),
    option(
        "--missing",
        metavar="impute|drop|refuse",
        section="Table",
        help="What to do about missing values: fill in and flag, leave out the rows, "
        "or raise an error that names them. Default impute.",
    ),
    option(
        "--hash-bits",
        type=WHOLE_OR_NONE,
        metavar="BITS",
        section="Table",
        help="Hash text into 2^BITS columns, for linear models of many categories or "
        "words; 18 is usual. Default none.",
    ),
    option(
        "--stream/--no-stream",
        default=None,
        section="Table",
        help="Decode the files once into a copy on disk that is read a piece at a "
        "time: memory stays bounded. Default: where they would take half of it.",
    ),
    option(
        "--cache",
        type=click.Path(file_okay=False),
        metavar="FOLDER",
        section="Table",
        help="Where to keep that copy, for other fits of the same files too; asks for "
        "--stream. Default: none is kept.",
    ),
)
_model = together(
    option(
        "--model",
        metavar="NAME[:OPTION=VALUE,...]",
        section="Model",
        help="linear, mlp, or such as mlp:hidden=64/32,norm=batch. Default linear.",
    ),
    option(
        "--loss",
        metavar="NAME[:NUMBER]",
        section="Model",
        help="squared, absolute, huber:2, quantile:0.9, log, ... Default: by task. "
        "triplet and contrastive learn an embedding (--model mlp:outputs=16).",
    ),
    option(
        "--l1",
        type=float,
        metavar="NUMBER",
        section="Model",
        help="Weight of the sum of |coefficients|. Default 0.",
    ),
    option(
        "--l2",
        type=NumberOrWord("auto"),
        metavar="NUMBER|auto",
        section="Model",
        help="Weight of half the sum of squared coefficients. Default auto: what "
        "predicts rows best that were left out, for linear models with a smooth loss "
        "that go to the optimum; else 0.",
    ),
)
_stop = together(
    stop(
        "--epochs",
        type=WHOLE_OR_NONE,
        metavar="EPOCHS",
        help="Passes over the data at most. Default: by the number of rows.",
    ),
    stop(
        "--patience",
        type=WHOLE_OR_NONE,
        metavar="EPOCHS",
        help="Stop after so many epochs without a better validation loss. "
        "Default none.",
    ),
    stop(
        "--gtol",
        type=NUMBER_OR_NONE,
        metavar="NUMBER",
        help="Stop at this gradient norm; with --batch-size full. Default none.",
    ),
    stop(
        "--max-steps",
        type=WHOLE_OR_NONE,
        metavar="STEPS",
        help="Updates at most. Default none.",
    ),
)


@click.command(
    "fit",
    cls=Command,
    examples="""
    steepest fit examples/flights.parquet --target arr_delay --save model/
    steepest fit examples/penguins.csv --target species --ignore year
    steepest fit data.csv --target y --model mlp:hidden=64/64 --patience 5
    steepest fit data.csv --target late --class-weight balanced --json
    steepest fit data.csv --target y --batch-size full --optimizer gd --gtol 1e-3
    steepest fit data.csv --target y --hash-bits 18
    """,
)
@click.argument("data", nargs=-1, required=True)
@_table
@_model
@option(
    "--batch-size",
    type=IntOrWord("auto", "full"),
    metavar="ROWS|full",
    section="Step",
    help="Rows a step: full is batch descent, 1 is stochastic descent. Default auto.",
)
@option(
    "--average",
    is_flag=True,
    section="Step",
    help="Return the mean of the params that steps on batches met. Default: no.",
)
@step_options
@_stop
@budget_options
@output_options
@epochs_option
@optimizers_option
@click.pass_context
def command(
    ctx: click.Context, data: tuple[str, ...], as_json: bool, strict: bool, **_: Any
) -> int:
    """Fit a model to the table in DATA and judge it.

    DATA is a CSV (also .gz), Parquet or Arrow file, a glob, a folder of them, or
    several. Columns are read as they are: numbers are standardised, categories and
    dates encoded, missing values filled in and flagged (see --missing).
    """
    from steepest import api

    options = given(ctx, "data", "as_json", "strict")
    if "target" not in options:
        _refuse_bare_target(data)
    with interruptible():
        fitted = api.fit(data[0] if len(data) == 1 else list(data), **options)
    saved = options.get("save")
    return report(fitted, ctx.command, data, saved, as_json=as_json, strict=strict)


def report(
    fitted: Fitted,
    shown: click.Command,
    data: Sequence[str],
    saved: str | None,
    *,
    as_json: bool,
    strict: bool,
) -> int:
    """Print what came of a fit; the exit code.

    Args:
        fitted: the model.
        shown: the command whose options advice names.
        data: the paths as typed.
        saved: the folder of the model, None when it was not saved.
        as_json: whether to print one object.
        strict: whether a run that did not converge is a failure.
    """
    from steepest.cli.fit_report import say_fit

    assert fitted.run is not None  # noqa: S101  a fit always has its run
    if as_json:
        say_json(fitted.to_json())
    else:
        say_fit(fitted, fitted.run, shown, data=data, saved=saved)
    tell_resumable(fitted.run, saved)
    return exit_code(fitted.run, strict=strict)
