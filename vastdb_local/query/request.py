"""Reads the body of a query: a FlatBuffers `Relation` of the Arrow compute IR, as the SDK builds it.

Columns are numbered depth first through the nested types of the request's own schema: a struct counts itself and its
fields, a list itself and its element, a map itself, its entries, the key and the value. Bytes in, values out.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from vastdb.vast_flatbuf.org.apache.arrow.computeir.flatbuf.Relation import Relation
from vastdb.vast_flatbuf.org.apache.arrow.computeir.flatbuf.RelationImpl import RelationImpl
from vastdb.vast_flatbuf.org.apache.arrow.computeir.flatbuf.Source import Source
from vastdb.vast_flatbuf.org.apache.arrow.flatbuf.Decimal import Decimal as FlatDecimal
from vastdb.vast_flatbuf.org.apache.arrow.flatbuf.FixedSizeBinary import FixedSizeBinary
from vastdb.vast_flatbuf.org.apache.arrow.flatbuf.FixedSizeList import FixedSizeList
from vastdb.vast_flatbuf.org.apache.arrow.flatbuf.FloatingPoint import FloatingPoint
from vastdb.vast_flatbuf.org.apache.arrow.flatbuf.Int import Int
from vastdb.vast_flatbuf.org.apache.arrow.flatbuf.Time import Time
from vastdb.vast_flatbuf.org.apache.arrow.flatbuf.Timestamp import Timestamp
from vastdb.vast_flatbuf.org.apache.arrow.flatbuf.Type import Type

from vastdb_local.query.expressions import Expression, ExpressionReader, Reference, read_as
from vastdb_local.refusals import bad_request
from vastdb_local.types import unsupported

_FILTER = 2  # which field of a source its predicate is
_UNITS = ("s", "ms", "us", "ns")
_PLAIN = {Type.Binary: pa.binary(), Type.Utf8: pa.string(), Type.Bool: pa.bool_(), Type.Date: pa.date32()}
_PARAMETRIC: dict[int, tuple[Any, Callable[[Any], pa.DataType]]] = {
    Type.Int: (Int, lambda t: pa.type_for_alias(f"{'' if t.IsSigned() else 'u'}int{t.BitWidth()}")),
    Type.FloatingPoint: (FloatingPoint, lambda t: (pa.float16(), pa.float32(), pa.float64())[t.Precision()]),
    Type.Decimal: (FlatDecimal, lambda t: pa.decimal128(t.Precision(), t.Scale())),
    Type.Timestamp: (Timestamp, lambda t: pa.timestamp(_UNITS[t.Unit()])),
    Type.Time: (Time, lambda t: (pa.time32 if t.BitWidth() == 32 else pa.time64)(_UNITS[t.Unit()])),
    Type.FixedSizeBinary: (FixedSizeBinary, lambda t: pa.binary(t.ByteWidth())),
}


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """What a query asks for.

    Attributes:
        schema: The columns it names, with types as far as the wire carries them: no time zones.
        columns: Names of the columns to answer with, in order; may be empty.
        predicate: The filter.
    """

    schema: pa.Schema
    columns: tuple[str, ...]
    predicate: Expression


def parse_query(body: bytes) -> QueryRequest:
    """Read a query.

    Raises:
        Refusal: 400 when the bytes are no such request, or ask for part of a nested column.
    """
    try:
        return _parse(body)
    except (struct.error, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        raise bad_request("InvalidArgument", f"The query cannot be read: {type(error).__name__}.") from error


def _parse(body: bytes) -> QueryRequest:
    relation = Relation.GetRootAs(body)
    if relation.ImplType() != RelationImpl.Source:
        raise bad_request("InvalidArgument", "A query reads one source.")
    source = read_as(Source, relation.Impl())
    fields = [_field(source.Schema().Fields(index)) for index in range(source.Schema().FieldsLength())]
    references = [reference for field in fields for reference in _references((), field)]
    owners = [(reference.path[0], reference.is_leaf) for reference in references]
    leaves: dict[str, list[int]] = {}
    for position, (name, is_leaf) in enumerate(owners):
        if is_leaf:
            leaves.setdefault(name, []).append(position)
    columns = tuple(_projected(source, owners, leaves))
    predicate = ExpressionReader(body, references).field(relation.Impl().Pos, _FILTER)
    return QueryRequest(pa.schema(fields), columns, predicate)


def _projected(source: Any, owners: list[tuple[str, bool]], leaves: dict[str, list[int]]) -> Iterator[str]:
    positions = [source.Projection(index).Position() for index in range(source.ProjectionLength())]
    index = 0
    while index < len(positions):
        name, _ = owners[positions[index]]
        expected = leaves[name]
        if positions[index : index + len(expected)] != expected:
            raise bad_request("InvalidArgument", f"Column {name} can only be read whole.")
        index += len(expected)
        yield name


def _references(path: tuple[str, ...], field: pa.Field) -> Iterator[Reference]:
    path = (*path, field.name)
    yield Reference(path, field.type, is_leaf=not pa.types.is_nested(field.type))
    if pa.types.is_struct(field.type):
        for child in field.type:
            yield from _references(path, child)
    elif pa.types.is_nested(field.type):
        inside = _references((), _inner_field(field.type))
        yield from (Reference(path, field.type, is_leaf=reference.is_leaf) for reference in inside)


def _inner_field(type_: pa.DataType) -> pa.Field:
    if pa.types.is_map(type_):
        return pa.field("entries", pa.struct([type_.key_field, type_.item_field]))
    return type_.value_field


def _field(field: Any) -> pa.Field:
    name = (field.Name() or b"").decode()
    children = [_field(field.Children(index)) for index in range(field.ChildrenLength())]
    return pa.field(name, _type(field, children), nullable=bool(field.Nullable()))


def _type(field: Any, children: list[pa.Field]) -> pa.DataType:
    tag = field.TypeType()
    if tag in _PLAIN:
        return _PLAIN[tag]
    if tag in _PARAMETRIC:
        reader, make = _PARAMETRIC[tag]
        return make(read_as(reader, field.Type()))
    return _nested(tag, field, children)


def _nested(tag: int, field: Any, children: list[pa.Field]) -> pa.DataType:
    if tag == Type.Struct_:
        return pa.struct(children)
    if tag == Type.List:
        return pa.list_(children[0])
    if tag == Type.FixedSizeList:
        return pa.list_(children[0], read_as(FixedSizeList, field.Type()).ListSize())
    if tag == Type.Map:
        if len(children) == 2:  # the SDK gives the entries the type of the map, too
            return pa.struct(children)
        key, item = children[0].type
        return pa.map_(key.type, item.type)
    raise unsupported(pa.null())
