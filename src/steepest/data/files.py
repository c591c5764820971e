"""Files as Arrow tables: CSV, Parquet, Arrow; one, several, a glob or a folder.

A new format is one reader and one entry in `READERS`.
"""

from __future__ import annotations

import contextlib
import csv
import glob
import io
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from steepest.core.errors import DataError
from steepest.core.suggest import did_you_mean
from steepest.data.arrays import MISSING, is_text, kind_of
from steepest.data.lookalikes import decimal_commas

UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")  # the first bytes of UTF-16 text
PACKED = (".gz", ".bz2", ".zst")  # compressions that a CSV file may have
INDEX = "__index_level_"
"""What the names of the row numbers begin with that pandas writes beside columns."""


def read_paths(places: Sequence[str | os.PathLike[str]]) -> pa.Table:
    """The rows of all files, one below the other, in the order of their names.

    Args:
        places: files, globs such as `flights-*.csv`, or folders.

    Raises:
        DataError: a file that is absent, empty, cut short or of another kind; files
            whose columns differ.
    """
    paths = [path for place in places for path in expand(place)]
    if not paths:
        raise DataError("an empty list of files: name at least one.")
    return stack_tables([(str(path), read_file(path)) for path in paths])


def read_file(path: Path) -> pa.Table:
    """The table in one file, by its suffix; at least one row and one column."""
    with readable(path) as suffix:
        table = READERS[suffix](path)
    refuse_twice(table, str(path))
    return _without_index(table)


@contextlib.contextmanager
def readable(path: Path) -> Iterator[str]:
    """The suffix of a file with a table; what cannot be read in the block is told.

    Args:
        path: the file.

    Raises:
        DataError: an unknown suffix, an empty file, or one that is damaged.
    """
    suffix = suffix_of(path)
    if suffix not in READERS:
        known = ", ".join(READERS)
        raise DataError(f"{path}: unknown suffix {suffix!r}. Use one of {known}.")
    try:
        if path.stat().st_size == 0:
            raise DataError(f"{path}: the file is empty. It needs a header and rows.")
        yield suffix
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise DataError(
            f"{path}: cannot be read as {suffix} ({reason}). It may be cut short or "
            "damaged; make or copy it again."
        ) from error


def refuse_twice(table: pa.Table, source: str) -> None:
    """Two columns of one name could not be told apart."""
    twice = [name for name, n in Counter(table.column_names).items() if n > 1]
    if twice:
        names = ", ".join(twice)
        raise DataError(f"{source}: columns named twice: {names}. Rename them.")


def stack_tables(tables: Sequence[tuple[str, pa.Table]]) -> pa.Table:
    """Tables of the same columns as one; a column of mixed types falls back to text.

    Args:
        tables: where each comes from, for errors, and the table.
    """
    source, first = tables[0]
    for place, table in tables[1:]:
        check_columns(place, table.column_names, source, first.column_names)
    kept = [table.select(first.column_names) for _, table in tables]
    mixed = [name for name in first.column_names if _is_mixed(kept, name)]
    for name in mixed:
        kept = [_as_text(table, name) for table in kept]
    try:
        return pa.concat_tables(kept, promote_options="permissive")
    except pa.ArrowException as error:
        raise DataError(f"the files hold types that do not fit ({error}).") from error


def check_columns(
    place: str, names: Iterable[str], source: str, like: Iterable[str]
) -> None:
    """Refuse a part of a table that has other columns than the first part.

    Args:
        place: where it comes from.
        names: of its columns.
        source: where the first comes from.
        like: of that one's.

    Raises:
        DataError: with the columns that are missing or too many.

    >>> check_columns("b", ["x", "z"], "a", ["x", "y"])
    Traceback (most recent call last):
    steepest.core.errors.DataError: b: lacks y and has z besides, unlike a. All of ...
    """
    lacks, extra = sorted(set(like) - set(names)), sorted(set(names) - set(like))
    if lacks or extra:
        told = [f"lacks {', '.join(lacks)}"] if lacks else []
        told += [f"has {', '.join(extra)} besides"] if extra else []
        needs = "All of them need the same columns."
        raise DataError(f"{place}: {' and '.join(told)}, unlike {source}. {needs}")


def _is_mixed(tables: Sequence[pa.Table], name: str) -> bool:
    """Whether the column needs text to hold the values of all tables."""
    found = {table.schema.field(name).type for table in tables}
    kinds = {kind_of(kind) for kind in found} - {"nothing"}
    dates = kinds == {"moment"} and len(found) > 1
    return len(kinds) > 1 or dates or (kinds == {"text"} and len(found) > 1)


def _as_text(table: pa.Table, name: str) -> pa.Table:
    place = table.column_names.index(name)
    return table.set_column(place, name, table.column(place).cast(pa.large_string()))


def expand(place: str | os.PathLike[str]) -> list[Path]:
    """The files that a path, a glob or a folder stands for."""
    path = Path(place).expanduser()
    if path.is_dir():
        found = sorted(p for p in path.iterdir() if suffix_of(p) in READERS)
        if not found:
            known = ", ".join(READERS)
            raise DataError(f"{path}: a folder with none of {known} in it.")
        return found
    if path.exists():
        return [path]
    if glob.has_magic(str(path)):
        found = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207  absolute too
        if not found:
            raise DataError(
                f"{path}: no file matches. Check the folder and the suffix."
            )
        return [Path(name) for name in found]
    raise DataError(f"{path}: no such file. {_near_files(path)}")


