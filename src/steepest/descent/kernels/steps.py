"""Rules inside kernels: one step of a row of weights from a summed gradient.

g is sum(w_i * slope_i * x_i) of a batch and `share` is 1 / sum(w_i). The formulas are
those of steepest.steps.optimizers. L1 is a proximal step in the rule's own metric, so
that it ends where the penalised objective does:
    w <- soft(w, a * l1)                        momentum (Ochs et al. 2014, iPiano)
    w <- soft(w, a * l1 / (what the rate is divided by))    adagrad, adam
(Duchi, Hazan, Singer 2011, eq. 24); for gd it is the cumulative penalty of Tsuruoka,
Tsujii, Ananiadou (2009), sec. 3.2.
"""

from __future__ import annotations

import math
from typing import Any

from steepest.descent.kernels.compiled import part
from steepest.descent.kernels.plan import (
    ADAGRAD,
    ADAM,
    AVERAGE,
    AVERAGED,
    B2,
    BIAS,
    DECAY,
    DUE,
    EPS,
    GD,
    L1,
    L2,
    MOMENTUM,
    RULE,
    STEPS,
)


@part
def cut(w: Any, by: Any) -> Any:
    """What the soft threshold takes from w: w itself, but at most `by`."""
    return min(max(w, -by), by)


@part
def charge(w: Any, paid: Any, j: int, due: float) -> None:
    """Clip one weight by the L1 penalty that is due and not yet paid."""
    z = float(w[j])
    if z > 0.0:
        w[j] = max(0.0, z - (due + paid[j]))
    elif z < 0.0:
        w[j] = min(0.0, z + (due - paid[j]))
    paid[j] += float(w[j]) - z


@part
def move_row(
    plan: Any, l1: float, l2: float, t: float, rate: float, share: float,
    w: Any, g: Any, first: Any, second: Any,
) -> None:  # fmt: skip
    """One step of the weights of one output; g is emptied.

    Args:
        plan: its numbers.
        l1: penalty, 0 for a bias.
        l2: penalty, 0 for a bias.
        t: number of the step, from 1.
        rate: learning rate.
        share: 1 / sum of weights.
        w: (d,) weights.
        g: (d,) summed gradient.
        first: (d,) memory of the rule.
        second: (d,) memory of the rule.
    """
    zero = w.dtype.type(0)
    kind = w.dtype.type
    a, s, l2_ = kind(rate), kind(share), kind(l2)
    decay, b2, eps = kind(plan[DECAY]), kind(plan[B2]), kind(plan[EPS])
    one, by = kind(1), kind(rate * l1)
    rule = plan[RULE]
    if rule == GD:
        keep, pace = kind(1.0 - rate * l2), kind(rate * share)
        for j in range(w.size):
            w[j] = keep * w[j] - pace * g[j]
            g[j] = zero
    elif rule == MOMENTUM:
        for j in range(w.size):
            slope = s * g[j] + l2_ * w[j]
            v = decay * first[j] - a * slope
            v -= cut(w[j] + v, by)
            first[j] = v
            w[j] += v
            g[j] = zero
    elif rule == ADAGRAD:
        for j in range(w.size):
            slope = s * g[j] + l2_ * w[j]
            first[j] += slope * slope
            # As in Optax: where nothing was ever seen, nothing moves.
            pace = one / math.sqrt(first[j] + eps) if first[j] > zero else zero
            there = w[j] - a * slope * pace
            w[j] = there - cut(there, by * pace)
            g[j] = zero
    elif rule == ADAM:
        mean, square = kind(1.0 - plan[DECAY] ** t), kind(1.0 - plan[B2] ** t)
        for j in range(w.size):
            slope = s * g[j] + l2_ * w[j]
            first[j] = decay * first[j] + (one - decay) * slope
            second[j] = b2 * second[j] + (one - b2) * slope * slope
            pace = one / (math.sqrt(second[j] / square) + eps)
            there = w[j] - a * (first[j] / mean) * pace
            w[j] = there - cut(there, by * pace)
            g[j] = zero


@part
def move(
    plan: Any, numbers: Any, rate: float, share: float, w: Any, b: Any, g: Any,
    first: Any, second: Any, paid: Any,
) -> None:  # fmt: skip
    """One step of all weights and biases; g (k, d + 1) is emptied."""
    k, d = w.shape
    numbers[STEPS] += 1.0
    numbers[DUE] += rate * plan[L1]
    t = numbers[STEPS]
    for c in range(k):
        # Empty memories have no rows: any row will do where the rule has none.
        m = first[c] if first.size > 0 else g[c]
        v = second[c] if second.size > 0 else g[c]
        move_row(plan, plan[L1], plan[L2], t, rate, share, w[c], g[c, :d], m[:d], v[:d])
        if plan[BIAS] != 0.0:
            move_row(
                plan, 0.0, 0.0, t, rate, share, b[c : c + 1], g[c, d:], m[d:], v[d:]
            )
        g[c, d] = 0.0
        for j in range(paid.shape[1]):
            charge(w[c], paid[c], j, numbers[DUE])


@part
def average(plan: Any, numbers: Any, w: Any, b: Any, total: Any) -> None:
    """Add the point to the sum of points, if its step is late enough."""
    if numbers[STEPS] <= plan[AVERAGE]:
        return
    d = w.shape[1]
    numbers[AVERAGED] += 1.0
    for c in range(w.shape[0]):
        for j in range(d):
            total[c, j] += w[c, j]
        total[c, d] += b[c]
