"""The table of optimizers. Each is a chain of Optax transformations.

To add one, add an entry: the conformance tests pick it up by themselves.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import optax

from steepest.core.errors import UsageError
from steepest.core.suggest import did_you_mean
from steepest.steps.adgd import scale_by_adgd
from steepest.steps.backtracking import backtracking
from steepest.steps.bb import scale_by_bb
from steepest.steps.bfgs import QUASI_NEWTON
from steepest.steps.entry import Hyper, Optimizer
from steepest.steps.free import FREE


def _gd(learning_rate: Any) -> optax.GradientTransformation:
    return optax.scale_by_learning_rate(learning_rate)


def _momentum(learning_rate: Any, momentum: Any) -> optax.GradientTransformation:
    # The rate goes in before the trace, so that a schedule does not rescale the past.
    return optax.chain(
        optax.scale_by_learning_rate(learning_rate), optax.trace(decay=momentum)
    )


def _nesterov(learning_rate: Any, momentum: Any) -> optax.GradientTransformation:
    return optax.chain(
        optax.scale_by_learning_rate(learning_rate),
        optax.trace(decay=momentum, nesterov=True),
    )


def _adagrad(learning_rate: Any, eps: Any) -> optax.GradientTransformation:
    return optax.chain(
        optax.scale_by_rss(initial_accumulator_value=0.0, eps=eps),
        optax.scale_by_learning_rate(learning_rate),
    )


def _rmsprop(learning_rate: Any, decay: Any, eps: Any) -> optax.GradientTransformation:
    return optax.chain(
        optax.scale_by_rms(decay=decay, eps=eps, eps_in_sqrt=False),
        optax.scale_by_learning_rate(learning_rate),
    )


def _adam(learning_rate: Any, **hyper: Any) -> optax.GradientTransformation:
    return optax.adam(learning_rate, **hyper)


def _adamw(learning_rate: Any, **hyper: Any) -> optax.GradientTransformation:
    return optax.adamw(learning_rate, **hyper)


def _adgd(learning_rate: Any) -> optax.GradientTransformation:
    del learning_rate  # the rule finds its own
    return scale_by_adgd()


def _bb(learning_rate: Any) -> optax.GradientTransformation:
    del learning_rate  # the rule finds its own
    return scale_by_bb()


_MOMENTUM = MappingProxyType({"momentum": Hyper(0.9)})
_ADAM = {"b1": Hyper(0.9), "b2": Hyper(0.999), "eps": Hyper(1e-8)}

_ENTRIES = (
    Optimizer("gd", _gd, "x <- x - a g", "Cauchy 1847, C. R. Acad. Sci. 25:536", 0.01),
    Optimizer(
        "momentum",
        _momentum,
        "v <- momentum v - a g;  x <- x + v",
        "Polyak 1964, USSR Comput. Math. 4(5):1, eq. 9 (heavy ball)",
        0.01,
        _MOMENTUM,
    ),
    Optimizer(
        "nesterov",
        _nesterov,
        "v <- momentum v - a g;  x <- x + momentum v - a g",
        "Nesterov 1983, Dokl. 27(2):372; form of Sutskever et al. 2013, sec. 2",
        0.01,
        _MOMENTUM,
    ),
    Optimizer(
        "adagrad",
        _adagrad,
        "s <- s + g^2;  x <- x - a g / sqrt(s + eps)",
        "Duchi, Hazan, Singer 2011, JMLR 12:2121, fig. 1",
        0.1,
        MappingProxyType({"eps": Hyper(1e-10)}),
    ),
    Optimizer(
        "rmsprop",
        _rmsprop,
        "s <- decay s + (1 - decay) g^2;  x <- x - a g / (sqrt(s) + eps)",
        "Tieleman, Hinton 2012, Coursera Neural Networks, lecture 6e",
        0.01,
        MappingProxyType({"decay": Hyper(0.9), "eps": Hyper(1e-8)}),
    ),
    Optimizer(
        "adam",
        _adam,
        "m <- b1 m + (1 - b1) g;  s <- b2 s + (1 - b2) g^2;  "
        "x <- x - a (m / (1 - b1^t)) / (sqrt(s / (1 - b2^t)) + eps)",
        "Kingma, Ba 2015, arXiv 1412.6980, alg. 1",
        0.01,
        MappingProxyType(_ADAM),
    ),
    Optimizer(
        "adamw",
        _adamw,
        "adam's step - a weight_decay x",
        "Loshchilov, Hutter 2019, arXiv 1711.05101, alg. 2",
        0.01,
        MappingProxyType({**_ADAM, "weight_decay": Hyper(0.01, 0.0, 10.0)}),
    ),
    Optimizer(
        "adgd",
        _adgd,
        "L = |g - g'| / |x - x'|;  a <- min(sqrt(1 + r) a, 1 / (2 L));  x <- x - a g",
        "Malitsky, Mishchenko 2020, arXiv 1910.09529, alg. 1; "
        "guarded as by Grippo, Lampariello, Lucidi 1986, SIAM J. Numer. Anal. 23:707",
        full_gradient=True,
        searches=True,
    ),
    Optimizer(
        "bb",
        _bb,
        "s = x - x';  y = g - g';  long = s s / s y;  short = s y / y y;  "
        "a <- the least of the last 5 short if short < 0.8 long, else long;  "
        "x <- x - a g",
        "Barzilai, Borwein 1988, IMA J. Numer. Anal. 8:141; "
        "guarded as by Grippo, Lampariello, Lucidi 1986, SIAM J. Numer. Anal. 23:707",
        full_gradient=True,
        searches=True,
    ),
    *QUASI_NEWTON,
    *FREE,
)
OPTIMIZERS: Mapping[str, Optimizer] = MappingProxyType({e.name: e for e in _ENTRIES})


def _by_kernels(learning_rate: Any) -> optax.GradientTransformation:
    del learning_rate
    raise UsageError(_LINEAR_ALONE)


_LINEAR_ALONE = (
    "optimizer='normalized': updates linear models row by row, in fit with "
    "model='linear' and in DescentClassifier and DescentRegressor. Elsewhere use adam."
)
LINEAR_OPTIMIZERS: Mapping[str, Optimizer] = MappingProxyType(
    {
        "normalized": Optimizer(
            "normalized",
            _by_kernels,
            "linear models, per row: N_j <- max |x_j|;  s_j <- s_j + (g x_j)^2;  "
            "x goes along x_j / (N_j sqrt(s_j)) as in endless small steps of sum a",
            "Ross, Mineiro, Langford 2013, UAI, alg. 2; "
            "Karampatziakis, Langford 2011, UAI, table 1",
            0.5,
        )
    }
)
"""Rules of linear models alone, which live in their kernels: no Optax transformation
can see rows. They need no scaled columns, and no rate makes them blow up."""


def get_optimizer(optimizer: Any) -> Optimizer:
    """The entry of a name, or an Optax transformation dressed as one.

    Args:
        optimizer: a name of OPTIMIZERS, an Optimizer, or a transformation.

    Raises:
        UsageError: an unknown name, or a thing that is no transformation.

    >>> get_optimizer("adam").learning_rate
    0.01
    """
    if isinstance(optimizer, Optimizer):
        return optimizer
    if isinstance(optimizer, str):
        if optimizer in LINEAR_OPTIMIZERS:
            raise UsageError(_LINEAR_ALONE)
        if optimizer not in OPTIMIZERS:
            near = did_you_mean(optimizer, ("auto", *OPTIMIZERS, *LINEAR_OPTIMIZERS))
            raise UsageError(f"optimizer={optimizer!r}: unknown. {near}")
        return OPTIMIZERS[optimizer]
    if isinstance(optimizer, optax.GradientTransformation):
        return _foreign(optimizer)
    raise UsageError(
        f"optimizer={optimizer!r}: must be a name ({', '.join(OPTIMIZERS)}) or an "
        "Optax GradientTransformation."
    )


BACKTRACKING = "backtracking"
"""Given as the learning rate: it is found by trying."""
BACKTRACKED = ("gd", "momentum", "nesterov")
"""Rules that it works with: their steps are in proportion to the rate, and without
velocity they lead downhill."""


def with_backtracking(entry: Optimizer) -> Optimizer:
    """The entry of the same rule with its rate found by trying.

    Args:
        entry: one of BACKTRACKED.

    Raises:
        UsageError: another one.

    >>> with_backtracking(get_optimizer("gd")).searches
    True
    """
    if entry not in [OPTIMIZERS[name] for name in BACKTRACKED]:
        raise UsageError(
            f"learning_rate={BACKTRACKING!r}: works with {', '.join(BACKTRACKED)}, not "
            f"with {entry.name}. Give a number > 0, or leave it out."
        )
    return _backtracked(entry)


@functools.cache
def _backtracked(entry: Optimizer) -> Optimizer:
    # The same entry every time: the compile cache goes by identity.
    def build(learning_rate: Any, **hyper: Any) -> optax.GradientTransformation:
        del learning_rate  # found by trying
        return backtracking(functools.partial(entry.build, **hyper))

    return dataclasses.replace(
        entry,
        build=build,
        formula=f"{entry.formula};  a <- 1.05 a after a step that descends (2 a up "
        "to the first that does not), a / 2 after one that does not",
        reference=f"{entry.reference}; Armijo 1966, Pacific J. Math. 16:1",
        learning_rate=None,
        full_gradient=True,
        searches=True,
    )


@functools.lru_cache(maxsize=128)
def _foreign(transformation: optax.GradientTransformation) -> Optimizer:
    # The same entry for the same transformation: the compile cache goes by identity.
    return Optimizer(
        "optax",
        lambda learning_rate: transformation,  # noqa: ARG005  its own rate
        "as given",
        "user's Optax transformation",
    )
