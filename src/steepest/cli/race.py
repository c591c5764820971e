"""`steepest race`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from steepest.cli import interrupts
from steepest.cli.command import Command
from steepest.cli.ending import BLEW_UP, NOT_CONVERGED
from steepest.cli.functions import (
    ask_for_start,
    direction_option,
    problem_options,
    tolerance_options,
)
from steepest.cli.interrupts import interruptible
from steepest.cli.options import (
    WHOLE_OR_NONE,
    budget_options,
    gallery_option,
    given,
    optimizers_option,
    search_output_options,
    stop,
)
from steepest.cli.show import say, say_json, say_table, styled
from steepest.core.errors import UsageError

if TYPE_CHECKING:
    from steepest.search.standing import Race


def entrant(text: str) -> tuple[str, dict[str, Any]]:
    """A name and options from [NAME=]OPTIMIZER[:option=value,...].

    Args:
        text: the spelling; without a name it is its own.

    >>> entrant("gd:learning_rate=0.1")
    ('gd:learning_rate=0.1', {'optimizer': 'gd', 'learning_rate': 0.1})
    >>> entrant("mine=adam")
    ('mine', {'optimizer': 'adam'})
    """
    from steepest.core.spec import parse_spec

    head, colon, rest = text.partition(":")
    name, equals, optimizer = head.rpartition("=")
    if not colon and ("," in head or _is_number(optimizer)):
        raise UsageError(
            f"{text!r}: options come behind a colon, as in gd:learning_rate=0.1 or "
            "mine=adam:learning_rate=0.1,b1=0.8."
        )
    if colon and not rest.strip():
        raise UsageError(
            f"{text!r}: no option stands behind the colon; write {head}, or "
            f"{head}:option=value."
        )
    optimizer, options = parse_spec(f"{optimizer}{colon}{rest}")
    if "optimizer" in options:
        raise UsageError(f"{text!r}: the optimizer is named before the colon.")
    return name.strip() if equals else text, {"optimizer": optimizer, **options}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@click.command(
    "race",
    cls=Command,
    help="""Run settings side by side on FORMULA.

    All begin at one start with one seed. Each ENTRANT is an optimizer with its options,
    [NAME=]OPTIMIZER[:option=value,...]. Those that differ in numbers alone run as lanes
    of one compiled program.""",
    examples="""
    steepest race rosenbrock bfgs bb adam:learning_rate=0.01
    steepest race "x**2 + 10*y**2" slow=gd:learning_rate=0.01 gd --start x=3,y=4
    steepest race beale gd:learning_rate=backtracking adgd --max-steps 500 --json
    """,
)
@problem_options
@click.argument("entrants", nargs=-1, metavar="ENTRANT...")
@direction_option
@tolerance_options
@stop(
    "--max-steps",
    type=WHOLE_OR_NONE,
    metavar="STEPS",
    help="Steps of each run at most; none for no limit. Default 10000.",
)
@budget_options
@search_output_options
@gallery_option
@optimizers_option
@click.pass_context
def command(
    ctx: click.Context,
    formula: str,
    entrants: tuple[str, ...],
    as_json: bool,
    strict: bool,
    **_: Any,
) -> int:
    """Run all, and show how they stand."""
    from steepest import api

    options = given(ctx, "formula", "entrants", "start", "as_json", "strict")
    start = ctx.params["start"]
    if not entrants:
        raise UsageError(
            "race: there are no entrants; name some, such as bfgs "
            "adam:learning_rate=0.01."
        )
    if start is None:
        ask_for_start(formula)
    pairs = [entrant(text) for text in entrants]
    try:
        with interruptible():
            raced: Race = api.race(formula, start, pairs, **options)
    except UsageError as error:
        raise UsageError(_as_entrant(str(error))) from error
    if as_json:
        say_json(raced.to_json())
    else:
        _say(raced)
    if raced.interrupted:
        return interrupts.exit_code()
    if raced.failed:
        return BLEW_UP
    return NOT_CONVERGED if strict and not raced.best.converged else 0


def _as_entrant(text: str) -> str:
    """What Python says, in the spelling of entrants.

    >>> _as_entrant("entrant 'a': optimizer='foo': unknown; use optimizer='auto'.")
    "entrant 'a': optimizer foo: unknown; use auto."
    """
    text = re.sub(r"\b(use|try) optimizer='(\w*)'", r"\1 \2", text)
    text = re.sub(r"\boptimizer='(\w*)'", r"optimizer \1", text)
    text = re.sub(r"\b(learning_rate|schedule)='([^']*)'", r"\1=\2", text)
    return text.replace("use maximize.", "use --direction maximize.")


def _say(raced: Race) -> None:
    colour = "green" if raced.best.converged else "yellow"
    say(styled(raced.headline, "red" if raced.failed else colour))
    say()
    rows = [["", "value", "gradient norm", "steps", "verdict", "entrant"]]
    for place, name in enumerate(raced.order, 1):
        run = raced.runs[name]
        rows.append(
            [
                f"{place}",
                f"{run.value:.6g}",
                f"{run.grad_norm:.2g}",
                f"{run.steps:,}",
                run.verdict.kind.replace("_", " "),
                name,
            ]
        )
    say_table(rows)
    for note in raced.notes():
        say(f"{styled('note:', 'cyan')} {note}")
