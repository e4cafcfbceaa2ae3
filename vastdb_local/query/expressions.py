"""Reads the predicate of a query, expressions of the Arrow compute IR in FlatBuffers. Bytes in, values out."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import pyarrow as pa
from vastdb.vast_flatbuf.org.apache.arrow.computeir.flatbuf.Deref import Deref
from vastdb.vast_flatbuf.org.apache.arrow.computeir.flatbuf.ExpressionImpl import ExpressionImpl
from vastdb.vast_flatbuf.org.apache.arrow.computeir.flatbuf.FieldIndex import FieldIndex
from vastdb.vast_flatbuf.org.apache.arrow.computeir.flatbuf.FieldRef import FieldRef
from vastdb.vast_flatbuf.org.apache.arrow.computeir.flatbuf.Literal import Literal as FlatLiteral
from vastdb.vast_flatbuf.org.apache.arrow.computeir.flatbuf.LiteralImpl import LiteralImpl

from vastdb_local.refusals import bad_request

_U16, _I32, _U32 = struct.Struct("<H"), struct.Struct("<i"), struct.Struct("<I")
_IR = "vastdb.vast_flatbuf.org.apache.arrow.computeir.flatbuf"
_LITERALS: dict[int, Any] = {
    tag: getattr(import_module(f"{_IR}.{name}"), name)
    for name, tag in vars(LiteralImpl).items()
    if name.endswith("Literal")
}


@dataclass(frozen=True, slots=True)
class Reference:
    """A numbered column of the request.

    Attributes:
        path: Names from the table's column down to a field of a struct; what is inside a list or map has the path and
            type of that list or map, which is how the SDK addresses vectors.
        is_leaf: True for what the wire carries as a column of its own.
    """

    path: tuple[str, ...]
    type: pa.DataType
    is_leaf: bool


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant.

    Attributes:
        value: bool; int, for dates and times the days or units since the epoch or midnight; float; bytes, for text its
            UTF-8, for decimals a little-endian two's complement; or a tuple of these.
    """

    value: Any


@dataclass(frozen=True, slots=True)
class Function:
    """A call: `and`, `or`, a comparison, `is_null`, `is_valid` or `match_substring`."""

    name: str
    arguments: tuple[Expression, ...]


Expression = Reference | Literal | Function


def read_as(kind: Any, table: Any) -> Any:
    """A FlatBuffers union member as the type its tag says."""
    reader = kind()
    reader.Init(table.Bytes, table.Pos)
    return reader


class ExpressionReader:
    """Reads predicates of thousands of values, as `isin` makes them: the generated readers look everything up anew for each.

    Tables of one shape share what says where their fields are, and all comparisons with one column its reference.
    """

    def __init__(self, body: bytes, references: list[Reference]) -> None:
        self._body = body
        self._references = references
        self._shapes: dict[int, tuple[int, ...]] = {}
        self._known: dict[int, Reference] = {}

    def field(self, table: int, slot: int) -> Expression:
        """The expression that a field of the table at a place of the body is.

        Raises:
            Refusal: 400 for one that is not known here.
            struct.error, LookupError, ValueError, AttributeError: The bytes are no such expression.
        """
        return self._read(self._target(self._field(table, slot)))

    def _read(self, table: int) -> Expression:
        if table in self._known:
            return self._known[table]
        tag, impl = self._union(table)
        if tag == ExpressionImpl.Call:
            return Function(self._bytes(impl, 0).decode(), tuple(map(self._read, self._tables(impl, 1))))
        if tag == ExpressionImpl.FieldRef:
            self._known[table] = self._reference(impl)
            return self._known[table]
        if tag == ExpressionImpl.Literal:
            kind, value = self._union(impl)
            if kind == LiteralImpl.StringLiteral:
                return Literal(self._bytes(value, 0))
            return Literal(_value(self._reader(FlatLiteral, impl)))
        raise bad_request("InvalidArgument", "The predicate has an expression that is not known here.")

    def _reference(self, table: int) -> Reference:
        field = self._reader(FieldRef, table)
        if field.RefType() != Deref.FieldIndex:
            raise bad_request("InvalidArgument", "The predicate has an expression that is not known here.")
        position: int = read_as(FieldIndex, field.Ref()).Position()
        return self._references[position]

    def _reader(self, kind: Any, table: int) -> Any:
        reader = kind()
        reader.Init(self._body, table)
        return reader

    def _field(self, table: int, slot: int) -> int:
        """Where a field of a table is.

        Raises:
            LookupError: It is left out.
        """
        shape = table - _I32.unpack_from(self._body, table)[0]
        offsets = self._shapes.get(shape)
        if offsets is None:
            (size,) = _U16.unpack_from(self._body, shape)
            offsets = struct.unpack_from(f"<{max(0, size - 4) // 2}H", self._body, shape + 4)
            self._shapes[shape] = offsets
        if not offsets[slot]:
            raise LookupError(slot)
        return table + offsets[slot]

    def _target(self, place: int) -> int:
        """Where an offset leads; always ahead, so that no table is its own part."""
        return place + int(_U32.unpack_from(self._body, place)[0])

    def _union(self, table: int) -> tuple[int, int]:
        """Kind and place of what a table is one of some kinds of."""
        return self._body[self._field(table, 0)], self._target(self._field(table, 1))

    def _bytes(self, table: int, slot: int) -> bytes:
        start = self._target(self._field(table, slot))
        (size,) = _U32.unpack_from(self._body, start)
        return bytes(self._body[start + 4 : start + 4 + size])

    def _tables(self, table: int, slot: int) -> Iterator[int]:
        start = self._target(self._field(table, slot))
        (count,) = _U32.unpack_from(self._body, start)
        return (self._target(start + 4 + 4 * index) for index in range(count))


def _value(literal: Any) -> Any:
    tag, impl = literal.ImplType(), literal.Impl()
    reader = read_as(_LITERALS[tag], impl)
    if tag == LiteralImpl.ListLiteral:
        return tuple(_value(reader.Values(index)) for index in range(reader.ValuesLength()))
    if tag in {LiteralImpl.BinaryLiteral, LiteralImpl.DecimalLiteral}:
        return reader.ValueAsNumpy().tobytes() if reader.ValueLength() else b""
    if tag == LiteralImpl.Float16Literal:
        (half,) = struct.unpack("<e", struct.pack("<H", reader.Value()))
        return half
    return reader.Value()
