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


class NumberOrWord(click.ParamType):
    """A number or one of a few words.

    Args:
        words: what may stand for a number.
    """

    name = "number"

    def __init__(self, *words: str) -> None:
        self.words = words

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The number or the word."""
        if value in self.words:
            return value
        try:
            return float(value)
        except ValueError:
            need = f"a number or {' or '.join(self.words)}"
            self.fail(f"{value!r} is not {need}.", param, ctx)


class BoundsType(click.ParamType):
    """Bounds such as 0:2 for all params, or x=0:2,y=1: by name."""

    name = "bounds"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """A pair (low, high), or a dict of them; None where there is no end.

        >>> BoundsType().convert("x=0:2,y=:1", None, None)
        {'x': (0.0, 2.0), 'y': (None, 1.0)}
        """
        if not isinstance(value, str):
            return value
        if "=" not in value:
            return self._pair(value, param, ctx)
        found: dict[str, Any] = {}
        for part in value.split(","):
            name, _, pair = (piece.strip() for piece in part.partition("="))
            if name in found:
                self.fail(f"{value!r}: {name} is given twice.", param, ctx)
            found[name] = self._pair(pair, param, ctx)
        return found

    def _pair(self, text: str, param: Any, ctx: Any) -> Any:
        low, colon, high = text.partition(":")
        try:
            if not colon:
                raise ValueError
            return tuple(float(end) if end.strip() else None for end in (low, high))
        except ValueError:
            self.fail(
                f"{text!r} is not LOW:HIGH; an end may be left out, as in 0:.",
                param,
                ctx,
            )


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
        type=NumberOrWord("backtracking"),
        metavar="NUMBER",
        help="Step length per unit of gradient, > 0; or backtracking, which finds it "
        "for gd, momentum and nesterov. Default: the optimizer's own.",
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
    hyper(
        "--b1",
        help="Of adam, adamw, prodigy, momo, schedule_free: memory of the gradient.",
    ),
    hyper("--b2", help="Of adam, adamw, prodigy, schedule_free: memory of its square."),
    hyper(
        "--eps",
        help="Of adam, adamw, adagrad, rmsprop, prodigy, schedule_free: keeps from "
        "dividing by 0.",
    ),
    hyper("--decay", help="Of rmsprop: memory of the mean square."),
    hyper("--weight-decay", help="Of adamw: pull of the params towards 0."),
    hyper("--first-distance", help="Of dog, dowg, prodigy: first guess of the way."),
    hyper("--lower-bound", help="Of momo: the value never falls below this."),
)
strict_option = stop(
    "--strict",
    is_flag=True,
    help="Exit with 3 when the run did not converge.",
)
budget_options = together(
    stop(
        "--max-seconds",
        type=NUMBER_OR_NONE,
        metavar="SECONDS",
        help="Wall-clock time at most. Default none.",
    ),
    strict_option,
)
_seed = output(
    "--seed",
    type=Whole(),
    metavar="INTEGER",
    help="Of everything random. Default 0.",
)
_json = output("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
_progress = output(
    "--progress/--no-progress",
    default=None,
    help="Show a progress bar. Default: when stderr is a terminal.",
)
_save = together(
    output(
        "--save",
        metavar="DIR",
        help="Folder to keep the run in; steepest resume DIR goes on with it, should "
        "it be killed or interrupted.",
    ),
    output(
        "--checkpoint-seconds",
        type=NUMBER_OR_NONE,
        metavar="SECONDS",
        help="Time between two checkpoints in DIR. Default 30.",
    ),
)
epochs_option = output(
    "--checkpoint-epochs",
    type=WHOLE_OR_NONE,
    metavar="EPOCHS",
    help="Passes over the data between two checkpoints in DIR. Default none.",
)
output_options = together(_seed, _save, _json, _progress)
again_options = together(_json, _progress)
search_output_options = together(_seed, _json, _progress)
optimizers_option = listing(
    "--optimizers", help="List the optimizers with their formulas and rates."
)
gallery_option = listing("--gallery", help="List the gallery of functions.")
