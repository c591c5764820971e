"""Sources: what the loop reads its stretches from. A function has no rows."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import jax.numpy as jnp
import numpy as np

from steepest.core.ahead import Next
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

    step: int
    epoch: int
    samples: int


START = Mark(0, 0, 0)


class Epochs:
    """How a table's steps are counted.

    Args:
        n_rows: rows of the table.
        batch_size: rows a step.
        since: where it takes over from another source; its epochs count from there.

    >>> epochs = Epochs(5, 2, Mark(10, 3, 15))
    >>> epochs.place(14), epochs.step_at(5), epochs.samples_at(14)
    ((4, 1), 16, 22)
    """

    def __init__(self, n_rows: int, batch_size: int, since: Mark) -> None:
        self.n_rows, self.batch_size, self.since = n_rows, batch_size, since
        self.per_epoch = -(-n_rows // batch_size)

    def place(self, step: int) -> tuple[int, int]:
        """(epoch, batch within it) that a step stands for."""
        epochs, batch = divmod(step - self.since.step, self.per_epoch)
        return self.since.epoch + epochs, batch

    def step_at(self, epoch: int) -> int:
        """The step that an epoch begins with."""
        return self.since.step + (epoch - self.since.epoch) * self.per_epoch

    def samples_at(self, step: Any) -> Any:
        """Rows of data used before a step."""
        epochs, batch = divmod(step - self.since.step, self.per_epoch)
        return self.since.samples + epochs * self.n_rows + batch * self.batch_size

    def epoch_at(self, step: Any) -> Any:
        """Passes finished before a step."""
        return self.since.epoch + (step - self.since.step) // self.per_epoch


class PassSource(Epochs):
    """A table that the objective itself holds: each step is a pass over it.

    Args:
        n_rows: rows of the table.
        since: where it takes over from another source.
    """

    stochastic = False

    def __init__(self, n_rows: int, since: Mark = START) -> None:
        super().__init__(n_rows, n_rows, since)

    def stretch(self, epoch: int, batch: int, steps: int) -> Stretch:
        """A budget of steps."""
        del epoch, batch
        return Stretch(None, 0, steps, 1)


class SampleSource(Epochs):
    """Some rows of a table, all of them read in each step.

    As many steps as read the number of all rows count as a pass.

    Args:
        n_rows: rows of the table.
        sample: how many of them are read.
    """

    stochastic = False

    def __init__(self, n_rows: int, sample: int) -> None:
        super().__init__(n_rows, sample, START)

    def stretch(self, epoch: int, batch: int, steps: int) -> Stretch:
        """Steps up to the end of the pass."""
        del epoch
        return Stretch(None, batch, min(steps, self.per_epoch - batch), self.per_epoch)


class TableSource(Epochs):
    """A table cut into blocks, each put on the device once.

    Args:
        blocks: the rows, in the order of each epoch.
        since: where it takes over from another source.
    """

    def __init__(self, blocks: Blocks, since: Mark = START) -> None:
        super().__init__(blocks.n_rows, blocks.batch_size, since)
        self.blocks = blocks
        self.stochastic = not blocks.full
        self._block: tuple[int, Block, Any] | None = None
        self._next = Next(blocks.block)

    def stretch(self, epoch: int, batch: int, steps: int) -> Stretch:
        """Steps up to the end of the block that holds the position."""
        block, arrays = self._load(epoch, batch)
        left = block.first + block.n_batches - batch
        count = steps if self.blocks.full else min(steps, left)
        return Stretch(arrays, batch - block.first, count, self.per_epoch)

    def _load(self, epoch: int, batch: int) -> tuple[Block, Any]:
        if self._block is not None:
            held, block, arrays = self._block
            same = self.blocks.full or held == epoch
            if same and block.first <= batch < block.first + block.n_batches:
                return block, arrays
        block = self._next.take(epoch, batch)
        # put on the device here: the precision is this thread's
        arrays = Batch(*(jnp.asarray(array) for array in block.arrays))
        self._block = epoch, block, arrays
        if self.stochastic:
            after = block.first + block.n_batches
            last = after == self.per_epoch
            self._next.begin(epoch + last, 0 if last else after)
        return block, arrays
