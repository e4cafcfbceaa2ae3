"""Results of upserts and removals."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from exr_inspector.model import EventInfo
from exr_inspector.texts import visible


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
        """An explanation for documents."""
        return _MEANINGS[self]


_MEANINGS = {
    Outcome.INSERTED: "the file had no rows; its rows were written",
    Outcome.REPLACED: "the file had rows; all of them were replaced",
    Outcome.UNCHANGED: "this version was already stored, and the inspection adds nothing",
    Outcome.IGNORED_OLDER: "a newer version is stored: the event was late or repeated",
    Outcome.KEPT_DEEPER: "this version is stored with more complete pixel statistics than this inspection has",
    Outcome.RECORDED: "the object could not be read; the row of its last readable version stays",
    Outcome.SUPERSEDED: "the same batch contained a newer inspection of the file",
    Outcome.REMOVED: "the object was deleted; the file's rows were deleted",
    Outcome.ABSENT: "the object was deleted, and the file had no rows",
}


@dataclass(frozen=True, slots=True)
class Removal:
    """A file whose object was deleted.

    Attributes:
        path: `<bucket>/<key>`.
        event: The event that reported the deletion.
        is_seen: Whether a request confirmed the deletion. If access is denied, the event is trusted, and a creation event that
            arrives later but is older is ignored.
    """

    path: str
    event: EventInfo
    is_seen: bool


@dataclass(frozen=True, slots=True)
class UpsertResult:
    """The result of one upsert or removal. Its `repr` is one line.

    Attributes:
        file_id: Id of the file.
        path: `<bucket>/<key>`.
        content_key: Key of the inspected version; None for a removal.
        inspection_id: Id of its row in `inspections`.
        outcome: What was done.
        rows_written: Number of rows inserted, without the row in `inspections`.
        rows_deleted: Number of rows deleted.
    """

    file_id: str
    path: str
    content_key: str | None
    inspection_id: str
    outcome: Outcome
    rows_written: int = 0
    rows_deleted: int = 0

    def __repr__(self) -> str:
        """`<UpsertResult PATH: OUTCOME, rows written and deleted>`."""
        numbers = f"{self.rows_written} rows written, {self.rows_deleted} deleted"
        return f"<UpsertResult {visible(self.path)}: {self.outcome.value}, {numbers}>"

    @property
    def rows(self) -> int:
        """Rows written and deleted."""
        return self.rows_written + self.rows_deleted
