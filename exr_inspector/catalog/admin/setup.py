"""Set-up, comparison and retention of the tables: `./run db setup`, `check`, `prune`.

Set-up creates what is missing and adds new columns, all in one transaction, and may run anywhere at the same time. It never
changes or drops a column: a table whose columns have other types is refused with a list. Columns that are not ours are left
alone, since an older version of this program meets them after a newer one has added its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from pyiceberg.transforms import IdentityTransform
from vastdb.partitioning import PartitionKey, PartitionSpec

from exr_inspector import __version__
from exr_inspector.catalog.rows.build import arrow_table
from exr_inspector.catalog.schema import (
    CHILDREN,
    DEFAULT_GUARDS,
    FILES,
    GUARDS,
    INSPECTIONS,
    LEAST_GUARDS,
    MOST_GUARDS,
    PARTITIONED_BY,
    SCHEMA_VERSION,
    SCHEMA_VERSIONS,
    TABLES,
    Table,
)
from exr_inspector.catalog.schema.columns import stored_time
from exr_inspector.catalog.sdk.connection import ROW_ID, Connection, Work, rows_of
from exr_inspector.catalog.sdk.errors import translated
from exr_inspector.catalog.sdk.transport import is_partitioned
from exr_inspector.errors import CatalogError, SchemaDrift, SchemaExists, SchemaMissing

_PRUNE_ROWS = 50_000  # rows deleted in one transaction: other writers' transactions are never held up for long
_MOST_DAYS = 36_500
_PROJECTION = "by_file"
_SORTED_SINCE = (5, 3, 5)
_PARTITIONED_SINCE = (5, 5)
_OTHER_SETUPS = 4  # that make the same tables at the same time

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TableState:
    """One table as it stands.

    Attributes:
        name: Its name.
        exists: Whether it is there.
        is_sorted: Whether it has its sorting key.
        is_partitioned: Whether it is partitioned.
        missing: Columns it lacks.
        drift: Columns of another type: (name, stored type, wanted type).
        extra: Columns that are not ours.
    """

    name: str
    exists: bool
    is_sorted: bool = False
    is_partitioned: bool = False
    missing: tuple[str, ...] = ()
    drift: tuple[tuple[str, str, str], ...] = ()
    extra: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether this version can write to it."""
        return self.exists and not self.missing and not self.drift


@dataclass(frozen=True, slots=True)
class SchemaReport:
    """All tables as they stand.

    Attributes:
        schema_exists: Whether the schema is there.
        tables: One a table, in order.
        guards: Guard rows that are there.
        recorded_version: Highest schema version on record, None without one.
        guard_count: Guard rows that should be there, None without a record.
        changes: What set-up did, in words; empty for a mere comparison.
    """

    schema_exists: bool
    tables: tuple[TableState, ...]
    guards: int
    recorded_version: int | None
    guard_count: int | None = None
    changes: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether this version can write here."""
        return not self.differences

    @property
    def differences(self) -> tuple[str, ...]:
        """What is not as it should be, a line each."""
        lines = [] if self.schema_exists else ["the schema is missing"]
        for table in self.tables:
            if not table.exists:
                lines.append(f"table {table.name} is missing")
            lines += [f"{table.name}.{column} is missing" for column in table.missing]
            lines += [f"{table.name}.{name} is {stored}, not {wanted}" for name, stored, wanted in table.drift]
        if self.recorded_version is not None and self.recorded_version != SCHEMA_VERSION:
            lines.append(_other_version(self.recorded_version))
        if self.guards < (self.guard_count or LEAST_GUARDS):
            lines.append(f"guards holds {self.guards} of {self.guard_count or DEFAULT_GUARDS} rows")
        return tuple(lines)


def _other_version(recorded: int) -> str:
    """What to do about tables of another schema version."""
    if recorded > SCHEMA_VERSION:
        return (
            f"the tables are of schema version {recorded}, this exr-inspector ({__version__}) writes version {SCHEMA_VERSION}: "
            "upgrade exr-inspector"
        )
    return (
        f"the tables are of schema version {recorded}, this exr-inspector writes version {SCHEMA_VERSION}, and there is no "
        "conversion: choose another VAST_DB_SCHEMA, run `db setup`, and ingest the files again"
    )


def _compare(table: Table, handle: Any) -> TableState:
    if handle is None:
        return TableState(table.name, exists=False)
    kinds = {field.name: field.type for field in handle.arrow_schema}
    return TableState(
        table.name,
        exists=True,
        is_sorted=bool(handle.sorted_table),
        is_partitioned=is_partitioned(handle),
        missing=tuple(column.name for column in table.columns if column.name not in kinds),
        drift=tuple(
            (column.name, str(kinds[column.name]), str(column.type))
            for column in table.columns
            if column.name in kinds and kinds[column.name] != column.type
        ),
        extra=tuple(name for name in kinds if name not in set(table.arrow.names)),
    )


def _schema(work: Work, connection: Connection, *, create: bool, changes: list[str]) -> Any:
    """The SDK's schema object, None where it is missing and not to be created."""
    config = connection.config
    with translated(f"open bucket {config.bucket}"):
        parent = work.tx.bucket(config.bucket)
    for name in config.schema.split("/"):
        with translated(f"open schema {config.schema}"):
            found = parent.schema(name, fail_if_missing=False)
            if found is None and create:
                found = parent.create_schema(name)
                changes.append(f"schema {name}")
        if found is None:
            return None
        parent = found
    return parent


