"""What a module is called with: how many rows, and whether they are the same again."""

from __future__ import annotations

import weakref
from typing import Any, NamedTuple

from steepest.torch import library


class _Input(NamedTuple):
    """A tensor that the module was called with."""

    ref: Any
    """A weak reference to it: what is seen is not kept alive."""
    version: int
    """How often it had been written to."""
    rows: int


class Inputs:
    """Sees the inputs of a module between two steps.

    Args:
        model: the module.
    """

    def __init__(self, model: Any) -> None:
        torch = library.torch()
        drops = torch.nn.modules.dropout._DropoutNd  # noqa: SLF001  base of them all
        self._random = any(isinstance(m, drops) and m.p > 0 for m in model.modules())
        self._tensor = torch.Tensor
        self._now: list[_Input] = []
        self._before: list[_Input] = []

    def see(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A forward pass begins."""
        if not module.training:
            return
        given = (one for one in (*args, *kwargs.values()))
        tensor = next((one for one in given if isinstance(one, self._tensor)), None)
        if tensor is None:
            return
        version = 0 if tensor.is_inference() else tensor._version  # noqa: SLF001
        if not (self._now and self._now[-1].ref() is tensor):
            rows = len(tensor) if tensor.ndim else 0
            self._now.append(_Input(weakref.ref(tensor), version, rows))

    def same(self) -> bool:
        """Whether this step sees the one input that the step before saw."""
        if self._random or len(self._now) != 1 or len(self._before) != 1:
            return False
        now, before = self._now[0], self._before[0]
        lives = now.ref() is not None
        return lives and now.ref() is before.ref() and now.version == before.version

    def next(self) -> int:
        """A step was made; how many rows it saw."""
        self._before, self._now = self._now, []
        return sum(one.rows for one in self._before)
