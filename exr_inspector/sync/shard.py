"""The unit of work of every ingest: inspect some listed objects and store their rows in one transaction.

`ingest_shard` does the same in this process, in a process of a local pool, in a Ray task and in one lane of a render
farm. A shard can be repeated or resumed after an interruption: rows that are already stored are skipped, so the result
is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

from exr_inspector.catalog import Catalog, Outcome, UpsertResult
from exr_inspector.catalog.catalog import ObjectState
from exr_inspector.catalog.recheck import confirm, upsert_if_current, upsert_isolating_failures
from exr_inspector.catalog.rows.groups import Prepared, prepare_each
from exr_inspector.catalog.sdk.work import Work
from exr_inspector.catalog.versions import VersionInfo
from exr_inspector.deadline import Deadline
from exr_inspector.errors import (
    AccessDenied,
    CatalogError,
    DecoderCrashed,
    ExrInspectorError,
    LimitExceeded,
    MemoryBusy,
    ObjectNotFound,
    ObjectUnreadable,
    UnsupportedKey,
    our_error,
)
from exr_inspector.exr.limits import no_checkpoint
from exr_inspector.inspector import Inspector
from exr_inspector.memory import FileMemory
from exr_inspector.model import Inspection, ObjectVersion, StatsMode
from exr_inspector.pixels.decode import LIBRARY
from exr_inspector.settings import Settings
from exr_inspector.storage import ObjectEntry, SourceOpener
from exr_inspector.storage.helpers import Helpers
from exr_inspector.sync.figures import Figures
from exr_inspector.validation import Policy
from exr_inspector.validation.policies.source import PolicySource

# Objects per shard: many if a file takes a millisecond, few if it may take seconds, since a run that is stopped finishes
# its current shards.
SHARD_OBJECTS = {StatsMode.OFF: 128, StatsMode.SAMPLED: 32, StatsMode.FULL: 8}
_UNREADABLE = frozenset(error.code for error in (AccessDenied, ObjectUnreadable, UnsupportedKey))


@dataclass(frozen=True, slots=True)
class Shard:
    """Some objects of one bucket.

    Attributes:
        bucket: The bucket.
        entries: The objects, as listed.
        is_retry: Whether an earlier attempt failed, of which some rows may be stored already.
    """

    bucket: str
    entries: tuple[ObjectEntry, ...]
    is_retry: bool = False

    @property
    def directories(self) -> set[str]:
        """The folders of its objects, with the bucket."""
        return {f"{self.bucket}/{entry.key}".rpartition("/")[0] for entry in self.entries}

    def split(self, pieces: int) -> list[Shard]:
        """Divide the objects into at most `pieces` smaller shards, marked as retries."""
        size = -(-len(self.entries) // pieces)
        return [
            Shard(self.bucket, self.entries[at : at + size], is_retry=True) for at in range(0, len(self.entries), size)
        ]


@dataclass(slots=True)
class IngestContext:
    """The objects that process a shard; created once per process and shared by its threads.

    Attributes:
        opener: Opens objects.
        inspector: Inspects them.
        catalog: Stores their rows.
        policy: The policy that files are validated against.
        threads: Number of objects read at the same time.
        force: Whether to replace rows that are up to date as well.
        pool: Threads that read.
        helpers: Threads that list, for callers with a deadline.
    """

    opener: SourceOpener
    inspector: Inspector
    catalog: Catalog
    policy: Policy
    threads: int = 4
    force: bool = False
    pool: ThreadPoolExecutor = field(init=False)
    helpers: Helpers = field(init=False, default_factory=Helpers)

    def __post_init__(self) -> None:
        self.pool = ThreadPoolExecutor(self.threads, thread_name_prefix="exr-ingest")

    @classmethod
    def from_settings(
        cls, settings: Settings, opener: SourceOpener, catalog: Catalog, *, threads: int = 4, force: bool = False
    ) -> IngestContext:
        """The context for what the settings say of pixels and policy; pixels are decoded in processes of their own."""
        inspector = Inspector.from_settings(settings, is_isolated=True)
        policy = PolicySource.from_settings(settings).current()
        return cls(opener, inspector, catalog, policy, threads=threads, force=force)

    def close(self) -> None:
        """Stop the threads once they are idle."""
        self.pool.shutdown(wait=False, cancel_futures=True)


def ingest_shard(
    context: IngestContext,
    shard: Shard,
    *,
    also: Callable[[Work], None] | None = None,
    read_until: Deadline | None = None,
    deadline: Deadline | None = None,
) -> Figures:
    """Bring the tables up to date with the objects of a shard.

    An object that cannot be read now is counted in `errors` and does not affect the others.

    Args:
        context: Inspects and stores.
        shard: The objects.
        also: Adds changes to the transaction that stores their rows; not called if there are no rows to store.
        read_until: Deadline for reading objects; an object that takes longer must be tried again.
        deadline: When everything must be done.

    Raises:
        CatalogError: The tables cannot be written now; no row of the shard is known to be stored.
    """
    figures = Figures()
    # A forced run replaces rows that are up to date too, so they do not show what the failed attempt has stored.
    entries = _stale(context, shard, figures) if shard.is_retry and not context.force else shard.entries
    # Of the objects that did not get memory, the first is read alone and may wait for it; then the rest are retried together.
    ingest = partial(
        _ingest, context, shard.bucket, figures=figures, also=also, read_until=read_until, deadline=deadline
    )
    left = ingest(entries)
    while left:
        ingest(left[:1])
        left = ingest(left[1:]) if left[1:] else []
    return figures


def _ingest(
    context: IngestContext,
    bucket: str,
    entries: Sequence[ObjectEntry],
    *,
    figures: Figures,
    also: Callable[[Work], None] | None,
    read_until: Deadline | None,
    deadline: Deadline | None,
) -> list[ObjectEntry]:
    """Inspect objects and store their rows in one transaction. Each holds its memory until then, so only a single one may wait.

    Returns:
        The objects that were not inspected because the others used the memory.
    """
    inspections: list[Inspection] = []
    busy: list[ObjectEntry] = []
    memories: list[FileMemory] = []

    def inspect(entry: ObjectEntry) -> Inspection | ExrInspectorError:
        try:
            memory = context.inspector.memory.file(read_until, may_wait=len(entries) == 1)
        except ExrInspectorError as error:
            return error
        memories.append(memory)
        return _inspect(context, bucket, entry, read_until, memory)

    try:
        for entry, item in zip(entries, context.pool.map(inspect, entries), strict=True):
            if isinstance(item, Inspection):
                inspections.append(item)
            elif isinstance(item, ObjectNotFound):
                figures.gone.append(entry.key)
            elif isinstance(item, MemoryBusy):
                busy.append(entry)
            else:
                _add_unstored(figures, f"{bucket}/{entry.key}", item)
        store_inspections(context, inspections, figures, also, deadline)
    finally:
        for memory in memories:
            memory.release()
    return busy


def _add_unstored(figures: Figures, path: str, error: ExrInspectorError) -> None:
    """Count an object that is not stored."""
    figures.add_error(type(error).code, path, str(error))
    figures.left.append(path.partition("/")[2])


def ingest_crashed(context: IngestContext, shard: Shard, message: str) -> Figures:
    """Store a failed inspection of each object of a shard, without reading it, since it repeatedly crashed its process."""
    figures = Figures()
    inspections = [
        context.inspector.refused(
            shard.bucket, entry.key, DecoderCrashed(message), context.policy, version=entry.version
        )
        for entry in shard.entries
    ]
    store_inspections(context, inspections, figures)
    return figures


def current_versions(context: IngestContext, bucket: str, entries: Sequence[ObjectEntry]) -> list[VersionInfo | None]:
    """Return `Catalog.current_versions` of listed objects, with None for those of `with_new_manifests` too.

    One request for all objects, plus those of `with_new_manifests`.
    """
    states = [object_state(context, bucket, entry.key, entry.version) for entry in entries]
    found = context.catalog.current_versions(states)
    known = {entry.key: version for entry, version in zip(entries, found, strict=True) if version}
    new = with_new_manifests(context, bucket, known)
    return [None if entry.key in new else known.get(entry.key) for entry in entries]


def with_new_manifests(
    context: IngestContext, bucket: str, known: Mapping[str, VersionInfo], deadline: Deadline | None = None
) -> set[str]:
    """Return the keys of files whose sidecar manifest was missing when their rows were stored and exists now.

    Sends one request for each missing manifest. Only full passes read manifests; in other modes the result is empty.
    `known` has the stored version of each file, by key.
    """
    if context.inspector.config.stats is not StatsMode.FULL:
        return set()
    missing = {
        key: {key[: key.rfind("/") + 1] + path for path in info.missing_manifests} for key, info in known.items()
    }

    def is_there(key: str) -> bool:
        try:
            version = context.opener.head(bucket, key, deadline=deadline)
        except ExrInspectorError as error:
            return error.retryable  # reading the image fails in the same way, and reports it
        return version is not None and version.size_bytes > 0

    keys = sorted(set().union(*missing.values()))
    there = {key for key, found in zip(keys, context.pool.map(is_there, keys), strict=True) if found}
    return {key for key, manifests in missing.items() if manifests & there}


def unread_code(known: VersionInfo) -> str | None:
    """Return why a file whose rows are up to date, or some of its pixels, could not be read; None if all was read."""
    if known.is_over_limit:
        return known.error_code or LimitExceeded.code
    return known.error_code if known.error_code in _UNREADABLE else None


def object_state(context: IngestContext, bucket: str, key: str, version: ObjectVersion) -> ObjectState:
    """Describe an object together with the configuration that would inspect it here."""
    config = context.inspector.config
    return ObjectState(
        bucket,
        key,
        version,
        config.stats,
        decoder=LIBRARY,
        retry_failed=config.retry_failed,
        stops=context.inspector.stops,
    )


def _stale(context: IngestContext, shard: Shard, figures: Figures) -> Sequence[ObjectEntry]:
    current = current_versions(context, shard.bucket, shard.entries)
    stale = [entry for entry, version in zip(shard.entries, current, strict=True) if version is None]
    figures.stored += len(shard.entries) - len(stale)
    return stale


def _inspect(
    context: IngestContext, bucket: str, entry: ObjectEntry, deadline: Deadline | None, memory: FileMemory
) -> Inspection | ExrInspectorError:
    """Return the inspection of a listed object, or the error if it must be tried again."""
    inspector, policy = context.inspector, context.policy
    try:
        source = context.opener.open(bucket, entry.key, deadline=deadline)
        inspection = inspector.inspect(source, policy, deadline=deadline, memory=memory)
    except ExrInspectorError as error:
        if error.retryable:
            return error
        inspection = inspector.refused(bucket, entry.key, error, policy)
    except Exception as error:  # noqa: BLE001 - boundary of one object: the others continue
        return our_error(error)
    if inspection.is_gone:  # deleted between listing and reading
        return ObjectNotFound("gone since it was listed")
    # An unreadable object gets the listed version, so that later runs skip it until it changes.
    return inspection if inspection.version else replace(inspection, version=entry.version)


def store_inspections(
    context: IngestContext,
    inspections: Sequence[Inspection],
    figures: Figures,
    also: Callable[[Work], None] | None = None,
    deadline: Deadline | None = None,
) -> None:
    """Store inspections in one transaction, then check that their objects are still the inspected versions."""
    prepared: list[Prepared] = []
    checkpoint = no_checkpoint if deadline is None else partial(deadline.check, "making rows")
    for inspection, rows in zip(inspections, prepare_each(inspections, checkpoint), strict=True):
        if isinstance(rows, ExrInspectorError):
            _add_unstored(figures, inspection.path, rows)
        else:
            figures.add(inspection)
            prepared.append(rows)
            code = inspection.error_code
            if code and (code in _UNREADABLE or inspection.stopped):  # has a row, and every run reports it
                figures.add_error(code, inspection.path, inspection.error_message or "")
            elif inspection.over_limit:
                figures.add_error(LimitExceeded.code, inspection.path, f"pixels not read: {inspection.over_limit}")
    outcomes = upsert_isolating_failures(context.catalog, prepared, force=context.force, also=also, deadline=deadline)
    settled = context.pool.map(lambda rows, outcome: _settle(context, rows, outcome, deadline), prepared, outcomes)
    for rows, fault in zip(prepared, settled, strict=True):
        if fault is None:
            figures.stored += 1
        else:
            _add_unstored(figures, rows.path, fault)


def _settle(
    context: IngestContext, rows: Prepared, outcome: UpsertResult | ExrInspectorError, deadline: Deadline | None
) -> ExrInspectorError | None:
    """Return the error of a file after its rows were stored; None if the rows describe the current object."""
    opener, catalog = context.opener, context.catalog
    try:
        if isinstance(outcome, ExrInspectorError):
            raise outcome
        if outcome.outcome is Outcome.IGNORED_OLDER:  # looks older than the rows, but may be the current object
            outcome = upsert_if_current(opener, catalog, rows, deadline=deadline) or outcome
        if outcome.outcome.changed:
            confirm(opener, catalog, rows, deadline=deadline)
    except ExrInspectorError as error:
        if isinstance(error, CatalogError) and error.retryable:
            raise  # the database is unavailable: the other files would fail as well
        return error
    return None
