"""Lazy: names of a package that are imported when they are first asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def from_places(
    package: str, space: dict[str, Any], places: Mapping[str, Sequence[str]]
) -> Callable[[str], Any]:
    """A module's `__getattr__` that fetches each name from where it lives.

    Args:
        package: name of the package, for the error.
        space: its globals, where a fetched name stays.
        places: the names that each module holds.

    Returns:
        The function, which raises AttributeError for any other name.

    >>> get = from_places("here", {}, {"math": ("pi",)})
    >>> round(get("pi"), 2)
    3.14
    """
    homes = {name: place for place, names in places.items() for name in names}

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        space[name] = getattr(importlib.import_module(homes[name]), name)
        return space[name]

    return get
