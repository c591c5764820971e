"""What to do where a run ended short of its goal."""

from __future__ import annotations

from typing import Any

import jax

from steepest.diagnosis.probes.places import Place
from steepest.diagnosis.rates import round_down
from steepest.records.stop import Stop
from steepest.records.trace import Trace

DENSE, ENOUGH = 2000, 10
"""Up to so many params bfgs can keep its whole matrix; after so many steps a param it
would have learnt the curvature."""
TINY = 1e-6
"""The gtol advised, as a share of the gradient at the start."""

Advice = tuple[str, dict[str, Any]]


def climbs(settings: dict[str, Any]) -> bool:
    """Whether large values are sought.

    Args:
        settings: as for `judge_point`.

    >>> climbs({"direction": "maximize"})
    True
    """
    return settings.get("direction") == "maximize"


def at_lower_bound(trace: Trace, settings: dict[str, Any]) -> bool:
    """Whether a rule that was told a lower bound stands still on it.

    Args:
        trace: its rows, the last at the returned point.
        settings: lower_bound, of what is made small; direction.

    >>> import numpy as np
    >>> from steepest.records import Row
    >>> trace = Trace(Row(*(np.array([5.0]) for _ in Row._fields)))
    >>> at_lower_bound(trace, {"lower_bound": 5.0}), at_lower_bound(trace, {})
    (True, False)
    """
    bound = settings.get("lower_bound")
    if bound is None:
        return False
    value = float(trace.value[-1]) * (-1 if climbs(settings) else 1)
    return value <= bound + 1e-6 * (1 + abs(bound))


def short_of(
    stop: Stop,
    trace: Trace,
    settings: dict[str, Any],
    gain: float = 0.0,
    *,
    place: Place | None = None,
) -> Advice:
    """(advice, remedy) for a run that ended where the gradient is large.

    Args:
        stop: why it ended.
        trace: its rows, the last at the returned point.
        settings: as for `judge_point`.
        gain: how much better a value was seen near the end.
        place: what stands in the way there.

    >>> import numpy as np
    >>> from steepest.records import Row
    >>> trace = Trace(Row(*(np.array([5.0]) for _ in Row._fields)))
    >>> short_of(Stop.INTERRUPTED, trace, {})
    ('start again from params.', {})
    """
    if at_lower_bound(trace, settings):
        return _lower(settings, gain), {}
    stands = "" if place is None else place.advice(settings)
    if stands and stop is not Stop.INTERRUPTED:
        return stands, {}
    if stop.budget and _remembers_too_little(trace, settings):
        more = "or use optimizer='bfgs', which remembers more"
        return f"raise {_budget(stop)}, {more}.", {"optimizer": "bfgs"}
    auto = settings.get("optimizer_chosen") == "auto"
    faster = "" if auto else ", or use optimizer='auto'"
    if settings.get("learning_rate") is not None:
        faster = f", raise learning_rate{faster}"
    words = {
        Stop.GRADIENT_SMALL: "the point that met gtol is worse than the best seen; "
        "start again from params with a smaller learning_rate",
        Stop.INTERRUPTED: "start again from params",
        Stop.PRECISION: "rescale the params, so that steps are not lost to rounding",
        Stop.PATIENCE: "lower learning_rate, or raise patience",
    }.get(stop, "lower ftol and xtol, or raise learning_rate")
    if stop.budget:
        words = f"raise {_budget(stop)}{faster}"
    return f"{words}.", {}


def too_small(trace: Trace, settings: dict[str, Any]) -> Advice | None:
    """(advice, remedy) where the start met gtol at once; None where it did not.

    Args:
        trace: its rows.
        settings: gtol.

    >>> import numpy as np
    >>> from steepest.records import Row
    >>> trace = Trace(Row(*(np.array([2e-20]) for _ in Row._fields)))
    >>> too_small(trace, {"gtol": 1e-6})[1]
    {'gtol': 2e-26}
    """
    gtol, first = float(settings.get("gtol") or 0.0), float(trace.grad_norm[0])
    if not 0 < first <= gtol or not first * TINY > 1e-300:
        return None
    better = round_down(first * TINY)
    advice = (
        f"the gradient at the start, {first:.2g}, meets gtol={gtol:g} already: set "
        f"gtol={better:g}, or multiply the function by {1 / first:.0e}; or start "
        "elsewhere, where it slopes more."
    )
    return advice, {"gtol": better}


def _remembers_too_little(trace: Trace, settings: dict[str, Any]) -> bool:
    """Whether lbfgs took more steps than bfgs needs to learn the whole curvature."""
    n = len(jax.tree.leaves(settings.get("start")))
    enough = n <= DENSE and int(trace.step[-1]) >= ENOUGH * n
    return enough and settings.get("optimizer") == "lbfgs"


def _lower(settings: dict[str, Any], gain: float) -> str:
    """That a lower bound is none."""
    bound, rule = settings["lower_bound"], settings.get("optimizer", "the optimizer")
    of = "less the value" if climbs(settings) else "the value"
    below = f" (less than {bound - gain:.3g})" if gain > 0 else ""
    return (
        f"lower_bound={bound:g} is too high: {rule} makes no step where {of} is there "
        f"or below; give a number that {of} never falls below{below}."
    )


def _budget(stop: Stop) -> str:
    return "epochs" if stop is Stop.MAX_EPOCHS else stop.name.lower()
