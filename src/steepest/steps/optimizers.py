"""The table of optimizers. Each is a chain of Optax transformations.

To add one, add an entry: the conformance tests pick it up by themselves.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import optax

from steepest.core.errors import UsageError
from steepest.core.numbers import is_number
from steepest.core.suggest import did_you_mean
from steepest.steps.adgd import scale_by_adgd


class Hyper(NamedTuple):
    """A number an optimizer takes: its default and the interval [low, high)."""

    default: float
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True, eq=False)
class Optimizer:
    """One entry of the table.

    Args:
        name: what the user types.
        build: (learning_rate, **hyper) -> an Optax transformation. Called inside
            compiled code with traced numbers, so it must not branch on them.
        formula: the update, g the gradient, a the learning rate, x the params.
        reference: where it comes from.
        learning_rate: its usual rate; None for a rule that needs none.
        hyper: the other numbers it takes.
        full_gradient: whether it compares the gradients of successive steps, so that
            batches, which differ, would mislead it.
    """

    name: str
    build: Callable[..., optax.GradientTransformation]
    formula: str
    reference: str
    learning_rate: float | None = None
    hyper: Mapping[str, Hyper] = field(default_factory=lambda: MappingProxyType({}))
    full_gradient: bool = False

    def numbers(self, given: Mapping[str, Any]) -> dict[str, float]:
        """Defaults with the given numbers laid over them, each checked.

        Args:
            given: numbers by name; what is left out keeps its default.

        Raises:
            UsageError: a number the optimizer does not take, or out of range.

        >>> OPTIMIZERS["momentum"].numbers({"momentum": 0})
        {'momentum': 0.0}
        """
        for name in given:
            if name not in self.hyper:
                raise UsageError(f"{name}: {self._takes(name)}")
        numbers = {name: h.default for name, h in self.hyper.items()} | dict(given)
        for name, number in numbers.items():
            low, high = self.hyper[name].low, self.hyper[name].high
            if not (is_number(number) and low <= number < high):
                raise UsageError(
                    f"{name}={number!r}: must be a number in [{low:g}, {high:g})."
                )
        # One type for all, or a whole number would compile its own program.
        return {name: float(number) for name, number in numbers.items()}

    def _takes(self, name: str) -> str:
        if not self.hyper:
            return f"optimizer {self.name} takes no such option."
        return f"optimizer {self.name}: {did_you_mean(name, self.hyper)}"


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
        "Malitsky, Mishchenko 2020, arXiv 1910.09529, alg. 1",
        full_gradient=True,
    ),
)
OPTIMIZERS: Mapping[str, Optimizer] = MappingProxyType({e.name: e for e in _ENTRIES})


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
        if optimizer not in OPTIMIZERS:
            near = did_you_mean(optimizer, ("auto", *OPTIMIZERS))
            raise UsageError(f"optimizer={optimizer!r}: unknown. {near}")
        return OPTIMIZERS[optimizer]
    if isinstance(optimizer, optax.GradientTransformation):
        return _foreign(optimizer)
    raise UsageError(
        f"optimizer={optimizer!r}: must be a name ({', '.join(OPTIMIZERS)}) or an "
        "Optax GradientTransformation."
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
