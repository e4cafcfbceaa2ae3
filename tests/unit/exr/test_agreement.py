"""Random valid files are read as they were written, and as the OpenEXR module reads them."""

import io
import math
import struct

import numpy as np
import OpenEXR
import pytest
from hypothesis import HealthCheck, given, settings

from exr_inspector.exr.chunks.checks import ChunkMap, check_all_leaders, check_last_leader
from exr_inspector.exr.chunks.layout import part_layout
from exr_inspector.exr.chunks.tables import assess, chunk_states, read_tables, tables_end
from exr_inspector.exr.conformance.header import check_header
from exr_inspector.exr.file_bytes import FileBytes, run_in_memory
from exr_inspector.exr.header.attributes import encode
from exr_inspector.exr.header.parser import Header, PartHeader, parse_header
from exr_inspector.exr.header.values import Attribute
from exr_inspector.exr.names import file_names
from tests.support import exrstrategies as strategies
from tests.support.exrbytes import Channel, Part, a_chlist, build
from tests.support.exrstrategies import Example

EVERYTHING = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@pytest.mark.slow
@EVERYTHING
@given(strategies.files())
def test_a_valid_file_is_read_as_it_was_written(example: Example) -> None:
    data, built = example.data, example.built
    header = parse_header(data)
    assert (header.version_word, header.end) == (built.version_word, built.headers_end)
    layouts = [part_layout(part) for part in header.parts]
    assert [layout.chunk_count for layout in layouts] == example.chunk_counts
    for part, written, described, places in zip(
        header.parts, example.parts, example.attributes, built.parts, strict=True
    ):
        assert part.data_window == written.data_window
        assert (part.compression, part.line_order) == (written.compression, written.line_order)
        for attribute, span in zip(part.attributes, places.records, strict=True):
            assert encode(attribute.type_name, attribute.value) == data[span.body : span.end]
            assert not attribute.problem
        for valued in described:
            attribute = part.by_name[valued.attr.name]
            assert (attribute.type_name, encode(attribute.type_name, attribute.value)) == (
                valued.attr.type,
                valued.attr.value,
            )
    file_names(header)
    check_places(example, header, layouts)


def check_places(example: Example, header: Header, layouts: list) -> None:
    data, built = example.data, example.built
    tables = read_tables(data, header, layouts, len(data))
    first = tables_end(header, layouts)
    assert first == built.tables_end
    states = [chunk_states(table, first, len(data)) for table in tables]
    assert states == [None] * len(tables)
    for table, places, layout, part in zip(tables, built.parts, layouts, example.parts, strict=True):
        assert table.offsets.tolist() == [places.chunks[index].start for index in range(table.count)]
        assert assess(layout, table, None, None).is_complete
        for index, cell in enumerate(part.cells):
            place = layout.place(index)
            assert (place.window.width, place.window.height) == (cell.width, cell.height)
    chunks = ChunkMap(layouts, tables, states, header.is_multi_part, first, len(data))
    file = FileBytes()
    file.size = len(data)
    for asking in (check_last_leader(chunks, file), check_all_leaders(chunks, file)):
        report = run_in_memory(asking, data)
        assert {problem.kind.name for problem in report.problems} <= {"UNREFERENCED_BYTES"}
        assert set(report.states) == {None}


@pytest.mark.slow
@EVERYTHING
@given(strategies.files())
def test_a_valid_file_has_no_structural_errors(example: Example) -> None:
    header = parse_header(example.data)
    problems = check_header(header, [part_layout(part) for part in header.parts])
    harmless = {"UNKNOWN_ATTRIBUTE_TYPE", "DEPRECATED_ATTRIBUTE", "EMPTY_STRING", "CHANNEL_ORDER"}
    assert {problem.kind.name for problem in problems} <= harmless


def plain(value: object) -> object:
    """Convert a value of the module to numbers, text or a flat tuple."""
    if isinstance(value, np.ndarray):
        return tuple(value.ravel().tolist())
    if isinstance(value, (tuple, list)):
        flat: list[object] = []
        for item in value:
            made = plain(item)
            flat.extend(made if isinstance(made, tuple) else (made,))
        return tuple(flat)
    return value


def same(ours: object, theirs: object) -> bool:
    if isinstance(ours, tuple) and isinstance(theirs, tuple):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(ours, float) and isinstance(theirs, float):
        return ours == theirs or struct.pack("<f", ours) == struct.pack("<f", theirs) or math.isnan(ours)
    return ours == theirs


COMPARED = {
    "box2f", "box2i", "double", "float", "floatvector", "int", "m33d", "m33f", "m44d", "m44f", "string", "stringvector",
    "v2d", "v2f", "v2i", "v3d", "v3f", "v3i",
}  # fmt: skip


def compare(attribute: Attribute, header: dict[str, object]) -> None:
    if attribute.name in header and attribute.type_name in COMPARED and attribute.value != ():
        ours = attribute.value
        theirs = plain(header[attribute.name])
        theirs = getattr(theirs, "name", theirs)  # the module returns `type` as an enumeration
        if isinstance(theirs, tuple) and not isinstance(ours, tuple):
            (theirs,) = theirs  # the module returns a double as an array of one
        assert same(tuple(ours) if isinstance(ours, tuple) else ours, theirs), (attribute, theirs)


def compare_part(part: PartHeader, header: dict[str, object]) -> None:
    assert int(header["compression"]) == part.compression
    assert int(header["lineOrder"]) == part.line_order
    channels = sorted(channel.name for channel in part.channels or ())
    assert sorted(channel.name for channel in header["channels"]) == channels
    for attribute in part.attributes:
        compare(attribute, header)


@pytest.mark.slow
@EVERYTHING
@given(strategies.files(types=sorted(COMPARED)))
def test_the_openexr_module_reads_the_same_values(example: Example) -> None:
    file = OpenEXR.File(io.BytesIO(example.data), header_only=True)
    for index, part in enumerate(parse_header(example.data).parts):
        compare_part(part, file.header(index))


@pytest.mark.slow
def test_the_comparison_can_fail() -> None:
    with pytest.raises(AssertionError):
        compare(Attribute("a", "v2f", (1.0, 2.0), 0, 8), {"a": np.array([1.0, 3.0], np.float32)})
    with pytest.raises(AssertionError):
        compare(Attribute("a", "string", "x", 0, 1), {"a": "y"})


@pytest.mark.slow
@pytest.mark.parametrize(
    "lists",
    [
        ["R", "A"],
        ["R", "A", "Z"],
        ["BR", "ARZ"],
        ["BGR", "BGR"],
        ["G", "BGR", "A"],
        ["BR", ""],
    ],
)
def test_several_channel_lists_are_added_up_as_the_library_does(lists: list[str]) -> None:
    first, *others = [a_chlist([Channel(name) for name in names]) for names in lists]
    data = build([Part(replace=[first], extra=others)])
    part = parse_header(data).parts[0]
    theirs = [channel.name for channel in OpenEXR.File(io.BytesIO(data), header_only=True).header()["channels"]]
    assert sorted(channel.name for channel in part.channels or ()) == theirs
    assert [channel.name for channel in part_layout(part).channels] == theirs
    repeats = [problem for problem in check_header(parse_header(data)) if problem.kind.name == "DUPLICATE_ATTRIBUTE"]
    assert len(repeats) == len(others)
    assert all("the channels of both count" in problem.message for problem in repeats)
