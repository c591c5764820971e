"""The compiled loop beside loops written by hand; a step beside torch's."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import steepest as sp
from bench import handmade
from bench.results import record, table
from bench.timing import in_turns, median, ratio
from steepest.api.descending import set_up
from steepest.descent import program
from steepest.descent.sources import ENDLESS

STEPS, RECORDED, TORCH_STEPS = 100_000, 1000, 2000
RATE = 1e-5
"""So small that no run arrives: every step is made."""
GTOL = 1e-12
RULES = {"gd": optax.sgd(RATE), "adam": optax.adam(RATE)}
CAPACITY = 1024
PACKAGES = ("steepest", "jax", "optax", "torch")


def rosenbrock(x: Any) -> Any:
    """sum 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2."""
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


class Descent:
    """steepest's own run of one rule from one start, whole and in its compiled part."""

    def __init__(self, rule: str, start: Any, steps: int) -> None:
        self.start, self.steps = start, steps
        self.options = {
            "optimizer": rule,
            "learning_rate": RATE,
            "gtol": GTOL,
            "max_steps": steps,
            "record_path": True,
            "progress": False,
        }
        asked = {**(sp.minimize.__kwdefaults__ or {}), **self.options, "hyper": {}}
        self.task = set_up(rosenbrock, start, 1.0, **asked)
        engine = self.task.engine
        self.state = engine.start(self.task.problem.start, None, self.task.key)
        plan = engine.objective, engine.rule, CAPACITY, True, False
        self.plan = program.Plan(*plan)

    def compiled(self) -> Any:
        """All steps, their rows and path, without what minimize does around them."""
        engine, state, left = self.task.engine, self.state, self.steps
        with engine.scope():
            while left > 0:
                state, _, code = program.advance(
                    self.plan,
                    state,
                    engine.numbers,
                    engine.limits,
                    None,
                    0,
                    left,
                    ENDLESS,
                )
                if int(code):
                    raise SystemExit(f"the run stopped early, with code {int(code)}.")
                left = self.steps - int(state.step)
        return state

    def whole(self) -> Any:
        """The call of minimize: checks, loop, verdict."""
        run = sp.minimize(rosenbrock, self.start, **self.options)
        if run.steps != self.steps:
            raise SystemExit(f"the run stopped after {run.steps} steps.")
        return run.value


def compare(rule: str, params: int, repeats: int) -> Iterator[list[str]]:
    """Rows of the table: many steps with thinned rows, few with every row."""
    start = np.tile([-1.2, 1.0], params // 2)
    tx = RULES[rule]

    def bare() -> Any:
        with jax.enable_x64(True):
            return handmade.bare(rosenbrock, tx, jnp.asarray(start), GTOL, STEPS)

    def recording() -> Any:
        with jax.enable_x64(True):
            at = jnp.asarray(start)
            return handmade.recording(rosenbrock, tx, at, RECORDED, RATE, GTOL)

    for steps, by_hand, told in (
        (STEPS, bare, "nothing recorded by hand"),
        (RECORDED, recording, "every row on both sides"),
    ):
        ours = Descent(rule, start, steps)
        rivals = {"hand": by_hand, "loop": ours.compiled, "minimize": ours.whole}
        times = in_turns(rivals, repeats=repeats)
        yield [
            f"{rule}, {params:,} params, {steps:,} steps, {told}",
            *(f"{1e6 * median(times, name) / steps:.2f}" for name in rivals),
            f"{ratio(times, 'loop', 'hand'):.2f}",
            f"{ratio(times, 'minimize', 'hand'):.2f}",
        ]


def against_torch(repeats: int) -> str:
    """A step of minimize beside a step of a Python loop over torch, 2 params."""
    start = np.array([-1.2, 1.0])
    if handmade.torch_loop(start, RATE, 1) is None:
        return "torch is not installed: the row beside it is left out."
    ours = Descent("gd", start, STEPS)
    rivals = {
        "torch": lambda: handmade.torch_loop(start, RATE, TORCH_STEPS),
        "minimize": ours.whole,
    }
    times = in_turns(rivals, repeats=repeats)
    per_step = {"torch": TORCH_STEPS, "minimize": STEPS}
    us = {name: 1e6 * median(times, name) / n for name, n in per_step.items()}
    head = ["gd, 2 params", "torch, us a step", "minimize", "torch / minimize"]
    times_faster = ratio(times, "torch", "minimize") * STEPS / TORCH_STEPS
    row = ["Rosenbrock", *(f"{x:.2f}" for x in us.values()), f"{times_faster:.0f}"]
    return table(head, [row])


def main() -> None:
    """Measure, print, and with --record keep."""
    parser = argparse.ArgumentParser(prog="python -m bench.loop")
    parser.add_argument("--repeats", type=int, default=9, help="rounds (9)")
    parser.add_argument("--record", action="store_true", help="put it in RESULTS.md")
    asked = parser.parse_args()
    rows = [
        row
        for params in (10, 1000)
        for rule in RULES
        for row in compare(rule, params, asked.repeats)
    ]
    head = ["Rosenbrock", "by hand, us a step", "loop", "minimize"]
    head += ["loop / by hand", "minimize / by hand"]
    body = f"""
float64, warmed up, rivals in turns, medians of {asked.repeats} rounds. "loop" is the
compiled program with trace and path on; "minimize" the whole call, verdict included.
By hand: a `lax.while_loop` with Optax's rule and a test on the gradient norm; in the
rows that record everything it writes what a row of steepest tells, and the params.

{table(head, rows)}

{against_torch(asked.repeats)}
""".strip()
    print(body)
    if asked.record:
        record("loop", body, packages=PACKAGES)


if __name__ == "__main__":
    main()