def _near_files(path: Path) -> str:
    """Which table the user may have meant."""
    if not path.parent.is_dir():
        return f"There is no folder {path.parent} either."
    present = [p.name for p in sorted(path.parent.iterdir()) if suffix_of(p) in READERS]
    if not present:
        return f"There is no table in {path.parent.resolve()}."
    return did_you_mean(path.name, present[:20])


def suffix_of(path: Path) -> str:
    """The suffix that tells the format: `.csv` of `a.csv.gz`."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = suffixes[-1:] and suffixes[-1] in PACKED
    return next(reversed(suffixes[:-1] if packed else suffixes), "")


def _without_index(table: pa.Table) -> pa.Table:
    """The table without the row numbers that pandas writes beside its columns."""
    indices = [n for n in table.column_names if n.startswith(INDEX)]
    return table.drop_columns(indices) if indices else table


def _read_parquet(path: Path) -> pa.Table:
    # ParquetFile reads only this file; read_table would add columns for folders
    # called name=value.
    with pq.ParquetFile(path) as file:
        return file.read()


def _read_arrow(path: Path) -> pa.Table:
    with pa.OSFile(str(path)) as file:
        try:
            return pa.ipc.open_file(file).read_all()
        except pa.ArrowInvalid:
            file.seek(0)
            return pa.ipc.open_stream(file).read_all()


def _read_csv(path: Path) -> pa.Table:
    """A CSV file; types are found over the whole file, not its first lines."""
    refuse_utf16(path)
    delimiter = delimiter_of(path)
    parse = pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    convert = pacsv.ConvertOptions(null_values=list(MISSING), strings_can_be_null=True)
    try:
        table = pacsv.read_csv(path, parse_options=parse, convert_options=convert)
    except pa.ArrowInvalid:
        explain_ragged(path, delimiter)
        raise
    table = table.rename_columns(header_names(table.column_names))
    refuse_binary(path, table)
    refuse_open_quote(path, table)
    return _with_decimal_commas(table) if delimiter == ";" else table


def header_names(names: Sequence[str]) -> list[str]:
    """The names of columns as a header has them; one without a name gets its place.

    >>> header_names([" a", ""])
    ['a', 'column 2']
    """
    return [name.strip() or f"column {i + 1}" for i, name in enumerate(names)]


def refuse_binary(path: Path, table: pa.Table) -> None:
    """Text that is not UTF-8 is parsed as bytes."""
    for name, kind in zip(table.column_names, table.schema.types, strict=True):
        if pa.types.is_binary(kind):
            raise DataError(f"{path}, column {name}: not UTF-8. Save it as UTF-8 text.")


def refuse_utf16(path: Path) -> None:
    """Spreadsheets write "Unicode text" in UTF-16; read as UTF-8 it is one odd cell."""
    with pa.input_stream(path) as file:
        if file.read(2) in UTF16_MARKS:
            raise DataError(
                f"{path}: the text is encoded in UTF-16. Save it as UTF-8 text."
            )


def _with_decimal_commas(table: pa.Table) -> pa.Table:
    """The semicolon stands where the comma is the decimal mark: 0,5 is a half."""
    columns = [
        (decimal_commas(column) or column) if is_text(column.type) else column
        for column in table.columns
    ]
    return pa.table(columns, names=table.column_names)


def _open_text(path: Path) -> io.TextIOWrapper:
    stream = pa.input_stream(path)  # unpacks by suffix
    return io.TextIOWrapper(stream, "utf-8-sig", errors="replace", newline="")


def delimiter_of(path: Path) -> str:
    """Tab for .tsv; else comma, or what the header uses when it has no comma."""
    if ".tsv" in path.suffixes:
        return "\t"
    with _open_text(path) as file:
        header = file.readline()
    return next((mark for mark in ",;\t|" if mark in header), ",")


def explain_ragged(path: Path, delimiter: str) -> None:
    """Name the first line whose number of cells is not the header's."""
    with _open_text(path) as file:
        rows = csv.reader(file, delimiter=delimiter)
        width = len(next(rows, []))
        with contextlib.suppress(csv.Error):  # a cell too long for it: not its fault
            row = next((row for row in rows if row and len(row) != width), None)
            if row is not None:
                raise DataError(
                    f"{path}, line {rows.line_num}: {len(row)} cells, the header has "
                    f"{width}. Add or remove cells, or quote text that holds "
                    f"{delimiter!r}."
                )


def refuse_open_quote(path: Path, table: pa.Table) -> None:
    """A quote that is never closed swallows all lines below it into one cell."""
    if not table.num_rows:
        return
    last = table.slice(table.num_rows - 1).to_pylist()[0].values()
    if not any(isinstance(cell, str) and "\n" in cell for cell in last):
        return
    with _open_text(path) as file:
        quotes = sum(line.count('"') for line in file)
    if quotes % 2:
        told = "a quote is opened and never closed, so the last row holds many lines"
        raise DataError(f"{path}, row {table.num_rows}: {told}. Close the quote.")


READERS: dict[str, Callable[[Path], pa.Table]] = {
    **dict.fromkeys((".csv", ".tsv", ".txt"), _read_csv),
    **dict.fromkeys((".parquet", ".pq"), _read_parquet),
    **dict.fromkeys((".arrow", ".feather", ".ipc"), _read_arrow),
}
