"""What remedies came to, side by side with how it was before."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import click

from steepest.cli.show import as_options, say, say_table, styled

if TYPE_CHECKING:
    from steepest.api import Diagnosis
    from steepest.api.remedies import Trial


def door_of(found: Diagnosis) -> click.Command | None:
    """The command that makes such runs; None where another program made it.

    Args:
        found: a diagnosis.
    """
    settings = {} if found.run is None else found.run.settings
    name = settings.get("direction", "fit" if settings else None)
    return name and importlib.import_module(f"steepest.cli.{name}").command


def typed(remedy: dict[str, Any], door: click.Command | None) -> str:
    """Options as they are typed: to the command, or in Python.

    Args:
        remedy: options of the door.
        door: the command.

    >>> typed({"learning_rate": 0.1}, None)
    'learning_rate=0.1'
    """
    from steepest.api.remedies import worded

    words = worded(remedy)
    return words if door is None else as_options(words.replace(", ", " "), door)


def say_tried(found: Diagnosis) -> None:
    """The remedies that were tried: a line each, and what came of them together.

    Args:
        found: a diagnosis with remedies.
    """
    from steepest.api.remedies import TRUST

    say()
    if not found.tried:
        say("No remedy was tried: no finding names one.")
        return
    say("Remedies, each tried on top of those that were kept:")
    door = door_of(found)
    lines = [_line(trial, typed(trial.remedy, door)) for trial in found.tried]
    say_table([("measure", "before", "after", "", "remedy"), *lines])
    for trial in found.tried:
        if trial.helps and trial.symptom in TRUST:
            say(f"  {typed(trial.remedy, door)}: kept, though the numbers are worse:")
            say(f"  those before it were not to be trusted ({trial.symptom}).")
        if trial.failed:
            say(f"  {typed(trial.remedy, door)}: {trial.outcome}")
    say()
    run = found.best_run
    if not found.kept or run is None:
        say(styled("None of them helps.", "yellow"))
        return
    say(f"With {typed(found.kept, door)}:")
    colour = "green" if run.converged else "yellow"
    say(styled(run.verdict.headline, "red" if run.stop.failed else colour))


def _line(trial: Trial, remedy: str) -> tuple[str, ...]:
    """A trial as a line of the table."""
    after = "-" if trial.failed else f"{trial.after:.5g}"
    done = "kept" if trial.helps else "not kept"
    return trial.measure, f"{trial.before:.5g}", after, done, remedy
