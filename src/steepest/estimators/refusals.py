"""scikit-learn's checks of arrays, with the place of what they refuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.utils.validation import _check_sample_weight, validate_data

from steepest.core.errors import DataError, UsageError
from steepest.core.numbers import is_number, is_whole
from steepest.core.suggest import did_you_mean
from steepest.data.arrays import NAN_WORDS
from steepest.data.sparse_rows import check_indices
from steepest.problems.losses import Loss

Array = np.ndarray[Any, Any]
LARGEST = 1e150
"""Squares of larger numbers come near the end of float64."""


def checked(estimator: Any, X: Any, y: Any, **options: Any) -> Any:
    """X, or (X, y), as arrays of finite numbers.

    Args:
        estimator: whose rows they are.
        X: (n, d) rows, dense or sparse.
        y: (n,) targets or labels, "no_validation" for none.
        **options: of scikit-learn's `validate_data`.

    Raises:
        DataError: nan, infinite or missing values, with their place; indices of sparse
            rows that point outside.
        ValueError: anything else that scikit-learn refuses.
    """
    if scipy.sparse.issparse(X):
        check_indices(X)  # scikit-learn does not, and the kernels would trust them
    gap = None if isinstance(y, str) else missing_label(y)
    if gap is not None:
        raise DataError(f"{gap}. Leave out the rows that lack a target.")
    try:
        return validate_data(estimator, X, y, **options)
    except ValueError as error:
        place = not_finite(X, "X")
        if place is not None:
            raise DataError(
                f"{place}. Fill it in (SimpleImputer in a pipeline) or leave the row "
                "out; steepest.fit takes tables with gaps."
            ) from error
        place = not_number(X)
        if place is not None:
            raise DataError(
                f"{place}. Encode text before (OneHotEncoder, or steepest's "
                "HashingEncoder), or use steepest.fit, which encodes tables."
            ) from error
        place = None if isinstance(y, str) else not_finite(y, "y")
        if place is not None:
            raise DataError(
                f"{place}. Leave out the rows that lack a target."
            ) from error
        raise


def checked_weights(sample_weight: Any, X: Any) -> Array:
    """(n,) float64 weights of the rows, 1 each where none are given.

    Args:
        sample_weight: (n,) >= 0, some above 0; a number; or None.
        X: (n, d) rows.

    Raises:
        DataError: a weight that is negative or not finite, with its place.
        ValueError: anything else that scikit-learn refuses.
    """
    try:
        return _check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )
    except ValueError as error:
        place = not_finite(sample_weight, "sample_weight")
        place = place or negative(sample_weight, "sample_weight")
        if place is None:
            raise
        raise DataError(f"{place}: weights must be finite and not negative.") from error


def check_options(estimator: Any) -> None:
    """Refuse epochs and a tol that cannot be meant.

    Args:
        estimator: whose options they are.

    Raises:
        UsageError: such an option.
    """
    epochs, tol = estimator.epochs, estimator.tol
    if epochs is not None and not (is_whole(epochs) and epochs >= 1):
        raise UsageError(f"epochs={epochs!r}: must be a whole number >= 1, or None.")
    if not (is_number(tol) and 0 <= tol < np.inf):
        raise UsageError(f"tol={tol!r}: must be >= 0 and finite.")


def check_validation(validation: Any) -> Any:
    """What rows are held out: a share above 0, a tuple of rows, or None.

    Raises:
        UsageError: anything else.

    >>> check_validation(0), check_validation(0.2)
    (None, 0.2)
    """
    share = is_number(validation) and 0 <= validation < 1
    given = isinstance(validation, tuple) and len(validation) in (2, 3)
    if validation is None or share or given:
        return None if share and not validation else validation
    raise UsageError(
        f"validation={validation!r:.60}: must be a share in [0, 1), a tuple (X, y) or "
        "(X, y, sample_weight), or None."
    )


def check_class_weight(class_weight: Any, labels: Any) -> dict[Any, float]:
    """The weights by label; none for "balanced" and None.

    Args:
        class_weight: as the user gave it.
        labels: all that there are; None where others may come.

    Raises:
        UsageError: another word, a weight that is negative or not finite, a label
            that is not there.

    >>> check_class_weight({"a": 2}, ["a", "b"])
    {'a': 2}
    """
    if class_weight is None or class_weight == "balanced":
        return {}
    if not isinstance(class_weight, Mapping):
        raise UsageError(
            f"class_weight={class_weight!r:.60}: must be 'balanced', a dict of label "
            "to weight, or None."
        )
    for label, weight in class_weight.items():
        if not (is_number(weight) and 0 <= weight < np.inf):
            raise UsageError(
                f"class_weight of {label!r}: {weight!r} must be >= 0 and finite."
            )
        if labels is not None and label not in labels:
            names = [str(one) for one in labels]
            near = did_you_mean(str(label), names)
            raise UsageError(f"class_weight: {label!r} is not a label of y. {near}")
    return dict(class_weight)


def refuse_one_class(labels: Array, places: Array, weight: Array) -> None:
    """Refuse rows of which only one class counts.

    Args:
        labels: (k,) of the classes.
        places: (n,) class of each row.
        weight: (n,) of the rows.

    Raises:
        DataError: one class alone, or one alone that weighs more than 0.
    """
    total = np.bincount(places, weight, minlength=len(labels))
    if np.count_nonzero(total) >= 2:
        return
    if len(labels) > 1:
        weighs = " that weighs more than 0"
        label = labels[int(np.argmax(total))]
    else:
        weighs, label = "", labels[0]
    raise DataError(
        f"y holds one class only{weighs} ({label}): a classifier needs samples of at "
        "least 2 classes."
    )


def refuse_embedding(loss: Loss) -> None:
    """Refuse a loss of embeddings, whose outputs are no scores of classes.

    Args:
        loss: of a network.

    Raises:
        UsageError: such a loss.
    """
    if loss.embeds:
        raise UsageError(
            f"loss={str(loss)!r}: learns an embedding, which estimators have not; "
            "steepest.fit takes it, and its result has transform."
        )


def check_labels(y: Array) -> Array:
    """The labels, if they can be ordered.

    Args:
        y: (n,) labels.

    Raises:
        DataError: labels of types that have no common order.

    >>> check_labels(np.array(["b", "a"])).tolist()
    ['b', 'a']
    """
    try:
        if y.dtype == object:
            np.unique(y)
    except TypeError as error:
        kinds = sorted({type(label).__name__ for label in y})
        raise DataError(
            f"y holds labels of different types ({', '.join(kinds)}). Make them all "
            "text or all numbers."
        ) from error
    return y


def refuse_other_type(known: Array, labels: Array) -> None:
    """Refuse labels that would become text beside those that are known, or the reverse.

    Args:
        known: labels met before.
        labels: those that come.

    Raises:
        DataError: text beside numbers.
    """
    texts = [_is_text(part) for part in (known, labels)]
    if texts[0] != texts[1]:
        had, came = ("text" if text else "numbers" for text in texts)
        raise DataError(
            f"y holds labels that are {came}, such as {labels[0]}; those met before "
            f"are {had}, such as {known[0]}. Give labels of one type."
        )


def _is_text(labels: Array) -> bool:
    return isinstance(labels[0], str)


def refuse_huge(scale: Any, y: Array) -> None:
    """Refuse columns and targets whose squares overflow.

    Args:
        scale: a Scale.
        y: (n,) target.

    Raises:
        DataError: naming the first.
    """
    wrong = ~(np.isfinite(scale.size) & np.isfinite(scale.mean))
    if wrong.any():
        raise DataError(
            f"X[:, {np.argmax(wrong)}]: the squares of its values overflow. Divide the "
            "column, or pass float64."
        )
    largest = np.abs(y).max()
    if largest > LARGEST:
        raise DataError(f"y holds {largest:g}, whose square overflows. Divide y.")


def missing_label(y: Any) -> str | None:
    """Where the first label is missing: None, nan, NA, or the word nan.

    >>> missing_label(["a", float("nan")])
    'y[1] is nan: a missing label'
    """
    labels = y if isinstance(y, list | tuple) else np.asarray(y)
    if isinstance(labels, np.ndarray) and (
        labels.ndim != 1 or labels.dtype.kind not in "OU"
    ):
        return None
    if isinstance(labels, np.ndarray) and labels.dtype.kind == "U":
        found = np.flatnonzero([(labels == word).any() for word in NAN_WORDS])
        if not found.size:
            return None
    at = next((i for i, label in enumerate(labels) if _is_missing(label)), None)
    return None if at is None else f"y[{at}] is {labels[at]}: a missing label"


def _is_missing(label: Any) -> bool:
    if isinstance(label, str):
        return label in NAN_WORDS
    return label is None or str(label) in NAN_WORDS


def not_finite(values: Any, name: str) -> str | None:
    """Where the first value is that is nan or infinite; None if there is none.

    Args:
        values: an array, a frame, sparse rows, or anything else.
        name: of the values.

    >>> not_finite([[1.0, 2.0], [3.0, float("nan")]], "X")
    'X[1, 1] is NaN'
    """
    if scipy.sparse.issparse(values):
        rows: Any = scipy.sparse.coo_array(values)
        bad = np.flatnonzero(~np.isfinite(rows.data))
        if not bad.size:
            return None
        at = bad[np.lexsort([c[bad] for c in reversed(rows.coords)])[0]]
        return _told(name, [c[at] for c in rows.coords], rows.data[at], None)
    array = _numbers(values)
    if array is None or np.isfinite(array).all():
        return None
    at = tuple(np.argwhere(~np.isfinite(array))[0])
    return _told(name, at, float(array[at]), getattr(values, "columns", None))


def not_number(X: Any) -> str | None:
    """Where the first value is that is text and no number; None if there is none.

    >>> not_number([[1, "2"], ["red", 3]])
    "X[1, 0] is 'red', which is no number"
    """
    if scipy.sparse.issparse(X) or np.asarray(X).dtype.kind not in "OU":
        return None
    for at, value in np.ndenumerate(np.asarray(X, object)):
        try:
            float(value)
        except (TypeError, ValueError):
            place = ", ".join(map(str, at))
            return f"X[{place}] is {value!r:.60}, which is no number"
    return None


def negative(values: Any, name: str) -> str | None:
    """Where the first value below 0 is; None if there is none.

    >>> negative([1.0, -2.0], "sample_weight")
    'sample_weight[1] is -2'
    """
    array = _numbers(values)
    if array is None or not (array < 0).any():
        return None
    at = tuple(np.argwhere(array < 0)[0])
    return _told(name, at, float(array[at]), None)


def _numbers(values: Any) -> Array | None:
    """The values as float64, None where they are not real numbers."""
    if values is None or np.asarray(values).dtype.kind == "c":
        return None
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError):
        return None


def _told(name: str, at: Any, value: float, columns: Any) -> str:
    place = ", ".join(str(int(i)) for i in at)
    what = "NaN" if np.isnan(value) else f"{value:g}"
    column = "" if columns is None else f", in column {columns[int(at[1])]!r},"
    return f"{name}[{place}]{column} is {what}"
