"""Set-up, comparison and retention of the tables: `./run db setup`, `check`, `prune`.

Set-up creates what is missing and adds new columns, all in one transaction, and may run anywhere at the same time. It never
changes or drops a column: a table whose columns have other types is refused with a list. Columns that are not ours are left
alone, since an older version of this program meets them after a newer one has added its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta, timezone
from typing import Any

import pyarrow as pa

from exr_inspector import __version__
from exr_inspector.catalog.rows.build import arrow_table
from exr_inspector.catalog.schema import (
    CHILDREN,
    FILES,
    GUARD_COUNT,
    GUARDS,
    INSPECTIONS,
    SCHEMA_VERSION,
    SCHEMA_VERSIONS,
    TABLES,
    Table,
)
from exr_inspector.catalog.sdk.connection import ROW_ID, Connection, Work, rows_of
from exr_inspector.catalog.sdk.errors import translated
from exr_inspector.errors import CatalogError, SchemaDrift, SchemaMissing

_PRUNE_ROWS = 50_000  # rows deleted in one transaction: other writers' transactions are never held up for long
_MOST_DAYS = 36_500
_PROJECTION = "by_file"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TableState:
    """One table as it stands.

    Attributes:
        name: Its name.
        exists: Whether it is there.
        missing: Columns it lacks.
        drift: Columns of another type: (name, stored type, wanted type).
        extra: Columns that are not ours.
    """

    name: str
    exists: bool
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
        changes: What set-up did, in words; empty for a mere comparison.
    """

    schema_exists: bool
    tables: tuple[TableState, ...]
    guards: int
    recorded_version: int | None
    changes: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether this version can write here."""
        return self.guards >= GUARD_COUNT and all(table.is_good for table in self.tables)

    @property
    def differences(self) -> tuple[str, ...]:
        """What is not as it should be, a line each."""
        lines = [] if self.schema_exists else ["the schema is missing"]
        for table in self.tables:
            if not table.exists:
                lines.append(f"table {table.name} is missing")
            lines += [f"{table.name}.{column} is missing" for column in table.missing]
            lines += [f"{table.name}.{name} is {stored}, not {wanted}" for name, stored, wanted in table.drift]
        if self.guards < GUARD_COUNT:
            lines.append(f"guards holds {self.guards} of {GUARD_COUNT} rows")
        return tuple(lines)


def _compare(table: Table, stored: pa.Schema | None) -> TableState:
    if stored is None:
        return TableState(table.name, exists=False)
    kinds = {field.name: field.type for field in stored}
    return TableState(
        table.name,
        exists=True,
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


def _guards(work: Work) -> set[int]:
    return {row["guard_id"] for row in rows_of(work.select(GUARDS, ["guard_id"]))}


def _recorded(work: Work) -> int | None:
    versions = rows_of(work.select(SCHEMA_VERSIONS, ["schema_version"]))
    return max((row["schema_version"] for row in versions), default=None)


def _report(work: Work, connection: Connection) -> SchemaReport:
    schema = _schema(work, connection, create=False, changes=[])
    if schema is None:
        return SchemaReport(False, tuple(TableState(table.name, exists=False) for table in TABLES), 0, None)
    handles = _handles(schema, [table.name for table in TABLES])
    states = [_compare(table, getattr(handles[table.name], "arrow_schema", None)) for table in TABLES]
    good = {state.name for state in states if state.is_good}
    return SchemaReport(
        schema_exists=True,
        tables=tuple(states),
        guards=len(_guards(work)) if GUARDS.name in good else 0,
        recorded_version=_recorded(work) if SCHEMA_VERSIONS.name in good else None,
    )


def check(connection: Connection) -> SchemaReport:
    """Compare what is there with what this version writes; changes nothing.

    Raises:
        CatalogError: The database cannot be read, or the bucket is missing.
    """
    return connection.run("compare the tables", lambda work: _report(work, connection))


def setup(connection: Connection, *, projections: bool = False) -> SchemaReport:
    """Create schema, tables and guard rows that are missing, and add missing columns; safe to run anywhere at once.

    Args:
        connection: The database.
        projections: Also make a semi-sorted projection by file_id of `files` and every child table: the index that look-ups
            by file use on large tables. Costs space and writes. Trino reads such tables; it has failed on the metadata of
            sorted ones, which is why none are made.

    Returns:
        How the tables stand afterwards, and what was changed.

    Raises:
        SchemaDrift: A stored column has another type; nothing was changed.
        SchemaMissing: The bucket is missing: an administrator makes database-enabled buckets.
        CatalogConflict: Other set-ups kept winning.
    """
    return connection.run("set up the tables", lambda work: _setup(work, connection, projections))


def _setup(work: Work, connection: Connection, projections: bool) -> SchemaReport:
    changes: list[str] = []
    schema = _schema(work, connection, create=True, changes=changes)
    handles = _handles(schema, [table.name for table in TABLES])
    drift = [
        f"{table.name}.{name} is {stored}, not {wanted}"
        for table in TABLES
        if handles[table.name] is not None
        for name, stored, wanted in _compare(table, handles[table.name].arrow_schema).drift
    ]
    if drift:
        raise SchemaDrift("tables have other columns than this version writes: " + "; ".join(drift))
    for table in TABLES:
        _create_or_extend(schema, table, handles, changes)
    if projections:
        _create_projections(handles, changes)
    absent = sorted(set(range(GUARD_COUNT)) - _guards(work))
    now = connection.config.clock()
    if absent:
        rows = [{"guard_id": number, "touched_by": "setup", "touched_at": now} for number in absent]
        work.insert(GUARDS, arrow_table(GUARDS, rows))
        changes.append(f"{len(absent)} guard rows")
    if changes or (_recorded(work) or 0) < SCHEMA_VERSION:
        row = {
            "schema_version": SCHEMA_VERSION,
            "applied_at": now,
            "inspector_version": __version__,
            "changes": json.dumps(changes),
        }
        work.insert(SCHEMA_VERSIONS, arrow_table(SCHEMA_VERSIONS, [row]))
    states = tuple(_compare(table, handles[table.name].arrow_schema) for table in TABLES)
    return SchemaReport(True, states, GUARD_COUNT, _recorded(work), tuple(changes))


def _create_or_extend(schema: Any, table: Table, handles: dict[str, Any], changes: list[str]) -> None:
    if handles[table.name] is None:
        with translated(f"create table {table.name}"):
            handles[table.name] = schema.create_table(table.name, table.arrow)
        changes.append(f"table {table.name}")
        return
    missing = _compare(table, handles[table.name].arrow_schema).missing
    if missing:
        with translated(f"add columns to {table.name}"):
            handles[table.name].add_column(pa.schema([table.arrow.field(name) for name in missing]))
        changes += [f"column {table.name}.{name}" for name in missing]


def _create_projections(handles: Mapping[str, Any], changes: list[str]) -> None:
    for table in (FILES, *CHILDREN):
        handle = handles[table.name]
        with translated(f"create a projection of {table.name}"):
            if any(projection.name == _PROJECTION for projection in handle.projections()):
                continue
            handle.create_projection(_PROJECTION, ["file_id"], ["content_key", "inspection_id"])
        changes.append(f"projection {table.name}.{_PROJECTION}")


def prune(connection: Connection, *, keep_days: float, dry_run: bool = False, progress: Progress | None = None) -> int:
    """Delete rows of `inspections` that were written more than `keep_days` ago, some thousand a transaction.

    Args:
        connection: The database.
        keep_days: How long rows are kept, days.
        dry_run: Only count.
        progress: Told after every transaction.

    Returns:
        Rows deleted, or that would be.

    Raises:
        CatalogError: The database cannot be read or written.
    """
    if not 0 <= keep_days <= _MOST_DAYS:
        raise CatalogError(f"rows are kept for 0 to {_MOST_DAYS:,} days, not {keep_days:g}")
    moment = connection.config.clock().astimezone(timezone.utc).replace(tzinfo=None) - timedelta(days=keep_days)

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
    text = "; ".join(report.differences)
    if any(table.drift for table in report.tables):
        raise SchemaDrift(f"tables have other columns than this version writes: {text}")
    raise SchemaMissing(f"{text}: `./run db setup` creates what is missing")
