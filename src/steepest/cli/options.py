"""The options that commands share, each defined once.

They bear the names of Python with dashes. Commands hand on only what was typed, so
defaults live in the Python functions alone; the help repeats them, and a test compares.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click
from click.core import ParameterSource

from steepest.cli.command import HELP, Option

Decorator = Callable[[Any], Any]


def whole(value: Any) -> int | None:
    """The whole number that text stands for, None if it is none.

    >>> whole("12"), whole("1e3"), whole("1.5"), whole("inf")
    (12, 1000, None, None)
    """
    try:
        return int(value)  # exact, however large
    except ValueError:
        pass
    try:
        number = float(value)
    except ValueError:
        return None
    return int(number) if number.is_integer() else None


class Whole(click.ParamType):
    """A whole number, also as 1e3."""

    name = "integer"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The number as an int."""
        number = whole(value)
        if number is None:
            self.fail(f"{value!r} is not a whole number.", param, ctx)
        return number


class OrNone(click.ParamType):
    """A number, or the word none, which switches a limit off.

    Args:
        kind: a Whole or click.FLOAT.
    """

    def __init__(self, kind: click.ParamType) -> None:
        self.kind, self.name = kind, kind.name

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The number, or None."""
        return None if value == "none" else self.kind.convert(value, param, ctx)


class IntOrWord(click.ParamType):
    """A whole number or one of a few words.

    Args:
        words: what may stand for a number.
    """

    name = "integer"

    def __init__(self, *words: str) -> None:
        self.words = words

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The number or the word."""
        if value in self.words:
            return value
        number = whole(value)
        if number is None:
            need = f"a whole number, {' or '.join(self.words)}"
            self.fail(f"{value!r} is not {need}.", param, ctx)
        return number


class PointType(click.ParamType):
    """A point such as x=3,y=4 or 1,2,3."""

    name = "point"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """A dict, a list, or for one number without a name that number."""
        del param, ctx
        from steepest.problems.formulas import parse_point

        point = parse_point(value)
        return point[0] if isinstance(point, list) and len(point) == 1 else point


def together(*options: Decorator) -> Decorator:
    """Several options as one decorator; the help shows them in this order."""

    def add(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def given(ctx: click.Context, *but: str) -> dict[str, Any]:
    """What the user typed, by Python name, without the names in `but`."""
    return {
        name: value
        for name, value in ctx.params.items()
        if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT
        and name not in but
    }


def _catalogue(ctx: click.Context, param: click.Parameter, asked: bool) -> None:
    """Show what there is to choose from, and end."""
    if asked:
        from steepest.cli import catalogue

        getattr(catalogue, f"say_{param.name}")()
        ctx.exit()


option = functools.partial(click.option, cls=Option)
step = functools.partial(option, section="Step")
hyper = functools.partial(step, type=float, metavar="NUMBER")
stop = functools.partial(option, section="Stop")
output = functools.partial(option, section="Output")
listing = functools.partial(
    option,
    section=HELP,
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_catalogue,
)
NUMBER_OR_NONE = OrNone(click.FLOAT)
WHOLE_OR_NONE = OrNone(Whole())

step_options = together(
    step(
        "--optimizer",
        metavar="NAME",
        help="The rule of descent; see --optimizers. Default auto.",
    ),
    step(
        "--learning-rate",
        type=float,
        metavar="NUMBER",
        help="Step length per unit of gradient, > 0. Default: the optimizer's own.",
    ),
    step(
        "--schedule",
        metavar="NAME[:OPTION=VALUE,...]",
        help="How the rate changes: inverse_time:decay=0.01, milestones:at=30/60/90, "
        "exponential, cosine, warmup:over=10; add per=epoch to count epochs.",
    ),
    step(
        "--clip-norm",
        type=float,
        metavar="NUMBER",
        help="Shorten gradients longer than this.",
    ),
    step(
        "--clip-value",
        type=float,
        metavar="NUMBER",
        help="Cut gradient entries to plus or minus this.",
    ),
    hyper("--momentum", help="Of momentum and nesterov: share of velocity kept."),
    hyper("--b1", help="Of adam and adamw: memory of the mean gradient."),
    hyper("--b2", help="Of adam and adamw: memory of the mean square."),
    hyper("--eps", help="Of adam, adamw, adagrad, rmsprop: keeps from dividing by 0."),
    hyper("--decay", help="Of rmsprop: memory of the mean square."),
    hyper("--weight-decay", help="Of adamw: pull of the params towards 0."),
)
budget_options = together(
    stop(
        "--max-seconds",
        type=NUMBER_OR_NONE,
        metavar="SECONDS",
        help="Wall-clock time at most. Default none.",
    ),
    stop(
        "--strict",
        is_flag=True,
        help="Exit with 3 when the run did not converge.",
    ),
)
output_options = together(
    output(
        "--seed",
        type=Whole(),
        metavar="INTEGER",
        help="Of everything random. Default 0.",
    ),
    output("--save", metavar="DIR", help="Folder to keep the run in."),
    output("--json", "as_json", is_flag=True, help="Print one JSON object instead."),
    output(
        "--progress/--no-progress",
        default=None,
        help="Show a progress bar. Default: when stderr is a terminal.",
    ),
)
optimizers_option = listing(
    "--optimizers", help="List the optimizers with their formulas and rates."
)
gallery_option = listing("--gallery", help="List the gallery of functions.")
