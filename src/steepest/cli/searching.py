"""What `restarts` and `anneal` share: from what was typed to what is printed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click

from steepest.cli.functions import ask_for_bounds
from steepest.cli.interrupts import interruptible
from steepest.cli.options import given
from steepest.cli.show import as_options, say_json
from steepest.core.errors import UsageError


def search(ctx: click.Context, say: Callable[[Any], None]) -> Any:
    """Call the door that a command is named after, and print what it found.

    Args:
        ctx: of the command, with its formula and options.
        say: prints the outcome for people, where no JSON is asked for.

    Returns:
        What the door returned.

    Raises:
        UsageError: nothing tells where to begin; and what the door raises.
    """
    from steepest import api

    formula, name = ctx.params["formula"], str(ctx.command.name)
    options = given(ctx, "formula", "as_json", "strict")
    if not {"start", "bounds"} & set(options):
        ask_for_bounds(formula)
    try:
        with interruptible():
            found = getattr(api, name)(formula, **options)
    except UsageError as error:
        raise UsageError(as_typed(str(error), ctx.command)) from error
    if ctx.params["as_json"]:
        say_json(found.to_json())
    else:
        say(found)
    return found


def as_typed(text: str, command: click.Command) -> str:
    """What Python says, in the options of a command.

    >>> command = click.Command("fit", params=[click.Option(["--n"])])
    >>> as_typed("n=0: must be > 0.", command), as_typed("n: leave it out.", command)
    ('--n 0: must be > 0.', '--n: leave it out.')
    """
    names = "|".join(str(param.name) for param in command.params)
    flags = (p for p in command.params if isinstance(p, click.Option) and p.is_flag)
    for flag in flags:  # one that is switched on has no value
        text = text.replace(f"{flag.name}=True", str(flag.opts[0]))
    text = re.sub(
        rf"^({names}):", lambda found: f"--{found[1].replace('_', '-')}:", text
    )
    return as_options(text, command)
