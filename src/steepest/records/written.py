"""Rows that any program wrote, as text: CSV, JSON, or JSON lines.

What cannot be read is left out and told: a file of a killed program ends anywhere.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from steepest.core.errors import DataError
from steepest.core.words import plural

DELIMITERS = ",;\t|"
NEED = "Need CSV with a header such as step,loss; or JSON lines, {step: 0, loss: 1.5}."
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
_NUMBER = re.compile(r"\s*[-+]?(\d|\.\d)[\d.,eE+-]*\s*")
_METRIC = ("timestamp", "value", "step")
"""The three numbers of a line in MLflow's own files, which have no header."""
_BOARD = ("wall_time", "step", "value")
"""The three numbers of an entry of what TensorBoard saves as JSON."""
_LONG = ("key", "metric", "tag", "metric_name")
"""Columns that name what the `value` beside them is."""


class Written(NamedTuple):
    """The rows of a file, as they stand there."""

    rows: list[dict[str, Any]]
    """A dict a row: name of a column -> what its cell holds."""
    notes: tuple[str, ...] = ()
    """What could not be read, in words."""
    comma: bool = False
    """Whether a comma may stand for the decimal point: columns are parted by ;."""

    @property
    def names(self) -> list[str]:
        """The names of all columns, in the order they come."""
        return list(dict.fromkeys(name for row in self.rows for name in row))


def read_written(data: bytes, label: str) -> Written:
    r"""The rows in the bytes of a file.

    Args:
        data: CSV (parted by comma, semicolon, tab, bar or blanks), JSON (a list of
            rows, or a dict of columns), or a JSON object a line.
        label: what to call it in errors.

    Returns:
        Rows of cells as they stand there. Names of nested objects are joined by /.

    Raises:
        DataError: empty, binary, or without names of columns.

    >>> read_written(b"step,loss\n0,1.5\n", "a.csv").rows
    [{'step': '0', 'loss': '1.5'}]
    >>> read_written(b'{"step": 0, "loss": 1.5}\n{"st', "a.jsonl").notes
    ('the last line is torn and was left out.',)
    """
    text = _decoded(data, label)
    if not text.strip():
        raise DataError(f"{label}: is empty. {NEED}")
    try:
        found = _json(text, label) if text.lstrip()[0] in "[{" else _csv(text, label)
    except RecursionError as error:
        raise DataError(f"{label}: its JSON is nested too deeply. {NEED}") from error
    if not found.rows:
        raise DataError(f"{label}: holds names of columns and no row. {NEED}")
    return found


def _decoded(data: bytes, label: str) -> str:
    """Text; what is none is refused."""
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")  # what PowerShell's > writes
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not _CONTROL.search(text):
            return text
    raise DataError(f"{label}: is a binary file. {NEED}")


def _json(text: str, label: str) -> Written:
    try:
        whole = json.loads(text)
    except ValueError:
        return _json_lines(text, label)
    return rows_of(whole, label)


def _json_lines(text: str, label: str) -> Written:
    lines = [line for line in text.splitlines() if line.strip()]
    rows: list[dict[str, Any]] = []
    wrong: list[int] = []
    for number, line in enumerate(lines, 1):
        try:
            item = json.loads(line)
        except (ValueError, RecursionError):
            item = None
        if isinstance(item, dict):
            rows.append(_flat(item))
        else:
            wrong.append(number)
    if not rows:
        raise DataError(f"{label}: no line of it is a JSON object. {NEED}")
    return Written(_pivoted(rows), _torn(wrong, len(lines)))


def _torn(wrong: list[int], n: int) -> tuple[str, ...]:
    """What is to be told of lines that could not be read."""
    notes = ["the last line is torn and was left out."] if n in wrong else []
    inner = [number for number in wrong if number != n]
    if inner:
        lines = plural(len(inner), "line")
        notes.append(
            f"{lines} cannot be read and were left out, first line {inner[0]}."
        )
    return tuple(notes)


def rows_of(whole: Any, label: str) -> Written:
    """The rows in plain data.

    Args:
        whole: a list of rows (dicts), a dict of columns, a list of losses, or what
            Hugging Face's trainers keep.
        label: what to call it in errors.

    Raises:
        DataError: no rows are in it.

    >>> rows_of({"loss": [2.0, 1.0]}, "history").rows
    [{'loss': 2.0}, {'loss': 1.0}]
    """
    rows = _listed(whole, label)
    if not rows or not any(rows):
        raise DataError(f"{label}: holds no rows. {NEED}")
    return Written(_pivoted(rows))


