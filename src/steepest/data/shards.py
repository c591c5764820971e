"""Tables that are read a part at a time: files of any size, and batches as they come.

A part is what is read at once: a row group of a Parquet file, a batch of an Arrow one.
CSV, and whatever can be read only once, is first written down as Arrow (see `spool`).
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from steepest.core.errors import DataError
from steepest.data.alike import as_like, common
from steepest.data.csv_spool import spool_csv
from steepest.data.files import INDEX, expand, readable, refuse_twice
from steepest.data.spool import Spool, spool_batches

PARQUET, ARROW = (".parquet", ".pq"), (".arrow", ".feather", ".ipc")
READ_ONCE = (Iterator, pa.RecordBatchReader)
"""What gives batches, one after another."""
GROUP_BYTES = 256 << 20
"""A row group of more is read in slices: that takes less memory, and longer."""
SLICE_ROWS = 1 << 16
BUFFERED: dict[str, Any] = {"pre_buffer": False, "buffer_size": 1 << 20}
"""Column by column through a small buffer, not a row group's bytes at once: that takes
less memory and, as they stay in a near cache, less time."""


class Part(NamedTuple):
    """Rows that are read at once."""

    place: str
    """What to call it in errors."""
    n_rows: int
    tables: Callable[[list[str]], Iterator[pa.Table]]
    """columns -> its rows, in one table or several."""


class Shards(NamedTuple):
    """A table in parts."""

    schema: pa.Schema
    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()
    target: str | None = None
    """what y of pairs (X, y) is called"""

    @property
    def n_rows(self) -> int:
        """Rows of all parts."""
        return sum(part.n_rows for part in self.parts)

    @property
    def names(self) -> list[str]:
        """Of the columns."""
        return self.schema.names

    def tables(self, columns: list[str]) -> Iterator[tuple[int, str, pa.Table]]:
        """(number of its first row, where it comes from, rows), part after part.

        Args:
            columns: to read.

        Raises:
            DataError: a part that cannot be read, by its place.
        """
        first = 0
        for part in self.parts:
            for table in read(part, columns):
                yield first, part.place, as_like(table, self.schema, part.place)
                first += table.num_rows

    def sample(self, n_rows: int) -> tuple[pa.Table, np.ndarray[Any, Any]]:
        """(rows spread over the parts, their numbers), or all rows where they are few.

        Of each part the first rows are taken, as many as of the others.

        Args:
            n_rows: how many, about.
        """
        firsts = np.cumsum([0, *(part.n_rows for part in self.parts)])
        sizes, share = [part.n_rows for part in self.parts], n_rows
        for left, size in zip(range(len(sizes), 0, -1), sorted(sizes), strict=True):
            share = n_rows // left  # what small parts lack, large ones give
            if size > share:
                break
            n_rows -= size
        tables, numbers = [], []
        for first, part in zip(firsts, self.parts, strict=False):
            table = _head(part, self.names, max(1, share))
            tables.append(as_like(table, self.schema, part.place))
            numbers.append(first + np.arange(table.num_rows))
        whole = pa.concat_tables(tables, promote_options="default")
        return whole, np.concatenate(numbers)


def read(part: Part, columns: list[str]) -> Iterator[pa.Table]:
    """The rows of a part.

    Args:
        part: of Shards.
        columns: to read.

    Raises:
        DataError: it cannot be read.
    """
    try:
        yield from part.tables(columns)
    except (pa.ArrowException, OSError, EOFError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise DataError(
            f"{part.place}: cannot be read ({reason}). It may be damaged, or have "
            "changed since; make or copy the file again."
        ) from error


def open_shards(data: Any, folder: Path, *, target: str | None = None) -> Shards:
    """What can be read a part at a time.

    Args:
        data: a path, a glob, a folder or a list of paths; an iterator of batches: each
            a table of any kind, or a pair (X, y); or one such table.
        folder: to write down in what can be read only once.
        target: what y of pairs is called; None for "target".

    Raises:
        DataError: files that are absent, damaged, or of different columns.
    """
    if isinstance(data, (str, os.PathLike)):
        data = [data]
    if _are_paths(data):
        paths = [path for place in data for path in expand(place)]
        return joined((p, open_file(p, folder, i)) for i, p in enumerate(paths))
    batches = data if isinstance(data, READ_ONCE) else [data]
    name = "target" if target is None else target
    spool = spool_batches(batches, folder, "batches", target=name)
    schema, parts = _spooled(spool, "batch")
    return Shards(schema, tuple(parts), target=name if spool.pairs else None)


def _are_paths(data: Any) -> bool:
    return isinstance(data, Sequence) and all(
        isinstance(each, (str, os.PathLike)) for each in data
    )


def open_file(path: Path, folder: Path, number: int) -> Shards:
    """One file in parts.

    Args:
        path: the file.
        folder: to write it down in as Arrow where it is text.
        number: of the file among others.
    """
    with readable(path) as suffix:
        if suffix in PARQUET:
            with pq.ParquetFile(path) as file:
                schema, parts = file.schema_arrow, _groups(path, file.metadata)
        elif suffix in ARROW:
            schema, parts = _arrow_file(path, folder, number)
        else:
            spooled, schema = spool_csv(path, folder / f"file-{number}.arrow")
            parts = _arrow_parts(spooled, f"{path}, block")
    refuse_twice(schema.empty_table(), str(path))
    kept = [field for field in schema if not field.name.startswith(INDEX)]
    return Shards(pa.schema(kept), tuple(part for part in parts if part.n_rows))


def joined(files: Iterable[tuple[Path, Shards]]) -> Shards:
    """Several files as one table; those without rows are passed over, and named.

    Args:
        files: the path of each, and what is in it.

    Raises:
        DataError: no rows at all, or a file of other columns than the first.
    """
    schema, source, parts, empty = None, Path(), [], []
    for path, one in files:
        if not one.parts:
            empty.append(str(path))
        elif schema is None:
            schema, source = one.schema, path
        else:
            schema = common(one.schema, str(path), schema, str(source))
        parts += one.parts
    if schema is None:
        if not empty:
            raise DataError("an empty list of files: name at least one.")
        raise DataError(f"{empty[0]}: no rows, only column names. It needs rows.")
    notes = (f"passed over, without rows: {', '.join(empty)}.",) if empty else ()
    return Shards(schema, tuple(parts), notes)


def _groups(path: Path, metadata: Any) -> list[Part]:
    """The row groups of a Parquet file."""
    parts = []
    for i in range(metadata.num_row_groups):
        group = metadata.row_group(i)
        most = SLICE_ROWS if group.total_byte_size > GROUP_BYTES else group.num_rows
        tables = functools.partial(_group, path, metadata, i, most=most)
        parts.append(Part(f"{path}, row group {i + 1}", group.num_rows, tables))
    return parts


def _group(
    path: Path, metadata: Any, i: int, columns: list[str], *, most: int
) -> Iterator[pa.Table]:
    """A row group, whole or in slices of so many rows."""
    with pq.ParquetFile(path, metadata=metadata, **BUFFERED) as file:
        if most >= metadata.row_group(i).num_rows:
            yield file.read_row_group(i, columns)
            return
        for batch in file.iter_batches(most, row_groups=[i], columns=columns):
            yield pa.Table.from_batches([batch])


def _arrow_file(path: Path, folder: Path, number: int) -> tuple[pa.Schema, list[Part]]:
    """An Arrow file where it lies; a stream, which has no index, is written down."""
    with pa.OSFile(str(path)) as file:
        try:
            return pa.ipc.open_file(file).schema, _arrow_parts(path, f"{path}, batch")
        except pa.ArrowInvalid:
            file.seek(0)
            stream: Iterable[Any] = pa.ipc.open_stream(file)
            spool = spool_batches(stream, folder, f"file-{number}")
            return _spooled(spool, f"{path}, batch")


def _spooled(spool: Spool, what: str) -> tuple[pa.Schema, list[Part]]:
    """Batches that were written down."""
    parts = [_arrow_parts(one.path, what, one.numbers) for one in spool.files]
    return spool.files[-1].schema, [part for some in parts for part in some]


def _arrow_parts(
    path: Path, what: str, numbers: Sequence[int] | None = None
) -> list[Part]:
    """The batches of an Arrow file, called by their numbers."""
    with pa.memory_map(str(path)) as file:
        reader = pa.ipc.open_file(file)
        sizes = [reader.get_batch(i).num_rows for i in range(reader.num_record_batches)]
    numbers = range(1, len(sizes) + 1) if numbers is None else numbers
    return [
        Part(f"{what} {number}", n_rows, functools.partial(_batch, path, i))
        for i, (number, n_rows) in enumerate(zip(numbers, sizes, strict=True))
    ]


def _batch(
    path: Path, i: int, columns: list[str], *, most: int | None = None
) -> Iterator[pa.Table]:
    """A batch of an Arrow file, or its first rows."""
    with pa.OSFile(str(path)) as file:
        batch = pa.ipc.open_file(file).get_batch(i)
        yield pa.Table.from_batches([batch]).select(columns).slice(0, most)


def _head(part: Part, columns: list[str], n_rows: int) -> pa.Table:
    """The first rows of a part, without decoding far beyond them."""
    tables = part.tables
    if isinstance(tables, functools.partial) and n_rows < part.n_rows:
        tables = functools.partial(tables, most=n_rows)
    found: list[pa.Table] = []
    for table in read(part._replace(tables=tables), columns):
        found.append(table)
        if sum(each.num_rows for each in found) >= n_rows:
            break
    return pa.concat_tables(found).slice(0, n_rows)
