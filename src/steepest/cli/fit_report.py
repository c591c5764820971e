"""What `steepest fit` prints: what was inferred, how well it did, what comes next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from steepest.cli.ending import unsaved
from steepest.cli.show import (
    say,
    say_fields,
    say_findings,
    say_headline,
    say_scores,
    sparkline,
)
from steepest.core.words import plural

if TYPE_CHECKING:
    from steepest.api import Fitted
    from steepest.records import Run


def say_fit(
    fitted: Fitted,
    run: Run,
    command: click.Command,
    *,
    data: Sequence[str],
    saved: str | None,
) -> None:
    """The whole report of a fit.

    Args:
        fitted: the model.
        run: its descent.
        command: the command that was typed; advice names its options.
        data: the paths as typed, for the next command.
        saved: the folder of the model, None when it was not saved.
    """
    say_headline(run)
    say()
    say_fields([*_inferred(fitted, run), *_course(run)])
    say()
    say_scores(fitted.metrics)
    say()
    say_findings(run, command)
    if saved is None:
        say("The model was not kept; add --save DIR to keep it.")
        return
    if unsaved(saved):
        say(f"Not saved in {saved}: it could not be written.")
        return
    words = ["steepest", "predict", saved, *data, "--output", "predictions.csv"]
    say(f"Saved in {saved}. Next: {shlex.join(words)}")


def _inferred(fitted: Fitted, run: Run) -> list[tuple[str, str]]:
    settings = run.settings
    task, reason = settings["task"], settings["task_reason"]
    columns, numbers = len(fitted.features.columns), fitted.features.width
    used = (
        f"{columns:,}" if numbers == columns else f"{columns:,}, as {numbers:,} numbers"
    )
    return [
        ("target", f"{settings['target']}: {task} ({reason.rstrip('.')})"),
        ("rows", _rows(settings["rows"])),
        ("columns", used),
        *[("note", note) for note in settings["notes"]],
        ("model", f"{_model(fitted.model.to_json())}, loss {_loss(fitted, run)}"),
        *_strength(settings),
    ]


def _strength(settings: dict[str, Any]) -> list[tuple[str, str]]:
    """The l2 that was left to us, and why it is that."""
    reason = settings["chosen"].get("l2")
    return [("l2", f"{settings['penalty']['l2']:.3g}, {reason}")] if reason else []


def _loss(fitted: Fitted, run: Run) -> str:
    """The loss, and in which unit it is: a standardised target has none."""
    name = run.settings["loss"]
    return f"{name}, of the standardised target" if fitted.target.scale != 1.0 else name


def _rows(rows: dict[str, int]) -> str:
    text = f"{rows['train']:,} to train on, {rows['validation']:,} to validate"
    lacking = {"a target": rows["target_missing"], "a value": rows["incomplete"]}
    told = [f"{n:,} left out for lack of {what}" for what, n in lacking.items() if n]
    return "; ".join([text, *told])


def _model(recipe: dict[str, Any]) -> str:
    hidden = recipe.get("hidden")
    layers = "" if not hidden else f" with hidden {'/'.join(map(str, hidden))}"
    return f"{recipe['kind']}{layers}"


def _course(run: Run) -> list[tuple[str, str]]:
    """How the descent went."""
    settings = run.settings
    size, rate = settings["batch_size"], settings["learning_rate"]
    first = settings.get("first")
    before = f"{first}, then " if first else ""
    parts = [f"{before}{settings['optimizer']}"]
    if rate is not None:
        parts.append(f"learning rate {rate:g}")
    if settings["schedule"] is not None:
        parts.append(f"schedule {settings['schedule']}")
    whole = size in ("full", settings["rows"]["train"])
    parts.append("all rows a step" if whole else f"{plural(size, 'row')} a step")
    epochs = float(run.trace.epoch[-1])
    took = f"{run.steps:,} in {epochs:.4g} epochs, {run.seconds:.3g} s"
    return [
        ("optimizer", ", ".join(parts)),
        ("steps", took),
        *_curve(run),
        ("stop", f"{run.stop.name}: {run.stop.value}"),
    ]


def _curve(run: Run) -> list[tuple[str, str]]:
    """The validation loss, or the training loss where no rows were held out."""
    loss, epoch = run.trace.validation.loss, run.trace.validation.epoch
    if len(loss):
        name, best = "validation", int(np.argmin(np.nan_to_num(loss, nan=np.inf)))
        words = (
            f"loss {loss[0]:.4g} at the start, {loss[best]:.4g} best "
            f"(epoch {epoch[best]}), {loss[-1]:.4g} last (epoch {epoch[-1]})"
        )
    else:
        name, loss = "training", run.trace.value
        words = f"loss {loss[0]:.4g} at the start, {loss[-1]:.4g} at the end"
    line = sparkline(loss.tolist())
    return [(name, line), ("", words)] if line else [(name, words)]
