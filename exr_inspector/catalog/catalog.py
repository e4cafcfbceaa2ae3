"""Writes to the tables through the vastdb SDK: upserts of inspections and removals of files, one transaction for each batch.

The database has no unique constraints, so writers of the same file must conflict on something else, a guard row. Each change
also updates the guard row that the file's hash selects. Of two concurrent writers, the second gets a conflict (409) and tries
again in a new transaction, where it sees what the first one wrote. `precedence` decides what is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import pyarrow as pa

from exr_inspector import __version__
from exr_inspector.catalog.outcomes import Outcome, Removal, UpsertResult
from exr_inspector.catalog.paths import catalog_path
from exr_inspector.catalog.precedence import Plan, StoredFile, decide, decide_removals, newest, unseen
from exr_inspector.catalog.rows.build import Row, arrow_table, text_array
from exr_inspector.catalog.rows.groups import Prepared, as_prepared, audit_table, tables_of
from exr_inspector.catalog.schema import BY_NAME, CRYPTOMATTE_MANIFESTS, FILES, INSPECTIONS, SCHEMA_VERSION
from exr_inspector.catalog.schema.columns import TIME, clipped
from exr_inspector.catalog.sdk.config import CatalogConfig
from exr_inspector.catalog.sdk.connection import Connection
from exr_inspector.catalog.sdk.predicates import every, has_prefix, in_buckets, is_in
from exr_inspector.catalog.sdk.work import Work, rows_of
from exr_inspector.catalog.stored import (
    FoundRows,
    find_rows,
    recorded_removals,
    recorded_since,
    stored_files,
    stored_files_where,
    touch_guards,
    unstored_manifests,
    update_guards,
)
from exr_inspector.catalog.versions import VersionInfo, file_id, is_same_version, release
from exr_inspector.deadline import Deadline
from exr_inspector.errors import CpuTimeExceeded, DecoderCrashed, LimitExceeded
from exr_inspector.model import MISSING_MANIFESTS, EventInfo, Inspection, ObjectVersion, StatsMode
from exr_inspector.texts import unicode_text

# Failures that another version of the software may not have.
_RETRIED_CODES = frozenset({DecoderCrashed.code, CpuTimeExceeded.code})


@dataclass(frozen=True, slots=True)
class ObjectState:
    """An object, and how it would be inspected now.

    Attributes:
        bucket: Bucket.
        key: Key.
        version: Its version, from a listing, a HEAD or an event.
        mode: Which pixels would be read: none, a sample, or all.
        decoder: The library that would decode its pixels.
        retry_failed: Whether to inspect an unchanged object again that crashed the decoder, took too long or exceeded a limit.
        stops: `Inspector.stops`: an object that a limit stopped is inspected again if that limit is not among these. Empty:
            never.
    """

    bucket: str
    key: str
    version: ObjectVersion
    mode: StatsMode = StatsMode.OFF
    decoder: str | None = None
    retry_failed: bool = False
    stops: frozenset[str] = frozenset()

    @property
    def path(self) -> str:
        """`<bucket>/<key>`."""
        return f"{self.bucket}/{self.key}"


class Catalog:
    """The tables. Connects at the first use; all methods may run in many threads at once.

    Methods raise `CatalogError`: a retryable one if the same call may succeed later, any other one if something must be fixed
    first. In both cases nothing was stored, except after `CatalogUnavailable`, where that is unknown; a repeated call is safe.
    """

    def __init__(self, config: CatalogConfig) -> None:
        self.connection = Connection(config)
        self._config = config

    def close(self) -> None:
        """Close pooled connections."""
        self.connection.close()

    def upsert(
        self,
        inspections: Sequence[Inspection | Prepared],
        *,
        force: bool = False,
        is_current: bool = False,
        also: Callable[[Work], None] | None = None,
        retry_seconds: float | None = None,
        deadline: Deadline | None = None,
    ) -> list[UpsertResult]:
        """Store inspections in one transaction, by the rules of `precedence`.

        Args:
            inspections: Any number, also several of one file; as inspections, or with their rows already made (`prepare`).
            force: Replace rows of the same version even if an inspection adds nothing.
            is_current: The objects were still of these versions after they were inspected, so replace even rows that look newer
                by their times.
            also: Called in the same transaction, for further changes.
            retry_seconds: How long to retry; None for the configured time.
            deadline: When to give up, if that is earlier.

        Returns:
            One result for each inspection, in the same order.

        Raises:
            CatalogError: See the class.
        """
        if not inspections:
            return []
        items = as_prepared(inspections)
        ids = [self._config.new_id() for _ in items]
        since = self._config.clock()

        def body(work: Work) -> list[UpsertResult]:
            results = self._upsert(work, items, ids, force=force, is_current=is_current)
            if also is not None:
                also(work)
            return results

        return self.connection.run(
            "store inspections",
            body,
            is_committed=lambda work: _is_recorded(work, ids[0], since),
            retry_seconds=retry_seconds,
            deadline=deadline,
        )

    def _upsert(
        self, work: Work, items: Sequence[Prepared], ids: Sequence[str], *, force: bool, is_current: bool
    ) -> list[UpsertResult]:
        if work.is_contended:  # update the guards first, to leave other writers as little time as possible
            touch_guards(
                work, [guard for item in items for guard in (item.file_id, *item.manifests)], ids[0], self._config
            )
        paths = {item.file_id: unicode_text(item.path) for item in items}
        stored = stored_files(work, paths.values())
        blind = unseen(items, stored)
        removals = _removals(work, blind) if blind else {}
        plan = decide(items, stored, removals=removals, force=force, is_current=is_current)
        writes = [items[index] for index in plan.writes]
        names = unstored_manifests(work, writes)
        guarded = [*plan.guarded, *names] if plan.guarded and not work.is_contended else []
        guards, old = find_rows(work, guarded, {file: stored[file] for file in plan.replaced})
        changes = self._changes_of_guards(work, guards, ids[0])
        if plan.replaced:
            work.at_once([*changes, *_deletions(work, old)])
            changes = []
        tables = tables_of(writes, [ids[index] for index in plan.writes])
        audit = audit_table(items, ids, plan.outcomes, self._common())
        inserts = [*((BY_NAME[name], rows) for name, rows in tables.items()), (INSPECTIONS, audit)]
        if names:
            inserts.append((CRYPTOMATTE_MANIFESTS, pa.Table.from_batches(names.values())))
        changes += [partial(work.insert, table, rows) for table, rows in inserts]
        if plan.sequencers:
            changes.append(
                partial(work.update, FILES, [row_id for row_id, _ in plan.sequencers], _sequencer_columns(plan, items))
            )
        work.at_once(changes)
        written, deleted = frozenset(plan.writes), Counter(file for rows in old for file in rows.file_ids)
        return [
            UpsertResult(
                file_id=item.file_id,
                path=item.path,
                content_key=item.version_info.content_key,
                inspection_id=ids[index],
                outcome=plan.outcomes[index],
                rows_written=item.row_count if index in written else 0,
                rows_deleted=deleted[item.file_id] if index in written else 0,
            )
            for index, item in enumerate(items)
        ]

    def remove(
        self, path: str, *, event: EventInfo | None = None, is_seen: bool = True, deadline: Deadline | None = None
    ) -> UpsertResult:
        """Remove one file; see `remove_all`."""
        return self.remove_all([Removal(path, event or EventInfo(), is_seen)], deadline=deadline)[0]

    def remove_all(
        self,
        removals: Sequence[Removal],
        *,
        retry_seconds: float | None = None,
        deadline: Deadline | None = None,
    ) -> list[UpsertResult]:
        """Delete all rows of deleted objects, in one transaction.

        A removal whose event is older than the stored version, by sequencer or time, is ignored: the object was created again.

        Args:
            removals: Any number, also several of one file. A path may have any spelling that names the bucket.
            retry_seconds: As for `upsert`.
            deadline: As for `upsert`.

        Returns:
            One result for each removal, in the same order.

        Raises:
            CatalogError: See the class.
        """
        if not removals:
            return []
        found = [replace(removal, path=catalog_path(removal.path)) for removal in removals]
        ids = [self._config.new_id() for _ in found]
        since = self._config.clock()
        return self.connection.run(
            "remove files",
            lambda work: self._remove(work, [(file_id(removal.path), removal) for removal in found], ids),
            is_committed=lambda work: _is_recorded(work, ids[0], since),
            retry_seconds=retry_seconds,
            deadline=deadline,
        )

    def _remove(self, work: Work, removals: Sequence[tuple[str, Removal]], ids: Sequence[str]) -> list[UpsertResult]:
        paths = {file: unicode_text(removal.path) for file, removal in removals}
        if work.is_contended:
            touch_guards(work, paths, ids[0], self._config)
        stored = stored_files(work, paths.values())
        outcomes = decide_removals(removals, stored)
        removed_ids = {
            file for (file, _), outcome in zip(removals, outcomes, strict=True) if outcome is Outcome.REMOVED
        }
        # If the deletion was not verified, a concurrent upsert of an older creation must conflict with this removal.
        guarded = removed_ids | {file for file, removal in removals if not removal.is_seen}
        guards, old = find_rows(
            work, () if work.is_contended else guarded, {file: stored[file] for file in removed_ids}
        )
        common = self._common()
        rows: list[Row] = [
            {
                "inspection_id": identifier,
                "file_id": file,
                "file_path": paths[file],
                "outcome": outcome.value,
                "event_id": clipped(removal.event.event_id),
                "sequencer": clipped(removal.event.sequencer),
                "event_time": removal.event.time,
                "inspector_version": __version__,
                **common,
            }
            for (file, removal), identifier, outcome in zip(removals, ids, outcomes, strict=True)
        ]
        changes = [*self._changes_of_guards(work, guards, ids[0]), *_deletions(work, old)]
        changes.append(partial(work.insert, INSPECTIONS, arrow_table(INSPECTIONS, rows)))
        work.at_once(changes)
        deleted = Counter(file for found in old for file in found.file_ids)
        return [
            UpsertResult(
                file,
                paths[file],
                None,
                identifier,
                outcome,
                rows_deleted=deleted[file] if outcome is Outcome.REMOVED else 0,
            )
            for (file, _), identifier, outcome in zip(removals, ids, outcomes, strict=True)
        ]

    def try_guards(self, paths: Sequence[str]) -> None:
        """Update the guard rows of these files once, to find out whether an open transaction blocks changes of them.

        Raises:
            CatalogConflict: One does.
            CatalogError: See the class.
        """
        self.connection.run(
            "update guards",
            lambda work: touch_guards(work, map(file_id, paths), self._config.new_id(), self._config),
            retry_seconds=0.0,
        )

    def current_versions(self, states: Sequence[ObjectState]) -> list[VersionInfo | None]:
        """The stored version of each object whose rows are up to date, and None for the others."""
        if not states:
            return []
        paths = [unicode_text(state.path) for state in states]
        stored = self.connection.run("look up files", lambda work: stored_files(work, paths))
        found = [(state, stored.get(file_id(state.path), ())) for state in states]
        return [newest(rows).version_info if is_up_to_date(state, rows) else None for state, rows in found]

    def stored_between(
        self, after: str, *, last: str | None = None, end: str | None = None, deadline: Deadline | None = None
    ) -> dict[str, list[StoredFile]]:
        """The stored rows of the files in a range of paths, by path.

        Args:
            after: `<bucket>/<key>` or the beginning of one, as stored; excluded.
            last: The last path, included; None for no such bound.
            end: The first path beyond the range; None for no such bound.
            deadline: As for `upsert`.
        """
        where = every(
            None if last is None and end is None else in_buckets({after.partition("/")[0]}),
            lambda table: table["path"] > after,
            None if last is None else lambda table: table["path"] <= last,
            None if end is None else lambda table: table["path"] < end,
        )
        found = self.connection.run("look up files", lambda work: stored_files_where(work, where), deadline=deadline)
        return {rows[0].path: rows for rows in found.values()}

    def stored_at(self, paths: Sequence[str], *, deadline: Deadline | None = None) -> dict[str, list[StoredFile]]:
        """The stored rows of these files, by path as stored; files without rows are left out."""
        wanted = [unicode_text(path) for path in paths]
        found = self.connection.run("look up files", lambda work: stored_files(work, wanted), deadline=deadline)
        return {rows[0].path: rows for rows in found.values()}

    def missing_manifests(self, directories: Sequence[str]) -> dict[str, list[StoredFile]]:
        """The stored rows of files in these folders (`files.directory`) that miss sidecar manifests, by path as stored."""
        where = every(is_in("directory", directories), has_prefix("stats_stopped", MISSING_MANIFESTS))
        found = self.connection.run("look up files", lambda work: stored_files_where(work, where))
        return {rows[0].path: rows for rows in found.values()}

    def has_files(self, prefix: str = "") -> bool:
        """Whether the tables contain a file whose `<bucket>/<key>` begins with `prefix`; one request for one row."""
        below = has_prefix("path", unicode_text(prefix))

        def some(work: Work) -> bool:
            return bool(rows_of(work.select(FILES, ["path"], below, limit=1)))

        return self.connection.run("look for files", some)

    def count_files(self, bucket: str, prefix: str = "") -> int:
        """The number of rows of files whose keys begin with `prefix`; one request, which reads one number of each row."""
        below = has_prefix("path", unicode_text(f"{bucket}/{prefix}"))

        def count(work: Work) -> int:
            return sum(batch.num_rows for batch in work.select(FILES, ["size_bytes"], below))

        return self.connection.run("count files", count)

    def _changes_of_guards(self, work: Work, guards: FoundRows, touched_by: str) -> list[Callable[[], None]]:
        """The update of guard rows, to be sent with other changes; none without rows.

        A conflict rolls back the transaction whichever change finds it, so guards need not be updated before others.
        """
        if not guards.row_ids:
            return []
        return [partial(update_guards, work, guards.row_ids, touched_by, self._config)]

    def _common(self) -> Row:
        return {
            "recorded_at": self._config.clock(),
            "worker": self._config.worker or None,
            "schema_version": SCHEMA_VERSION,
        }


def _deletions(work: Work, rows: Sequence[FoundRows]) -> list[Callable[[], None]]:
    return [partial(work.delete, found.table, found.row_ids) for found in rows if found.row_ids]


def _is_recorded(work: Work, identifier: str, since: datetime) -> bool:
    where = every(is_in("inspection_id", [identifier]), recorded_since(since))
    return bool(rows_of(work.select(INSPECTIONS, ["inspection_id"], where)))


def _removals(work: Work, blind: Sequence[Prepared]) -> dict[str, list[EventInfo]]:
    """Recorded removals that may be newer than the creation events of objects that cannot be accessed."""
    times = [item.event.time for item in blind]
    since = min((time for time in times if time), default=None) if all(times) else None
    return recorded_removals(work, [unicode_text(item.path) for item in blind], since)


def _sequencer_columns(plan: Plan, items: Sequence[Prepared]) -> dict[str, pa.Array]:
    events = [items[index].event for _, index in plan.sequencers]
    return {
        "sequencer": text_array([clipped(event.sequencer) for event in events]),
        "event_id": text_array([clipped(event.event_id) for event in events]),
        "event_time": pa.array([event.time for event in events], TIME),
    }


def _may_succeed_now(state: ObjectState, stored: VersionInfo) -> bool:
    """Whether to retry a failed or incomplete inspection: on request, with another decoder, or under other limits."""
    if stored.depends_on_limits:
        return bool(state.stops) and stored.stopped not in state.stops
    if stored.error_code == LimitExceeded.code:
        return state.retry_failed
    if stored.error_code in _RETRIED_CODES:
        return state.retry_failed or (state.decoder is not None and stored.decoder not in {None, state.decoder})
    return False


def is_up_to_date(state: ObjectState, rows: Sequence[StoredFile]) -> bool:
    """Whether these rows of a file describe this version at least as completely as a new inspection would."""
    if not rows:
        return False
    row = newest(rows)
    stored = row.version_info
    if row.version is None or not is_same_version(row.version, state.version):
        return False
    if _may_succeed_now(state, stored):
        return False
    if stored.error_code is None and stored.depth != state.mode.depth:
        return stored.depth > state.mode.depth
    return release(stored.inspector_version) >= release(__version__)
