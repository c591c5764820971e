"""Encoded rows on disk: decoded once, then read by a memory map again and again."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

from steepest.core.errors import DataError
from steepest.core.mapped import mapped

Array = np.ndarray[Any, Any]


class Shelf:
    """Rows of one kind (to train on, to validate on) as they are written and read.

    Dense rows lie one after another in float32; of sparse ones the values, the columns
    they belong to, and where each row ends.

    Args:
        folder: to write in.
        name: of the files.
        width: columns.
        sparse: whether rows are.
        dtype: of the target.
    """

    def __init__(
        self, folder: Path, name: str, width: int, *, sparse: bool, dtype: Any
    ) -> None:
        kinds: dict[str, Any] = {"values": np.float32, "target": dtype}
        kinds |= {"given": np.float64, "weight": np.float32}
        if sparse:
            kinds |= {"columns": np.int32, "ends": np.int64}
        self.width, self.sparse = width, sparse
        self.kinds = {part: np.dtype(kind) for part, kind in kinds.items()}
        self.paths = {part: folder / f"{name}-{part}.bin" for part in kinds}
        self.n_rows = self.n_values = 0

    def open(self, stack: contextlib.ExitStack) -> None:
        """Begin the files anew."""
        self._files = {
            part: stack.enter_context(path.open("wb"))
            for part, path in self.paths.items()
        }
        if self.sparse:
            self._put("ends", np.zeros(1))

    def add(self, rows: Any, target: Array, weight: Array | None) -> None:
        """Write some rows.

        Args:
            rows: (m, d) float32, or sparse rows.
            target: (m,).
            weight: (m,) as given, or None where all weigh the same.
        """
        if self.sparse:
            self._put("values", rows.data)
            self._put("columns", rows.indices)
            self._put("ends", self.n_values + rows.indptr[1:].astype(np.int64))
            self.n_values += rows.nnz
        else:
            self._put("values", rows)
            self.n_values += rows.size
        self._put("target", target)
        if weight is not None:
            self._put("given", weight)
        self.n_rows += len(target)

    def weigh(self, weight: Array) -> None:
        """Write what the next rows count, after all rows have been written.

        Args:
            weight: (m,) of mean 1 over all rows.
        """
        with self.paths["weight"].open("ab") as file:
            file.write(np.ascontiguousarray(weight, np.float32).data)

    def _put(self, part: str, values: Array) -> None:
        self._files[part].write(
            np.ascontiguousarray(values, self.kinds[part]).data.cast("B")
            if values.size
            else b""
        )

    def read(self, part: str, count: int) -> Array:
        """The values of a file, mapped."""
        return mapped(self.paths[part], self.kinds[part], (count,))

    def check(self) -> None:
        """Refuse files that are not there whole.

        Raises:
            DataError: one is absent, or of another size than its rows take.
        """
        counts = {"values": self.n_values, "target": self.n_rows}
        if self.sparse:
            counts |= {"columns": self.n_values, "ends": self.n_rows + 1}
        for part, path in self.paths.items():
            size = self.kinds[part].itemsize
            sizes = {counts[part]} if part in counts else {0, self.n_rows}
            if not path.exists() or path.stat().st_size not in {
                n * size for n in sizes
            }:
                raise DataError(f"{path}: damaged, it does not hold all rows.")

    @property
    def inputs(self) -> Any:
        """(n, d) the rows, mapped; sparse ones as a csr_array."""
        values = self.read("values", self.n_values)
        if not self.sparse:
            return values.reshape(self.n_rows, self.width)
        ends = self.read("ends", self.n_rows + 1)
        columns = self.read("columns", self.n_values)
        rows = scipy.sparse.csr_array((self.n_rows, self.width), dtype=np.float32)
        # given to the constructor, they would be copied to be of one kind
        rows.data, rows.indices, rows.indptr = values, columns, ends
        return rows

    @property
    def target(self) -> Array:
        """(n,) the targets, mapped."""
        return self.read("target", self.n_rows)

    @property
    def given(self) -> Array | None:
        """(n,) weights as given, mapped; None where there are none."""
        written = self.paths["given"].stat().st_size
        return self.read("given", self.n_rows) if written else None

    @property
    def weight(self) -> Array | None:
        """(n,) how much each row counts, mapped; None where all count the same."""
        written = self.paths["weight"].stat().st_size
        return self.read("weight", self.n_rows) if written else None

    @property
    def n_bytes(self) -> int:
        """What the files take."""
        return sum(path.stat().st_size for path in self.paths.values())
