"""RESULTS.md: dated tables, each under the command that makes it."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
import shlex
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

BENCH = Path(__file__).parent
RESULTS = BENCH / "RESULTS.md"
HEAD = """# Results

Each table stands under the command that makes it; `--record` replaces it here. The
machine is shared, so compare within a table, never between two dates.
"""


def versions(packages: Sequence[str]) -> str:
    """Python's and the packages' versions in one line; what is absent is left out.

    >>> versions(["steepest", "no-such-package"])
    'Python 3..., steepest 0...'
    """
    found = [f"Python {platform.python_version()}"]
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table: the first column to the left, numbers to the right.

    >>> print(table(["method", "share"], [["gd", 0.25]]))
    | method | share |
    |:-------|------:|
    | gd     |  0.25 |
    """
    lines = [[str(cell) for cell in line] for line in [head, *rows]]
    wide = [max(len(line[i]) for line in lines) for i in range(len(head))]
    rule = [":" + "-" * (wide[0] + 1), *("-" * (w + 1) + ":" for w in wide[1:])]

    def row(cells: list[str]) -> str:
        first, *rest = zip(cells, wide, strict=True)
        padded = [first[0].ljust(first[1]), *(cell.rjust(w) for cell, w in rest)]
        return f"| {' | '.join(padded)} |"

    return "\n".join([row(lines[0]), f"|{'|'.join(rule)}|", *map(row, lines[1:])])


def record(title: str, body: str, *, packages: Sequence[str]) -> None:
    """Put a section in RESULTS.md in place of the one of the same title.

    Args:
        title: names the section.
        body: its tables and sentences.
        packages: whose versions are told.
    """
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else HEAD
    write_whole(RESULTS, placed(text, title, section(title, body, packages)))


def section(title: str, body: str, packages: Sequence[str]) -> str:
    """A dated section: where, with what and by which command it was measured."""
    module = getattr(sys.modules["__main__"], "__spec__", None)
    name = module.name.removesuffix(".__main__") if module else Path(sys.argv[0]).name
    command = shlex.join(["python", "-m", name, *sys.argv[1:]])
    date = dt.datetime.now(dt.UTC).date().isoformat()
    where = f"{os.cpu_count()} shared cores, {platform.system()} {platform.machine()}"
    told = f"{date}, {where}; {versions(packages)}."
    return f"## {title}\n\n```bash\n{command}\n```\n\n{told}\n\n{body.strip()}\n"


def placed(text: str, title: str, new: str) -> str:
    r"""The text with a section put in place of the one of its title, or at the end.

    >>> placed("# R\n\n## a\n\nold\n\n## b\n\nkept\n", "a", "## a\n\nnew\n")
    '# R\n\n## a\n\nnew\n\n## b\n\nkept\n'
    """
    head, *sections = re.split(r"(?m)^(?=## )", text)
    titles = [part.splitlines()[0].removeprefix("## ") for part in sections]
    if title in titles:
        sections[titles.index(title)] = new
    else:
        sections.append(new)
    return "\n".join(part.strip() + "\n" for part in [head, *sections])


def write_whole(path: Path, text: str) -> None:
    """Whole or not at all."""
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)
