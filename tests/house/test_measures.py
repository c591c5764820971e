"""The house measures that no linter holds: sizes, pins, scripts, README."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
MOST_LINES_IN_A_FILE = 300
MOST_LINES_IN_A_FUNCTION = 60

SOURCES = sorted(
    path
    for folder in ("src", "tests", "bench", "docs", "examples")
    for path in (ROOT / folder).rglob("*.py")
)
NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def lines_of_code(text: str) -> set[int]:
    """The numbers of the lines that are no docstring, comment or blank line."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, Documented) and ast.get_docstring(node) is not None:
            lines.difference_update(
                range(node.body[0].lineno, end_of(node.body[0]) + 1)
            )
    return lines


def end_of(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def long_functions(text: str, most: int) -> list[str]:
    lines = lines_of_code(text)
    return [
        f"{node.name}: {size} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (size := len(lines & set(range(node.lineno, end_of(node) + 1)))) > most
    ]


def test_the_measure_counts_code_only():
    text = (
        '"""Two\nlines."""\n\n# why\nx = """a\nb"""\n\n'
        'def f():\n    """Doc."""\n    return (\n        1\n    )\n'
    )
    assert lines_of_code(text) == {5, 6, 8, 10, 11, 12}
    assert long_functions(text, most=3) == ["f: 4 lines"]
    assert long_functions(text, most=4) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sizes(path):
    text = path.read_text(encoding="utf-8")
    size = len(lines_of_code(text))
    assert size <= MOST_LINES_IN_A_FILE, f"{size} lines of code: part the file"
    assert long_functions(text, MOST_LINES_IN_A_FUNCTION) == []


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    entries = [line for line in lines if line and not line.startswith("#")]
    # A name and a version: no address, no file, no option.
    for entry in entries:
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", entry), entry
    return dict(entry.split("==") for entry in entries)


def test_every_requirement_is_pinned_within_its_bounds():
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    extras = project["optional-dependencies"].values()
    required = [
        *project["dependencies"],
        *(entry for extra in extras for entry in extra),
    ]
    pinned = pins()
    for requirement in map(Requirement, required):
        assert requirement.specifier.contains(
            pinned[canonicalize_name(requirement.name)]
        )


def test_no_address_stands_in_the_constraints():
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert not re.search(r"://|@|--|\bfile:|index", text)


def readme_commands() -> list[str]:
    """The commands in the README's blocks, in order, a leading `$` left out."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:bash|sh|shell|console)\n(.*?)^```", text, re.S | re.M)
    lines = [line.removeprefix("$ ") for line in "".join(blocks).splitlines()]
    return [line for line in lines if line.startswith(("bash ", "steepest "))]


def test_readme_opens_with_the_two_commands():
    scripts = [
        line.split()[1] for line in readme_commands() if line.startswith("bash ")
    ]
    assert scripts[:2] == ["script/demo", "script/test"]
    assert all((ROOT / script).is_file() for script in scripts)


def test_readme_names_only_commands_that_exist():
    shown = {
        line.split()[1] for line in readme_commands() if line.startswith("steepest ")
    }
    assert {"fit", "minimize"} <= shown
    answer = subprocess.run(
        [sys.executable, "-m", "steepest", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    listed = answer.stdout.partition("Commands:")[2]
    known = set(re.findall(r"^\W*([a-z]+)\b", listed, re.M))
    assert shown <= known


def test_contributing_names_only_places_that_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    places = re.findall(r"\b(?:src|tests|script|examples|bench)/[\w./]*\w", text)
    assert len(places) > 10
    assert [place for place in places if not (ROOT / place).exists()] == []
