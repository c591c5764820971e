"""The learning rate: whether it was too large, and which to try instead."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from steepest.diagnosis.probes.curvature import Curvature
from steepest.records.trace import Trace

TAIL = 20
"""This many last steps show how the run moved."""
TURNED, KEPT = -0.9, 0.02
"""Steps that turn back on themselves and keep less than this of the slope's promise
leap over the valley: on a quadratic, the rate is above 1.96 / curvature."""
KINK = 1e3
"""On a quadratic rate * curvature is near 2 where steps leap over; far above, the value
has a kink there and its curvature tells nothing of the rate."""
SHRINK = 0.1
"""What a run makes of its steps each time that it goes back from inf or nan."""
STABLE = "descent on a quadratic is stable for rates below 2 / curvature"


def overshoots(trace: Trace, *, climbs: bool = False) -> dict[str, float]:
    """The evidence that steps were too long; empty where there is none.

    Args:
        trace: rows of a descent on a function.
        climbs: whether large values were sought.

    >>> import numpy as np
    >>> from steepest.records import Row
    >>> rows = Row(*(np.zeros(4) for _ in Row._fields))
    >>> bounce = rows._replace(cosine=np.array([np.nan, -1, -1, -1]))
    >>> overshoots(Trace(bounce))
    {'cosine': -1.0, 'step_quality': 0.0}
    """
    seen = np.isfinite(trace.cosine) & np.isfinite(trace.step_quality)
    if not seen.any():
        return {}
    cosine = middle(trace.cosine[seen][-TAIL:])
    # the mean: across a kink, every second step is as good as the next is bad
    quality = float(np.clip(trace.step_quality[seen][-TAIL:], -1, 1).mean())
    first, last = trace.value[0], middle(trace.value[seen][-TAIL:])
    worse = last < first if climbs else last > first
    if not (worse or (cosine <= TURNED and quality <= KEPT)):
        return {}
    return {"cosine": cosine, "step_quality": quality}


def back_offs(trace: Trace, *, searches: bool = False) -> np.ndarray:
    """The steps at which a run met inf or nan and went back.

    No step left from there, and rows that follow show that the run went on.

    Args:
        trace: rows of a descent on a function, the last at the returned point.
        searches: whether the rule takes bad trials back by itself: then a step leaves
            from there, too.

    >>> from steepest.records import Row
    >>> rows = Row(*(np.full(2, np.nan) for _ in Row._fields))
    >>> back_offs(Trace(rows._replace(step=np.arange(2)))).tolist()
    [0]
    """
    numbers = np.asarray([trace.value, trace.grad_norm], float)
    lost = ~np.isfinite(numbers).all(axis=0) | ~np.asarray(trace.finite, bool)
    if not searches:
        moves = np.asarray([trace.learning_rate, trace.update_norm], float)
        lost &= np.isnan(moves).all(axis=0)
    return np.asarray(trace.step)[:-1][lost[:-1]]


def reached(trace: Trace, settings: dict[str, Any]) -> float | None:
    """The learning rate that a run came down to, None where it had none.

    Args:
        trace: its rows.
        settings: learning_rate, the one it began with; searches.

    >>> from steepest.records import Row
    >>> reached(Trace(Row(*(np.zeros(2) for _ in Row._fields))), {"learning_rate": 0.5})
    0.5
    """
    rate = settings.get("learning_rate")
    times = 0 if settings.get("searches") else len(back_offs(trace))
    return rate if rate is None or not times else float(f"{rate * SHRINK**times:.12g}")


def middle(numbers: np.ndarray) -> float:
    """The upper median, which no pair of huge numbers makes overflow.

    Args:
        numbers: (n,), n >= 1.

    >>> import numpy as np
    >>> middle(np.array([3.0, 1.0, 2.0, 4.0]))
    3.0
    """
    return float(np.sort(numbers)[len(numbers) // 2])


def steepest(curvature: Curvature) -> float:
    """The curvature that bounds the rate, whichever way the run went.

    Args:
        curvature: at the end point.

    >>> steepest(Curvature(-4.0, 2.0, 1e-12))
    4.0
    """
    return max(abs(curvature.largest), abs(curvature.smallest))


def smaller(
    rate: float | None, curvature: Curvature | None, share: float = 0.1
) -> tuple[str, dict[str, Any]]:
    """(advice, remedy): a rate below 1 / curvature and below a share of the old one.

    Args:
        rate: the learning rate that was too large; None where a rule hides it.
        curvature: at the end point, None when unknown.
        share: of the old rate.

    >>> smaller(1.0, Curvature(2.0, 2.0, 1e-12), 0.5)[1]
    {'learning_rate': 0.5}
    """
    if rate is None:
        return "use a named optimizer with a smaller learning_rate.", {}
    better, why = rate * share, ""
    if curvature is not None and steepest(curvature) > curvature.noise:
        better = min(better, 1 / steepest(curvature))
        why = f" (at most 1 / curvature, here {1 / steepest(curvature):.3g})"
    better = round_down(better)
    words = f"try learning_rate={better:g}{why}, or optimizer='auto', which needs none."
    return words, {"learning_rate": better}


def round_down(number: float) -> float:
    """Two digits of a positive number, never more than it is.

    Args:
        number: > 0.

    >>> round_down(0.49995)
    0.49
    """
    unit = 10.0 ** (math.floor(math.log10(number)) - 1)
    return float(f"{math.floor(number / unit + 1e-9) * unit:.2g}")
