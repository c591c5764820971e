"""Text that a person reads as a number and a parser does not: 0,5 or 12% or 1,000."""

from __future__ import annotations

import pyarrow as pa

from steepest.data.arrays import TEXT, pc

NUMBER_LIKE = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"
DECIMAL_COMMA = r"^\s*[-+]?(\d+,\d*|,\d+)([eE][-+]?\d+)?\s*$"
WHOLE = r"^\s*[-+]?\d+([eE][-+]?\d+)?\s*$"
HABITS = {
    "with thousands marks": r"^\s*[-+]?[1-9]\d{0,2}([,.' ]\d{3})+([.,]\d+)?\s*$",
    "with a decimal comma": DECIMAL_COMMA,
    "with a percent sign": r"^\s*[-+]?[\d.,]*\d\s*%\s*$",
    "with a currency sign": r"^\s*[-+]?[$€£¥]\s?[\d.,]*\d\s*$",
}
"""Ways to write a number that are not read as one; all of them may hold plain ones."""


def number_habit(texts: pa.Array) -> tuple[str, str] | None:
    """How the numbers in a column of text are written, and the first such text.

    Args:
        texts: distinct texts, none missing.

    Returns:
        (a key of HABITS, an example); None unless every text is a number, plain or
        written in that way.

    >>> number_habit(pa.array(["1", "0,5"]))
    ('with a decimal comma', '0,5')
    >>> number_habit(pa.array(["0,5", "half"]))
    """
    plain = pc.match_substring_regex(texts, pattern=NUMBER_LIKE)
    for habit, pattern in HABITS.items():
        found = pc.match_substring_regex(texts, pattern=pattern)
        if pc.all(pc.or_(plain, found)).as_py():
            odd = texts.filter(pc.and_not(found, plain))
            return (habit, odd[0].as_py()) if len(odd) else None
    return None


def decimal_commas(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Text as numbers, where all of it is whole numbers or has a decimal comma.

    >>> decimal_commas(pa.chunked_array([["0,5", None, "-2"]])).to_pylist()
    [0.5, None, -2.0]
    >>> decimal_commas(pa.chunked_array([["0,5", "0.5"]]))
    """
    commas = pc.match_substring_regex(column.cast(TEXT), pattern=DECIMAL_COMMA)
    return comma_numbers(column) if pc.any(commas).as_py() else None


def comma_numbers(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Text as numbers, where all of it is one, with a decimal comma or whole.

    >>> comma_numbers(pa.chunked_array([["5", None]])).to_pylist()
    [5.0, None]
    """
    text = column.cast(TEXT)
    comma = pc.match_substring_regex(text, pattern=DECIMAL_COMMA)
    whole = pc.match_substring_regex(text, pattern=WHOLE)
    if not pc.all(pc.or_(comma, whole), min_count=0).as_py():
        return None
    points = pc.replace_substring(pc.utf8_trim_whitespace(text), ",", ".")
    return points.cast(pa.float64())
