"""What is differentiated: seen where every backward of torch passes by.

Two functions of torch are replaced while something is watched, and put back after:
torch.autograd.backward, through which loss.backward() goes, and GradScaler.scale, which
multiplies a loss before.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from steepest.torch import library

LOSS = "_steepest_loss"
"""What a loss that was multiplied remembers the loss itself as."""


class Watcher(Protocol):
    """Who wants to know what was differentiated."""

    def before_backward(self) -> None:
        """Something will be differentiated."""

    def after_backward(self, roots: list[tuple[Any, Any]]) -> None:
        """It was: (tensor, its weight or None) for each of them."""


class _Place(NamedTuple):
    """Where a function was replaced."""

    owner: Any
    name: str
    was: Callable[..., Any]
    ours: Callable[..., Any]


_watchers: list[Watcher] = []
_places: list[_Place] = []
_inside = [0]
"""How deep the calls of backward are nested: checkpoints differentiate on the way."""


def begin(watcher: Watcher) -> None:
    """Tell a watcher from now on.

    Args:
        watcher: who is told.
    """
    torch = library.torch()
    _watchers.append(watcher)
    if not _places:
        _replace(torch.autograd, "backward", _backward)
        _replace(torch.amp.GradScaler, "scale", _scale)


def end(watcher: Watcher) -> None:
    """Tell it no more; the last one leaves torch as it was.

    Args:
        watcher: who was told.
    """
    if watcher in _watchers:
        _watchers.remove(watcher)
    if _watchers:
        return
    for owner, name, was, ours in _places:
        if getattr(owner, name) is ours:  # else another program has wrapped it
            setattr(owner, name, was)
    _places.clear()


def value_of(roots: list[tuple[Any, Any]]) -> float:
    """The number that was differentiated.

    Args:
        roots: (tensor, its weight or None) for each part of the sum.
    """
    parts = [
        root if weight is None else (root * weight).sum() for root, weight in roots
    ]
    return math.fsum(map(float, parts)) if parts else math.nan


def _replace(owner: Any, name: str, made: Callable[..., Callable[..., Any]]) -> None:
    was = getattr(owner, name)
    _places.append(_Place(owner, name, was, ours := functools.wraps(was)(made(was))))
    setattr(owner, name, ours)


def _backward(was: Callable[..., Any]) -> Callable[..., Any]:
    def backward(
        tensors: Any, grad_tensors: Any = None, *rest: Any, **more: Any
    ) -> Any:
        if _inside[0]:
            return was(tensors, grad_tensors, *rest, **more)
        told = tuple(_watchers)
        for watcher in told:
            watcher.before_backward()
        _inside[0] += 1
        try:
            done = was(tensors, grad_tensors, *rest, **more)
        finally:
            _inside[0] -= 1
        roots = _roots(tensors, grad_tensors) if told else []
        for watcher in told:
            watcher.after_backward(roots)
        return done

    return backward


def _roots(tensors: Any, weights: Any) -> list[tuple[Any, Any]]:
    """(tensor, weight) of all that was differentiated."""
    roots = list(tensors) if isinstance(tensors, list | tuple) else [tensors]
    weights = list(weights) if isinstance(weights, list | tuple) else [weights]
    weights += [None] * (len(roots) - len(weights))
    return [
        (getattr(root, LOSS, root).detach(), weight)
        for root, weight in zip(roots, weights, strict=False)
        if hasattr(root, "detach")
    ]


def _scale(was: Callable[..., Any]) -> Callable[..., Any]:
    def scale(scaler: Any, outputs: Any) -> Any:
        scaled = was(scaler, outputs)
        if hasattr(scaled, "detach") and scaled is not outputs:
            setattr(scaled, LOSS, outputs.detach())
        return scaled

    return scale
