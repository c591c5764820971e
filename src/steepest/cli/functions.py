"""What minimize and maximize share: all but the direction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from steepest.cli.command import Command
from steepest.cli.ending import exit_code, tell_resumable, unsaved
from steepest.cli.interrupts import interruptible
from steepest.cli.options import (
    NUMBER_OR_NONE,
    WHOLE_OR_NONE,
    BoundsType,
    PointType,
    budget_options,
    gallery_option,
    given,
    optimizers_option,
    option,
    output_options,
    step_options,
    stop,
    together,
)
from steepest.cli.show import (
    number_text,
    say,
    say_fields,
    say_findings,
    say_headline,
    say_json,
    value_text,
)
from steepest.core.errors import UsageError

if TYPE_CHECKING:
    from steepest.records import Run

problem_options = together(
    click.argument("formula"),
    option(
        "--start",
        type=PointType(),
        metavar="POINT",
        section="Problem",
        help="Where to begin: x=3,y=4, a vector as x=[1,2,3]; without names for a "
        "gallery function, which has a start of its own.",
    ),
    option(
        "--bounds",
        type=BoundsType(),
        metavar="BOUNDS",
        section="Problem",
        help="Keep params within: x=0:2,y=1: by name, or 0:2 for all.",
    ),
)
direction_option = option(
    "--direction",
    type=click.Choice(["minimize", "maximize"]),
    section="Problem",
    help="Where to go. Default minimize.",
)
target_option = stop(
    "--target",
    type=NUMBER_OR_NONE,
    metavar="NUMBER",
    help="Stop when the value reaches this. Default none.",
)
tolerance_options = together(
    stop(
        "--gtol",
        type=NUMBER_OR_NONE,
        metavar="NUMBER",
        help="Stop at this gradient norm; none for never. Default 1e-06.",
    ),
    stop(
        "--ftol",
        type=NUMBER_OR_NONE,
        metavar="NUMBER",
        help="Stop when a step changes the value by less, relative to max(1, |value|). "
        "Default none.",
    ),
    stop(
        "--xtol",
        type=NUMBER_OR_NONE,
        metavar="NUMBER",
        help="Stop when a step is shorter, relative to max(1, |params|). Default none.",
    ),
    stop(
        "--patience",
        type=WHOLE_OR_NONE,
        metavar="STEPS",
        help="Stop after so many steps without a new best value. Default none.",
    ),
)
_function_options = together(
    problem_options,
    option(
        "--escape/--no-escape",
        default=None,
        section="Problem",
        help="Whether to leave a saddle, or a point with a better one in sight, and go "
        "on. Default: where the optimizer is left to us.",
    ),
    step_options,
    tolerance_options,
    target_option,
    stop(
        "--max-steps",
        type=WHOLE_OR_NONE,
        metavar="STEPS",
        help="Steps at most; none for no limit. Default 10000.",
    ),
    budget_options,
    output_options,
    gallery_option,
    optimizers_option,
)


def function_command(door: str, *, summary: str, examples: str) -> Command:
    """The command of a door for functions.

    Args:
        door: the name of a function in steepest.api: minimize or maximize.
        summary: what the help says first.
        examples: command lines.
    """

    @click.command(door, cls=Command, help=summary, examples=examples)
    @_function_options
    @click.pass_context
    def command(
        ctx: click.Context, formula: str, as_json: bool, strict: bool, **_: Any
    ) -> int:
        from steepest import api

        options = given(ctx, "formula", "as_json", "strict")
        if "start" not in options:
            ask_for_start(formula)
        with interruptible():
            run: Run = getattr(api, door)(formula, **options)
        saved = options.get("save")
        return report(run, ctx.command, saved, as_json=as_json, strict=strict)

    return command


def report(
    run: Run, shown: click.Command, saved: str | None, *, as_json: bool, strict: bool
) -> int:
    """Print what came of a run; the exit code.

    Args:
        run: the run.
        shown: the command whose options advice names.
        saved: the folder of the run, None when it was not saved.
        as_json: whether to print one object.
        strict: whether a run that did not converge is a failure.
    """
    if as_json:
        say_json(run.to_json(trace=False))
    else:
        _say_run(run, shown, saved=saved)
    tell_resumable(run, saved)
    return exit_code(run, strict=strict)


def ask_for_start(formula: str) -> None:
    """A formula needs a start: say for which variables."""
    from steepest.problems.start import example_start

    example = example_start(formula)
    if example:
        point = _point(example)
        raise UsageError(f"--start is missing; say where to begin, as --start {point}.")


def ask_for_bounds(formula: str) -> None:
    """A formula needs a place to begin many runs in: bounds, or a start to be near."""
    from steepest.problems.start import example_start

    example = example_start(formula)
    if any(isinstance(x, list) for x in example.values()):
        ask_for_start(formula)  # bounds do not tell how long a vector is
    if example:
        box = ",".join(f"{name}=-5:5" for name in example)
        raise UsageError(
            f"--bounds is missing; say where to begin, as --bounds {box}, or around "
            f"which point, as --start {_point(example)}."
        )


def _point(example: dict[str, Any]) -> str:
    return ",".join(f"{name}={_typed(x)}" for name, x in example.items())


def _typed(value: Any) -> str:
    """A number or a vector as --start takes it."""
    return (
        f"[{','.join(map(_typed, value))}]" if isinstance(value, list) else f"{value:g}"
    )


def _say_run(run: Run, command: click.Command, *, saved: str | None) -> None:
    say_headline(run)
    say()
    fields = [
        *point_fields(run.params, run.settings["objective"]),
        ("value", number_text(run.value)),
        ("gradient norm", f"{run.grad_norm:.3g}"),
        ("steps", f"{run.steps:,} in {run.seconds:.2g} s"),
        ("stop", f"{run.stop.name}: {run.stop.value}"),
        ("optimizer", _rule(run.settings)),
    ]
    if saved is not None:
        fields.append(("not saved in" if unsaved(saved) else "saved in", saved))
    say_fields(fields)
    if run.verdict.findings:
        say()
        say_findings(run, command)


def point_fields(params: Any, formula: str) -> list[tuple[str, str]]:
    """The params, a line a name."""
    params = named(params, formula)
    if isinstance(params, dict):
        return [(name, value_text(value)) for name, value in params.items()]
    return [("params", value_text(params))]


def named(params: Any, formula: str) -> Any:
    """The params by name, also where the only variable was given without one.

    >>> named(2.0, "x^2"), named({"y": 1.0}, "y^2")
    ({'x': 2.0}, {'y': 1.0})
    """
    from steepest.problems.start import example_start

    if isinstance(params, dict):
        return params
    names = list(example_start(formula))
    return {names[0]: params} if len(names) == 1 else params


def _rule(settings: dict[str, Any]) -> str:
    """The optimizer and its rate, and who chose it."""
    rate, schedule = settings["learning_rate"], settings["schedule"]
    parts = [settings["optimizer"]]
    if settings["optimizer_chosen"] == "auto":
        parts[0] += " (chosen by auto)"
    if rate is not None:
        parts.append(f"learning rate {rate:g}")
    if settings.get("backtracking"):
        parts.append("backtracking")
    if schedule is not None:
        parts.append(f"schedule {schedule}")
    return ", ".join(parts)
