r"""Converts names and texts that may not be UTF-8: each invalid byte is written `\xNN`, so they can be stored and searched.

A backslash that would read as an escaped byte is written `\x5c`, so different names stay different. `encode_name` restores the
bytes.
"""

from __future__ import annotations

import re

NOT_UTF8 = "not UTF-8"
_ESCAPE = re.compile(rb"\\(x[0-9a-f]{2})")


def decode_name(raw: bytes) -> str:
    """A name as text, invalid UTF-8 bytes escaped."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return _ESCAPE.sub(rb"\\x5c\1", raw).decode("utf-8", "backslashreplace")
    return text if "\\x" not in text else _ESCAPE.sub(rb"\\x5c\1", raw).decode()


def encode_name(text: str) -> bytes:
    """The bytes of a name: the inverse of `decode_name`."""
    raw = text.encode()
    return raw if b"\\x" not in raw else _ESCAPE.sub(lambda found: bytes([int(found[1][1:], 16)]), raw)


def invalid_byte(text: str) -> int | None:
    r"""The first byte of a name that is not UTF-8; None if there is none. A name that has the text `\xNN` itself is valid."""
    if "\\x" not in text:
        return None
    try:
        encode_name(text).decode()
    except UnicodeDecodeError as error:
        return int(error.object[error.start])
    return None
