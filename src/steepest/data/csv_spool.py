"""CSV files, which can be read only from their beginning, written down as Arrow."""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv

from steepest.core.errors import DataError
from steepest.data import files
from steepest.data.arrays import MISSING, is_text
from steepest.data.lookalikes import comma_numbers, decimal_commas
from steepest.data.spool import kept_in

BLOCK_BYTES = 8 << 20
"""Text that is parsed at once."""
COMMA = "decimal comma"
"""The type of numbers that are written so."""
MOMENTS = [pa.date32(), pa.timestamp("s"), pa.timestamp("ns")]
"""Types that a reader of CSV finds, each of which holds those before it."""
_COLUMN = re.compile(r"column #(\d+)")
_VALUE = re.compile(r"invalid value '(.*)'", re.DOTALL)


class MisjudgedError(Exception):
    """A column is not what the rows above made of it.

    Args:
        name: of the column.
        value: that its type does not hold.
    """

    def __init__(self, name: str, value: str) -> None:
        self.name, self.value = name, value


def spool_csv(path: Path, target: Path) -> tuple[Path, pa.Schema]:
    """Write a CSV file down as Arrow, a block at a time.

    Types are those that hold all rows, as far as the first block lets them be guessed:
    where a later block does not fit, the file is read again with a wider type.

    Args:
        path: the file, compressed or not.
        target: the file to write.

    Returns:
        (the Arrow file, its schema).

    Raises:
        DataError: text that is no CSV of one width, in UTF-8.
    """
    files.refuse_utf16(path)
    delimiter = files.delimiter_of(path)
    types: dict[str, Any] = {}
    while True:
        try:
            return target, _write_csv(path, target, delimiter, types)
        except MisjudgedError as error:
            types[error.name] = _wider(types[error.name], error.value, delimiter)
        except pa.ArrowInvalid:
            with contextlib.suppress(csv.Error):  # a cell too large to be looked at
                files.explain_ragged(path, delimiter)
            raise


def _write_csv(
    path: Path, target: Path, delimiter: str, types: dict[str, Any]
) -> pa.Schema:
    """One reading of the file.

    Args:
        path: the file.
        target: the file to write.
        delimiter: between cells.
        types: of columns that were misjudged before; what is found out is added.

    Raises:
        MisjudgedError: a column holds what its type does not.
    """
    reader = pacsv.open_csv(
        path,
        read_options=pacsv.ReadOptions(block_size=BLOCK_BYTES),
        parse_options=pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(
            null_values=list(MISSING),
            strings_can_be_null=True,
            column_types={
                k: pa.string() if t == COMMA else t for k, t in types.items()
            },
        ),
    )
    raw, last = reader.schema, None
    names = files.header_names(raw.names)
    files.refuse_twice(raw.empty_table().rename_columns(names), str(path))
    with contextlib.ExitStack() as stack:
        writer: Any = None
        for batch in _blocks(path, reader, raw, types):
            table = pa.table(batch)
            if delimiter == ";":
                table = _with_commas(table, types)
            table = table.rename_columns(names)
            if writer is None:
                files.refuse_binary(path, table)
                writer = stack.enter_context(_writer(target, table.schema))
            with kept_in(target.parent):
                writer.write_table(table)
            last = table if table.num_rows else last
        if writer is None:
            writer = stack.enter_context(_writer(target, raw))
    if last is None:
        return raw
    files.refuse_open_quote(path, last)
    return last.schema


@contextlib.contextmanager
def _writer(target: Path, schema: pa.Schema) -> Iterator[Any]:
    """What writes batches into an Arrow file."""
    with contextlib.ExitStack() as stack:
        with kept_in(target.parent):
            sink = stack.enter_context(pa.OSFile(str(target), "wb"))
            writer = pa.ipc.new_file(sink, schema)
        yield writer
        with kept_in(target.parent):
            writer.close()


def _blocks(
    path: Path, reader: Any, schema: pa.Schema, types: dict[str, Any]
) -> Iterator[pa.RecordBatch]:
    """The blocks of a file; one that does not fit tells which column was misjudged."""
    while True:
        try:
            yield reader.read_next_batch()
        except StopIteration:
            return
        except pa.ArrowInvalid as error:
            found = _COLUMN.search(str(error))
            if found is None or "conversion error" not in str(error):
                raise
            name, value = schema.names[int(found[1])], _VALUE.search(str(error))
            if value is None:  # of text, whatever the value: only its bytes can fail
                told = f"{path}, column {name}: not UTF-8. Save it as UTF-8 text."
                raise DataError(told) from error
            types.setdefault(name, schema.field(name).type)
            raise MisjudgedError(name, value[1]) from error


def _wider(kind: Any, value: str, delimiter: str) -> Any:
    """The type to try after one that did not hold a value."""
    if kind == COMMA:
        return pa.string()
    found = _alone(value)
    both = {kind, found}
    if pa.types.is_null(kind) and not is_text(found):
        return found
    if pa.types.is_integer(kind) and (found == pa.float64() or found == pa.bool_()):
        return found
    if len(both) == 2 and both <= set(MOMENTS):
        return max(both, key=MOMENTS.index)
    return COMMA if delimiter == ";" else pa.string()


def _alone(value: str) -> pa.DataType:
    """The type of a column that holds nothing but a value."""
    cell = value.replace('"', '""')
    convert = pacsv.ConvertOptions(null_values=list(MISSING), strings_can_be_null=True)
    parse = pacsv.ParseOptions(newlines_in_values=True)
    text = f'x\n"{cell}"\n'.encode()
    return pacsv.read_csv(
        io.BytesIO(text),
        read_options=pacsv.ReadOptions(block_size=len(text)),
        parse_options=parse,
        convert_options=convert,
    ).schema.types[0]


def _with_commas(table: pa.Table, types: dict[str, Any]) -> pa.Table:
    """Text that is numbers with decimal commas, as numbers; the first block decides."""
    for i, (name, kind) in enumerate(
        zip(table.column_names, table.schema.types, strict=True)
    ):
        if not is_text(kind):
            continue
        if name not in types:
            fits = decimal_commas(table.column(i)) is not None
            types[name] = COMMA if fits else pa.string()
        if types[name] == COMMA:
            numbers = comma_numbers(table.column(i))
            if numbers is None:
                raise MisjudgedError(name, "")
            table = table.set_column(i, name, numbers)
    return table
