"""Every column of complete rows against its known value, so that a column with another column's value is detected."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from exr_inspector import __version__
from exr_inspector.catalog.rows.plain import table_rows
from exr_inspector.catalog.schema import CELL_BYTES, ROW_COUNTS, SCHEMA_VERSION
from exr_inspector.exr.chunks.layout import part_layout
from exr_inspector.exr.chunks.tables import ChunkState, Completeness
from exr_inspector.exr.header.parser import make_part
from exr_inspector.exr.header.values import (
    LONG_NAMES,
    TILED,
    Attribute,
    Box2i,
    Chromaticities,
    Rational,
    TileDesc,
    TimeCode,
)
from exr_inspector.exr.names import file_names
from exr_inspector.model import (
    DeepStats,
    EventInfo,
    Inspection,
    PartPixels,
    PixelFault,
    Provenance,
    SequenceName,
    StatsMode,
)
from tests.contract.catalog.model import inspection, thumbnail

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
VERSION_WORD = 2 | TILED | LONG_NAMES
# All values differ, so that swapped ones are detected.
CAMERA: dict[str, tuple[str, Any]] = {
    "dataWindow": ("box2i", Box2i(-3, 5, 60, 36)),
    "displayWindow": ("box2i", Box2i(1, 2, 70, 41)),
    "lineOrder": ("lineOrder", 2),
    "pixelAspectRatio": ("float", 2.0),
    "tiles": ("tiledesc", TileDesc(32, 16, 0x11)),
    "name": ("string", "part name"),
    "view": ("string", "left"),
    "type": ("string", "tiledimage"),
    "chunkCount": ("int", 77),
    "colorInteropID": ("string", "lin_ap1_scene"),
    "chromaticities": ("chromaticities", Chromaticities(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)),
    "whiteLuminance": ("float", 101.0),
    "acesImageContainerFlag": ("int", 1),
    "cameraMake": ("string", "camera make"),
    "cameraModel": ("string", "camera model"),
    "lensMake": ("string", "lens make"),
    "lensModel": ("string", "lens model"),
    "isoSpeed": ("float", 800.0),
    "expTime": ("float", 0.25),
    "shutterAngle": ("float", 172.5),
    "tStop": ("float", 2.75),
    "aperture": ("float", 4.5),
    "nominalFocalLength": ("float", 35.0),
    "effectiveFocalLength": ("float", 36.0),
    "pinholeFocalLength": ("float", 37.0),
    "capDate": ("string", "2026:03:01"),
    "utcOffset": ("float", 3600.0),
    "owner": ("string", "an owner"),
    "comments": ("string", "a comment"),
    "Artist": ("string", "an artist"),
    "reelName": ("string", "A001"),
    "timeCode": ("timecode", TimeCode(0x01020304, 0)),
    "framesPerSecond": ("rational", Rational(24, 1)),
}
FILES_ROW: dict[str, Any] = {
    "file_id": "601ee1e5ae6fbccb40427e88ce8bd831",
    "path": "renders/shot/beauty.1001.exr",
    "bucket": "renders",
    "key": "shot/beauty.1001.exr",
    "directory": "renders/shot",
    "file_name": "beauty.1001.exr",
    "content_key": "1957edc07cd74ffca1c081b92d3cdf4d",
    "inspection_id": "id",
    "etag": "etag-1",
    "size_bytes": 1001,
    "mtime": datetime(2026, 3, 1, 12, 0, 10, tzinfo=timezone.utc),
    "sequence": "renders/shot/beauty.####.exr",
    "frame_number": 1001,
    "frame_padding": 4,
    "status": "inspected",
    "error_code": None,
    "error_message": None,
    "exr_version": 2,
    "version_word": 1538,
    "is_multipart": False,
    "has_long_names": True,
    "has_non_image": False,
    "multipart_count": 1,
    "is_deep": False,
    "is_tiled": True,
    "is_complete": False,
    "header_bytes": 700,
    "header_is_partial": False,
    "header_hash": "xxh3_128:4f880723551d3d8d9b61fbac5cd765b4",
    "hash": "h:cd",
    "width": 64,
    "height": 32,
    "display_width": 70,
    "display_height": 40,
    "pixel_aspect_ratio": 2.0,
    "is_anamorphic": True,
    "part_type": "tiledimage",
    "compression": "ZIP",
    "has_lossy_channels": False,
    "channel_count": 5,
    "layer_count": 2,
    "pixel_types": "HALF",
    "bit_depth": "16f",
    "views": "left",
    "is_stereo": False,
    "has_cryptomatte": True,
    "software": "Renderer 5.1",
    "software_version": "5.1",
    "renderer": "Arnold 7.2.4.1",
    "host_application": "Maya 2024.2",
    "render_seconds": 12.5,
    "peak_memory_mb": 99.0,
    "render_host": "node7",
    "render_user": "anna",
    "frame_range": "1001-1100",
    "provenance": '{"software":"Software"}',
    "color_space": "lin_ap1_scene",
    "color_interop_id": "lin_ap1_scene",
    "chromaticities": '{"redX":0.1,"redY":0.2,"greenX":0.3,"greenY":0.4,"blueX":0.5,"blueY":0.6,"whiteX":0.7,"whiteY":0.8}',
    "white_luminance": 101.0,
    "is_aces": True,
    "camera_make": "camera make",
    "camera_model": "camera model",
    "lens_make": "lens make",
    "lens_model": "lens model",
    "iso_speed": 800.0,
    "exposure_time": 0.25,
    "shutter_angle": 172.5,
    "t_stop": 2.75,
    "aperture": 4.5,
    "focal_length": 35.0,
    "capture_date": "2026:03:01",
    "utc_offset": 3600.0,
    "owner": "an owner",
    "comments": "a comment",
    "creator": "an artist",
    "reel_name": "A001",
    "timecode": "01:02:03:04",
    "fps": 24.0,
    "timecode_rate": None,
    "embedded_frame": None,
    "stats_mode": "full",
    "stats_stopped": "time",
    "nan_count": 10,
    "inf_count": 5,
    "is_black": None,
    "is_constant": False,
    "decoder": "OpenEXR 9",
    "pixel_fault_count": 1,
    "policy": "default/1",
    "worst_severity": "warning",
    "error_count": 0,
    "error_codes": None,
    "warning_count": 2,
    "info_count": 0,
    "part_rows": 1,
    "channel_rows": 5,
    "attribute_rows": 39,
    "stats_rows": 5,
    "validation_rows": 2,
    "cryptomatte_object_rows": 3,
    "thumbnail_rows": 1,
    "inspector_version": __version__,
    "schema_version": SCHEMA_VERSION,
    "inspected_at": datetime(2026, 3, 1, 12, 0, 11, tzinfo=timezone.utc),
    "event_id": "event-1",
    "sequencer": "0A",
    "event_time": datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc),
}

PARTS_ROW: dict[str, Any] = {
    "file_id": "601ee1e5ae6fbccb40427e88ce8bd831",
    "content_key": "1957edc07cd74ffca1c081b92d3cdf4d",
    "inspection_id": "id",
    "file_path": "renders/shot/beauty.1001.exr",
    "part_index": 0,
    "part_name": "part name",
    "view_name": "left",
    "part_type": "tiledimage",
    "is_deep": False,
    "is_tiled": True,
    "data_window": '{"xMin":-3,"yMin":5,"xMax":60,"yMax":36}',
    "data_x_min": -3,
    "data_y_min": 5,
    "data_x_max": 60,
    "data_y_max": 36,
    "display_window": '{"xMin":1,"yMin":2,"xMax":70,"yMax":41}',
    "display_x_min": 1,
    "display_y_min": 2,
    "display_x_max": 70,
    "display_y_max": 41,
    "width": 64,
    "height": 32,
    "pixel_aspect_ratio": 2.0,
    "line_order": "RANDOM_Y",
    "compression": "ZIP",
    "tiling": '{"xSize":32,"ySize":16,"mode":17}',
    "tile_width": 32,
    "tile_height": 16,
    "level_mode": "MIPMAP_LEVELS",
    "rounding_mode": "ROUND_UP",
    "level_count": 7,
    "channel_count": 5,
    "layer_count": 2,
    "cryptomattes": "crypto",
    "attribute_count": 39,
    "chunk_count_declared": 77,
    "chunk_count_computed": 10,
    "chunks_present": 9,
    "is_complete": False,
    "complete_fraction": 0.6428571428571429,
    "completeness_checked": "tables",
    "missing": '{"counts":{"1":5},"ranges":[],"truncated":false,"zeroOnlyUpperLevels":false}',
    "pixel_chunks_read": 4,
    "is_constant": False,
    "is_black": True,
    "deep_pixels": 10,
    "deep_samples": 30,
    "deep_min_samples": 1,
    "deep_max_samples": 7,
    "deep_empty_pixels": 2,
    "pixel_hash": "xxh3_128:ab",
    "pixels": '[{"x":0,"y":0,"total":9,"read":4,"constant":false,"black":true,'
    '"deep":[10,30,1,7,2,6,8,5,[3,4]],"hash":"xxh3_128:ab"}]',
    "pixel_faults": '[[5,32,47,"EXR_DECODE","bad block"]]',
}

# table -> one of its rows, without the columns that identify the file and the inspection
OTHER_ROWS: dict[str, dict[str, Any]] = {
    "channels": {
        "part_index": 0,
        "channel_index": 4,
        "name": "diffuse.R",
        "layer": "diffuse",
        "effective_layer": "diffuse",
        "component": "R",
        "view_name": "left",
        "type": "HALF",
        "x_sampling": 1,
        "y_sampling": 1,
        "linearity": 0,
        "is_lossy": False,
        "cryptomatte": None,
    },
    "attributes": {
        "part_index": 0,
        "attribute_index": 1,
        "chunk_index": 0,
        "chunk_count": 1,
        "name": "compression",
        "type": "compression",
        "value": "3",
        "value_text": "ZIP",
        "value_number": 3.0,
        "size_bytes": 16,
        "file_offset": 72,
        "problem": None,
    },
    "stats": {
        "stats_index": 4,
        "part_index": 0,
        "channel": "diffuse.R",
        "level_x": 0,
        "level_y": 0,
        "min": -0.5,
        "max": 2.0,
        "mean": 0.25,
        "mean_error": None,
        "mean_low": None,
        "mean_high": None,
        "stddev": 0.125,
        "samples": 2048,
        "finite_count": 2045,
        "nan_count": 2,
        "inf_count": 1,
        "positive_inf_count": 1,
        "negative_inf_count": 0,
        "zero_count": 5,
        "negative_count": 1,
        "half_max_count": 0,
        "is_constant": False,
        "first_nan_x": 3,
        "first_nan_y": 4,
        "first_inf_x": None,
        "first_inf_y": None,
        "maximum_x": 5,
        "maximum_y": 6,
        "percentiles": "[[50.0,0.25]]",
        "histogram": '{"edges":[0.0,1.0,2.0],"counts":[3,4]}',
        "fractional_share": 0.75,
        "eight_bit_share": 0.5,
        "distinct_count": 900,
        "uncovered_count": 7,
        "low_alpha_colour": 0.125,
        "coverage": 1.0,
        "exact": True,
        "sample_stride": 1,
    },
    "validation": {
        "finding_index": 1,
        "part_index": 0,
        "channel": None,
        "code": "STR-TEST",
        "severity": "warning",
        "severity_rank": 2,
        "message": "finding 1",
        "found": "x",
        "expected": None,
        "file_offset": None,
    },
    "cryptomatte_objects": {
        "object_index": 2,
        "part_index": 0,
        "cryptomatte": "crypto",
        "view_name": None,
        "manifest_hash": "99611689f500b60e57469fb6bc769b5e",
        "id": "00000003",
        "id_float": 4.203895392974451e-45,
        "coverage": 1.5,
        "pixels": 2,
    },
    "thumbnails": {
        "thumbnail_index": 0,
        "part_index": 0,
        "layer": "",
        "width": 160,
        "height": 90,
        "image": b"RIFF",
        "source": "level 0,0",
        "exposure": 0.0,
        "transform": "sRGB",
        "difference_hash": 3855,
    },
    "cryptomatte_manifests": {
        "manifest_hash": "99611689f500b60e57469fb6bc769b5e",
        "name_index": 3,
        "name": "object 3",
        "id": "00000004",
        "id_float": 5.605193857299268e-45,
    },
}
IDENTIFYING = ("file_id", "file_path", "content_key", "inspection_id")

PROVENANCE = Provenance(
    "Renderer",
    "5.1",
    "Arnold 7.2.4.1",
    "Maya 2024.2",
    12.5,
    99.0,
    "node7",
    "anna",
    "1001-1100",
    {"software": "Software"},
)


def described(attributes: Mapping[str, tuple[str, Any]]) -> Inspection:
    """A file of one part with these attributes besides the usual ones."""
    base = inspection(mode=StatsMode.FULL, findings=2, objects=3, thumbnails=(thumbnail(),), sequencer="0A")
    usual = {item.name: item for item in base.header.parts[0].attributes}
    more = {name: Attribute(name, kind, value, 0, 4) for name, (kind, value) in attributes.items()}
    word = VERSION_WORD if "tiles" in attributes else 2
    part = make_part(0, word, tuple((usual | more).values()))
    header = base.header._replace(version_word=word, parts=(part,))
    return replace(base, header=header, layouts=(part_layout(part),), names=file_names(header))


def rich() -> Inspection:
    base = replace(
        described(CAMERA),
        name=SequenceName("renders/shot", "beauty.1001.exr", "renders/shot/beauty.####.exr", 1001, 4),
        provenance=PROVENANCE,
        event=EventInfo("event-1", "0A", NOON),
        decoder="OpenEXR 9",
        completeness=(Completeness(0, "tables", 14, 77, 9, {ChunkState.ZERO: 5}, (), False, False),),
    )
    assert base.pixels is not None
    level = PartPixels(0, 0, 0, 9, 4, False, True, DeepStats(10, 30, 1, 7, 2, 6, 8, 5, (3, 4)), "xxh3_128:ab")
    fault = PixelFault(0, 5, 32, 47, "EXR_DECODE", "bad block")
    return replace(base, pixels=replace(base.pixels, parts=(level,), faults=(fault,), stopped="time", file_hash="h:cd"))


def test_files_and_parts() -> None:
    rows = table_rows(rich(), "id")
    assert rows["files"] == [FILES_ROW]
    (part,) = rows["parts"]
    identifiers = part.pop("cryptomatte_ids")  # test_objects_and_names_of_a_cryptomatte has its value
    assert identifiers
    assert part == PARTS_ROW
    assert tuple(part)[:4] == IDENTIFYING


@pytest.mark.parametrize("table", OTHER_ROWS)
def test_other_tables(table: str) -> None:
    rows = [
        {name: value for name, value in row.items() if name not in IDENTIFYING}
        for row in table_rows(rich(), "id")[table]
    ]
    assert OTHER_ROWS[table] in rows


def test_every_table_of_a_file_has_values() -> None:
    assert {"files", "parts", *OTHER_ROWS} == table_rows(rich(), "id").keys()


def test_objects_and_names_of_a_cryptomatte() -> None:
    rows = table_rows(rich(), "id")
    manifest = "99611689f500b60e57469fb6bc769b5e"
    assert json.loads(str(rows["parts"][0]["cryptomatte_ids"])) == [
        {
            "key": "0123456", "name": "crypto", "view": None, "whole": True, "ids": 3, "impossible": 0, "manifest": manifest,
            "names": 4, "unnamed": 0, "unnamedOnce": 0, "firstUnnamed": [], "unseen": 1, "firstUnseen": ["object 3"],
        }
    ]  # fmt: skip
    assert [tuple(row.values())[4:] for row in rows["cryptomatte_objects"]] == [
        (0, 0, "crypto", None, manifest, "00000001", pytest.approx(2**-149), 3.5, 4),
        (1, 0, "crypto", None, manifest, "00000002", pytest.approx(2**-148), 2.5, 3),
        (2, 0, "crypto", None, manifest, "00000003", pytest.approx(3 * 2**-149), 1.5, 2),
    ]
    assert [tuple(row.values())[:4] for row in rows["cryptomatte_manifests"]] == [
        (manifest, number, f"object {number}", f"{number + 1:08x}") for number in range(4)
    ]


@pytest.mark.parametrize(
    ("column", "spellings"),
    [
        ("focal_length", {"nominalFocalLength": 35.0, "effectiveFocalLength": 36.0, "pinholeFocalLength": 37.0}),
        ("color_space", {"colorInteropID": "first", "oiio:ColorSpace": "second", "colorSpace": "third"}),
        ("creator", {"creator": "first", "AUTHOR": "second", "Artist": "third"}),
    ],
)
def test_the_first_attribute_that_is_there(column: str, spellings: dict[str, float | str]) -> None:
    names = list(spellings)
    for number, name in enumerate(names):
        there = {
            key: ("string" if isinstance(spellings[key], str) else "float", spellings[key]) for key in names[number:]
        }
        assert table_rows(described(there))["files"][0][column] == spellings[name]


def test_a_part_without_a_line_order_has_none() -> None:
    base = rich()
    kept = tuple(item for item in base.header.parts[0].attributes if item.name != "lineOrder")
    header = base.header._replace(parts=(make_part(0, VERSION_WORD, kept),))
    assert table_rows(replace(base, header=header))["parts"][0]["line_order"] is None


def test_each_count_of_rows_is_a_column_of_files() -> None:
    assert {name: FILES_ROW[column] for name, column in ROW_COUNTS.items()} == {
        "parts": 1, "channels": 5, "attributes": 39, "stats": 5, "validation": 2, "cryptomatte_objects": 3, "thumbnails": 1,
    }  # fmt: skip


def test_attributes_have_a_number_and_a_text_in_their_first_row() -> None:
    attributes = {"framesPerSecond": ("rational", Rational(24, 1)), "note": ("string", "x" * 2 * CELL_BYTES)}
    rows = [row for row in table_rows(described(attributes))["attributes"] if row["name"] in attributes]
    found = [(row["name"], row["value_number"], row["value_text"] is None) for row in rows]
    assert found[:2] == [("framesPerSecond", 24.0, False), ("note", None, False)]
    assert set(found[2:]) == {("note", None, True)}


@pytest.mark.parametrize(("frame", "stored"), [(2**63 - 1, 2**63 - 1), (2**63, None)])
def test_a_frame_number_that_a_table_cannot_store_is_left_out(frame: int, stored: int | None) -> None:
    item = replace(rich(), name=SequenceName("b", f"a.{frame}.exr", "b/a.#.exr", frame, 19))
    assert table_rows(item)["files"][0]["frame_number"] == stored