def _listed(whole: Any, label: str) -> list[dict[str, Any]]:
    if isinstance(whole, dict) and isinstance(whole.get("log_history"), list):
        whole = whole["log_history"]  # the state of a Hugging Face trainer
    if isinstance(whole, dict):
        columns = [_column(part) for part in whole.values()]
        if columns and all(column is not None for column in columns):
            return _of_columns(list(whole), columns)
        return [_flat(whole)]
    if not isinstance(whole, list):
        raise DataError(f"{label}: holds one JSON value and no rows. {NEED}")
    if whole and all(isinstance(one, int | float) for one in whole):
        return [{"loss": one} for one in whole]
    if whole and all(isinstance(one, list) and len(one) == 3 for one in whole):
        return [dict(zip(_BOARD, one, strict=True)) for one in whole]
    return [_flat(one) for one in whole if isinstance(one, dict)]


def _column(part: Any) -> list[Any] | None:
    """A column of a dict of columns: a list, or what pandas makes of one."""
    if isinstance(part, dict) and part and all(str(key).isdigit() for key in part):
        return list(part.values())
    return part if isinstance(part, list) else None


def _of_columns(names: list[str], columns: Iterable[Any]) -> list[dict[str, Any]]:
    columns = list(columns)
    n = max(map(len, columns), default=0)
    return [
        {name: c[k] for name, c in zip(names, columns, strict=True) if k < len(c)}
        for k in range(n)
    ]


def _flat(item: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Nested objects as one: {"train": {"loss": 1}} is {"train/loss": 1}."""
    found: dict[str, Any] = {}
    for name, value in item.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{name}/")
        else:
            found[f"{before}{name}"] = value
    return found


def _csv(text: str, label: str) -> Written:
    lines = text.splitlines()
    while not lines[0].strip():
        lines = lines[1:]
    head = lines[0].lstrip("# ")
    delimiter = max(DELIMITERS, key=head.count)
    if not head.count(delimiter) and len(head.split()) > 1:
        lines, delimiter = [" ".join(line.split()) for line in lines], " "
        head = " ".join(head.split())
    try:
        names = [name.strip() for name in next(csv.reader([head], delimiter=delimiter))]
        cells = list(csv.reader(lines[1:], delimiter=delimiter))
    except csv.Error as error:
        raise DataError(f"{label}: cannot be read as CSV ({error}). {NEED}") from error
    if all(_NUMBER.fullmatch(name) for name in names):
        return _without_header([names, *cells], label)
    return _table(names, cells, comma=delimiter == ";")


def _without_header(cells: list[list[str]], label: str) -> Written:
    """MLflow's own files are known by their times in milliseconds."""
    if len(cells[0]) == 3 and re.fullmatch(r"1\d{12}", cells[0][0]):
        rows = (dict[str, Any](zip(_METRIC, line, strict=False)) for line in cells)
        return Written([*rows])
    raise DataError(
        f"{label}: its first line holds numbers ({', '.join(cells[0][:3])}), not the "
        f"names of columns. {NEED}"
    )


def _table(names: list[str], cells: list[list[str]], *, comma: bool) -> Written:
    rows, notes, again = [], [], 0
    cells = [line for line in cells if any(c.strip() for c in line)]
    for line in cells:
        if [cell.strip() for cell in line] == names:
            again += 1
        elif not line[0].startswith("#"):
            rows.append(dict(zip(names, line, strict=False)))
    if again:
        notes.append("the header stands there again: another run was written after.")
    if rows and len(cells[-1]) < len(names) and len(rows) > 1:
        notes.append("the last line is torn: what it lacks is left open.")
    return Written(_pivoted(rows) if rows else rows, tuple(notes), comma)


def _pivoted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of (key, value, step) as rows of (key's name = value, step)."""
    known = {name.strip().lower(): name for name in rows[0]}
    key = next((known[name] for name in _LONG if name in known), None)
    value = known.get("value")
    if key is None or value is None or not isinstance(rows[0][key], str):
        return rows
    return [
        {
            **{k: v for k, v in row.items() if k not in (key, value)},
            row[key]: row[value],
        }
        for row in rows
        if row.get(key) is not None and value in row
    ]
