"""Sources: what the loop reads its stretches from. A function has no rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax.numpy as jnp
import numpy as np

from steepest.data.blocks import Block, Blocks
from steepest.problems.objectives import Batch

ENDLESS = 2**31 - 1
"""Steps in an epoch of a source that has none."""


class Stretch(NamedTuple):
    """A piece of work for the engine: some steps and the batches they use."""

    batches: Any
    """None, or a tree of arrays with a leading axis of batches."""
    first: int
    """Index in `batches` of the first step's batch."""
    steps: int
    """Steps to make."""
    per_epoch: int
    """Steps that make a pass over the data."""


class Source(Protocol):
    """Gives stretches; owns the order of the rows, not the parameters."""

    stochastic: bool
    """Whether batches differ from step to step."""

    def stretch(self, epoch: int, batch: int, steps: int) -> Stretch:
        """At most `steps` steps from a position on."""
        ...

    def place(self, step: int) -> tuple[int, int]:
        """(epoch, batch within it) that a step stands for."""
        ...

    def step_at(self, epoch: int) -> int:
        """The step that an epoch begins with."""
        ...

    def samples_at(self, step: Any) -> Any:
        """Rows of data used before a step."""
        ...

    def epoch_at(self, step: Any) -> Any:
        """Passes finished before a step."""
        ...


class FunctionSource:
    """A function: every stretch is just a number of steps.

    >>> FunctionSource().stretch(0, 0, 100).steps
    100
    """

    stochastic = False

    def place(self, step: int) -> tuple[int, int]:
        """Everything is in epoch 0."""
        return 0, step

    def step_at(self, epoch: int) -> int:
        """No step begins another epoch."""
        return ENDLESS if epoch else 0

    def stretch(self, epoch: int, batch: int, steps: int) -> Stretch:
        """A budget of steps."""
        del epoch, batch
        return Stretch(None, 0, steps, ENDLESS)

    def samples_at(self, step: Any) -> Any:
        """No rows."""
        return np.zeros_like(step)

    epoch_at = samples_at


class Mark(NamedTuple):
    """Where in a run a source takes over."""

    step: int = 0
    epoch: int = 0
    samples: int = 0


class TableSource:
    """A table cut into blocks, each put on the device once.

    Args:
        blocks: the rows, in the order of each epoch.
        since: where it takes over from another source; its epochs count from there.
        put: what makes an array of a block ready for the engine.
    """

    def __init__(
        self,
        blocks: Blocks,
        since: Mark = Mark(),  # noqa: B008  frozen
        put: Callable[[Any], Any] = jnp.asarray,
    ) -> None:
        self.blocks, self.since, self.put = blocks, since, put
        self.stochastic = not blocks.full
        self._block: tuple[tuple[int, int], Block, Any] | None = None

    def stretch(self, epoch: int, batch: int, steps: int) -> Stretch:
        """Steps up to the end of the block that holds the position."""
        block, arrays = self._load(epoch, batch)
        left = block.first + block.n_batches - batch
        count = steps if self.blocks.full else min(steps, left)
        per_epoch = self.blocks.batches_per_epoch
        return Stretch(arrays, batch - block.first, count, per_epoch)

    def place(self, step: int) -> tuple[int, int]:
        """(epoch, batch within it) that a step stands for."""
        epochs, batch = divmod(step - self.since.step, self.blocks.batches_per_epoch)
        return self.since.epoch + epochs, batch

    def step_at(self, epoch: int) -> int:
        """The step that an epoch begins with."""
        epochs = epoch - self.since.epoch
        return self.since.step + epochs * self.blocks.batches_per_epoch

    def samples_at(self, step: Any) -> Any:
        """Rows of data used before a step."""
        return self.since.samples + self.blocks.samples_at(step - self.since.step)

    def epoch_at(self, step: Any) -> Any:
        """Passes finished before a step."""
        epochs = (step - self.since.step) // self.blocks.batches_per_epoch
        return self.since.epoch + epochs

    def _load(self, epoch: int, batch: int) -> tuple[Block, Any]:
        if self._block is not None:
            (held, first), block, arrays = self._block
            same = self.blocks.full or held == epoch
            if same and first <= batch < first + block.n_batches:
                return block, arrays
        block = self.blocks.block(epoch, batch)
        arrays = Batch(*(self.put(array) for array in block.arrays))
        self._block = ((epoch, block.first), block, arrays)
        return block, arrays
