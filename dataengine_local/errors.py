"""Errors of the local DataEngine runtime, each with a stable `code`."""

from __future__ import annotations

from typing import ClassVar


class DataEngineError(Exception):
    """Base of this package's errors.

    Attributes:
        code: Stable, upper-case name; messages may change, codes do not.
    """

    code: ClassVar[str] = "LOCAL_RUNTIME"


class LocalRuntimeError(DataEngineError):
    """The local runtime, or a tool that talks to it, cannot do what was asked; the message gives the next step."""


class EventError(DataEngineError):
    """The request is not a CloudEvent, or one that the platform refuses; the message says what was found."""

    code = "EVENT"


def has_code(error: BaseException) -> bool:
    """Whether an exception is one of a function's own, with a `code`: its text is logged without a traceback."""
    return isinstance(error, Exception) and isinstance(getattr(error, "code", None), str)
