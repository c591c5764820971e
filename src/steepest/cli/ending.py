"""How a command ends: errors as one message on stderr, and the exit code."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from steepest.cli import interrupts
from steepest.cli.show import styled, tell
from steepest.core.errors import (
    LostWarning,
    ResumeWarning,
    SaveWarning,
    SteepestError,
)

if TYPE_CHECKING:
    from steepest.records import Run

FAILED, NOT_CONVERGED, BLEW_UP = 1, 3, 4
_lost: list[str] = []
"""Results of the command that runs which are not saved."""


def exit_code(run: Run, *, strict: bool) -> int:
    """The exit code of a run that came to an end.

    Args:
        run: the run.
        strict: whether a run that did not converge is a failure.
    """
    if run.stop.failed:
        return BLEW_UP
    if run.stop.name == "INTERRUPTED":
        return interrupts.exit_code()
    return NOT_CONVERGED if strict and not run.converged else 0


def tell_resumable(run: Run, saved: str | None) -> None:
    """How to go on with a run that was interrupted and saved."""
    if saved is not None and run.stop.name == "INTERRUPTED":
        tell(f"Interrupted. To go on from here: steepest resume {shlex.quote(saved)}")


def unsaved(saved: str | None) -> bool:
    """Whether a result that was to be saved is not: so it was told."""
    return saved is not None and bool(_lost)


@contextlib.contextmanager
def _telling() -> Iterator[list[str]]:
    """Warnings of steepest's own as lines on stderr; the list takes what is lost."""
    _lost.clear()

    def show(message: Warning | str, category: type[Warning], *rest: Any) -> None:
        if not issubclass(category, SaveWarning | ResumeWarning):
            before(message, category, *rest)
            return
        tell(f"{styled('warning:', 'yellow')} {message}")
        if issubclass(category, LostWarning):  # rows or a checkpoint are made up for
            _lost.append(str(message))

    with warnings.catch_warnings():
        for kind in (SaveWarning, ResumeWarning):
            warnings.simplefilter("always", kind)
        before, warnings.showwarning = warnings.showwarning, show
        yield _lost


def ended(work: Callable[[], Any]) -> int:
    """Do the work; the exit code it returns, or that of the error it ran into."""
    try:
        with interrupts.guarded(), _telling() as lost:
            return work() or (FAILED if lost else 0)
    except click.Abort:
        tell(styled("interrupted", "yellow"))
        return interrupts.exit_code()
    except click.ClickException as error:
        _tell_error(error.format_message())
        if isinstance(error, click.UsageError) and error.ctx is not None:
            tell(f"See '{error.ctx.command_path} --help'.")
        return error.exit_code
    except SteepestError as error:
        _tell_error(str(error))
        return error.exit_code
    except OSError as error:
        if not _is_of_stdout(error):
            return _unforeseen(error)
        _drop_stdout()
        _tell_error(f"cannot write to stdout: {error.strerror}")
        return FAILED
    except Exception as error:  # what nobody foresaw
        return _unforeseen(error)


def _unforeseen(error: Exception) -> int:
    """Said shortly, shown on demand."""
    if os.environ.get("STEEPEST_DEBUG"):
        tell(traceback.format_exc().rstrip())
    what = " ".join(f"{type(error).__name__}: {error}".split())
    hint = "set STEEPEST_DEBUG=1 to see the traceback"
    tell(f"{styled('internal error:', 'red')} {what}; {hint}")
    return FAILED


def _is_of_stdout(error: OSError) -> bool:
    """Whether it was printing that failed: files are not written by click.echo."""
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_code is click.echo.__code__ for frame, _ in frames)


def _drop_stdout() -> None:
    """Throw away what waits for stdout: Python would fail again at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _tell_error(message: str) -> None:
    tell(f"{styled('error:', 'red')} {message}")
