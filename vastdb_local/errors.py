"""Errors of the local VAST DataBase, each with a stable `code`."""

from __future__ import annotations

from typing import ClassVar


class VastDBLocalError(Exception):
    """Base of this package's errors.

    Attributes:
        code: Stable, upper-case name; messages may change, codes do not.
    """

    code: ClassVar[str] = "LOCALDB"


class LocalDatabaseError(VastDBLocalError):
    """The local database cannot be served; the message names the file or port and the next step."""
