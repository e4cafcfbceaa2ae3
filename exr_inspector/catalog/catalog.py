"""Writing: inspections into the tables and removals out of them, each batch in one transaction. By the vastdb SDK alone.

The database has no unique constraints, so the writers of one file collide on a guard row instead: every change first updates
the guard that the file's hash chooses, the second of two writers is refused (409), and tries again on a fresh transaction,
where it sees what the first one wrote. What is to be done is decided by `plan`; reading for people is in `read`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import pyarrow as pa

from exr_inspector import __version__
from exr_inspector.catalog.outcomes import Outcome, Removal, UpsertResult
from exr_inspector.catalog.paths import catalog_path
from exr_inspector.catalog.precedence import Plan, StoredFile, decide, decide_removals, newest, unseen
from exr_inspector.catalog.read.reader import Reader
from exr_inspector.catalog.rows.build import Row, arrow_table, text_array
from exr_inspector.catalog.rows.groups import Prepared, audit_table, ready, tables_of
from exr_inspector.catalog.schema import BY_NAME, CRYPTOMATTE_MANIFESTS, FILES, INSPECTIONS, SCHEMA_VERSION
from exr_inspector.catalog.schema.columns import TIME, clipped
from exr_inspector.catalog.sdk.connection import (
    CatalogConfig,
    Connection,
    Work,
    every,
    has_prefix,
    in_buckets,
    is_in,
    rows_of,
)
from exr_inspector.catalog.stored import (
    delete_files,
    recorded_removals,
    recorded_since,
    stored_files,
    stored_files_where,
    touch_guards,
    unstored_manifests,
)
from exr_inspector.catalog.versions import VersionInfo, file_id, is_same_version, storable, version_numbers
from exr_inspector.deadline import Deadline
from exr_inspector.errors import CpuTimeExceeded, DecoderCrashed, LimitExceeded
from exr_inspector.model import EventInfo, Inspection, ObjectVersion, StatsMode

# Why a file failed that may succeed with other software.
_TRIED_AGAIN = frozenset({DecoderCrashed.code, CpuTimeExceeded.code})


@dataclass(frozen=True, slots=True)
class ObjectState:
    """An object and the inspection that is about to be made of it.

    Attributes:
        bucket: Bucket.
        key: Key.
        version: Its version by a listing, a HEAD or an event.
        mode: Which pixels would be read: none, a sample, or all.
        inspector_version: By which version of exr-inspector.
        decoder: By which library.
        retry_failed: Whether what ended its process, took too long or exceeded a limit is tried again, although nothing
            changed.
        stops: `Inspector.stops`: what ended at another limit is tried again; none for never.
    """

    bucket: str
    key: str
    version: ObjectVersion
    mode: StatsMode = StatsMode.OFF
    inspector_version: str = __version__
    decoder: str | None = None
    retry_failed: bool = False
    stops: frozenset[str] = frozenset()

    @property
    def path(self) -> str:
        """`<bucket>/<key>`."""
        return f"{self.bucket}/{self.key}"


class Catalog:
    """The tables. Cheap to make, connects on first use; every method may run on many threads at once."""

    def __init__(self, config: CatalogConfig) -> None:
        self.connection = Connection(config)
        self.read = Reader(self.connection)
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
        """Store a batch in one transaction; `plan` has the rules.

        Args:
            inspections: Any number, a file more than once if need be; as they are, or with their rows made elsewhere.
            force: Replace rows of the same version also when an inspection says nothing new.
            is_current: The objects were seen to be of these versions after they were inspected: rows of a version that looks
                newer by its times are replaced, too.
            also: What else belongs into the transaction.
            retry_seconds: How long to go on trying, where that is not as configured.
            deadline: When to give up, if that is before the retry time is over.

        Returns:
            One result an inspection, in their order.

        Raises:
            CatalogConflict, CatalogUnavailable: Nothing is known to be stored; the same call may be made again.
            CatalogDenied, SchemaMissing, SchemaDrift, CatalogError: Nothing was stored, and somebody must act.
        """
        if not inspections:
            return []
        items = ready(inspections)
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
            landed=lambda work: _is_recorded(work, ids[0], since),
            retry_seconds=retry_seconds,
            deadline=deadline,
        )

    def _upsert(
        self, work: Work, items: Sequence[Prepared], ids: Sequence[str], *, force: bool, is_current: bool
    ) -> list[UpsertResult]:
        if work.is_contended:  # claimed before anything else, there is the least time in which others can come first
            touch_guards(
                work, [guard for item in items for guard in (item.file_id, *item.manifests)], ids[0], self._config
            )
        paths = {item.file_id: storable(item.path) for item in items}
        stored = stored_files(work, paths.values())
        blind = unseen(items, stored)
        removals = _removals(work, blind) if blind else {}
        plan = decide(items, stored, removals=removals, force=force, is_current=is_current)
        deleted: dict[str, int] = {}
        writes = [items[index] for index in plan.writes]
        names = unstored_manifests(work, writes)
        if plan.guarded and not work.is_contended:
            touch_guards(work, [*plan.guarded, *names], ids[0], self._config)
        if plan.replaced:
            deleted = delete_files(work, {file: stored[file] for file in plan.replaced})
        tables = tables_of(writes, [ids[index] for index in plan.writes])
        audit = audit_table(items, ids, plan.outcomes, self._common())
        inserts = [*((BY_NAME[name], rows) for name, rows in tables.items()), (INSPECTIONS, audit)]
        if names:
            inserts.append((CRYPTOMATTE_MANIFESTS, pa.Table.from_batches(names.values())))
        changes = [partial(work.insert, table, rows) for table, rows in inserts]
        if plan.sequencers:
            changes.append(partial(work.update, FILES, [row_id for row_id, _ in plan.sequencers], _noted(plan, items)))
        work.at_once(changes)
        written = frozenset(plan.writes)
        return [
            UpsertResult(
                file_id=item.file_id,
                path=item.path,
                content_key=item.version_info.content_key,
                inspection_id=ids[index],
                outcome=plan.outcomes[index],
                rows_written=item.row_count if index in written else 0,
                rows_deleted=deleted.get(item.file_id, 0) if index in written else 0,
            )
            for index, item in enumerate(items)
        ]

    def remove(
        self, path: str, *, event: EventInfo | None = None, is_seen: bool = True, deadline: Deadline | None = None
    ) -> UpsertResult:
        """`remove_all` of one file, in any spelling that names the bucket."""
        return self.remove_all([Removal(path, event or EventInfo(), is_seen)], deadline=deadline)[0]

    def remove_all(
        self,
        removals: Sequence[Removal],
        *,
        retry_seconds: float | None = None,
        deadline: Deadline | None = None,
    ) -> list[UpsertResult]:
        """Delete all rows of files whose objects are gone, in one transaction.

        A removal event that is older than what is stored, by sequencer or time, is ignored: the object was made again.

        Args:
            removals: Any number, a file more than once if need be.
            retry_seconds: As for `upsert`.
            deadline: As for `upsert`.

        Returns:
            One result a removal, in their order.

        Raises:
            CatalogError: As for `upsert`.
        """
        if not removals:
            return []
        found = [replace(removal, path=catalog_path(removal.path)) for removal in removals]
        ids = [self._config.new_id() for _ in found]
        since = self._config.clock()
        return self.connection.run(
            "remove files",
            lambda work: self._remove(work, [(file_id(removal.path), removal) for removal in found], ids),
            landed=lambda work: _is_recorded(work, ids[0], since),
            retry_seconds=retry_seconds,
            deadline=deadline,
        )

    def _remove(self, work: Work, removals: Sequence[tuple[str, Removal]], ids: Sequence[str]) -> list[UpsertResult]:
        paths = {file: storable(removal.path) for file, removal in removals}
        if work.is_contended:
            touch_guards(work, paths, ids[0], self._config)
        stored = stored_files(work, paths.values())
        outcomes = decide_removals(removals, stored)
        gone = {file for (file, _), outcome in zip(removals, outcomes, strict=True) if outcome is Outcome.REMOVED}
        # Where nobody could look, an older creation that is stored meanwhile would else not see this removal.
        guarded = gone | {file for file, removal in removals if not removal.is_seen}
        deleted: dict[str, int] = {}
        if guarded and not work.is_contended:
            touch_guards(work, guarded, ids[0], self._config)
        if gone:
            deleted = delete_files(work, {file: stored[file] for file in gone})
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
        work.insert(INSPECTIONS, arrow_table(INSPECTIONS, rows))
        return [
            UpsertResult(
                file,
                paths[file],
                None,
                identifier,
                outcome,
                rows_deleted=deleted.get(file, 0) if outcome is Outcome.REMOVED else 0,
            )
            for (file, _), identifier, outcome in zip(removals, ids, outcomes, strict=True)
        ]

    def are_current(self, states: Sequence[ObjectState], *, deadline: Deadline | None = None) -> list[bool]:
        """Whether inspections of these versions would change nothing, so that the objects need not be read.

        Raises:
            CatalogError: As for `upsert`.
        """
        return [known is not None for known in self.current_versions(states, deadline=deadline)]

    def current_versions(
        self, states: Sequence[ObjectState], *, deadline: Deadline | None = None
    ) -> list[VersionInfo | None]:
        """What is stored of those of the objects whose rows are up to date; None where an inspection would change something.

        Raises:
            CatalogError: As for `upsert`.
        """
        if not states:
            return []
        paths = [storable(state.path) for state in states]
        stored = self.connection.run("look up files", lambda work: stored_files(work, paths), deadline=deadline)
        return [_current_version(state, stored.get(file_id(state.path), ())) for state in states]

    def stored_between(
        self, after: str, *, last: str | None = None, end: str | None = None, deadline: Deadline | None = None
    ) -> dict[str, list[StoredFile]]:
        """What is stored of files whose paths come after `after`, by path.

        Args:
            after: `<bucket>/<key>` or a beginning of it, as stored.
            last: The last path.
            end: What comes after the last path; None for no bound besides `last`.
            deadline: As for `upsert`.

        Raises:
            CatalogError: As for `upsert`.
        """
        where = every(
            None if last is None and end is None else in_buckets({after.partition("/")[0]}),
            lambda table: table["path"] > after,
            None if last is None else lambda table: table["path"] <= last,
            None if end is None else lambda table: table["path"] < end,
        )
        found: dict[str, list[StoredFile]] = {}
        for rows in self.connection.run(
            "look up files", lambda work: stored_files_where(work, where), deadline=deadline
        ).values():
            found.setdefault(rows[0].path, []).extend(rows)
        return found

    def stored_at(self, paths: Sequence[str], *, deadline: Deadline | None = None) -> dict[str, list[StoredFile]]:
        """What is stored of these files, by path as stored; files without a row are left out.

        Raises:
            CatalogError: As for `upsert`.
        """
        wanted = [storable(path) for path in paths]
        found = self.connection.run("look up files", lambda work: stored_files(work, wanted), deadline=deadline)
        return {rows[0].path: rows for rows in found.values()}

    def has_files(self, bucket: str, prefix: str = "", *, deadline: Deadline | None = None) -> bool:
        """Whether anything is stored of objects whose keys begin with `prefix`; one request, of at most one row.

        Raises:
            CatalogError: As for `upsert`.
        """
        below = has_prefix("path", storable(f"{bucket}/{prefix}"))

        def some(work: Work) -> bool:
            return bool(rows_of(work.select(FILES, ["path"], below, limit=1)))

        return self.connection.run("look for files", some, deadline=deadline)

    def _common(self) -> Row:
        return {
            "recorded_at": self._config.clock(),
            "worker": self._config.worker or None,
            "schema_version": SCHEMA_VERSION,
        }


def _is_recorded(work: Work, identifier: str, since: datetime) -> bool:
    where = every(is_in("inspection_id", [identifier]), recorded_since(since))
    return bool(rows_of(work.select(INSPECTIONS, ["inspection_id"], where)))


def _removals(work: Work, blind: Sequence[Prepared]) -> dict[str, list[EventInfo]]:
    """The removals that may have come after the events of files that nobody may look at."""
    times = [item.event.time for item in blind]
    since = min((time for time in times if time), default=None) if all(times) else None
    return recorded_removals(work, [storable(item.path) for item in blind], since)


def _noted(plan: Plan, items: Sequence[Prepared]) -> dict[str, pa.Array]:
    events = [items[index].event for _, index in plan.sequencers]
    return {
        "sequencer": text_array([clipped(event.sequencer) for event in events]),
        "event_id": text_array([clipped(event.event_id) for event in events]),
        "event_time": pa.array([event.time for event in events], TIME),
    }


def _current_version(state: ObjectState, rows: Sequence[StoredFile]) -> VersionInfo | None:
    return newest(rows).version_info if is_up_to_date(state, rows) else None


def _may_succeed_now(state: ObjectState, stored: VersionInfo) -> bool:
    """Whether what failed or was left out is tried again: on request, with other software, or with other memory."""
    if stored.is_over_limit:
        return bool(state.stops) and stored.stopped not in state.stops
    if stored.error_code == LimitExceeded.code:
        return state.retry_failed
    if stored.error_code in _TRIED_AGAIN:
        return state.retry_failed or (state.decoder is not None and stored.decoder not in {None, state.decoder})
    return False


def is_up_to_date(state: ObjectState, rows: Sequence[StoredFile]) -> bool:
    """Whether an inspection of this version would change nothing in these rows of its file."""
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
    return version_numbers(stored.inspector_version) >= version_numbers(state.inspector_version)
