"""`steepest restarts`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from steepest.cli import interrupts
from steepest.cli.command import Command
from steepest.cli.ending import BLEW_UP, NOT_CONVERGED
from steepest.cli.functions import (
    direction_option,
    named,
    point_fields,
    problem_options,
    target_option,
    tolerance_options,
)
from steepest.cli.options import (
    WHOLE_OR_NONE,
    Whole,
    budget_options,
    gallery_option,
    optimizers_option,
    option,
    search_output_options,
    step_options,
    stop,
)
from steepest.cli.searching import as_typed, search
from steepest.cli.show import (
    number_text,
    say,
    say_fields,
    say_table,
    styled,
    value_text,
)

if TYPE_CHECKING:
    from steepest.search.found import Point, Restarts

SHOWN = 10
"""Points in a table; JSON has them all."""


@click.command(
    "restarts",
    cls=Command,
    help="""Descend from many starts at once.

    The distinct minima are listed, with how often each was found, and apart from them
    the saddles, plateaus and slopes that runs ended at. Starts are spread evenly in
    --bounds (a gallery function brings its own), or drawn about --start.""",
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
def command(ctx: click.Context, strict: bool, **_: Any) -> int:
    """Run, and show the minima."""
    found: Restarts = search(ctx, lambda found: _say(found, ctx.command))
    if "INTERRUPTED" in found.stops:
        return interrupts.exit_code()
    if found.failed == found.n:
        return BLEW_UP
    return NOT_CONVERGED if strict and not found.converged else 0


def _say(found: Restarts, command: click.Command) -> None:
    formula = found.settings["objective"]
    colour = "red" if found.failed == found.n else "yellow"
    say(styled(found.headline, "green" if _is_good(found) else colour))
    say()
    say_fields(
        [
            *point_fields(found.params, formula),
            ("runs", found.tally),
            ("ended", found.why),
            ("seconds", f"{found.seconds:.2g}"),
            *((name, as_typed(text, command)) for name, text in found.notes()),
        ]
    )
    _say_points(found.minima, formula, f"distinct {found.goal}")
    _say_points(found.others, formula, "other end", kinds=True)


def _is_good(found: Restarts) -> bool:
    """Whether the best value is what was asked for."""
    if found.top is None:
        return found.ends.stop[0].name == "TARGET"
    return found.top.kind == found.goal


def _say_points(
    points: Sequence[Point], formula: str, noun: str, *, kinds: bool = False
) -> None:
    """A table of the first points, with how many more there are."""
    if not points:
        return
    from steepest.core.words import plural

    say()
    say_table(
        [["value", "runs", *(["kind"] if kinds else []), "params"]]
        + [
            [
                number_text(point.value),
                f"{point.times:,}",
                *([point.words] if kinds else []),
                _short(named(point.params, formula)),
            ]
            for point in points[:SHOWN]
        ]
    )
    if len(points) > SHOWN:
        say(f"  and {plural(len(points) - SHOWN, f'more {noun}')}")


def _short(params: Any) -> str:
    if isinstance(params, dict):
        return ", ".join(f"{name}={value_text(x)}" for name, x in params.items())
    return value_text(params)
