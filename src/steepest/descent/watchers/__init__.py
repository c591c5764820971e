"""Those who look on while a run goes: a file of rows, a progress bar."""

from steepest.descent.watchers.progress import progress_bar
from steepest.descent.watchers.trace_file import TraceFile

__all__ = ["TraceFile", "progress_bar"]
