"""`steepest anneal`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from steepest.cli import interrupts
from steepest.cli.command import Command
from steepest.cli.ending import exit_code
from steepest.cli.functions import (
    direction_option,
    point_fields,
    problem_options,
)
from steepest.cli.options import (
    Whole,
    budget_options,
    gallery_option,
    search_output_options,
    step,
)
from steepest.cli.searching import as_typed, search
from steepest.cli.show import (
    number_text,
    say,
    say_fields,
    say_findings,
    styled,
)

if TYPE_CHECKING:
    from steepest.search.chains import Annealed


@click.command(
    "anneal",
    cls=Command,
    help="""Simulated annealing: chains that may climb, ever less.

    Proposals follow the gradient with noise and are accepted by the rule of Metropolis
    at a falling temperature; from the best point of all chains a descent ends it.""",
    examples="""
    steepest anneal rastrigin
    steepest anneal "x**4 - 3*x**2 + x" --bounds x=-3:3 --temperature 2
    steepest anneal ackley --no-gradient --steps 5000 --n 32 --json
    """,
)
@problem_options
@direction_option
@step(
    "--temperature",
    type=float,
    metavar="NUMBER",
    help="At first, in units of the value. Default: measured around the start.",
)
@step(
    "--cooling",
    type=float,
    metavar="NUMBER",
    help="Factor on the temperature at each step. Default: to end at a 10,000th.",
)
@step(
    "--steps",
    type=Whole(),
    metavar="STEPS",
    help="Of each chain. Default 2000.",
)
@step("--n", type=Whole(), metavar="CHAINS", help="How many chains. Default 16.")
@step(
    "--gradient/--no-gradient",
    default=None,
    help="Whether proposals follow the gradient. Default: they do.",
)
@step(
    "--polish/--no-polish",
    default=None,
    help="Whether a descent follows. Default: it does.",
)
@budget_options
@search_output_options
@gallery_option
@click.pass_context
def command(ctx: click.Context, strict: bool, **_: Any) -> int:
    """Anneal, and show the best point."""
    found: Annealed = search(ctx, lambda found: _say(found, ctx.command))
    if found.interrupted:
        return interrupts.exit_code()
    return exit_code(found.best, strict=strict)


def _say(found: Annealed, command: click.Command) -> None:
    best, chains = found.best, found.chains
    colour = "green" if best.converged else "yellow"
    headline = as_typed(best.verdict.headline, command)
    say(styled(headline, "red" if best.stop.failed else colour))
    say()
    values = ", ".join(f"{value:.4g}" for value in chains.value[:5])
    more = ", ..." if len(chains.value) > 5 else ""
    settings = found.settings
    say_fields(
        [
            *point_fields(best.params, settings["objective"]),
            ("value", number_text(best.value)),
            ("gradient norm", f"{best.grad_norm:.3g}"),
            ("chains", found.tally),
            ("their best", values + more),
            ("temperature", f"{settings['temperature']:.3g} at first"),
            ("seconds", f"{found.seconds:.2g}"),
        ]
    )
    if best.verdict.findings:
        say()
        say_findings(best, command)
