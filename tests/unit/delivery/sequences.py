"""Make the summaries of files, and divide them into checked sequences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from exr_inspector.delivery.sequences import CheckedSequence, check_frames
from exr_inspector.validation import FrameSummary, Policy, builtin_policy

DEFAULT = builtin_policy("default")


def summary(path: str, **facts: Any) -> FrameSummary:
    """The summary of a file, whose sequence and number `check_frames` finds in its name."""
    return FrameSummary(path, "?", 0, 0, **facts)


def checked_sequences(files: Iterable[FrameSummary], policy: Policy = DEFAULT) -> tuple[CheckedSequence, ...]:
    """The sequences of some files, with their findings."""
    return check_frames({file.path: file for file in files}, policy).sequences


def numbered(form: str, first: int, last: int) -> list[str]:
    """Names with the numbers from the first to the last."""
    return [form.format(n) for n in range(first, last + 1)]
