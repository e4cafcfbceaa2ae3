"""Bodies of answers and small requests: FlatBuffers for lists and statistics, framed Arrow streams for rows."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import flatbuffers
import pyarrow as pa
from vastdb.vast_flatbuf.tabular import (
    GetProjectionTableStatsResponse,
    GetTableStatsResponse,
    ListProjectionsResponse,
    ListSchemasResponse,
    ListTablesResponse,
    ObjectDetails,
    VipRange,
)
from vastdb.vast_flatbuf.tabular.AlterProjectionTableRequest import AlterProjectionTableRequest
from vastdb.vast_flatbuf.tabular.ColumnType import ColumnType
from vastdb.vast_flatbuf.tabular.CreateProjectionRequest import CreateProjectionRequest
from vastdb.vast_flatbuf.tabular.CreateSchemaRequest import CreateSchemaRequest

from vastdb_local.refusals import bad_request

_COMPLETED = struct.pack("<L", 0xFFFFFFFF - 1)
_FRAME = struct.Struct("<LQ")
_END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"
_SORTING_DONE = 1 << 63
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry of a list: a schema, a table or a projection."""

    name: str
    properties: str = ""
    handle: int = 0
    rows: int = 0
    size_bytes: int = 0
    sorting_key: bool = False
    partitions: int | None = None  # of a table that is partitioned


@dataclass(frozen=True, slots=True)
class TableStats:
    """Statistics of a table; `addresses` are IPv4 ones that serve data."""

    rows: int
    size_bytes: int
    sorting_key: bool
    external_row_ids: bool
    addresses: Sequence[str]
    partitions: int | None = None  # of a table that is partitioned


def schema_list(bucket: str, entries: Sequence[Listed]) -> bytes:
    """Body of `GET ?schema`."""
    return _list(ListSchemasResponse, "Schemas", entries, BucketName=bucket)


def table_list(bucket: str, schema: str, entries: Sequence[Listed]) -> bytes:
    """Body of `GET ?table`."""
    return _list(ListTablesResponse, "Tables", entries, BucketName=bucket, SchemaName=schema)


def projection_list(bucket: str, schema: str, table: str, entries: Sequence[Listed]) -> bytes:
    """Body of `GET ?projection`."""
    names = {"BucketName": bucket, "SchemaName": schema, "TableName": table}
    return _list(ListProjectionsResponse, "Projections", entries, **names)


def _list(module: Any, of_entries: str, entries: Sequence[Listed], **names: str) -> bytes:
    builder = flatbuffers.Builder(1024)
    offsets = [
        _table(
            builder,
            ObjectDetails,
            Name=entry.name,
            Properties=entry.properties,
            Handle=str(entry.handle),
            NumRows=entry.rows,
            SizeInBytes=entry.size_bytes,
            **_sorting(is_sorted=entry.sorting_key),
            **_partitioning(entry.partitions),
        )
        for entry in entries
    ]
    return _finished(builder, _table(builder, module, **names, **{of_entries: _vector(builder, offsets)}))


def _sorting(*, is_sorted: bool) -> dict[str, int]:
    done = {"SortingScore": _SORTING_DONE - (1 << 64)} if is_sorted else {}
    return {"SortingKeyEnabled": is_sorted, **done}


def _partitioning(partitions: int | None) -> dict[str, int]:
    return {} if partitions is None else {"PartitioningKeyEnabled": True, "NumPartitions": partitions}


def _table(builder: Any, module: Any, **fields: str | int) -> int:
    """Write a FlatBuffers table; its texts are written first, since FlatBuffers cannot nest them."""
    values = {name: builder.CreateString(value) if isinstance(value, str) else value for name, value in fields.items()}
    module.Start(builder)
    for name, value in values.items():
        getattr(module, f"Add{name}")(builder, value)
    return int(module.End(builder))


