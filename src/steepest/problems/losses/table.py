"""The table of losses.

A new loss is a function in one of the files beside this one and an entry here; the
conformance tests of tests/problems/test_losses.py then hold it to what all losses owe.
"""

from __future__ import annotations

import math

import jax
import numpy as np

from steepest.problems.losses import classification as classes
from steepest.problems.losses import embedding, regression
from steepest.problems.losses.base import Loss, Parameter, Rule, identity

_NUMBER = Rule("finite numbers", np.isfinite)
_COUNT = Rule(
    "counts >= 0. For values below zero use loss='squared'.", lambda t: t >= 0
)
_TWO = Rule(
    "classes 0 and 1. For more classes use loss='cross_entropy'.",
    lambda t: (t == 0) | (t == 1),
)
_CLASS = Rule(
    "whole class numbers from 0. For other numbers use loss='squared'.",
    lambda t: (t >= 0) & (t == np.floor(t)),
)
_SAME = Rule("1 (same) or 0 (not the same)", lambda t: (t == 0) | (t == 1))

_POSITIVE = Rule("a finite number > 0", lambda value: 0 < value < math.inf)
_SHARE = Rule("a number between 0 and 1, both left out", lambda value: 0 < value < 1)
_NOT_NEGATIVE = Rule("a finite number >= 0", lambda value: 0 <= value < math.inf)

_ENTRIES = (
    Loss(
        name="squared",
        fn=regression.squared,
        formula="(prediction - target)^2",
        tasks=("regression",),
        link=identity,
        target_rule=_NUMBER,
        scales_target=True,
        convex=True,
        reference="Legendre 1805",
    ),
    Loss(
        name="absolute",
        fn=regression.absolute,
        formula="|prediction - target|",
        tasks=("regression",),
        link=identity,
        target_rule=_NUMBER,
        scales_target=True,
        convex=True,
        reference="Boscovich 1757",
    ),
    Loss(
        name="huber",
        fn=regression.huber,
        formula="r^2 / 2 if r <= delta, else delta (r - delta / 2);"
        " r = |prediction - target|",
        tasks=("regression",),
        link=identity,
        target_rule=_NUMBER,
        scales_target=True,
        convex=True,
        parameter=Parameter("delta", 1.0, _POSITIVE),
        reference="Huber 1964",
    ),
    Loss(
        name="quantile",
        fn=regression.quantile,
        formula="max(q (target - prediction), (q - 1) (target - prediction))",
        tasks=("regression",),
        link=identity,
        target_rule=_NUMBER,
        scales_target=True,
        convex=True,
        parameter=Parameter("q", 0.5, _SHARE),
        reference="Koenker and Bassett 1978",
    ),
    Loss(
        name="poisson",
        fn=regression.poisson,
        formula="exp(prediction) - target - target (prediction - log target)",
        tasks=("regression",),
        link=regression.count_mean,
        target_rule=_COUNT,
        convex=True,
        reference="McCullagh and Nelder 1989",
    ),
    Loss(
        name="log",
        fn=classes.log,
        formula="log(1 + exp(-m)); m = prediction for class 1, -prediction for 0",
        tasks=("binary",),
        link=jax.nn.sigmoid,
        target_rule=_TWO,
        convex=True,
        reference="Hastie, Tibshirani, Friedman 2009",
    ),
    Loss(
        name="cross_entropy",
        fn=classes.cross_entropy,
        formula="-log softmax(prediction)[target]",
        tasks=("multiclass",),
        link=classes.softmax,
        target_rule=_CLASS,
        convex=True,
        reference="Bishop 2006",
    ),
    # The sigmoid of a hinge score ranks rows and is 0.5 on the border; it was never
    # fitted to be a calibrated probability.
    Loss(
        name="hinge",
        fn=classes.hinge,
        formula="max(0, 1 - m); m = prediction for class 1, -prediction for 0",
        tasks=("binary",),
        link=jax.nn.sigmoid,
        target_rule=_TWO,
        convex=True,
        reference="Cortes and Vapnik 1995",
    ),
    Loss(
        name="squared_hinge",
        fn=classes.squared_hinge,
        formula="max(0, 1 - m)^2; m = prediction for class 1, -prediction for 0",
        tasks=("binary",),
        link=jax.nn.sigmoid,
        target_rule=_TWO,
        convex=True,
        reference="Lee and Mangasarian 2001",
    ),
    Loss(
        name="focal",
        fn=classes.focal,
        formula="-(1 - P)^gamma log P; P = probability of the true class",
        tasks=("binary", "multiclass"),
        link=classes.probability,
        target_rule=_CLASS,
        parameter=Parameter("gamma", 2.0, _NOT_NEGATIVE),
        reference="Lin et al. 2017",
    ),
    Loss(
        name="contrastive",
        fn=embedding.contrastive,
        formula="d^2 / 2 if same, else max(0, margin - d)^2 / 2; d = |a - b|",
        tasks=("embedding",),
        link=embedding.unit,
        target_rule=_SAME,
        parameter=Parameter("margin", 1.0, _POSITIVE),
        reference="Hadsell, Chopra, LeCun 2006",
    ),
    Loss(
        name="triplet",
        fn=embedding.triplet,
        formula="max(0, |anchor - positive|^2 - |anchor - negative|^2 + margin)",
        tasks=("embedding",),
        link=embedding.unit,
        parameter=Parameter("margin", 0.2, _POSITIVE),
        reference="Schroff, Kalenichenko, Philbin 2015",
    ),
)
LOSSES: dict[str, Loss] = {loss.name: loss for loss in _ENTRIES}
