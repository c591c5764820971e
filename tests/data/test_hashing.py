"""Hashed columns beside scikit-learn's FeatureHasher, which has the same hash."""

import re

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction import FeatureHasher

from steepest.core.errors import UsageError
from steepest.data.hashing import check_bits, hashed_values, is_prose, places
from steepest.data.wide import Hashed

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)


def theirs(rows, bits, **options):
    options = {"dtype": np.float32, **options}
    return FeatureHasher(1 << bits, **options).transform(rows).toarray()


@given(keys=st.lists(WORDS, min_size=1), bits=st.integers(1, 24))
def test_places_and_signs_are_those_of_scikit_learn(keys, bits):
    column, sign = places(keys, bits)
    rows = scipy.sparse.csr_array(
        (sign, column, np.arange(len(keys) + 1)), shape=(len(keys), 1 << bits)
    )
    hasher = FeatureHasher(1 << bits, input_type="string", dtype=np.float32)
    assert (rows != hasher.transform([[key] for key in keys])).nnz == 0


def test_a_category_is_an_entry_a_row():
    values = ["red", "blue", "red", "grün", ""]
    rows = Hashed("colour", 6, words=False).encode(pa.chunked_array([values[:4]]))
    np.testing.assert_array_equal(abs(rows).sum(axis=1), 1)
    want = theirs([{"colour": value} for value in values[:4]], 6)
    np.testing.assert_array_equal(rows.toarray(), want)


def test_words_are_counted_in_lower_case():
    texts = ["A good, GOOD film!", "nicht so gut; größer", "don't", "...", "5 stars_2"]
    rows = Hashed("said", 10, words=True).encode(pa.chunked_array([texts]))
    tokens = [[f"said={w}" for w in re.findall(r"\w+", t.lower())] for t in texts]
    want = theirs(tokens, 10, input_type="string")
    np.testing.assert_array_equal(rows.toarray(), want)
    assert rows.has_canonical_format


@pytest.mark.parametrize("words", [False, True])
def test_missing_is_a_value_of_its_own(words):
    column = pa.chunked_array([["missing", None, "", "x"]])
    rows = Hashed("c", 16, words=words).encode(column).toarray()
    np.testing.assert_array_equal(rows[1], rows[2])
    np.testing.assert_array_equal(abs(rows).sum(axis=1), 1)
    assert (rows[0] != rows[1]).any()


def test_equal_values_of_two_columns_are_different():
    text = pa.chunked_array([["x"]])
    assert hashed_values(text, "a", 20)[0] != hashed_values(text, "b", 20)[0]


def test_signs_keep_inner_products_unbiased():
    # <h(x), h(y)> is <x, y> on average over hashes, here over names of the column,
    # with variance of about |x|^2 |y|^2 / 2^b; without signs it would be biased.
    bits, values = 5, [f"v{i}" for i in range(20)]
    found = []
    for name in range(2000):
        column, sign = places([f"{name}={value}" for value in values], bits)
        rows = np.zeros((2, 1 << bits))
        np.add.at(rows[0], column[:15], sign[:15])
        np.add.at(rows[1], column[5:], sign[5:])
        found.append(rows[0] @ rows[1])
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found) - 10) < 4 * error
    assert np.std(found) < 1.2 * np.sqrt(15 * 15 / 2**bits) * np.sqrt(2)


@pytest.mark.parametrize("bits", [0, 25, -1, 1.5, True, "18", float("nan")])
def test_bits_out_of_range_are_refused(bits):
    with pytest.raises(UsageError, match="from 1 to 24"):
        check_bits(bits)


@pytest.mark.parametrize(
    ("values", "n_rows", "prose"),
    [
        (["a fine film", "not my taste at all"], 2, True),
        (["a fine film", "not my taste at all"], 4, False),  # values that come again
        (["Delta", "United", "New York"], 3, False),
    ],
)
def test_prose_is_several_words_that_hardly_come_again(values, n_rows, prose):
    assert is_prose(values, n_distinct=len(values), n_rows=n_rows) is prose
