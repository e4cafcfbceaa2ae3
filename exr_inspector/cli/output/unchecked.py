"""What the end of a command's output says of pixels that were left out: the same words everywhere."""

from __future__ import annotations

from exr_inspector.delivery.check import not_checked
from exr_inspector.model import StatsMode

REMEDY = "--stats full reads every pixel."


def unchecked_lines(stats: StatsMode, unread: int | None = None) -> list[str]:
    """What was not checked because pixels were not read, and the option that reads them all.

    Args:
        stats: How much was read.
        unread: Files of which pixels were left out; None where that is not known, and the mode alone speaks.
    """
    return [sentence if stats is StatsMode.FULL else f"{sentence} {REMEDY}" for sentence in not_checked(stats, unread)]
