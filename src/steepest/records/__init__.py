"""What flows through steepest: states, rows, traces, stops, verdicts, runs."""

from steepest.records.row import Row
from steepest.records.run import Run
from steepest.records.state import Cursor, Seen, State, Watch
from steepest.records.stop import Stop, Stopping
from steepest.records.trace import Trace, Validation
from steepest.records.verdict import Finding, Verdict

__all__ = [
    "Cursor",
    "Finding",
    "Row",
    "Run",
    "Seen",
    "State",
    "Stop",
    "Stopping",
    "Trace",
    "Validation",
    "Verdict",
    "Watch",
]
