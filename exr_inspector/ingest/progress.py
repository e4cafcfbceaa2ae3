"""The figures of an ingest run: what the whole run has done so far."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from exr_inspector.sync.figures import Figures


@dataclass(slots=True)
class Progress(Figures):
    """What a run has done so far.

    Attributes:
        listed: EXR objects listed.
        vanished: Objects that were deleted after they were listed.
        had_rows: Whether the tables had rows of a listing before it was read.
        judged_otherwise: Files whose rows are up to date, but were judged by another policy, by that policy's label.
        is_listed: Whether the listing is complete, so that `todo` is final.
        processes: Worker processes, 0 while the run's own process inspects.
        stopped: Whether the run was asked to stop.
        directories: Folders, with their buckets, whose sequences are to be judged: of the objects that were inspected, and
            those that a run before left without, since it was killed.
    """

    listed: int = 0
    vanished: int = 0
    had_rows: bool = False
    judged_otherwise: Counter[str] = field(default_factory=Counter)
    is_listed: bool = False
    processes: int = 0
    stopped: bool = False
    directories: set[str] = field(default_factory=set)

    @property
    def todo(self) -> int:
        """Objects listed whose rows are missing or stale."""
        return self.listed - self.skipped
