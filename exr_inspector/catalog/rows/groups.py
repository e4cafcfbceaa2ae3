"""Prepares inspections for an upsert: makes the rows of several inspections as Arrow columns.

A group is made once, by the process that inspected the files, and can be sent to another process as bytes. Its rows lack only
the columns that the upsert fills: the inspection id, and in `inspections` also the outcome. So a retry uses the same rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import pyarrow as pa

from exr_inspector import __version__
from exr_inspector.catalog.outcomes import Outcome
from exr_inspector.catalog.rows.build import (
    OWNER_COLUMNS,
    arrow_array,
    arrow_columns,
    manifest_records,
    manifest_texts,
    owner_of,
    records_of,
    text_array,
)
from exr_inspector.catalog.schema import BY_NAME, CRYPTOMATTE_MANIFESTS, DOCUMENT, INSPECTIONS, Column
from exr_inspector.catalog.versions import VersionInfo, version_info
from exr_inspector.errors import DeadlineExceeded, ExrInspectorError, our_error
from exr_inspector.exr.limits import Checkpoint, no_checkpoint
from exr_inspector.model import EventInfo, Inspection, ObjectVersion

_ID = "inspection_id"
_MANY_ROWS = 2_000
_NAMES = tuple(table.name for table in (*DOCUMENT, INSPECTIONS))


def _columns(name: str, *, owned: bool) -> tuple[Column, ...]:
    early = (column for column in BY_NAME[name].columns if column.of)  # the upsert fills the others
    return tuple(column for column in early if (column.name in OWNER_COLUMNS) == owned)


# Columns of a group's batches: first those that are equal in all rows of an inspection, then the others.
_BY_OWNER = {name: _columns(name, owned=True) for name in _NAMES}
_BY_ROW = {name: _columns(name, owned=False) for name in _NAMES}
_SCHEMAS = {
    name: pa.schema([pa.field(column.name, column.type) for column in (*_BY_OWNER[name], *_BY_ROW[name])])
    for name in _NAMES
}


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of several inspections.

    Attributes:
        size: Number of inspections.
        tables: Their rows by table name, ordered by inspection; tables without rows are left out.
        counts: Number of rows of each inspection, by table name.
        manifests: Rows of their Cryptomatte manifests, by hash.
    """

    size: int
    tables: Mapping[str, pa.RecordBatch]
    counts: Mapping[str, Sequence[int]]
    manifests: Mapping[str, pa.RecordBatch] = field(default_factory=dict)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the batches in Arrow's serialised form; Arrow's own pickling would pickle every column."""
        return _read_group, (self.size, _serialised(self.tables), self.counts, _serialised(self.manifests))

    def rows(self, name: str, members: Sequence[int]) -> tuple[pa.RecordBatch, Sequence[int]]:
        """The rows of some inspections, in the order of `members`, and the number of rows of each."""
        batch, counts = self.tables[name], self.counts[name]
        if list(members) == list(range(self.size)):
            return batch, counts
        ends = np.cumsum(counts)
        wanted = [np.arange(ends[member] - counts[member], ends[member]) for member in members]
        return batch.take(pa.array(np.concatenate(wanted), pa.int64())), [counts[member] for member in members]


def _serialised(batches: Mapping[str, pa.RecordBatch]) -> dict[str, bytes]:
    return {name: batch.serialize().to_pybytes() for name, batch in batches.items()}


def _read_group(
    size: int, tables: Mapping[str, bytes], counts: Mapping[str, Sequence[int]], manifests: Mapping[str, bytes]
) -> Group:
    batches = {name: pa.ipc.read_record_batch(pa.py_buffer(raw), _SCHEMAS[name]) for name, raw in tables.items()}
    schema = CRYPTOMATTE_MANIFESTS.arrow
    names = {name: pa.ipc.read_record_batch(pa.py_buffer(raw), schema) for name, raw in manifests.items()}
    return Group(size, batches, counts, names)


@dataclass(frozen=True, slots=True)
class Prepared:
    """An inspection with its rows, ready for an upsert.

    Attributes:
        bucket: Bucket.
        key: Key.
        file_id: Id of the file.
        version: The version that was read; None if the object could not be read.
        event: The event that caused the inspection.
        version_info: What it is compared by with stored rows.
        group: The group that has its rows.
        member: Index of the inspection in the group.
        manifests: Hashes of the Cryptomatte manifests that name its objects.
    """

    bucket: str
    key: str
    file_id: str
    version: ObjectVersion | None
    event: EventInfo
    version_info: VersionInfo
    group: Group = field(repr=False)
    member: int
    manifests: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """`<bucket>/<key>`."""
        return f"{self.bucket}/{self.key}"

    @property
    def row_count(self) -> int:
        """Number of rows, without the row in `inspections`."""
        return sum(self.group.counts[table.name][self.member] for table in DOCUMENT if table.name in self.group.counts)


def is_large(inspection: Inspection) -> bool:
    """Whether an inspection has more than about 2,000 rows, which take a noticeable time to make."""
    parts = inspection.header.parts if inspection.header else ()
    figures = len(inspection.pixels.channels) if inspection.pixels else 0
    return figures + sum(len(part.attributes) + len(part.channels or ()) for part in parts) > _MANY_ROWS


def prepare(
    inspections: Sequence[Inspection], version: str = __version__, checkpoint: Checkpoint = no_checkpoint
) -> list[Prepared]:
    """Make the rows of inspections, as one group.

    Args:
        inspections: Any number, also several of one file.
        version: Version of exr-inspector that made them.
        checkpoint: Called before the rows of each part and each column; may raise to stop.
    """
    if not inspections:
        return []
    infos = [version_info(inspection, version) for inspection in inspections]
    owners = zip(*map(owner_of, inspections), strict=True)
    owned = dict(zip(OWNER_COLUMNS, map(text_array, owners), strict=True))
    by_inspection = [records_of(inspection, version, checkpoint) for inspection in inspections]
    tables: dict[str, pa.RecordBatch] = {}
    counts: dict[str, list[int]] = {}
    for name in _NAMES:
        found = [len(records[name]) for records in by_inspection]
        if any(found):
            every = [record for records in by_inspection for record in records[name]]
            tables[name] = _batch(name, owned, found, every, checkpoint)
            counts[name] = found
    texts = [manifest_texts(inspection) for inspection in inspections]
    manifests = {name: _manifest(name, text) for name, text in {k: v for one in texts for k, v in one.items()}.items()}
    group = Group(len(inspections), tables, counts, manifests)
    return [
        Prepared(
            bucket=inspection.bucket,
            key=inspection.key,
            file_id=file,
            version=inspection.version,
            event=inspection.event,
            version_info=info,
            group=group,
            member=member,
            manifests=tuple(texts[member]),
        )
        for member, (inspection, file, info) in enumerate(
            zip(inspections, owned["file_id"].to_pylist(), infos, strict=True)
        )
    ]


def _manifest(name: str, text: str) -> pa.RecordBatch:
    columns = arrow_columns(CRYPTOMATTE_MANIFESTS, CRYPTOMATTE_MANIFESTS.columns, manifest_records(name, text))
    return pa.RecordBatch.from_arrays(columns, schema=CRYPTOMATTE_MANIFESTS.arrow)


def _batch(
    name: str,
    owned: Mapping[str, pa.Array],
    counts: Sequence[int],
    records: Sequence[object],
    checkpoint: Checkpoint,
) -> pa.RecordBatch:
    owner = _owner_of_each(counts)
    arrays = [owned[column.name].take(owner) for column in _BY_OWNER[name]]
    arrays += arrow_columns(BY_NAME[name], _BY_ROW[name], records, checkpoint)
    return pa.RecordBatch.from_arrays(arrays, schema=_SCHEMAS[name])


def _owner_of_each(counts: Sequence[int]) -> pa.Array:
    return pa.array(np.repeat(np.arange(len(counts)), counts))


def as_prepared(items: Sequence[Inspection | Prepared], checkpoint: Checkpoint = no_checkpoint) -> list[Prepared]:
    """Prepare those inspections that are not prepared yet; the order stays."""
    made = iter(prepare([item for item in items if isinstance(item, Inspection)], checkpoint=checkpoint))
    return [item if isinstance(item, Prepared) else next(made) for item in items]


def prepare_each(
    items: Sequence[Inspection | Prepared], checkpoint: Checkpoint = no_checkpoint
) -> list[Prepared | ExrInspectorError]:
    """As `as_prepared`; if that fails, prepare the inspections one by one, with an error for each that fails."""
    try:
        return list(as_prepared(items, checkpoint))
    except DeadlineExceeded as error:
        return [error] * len(items)
    except Exception as error:  # noqa: BLE001 - boundary of one inspection: the others are stored
        if len(items) == 1:
            return [our_error(error)]
    return [rows for item in items for rows in prepare_each([item], checkpoint)]


def _by_group(items: Sequence[Prepared]) -> Iterator[tuple[Group, list[int]]]:
    """For each run of items of the same group: the group, and the items' indices in it."""
    for _, some in groupby(items, lambda item: id(item.group)):
        run = list(some)
        yield run[0].group, [item.member for item in run]


