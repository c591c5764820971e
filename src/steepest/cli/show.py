"""What people read: lines, columns, curves; and the one object that programs read."""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from steepest.records import Run

BARS = "▁▂▃▄▅▆▇█"
SEVERITY_COLOURS = {"info": "cyan", "warning": "yellow", "error": "red"}
SHOWN = 6
"""Numbers of a vector that are shown; JSON has them all."""


def say(text: str = "") -> None:
    """A line of the result, on stdout."""
    click.echo(text, color=_colour())


def tell(text: str) -> None:
    """A message, on stderr."""
    click.echo(text, err=True, color=_colour())


def styled(text: str, colour: str) -> str:
    """The text in a colour, which Click takes away where it does not belong."""
    return click.style(text, fg=colour, bold=True)


def say_json(content: dict[str, Any]) -> None:
    """One JSON object on one line, strict: nan is null; infinities, dates are text."""
    click.echo(json.dumps(_strict(content), allow_nan=False, default=str))


def say_headline(run: Run) -> None:
    """The verdict in one line, in the colour of its weight."""
    colour = "green" if run.converged else "yellow"
    say(styled(run.verdict.headline, "red" if run.stop.failed else colour))


def say_findings(run: Run, command: click.Command) -> None:
    """What to do, for each finding, in the options of the command."""
    for finding in run.verdict.findings:
        label = styled(f"{finding.symptom}:", SEVERITY_COLOURS[finding.severity])
        say(f"{label} {as_options(finding.advice, command)}")


def as_options(text: str, command: click.Command) -> str:
    """Advice, or an error, for Python as one for the command line.

    >>> command = click.Command("fit", params=[click.Option(["--max-steps"])])
    >>> as_options("try max_steps=200, or raise max_steps.", command)
    'try --max-steps 200, or raise --max-steps.'
    """
    options = [p for p in command.params if isinstance(p, click.Option)]
    names = "|".join(str(p.name) for p in options)
    flags = [p.name for p in options if p.is_flag]

    def label(found: re.Match[str]) -> str:
        return f"{found[1]}--{_dashed(found[2])}: "

    def spelt(found: re.Match[str]) -> str:
        name, _, value = found.groups()
        if value is None and "_" not in name:
            return found[0]  # a plain word
        typed = f" {value}" if value and name not in flags else ""
        return f"--{_dashed(name)}{typed}"

    value = r"(?:=('?)([^\s,;']*?)\2)?(?=[.,;:]?(?:\s|$))"
    text = re.sub(rf"(?<![-\w])({names}){value}", spelt, text)
    text = re.sub(rf"(^|': )({names}): ", label, text)
    return text.replace(" or None ", " or none ")


def as_quoted_options(text: str, command: click.Command) -> str:
    """An error about data, which holds words of the user's: only name='value' is ours.

    >>> command = click.Command("fit", params=[click.Option(["--task"])])
    >>> as_quoted_options("task: 3 classes. Use task='multiclass'.", command)
    'task: 3 classes. Use --task multiclass.'
    """
    names = "|".join(str(p.name) for p in command.params)

    def spelt(found: re.Match[str]) -> str:
        return f"--{_dashed(found[1])} {found[2]}"

    return re.sub(rf"(?<![-\w])({names})='([\w.]+)'", spelt, text)


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def say_fields(fields: Sequence[tuple[str, str]]) -> None:
    """Names and what they hold, in two columns; one field may have many lines."""
    width = max(len(name) for name, _ in fields)
    for name, text in fields:
        say(f"  {name:<{width}}  {text}")


def say_scores(metrics: dict[str, dict[str, float]]) -> None:
    """Metrics as a table: a line a metric, a column for each set of rows."""
    names = list(dict.fromkeys(name for scores in metrics.values() for name in scores))
    rows = [["", *metrics]]
    for name in names:
        cells = [score_text(name, scores.get(name)) for scores in metrics.values()]
        rows.append([score_label(name), *cells])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *cells in rows:
        aligned = (f"{c:>{w}}" for c, w in zip(cells, widths[1:], strict=True))
        say("  " + "  ".join([f"{first:<{widths[0]}}", *aligned]))


def say_table(rows: Sequence[Sequence[str]]) -> None:
    """Rows of text under a first row of names; numbers stand right, the last left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for *cells, last in rows:
        aligned = (f"{c:>{w}}" for c, w in zip(cells, widths[:-1], strict=True))
        say("  " + "  ".join([*aligned, last]).rstrip())


def score_label(name: str) -> str:
    """A metric as people write it.

    >>> score_label("roc_auc"), score_label("log_loss")
    ('ROC AUC', 'log loss')
    """
    from steepest.problems.metrics import label_of

    return label_of(name)


def score_text(name: str, score: float | None) -> str:
    """A metric in few digits: errors in the target's unit, the others as shares."""
    if score is None:
        return "-"
    if name in ("rmse", "mae"):
        return f"{score:#.5g}".rstrip(".")
    return f"{round(score, 4) + 0.0:.4f}"


def number_text(number: float) -> str:
    """Ten significant digits.

    >>> number_text(1 / 3)
    '0.3333333333'
    """
    return f"{number:.10g}"


def value_text(value: Any) -> str:
    """A number, or the first numbers of an array.

    >>> import numpy as np
    >>> value_text(np.array([1.0, 0.5]))
    '[1, 0.5]'
    """
    flat = value.ravel().tolist() if hasattr(value, "ravel") else None
    if flat is None or not value.shape:
        return number_text(float(value))
    shown = ", ".join(map(number_text, flat[:SHOWN]))
    return f"[{shown}{', ...' if len(flat) > SHOWN else ''}]{_how_many(flat)}"


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """A curve in one line, on a logarithmic scale where all values are positive.

    Long curves are thinned; the text is empty where the terminal has no such signs.

    >>> sparkline([1.0, 10.0, 100.0])
    '▁▅█'
    """
    finite = [v for v in values if math.isfinite(v)]
    if len(finite) < 2 or not _can_show(BARS):
        return ""
    n = min(width, len(finite))
    picked = [finite[round(k * (len(finite) - 1) / (n - 1))] for k in range(n)]
    if min(picked) > 0:
        picked = [math.log(v) for v in picked]
    size = max(map(abs, picked)) or 1.0  # the span of huge numbers overflows
    picked = [v / size for v in picked]
    low, span = min(picked), max(picked) - min(picked) or 1.0
    top = len(BARS) - 1
    return "".join(BARS[math.floor((v - low) / span * top + 0.5)] for v in picked)


def _how_many(flat: list[float]) -> str:
    return f" ({len(flat):,} numbers)" if len(flat) > SHOWN else ""


def _can_show(text: str) -> bool:
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _colour() -> bool | None:
    """None leaves it to Click: colours on a terminal; see https://no-color.org."""
    return False if os.environ.get("NO_COLOR") else None


def _strict(item: Any) -> Any:
    if isinstance(item, dict):
        return {key: _strict(value) for key, value in item.items()}
    if isinstance(item, list | tuple):
        return [_strict(value) for value in item]
    if isinstance(item, float) and not math.isfinite(item):
        return None if math.isnan(item) else ("inf" if item > 0 else "-inf")
    return item
