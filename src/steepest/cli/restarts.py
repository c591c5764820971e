"""`steepest restarts`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from steepest.cli.command import Command
from steepest.cli.functions import (
    ask_for_start,
    direction_option,
    point_fields,
    problem_options,
    target_option,
    tolerance_options,
)
from steepest.cli.interrupts import interruptible
from steepest.cli.options import (
    WHOLE_OR_NONE,
    Whole,
    budget_options,
    gallery_option,
    given,
    optimizers_option,
    option,
    search_output_options,
    step_options,
    stop,
)
from steepest.cli.show import (
    number_text,
    say,
    say_fields,
    say_json,
    say_table,
    styled,
    value_text,
)

if TYPE_CHECKING:
    from steepest.search.found import Restarts

SHOWN = 10
"""Minima in the table; JSON has them all."""
NOT_CONVERGED = 3


@click.command(
    "restarts",
    cls=Command,
    help="""Descend from many starts at once.

    The distinct minima are listed, with how often each was found. Starts are spread
    evenly in --bounds (a gallery function brings its own), or drawn about --start.""",
    examples="""
    steepest restarts himmelblau --n 200
    steepest restarts "x**4 - 3*x**2 + x" --bounds x=-3:3 --n 50
    steepest restarts rastrigin --start 3,3 --spread 2 --enough 5 --json
    """,
)
@problem_options
@option(
    "--n",
    type=Whole(),
    metavar="RUNS",
    section="Problem",
    help="How many runs. Default 100.",
)
@option(
    "--spread",
    type=float,
    metavar="NUMBER",
    section="Problem",
    help="Without bounds: starts lie this far about --start. Default 1.",
)
@option(
    "--keep-bounds",
    is_flag=True,
    section="Problem",
    help="Keep the runs, too, within the bounds.",
)
@direction_option
@step_options
@tolerance_options
@target_option
@stop(
    "--max-steps",
    type=WHOLE_OR_NONE,
    metavar="STEPS",
    help="Steps of each run at most; none for no limit. Default 1000.",
)
@stop(
    "--enough",
    type=WHOLE_OR_NONE,
    metavar="TIMES",
    help="Stop when the best minimum was found so often again. Default none.",
)
@budget_options
@search_output_options
@gallery_option
@optimizers_option
@click.pass_context
def command(
    ctx: click.Context, formula: str, as_json: bool, strict: bool, **_: Any
) -> int:
    """Run, and show the minima."""
    from steepest import api

    options = given(ctx, "formula", "as_json", "strict")
    if not {"start", "bounds"} & set(options):
        ask_for_start(formula)
    with interruptible():
        found: Restarts = api.restarts(formula, **options)
    if as_json:
        say_json(found.to_json())
    else:
        _say(found)
    return NOT_CONVERGED if strict and not found.minima else 0


def _say(found: Restarts) -> None:
    colour = "green" if found.minima else "yellow"
    what = f"value {number_text(found.value)}"
    if found.minima:
        times = found.minima[0].times
        what += f", found by {times:,} of {found.n:,} runs"
    else:
        what += f" of {found.n:,} runs; none converged"
    say(styled(f"Best: {what}.", colour))
    say()
    rest = found.n - found.converged - found.failed
    runs = f"{found.converged:,} converged, {rest:,} did not, {found.failed:,} failed"
    fields = [
        *point_fields(found.params),
        ("runs", runs),
        ("ended", found.why),
        ("seconds", f"{found.seconds:.2g}"),
    ]
    if found.outside:
        fields.append(("outside", f"{found.outside:,} left the bounds"))
    say_fields(fields)
    if found.minima:
        say()
        rows = [["value", "runs", "params"]]
        rows += [
            [number_text(m.value), f"{m.times:,}", _short(m.params)]
            for m in found.minima[:SHOWN]
        ]
        say_table(rows)
    if len(found.minima) > SHOWN:
        say(f"  and {len(found.minima) - SHOWN:,} more distinct minima")


def _short(params: Any) -> str:
    if isinstance(params, dict):
        return ", ".join(f"{name}={value_text(x)}" for name, x in params.items())
    return value_text(params)
