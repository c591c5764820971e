"""`steepest explain`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from steepest.cli.command import Command
from steepest.cli.ending import BLEW_UP
from steepest.cli.functions import direction_option
from steepest.cli.interrupts import interruptible
from steepest.cli.options import (
    PointType,
    Whole,
    gallery_option,
    given,
    hyper,
    option,
    output,
    step,
    together,
)
from steepest.cli.show import say, say_json, tell
from steepest.core.errors import DataError, UsageError

if TYPE_CHECKING:
    from steepest.explanation.explanation import Explanation

FORMATS = ("text", "markdown", "html", "json")

_point_options = together(
    click.argument("formula"),
    option(
        "--at",
        type=PointType(),
        metavar="POINT",
        section="Problem",
        help="Where: x=3,y=4, a vector as x=[1,2,3]; without names for a gallery "
        "function, which has a start of its own.",
    ),
    direction_option,
)
_step_options = together(
    step(
        "--optimizer",
        metavar="NAME",
        help="The rule of the steps: gd, momentum, nesterov, adagrad, rmsprop, adam, "
        "adamw, dog or dowg. Default gd.",
    ),
    step(
        "--learning-rate",
        type=float,
        metavar="NUMBER",
        help="Step length per unit of gradient, > 0. Default: 0.1, and none for dog "
        "and dowg, which find their own.",
    ),
    step("--steps", type=Whole(), metavar="STEPS", help="How many steps. Default 1."),
    hyper("--momentum", help="Of momentum and nesterov: share of velocity kept."),
    hyper("--b1", help="Of adam and adamw: memory of the gradient."),
    hyper("--b2", help="Of adam and adamw: memory of its square."),
    hyper("--eps", help="Of adam, adamw, adagrad, rmsprop: keeps from dividing by 0."),
    hyper("--decay", help="Of rmsprop: memory of the mean square."),
    hyper("--weight-decay", help="Of adamw: pull of the params towards 0."),
    hyper("--first-distance", help="Of dog and dowg: first guess of the way."),
)
_output_options = together(
    output(
        "--backprop",
        is_flag=True,
        default=None,
        help="Show the computational graph too: values forwards, derivatives "
        "backwards, the chain rule along each path.",
    ),
    output(
        "--format",
        "form",
        type=click.Choice(FORMATS),
        help="Text, Markdown with LaTeX, one HTML page, or JSON. Default: as the name "
        "of FILE says, else text.",
    ),
    output("--json", "as_json", is_flag=True, help="The same as --format json."),
    output("-o", "--output", metavar="FILE", help="Write there and not to stdout."),
)


@click.command(
    "explain",
    cls=Command,
    help="""Explain FORMULA at a point, and each step of descent.

    Each partial derivative as a formula and as a number, the gradient and its
    direction, each step with all its numbers. FORMULA may also be a function of the
    gallery, or a small network such as mlp:hidden=2/2,activation=sigmoid, which is
    followed layer by layer for one row, given as --at x=[1,0.5],y=1.""",
    examples="""
    steepest explain "x**2 + y**2" --at x=3,y=4 --learning-rate 0.1
    steepest explain "x**2 + 10*y**2" --at x=3,y=4 --optimizer adam --steps 3
    steepest explain "(x*y + 1)**2 + sin(x*y)" --at x=1,y=2 --backprop
    steepest explain rosenbrock --backprop -o rosenbrock.html
    """,
)
@_point_options
@_step_options
@_output_options
@gallery_option
@click.pass_context
def command(
    ctx: click.Context,
    formula: str,
    form: str | None,
    as_json: bool,
    output: str | None,
    **_: Any,
) -> int:
    """Explain, and print it or write it to a file."""
    from steepest import api

    form = _form(form, as_json=as_json, path=output)
    options = given(ctx, "formula", "form", "as_json", "output")
    if "at" not in options:
        _ask_for_point(formula)
    with interruptible():
        told = api.explain(formula, **options)
    if output is not None:
        _write(told, form, output)
    elif form == "json":
        say_json(told.to_json())
    else:
        say(_readable(told, form))
    return _code(told)


def _ask_for_point(formula: str) -> None:
    """A formula needs a point: say for which variables."""
    if formula.strip().partition(":")[0] in ("mlp", "linear"):
        raise UsageError("--at is missing; give a row, as --at x=[1,0.5],y=1.")
    from steepest.problems.start import example_start

    pairs = [
        f"{name}={'[1,1]' if isinstance(x, list) else '1'}"
        for name, x in example_start(formula).items()
    ]
    if pairs:
        raise UsageError(f"--at is missing; say where, as --at {','.join(pairs)}.")


def _form(form: str | None, *, as_json: bool, path: str | None) -> str:
    """In which form it is told."""
    if as_json:
        if form not in (None, "json"):
            raise UsageError(f"--json and --format {form}: leave one of the two out.")
        return "json"
    if form is not None or path is None:
        return form or "text"
    ends = {"html": "html", "htm": "html", "md": "markdown", "json": "json"}
    return ends.get(path.rpartition(".")[2].lower(), "text")


def _readable(told: Explanation, form: str) -> str:
    text = getattr(told, f"to_{form}")()
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    for sign, plain in _PLAIN.items() if form == "text" else ():
        try:
            sign.encode(encoding)
        except UnicodeEncodeError:
            text = text.replace(sign, plain)
    return text


_PLAIN = {"∂": "d", "∇": "grad ", "├─": "+-", "└─": "+-", "│": "|", "δ": "delta "}
"""Signs, and what stands for them where the terminal lacks them."""


def _write(told: Explanation, form: str, path: str) -> None:
    from steepest.core.files import write_atomic

    if form == "json":
        text = json.dumps(told.to_json(), indent=1, allow_nan=False)
    else:
        text = getattr(told, f"to_{form}")()
    write_atomic(path, f"{text}\n".encode())
    tell(f"written to {path}")


def _code(told: Explanation) -> int:
    """0, or what kept the steps from being made."""
    if told.point.stops:
        return DataError.exit_code
    return BLEW_UP if told.diverged else 0
