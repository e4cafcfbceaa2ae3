"""The schema has the columns of the first draft; parameters of the cookbook have the right kinds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exr_inspector.catalog.admin.setup import SchemaReport
from exr_inspector.catalog.queries import cookbook
from exr_inspector.catalog.schema import BY_NAME, DOCUMENT, INSPECTIONS, SCHEMA_VERSION
from exr_inspector.errors import CatalogError


def test_columns_of_the_first_draft_are_there() -> None:
    draft = {
        "files": "path size_bytes mtime exr_version multipart_count is_deep hash",
        "parts": "file_path part_index part_name view_name data_window display_window pixel_aspect_ratio",
        "channels": "file_path part_index name type x_sampling y_sampling linearity",
        "attributes": "file_path part_index name type value",
        "stats": "file_path part_index channel min max mean stddev nan_count inf_count sample_stride",
        "validation": "file_path code severity message",
    }
    for name, columns in draft.items():
        assert set(columns.split()) <= set(BY_NAME[name].arrow.names)
    assert {"line_order", "compression", "tiling"} <= set(BY_NAME["parts"].arrow.names)


def test_parameters_read_their_kind() -> None:
    rows = next(item for item in cookbook.cookbook()["listing"].parameters if item.name == "rows")
    assert (rows.value("5"), rows.default) == (5, 100)
    with pytest.raises(CatalogError):
        rows.value("five")


def test_every_column_says_how_it_is_made_or_is_known_to_the_write_only() -> None:
    for table in DOCUMENT:
        assert [column.name for column in table.columns if column.of is None] == ["inspection_id"]
    late = [column.name for column in INSPECTIONS.columns if column.of is None]
    assert late == ["inspection_id", "recorded_at", "outcome", "worker", "schema_version"]


@pytest.mark.parametrize(
    "change", [{"recorded_version": SCHEMA_VERSION - 1}, {"recorded_version": SCHEMA_VERSION + 1}, {"guards": 1}]
)
def test_tables_that_this_version_cannot_write_are_not_good(change: dict[str, int]) -> None:
    report = SchemaReport(True, (), 4096, SCHEMA_VERSION, 4096)
    assert report.is_good
    assert not replace(report, **change).is_good
