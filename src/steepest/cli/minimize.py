"""`steepest minimize`."""

from __future__ import annotations

from steepest.cli.functions import function_command

command = function_command(
    "minimize",
    summary="""Walk downhill on FORMULA, or on a function of the gallery.

    Prints the point, its value, why the walk ended, and a verdict: a minimum, a
    saddle, a plateau, or not there yet, with what to do next.""",
    examples="""
    steepest minimize "x**2 + x*y + y**2" --start x=3,y=4
    steepest minimize "x**2" --start x=5 --optimizer gd --learning-rate 0.1 --json
    steepest minimize "sum((x - 1)**2) + dot(x, x)" --start "x=[1,2,3]"
    steepest minimize rosenbrock --start=-1.2,1 --save runs/rosenbrock
    """,
)
