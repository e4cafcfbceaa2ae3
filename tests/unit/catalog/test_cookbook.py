"""The header of a query's file: title, description and parameters."""

from __future__ import annotations

from exr_inspector.catalog.queries.cookbook import _read


def test_comments_within_a_query_are_no_part_of_its_description() -> None:
    query = _read("frames", "-- Lists\n-- frames.\n-- question: 3\nSELECT 1\n-- two\nAS number")
    assert (query.description, query.question, query.statement) == ("Lists frames.", "3", "SELECT 1\nAS number")