def _vector(builder: Any, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _finished(builder: Any, table: int) -> bytes:
    builder.Finish(table)
    return bytes(builder.Output())


def table_stats_body(stats: TableStats) -> bytes:
    """Body of `GET ?stats`."""
    builder = flatbuffers.Builder(256)
    addresses = [_table(builder, VipRange, StartAddress=address, AddressCount=1) for address in stats.addresses]
    table = _table(
        builder,
        GetTableStatsResponse,
        NumRows=stats.rows,
        SizeInBytes=stats.size_bytes,
        IsExternalRowidAlloc=stats.external_row_ids,
        Vips=_vector(builder, addresses),
        **_sorting(is_sorted=stats.sorting_key),
        **_partitioning(stats.partitions),
    )
    return _finished(builder, table)


def projection_stats_body(rows: int, size_bytes: int) -> bytes:
    """Body of `GET ?projection-stats`; a projection is always in sync with its table."""
    builder = flatbuffers.Builder(64)
    fields = {"NumRows": rows, "SizeInBytes": size_bytes, "InitialSyncProgress": 100}
    return _finished(builder, _table(builder, GetProjectionTableStatsResponse, **fields))


def schema_body(fields: Sequence[pa.Field], metadata: Mapping[bytes, bytes] | None = None) -> bytes:
    """An Arrow stream that is only a schema, as columns are listed, with metadata of the table."""
    return bytes(pa.schema(fields, metadata=metadata).serialize()) + _END_OF_STREAM


def row_id_body(row_ids: pa.Array) -> bytes:
    """An Arrow stream of the row ids of an insert."""
    batch = pa.record_batch([row_ids], names=["$row_id"])
    return bytes(batch.schema.serialize()) + bytes(batch.serialize()) + _END_OF_STREAM


def rows_frames(stream: int, columns: Sequence[pa.Array], rows: int, next_row: int) -> Iterator[bytes]:
    """One stream of a query's answer: schema, rows, end, each in its frame (u32 stream id, u64 next row id)."""
    if columns:
        batch = pa.record_batch(list(columns), names=[str(index) for index in range(len(columns))])
    else:
        batch = pa.record_batch([pa.nulls(rows)], names=["0"]).select([])  # no columns, yet with its number of rows
    frame = _FRAME.pack(stream, next_row)
    for message in (batch.schema.serialize(), batch.serialize(), _END_OF_STREAM):
        yield frame
        yield bytes(message)


def end_of_rows() -> bytes:
    """The end of a query's answer."""
    return _COMPLETED


def read_batch(body: bytes) -> pa.RecordBatch:
    """The rows of an insert, update or delete.

    Raises:
        Refusal: 400 when the body is no Arrow stream of one record batch.
    """
    try:
        with pa.ipc.open_stream(body) as reader:
            batches = list(reader)
            batch = batches[0] if len(batches) == 1 else pa.Table.from_batches(batches, reader.schema).combine_chunks()
            if isinstance(batch, pa.Table):
                batch = batch.to_batches()[0] if batch.num_rows else pa.RecordBatch.from_pylist([], reader.schema)
            batch.validate(full=True)
            return batch
    except (pa.ArrowException, OSError, EOFError) as error:
        raise bad_request("InvalidArgument", "The body is not an Arrow stream of one record batch.") from error


def read_schema(body: bytes) -> pa.Schema:
    """The columns of a create, add or drop.

    Raises:
        Refusal: 400 when the body is no Arrow schema.
    """
    try:
        return pa.ipc.read_schema(pa.py_buffer(body))
    except (pa.ArrowException, OSError, EOFError) as error:
        raise bad_request("InvalidArgument", "The body is not an Arrow schema.") from error


def read_properties(body: bytes) -> str:
    """The properties in the body of a create or alter of a schema or table, whose first field they are."""
    return _flat(body, lambda flat: _text(CreateSchemaRequest.GetRootAs(flat).Properties())) if body else ""


def read_new_projection_name(body: bytes) -> str:
    """The new name in the body of a change of a projection; empty to keep its name."""
    return _flat(body, lambda flat: _text(AlterProjectionTableRequest.GetRootAs(flat).NewName()))


def read_projection_columns(body: bytes) -> tuple[list[str], list[str]]:
    """The sorted and unsorted columns in the body of a new projection."""

    def read(flat: bytes) -> list[tuple[str, int]]:
        request = CreateProjectionRequest.GetRootAs(flat)
        columns = [request.Columns(index) for index in range(request.ColumnsLength())]
        return [(column.Name().decode(), column.Type()) for column in columns]

    columns = _flat(body, read)
    sorted_ = [name for name, kind in columns if kind == ColumnType.Sorted]
    return sorted_, [name for name, kind in columns if kind != ColumnType.Sorted]


def _text(value: bytes | None) -> str:
    return (value or b"").decode()


def _flat(body: bytes, read: Callable[[bytes], _Value]) -> _Value:
    try:
        return read(body)
    except (struct.error, LookupError, TypeError, ValueError, AttributeError) as error:
        raise bad_request("InvalidArgument", "The body is not the FlatBuffers message of this request.") from error
