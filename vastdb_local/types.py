"""Arrow types and DuckDB types: what VAST DataBase can store, how DuckDB stores it, and the conversion of values.

DuckDB stores no time zones, no half floats, and times only in micro- and nanoseconds. The declared Arrow type is stored with
the table, so answers have the declared types.
"""

from __future__ import annotations

import pyarrow as pa

from vastdb_local.refusals import Refusal, bad_request
from vastdb_local.sql import quoted

# DuckDB's own bound on the size of an ARRAY.
_FIXED_SIZE_LIST_LIMIT = 100_000
_TEXT_BYTES = 32  # estimated size of a value of variable length

_FLAT: dict[pa.DataType, str] = {
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.uint8(): "UTINYINT",
    pa.uint16(): "USMALLINT",
    pa.uint32(): "UINTEGER",
    pa.uint64(): "UBIGINT",
    pa.float16(): "FLOAT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.string(): "VARCHAR",
    pa.binary(): "BLOB",
    pa.date32(): "DATE",
    pa.time32("s"): "TIME",
    pa.time32("ms"): "TIME",
    pa.time64("us"): "TIME",
    pa.time64("ns"): "TIME_NS",
}
_TIMESTAMPS = {"s": "TIMESTAMP_S", "ms": "TIMESTAMP_MS", "us": "TIMESTAMP", "ns": "TIMESTAMP_NS"}


def unsupported(type_: pa.DataType) -> Refusal:
    """The refusal that the SDK raises as NotSupportedSchema."""
    return bad_request("TabularUnsupportedColumnType", f"Columns of type {type_} are not supported.")


def duckdb_type(type_: pa.DataType) -> str:
    """How DuckDB stores a declared type.

    Raises:
        Refusal: 400 TabularUnsupportedColumnType, or TabularInvalidColumnTypeParam for a fixed-size list of nothing.
    """
    flat = _FLAT.get(type_)
    if flat is not None:
        return flat
    if pa.types.is_timestamp(type_):
        return _TIMESTAMPS[type_.unit]
    if pa.types.is_decimal128(type_) and 0 <= type_.scale <= type_.precision:
        return f"DECIMAL({type_.precision},{type_.scale})"
    if pa.types.is_fixed_size_binary(type_):
        return "BLOB"
    return _nested_type(type_)


def _nested_type(type_: pa.DataType) -> str:
    if pa.types.is_fixed_size_list(type_):
        _check_fixed_size_list(type_)
        return f"{duckdb_type(type_.value_type)}[{type_.list_size}]"
    if pa.types.is_map(type_):
        return f"MAP({duckdb_type(type_.key_type)}, {duckdb_type(type_.item_type)})"
    if pa.types.is_list(type_):
        return f"{duckdb_type(type_.value_type)}[]"
    if pa.types.is_struct(type_):
        names = [field.name.lower() for field in type_]
        if not names or len(set(names)) != len(names):  # names in DuckDB do not differ by case
            raise unsupported(type_)
        return "STRUCT(" + ", ".join(f"{quoted(field.name)} {duckdb_type(field.type)}" for field in type_) + ")"
    raise unsupported(type_)


def _check_fixed_size_list(type_: pa.DataType) -> None:
    element = type_.value_type
    if type_.list_size < 1:
        raise bad_request("TabularInvalidColumnTypeParam", "A fixed-size list holds at least one element.")
    numeric = pa.types.is_integer(element) or pa.types.is_floating(element) or pa.types.is_decimal128(element)
    if type_.value_field.nullable or not (numeric or pa.types.is_temporal(element)):
        raise unsupported(type_)
    if type_.list_size > _FIXED_SIZE_LIST_LIMIT:
        raise unsupported(type_)


def stored_bytes(type_: pa.DataType) -> int:
    """Estimated bytes of one value, for statistics."""
    if pa.types.is_fixed_size_list(type_):
        return int(type_.list_size) * stored_bytes(type_.value_type)
    if pa.types.is_struct(type_):
        return sum(stored_bytes(field.type) for field in type_)
    try:
        return max(1, int(type_.bit_width) // 8)
    except ValueError:
        return _TEXT_BYTES


def to_stored(array: pa.Array) -> pa.Array:
    """The values in types that DuckDB reads without conversion; the array has offset 0, as those of an IPC stream do."""
    type_ = array.type
    if pa.types.is_struct(type_):
        children = [to_stored(array.field(i)) for i in range(type_.num_fields)]
        fields = [field.with_type(child.type) for field, child in zip(type_, children, strict=True)]
        return pa.Array.from_buffers(pa.struct(fields), len(array), array.buffers()[:1], children=children)
    if pa.types.is_map(type_):
        keys, items = to_stored(array.keys), to_stored(array.items)
        entries = pa.StructArray.from_arrays([keys, items], names=["key", "value"])
        map_type = pa.map_(keys.type, items.type)
        return pa.Array.from_buffers(map_type, len(array), array.buffers()[:2], children=[entries])
    if pa.types.is_list(type_) or pa.types.is_fixed_size_list(type_):
        values = to_stored(array.values)
        fixed = pa.types.is_fixed_size_list(type_)
        list_type = pa.list_(values.type, type_.list_size if fixed else -1)
        return pa.Array.from_buffers(list_type, len(array), array.buffers()[: 1 if fixed else 2], children=[values])
    if pa.types.is_timestamp(type_) and type_.tz is not None:
        return array.view(pa.timestamp(type_.unit))
    return array.cast(pa.float32()) if pa.types.is_float16(type_) else array


def single_leaf_columns(array: pa.Array, declared: pa.DataType) -> list[pa.Array]:
    """Split a nested array into one array for each leaf, each repeating the nesting above it, as VAST answers queries.

    Args:
        array: As DuckDB gave it, one chunk, offset 0.
        declared: The column's declared type, which the leaves are cast to.

    Returns:
        One array for a flat type; for a struct those of each field within a struct of one field; for a map its keys and
        its values, each as a list of structs of one field.
    """
    if pa.types.is_struct(declared):
        return _struct_columns(array, declared)
    if pa.types.is_map(declared):
        entries_type = pa.struct([declared.key_field, declared.item_field])
        entries = pa.StructArray.from_arrays([array.keys, array.items], fields=list(entries_type))
        columns = _struct_columns(entries, entries_type)
    elif pa.types.is_list(declared) or pa.types.is_fixed_size_list(declared):
        columns = single_leaf_columns(array.values, declared.value_type)
    else:
        return [array if array.type == declared else array.cast(declared)]
    fixed = pa.types.is_fixed_size_list(declared)
    buffers = array.buffers()[: 1 if fixed else 2]
    size = declared.list_size if fixed else -1
    return [pa.Array.from_buffers(pa.list_(c.type, size), len(array), buffers, children=[c]) for c in columns]


def _struct_columns(array: pa.Array, declared: pa.DataType) -> list[pa.Array]:
    validity = array.buffers()[:1]
    columns = []
    for index, field in enumerate(declared):
        for leaf in single_leaf_columns(array.field(index), field.type):
            type_ = pa.struct([pa.field(field.name, leaf.type)])
            columns.append(pa.Array.from_buffers(type_, len(array), validity, children=[leaf]))
    return columns
