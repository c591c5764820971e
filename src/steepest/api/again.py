"""Running the same anew with other options: what a remedy is tried by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from steepest.problems.models import model_from_json

SILENT = {"progress": False, "save": None}
OF_RULES = ("learning_rate", "schedule")
"""Options that say nothing to another rule, as its own numbers do not."""


class Again:
    """Makes a run anew with other options, silently and without saving it.

    Another optimizer does not inherit the rate and the numbers of the one before.

    Args:
        door: minimize, maximize or fit.
        subject: the objective, or the data.
        options: every option of the door by name, with its start or target; those of
            the optimizer under "hyper".

    >>> from steepest.api import minimize
    >>> run = minimize("x**2", {"x": 1.0}, optimizer="gd", learning_rate=0.1,
    ...                max_steps=3)
    >>> run.again(learning_rate=0.5).value
    0.0
    """

    def __init__(
        self, door: Callable[..., Any], subject: Any, options: Mapping[str, Any]
    ) -> None:
        self.door, self.subject, self.options = door, subject, dict(options)

    def __call__(self, **changes: Any) -> Any:
        """The Run, or of a fit the Fitted.

        Args:
            **changes: options that are to be others than they were; a model may be
                plain data, as `Model.to_json` writes it.

        Raises:
            UsageError, DataError: as the door.
        """
        return self.door(self.subject, **self.with_changes(changes))

    def with_changes(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Every option of the door, changes made.

        Args:
            changes: options by name.
        """
        options = dict(self.options)
        hyper = options.pop("hyper")
        if changes.get("optimizer", options["optimizer"]) != options["optimizer"]:
            hyper = {}
            options |= dict.fromkeys(OF_RULES)
        options |= {**SILENT, **hyper, **changes}
        if isinstance(options.get("model"), Mapping):
            options["model"] = model_from_json(options["model"])
        return options
