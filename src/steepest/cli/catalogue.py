"""What there is to choose from: the gallery's functions and the optimizers."""

from __future__ import annotations

from collections.abc import Iterable

from steepest.cli.show import say, styled, value_text


def say_gallery() -> None:
    """Each function: its formula, where it starts, what it teaches."""
    import numpy as np

    from steepest.problems.gallery import GALLERY

    for name, surface in GALLERY.items():
        size = "any" if surface.any_dimension else surface.dimension
        start = value_text(np.array(surface.start))
        facts = f"dimensions: {size}, start: {start}"
        _say_entry(name, (surface.formula, surface.lesson, facts))
    say("Try: steepest minimize rosenbrock")


def say_optimizers() -> None:
    """Each optimizer: its update, its usual learning rate and other numbers."""
    from steepest.steps import LINEAR_OPTIMIZERS, OPTIMIZERS

    say("x the params, g the gradient, a the learning rate\n")
    for name, optimizer in {**OPTIMIZERS, **LINEAR_OPTIMIZERS}.items():
        rate = optimizer.learning_rate
        numbers = [("learning rate", "none needed" if rate is None else f"{rate:g}")]
        numbers += [
            (key, f"{hyper.default:g}") for key, hyper in optimizer.hyper.items()
        ]
        defaults = ", ".join(f"{key} {text}" for key, text in numbers)
        _say_entry(name, (optimizer.formula, defaults, optimizer.reference))


def _say_entry(name: str, lines: Iterable[str]) -> None:
    say(styled(name, "green"))
    for line in lines:
        say(f"  {line}")
    say()
