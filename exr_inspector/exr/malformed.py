"""Why a value stays bytes, and text of names that may be no text. What attributes and channel lists share."""

from __future__ import annotations

# How two reasons for keeping a value as bytes begin: what is to be made of them depends on which it is.
NOT_UTF8 = "not UTF-8"
NAME_CUT = "no end of the name of channel"


class Malformed(ValueError):
    """The bytes of one value do not fit its type; never leaves this package."""


def decode_name(raw: bytes) -> str:
    r"""A name as text: UTF-8, with each other byte written as `\xNN`, so that it can be stored and shown anywhere."""
    try:
        return raw.decode()  # three times faster than naming an error handler
    except UnicodeDecodeError:
        return raw.decode("utf-8", "backslashreplace")
