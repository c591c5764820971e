"""How a command ends: errors as one message on stderr, and the exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from steepest.cli import interrupts
from steepest.cli.show import styled, tell
from steepest.core.errors import SteepestError

if TYPE_CHECKING:
    from steepest.records import Run

FAILED, NOT_CONVERGED, BLEW_UP = 1, 3, 4


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


def ended(work: Callable[[], Any]) -> int:
    """Do the work; the exit code it returns, or that of the error it ran into."""
    try:
        with interrupts.guarded():
            return work() or 0
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
