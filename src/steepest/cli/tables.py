"""Tables as files: CSV, Parquet and Arrow, written whole or not at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from steepest.core.files import write_atomic

if TYPE_CHECKING:
    import pyarrow as pa


def write_table(table: pa.Table, path: Path) -> None:
    """Write a table in the format of the path's suffix, one of FORMATS.

    Raises:
        DataError: the file cannot be written.
    """
    write_atomic(path, FORMATS[suffix_of(path)](table))


def suffix_of(path: Path) -> str:
    """The suffix in small letters: it names the format."""
    return path.suffix.lower()


def csv_text(table: pa.Table) -> str:
    """A table as CSV with a header; missing values are empty.

    >>> import pyarrow as pa
    >>> print(csv_text(pa.table({"a, b": ["x", None], "n": [0.1, 2.0]})), end="")
    "a, b",n
    x,0.1
    ,2
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(table.column_names)
    writer.writerows(zip(*map(_texts, table.columns), strict=True))
    return file.getvalue()


def _texts(column: pa.ChunkedArray) -> list[str | None]:
    import pyarrow as pa

    try:
        return column.cast(pa.large_string()).to_pylist()
    except pa.ArrowException:  # lists and the like
        return [None if cell is None else str(cell) for cell in column.to_pylist()]


def _csv(table: pa.Table) -> bytes:
    return csv_text(table).encode()


def _parquet(table: pa.Table) -> bytes:
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def _arrow(table: pa.Table) -> bytes:
    import pyarrow as pa

    file = io.BytesIO()
    with pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    return file.getvalue()


FORMATS: dict[str, Callable[[pa.Table], bytes]] = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".arrow": _arrow,
}
