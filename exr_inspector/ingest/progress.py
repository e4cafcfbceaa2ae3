"""The progress of an ingest run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from exr_inspector.sync.figures import Figures


@dataclass(slots=True)
class Progress(Figures):
    """What a run has done so far.

    Attributes:
        listed: EXR objects listed.
        blocked: Objects that are retried because another transaction keeps them from being stored.
        vanished: Objects that were deleted after they were listed.
        has_previous_rows: Whether the tables had rows of a listing before it was read.
        other_policies: Files whose rows are up to date but were validated with another policy, by that policy's label.
        is_listed: Whether the listing is complete, so that `todo` is final.
        unlisted: Prefixes, with their buckets, that could not be listed completely while others could.
        processes: Number of worker processes; 0 while the run's own process inspects.
        stopped: Whether the run was asked to stop.
        directories: Folders, with their buckets, whose sequences must be validated: those of inspected objects, and
            those that an earlier run did not validate because it was killed.
    """

    listed: int = 0
    blocked: int = 0
    vanished: int = 0
    has_previous_rows: bool = False
    other_policies: Counter[str] = field(default_factory=Counter)
    is_listed: bool = False
    unlisted: set[str] = field(default_factory=set)
    processes: int = 0
    stopped: bool = False
    directories: set[str] = field(default_factory=set)

    @property
    def todo(self) -> int:
        """Number of listed objects whose rows are missing or stale."""
        return self.listed - self.skipped