def _handles(schema: Any, names: Sequence[str]) -> dict[str, Any]:
    with translated("list the tables"):
        return {name: schema.table(name, fail_if_missing=False) for name in names}


def _guards(work: Work) -> np.ndarray[Any, Any]:
    """Numbers of the guards that are there, rising, each once."""
    batches = [batch["guard_id"].to_numpy() for batch in work.select(GUARDS, ["guard_id"])]
    return np.unique(np.concatenate(batches)) if batches else np.array([], np.int32)


def _recorded(work: Work) -> int | None:
    """Schema version of the tables, None where none is on record."""
    versions = rows_of(work.select(SCHEMA_VERSIONS, ["schema_version"]))
    return max((row["schema_version"] for row in versions), default=None)


def _guard_count(work: Work) -> int | None:
    """Number of guards on record."""
    counts = rows_of(work.select(SCHEMA_VERSIONS, ["guard_count"]))
    return counts[0]["guard_count"] if counts else None


def _report(work: Work, connection: Connection) -> SchemaReport:
    schema = _schema(work, connection, create=False, changes=[])
    if schema is None:
        return SchemaReport(False, tuple(TableState(table.name, exists=False) for table in TABLES), 0, None)
    handles = _handles(schema, [table.name for table in TABLES])
    states = [_compare(table, handles[table.name]) for table in TABLES]
    good = {state.name for state in states if state.is_good}
    has_version = handles[SCHEMA_VERSIONS.name] is not None
    return SchemaReport(
        schema_exists=True,
        tables=tuple(states),
        guards=len(_guards(work)) if GUARDS.name in good else 0,
        recorded_version=_recorded(work) if has_version else None,
        guard_count=_guard_count(work) if SCHEMA_VERSIONS.name in good else None,
    )


def check_tables(connection: Connection) -> SchemaReport:
    """Compare what is there with what this version writes; changes nothing.

    Raises:
        CatalogError: The database cannot be read, or the bucket is missing.
    """
    return connection.run("compare the tables", lambda work: _report(work, connection))


@dataclass(frozen=True, slots=True)
class SetupOptions:
    """What a set-up makes beside what is needed.

    Attributes:
        sort: Also give tables that have none their sorting key; what is stored is then sorted by the server in time. New tables
            have theirs from the start, where the server has sorted tables.
        projections: Also make a semi-sorted projection by path of `files` and every child table, for servers without sorted
            tables. Costs space and writes.
        partition: Partition `files` by bucket, if it is not there yet; what that costs is in docs/scale.md.
        guards: Guard rows, a power of two; fixed once they are made. More of them let more writers store batches of unrelated
            files at once (docs/scale.md).
    """

    sort: bool = False
    projections: bool = False
    partition: bool = False
    guards: int = DEFAULT_GUARDS

    def __post_init__(self) -> None:
        is_power = self.guards > 0 and self.guards & (self.guards - 1) == 0
        if not is_power or not LEAST_GUARDS <= self.guards <= MOST_GUARDS:
            raise CatalogError(f"guards: {self.guards} is no power of two from {LEAST_GUARDS} to {MOST_GUARDS}")


