"""The VAST release of the server, by which the SDK enables features and the server refuses newer ones."""

from __future__ import annotations

import re
from typing import NamedTuple

from vastdb_local.errors import LocalDatabaseError


class Version(NamedTuple):
    """A release as the `Server` header names it: `vast 5.5.0.0`."""

    major: int
    minor: int
    patch: int
    protocol: int

    def __str__(self) -> str:
        return ".".join(map(str, tuple(self)))


SORTED_TABLES = Version(5, 3, 5, 0)  # the first release with sorted tables, which VAST also calls Elysium
PARTITIONED_TABLES = Version(5, 5, 0, 0)


def parse_version(text: str) -> Version:
    """A version from text such as `5.3.4` or `5.5.0.0`.

    Raises:
        LocalDatabaseError: It is not three or four numbers.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+(\.\d+)?", text):
        raise LocalDatabaseError(f"server version {text!r} is not like 5.5.0 or 5.5.0.0")
    major, minor, patch, *protocol = map(int, text.split("."))
    return Version(major, minor, patch, *protocol) if protocol else Version(major, minor, patch, 0)
