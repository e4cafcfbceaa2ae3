"""Errors of the local VAST DataBase, each with a stable `code`, and what DuckDB's error texts mean."""

from __future__ import annotations

import re
from enum import Enum
from typing import ClassVar


class FileTrouble(Enum):
    """Faults of the DuckDB file, recognised by the text of DuckDB's error, whose class is the same for all of them."""

    IN_USE = re.compile(r"could not set lock|conflicting lock", re.IGNORECASE)
    DISK_FULL = re.compile(r"no space left|file too large|disk quota exceeded|out of disk", re.IGNORECASE)
    CORRUPT = re.compile(r"corrupt|checksum|read enough bytes|serialization error", re.IGNORECASE)
    NO_DUCKDB_FILE = re.compile(r"not a valid duckdb database file", re.IGNORECASE)
    NEWER_DUCKDB = re.compile(r"read a database file with version number", re.IGNORECASE)
    BROKEN = re.compile(r"could not (?:write|read|fsync|truncate)|has been invalidated", re.IGNORECASE)

    @classmethod
    def of(cls, error: Exception) -> FileTrouble | None:
        """The first fault that matches an error's text."""
        text = re.sub(r'"[^"]*"', "", str(error))  # without the name of the file
        return next((trouble for trouble in cls if trouble.value.search(text)), None)


class LocalDatabaseError(Exception):
    """The local database cannot be served; the message names the file or port and the next step.

    Attributes:
        code: Stable, upper-case name; messages may change, codes do not.
    """

    code: ClassVar[str] = "LOCALDB"