DEFAULT_OPTIONS = SetupOptions()


def setup(connection: Connection, options: SetupOptions = DEFAULT_OPTIONS) -> SchemaReport:
    """Create schema, tables and guard rows that are missing, and add missing columns; safe to run anywhere at once.

    Returns:
        How the tables stand afterwards, and what was changed.

    Raises:
        SchemaDrift: The tables are of another schema version, or a stored column has another type; nothing was changed.
        SchemaMissing: The bucket is missing: an administrator makes database-enabled buckets.
        CatalogConflict: Other set-ups kept winning.
    """
    try:
        for _ in range(_OTHER_SETUPS):
            with suppress(SchemaExists):  # made by another set-up meanwhile: look again
                return connection.run("set up the tables", lambda work: _setup(work, connection, options))
        return connection.run("set up the tables", lambda work: _setup(work, connection, options))
    finally:
        connection.forget()


def _setup(work: Work, connection: Connection, options: SetupOptions) -> SchemaReport:
    changes: list[str] = []
    connection.forget()
    schema = _schema(work, connection, create=True, changes=changes)
    handles = _handles(schema, [table.name for table in TABLES])
    _refuse_others(work, handles)
    if options.partition:
        _require_partitions(work, handles[FILES.name])
    can_sort = _has_sorted_tables(work)
    for table in TABLES:
        partition = options.partition and table is FILES
        _create_or_extend(schema, table, handles, changes, can_sort=can_sort, partition=partition)
    if options.sort:
        _add_sorting_keys(handles, changes)
    if options.projections:
        _create_projections(handles, changes)
    guards = _guard_count(work) or options.guards
    absent = np.setdiff1d(np.arange(guards, dtype=np.int32), _guards(work))
    if absent.size:
        _insert_guards(work, absent)
        changes.append(f"{absent.size} guard rows")
    if changes:
        row = {
            "schema_version": SCHEMA_VERSION,
            "guard_count": guards,
            "applied_at": connection.config.clock(),
            "inspector_version": __version__,
            "changes": json.dumps(changes),
        }
        work.insert(SCHEMA_VERSIONS, arrow_table(SCHEMA_VERSIONS, [row]))
    states = tuple(_compare(table, handles[table.name]) for table in TABLES)
    return SchemaReport(True, states, guards, SCHEMA_VERSION, guards, tuple(changes))


def _refuse_others(work: Work, handles: Mapping[str, Any]) -> None:
    """Return when this version may write to what is there.

    Raises:
        SchemaDrift: It may not.
    """
    recorded = _recorded(work) if handles[SCHEMA_VERSIONS.name] is not None else None
    if recorded is not None and recorded != SCHEMA_VERSION:
        raise SchemaDrift(_other_version(recorded))
    drift = [
        f"{table.name}.{name} is {stored}, not {wanted}"
        for table in TABLES
        if handles[table.name] is not None
        for name, stored, wanted in _compare(table, handles[table.name]).drift
    ]
    if drift:
        raise SchemaDrift("tables have other columns than this version writes: " + "; ".join(drift))


def _has_sorted_tables(work: Work) -> bool:
    return tuple(work.server_version[:3]) >= _SORTED_SINCE


def _require_partitions(work: Work, files: Any) -> None:
    """Return when `files` is partitioned, or can be made so.

    Raises:
        CatalogError: It cannot.
    """
    if tuple(work.server_version[:2]) < _PARTITIONED_SINCE:
        version = ".".join(map(str, work.server_version[:3]))
        raise CatalogError(f"--partition needs VAST 5.5 or newer, this server is {version}")
    if files is not None and not is_partitioned(files):
        raise CatalogError(
            "--partition: the table files is there and not partitioned, and a table can be partitioned only when it is made: "
            "choose another VAST_DB_SCHEMA, run `db setup --partition`, and ingest the files again"
        )


def _insert_guards(work: Work, numbers: np.ndarray[Any, Any]) -> None:
    """Rows that hold their number alone: a quarter of a million take one request."""
    columns = {
        column.name: pa.array(numbers) if column.name == "guard_id" else pa.nulls(len(numbers), column.type)
        for column in GUARDS.columns
    }
    work.insert(GUARDS, pa.table(columns, schema=GUARDS.arrow))


