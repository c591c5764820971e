"""A Run from what the loop handed back."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
from dataclasses import replace
from typing import Any

from steepest.api.asked import Asked
from steepest.descent.parts import Ended
from steepest.records import Run, Verdict

PACKAGES = ("steepest", "jax", "jaxlib", "optax", "equinox", "numpy")


def make_run(
    ended: Ended,
    *,
    params: Any,
    verdict: Verdict,
    settings: dict[str, Any],
    measured: dict[str, Any] | None = None,
) -> Run:
    """The Run of a descent.

    Args:
        ended: what the loop handed back.
        params: the returned params, as the user should see them.
        verdict: what the run came to.
        settings: what was asked and chosen.
        measured: what it was judged by, besides its rows; see `measured_json`.
    """
    return Run(
        params=params,
        value=ended.value + 0.0,  # no -0
        grad_norm=ended.grad_norm,
        steps=int(ended.state.step),
        best_step=ended.best_step,
        stop=ended.stop,
        verdict=verdict,
        trace=ended.trace,
        seconds=ended.seconds,
        settings=settings,
        environment=environment(),
        measured=measured,
    )


def recorded(run: Run, record: Asked | None) -> Run:
    """The run with what it was asked, where it is saved.

    Args:
        run: that ended.
        record: what it was asked; None where nothing is saved.
    """
    return run if record is None else replace(run, asked=record._asdict())


def environment() -> dict[str, Any]:
    """Versions of Python and of the packages that numbers depend on.

    >>> sorted(environment())
    ['cores', 'machine', 'packages', 'python', 'system']
    """
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "packages": dict(_versions()),
    }


@functools.cache
def _versions() -> tuple[tuple[str, str], ...]:
    """Read once: it takes as long as a small fit."""
    return tuple((name, importlib.metadata.version(name)) for name in PACKAGES)
