"""`steepest maximize`."""

from __future__ import annotations

from steepest.cli.functions import function_command

command = function_command(
    "maximize",
    summary="""Walk uphill on FORMULA, or on a function of the gallery.

    Gradient ascent: the same options, stops and verdicts as minimize.""",
    examples="""
    steepest maximize "-(x-1)^2 + 3" --start x=-2
    steepest maximize "exp(-x**2 - y**2)" --start x=1,y=0.5 --learning-rate 0.1
    """,
)
