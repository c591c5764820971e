"""The group `steepest`: finds the command asked for, and ends with its exit code."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

import steepest
from steepest.cli.ending import ended
from steepest.core.suggest import did_you_mean

COMMANDS = (
    "minimize",
    "maximize",
    "race",
    "restarts",
    "anneal",
    "fit",
    "predict",
    "explain",
    "resume",
    "diagnose",
)
"""Each is the module of its name, beside this one, with a `command` in it."""


class Commands(click.Group):
    """Loads a command when it is asked for, and never shows a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order a newcomer meets them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        return importlib.import_module(f"steepest.cli.{cmd_name}").command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As Click does it, but an unknown name is told its nearest neighbour."""
        if args[0] not in COMMANDS:
            ctx.fail(f"{args[0]}: unknown command. {did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def main(self, *args: Any, **options: Any) -> Any:
        """Run, and leave the process with the exit code of what happened."""
        options["standalone_mode"] = False
        sys.exit(ended(lambda: super(Commands, self).main(*args, **options)))


@click.group(
    "steepest",
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Run 'steepest COMMAND --help' for options and examples.",
)
@click.version_option(steepest.__version__, message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Gradient descent, whole: minimise a function, fit a table.

    Every run ends with a verdict: what was reached, how we know, what to do next.

    \b
    Exit codes: 0 done; 1 failed; 2 wrong usage; 3 not converged (with --strict);
    4 diverged; 5 bad data or formula; 130, 143 interrupted.
    """  # noqa: D301  Click reads the \b
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
