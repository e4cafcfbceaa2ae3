"""Setup, comparison and pruning of the tables: `./run db setup`, `check`, `prune`.

Setup creates missing tables and columns in one transaction; several setups may run at the same time. It never changes or drops
a column: if a column has another type, setup fails and lists it. Unknown columns are ignored, since a newer version may have
added them.
"""

from __future__ import annotations

import hashlib
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
from exr_inspector.catalog.sdk.connection import Connection
from exr_inspector.catalog.sdk.errors import translated
from exr_inspector.catalog.sdk.transport import is_partitioned
from exr_inspector.catalog.sdk.work import ROW_ID, Work, rows_of
from exr_inspector.errors import CatalogError, SchemaDrift, SchemaExists, SchemaMissing
from exr_inspector.texts import program_command

_PRUNE_ROWS = 50_000  # rows deleted in one transaction, so that it does not hold up other writers
_MAX_DAYS = 36_500
_PROJECTION = "by_file"
_SORTED_SINCE = (5, 3, 5)  # versions of VAST
_PARTITIONED_SINCE = (5, 5)
_DRIFT = "the tables have other columns than this version of exr-inspector writes"
_SETUP_ATTEMPTS = 5  # while other setups create the same tables
_DEFINITIONS = [
    (table.name, table.sorted_by, [(column.name, str(column.type)) for column in table.columns]) for table in TABLES
]
TABLES_DIGEST = hashlib.sha256(json.dumps([SCHEMA_VERSION, _DEFINITIONS]).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class TableState:
    """A stored table, compared with its schema.

    Attributes:
        name: Its name.
        exists: Whether it exists.
        is_sorted: Whether it has its sorting key.
        is_partitioned: Whether it is partitioned.
        missing: Names of missing columns.
        drift: Columns of another type: (name, stored type, expected type).
        extra: Names of unknown columns.
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
        """Whether this version of exr-inspector can write to it."""
        return self.exists and not self.missing and not self.drift

    @property
    def drift_lines(self) -> list[str]:
        """One line for each column of another type."""
        return [f"{self.name}.{name} is {stored}, not {wanted}" for name, stored, wanted in self.drift]


@dataclass(frozen=True, slots=True)
class SchemaReport:
    """The stored tables, compared with their schema.

    Attributes:
        schema_exists: Whether the database schema exists.
        tables: One state for each table, in order.
        guards: Number of guard rows.
        recorded_version: Highest recorded version of the tables; None if none is recorded.
        guard_count: Recorded number of guard rows; None if none is recorded.
        changes: What the setup changed, a text for each change; empty after a comparison.
    """

    schema_exists: bool
    tables: tuple[TableState, ...]
    guards: int
    recorded_version: int | None
    guard_count: int | None = None
    changes: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether this version of exr-inspector can write to the tables."""
        return not self.differences

    @property
    def differences(self) -> tuple[str, ...]:
        """One line for each difference from the schema."""
        lines = [] if self.schema_exists else ["the schema is missing"]
        for table in self.tables:
            if not table.exists:
                lines.append(f"table {table.name} is missing")
            lines += [f"{table.name}.{column} is missing" for column in table.missing]
            lines += table.drift_lines
        if self.recorded_version is not None and self.recorded_version != SCHEMA_VERSION:
            lines.append(_other_version(self.recorded_version))
        if self.guards < (self.guard_count or LEAST_GUARDS):
            lines.append(f"guards has {self.guards} of {self.guard_count or DEFAULT_GUARDS} rows")
        return tuple(lines)


def _other_version(recorded: int) -> str:
    """What to do about tables of another schema version."""
    advice = "upgrade exr-inspector"
    if recorded < SCHEMA_VERSION:
        advice = "they cannot be converted; choose another VAST_DB_SCHEMA, run `db setup`, and ingest the files again"
    versions = f"schema version {recorded}, this exr-inspector ({__version__}) writes version {SCHEMA_VERSION}"
    return f"the tables have {versions}: {advice}"


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
    """The SDK's schema; None if it does not exist and `create` is false."""
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
        stored = schema.tablenames()
        return {name: schema.table(name) if name in stored else None for name in names}


def _guards(work: Work) -> np.ndarray[Any, Any]:
    """The numbers of the stored guards, rising, without repetitions."""
    batches = [batch["guard_id"].to_numpy() for batch in work.select(GUARDS, ["guard_id"])]
    return np.unique(np.concatenate(batches)) if batches else np.array([], np.int32)


def _recorded(work: Work, column: str) -> int | None:
    """The highest value of a column of `schema_versions`; None without rows."""
    return max((row[column] for row in rows_of(work.select(SCHEMA_VERSIONS, [column]))), default=None)


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
        recorded_version=_recorded(work, "schema_version") if has_version else None,
        guard_count=_recorded(work, "guard_count") if SCHEMA_VERSIONS.name in good else None,
    )


