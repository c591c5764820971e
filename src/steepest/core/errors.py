"""Errors that say what we got, what we need and what to do.

Each class carries the exit code of the command line, so a code is decided once.
"""

from __future__ import annotations


class SteepestError(Exception):
    """Anything steepest refuses or cannot do. The base of all its errors."""

    exit_code = 1


class UsageError(SteepestError, ValueError):
    """An option or argument that cannot be used as given."""

    exit_code = 2


class DataError(SteepestError, ValueError):
    """A table, file, formula or saved model that cannot be used as it is."""

    exit_code = 5


class SaveWarning(UserWarning):
    """What a run is could not be written down; the run itself goes on."""


class LostWarning(SaveWarning):
    """The result itself is not saved: it is lost with the process."""


class ResumeWarning(UserWarning):
    """A part of an earlier run cannot be used; the run goes on from what can be."""


class FormulaError(DataError):
    """A formula that cannot be read; the message marks the place with a caret.

    Args:
        message: what is wrong and what to write instead.
        text: the formula as typed.
        column: zero-based column of the offending character.

    >>> print(FormulaError("unknown variable", "x + q", 4))
    unknown variable
      x + q
          ^
    """

    def __init__(self, message: str, text: str = "", column: int | None = None) -> None:
        self.text, self.column = text, column
        if text and column is not None:
            message = f"{message}\n  {text}\n  {' ' * column}^"
        super().__init__(message)
