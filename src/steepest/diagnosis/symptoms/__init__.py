"""Symptoms: each looks at a case and says whether it has it, with numbers and advice.

One file each. A new one is a file with a `find` and an entry here; the conformance
table in tests/diagnosis/symptoms asks it for a sick run and for its healthy twin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from steepest.diagnosis.case import Case
from steepest.diagnosis.symptoms import (
    budget_short,
    collinear_columns,
    constant_columns,
    dead_units,
    diverging,
    edge_of_stability,
    exploding_gradients,
    ill_conditioned,
    imbalance,
    leaking_column,
    learned_nothing,
    local_minimum,
    maximum,
    no_better_than_baseline,
    noise_floor,
    nonfinite,
    overfitting,
    plateau,
    precision_floor,
    saddle,
    saturated_units,
    step_too_large,
    step_too_small,
    unscaled_columns,
    vanishing_gradients,
    wrong_gradient,
)
from steepest.records.verdict import Finding


class Symptom(NamedTuple):
    """A way to be ill."""

    find: Callable[[Case], Finding | None]
    """The finding, None where the case is free of it or nothing is known."""
    hides: tuple[str, ...] = ()
    """Symptoms that it explains: they are not told beside it, unless graver."""


SLOW = ("ill_conditioned", "budget_short")
STEPS = ("step_too_large", "step_too_small", *SLOW, "edge_of_stability")
NOTHING = ("learned_nothing", "no_better_than_baseline")

FLOWS = ("vanishing_gradients", "exploding_gradients")
UNTAUGHT = (*STEPS, *NOTHING, "noise_floor", "overfitting", "unscaled_columns")
"""What a network that learns nothing may look like, too."""

SYMPTOMS: dict[str, Symptom] = {
    "wrong_gradient": Symptom(wrong_gradient.find, STEPS),
    "nonfinite": Symptom(nonfinite.find, STEPS),
    "diverging": Symptom(diverging.find, STEPS),
    "dead_units": Symptom(dead_units.find, (*FLOWS, *UNTAUGHT)),
    "saturated_units": Symptom(saturated_units.find, (*FLOWS, *UNTAUGHT)),
    "vanishing_gradients": Symptom(vanishing_gradients.find, UNTAUGHT),
    "exploding_gradients": Symptom(exploding_gradients.find, UNTAUGHT),
    "saddle": Symptom(saddle.find, STEPS),
    "maximum": Symptom(maximum.find, STEPS),
    "plateau": Symptom(plateau.find, STEPS),
    "step_too_large": Symptom(
        step_too_large.find, (*STEPS[1:], *NOTHING, "noise_floor")
    ),
    "step_too_small": Symptom(step_too_small.find, (*SLOW, *NOTHING)),
    "ill_conditioned": Symptom(ill_conditioned.find, ("budget_short",)),
    "budget_short": Symptom(budget_short.find, NOTHING),
    "local_minimum": Symptom(local_minimum.find),
    "edge_of_stability": Symptom(edge_of_stability.find),
    "precision_floor": Symptom(precision_floor.find),
    "unscaled_columns": Symptom(unscaled_columns.find, (*STEPS, *NOTHING)),
    "noise_floor": Symptom(noise_floor.find, ("budget_short", *NOTHING)),
    "overfitting": Symptom(overfitting.find, ("budget_short",)),
    "leaking_column": Symptom(leaking_column.find),
    "imbalance": Symptom(imbalance.find),
    "constant_columns": Symptom(constant_columns.find),
    "collinear_columns": Symptom(collinear_columns.find),
    "learned_nothing": Symptom(learned_nothing.find, NOTHING[1:]),
    "no_better_than_baseline": Symptom(no_better_than_baseline.find),
}
"""By name, which is the name that their findings bear."""
GRAVITY = ("error", "warning", "info")


def findings_of(case: Case) -> tuple[Finding, ...]:
    """What ails a run, gravest first; what another symptom explains is left out.

    Args:
        case: all that is known of it.
    """
    with np.errstate(all="ignore"):  # runs that blew up hold any number
        case = case.measured()
        found = {name: symptom.find(case) for name, symptom in SYMPTOMS.items()}
    told = {name: finding for name, finding in found.items() if finding is not None}
    hidden = {
        other
        for name, one in told.items()
        for other in SYMPTOMS[name].hides
        if other in told and _gravity(one) <= _gravity(told[other])
    }
    kept = [finding for name, finding in told.items() if name not in hidden]
    return tuple(sorted(kept, key=_gravity))


def _gravity(finding: Finding) -> int:
    return GRAVITY.index(finding.severity)
