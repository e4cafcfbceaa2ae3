"""What became of an inspection in the catalog. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from exr_inspector.model import EventInfo


class Outcome(str, Enum):
    """What an upsert or a removal did."""

    INSERTED = "inserted"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"
    IGNORED_OLDER = "ignored_older"
    KEPT_DEEPER = "kept_deeper"
    RECORDED = "recorded"
    SUPERSEDED = "superseded"
    REMOVED = "removed"
    ABSENT = "absent"

    @property
    def changed(self) -> bool:
        """Whether rows of the file were written or deleted."""
        return self in {Outcome.INSERTED, Outcome.REPLACED, Outcome.REMOVED}

    @property
    def meaning(self) -> str:
        """What it means, for documents."""
        return _MEANINGS[self]


_MEANINGS = {
    Outcome.INSERTED: "the file was not known; its rows were written",
    Outcome.REPLACED: "the file was known; all its rows were replaced",
    Outcome.UNCHANGED: "this version was stored already, and the inspection says nothing new",
    Outcome.IGNORED_OLDER: "a newer version is stored (late or repeated event, and the object is not of this version any more)",
    Outcome.KEPT_DEEPER: "this version is stored with deeper pixel statistics than this inspection has",
    Outcome.RECORDED: "the object could not be read; the row of its last readable version stays",
    Outcome.SUPERSEDED: "a newer inspection of the same file was in the same batch",
    Outcome.REMOVED: "the object is gone; the file's rows were deleted",
    Outcome.ABSENT: "the object is gone, and there was no row of it",
}


@dataclass(frozen=True, slots=True)
class Removal:
    """A file whose object was deleted.

    Attributes:
        path: `<bucket>/<key>`.
        event: The event that reported it.
        is_seen: Whether a request showed that it is deleted. Where access is denied the event is believed, and an
            event of its creation that comes later, though it is older, is then ignored.
    """

    path: str
    event: EventInfo = field(default_factory=EventInfo)
    is_seen: bool = True


@dataclass(frozen=True, slots=True)
class UpsertResult:
    """What became of one inspection or removal.

    Attributes:
        file_id: The file.
        path: `<bucket>/<key>`.
        content_key: The version that was handed in; None for a removal.
        inspection_id: Id of its row in `inspections`.
        outcome: What was done.
        rows_written: Rows inserted for it, the audit row not counted.
        rows_deleted: Rows deleted for it.
    """

    file_id: str
    path: str
    content_key: str | None
    inspection_id: str
    outcome: Outcome
    rows_written: int = 0
    rows_deleted: int = 0

    @property
    def rows(self) -> int:
        """Rows written and deleted."""
        return self.rows_written + self.rows_deleted
