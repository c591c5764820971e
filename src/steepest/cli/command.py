"""A command whose words may begin with a minus, and whose help has sections."""

from __future__ import annotations

import itertools
from typing import Any

import click

from steepest.cli.show import as_options, as_quoted_options
from steepest.core.errors import DataError, UsageError

HELP = "Help"
"""The section that comes last."""


class Option(click.Option):
    """An option that knows under which title the help shows it.

    Args:
        section: the title.
    """

    def __init__(self, *args: Any, section: str = "Options", **options: Any) -> None:
        super().__init__(*args, **options)
        self.section = section


class Command(click.Command):
    """A command of steepest.

    Args:
        examples: command lines to learn from, shown at the end of the help.
    """

    def __init__(self, *args: Any, examples: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        self.examples = examples.strip().splitlines()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take every word that is no option for an argument: `-(x-1)^2` is one."""
        options, words = self._part(ctx, args)
        lacking = options[-1:] and options[-1] in self._takers(ctx)
        if lacking or not words:  # Click says what is missing
            return super().parse_args(ctx, options)
        return super().parse_args(ctx, [*options, "--", *words])

    def invoke(self, ctx: click.Context) -> Any:
        """Run; what was wrong with an option is told in the options of the command."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            raise UsageError(as_options(str(error), self)) from error
        except DataError as error:
            if type(error) is not DataError:
                raise
            raise DataError(as_quoted_options(str(error), self)) from error

    def _part(self, ctx: click.Context, args: list[str]) -> tuple[list[str], list[str]]:
        """(options with their values, other words)."""
        known = {name for p in self.get_params(ctx) for name in p.opts}
        takers = self._takers(ctx)
        options: list[str] = []
        words: list[str] = []
        rest = iter(args)
        for word in rest:
            if word == "--":
                words.extend(rest)
            elif word in takers:
                options.extend([word, *itertools.islice(rest, 1)])
            elif word.startswith("--") or (word.startswith("-") and word in known):
                options.append(word)
            else:
                words.append(word)
        return options, words

    def _takers(self, ctx: click.Context) -> set[str]:
        """The options that take a value."""
        return {
            name
            for p in self.get_params(ctx)
            if isinstance(p, click.Option) and not p.is_flag
            for name in p.opts
        }

    def format_options(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """The options under their titles, in the order they were declared."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if isinstance(param, click.Option) and record is not None:
                title = getattr(param, "section", HELP)
                sections.setdefault(title, []).append(record)
        for title in sorted(sections, key=HELP.__eq__):
            with formatter.section(title):
                formatter.write_dl(sections[title])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples."""
        del ctx
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples:
                    formatter.write(f"  {line.strip()}\n")
