"""The part of Protocol Buffers' encoding that the query engine's messages use: whole numbers and bytes, by field number.

A field is a varint `number << 3 | kind`, then for kind 0 a varint, for kind 2 a length and as many bytes.
See https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vastdb_local.refusals import bad_request

_VARINT, _BYTES = 0, 2
_MOST_SHIFT = 63


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of a message by number; the last value of a repeated field."""

    values: Mapping[int, int | bytes]

    def number(self, field: int) -> int:
        """A field with an integer; 0 if it is absent.

        Raises:
            Refusal: 400 when the field holds bytes.
        """
        value = self.values.get(field, 0)
        if not isinstance(value, int):
            raise _malformed()
        return value

    def bytes(self, field: int) -> bytes:
        """A field with bytes; empty if it is absent.

        Raises:
            Refusal: 400 when the field holds a number.
        """
        value = self.values.get(field, b"")
        if not isinstance(value, bytes):
            raise _malformed()
        return value

    def text(self, field: int) -> str:
        """A field with text; empty if it is absent.

        Raises:
            Refusal: 400 when the field holds none.
        """
        try:
            return self.bytes(field).decode()
        except UnicodeDecodeError:
            raise _malformed() from None

    def message(self, field: int) -> Fields:
        """A field with a message; empty if it is absent.

        Raises:
            Refusal: 400 when the field holds none.
        """
        return read_fields(self.bytes(field))


def read_fields(raw: bytes) -> Fields:
    """The fields of an encoded message.

    Raises:
        Refusal: 400 when the bytes end early or hold other kinds of fields.
    """
    values: dict[int, int | bytes] = {}
    at = 0
    while at < len(raw):
        key, at = _read_varint(raw, at)
        if key & 7 == _VARINT:
            values[key >> 3], at = _read_varint(raw, at)
        elif key & 7 == _BYTES:
            size, at = _read_varint(raw, at)
            if size > len(raw) - at:
                raise _malformed()
            values[key >> 3] = raw[at : at + size]
            at += size
        else:
            raise _malformed()
    return Fields(values)


def number_field(field: int, value: int) -> bytes:
    """An encoded field with an integer."""
    return _varint(field << 3 | _VARINT) + _varint(value)


def bytes_field(field: int, value: bytes) -> bytes:
    """An encoded field with bytes, text or a message."""
    return _varint(field << 3 | _BYTES) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(raw: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, _MOST_SHIFT + 1, 7):
        if at >= len(raw):
            break
        byte = raw[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise _malformed()


def _malformed() -> Exception:
    return bad_request("InvalidArgument", "The body is not a message of the query engine.")