def check_tables(connection: Connection) -> SchemaReport:
    """Compare the stored tables with the schema of this version.

    Raises:
        CatalogError: The database cannot be read, or the bucket does not exist.
    """
    return connection.run("compare the tables", lambda work: _report(work, connection))


@dataclass(frozen=True, slots=True)
class SetupOptions:
    """Options of a setup.

    Attributes:
        sort: Add the sorting key to existing tables without one; the server then sorts their rows in the background. New tables
            have it from the start, if the server has sorted tables.
        projections: Create a semi-sorted projection by path for `files` and all child tables, for servers without sorted
            tables. Costs space and slows down writes.
        partition: Partition a new `files` by bucket (docs/scale.md says what that costs).
        guards: Number of guard rows, a power of two; fixed after the first setup. With more of them, fewer writers of unrelated
            files conflict (docs/scale.md).
    """

    sort: bool = False
    projections: bool = False
    partition: bool = False
    guards: int = DEFAULT_GUARDS

    def __post_init__(self) -> None:
        is_power = self.guards > 0 and self.guards & (self.guards - 1) == 0
        if not is_power or not LEAST_GUARDS <= self.guards <= MOST_GUARDS:
            raise CatalogError(f"guards: {self.guards} is not a power of two from {LEAST_GUARDS} to {MOST_GUARDS}")


DEFAULT_OPTIONS = SetupOptions()


def setup(connection: Connection, options: SetupOptions = DEFAULT_OPTIONS) -> SchemaReport:
    """Create the missing parts of schema, tables, columns and guard rows; several setups may run at the same time.

    Returns:
        The state of the tables afterwards, and what was changed.

    Raises:
        SchemaDrift: The tables have another schema version, or a stored column has another type; nothing was changed.
        SchemaMissing: The bucket does not exist; an administrator creates database-enabled buckets.
        CatalogConflict: The conflicts with other setups did not end in time.
    """
    try:
        for _ in range(_SETUP_ATTEMPTS - 1):
            with suppress(SchemaExists):  # another setup created it meanwhile
                return connection.run("set up the tables", lambda work: _setup(work, connection, options))
        return connection.run("set up the tables", lambda work: _setup(work, connection, options))
    finally:
        connection.forget()


def ensure_tables(connection: Connection) -> None:
    """Set up the tables unless a setup by the same definitions is recorded: one select instead of four requests a table.

    Raises:
        CatalogError: As `setup`.
    """
    try:
        if connection.run("read the setups", _is_recorded):
            return
    except (SchemaMissing, SchemaDrift):  # no table yet, or one without the column
        pass
    setup(connection)


def _is_recorded(work: Work) -> bool:
    """Whether a setup by these definitions is recorded; since no setup removes anything, a later one does not matter."""
    return TABLES_DIGEST in (row["tables_digest"] for row in rows_of(work.select(SCHEMA_VERSIONS, ["tables_digest"])))


