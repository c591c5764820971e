"""Gradients and params of a whole module, each as one row of numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from steepest.torch import library

BEFORE, AFTER = 2, 3
"""The rows of the params around a step; the first two are gradients, in turns."""


class Flat:
    """Looks at gradients, params and steps; four copies of the params are kept.

    Args:
        named: (name, parameter) of those that are trained.
        wide: whether NumPy does the sums, as it can on a CPU; None finds out.
    """

    def __init__(
        self, named: Sequence[tuple[str, Any]], *, wide: bool | None = None
    ) -> None:
        torch = library.torch()
        self._params = [parameter.detach() for _, parameter in named]
        self._sources = [parameter for _, parameter in named]
        sizes = [parameter.numel() for parameter in self._params]
        ends = np.cumsum([0, *sizes]).tolist()
        long = any(p.dtype == torch.float64 for p in self._params)
        device = self._params[0].device
        rows = torch.zeros(
            (4, ends[-1]), dtype=torch.float64 if long else torch.float32, device=device
        )
        spans = [slice(a, b) for a, b in itertools.pairwise(ends)]
        self._views = [
            [
                row[span].view(p.shape)
                for span, p in zip(spans, self._params, strict=True)
            ]
            for row in rows
        ]
        matrices = [k for k, p in enumerate(self._params) if p.ndim >= 2]
        self.names = tuple(named[k][0] for k in matrices)
        self._by_numpy = device.type == "cpu" if wide is None else wide
        self._rows = list(rows.numpy() if self._by_numpy else rows)
        self._parts = [[row[spans[k]] for k in matrices] for row in self._rows]
        self._copy_all = torch._foreach_copy_
        self._now, self._step, self._norm = 0, -2, math.nan
        self._layers: dict[str, list[float]] = {}
        self._looks = True

    def grads(
        self, step: int, scale: float = 1.0, *, layers: bool = True
    ) -> tuple[float, float, float]:
        """What the gradients tell before a step.

        Args:
            step: updates made before it.
            scale: what they are to be multiplied by.
            layers: whether the weight matrices are looked at one by one, too.

        Returns:
            (square of the gradient, its scalar product with that of the step before,
            square of that one); nan where it was not looked at.
        """
        self._now, self._looks = 1 - self._now, layers
        known, before = self._step == step - 1, self._norm
        self._copy(self._now, [p.grad for p in self._sources])
        if scale != 1.0:
            self._rows[self._now] *= scale
        pairs = [(self._rows[0], self._rows[1])] if known else []
        self._norm, found = self._squares(self._now, "grad", pairs)
        self._step = step
        if not known:
            return self._norm, math.nan, math.nan
        return self._norm, found[0], before

    def params(self) -> float:
        """The square of the params, which are kept until the step is made."""
        self._copy(BEFORE, self._params)
        return self._squares(BEFORE, "params")[0]

    def update(self) -> tuple[float, list[list[float]] | None]:
        """(square of the step that was made, (3, L) the squares of each matrix)."""
        self._copy(AFTER, self._params)
        self._rows[AFTER] -= self._rows[BEFORE]
        square = self._squares(AFTER, "update")[0]
        if not self._looks:
            return square, None
        return square, [self._layers[name] for name in ("grad", "update", "params")]

    def _copy(self, row: int, tensors: list[Any]) -> None:
        if not any(one is None or one.is_sparse for one in tensors):
            self._copy_all(self._views[row], tensors)
            return
        for kept, tensor in zip(self._views[row], tensors, strict=True):
            if tensor is None:
                kept.zero_()
            else:
                kept.copy_(tensor.to_dense() if tensor.is_sparse else tensor)

    def _squares(
        self, row: int, name: str, more: Sequence[tuple[Any, Any]] = ()
    ) -> tuple[float, list[float]]:
        """The square of a row, and further products; those of its parts are kept."""
        parts = self._parts[row] if self._looks else []
        pairs = [(self._rows[row],) * 2, *zip(parts, parts, strict=True), *more]
        square, *found = self._products(pairs)
        self._layers[name] = found[: len(parts)]
        return square, found[len(parts) :]

    def _products(self, pairs: Sequence[tuple[Any, Any]]) -> list[float]:
        if self._by_numpy:
            with np.errstate(all="ignore"):
                return [_product(a, b) for a, b in pairs]
        torch = library.torch()
        # one look at the device for all of them
        return torch.stack([torch.dot(a, b) for a, b in pairs]).double().tolist()


def _product(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> float:
    """The scalar product; where float32 has no room for it, in float64.

    >>> 0 < _product(np.full(1, 1e-30, np.float32), np.full(1, 1e-30, np.float32))
    True
    """
    found = float(a.dot(b))
    if found == 0.0 or not math.isfinite(found):
        found = float(a.astype(np.float64).dot(b.astype(np.float64)))
    return found