def _combined_table(name: str, items: Sequence[Prepared], late: Mapping[str, pa.Array]) -> pa.Table | None:
    """One table's rows of all items; `late` has one value for each item, by column that the groups lack."""
    batches: list[pa.RecordBatch] = []
    counts: list[int] = []
    for group, members in _by_group(items):
        if name in group.tables:
            batch, found = group.rows(name, members)
            batches.append(batch)
            counts += found
        else:
            counts += [0] * len(members)
    if not any(counts):
        return None
    early = pa.Table.from_batches(batches)
    owner = _owner_of_each(counts)
    schema = BY_NAME[name].arrow
    columns = [late[column].take(owner) if column in late else early[column] for column in schema.names]
    return pa.table(columns, schema=schema)


def tables_of(items: Sequence[Prepared], inspection_ids: Sequence[str]) -> dict[str, pa.Table]:
    """The rows of prepared inspections as Arrow tables by name; tables without rows are left out.

    Args:
        items: The inspections, at most one for each file.
        inspection_ids: The id of each inspection.
    """
    late = {_ID: text_array(inspection_ids)}
    found = {table.name: _combined_table(table.name, items, late) for table in DOCUMENT}
    return {name: rows for name, rows in found.items() if rows is not None}


def audit_table(
    items: Sequence[Prepared],
    inspection_ids: Sequence[str],
    outcomes: Sequence[Outcome],
    common: Mapping[str, object],
) -> pa.Table:
    """The rows of the table `inspections`, one for each item.

    Args:
        items: The prepared inspections.
        inspection_ids: The id of each.
        outcomes: The outcome of each.
        common: Values of the columns that are equal in all rows of an upsert.
    """
    known = {_ID: inspection_ids, "outcome": [outcome.value for outcome in outcomes]}
    late = {
        column.name: arrow_array(INSPECTIONS, column, known.get(column.name) or [common[column.name]] * len(items))
        for column in INSPECTIONS.columns
        if column.of is None
    }
    return _combined_table(INSPECTIONS.name, items, late)


def to_tables(
    inspections: Sequence[Inspection], inspection_ids: Sequence[str], version: str = __version__
) -> dict[str, pa.Table]:
    """The rows of inspections as Arrow tables by name; see `tables_of`."""
    return tables_of(prepare(inspections, version), inspection_ids)
