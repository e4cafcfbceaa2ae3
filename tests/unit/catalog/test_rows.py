"""Inspections become rows and back without loss, and rows hold nothing that SQL or JSON readers refuse."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exr_inspector.catalog.rows.cells import join_cells
from exr_inspector.catalog.rows.groups import to_tables
from exr_inspector.catalog.rows.plain import file_rows, table_rows
from exr_inspector.catalog.rows.read_back import inspection_from_rows
from exr_inspector.catalog.schema import BY_NAME, CHILDREN, DOCUMENT, ROW_COUNTS, TABLES
from exr_inspector.catalog.schema.children import split_cell
from exr_inspector.errors import CatalogError, FormatError
from exr_inspector.exr.chunks.tables import assess, chunk_states, read_tables, tables_end
from exr_inspector.exr.header.parser import Header, make_part, parse_header
from exr_inspector.exr.header.values import Attribute, Chromaticities, Rational, TimeCode
from exr_inspector.exr.names import file_names
from exr_inspector.inspector import Inspector
from exr_inspector.model import (
    ChannelStats,
    DeepStats,
    Inspection,
    ObjectVersion,
    PartPixels,
    PixelFault,
    PixelReport,
    SequenceName,
    StatsMode,
    Status,
)
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import builtin_policy
from exr_inspector.validation.facts.colourspaces import PRIMARIES
from exr_inspector.validation.facts.provenance import provenance_of
from tests.contract.catalog.model import damaged, inspection, thumbnail, unreadable
from tests.support.exrbytes import DWAA, Part, a_compression, build
from tests.support.located import layouts_of

AP1 = Chromaticities(*PRIMARIES["lin_ap1_scene"])
CORPUS = Path(os.environ.get("EXR_CORPUS") or Path(__file__).resolve().parents[4] / "shared" / "corpus")
SAMPLES = Path(__file__).resolve().parents[3] / "samples"
FILES = sorted([*SAMPLES.rglob("*.exr"), *CORPUS.rglob("*.exr")])


def inspect(path: Path) -> Inspection:
    """Read a file by the format modules alone."""
    data = path.read_bytes()
    code = message = header = None
    try:
        header = parse_header(data)
    except FormatError as error:
        header, code, message = error.partial, error.code, str(error)
    assert header is None or isinstance(header, Header)
    layouts = layouts_of(header) if header else ()
    states = []
    known = [layout for layout in layouts if layout is not None]
    if header and not code and len(known) == len(layouts):
        tables = read_tables(data, header, known, len(data))
        end = tables_end(header, known)
        for layout, table, part in zip(known, tables, header.parts, strict=True):
            states.append(assess(layout, table, chunk_states(table, end, len(data)), part.chunk_count))
    return Inspection(
        bucket="b",
        key=path.name,
        version=ObjectVersion("etag", len(data), datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=timezone.utc)),
        status=Status.FAILED if code else Status.INSPECTED,
        error_code=code,
        error_message=message,
        name=SequenceName("b", path.name, None, None, 0),
        inspected_at=datetime(2026, 1, 2, 4, 0, 0, 1, tzinfo=timezone.utc),
        header=header,
        layouts=layouts,
        completeness=tuple(states),
        names=file_names(header) if header else (),
        provenance=provenance_of(header),
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_real_files_come_back(path: Path) -> None:
    item = inspect(path)
    document = file_rows(item)
    text = json.dumps(document, allow_nan=False)
    back = inspection_from_rows(json.loads(text))
    assert file_rows(back) == document  # attribute by attribute, because NaN is not equal to itself
    assert repr(back.header) == repr(item.header)
    assert (back.layouts, back.completeness, back.names) == (item.layouts, item.completeness, item.names)
    for name, table in to_tables([item], ["id"]).items():
        assert table.schema == BY_NAME[name].arrow
        assert table.num_rows == len(document[name])


def test_there_are_files() -> None:
    assert len(FILES) > 20


@pytest.mark.parametrize("item", [damaged(), unreadable()])
def test_a_failed_file_has_no_invented_values(item: Inspection) -> None:
    rows = table_rows(item, "id")
    assert all(not rows[table.name] for table in CHILDREN)
    (row,) = rows["files"]
    told = {name for name, value in row.items() if value is not None}
    allowed = set(BY_NAME["files"].required) | {
        "error_code", "error_message", "etag", "size_bytes", "mtime", "event_id", "policy", "cryptomatte_object_rows",
        "thumbnail_rows",
    }  # fmt: skip
    assert told <= allowed
    assert (row["status"], row["stats_mode"], row["error_code"]) == ("failed", "off", item.error_code)
    assert inspection_from_rows(rows) == replace(item, cost=inspection_from_rows(rows).cost)


def test_every_row_has_every_column_and_its_owner() -> None:
    item = inspection(mode=StatsMode.FULL, findings=2, objects=3, thumbnails=(thumbnail(),), views=("left", "right"))
    document = file_rows(item, "id")
    assert list(document) == [*(table.name for table in DOCUMENT), "cryptomatte_manifests"]
    (owner,) = document["files"]
    for table in DOCUMENT:
        assert document[table.name]
        for row in document[table.name]:
            assert list(row) == [column.name for column in table.columns]
            assert all(row[name] is not None for name in table.required)
            assert {row[name] for name in ("file_id", "content_key", "inspection_id")} == {
                owner[name] for name in ("file_id", "content_key", "inspection_id")
            }
    for name, column in ROW_COUNTS.items():
        assert owner[column] == len(document[name])


def test_no_nested_columns_and_no_name_twice() -> None:
    for table in TABLES:
        assert all(
            str(column.type) in {"string", "bool", "int32", "int64", "double", "timestamp[us]", "binary"}
            for column in table.columns
        )
        assert len({column.name.lower() for column in table.columns}) == len(table.columns)
        assert set(table.key) <= set(table.arrow.names)


def first_part(*attributes: tuple[str, str, object]) -> dict[str, object]:
    """The row in `files` for a header with these attributes besides the usual ones."""
    base = inspection()
    more = tuple(Attribute(name, kind, value, 0, 4) for name, kind, value in attributes)
    names = {attribute.name for attribute in more}
    kept = tuple(item for item in base.header.parts[0].attributes if item.name not in names)
    header = base.header._replace(parts=(make_part(0, 2, kept + more),))
    (row,) = table_rows(replace(base, header=header, provenance=provenance_of(header)))["files"]
    return row


def test_texts_end_before_their_padding_and_are_escaped() -> None:
    row = first_part(
        ("owner", "string", "Bob\0\0\0"),
        ("reelName", "string", "\0\0"),
        ("Artist", "string", b"J\xfcrgen\0"),
        ("Frame", "string", "1003\0"),
    )
    assert (row["owner"], row["reel_name"], row["creator"], row["embedded_frame"]) == ("Bob", None, r"J\xfcrgen", 1003)
    base = inspection()
    header = base.header._replace(parts=(make_part(0, 2, (Attribute("owner", "string", "Bob\0", 0, 4),)),))
    (stored,) = table_rows(replace(base, header=header))["attributes"]
    assert (stored["value"], stored["value_text"]) == (r'"Bob\u0000"', "Bob")


def test_summary_of_the_first_part() -> None:
    row = first_part(
        ("pixelAspectRatio", "float", 2.0),
        ("Software", "string", "Renderer 5"),
        ("colorInteropID", "string", "lin_ap1_scene"),
        ("oiio:ColorSpace", "string", "other"),
        ("framesPerSecond", "rational", Rational(24000, 1001)),
        ("timeCode", "timecode", TimeCode(0x01020304, 0)),
        ("timecodeRate", "int", 24),
        ("Frame", "string", "1003"),
        ("isoSpeed", "float", 800.0),
        ("expTime", "float", math.nan),
        ("acesImageContainerFlag", "int", 1),
        ("owner", "float", 1.0),
        ("comments", "string", "y" * 5_000),
    )
    assert (row["pixel_aspect_ratio"], row["is_anamorphic"], row["software"]) == (2.0, True, "Renderer 5")
    assert (row["color_space"], row["color_interop_id"]) == ("lin_ap1_scene", "lin_ap1_scene")
    assert row["fps"] == pytest.approx(23.976, abs=0.001)
    assert (row["timecode"], row["timecode_rate"], row["embedded_frame"]) == ("01:02:03:04", 24, 1003)
    assert (row["iso_speed"], row["exposure_time"], row["is_aces"], row["owner"]) == (800.0, None, True, None)
    assert len(str(row["comments"])) == 4_000


@pytest.mark.parametrize(
    ("attributes", "space"),
    [
        ([("chromaticities", "chromaticities", AP1)], "lin_ap1_scene"),
        ([("chromaticities", "chromaticities", Chromaticities(*AP1[:7], 0.4))], None),
        ([("acesImageContainerFlag", "int", 1)], "lin_ap0_scene"),
        ([("acesImageContainerFlag", "int", 0)], None),
        ([("chromaticities", "chromaticities", AP1), ("colorSpace", "string", "ACEScg")], "ACEScg"),
        ([("colourspace", "string", "ACEScg")], "ACEScg"),
    ],
)
def test_a_colour_space_is_named_by_what_the_header_says(attributes: list[Any], space: str | None) -> None:
    assert first_part(*attributes)["color_space"] == space


def test_nothing_is_filled_in() -> None:
    row = first_part()
    for name in (
        "software",
        "color_space",
        "fps",
        "timecode",
        "views",
        "is_aces",
        "camera_make",
        "nan_count",
        "is_black",
    ):
        assert row[name] is None, name
    assert row["is_stereo"] is False


def test_not_a_number_never_stands_in_a_column() -> None:
    row = first_part(("pixelAspectRatio", "float", math.inf), ("isoSpeed", "float", -math.inf))
    assert (row["pixel_aspect_ratio"], row["iso_speed"]) == (None, None)
    base = inspection(mode=StatsMode.FULL)
    empty: ChannelStats = replace(base.pixels.channels[0], minimum=None, maximum=math.inf, mean=math.nan, stddev=None)
    item = replace(base, pixels=replace(base.pixels, channels=(empty,)))
    (stats,) = table_rows(item)["stats"]
    assert (stats["min"], stats["max"], stats["mean"], stats["nan_count"], stats["inf_count"]) == (
        None,
        None,
        None,
        2,
        1,
    )


@pytest.mark.parametrize("views", [("left", "right"), ("left", "right", "centre")])
def test_stereo_by_parts(views: tuple[str, ...]) -> None:
    (row,) = table_rows(inspection(views=views))["files"]
    assert (row["views"], row["is_stereo"], row["multipart_count"]) == (",".join(views), True, len(views))


def test_stereo_by_channels() -> None:
    base = inspection(channels=("B", "G", "R", "right.B", "right.G", "right.R"))
    attributes = (*base.header.parts[0].attributes, Attribute("multiView", "stringvector", ("left", "right"), 0, 4))
    header = base.header._replace(parts=(make_part(0, 2, attributes),))
    rows = table_rows(replace(base, header=header, names=file_names(header)))
    assert rows["files"][0]["is_stereo"] is True
    assert [row["view_name"] for row in rows["channels"]] == ["left"] * 3 + ["right"] * 3


def test_pixel_reports_come_back() -> None:
    base = inspection(mode=StatsMode.SAMPLED)
    only_nan = replace(base.pixels.channels[0], channel="nan", finite_count=0)
    report = PixelReport(
        mode=StatsMode.SAMPLED,
        channels=(*base.pixels.channels, only_nan),
        parts=(
            PartPixels(0, 0, 0, 9, 4, False, True, DeepStats(10, 30, 0, 7, 2), "xxh3_128:ab"),
            PartPixels(0, 1, 1, 3, 3, None, None, None, None),
        ),
        faults=(PixelFault(0, 5, 32, 47, "EXR_DECODE", "bad block"),),
        stopped="time",
        file_hash="xxh3_128:cd",
    )
    item = replace(base, pixels=report)
    rows = table_rows(item)
    assert inspection_from_rows(rows).pixels == report
    (part,) = rows["parts"]
    assert (part["deep_max_samples"], part["pixel_chunks_read"], part["pixel_hash"]) == (7, 4, "xxh3_128:ab")


@pytest.mark.parametrize(
    ("values", "whole"),
    [((True, False), False), ((True, True), True), ((None, True), True), ((None, None), None), ((False, False), False)],
)
def test_a_file_is_black_or_constant_when_all_known_parts_are(
    values: tuple[bool | None, ...], whole: bool | None
) -> None:
    base = inspection(mode=StatsMode.SAMPLED, views=("left", "right"))
    parts = tuple(PartPixels(index, 0, 0, 1, 1, value, value, None, None) for index, value in enumerate(values))
    (row,) = table_rows(replace(base, pixels=PixelReport(mode=StatsMode.SAMPLED, parts=parts)))["files"]
    assert (row["is_black"], row["is_constant"]) == (whole, whole)


def test_many_faults_fit_one_cell() -> None:
    base = inspection(mode=StatsMode.SAMPLED)
    assert base.pixels is not None
    faults = tuple(PixelFault(0, index, 0, 1, "EXR_DECODE", "é" * 300) for index in range(1_000))
    rows = table_rows(replace(base, pixels=replace(base.pixels, faults=faults)))
    assert len(str(rows["parts"][0]["pixel_faults"]).encode()) <= 126_000
    assert rows["files"][0]["pixel_fault_count"] == 1_000
    back = inspection_from_rows(rows).pixels
    assert back.faults == faults[: len(back.faults)]


@pytest.mark.slow
@given(st.text(max_size=200), st.integers(4, 50))
def test_pieces_make_the_whole(text: str, limit: int) -> None:
    pieces = split_cell(text, limit)
    assert "".join(pieces) == text
    assert all(len(piece.encode()) <= limit for piece in pieces)
    assert join_cells(reversed(list(enumerate(pieces)))) == text


def test_rows_of_two_files_are_refused() -> None:
    rows = table_rows(inspection())
    with pytest.raises(CatalogError):
        inspection_from_rows(rows | {"files": rows["files"] * 2})


def broken_rows() -> Iterator[dict[str, list[dict[str, object]]]]:
    rows = table_rows(inspection(mode=StatsMode.FULL))
    yield rows | {"attributes": [row | {"value": "{"} for row in rows["attributes"]]}
    yield rows | {"attributes": [row | {"value": '"x"'} for row in rows["attributes"]]}
    yield rows | {"files": [rows["files"][0] | {"inspected_at": None}]}
    yield rows | {"stats": [{"channel": "R"}]}


@pytest.mark.parametrize("rows", list(broken_rows()))
def test_broken_rows_are_our_error(rows: dict[str, list[dict[str, object]]]) -> None:
    with pytest.raises(CatalogError):
        inspection_from_rows(rows)


def test_a_required_column_is_never_null() -> None:
    item = replace(inspection(), bucket=None)  # what the writer must catch
    with pytest.raises(ValueError, match="bucket"):
        to_tables([item], ["id"])


def rows_of(data: bytes) -> dict[str, list[dict[str, object]]]:
    with contextlib.closing(SourceOpener(load_settings({}, secrets_dir=None))) as opener:
        return table_rows(Inspector().inspect(opener.open_bytes(data), builtin_policy("default")))


def test_what_a_header_does_not_say_is_null() -> None:
    rows = rows_of(build([Part(name="a"), Part(name="b", without="type")]))
    assert [row["is_deep"] for row in rows["parts"]] == [False, None]
    assert [row["is_tiled"] for row in rows["parts"]] == [False, None]
    assert (rows["files"][0]["is_deep"], rows["files"][0]["is_tiled"]) == (None, None)
    rows = rows_of(build([Part(name="a", kind="tiledimage"), Part(name="b", without="type")]))
    assert (rows["files"][0]["is_deep"], rows["files"][0]["is_tiled"]) == (None, True)


@pytest.mark.parametrize("changes", [{"without": "compression"}, {"replace": [a_compression(77)]}])
def test_what_an_unknown_compression_does_is_null(changes: dict[str, object]) -> None:
    rows = rows_of(build([Part(**changes)]))
    assert {row["is_lossy"] for row in rows["channels"]} == {None}
    assert rows["files"][0]["has_lossy_channels"] is None
    two = rows_of(build([Part(name="a", compression=DWAA), Part(name="b", **changes)]))
    assert two["files"][0]["has_lossy_channels"] is True
    assert rows_of(build([Part()]))["files"][0]["has_lossy_channels"] is False
