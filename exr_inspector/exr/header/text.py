r"""Converts names and texts that may not be UTF-8: each invalid byte is written `\xNN`, so they can be stored and searched.

A backslash that would read as an escaped byte is written `\x5c`, so different names stay different. `encode_name` restores the
bytes.
"""

from __future__ import annotations

import codecs
import re

NOT_UTF8 = "not UTF-8"
_GUESSED_BYTES = 4_096
_EAST_ASIAN = {"shift_jis": "Shift-JIS", "euc_jp": "EUC-JP", "gb18030": "GB 18030"}
# Kana, CJK ideographs and full-width forms; not half-width kana, whose bytes are accented capitals in Latin-1.
_EAST_ASIAN_CHARACTER = re.compile("[\u3000-\u30ff\u4e00-\u9fff\uff00-\uff60]")
_TWO_IN_A_ROW = re.compile(f"{_EAST_ASIAN_CHARACTER.pattern}{{2}}")
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


def guessed_encoding(raw: bytes) -> str:
    """The probable encoding of text that is not UTF-8, for a message: UTF-16, padding with 0xFF, East Asian or Western.

    Any bytes are valid Latin-1 and Windows-1252, and an accented letter with the letter after it often decodes as one East
    Asian character. An East Asian encoding is therefore returned only if two such characters are adjacent and all other
    characters are ASCII.
    Some film scanners pad strings with 0xFF.
    """
    raw = raw[:_GUESSED_BYTES]
    if is_utf16(raw):
        return "UTF-16"
    if raw.replace(b"\xff", b"").isascii():
        return "padding bytes 0xFF"
    for codec, name in _EAST_ASIAN.items():
        try:
            text = codecs.getincrementaldecoder(codec)().decode(raw, final=len(raw) < _GUESSED_BYTES)
        except UnicodeDecodeError:
            continue
        if all(character.isascii() or _EAST_ASIAN_CHARACTER.match(character) for character in text):
            return name if _TWO_IN_A_ROW.search(text) else _western(raw)
    return _western(raw)


def is_utf16(raw: bytes) -> bool:
    """Whether bytes look like UTF-16 of two Western letters or more: nearly every second one, and few others, are zero."""
    raw = raw[:_GUESSED_BYTES]
    even, odd = raw[::2].count(0), raw[1::2].count(0)
    return len(raw) > 3 and max(even, odd) * 8 >= 3 * len(raw) and min(even, odd) * 8 <= len(raw)


def _western(raw: bytes) -> str:
    return "Windows-1252" if any(0x80 <= byte < 0xA0 for byte in raw) else "Latin-1"
