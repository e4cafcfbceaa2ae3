"""Entries of docs/failures.md: `pytest.mark.failure(section, case, outcome, what_to_do)`, and the fixture `documented`.

Each value in backticks of an outcome must be passed to `documented` by the marked test (for `A|B`, one of the two);
otherwise the test fails. `./run docs` generates the page from the marks (docs/build/failures.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable


def values(outcome: str) -> list[frozenset[str]]:
    """The values in an outcome's text; each element is a list of alternatives, one of which a test must find."""
    return [frozenset(found.split("|")) for found in re.findall(r"`([^`]+)`", outcome)]


class Documented:
    """The values in the entries of one test, and the values that the test has found."""

    def __init__(self, outcomes: Iterable[str]) -> None:
        self._promised = [choice for outcome in outcomes for choice in values(outcome)]
        self._found: set[str] = set()

    def __call__(self, *found: object) -> None:
        """Assert that each value is in an entry, and record that it was found."""
        promised = frozenset().union(*self._promised)
        for value in map(str, found):
            assert value in promised, f"found {value}; docs/failures.md promises {sorted(promised)}"
            self._found.add(value)

    @property
    def unproved(self) -> list[str]:
        """The values that were not found."""
        return ["|".join(sorted(choice)) for choice in self._promised if not choice & self._found]
