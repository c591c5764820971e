"""Tables of the same columns whose types differ a little, brought to common ones.

Files and batches that are read a part at a time are written by different hands: whole
numbers in one are fractions in the next, a column is empty in the first.
"""

from __future__ import annotations

import pyarrow as pa

from steepest.core.errors import DataError
from steepest.data.arrays import is_text, kind_of, pc
from steepest.data.files import check_columns


def common(schema: pa.Schema, place: str, like: pa.Schema, source: str) -> pa.Schema:
    """The columns of two tables, in types that hold the values of both.

    Args:
        schema: of the one.
        place: where it comes from, for errors.
        like: of the other, whose order of columns and metadata stay.
        source: where that one comes from.

    Raises:
        DataError: other columns, or a column that holds another kind of values.

    >>> one = pa.schema({"x": pa.null(), "n": pa.float32()})
    >>> two = pa.schema({"n": pa.int64(), "x": pa.string()})
    >>> common(two, "b", one, "a").types
    [DataType(large_string), DataType(double)]
    """
    check_columns(place, schema.names, source, like.names)
    fields = []
    for field in like:
        here, there = schema.field(field.name).type, field.type
        found = _joint(there, here)
        if found is None:
            raise DataError(
                f"{place}: column {field.name} holds {here}, in {source} it holds "
                f"{there}. Write it alike everywhere."
            )
        fields.append(field.with_type(found).with_nullable(True))
    return pa.schema(fields, like.metadata)


def as_like(table: pa.Table, schema: pa.Schema, place: str) -> pa.Table:
    """A table in the types of a schema, and the order of its columns.

    Args:
        table: of some of its columns.
        schema: that `common` found.
        place: where the table comes from, for errors.

    Raises:
        DataError: a value that the type does not hold.
    """
    present = set(table.column_names)
    names = [name for name in schema.names if name in present]
    types = [schema.field(name).type for name in names]
    table = table.select(names)
    if table.schema.types == types:
        return table
    columns = [
        _cast(table.column(i), kind, f"{place}: column {names[i]}")
        for i, kind in enumerate(types)
    ]
    return pa.table(columns, names=names, metadata=table.schema.metadata)


def without_dictionaries(table: pa.Table) -> pa.Table:
    """The table with values in place of numbers that stand for them.

    Args:
        table: of which batches may number the same values differently.
    """
    kinds = table.schema.types
    if not any(map(pa.types.is_dictionary, kinds)):
        return table
    columns = [
        column.cast(_plain(column.type))
        if pa.types.is_dictionary(column.type)
        else column
        for column in table.columns
    ]
    return pa.table(columns, names=table.column_names, metadata=table.schema.metadata)


def _joint(one: pa.DataType, two: pa.DataType) -> pa.DataType | None:
    """A type that holds the values of both; None where there is none."""
    if one == two:
        return one
    kinds = {kind_of(one), kind_of(two)} - {"nothing"}
    if len(kinds) > 1:
        return None
    if kinds == {"unknown"}:  # not used but as sparse rows
        return one
    pair = [pa.schema({"x": _plain(kind)}) for kind in (one, two)]
    if kinds == {"moment"} and any(pa.types.is_timestamp(kind) for kind in (one, two)):
        pair = [_as_stamps(schema) for schema in pair]
    try:
        return pa.unify_schemas(pair, promote_options="permissive").field(0).type
    except pa.ArrowException:
        return None


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type of the values; all text is of one type."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.large_string() if is_text(kind) else kind


def _as_stamps(schema: pa.Schema) -> pa.Schema:
    """Dates are moments at midnight."""
    is_date = pa.types.is_date(schema.field(0).type)
    return pa.schema({"x": pa.timestamp("s")}) if is_date else schema


def _cast(column: pa.ChunkedArray, kind: pa.DataType, place: str) -> pa.ChunkedArray:
    try:
        options = pc.CastOptions(kind, allow_float_truncate=True)
        return column.cast(options=options)
    except pa.ArrowException as error:
        told = str(error).splitlines()[0].rstrip(".")
        raise DataError(
            f"{place} holds {column.type}, elsewhere {kind} ({told}). Write it alike "
            "everywhere."
        ) from error
