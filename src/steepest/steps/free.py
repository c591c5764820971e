"""Rules of Optax that find their rate, or most of it, by themselves."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import jax.numpy as jnp
import optax
from optax import contrib

from steepest.core import tree
from steepest.steps.entry import Hyper, Optimizer
from steepest.steps.reported import reported

TINY = 1e-36
"""Keeps squares that underflow from being divided by. No larger than that: a rule that
promises not to mind the scale of the function must not bring a scale of its own."""


def _dog(learning_rate: Any, first_distance: Any) -> optax.GradientTransformation:
    del learning_rate  # the rule finds its own
    # Optax calls "heuristic" a first distance relative to 1 + |x0|.
    rule = contrib.dog(init_step=("heuristic", first_distance), eps=TINY)

    def rate_of(old: Any, new: Any, updates: Any) -> Any:
        del old, updates
        far, squares = _kept(new, "max_dist"), _kept(new, "sum_sq_norm_grads")
        return far / jnp.sqrt(squares + TINY)

    return reported(rule, rate_of)


def _dowg(learning_rate: Any, first_distance: Any) -> optax.GradientTransformation:
    del learning_rate  # the rule finds its own
    rule = contrib.dowg(init_estim_sq_dist=first_distance**2, eps=TINY)

    def rate_of(old: Any, new: Any, updates: Any) -> Any:
        del old, updates
        far, squares = _kept(new, "estim_sq_dist"), _kept(new, "weighted_sq_norm_grads")
        return far / (jnp.sqrt(squares) + TINY)

    return reported(rule, rate_of)


def _prodigy(
    learning_rate: Any, first_distance: Any, b1: Any, b2: Any, eps: Any
) -> optax.GradientTransformation:
    del learning_rate  # the rule finds its own
    rule = contrib.prodigy(betas=(b1, b2), eps=eps, estim_lr0=first_distance)
    # The estimate before the update is the rate of Adam in it.
    return reported(rule, lambda old, new, updates: old.estim_lr)  # noqa: ARG005


def _momo(
    learning_rate: Any, b1: Any, lower_bound: Any
) -> optax.GradientTransformation:
    rule = contrib.momo(learning_rate, beta=b1, lower_bound=lower_bound)

    def rate_of(old: Any, new: Any, updates: Any) -> Any:
        del old
        # The updates are -rate m, and Optax keeps m alone.
        mean = tree.norm(new.exp_avg)
        return jnp.where(mean > 0, tree.norm(updates) / mean, 0.0)

    return reported(rule, rate_of)


def _schedule_free(
    learning_rate: Any, b1: Any, b2: Any, eps: Any
) -> optax.GradientTransformation:
    # Adam's step rather than the gradient's: its rate is a length, which fits most
    # functions, while that of the gradient must be found anew for each.
    rule = contrib.schedule_free_adamw(learning_rate, b1=b1, b2=b2, eps=eps)
    return reported(rule, lambda old, new, updates: learning_rate)  # noqa: ARG005


def _averaged(opt_state: Any, params: Any) -> Any:
    """The mean x of schedule_free, from the y that it differentiates at."""
    return contrib.schedule_free_eval_params(opt_state.inner, params)


def _kept(state: Any, name: str) -> Any:
    return optax.tree.get(state, name)


_ADAM = {"b1": Hyper(0.9), "b2": Hyper(0.999), "eps": Hyper(1e-8)}

FREE = (
    Optimizer(
        "dog",
        _dog,
        "r <- max(r, |x - x0|), at first first_distance (1 + |x0|);  s <- s + |g|^2;  "
        "x <- x - r / sqrt(s) g",
        "Ivgi, Hinder, Carmon 2023, arXiv 2302.12022",
        hyper=MappingProxyType({"first_distance": Hyper(1e-6, 1e-12)}),
    ),
    Optimizer(
        "dowg",
        _dowg,
        "r <- max(r, |x - x0|), at first first_distance;  s <- s + r^2 |g|^2;  "
        "x <- x - r^2 / sqrt(s) g",
        "Khaled, Mishchenko, Jin 2023, arXiv 2305.16284, alg. 1",
        hyper=MappingProxyType({"first_distance": Hyper(0.01, 1e-12, 1e6)}),
    ),
    Optimizer(
        "prodigy",
        _prodigy,
        "d first_distance at first;  c = d sqrt(1 - b2^t) / (1 - b1^t);  "
        "m <- b1 m + (1 - b1) d g;  s <- b2 s + (1 - b2) d^2 g^2;  "
        "p <- sqrt(b2) p + d c g (x0 - x);  q <- sqrt(b2) q + d c g;  "
        "d <- max(d, p / |q|_1);  x <- x - c m / (sqrt(s) + d eps)",
        "Mishchenko, Defazio 2024, arXiv 2306.06101; Adam version, with c for d",
        hyper=MappingProxyType({"first_distance": Hyper(1e-6, 1e-12, 1e6), **_ADAM}),
    ),
    Optimizer(
        "momo",
        _momo,
        "m, f', c: means with memory b1 of g, f(x), g x;  "
        "x <- x - min(a, (f' - c + m x - lower_bound)+ / |m|^2) m",
        "Schaipp et al. 2024, arXiv 2305.07583, alg. 1",
        1.0,
        MappingProxyType({"b1": Hyper(0.9), "lower_bound": Hyper(0.0, -1e30, 1e30)}),
    ),
    Optimizer(
        "schedule_free",
        _schedule_free,
        "g at y = (1 - b1) z + b1 x;  s <- b2 s + (1 - b2) g^2;  "
        "z <- z - a g / (sqrt(s / (1 - b2^t)) + eps);  "
        "x <- x + (a^2 / sum of a^2) (z - x)",
        "Defazio et al. 2024, arXiv 2405.15682, alg. 1",
        0.1,
        # b1 not 0: Optax gets x back from y and z by dividing by it.
        MappingProxyType({**_ADAM, "b1": Hyper(0.9, 0.01)}),
        projects=False,
        settled=_averaged,
    ),
)
