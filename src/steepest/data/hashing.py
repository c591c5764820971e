"""Hashing: any value or word has its place among 2^b columns, with no table of them.

place = |h| mod 2^b and value = the sign of h, where h is the 32-bit MurmurHash3 of
"column=value". Two values that meet in a place meet with random signs, so that inner
products of rows keep their expectation (Weinberger et al. 2009, Feature hashing for
large scale multitask learning, sec. 3, arXiv 0902.2206). scikit-learn's FeatureHasher
has the same places and signs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from steepest.core.errors import UsageError
from steepest.core.numbers import is_whole
from steepest.data.arrays import TEXT, pc

Array = np.ndarray[Any, Any]
MOST_BITS = 24
BETWEEN_WORDS = r"[^\p{L}\p{M}\p{N}_]+"
PROSE_WORDS = 3.0
"""Mean words of a value from which a column, if most values differ, is prose."""
SAMPLE = 1000
"""Values in which words are counted."""


def check_bits(bits: Any, name: str = "hash_bits") -> int:
    """The number of bits, if it is one.

    Raises:
        UsageError: anything but a whole number from 1 to 24.

    >>> check_bits(18)
    18
    """
    if not (is_whole(bits) and 1 <= bits <= MOST_BITS):
        raise UsageError(
            f"{name}={bits!r}: must be a whole number from 1 to {MOST_BITS}; 18 makes "
            "262,144 columns."
        )
    return int(bits)


def places(keys: Iterable[str], bits: int) -> tuple[Array, Array]:
    """(column (m,) int32, sign (m,) float32) of each key.

    Args:
        keys: m texts.
        bits: there are 2^bits columns.

    >>> [part.tolist() for part in places(["colour=red", "colour=blue"], 8)]
    [[129, 0], [1.0, -1.0]]
    """
    from sklearn.utils import murmurhash3_32  # costs an import that few runs need

    hashes = np.fromiter(map(murmurhash3_32, keys), np.int32).astype(np.int64)
    column = np.abs(hashes) & ((1 << bits) - 1)
    return column.astype(np.int32), np.where(hashes < 0, -1, 1).astype(np.float32)


def hashed_values(text: pa.ChunkedArray, name: str, bits: int) -> tuple[Array, Array]:
    """(column, sign) of the value of each row; missing is a value, too.

    Args:
        text: (n,) text, null where missing.
        name: of the column: equal values of two columns are different ones.
        bits: there are 2^bits columns.
    """
    codes, known = coded(text)
    keys = [f"{name}={value}" for value in known]
    column, sign = places([*keys, f"{name} missing"], bits)
    return column[codes], sign[codes]


def hashed_words(
    text: pa.ChunkedArray, name: str, bits: int
) -> tuple[Array, Array, Array]:
    """(column, sign) of each word, in lower case, and where each row ends: (n + 1,).

    Args:
        text: (n,) text, null where missing: that counts as one word.
        name: of the column.
        bits: there are 2^bits columns.
    """
    split = pc.split_pattern_regex(pc.utf8_lower(text), pattern=BETWEEN_WORDS)
    lists = split.combine_chunks()
    lists = pc.if_else(lists.is_null(), pa.scalar([None], lists.type), lists)
    ends = np.concatenate([[0], np.cumsum(pc.list_value_length(lists).to_numpy())])
    words = pa.chunked_array([lists.flatten()])
    codes, known = coded(words)
    column, sign = places(
        [*(f"{name}={word}" for word in known), f"{name} missing"], bits
    )
    # what stands before a first mark and behind a last one is an empty word
    real = pc.fill_null(pc.not_equal(words, ""), True).to_numpy()
    kept = np.concatenate([[0], np.cumsum(real)])[ends]
    return column[codes[real]], sign[codes[real]], kept


def coded(text: pa.ChunkedArray) -> tuple[Array, list[str]]:
    """(number of each row's text (n,), the distinct texts); missing has the next.

    >>> codes, known = coded(pa.chunked_array([["b", None, "b"]]))
    >>> codes.tolist(), known
    ([0, 1, 0], ['b'])
    """
    known = pc.unique(text.drop_null()).cast(TEXT)
    codes = pc.fill_null(pc.index_in(text.cast(TEXT), value_set=known), len(known))
    return codes.to_numpy(), known.to_pylist()


def is_prose(values: Iterable[str], *, n_distinct: int, n_rows: int) -> bool:
    """Whether a column is text of several words, and not a category.

    Args:
        values: its distinct values.
        n_distinct: how many they are.
        n_rows: rows that have one.

    >>> is_prose(["a good film", "not so good"], n_distinct=2, n_rows=2)
    True
    """
    if 2 * n_distinct <= n_rows:
        return False
    some = [value for value, _ in zip(values, range(SAMPLE), strict=False)]
    return sum(len(value.split()) for value in some) >= PROSE_WORDS * len(some)
