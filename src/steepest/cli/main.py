"""The entry point. It imports nothing at the top: Ctrl-C may come while it loads."""

from __future__ import annotations

import sys


def run() -> None:
    """Run the command; a character that the terminal lacks is no reason to fail."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        from steepest.cli.cache import keep_programs
        from steepest.cli.group import cli

        keep_programs()
        cli(prog_name="steepest")
    except KeyboardInterrupt:  # before the command could take it over
        sys.stderr.write("interrupted\n")
        sys.exit(130)
