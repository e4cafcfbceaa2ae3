"""Sentences about pixels that were not read, for the end of a command's output."""

from __future__ import annotations

from exr_inspector.delivery.check import not_checked
from exr_inspector.model import StatsMode

REMEDY = "--stats full reads every pixel."


def unchecked_lines(stats: StatsMode, unread: int | None = None) -> list[str]:
    """Sentences about what was not checked because pixels were not read, with the option that reads them.

    Args:
        stats: Which pixels were read.
        unread: Number of files with pixels that were not read; None if unknown.
    """
    return [sentence if stats is StatsMode.FULL else f"{sentence} {REMEDY}" for sentence in not_checked(stats, unread)]
