"""What a batch of inspections does to the rows that are stored: decided here, carried out by `store`. Pure.

The rules, in order, for an inspection against what is stored of the file:

1. Nothing stored: inserted, also for an object that could not be read, unless it was removed later than its event says.
2. The same version: replaced when it says more (a newer inspector, deeper or more complete statistics, another policy or
   error and read later) and is no shallower; a shallower one keeps the deeper rows; otherwise nothing changes.
3. The object could not be read, and a readable version is stored: only recorded.
4. An older version than the stored one: ignored, unless it was seen to be what the object is now.
5. A newer version: replaced.

Several inspections of one file in a batch count as if they came one after the other, but only the last that wins is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exr_inspector.catalog.outcomes import Outcome, Removal
from exr_inspector.catalog.rows.groups import Prepared
from exr_inspector.catalog.schema.columns import RowId
from exr_inspector.catalog.versions import (
    VersionInfo,
    event_is_older,
    is_older,
    is_shallower,
    sequencer_is_newer,
    supersedes,
)
from exr_inspector.model import EventInfo, ObjectVersion


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A row of `files` as far as decisions need it.

    Attributes:
        row_id: Its `$row_id`.
        path: Its path.
        inspection_id: The inspection that wrote it.
        version_info: What decides against it.
        version: The version it describes, None where the object could not be read.
        rare_tables: Names of the tables of `schema.RARE` that hold rows of it.
    """

    row_id: RowId
    path: str
    inspection_id: str
    version_info: VersionInfo
    version: ObjectVersion | None = None
    rare_tables: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do.

    Attributes:
        outcomes: One an inspection, in their order.
        file_ids: The file of each inspection.
        writes: Indices of the inspections whose rows are to be written, in order.
        replaced: Files whose stored rows are to be deleted first.
        sequencers: (row id of a stored row, index of the inspection) whose sequencer is to be noted, since it is later.
    """

    outcomes: tuple[Outcome, ...]
    file_ids: tuple[str, ...]
    writes: tuple[int, ...]
    replaced: frozenset[str]
    sequencers: tuple[tuple[RowId, int], ...]

    @property
    def guarded(self) -> frozenset[str]:
        """Files whose guards are to be touched: all that change."""
        noted = {self.file_ids[index] for _, index in self.sequencers}
        return frozenset({self.file_ids[index] for index in self.writes} | noted)


def newest(rows: Sequence[StoredFile]) -> StoredFile:
    """The row that counts among several of one file, which only a fault can have left."""
    best = rows[0]
    for row in rows[1:]:
        new, old = row.version_info, best.version_info
        if new.content_key == old.content_key:
            wins = (not is_shallower(new, old)) and (is_shallower(old, new) or new.inspected_at > old.inspected_at)
        else:
            wins = is_older(old, new)
        if wins:
            best = row
    return best


def judge(new: VersionInfo, old: VersionInfo | None, *, force: bool = False, is_current: bool = False) -> Outcome:
    """What is to become of `new` where `old` is stored.

    Args:
        new: The inspection.
        old: What is stored, None where nothing is.
        force: Replace rows of the same version also when the inspection says nothing new.
        is_current: The object was seen to be of this version after it was inspected: nothing that is stored is newer,
            whatever its times say.
    """
    if old is None:
        return Outcome.INSERTED
    if new.content_key == old.content_key:
        if is_shallower(new, old):
            return Outcome.KEPT_DEEPER
        return Outcome.REPLACED if force or supersedes(new, old) else Outcome.UNCHANGED
    if not new.has_version:
        return Outcome.RECORDED
    return Outcome.IGNORED_OLDER if is_older(new, old) and not is_current else Outcome.REPLACED


def decide(
    inspections: Sequence[Prepared],
    stored: Mapping[str, Sequence[StoredFile]],
    *,
    removals: Mapping[str, Sequence[EventInfo]] | None = None,
    force: bool = False,
    is_current: bool = False,
) -> Plan:
    """What a batch does.

    Args:
        inspections: The batch.
        stored: What is stored of each of its files, by file_id.
        removals: Events that reported the removal of files in the batch, by file_id; asked for what is in `unseen`.
        force: As for `judge`.
        is_current: As for `judge`, of the whole batch.
    """
    outcomes: list[Outcome] = []
    infos = [inspection.version_info for inspection in inspections]
    files = [inspection.file_id for inspection in inspections]
    counting = {file: newest(rows) for file, rows in stored.items() if rows}
    current = {file: row.version_info for file, row in counting.items()}
    chosen: dict[str, int] = {}
    sequencers: dict[str, int] = {}
    for index, (file, new) in enumerate(zip(files, infos, strict=True)):
        outcome = judge(new, current.get(file), force=force, is_current=is_current)
        if outcome is Outcome.INSERTED and _was_removed(new, (removals or {}).get(file, ())):
            outcome = Outcome.IGNORED_OLDER
        if outcome.changed:
            if file in chosen:
                outcomes[chosen[file]] = Outcome.SUPERSEDED
            outcome = Outcome.REPLACED if file in counting else Outcome.INSERTED
            chosen[file], current[file] = index, new
        elif file in counting and file not in chosen and _notes_sequencer(new, current[file]):
            sequencers[file] = index
        outcomes.append(outcome)
    return Plan(
        outcomes=tuple(outcomes),
        file_ids=tuple(files),
        writes=tuple(sorted(chosen.values())),
        replaced=frozenset(file for file in chosen if file in counting),
        sequencers=tuple((counting[file].row_id, index) for file, index in sequencers.items() if file not in chosen),
    )


def decide_removals(
    removals: Sequence[tuple[str, Removal]], stored: Mapping[str, Sequence[StoredFile]]
) -> list[Outcome]:
    """What becomes of each removal (file_id and what is known of it) as if they came one after the other."""
    outcomes: list[Outcome] = []
    left = {file: newest(rows).version_info for file, rows in stored.items() if rows}
    for file, removal in removals:
        if file not in left:
            outcomes.append(Outcome.ABSENT)
        elif _is_late(removal.event, left[file]):
            outcomes.append(Outcome.IGNORED_OLDER)
        else:
            outcomes.append(Outcome.REMOVED)
            del left[file]
    return outcomes


def _is_late(event: EventInfo, stored: VersionInfo) -> bool:
    if not stored.has_version or (event.sequencer and stored.sequencer):
        return event_is_older(event, stored.event)
    return event.time is not None and stored.mtime is not None and stored.mtime > event.time


def unseen(inspections: Sequence[Prepared], stored: Mapping[str, Sequence[StoredFile]]) -> list[Prepared]:
    """The objects of a batch that are not stored and cannot be accessed, so that only events show whether they exist."""
    return [item for item in inspections if item.version is None and not stored.get(item.file_id)]


def _was_removed(new: VersionInfo, removals: Sequence[EventInfo]) -> bool:
    return not new.has_version and any(event_is_older(new.event, removal) for removal in removals)


def _notes_sequencer(new: VersionInfo, old: VersionInfo) -> bool:
    """Whether a later event was found to be about the version that is stored.

    Without noting it, an inspection of a version in between, of the same second and stored late, would look newer. Of what
    nobody may look at, events are all that is known, so there one without a sequencer counts by its time.
    """
    if not new.has_version and not old.has_version:
        return event_is_older(old.event, new.event)
    return new.content_key == old.content_key and sequencer_is_newer(new.sequencer, old.sequencer)
