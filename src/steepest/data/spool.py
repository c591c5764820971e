"""Batches that can be read only once, written down as Arrow."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from steepest.core.errors import DataError
from steepest.data.alike import as_like, common, without_dictionaries
from steepest.data.files import refuse_twice
from steepest.data.reading import batch_table
from steepest.data.sparse_rows import sparse_width

BATCH_ROWS = 1 << 18
"""Rows that are written together at most: a larger batch is cut."""


class Spooled(NamedTuple):
    """An Arrow file of some batches."""

    path: Path
    schema: pa.Schema
    numbers: list[int]
    """of the batch that each part of the file comes from, the first is 1"""


@contextlib.contextmanager
def kept_in(folder: Path) -> Iterator[None]:
    """Say what is to be done where a folder does not take what is written.

    Args:
        folder: the folder.

    Raises:
        DataError: it is full, or cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{folder}: rows cannot be kept there ({error.strerror or error}). Name "
            "another folder by cache=."
        ) from error


def spool_batches(
    batches: Iterable[Any], folder: Path, stem: str, *, target: str = "target"
) -> Spool:
    """Write batches down, one after another.

    Where a batch needs wider types than those before it, another file begins.

    Args:
        batches: tables of any kind `read_table` takes, or pairs (X, y).
        folder: to write in.
        stem: what the names of the files begin with.
        target: what y is called.

    Returns:
        The files: the last one has the types of all.

    Raises:
        DataError: a batch that is no table, or differs from the first; no rows at all.
    """
    spool = Spool(folder, stem)
    try:
        for number, batch in enumerate(batches, 1):
            spool.pairs = spool.pairs or _is_pair(batch)
            table = _table_of(batch, number, target)
            if table.num_rows:
                spool.add(table, number)
    finally:
        spool.close()
    if not spool.files:
        raise DataError("the iterator gave no rows. It needs batches of rows.")
    return spool


class Spool:
    """Arrow files that batches are written to.

    Args:
        folder: to write in.
        stem: what the names of the files begin with.
    """

    def __init__(self, folder: Path, stem: str) -> None:
        self.folder, self.stem = folder, stem
        self.files: list[Spooled] = []
        self.pairs = False
        """Whether pairs (X, y) were among the batches."""
        self._open = contextlib.ExitStack()
        self._writer: Any = None

    def add(self, table: pa.Table, number: int) -> None:
        """Write one more batch.

        Args:
            table: its rows, at least one.
            number: what to call it in errors, the first is 1.
        """
        schema = table.schema
        if self.files:
            self._check_width(table, number)
            first, like = self.files[0].numbers[0], self.files[-1].schema
            schema = common(schema, f"batch {number}", like, f"batch {first}")
        with kept_in(self.folder):
            if not self.files or schema.types != self.files[-1].schema.types:
                self._begin(schema)
            table = as_like(table, schema, f"batch {number}")
            for part in table.to_batches(max_chunksize=BATCH_ROWS):
                self._writer.write_batch(part)
                self.files[-1].numbers.append(number)

    def _check_width(self, table: pa.Table, number: int) -> None:
        width = sparse_width(table)
        like, first = self.files[0].schema.empty_table(), self.files[0].numbers[0]
        if width is not None and width != sparse_width(like):
            raise DataError(
                f"batch {number}: its sparse rows have {width:,} columns, those of "
                f"batch {first} have {sparse_width(like):,}. Give all batches the same."
            )

    def _begin(self, schema: pa.Schema) -> None:
        self.close()
        path = self.folder / f"{self.stem}-{len(self.files)}.arrow"
        sink = self._open.enter_context(pa.OSFile(str(path), "wb"))
        self._writer = self._open.enter_context(pa.ipc.new_file(sink, schema))
        self.files.append(Spooled(path, schema, []))

    def close(self) -> None:
        """Finish the file that is being written."""
        with kept_in(self.folder):
            self._open.close()


def _table_of(batch: Any, number: int, target: str) -> pa.Table:
    """A batch; the last column of a pair (X, y) is the target."""
    try:
        table = without_dictionaries(batch_table(batch))
        refuse_twice(table, "the table")
    except DataError as error:
        raise DataError(f"batch {number}: {error}") from error
    if _is_pair(batch) and target not in table.column_names:
        table = table.rename_columns([*table.column_names[:-1], target])
    return table


def _is_pair(batch: Any) -> bool:
    """Whether a batch is (X, y), and not two paths."""
    if not (isinstance(batch, tuple) and len(batch) == 2):
        return False
    return not isinstance(batch[0], (str, os.PathLike))
