"""`steepest fit`."""

from __future__ import annotations

from typing import Any

import click

from steepest.cli.command import Command
from steepest.cli.ending import exit_code
from steepest.cli.interrupts import interruptible
from steepest.cli.options import (
    NUMBER_OR_NONE,
    WHOLE_OR_NONE,
    IntOrWord,
    budget_options,
    given,
    optimizers_option,
    option,
    output_options,
    step_options,
    stop,
    together,
)
from steepest.cli.show import say_json


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
        help="squared, absolute, huber:2, quantile:0.9, log, ... Default: by task.",
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
        type=float,
        metavar="NUMBER",
        section="Model",
        help="Weight of half the sum of squared coefficients. Default 0.",
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
@step_options
@_stop
@budget_options
@output_options
@optimizers_option
@click.pass_context
def command(
    ctx: click.Context, data: tuple[str, ...], as_json: bool, strict: bool, **_: Any
) -> int:
    """Fit a model to the table in DATA and judge it.

    DATA is a CSV (also .gz), Parquet or Arrow file, a glob, a folder of them, or
    several. Columns are read as they are: numbers are standardised, categories and
    dates encoded, missing values filled in and flagged.
    """
    from steepest import api
    from steepest.cli.fit_report import say_fit

    options = given(ctx, "data", "as_json", "strict")
    with interruptible():
        fitted = api.fit(data[0] if len(data) == 1 else list(data), **options)
    assert fitted.run is not None  # noqa: S101  a fit always has its run
    if as_json:
        say_json(fitted.to_json())
    else:
        say_fit(fitted, fitted.run, ctx.command, data=data, saved=options.get("save"))
    return exit_code(fitted.run, strict=strict)
