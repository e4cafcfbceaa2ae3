"""Why a value stays bytes, and text of names that may be no text. What attributes and channel lists share."""

from __future__ import annotations

import re

# How two reasons for keeping a value as bytes begin: what is to be made of them depends on which it is.
NOT_UTF8 = "not UTF-8"
NAME_CUT = "no end of the name of channel"
_ESCAPE = re.compile(rb"\\(x[0-9a-f]{2})")


class Malformed(ValueError):
    """The bytes of one value do not fit its type; never leaves this package."""


def decode_name(raw: bytes) -> str:
    r"""A name as text that can be stored and shown anywhere: UTF-8, with each other byte written as `\xNN`.

    A backslash that would read as such a byte is written as `\x5c`, so that no two names become one.
    """
    try:
        text = raw.decode()  # three times faster than naming an error handler
    except UnicodeDecodeError:
        return _ESCAPE.sub(rb"\\x5c\1", raw).decode("utf-8", "backslashreplace")
    return text if "\\x" not in text else _ESCAPE.sub(rb"\\x5c\1", raw).decode()


def encode_name(text: str) -> bytes:
    """The bytes of a name: the inverse of `decode_name`."""
    raw = text.encode()
    return raw if b"\\x" not in raw else _ESCAPE.sub(lambda found: bytes([int(found[1][1:], 16)]), raw)
