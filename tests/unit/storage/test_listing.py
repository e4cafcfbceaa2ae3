"""Invalid pages of S3 listings are refused, or read as far as they make sense."""

from __future__ import annotations

import pytest

from exr_inspector.errors import SourceUnavailable
from exr_inspector.storage.listing import _parsed


def page(size: str = "5", modified: str = "2024-01-01T00:00:00Z") -> bytes:
    cells = f"<Key>a.exr</Key><Size>{size}</Size><LastModified>{modified}</LastModified>"
    return f"<ListBucketResult><Contents>{cells}</Contents></ListBucketResult>".encode()


@pytest.mark.parametrize(
    "body",
    [
        page(size="-5"),
        page(size="9" * 40),
        page(size=str(1 << 63)),  # more than a table stores
        page(size="5.0"),
        page(modified=""),
        page(modified="Mon, 01 Jan 2024 00:00:00 GMT"),
        b'<?xml version="1.0" encoding="none"?><ListBucketResult/>',
        b"<html></html>",
        b"",
    ],
)
def test_an_answer_that_makes_no_sense_is_not_taken_for_a_listing(body: bytes) -> None:
    with pytest.raises(SourceUnavailable):
        _parsed(body, "b/")


@pytest.mark.parametrize(
    ("modified", "year"), [("9999-12-31T23:59:59-23:00", 9999), ("0001-01-01T00:00:00+23:00", 1), ("2024-01-01", 2024)]
)
def test_a_time_beyond_the_calendar_stops_no_listing(modified: str, year: int) -> None:
    (entry,) = _parsed(page(modified=modified), "b/").entries
    assert entry.version.mtime.year == year


def test_the_largest_size_that_a_table_stores() -> None:
    assert _parsed(page(size=str((1 << 63) - 1)), "b/").entries[0].version.size_bytes == (1 << 63) - 1