def _add_sorting_keys(handles: dict[str, Any], changes: list[str]) -> None:
    for table in TABLES:
        handle = handles[table.name]
        if table.sorted_by and not handle.sorted_table:
            with translated(f"sort table {table.name}"):
                handle.add_sorting_key(list(table.sorted_by))
                handle.reload_schema()
            changes.append(f"sorting key of {table.name}")


def _create_or_extend(
    schema: Any, table: Table, handles: dict[str, Any], changes: list[str], *, can_sort: bool, partition: bool
) -> None:
    if handles[table.name] is None:
        sorting_key = list(table.sorted_by) if can_sort else []
        spec = PartitionSpec([PartitionKey(PARTITIONED_BY, IdentityTransform())]) if partition else None
        with translated(f"create table {table.name}"):
            handles[table.name] = schema.create_table(
                table.name, table.arrow, sorting_key=sorting_key, partition_spec=spec
            )
        ways = [f"sorted by {', '.join(sorting_key)}"] if sorting_key else []
        ways += [f"partitioned by {PARTITIONED_BY}"] if partition else []
        changes.append(" ".join([f"table {table.name}", *ways]))
        return
    missing = _compare(table, handles[table.name]).missing
    if missing:
        with translated(f"add columns to {table.name}"):
            handles[table.name].add_column(pa.schema([table.arrow.field(name) for name in missing]))
        changes += [f"column {table.name}.{name}" for name in missing]


def _create_projections(handles: Mapping[str, Any], changes: list[str]) -> None:
    for table in (FILES, *CHILDREN):
        column = "path" if table is FILES else "file_path"
        handle = handles[table.name]
        with translated(f"create a projection of {table.name}"):
            if any(projection.name == _PROJECTION for projection in handle.projections()):
                continue
            handle.create_projection(_PROJECTION, [column], ["file_id", "content_key", "inspection_id"])
        changes.append(f"projection {table.name}.{_PROJECTION}")


def prune(connection: Connection, *, keep_days: float, dry_run: bool = False, progress: Progress | None = None) -> int:
    """Delete rows of `inspections` that were written more than `keep_days` ago, some thousand a transaction.

    Args:
        connection: The database.
        keep_days: How long rows are kept, days.
        dry_run: Only count.
        progress: Called after every transaction.

    Returns:
        Rows deleted, or that would be.

    Raises:
        CatalogError: The database cannot be read or written.
    """
    if not 0 <= keep_days <= _MOST_DAYS:
        raise CatalogError(f"rows are kept for 0 to {_MOST_DAYS:,} days, not {keep_days:g}")
    moment = stored_time(connection.config.clock()) - timedelta(days=keep_days)

    def old(table: Any) -> Any:
        return table["recorded_at"] < moment

    def count(work: Work) -> int:
        return sum(batch.num_rows for batch in work.select(INSPECTIONS, ["inspection_id"], old))

    def delete(work: Work) -> int:
        batches = work.select(INSPECTIONS, ["recorded_at"], old, row_ids=True, limit=_PRUNE_ROWS)
        row_ids = [row_id for batch in batches for row_id in batch[ROW_ID].to_pylist()]
        work.delete(INSPECTIONS, row_ids)
        return len(row_ids)

    if dry_run:
        return connection.run("count old inspections", count)
    total = 0
    while True:
        deleted = connection.run("delete old inspections", delete)
        total += deleted
        if progress:
            progress(f"{total} rows deleted")
        if deleted < _PRUNE_ROWS:
            return total


def require_good(report: SchemaReport) -> None:
    """Return when this version can write to the tables.

    Raises:
        SchemaMissing: Something is missing; `./run db setup` creates it.
        SchemaDrift: A column has another type.
    """
    if report.is_good:
        return
    if report.recorded_version is not None and report.recorded_version != SCHEMA_VERSION:
        raise SchemaDrift(_other_version(report.recorded_version))
    text = "; ".join(report.differences)
    if any(table.drift for table in report.tables):
        raise SchemaDrift(f"tables have other columns than this version writes: {text}")
    raise SchemaMissing(f"{text}: `./run db setup` creates what is missing")
