"""`steepest diagnose`."""

from __future__ import annotations

import shutil
import textwrap
from typing import TYPE_CHECKING, Any

import click

from steepest.cli.command import Command
from steepest.cli.ending import BLEW_UP, NOT_CONVERGED, exit_code
from steepest.cli.interrupts import interruptible
from steepest.cli.options import option, output, stop
from steepest.cli.remedies import door_of, say_tried, typed
from steepest.cli.show import (
    SEVERITY_COLOURS,
    as_options,
    say,
    say_fields,
    say_json,
    sparkline,
    styled,
    tell,
)
from steepest.core.errors import UsageError

if TYPE_CHECKING:
    from steepest.api import Diagnosis
    from steepest.records import Finding

INDENT = "  "
WIDEST = 88
MISSING = "not there: "
"""What the note begins with that repeats what is missing."""


@click.command(
    "diagnose",
    cls=Command,
    examples="""
    steepest diagnose runs/rosenbrock
    steepest diagnose runs/rosenbrock/trace.jsonl
    steepest diagnose runs/rosenbrock --remedy --save runs/cured
    steepest diagnose lightning_logs/version_0/metrics.csv --strict
    """,
)
@click.argument("path", metavar="PATH")
@stop(
    "--strict",
    is_flag=True,
    help="Exit with 3 when the run did not converge.",
)
@option(
    "--remedy",
    is_flag=True,
    section="Remedy",
    help="Try what the findings advise, one after the other, and keep what helps.",
)
@option(
    "--save",
    metavar="DIR",
    section="Remedy",
    help="Save the run with what helped there; asks for --remedy.",
)
@output("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
def command(
    path: str, as_json: bool, strict: bool, remedy: bool, save: str | None
) -> int:
    """Judge a stored run, or the rows of any program.

    PATH is a run folder (finished or not), a trace.jsonl, or a file of rows: CSV, JSON
    or JSON lines with a column of losses (loss, train_loss, objective, cost) and, where
    there are any, columns of steps, gradient norms, rates and validation losses.
    """
    from steepest import api

    if save is not None and not remedy:
        raise UsageError("save: what helped is saved; add remedy=True to try it.")
    with interruptible():
        found = api.diagnose(path, remedy=remedy)
    report(found, as_json=as_json)
    if remedy and not as_json:
        say_tried(found)
    if save is not None and found.kept:
        found.save(save)
        tell(f"Saved in {save}.")
    if found.kept and found.best_run is not None:
        return exit_code(found.best_run, strict=strict)
    if found.failed:
        return BLEW_UP
    return NOT_CONVERGED if strict and not found.converged else 0


def report(found: Diagnosis, *, as_json: bool) -> None:
    """Print a diagnosis.

    Args:
        found: the diagnosis.
        as_json: whether to print one object.
    """
    if as_json:
        say_json(found.to_json())
        return
    verdict = found.verdict
    colour = "green" if verdict.converged else "yellow"
    say(styled(verdict.headline, "red" if found.failed else colour))
    say()
    say_fields(_fields(found))
    door = door_of(found)
    for one in verdict.findings:
        if one.symptom == "note" and one.advice.startswith(MISSING):
            continue  # it stands above
        say()
        _say_finding(one, door)


def _fields(found: Diagnosis) -> list[tuple[str, str]]:
    """What was judged, and by what."""
    from steepest.api.diagnosing import told

    read, room = found.read, _width() - 12
    fields = [("read", told(read)), ("kind", found.verdict.kind.replace("_", " "))]
    curve = sparkline([float(x) for x in found.trace.value])
    if curve:
        fields.insert(1, ("loss", curve))
    if read["columns"]:
        named = [
            name if name == column else f"{name} from {column!r}"
            for name, column in read["columns"].items()
        ]
        fields += _lines("columns", named, room)
    fields += _lines("not used", read["unused"], room)
    fields += _lines("missing", found.missing, room)
    return fields


def _lines(label: str, words: Any, room: int) -> list[tuple[str, str]]:
    """Words as one field of as many lines as they need."""
    lines = textwrap.wrap(", ".join(words), room) if words else []
    return [(label if k == 0 else "", line) for k, line in enumerate(lines)]


def _say_finding(one: Finding, door: click.Command | None) -> None:
    """A finding: what to do, where it was seen, by which numbers."""
    seen = ""
    if one.steps is not None:
        seen = f", steps {one.steps[0]:,} to {one.steps[1]:,}"
    title = styled(one.symptom, SEVERITY_COLOURS[one.severity])
    say(f"{title} ({one.severity}{seen})")
    advice = one.advice if door is None else as_options(one.advice, door)
    for line in textwrap.wrap(advice, _width() - len(INDENT)):
        say(INDENT + line)
    _say_evidence(one.evidence)
    if one.remedy:
        _say_wrapped(f"remedy: {typed(one.remedy, door)}")
    if one.reference:
        _say_wrapped(f"after: {one.reference}")


def _say_evidence(evidence: dict[str, float]) -> None:
    """Name and number, one under the other."""
    if not evidence:
        return
    width = max(map(len, evidence))
    for name, number in evidence.items():
        label = name.replace("_", " ")
        say(f"{INDENT * 2}{label:<{width}}  {number:.6g}")


def _say_wrapped(text: str) -> None:
    indent = INDENT * 2
    lines = textwrap.wrap(text, _width() - 4, subsequent_indent=INDENT)
    for line in lines:
        say(indent + line)


def _width() -> int:
    return min(WIDEST, shutil.get_terminal_size((80, 24)).columns)
