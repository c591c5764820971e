"""Those who look on while a run goes: files of rows, checkpoints, a progress bar."""

from steepest.descent.watchers.checkpoints import Checkpoints, check_often
from steepest.descent.watchers.progress import progress_bar
from steepest.descent.watchers.trace_file import TraceFile
from steepest.descent.watchers.writing import Writing

__all__ = ["Checkpoints", "TraceFile", "Writing", "check_often", "progress_bar"]