def _setup(work: Work, connection: Connection, options: SetupOptions) -> SchemaReport:
    changes: list[str] = []
    connection.forget()
    schema = _schema(work, connection, create=True, changes=changes)
    handles = _handles(schema, [table.name for table in TABLES])
    _refuse_others(work, handles)
    if options.partition:
        _require_partitions(work, handles[FILES.name])
    can_sort = work.server_version >= _SORTED_SINCE
    for table in TABLES:
        partition = options.partition and table is FILES
        _create_or_extend(schema, table, handles, changes, can_sort=can_sort, partition=partition)
    if options.sort:
        _add_sorting_keys(handles, changes)
    if options.projections:
        _create_projections(handles, changes)
    guards = _recorded(work, "guard_count") or options.guards
    absent = np.setdiff1d(np.arange(guards, dtype=np.int32), _guards(work))
    if absent.size:
        _insert_guards(work, absent)
        changes.append(f"{absent.size} guard rows")
    if changes or not _is_recorded(work):
        row = {
            "schema_version": SCHEMA_VERSION,
            "guard_count": guards,
            "applied_at": connection.config.clock(),
            "inspector_version": __version__,
            "changes": json.dumps(changes),
            "tables_digest": TABLES_DIGEST,
        }
        work.insert(SCHEMA_VERSIONS, arrow_table(SCHEMA_VERSIONS, [row]))
    states = tuple(_compare(table, handles[table.name]) for table in TABLES)
    return SchemaReport(True, states, guards, SCHEMA_VERSION, guards, tuple(changes))


def _refuse_others(work: Work, handles: Mapping[str, Any]) -> None:
    """Compare the version and the column types of the stored tables with those of this exr-inspector.

    Raises:
        SchemaDrift: They differ.
    """
    recorded = _recorded(work, "schema_version") if handles[SCHEMA_VERSIONS.name] is not None else None
    if recorded is not None and recorded != SCHEMA_VERSION:
        raise SchemaDrift(_other_version(recorded))
    drift = [line for table in TABLES for line in _compare(table, handles[table.name]).drift_lines]
    if drift:
        raise SchemaDrift(f"{_DRIFT}: {'; '.join(drift)}")


def _require_partitions(work: Work, files: Any) -> None:
    """Check that `files` is partitioned or can be created with partitions.

    Raises:
        CatalogError: It exists without partitions, or the server has none.
    """
    if work.server_version < _PARTITIONED_SINCE:
        version = ".".join(map(str, work.server_version[:3]))
        raise CatalogError(f"--partition needs VAST 5.5 or newer, this server has {version}")
    if files is not None and not is_partitioned(files):
        raise CatalogError(
            "--partition: the table files exists without partitions, and only a new table can be partitioned: choose another "
            "VAST_DB_SCHEMA, run `db setup --partition`, and ingest the files again"
        )


def _insert_guards(work: Work, numbers: np.ndarray[Any, Any]) -> None:
    """Insert guards with only their number set, which keeps a quarter of a million rows in one request."""
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


def prune(
    connection: Connection, *, keep_days: float, dry_run: bool = False, progress: Callable[[str], None] | None = None
) -> int:
    """Delete the rows of `inspections` older than `keep_days`, in several transactions.

    Args:
        connection: The database.
        keep_days: How long rows are kept, days.
        dry_run: Only count them.
        progress: Called with a text after every transaction but the last.

    Returns:
        Number of rows deleted, or to delete.

    Raises:
        CatalogError: The database cannot be read or written, or `keep_days` is out of range.
    """
    if not 0 <= keep_days <= _MAX_DAYS:
        raise CatalogError(f"keep_days: found {keep_days:g}, expected 0 to {_MAX_DAYS:,}")
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
        if deleted < _PRUNE_ROWS:
            return total
        if progress:
            progress(f"{total} rows deleted")


def require_good(report: SchemaReport) -> None:
    """Check that this version of exr-inspector can write to the tables.

    Raises:
        SchemaMissing: The schema, a table or guard rows are missing; `./run db setup` creates them.
        SchemaDrift: The tables have another schema version, lack columns, which `./run db setup` adds, or have columns of
            other types.
    """
    if report.is_good:
        return
    if report.recorded_version is not None and report.recorded_version != SCHEMA_VERSION:
        raise SchemaDrift(_other_version(report.recorded_version))
    text = "; ".join(report.differences)
    if any(table.drift for table in report.tables):
        raise SchemaDrift(f"{_DRIFT}: {text}")
    lacks_columns = all(table.exists for table in report.tables) and any(table.missing for table in report.tables)
    fault = SchemaDrift if lacks_columns else SchemaMissing
    raise fault(f"{text}: {program_command('db setup')} creates what is missing")
