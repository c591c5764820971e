"""HashingEncoder: a frame of numbers, categories and text as sparse rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_is_fitted,
    validate_data,
)

from steepest.core.errors import DataError, UsageError
from steepest.core.numbers import is_whole
from steepest.core.suggest import did_you_mean
from steepest.data.arrays import as_column, kind_of, to_numbers
from steepest.data.columns import Boolean, Column, Number
from steepest.data.features import Features
from steepest.data.hashing import check_bits
from steepest.data.reading import read_table
from steepest.data.wide import Hashed

Array = np.ndarray[Any, Any]


class HashingEncoder(TransformerMixin, BaseEstimator):
    """Numbers as they are; then categories and words, hashed into 2^bits columns.

    A category is one entry of +1 or -1 a row, a word one for each time it occurs, at
    the place and with the sign of the hash of "column=value", as scikit-learn's
    FeatureHasher has them. Nothing is learnt from values, only which columns are
    numbers: rows that come later may hold new categories. A missing category is a
    value of its own; a missing number is 0 and sets a flag. Numbers with a mean far
    from 0 should be scaled before, for sparse rows cannot be centred.

    Args:
        bits: 1 to 24; 18 makes 262,144 columns, in which few of 10,000 values meet.
        text: names (in an array, numbers) of the columns whose words are hashed, in
            lower case, and not the whole value.

    Attributes:
        n_features_in_: columns of the frame.
        feature_names_in_: their names, if it had any.
        features_: how each column is encoded.

    >>> rows = HashingEncoder(bits=4).fit_transform([["red", 2.0], ["blue", 3.0]])
    >>> rows.shape, rows.nnz
    ((2, 18), 4)
    >>> rows.toarray()[:, :2].tolist()
    [[2.0, 0.0], [3.0, 0.0]]
    """

    def __init__(self, bits: int = 18, *, text: Iterable[Any] = ()) -> None:
        self.bits = bits
        self.text = text

    def __sklearn_tags__(self) -> Any:
        """Categories are taken, and missing values; rows come out in float32."""
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def fit(self, X: Any, y: Any = None) -> HashingEncoder:
        """Remember which columns are numbers.

        Args:
            X: (n, d) a frame, or an array, whose columns are called x0, x1, ...
            y: not used.

        Raises:
            ValueError: data or options that cannot be used.
        """
        del y
        bits = check_bits(self.bits, "bits")
        table = self._table(X, reset=True)
        names = table.column_names
        text = {_named(one, names) for one in _listed(self.text)}
        columns = [
            _column(name, table[name].type, bits, words=name in text) for name in names
        ]
        self.features_ = Features(tuple(columns))
        _refuse_infinite(table, self.features_)
        return self

    def transform(self, X: Any) -> Any:
        """Sparse rows: csr_array (n, numbers and their flags + 2^bits), float32.

        Args:
            X: (n, d) rows like those of `fit`.

        Raises:
            ValueError: columns that are absent, or hold what they did not.
        """
        check_is_fitted(self)
        table = self._table(X, reset=False)
        _refuse_infinite(table, self.features_)
        return scipy.sparse.csr_array(self.features_.encode(table))

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Names of numbers and of their flags, then hash0, hash1, ...

        Args:
            input_features: checked against the columns of `fit`.
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features)
        names = self.features_.names
        hashed = range(self.features_.width - len(names))
        return np.array([*names, *(f"hash{i}" for i in hashed)], object)

    def _table(self, X: Any, *, reset: bool) -> pa.Table:
        """The rows as a table, by scikit-learn's rules for names and shapes."""
        if hasattr(X, "columns"):
            validate_data(self, X, reset=reset, skip_check_array=True)
            return read_table(X)
        kind = None if hasattr(X, "dtype") else object  # a list may hold both
        X = validate_data(
            self, X, reset=reset, dtype=kind, ensure_all_finite="allow-nan"
        )
        names = (f"x{i}" for i in range(X.shape[1]))
        return pa.table({name: _values(X[:, i], name) for i, name in enumerate(names)})


def _values(values: Array, name: str) -> pa.ChunkedArray:
    """One column of an array."""
    try:
        return as_column(values, name)
    except DataError as error:
        if values.dtype != object:
            raise
        # scikit-learn's own words, which its checks look for
        raise TypeError(f"argument must be a string or a number: {error}") from error


def _listed(text: Any) -> list[Any]:
    if isinstance(text, str) or is_whole(text):
        return [text]
    if not isinstance(text, Iterable):
        raise UsageError(f"text={text!r}: must be names of columns, or () for none.")
    return list(text)


def _named(text: Any, names: list[str]) -> str:
    """The name of a column of text."""
    name = f"x{text}" if is_whole(text) and str(text) not in names else str(text)
    if name not in names:
        near = did_you_mean(name, names)
        raise UsageError(f"text={text!r}: no such column. {near}")
    return name


def _column(name: str, kind: pa.DataType, bits: int, *, words: bool) -> Column:
    """How a column is encoded, by its type alone."""
    found = kind_of(kind)
    if found in ("text", "nothing") or (words and found != "unknown"):
        return Hashed(name, bits, words)
    if found == "number":
        return Number(name, 0.0, 1.0, 0.0, flag=True)
    if found == "boolean":
        return Boolean(name, 0.0, flag=True)
    raise DataError(
        f"column {name}: {kind} is neither a number nor a category. Make numbers of it "
        "(year, weekday) or text."
    )


def _refuse_infinite(table: pa.Table, features: Features) -> None:
    for column in features.columns:
        if isinstance(column, Number) and column.name in table.column_names:
            wrong = np.isinf(to_numbers(table[column.name], column.name))
            if wrong.any():
                raise DataError(
                    f"column {column.name}, row {np.argmax(wrong) + 1}: infinite. "
                    "Correct it, or leave it empty if it is missing."
                )
