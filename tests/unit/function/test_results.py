"""Return values of an invocation in edge cases, and which scalars of a payload are text."""

from __future__ import annotations

import pytest

from exr_inspector.function.envelope import text_value
from exr_inspector.function.results import combined


def test_no_object_is_a_skipped_event() -> None:
    assert combined([]) == {
        "status": "skipped", "count": 0, "worst_severity": None, "is_complete_list": True, "files": [],
    }  # fmt: skip


def test_several_objects_have_the_worst_status() -> None:
    statuses = ["skipped", "unchanged", "swept", "removed", "inspected", "failed"]
    for number in range(2, len(statuses) + 1):
        assert combined([{"status": status} for status in statuses[:number]])["status"] == statuses[number - 1]


@pytest.mark.parametrize(("value", "text"), [("a", "a"), ("", None), (7, None), (None, None), (["a"], None)])
def test_text_is_a_text_that_is_not_empty(value: object, text: str | None) -> None:
    assert text_value(value) == text
