"""How far look-ups in `inspections`, which is sorted by time, go back."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from exr_inspector.catalog.stored import MAX_CLOCK_DIFFERENCE, recorded_since

MOMENT = datetime(2026, 11, 5, 12, tzinfo=timezone.utc)
FILES_PER_SECOND = 10_000
ROW_GROUP_ROWS = 524_288


@pytest.mark.parametrize(
    ("earlier", "is_read"),
    [(timedelta(0), True), (MAX_CLOCK_DIFFERENCE, True), (MAX_CLOCK_DIFFERENCE + timedelta(seconds=1), False)],
)
def test_rows_recorded_a_little_earlier_are_read_too(earlier: timedelta, *, is_read: bool) -> None:
    where = recorded_since(MOMENT)
    assert where is not None
    assert where({"recorded_at": MOMENT.replace(tzinfo=None) - earlier}) is is_read


def test_the_allowance_for_clocks_is_a_few_row_groups_at_ten_thousand_files_a_second() -> None:
    assert MAX_CLOCK_DIFFERENCE.total_seconds() * FILES_PER_SECOND <= 6 * ROW_GROUP_ROWS
