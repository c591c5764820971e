"""`steepest resume`."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import click

from steepest.cli import fit, functions
from steepest.cli.command import Command
from steepest.cli.interrupts import interruptible
from steepest.cli.options import again_options, given, strict_option


@click.command(
    "resume",
    cls=Command,
    examples="""
    steepest resume model/
    steepest resume runs/rosenbrock --json
    """,
)
@click.argument("folder", metavar="DIR")
@strict_option
@again_options
@click.pass_context
def command(
    ctx: click.Context, folder: str, as_json: bool, strict: bool, **_: Any
) -> int:
    """Go on with a run that was killed or interrupted.

    It comes to the same end, to the last bit, as if it had never stopped. DIR is the
    folder that --save named. All that was asked is there; files are read again, and
    must not have changed.
    """
    from steepest import api
    from steepest.api.resuming import unfinished

    options = given(ctx, "folder", "as_json", "strict")
    record = unfinished(Path(folder).expanduser())
    with interruptible():
        found = api.resume(folder, **options)
    told = {"as_json": as_json, "strict": strict}
    door = importlib.import_module(f"steepest.cli.{record.door}").command
    if record.door == "fit":
        data = [str(told["path"]) for told in record.files]
        return fit.report(found, door, data, folder, **told)
    return functions.report(found, door, folder, **told)
