"""Decides what a batch of inspections or removals does to the stored rows; `Catalog` carries it out.

An inspection is compared with the stored row of its file, by these rules in order:

1. No row is stored: insert, also if the object could not be read, unless a removal newer than its event is recorded.
2. The same version is stored: replace it if the inspection adds something (a newer inspector, more complete statistics, or,
   if it is later, another policy or error). If the stored statistics are more complete, keep them. Otherwise change nothing.
3. The object could not be read, and a readable version is stored: only record the inspection.
4. A newer version is stored: ignore the inspection, unless it is known to be the current version.
5. An older version is stored: replace it.

Several inspections of one file in a batch are decided one after the other, but only the last one that wins is written.
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
    """The columns of a row of `files` that decisions need.

    Attributes:
        row_id: Its `$row_id`.
        path: Path of the file.
        inspection_id: Id of the inspection that wrote it.
        version_info: What other inspections are compared with.
        version: The version it describes; None if the object could not be read.
        rare_tables: Names of the tables of `schema.RARE` that contain rows of the file.
    """

    row_id: RowId
    path: str
    inspection_id: str
    version_info: VersionInfo
    version: ObjectVersion | None = None
    rare_tables: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes that a batch makes.

    Attributes:
        outcomes: One for each inspection, in the same order.
        file_ids: The file of each inspection.
        writes: Indices of the inspections whose rows are written, rising.
        replaced: Ids of the files whose stored rows are deleted first.
        sequencers: (row id, index of an inspection): stored rows that take the later sequencer of an inspection.
    """

    outcomes: tuple[Outcome, ...]
    file_ids: tuple[str, ...]
    writes: tuple[int, ...]
    replaced: frozenset[str]
    sequencers: tuple[tuple[RowId, int], ...]

    @property
    def guarded(self) -> frozenset[str]:
        """Ids of the files that change, whose guards must be updated."""
        return frozenset(self.file_ids[index] for index in (*self.writes, *(index for _, index in self.sequencers)))


def newest(rows: Sequence[StoredFile]) -> StoredFile:
    """The row with the newest version among the rows of one file; more than one row is left only by a fault."""
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


def outcome_of(new: VersionInfo, old: VersionInfo | None, *, force: bool = False, is_current: bool = False) -> Outcome:
    """The outcome of storing `new` over `old`.

    Args:
        new: The inspection.
        old: The stored row; None if there is none.
        force: Replace a row of the same version even if the inspection adds nothing.
        is_current: The object was still of this version after it was inspected, so no stored version is newer, whatever its
            times say.
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
    """Decide what a batch changes.

    Args:
        inspections: The batch.
        stored: The stored rows of each of its files, by file_id.
        removals: Recorded removal events of the files that `unseen` returns, by file_id.
        force: As for `outcome_of`.
        is_current: As for `outcome_of`, for the whole batch.
    """
    outcomes: list[Outcome] = []
    infos = [inspection.version_info for inspection in inspections]
    files = [inspection.file_id for inspection in inspections]
    counting = {file: newest(rows) for file, rows in stored.items() if rows}
    current = {file: row.version_info for file, row in counting.items()}
    chosen: dict[str, int] = {}
    sequencers: dict[str, int] = {}
    for index, (file, new) in enumerate(zip(files, infos, strict=True)):
        outcome = outcome_of(new, current.get(file), force=force, is_current=is_current)
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
    """The outcome of each removal (file_id, removal), decided one after the other."""
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
    """The inspections whose files have no rows and whose objects cannot be accessed, so that only events show if they exist."""
    return [item for item in inspections if item.version is None and not stored.get(item.file_id)]


def _was_removed(new: VersionInfo, removals: Sequence[EventInfo]) -> bool:
    return not new.has_version and any(event_is_older(new.event, removal) for removal in removals)


def _notes_sequencer(new: VersionInfo, old: VersionInfo) -> bool:
    """Whether an inspection that changes nothing came from a later event about the stored version.

    Unless its sequencer is stored, a late inspection of an earlier version of the same second would look newer. Of objects that
    cannot be accessed, only events are known, so without sequencers their times are compared.
    """
    if not new.has_version and not old.has_version:
        return event_is_older(old.event, new.event)
    return new.content_key == old.content_key and sequencer_is_newer(new.sequencer, old.sequencer)
