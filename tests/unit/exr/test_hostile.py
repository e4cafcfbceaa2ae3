"""Headers that are expensive by design are read or refused in bounded time and memory."""

import contextlib
import struct
import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from bench.fuzz import exercise
from exr_inspector.errors import FormatError, LimitExceeded, UnknownLayout
from exr_inspector.exr.chunks.layout import Layout, part_layout
from exr_inspector.exr.conformance.header import check_header
from exr_inspector.exr.file_bytes import Answer, FileBytes, answer_requests
from exr_inspector.exr.header.idmanifest import decode_manifest
from exr_inspector.exr.header.parser import Header, parse_header, read_header
from exr_inspector.exr.header.values import IdManifest
from exr_inspector.exr.names import file_names
from tests.support.exrbytes import Attr, Channel, Part, a_box2i, a_chlist, a_int, a_string, a_stringvector, attr, build
from tests.support.growth import MOST, steps_of


def everything(data: bytes) -> Header:
    header = parse_header(data)
    layouts: list[Layout] = []
    with contextlib.suppress(UnknownLayout):  # of channels without one
        layouts += [part_layout(part) for part in header.parts]
    check_header(header, layouts)
    file_names(header)
    return header


def test_many_attributes_channels_and_parts_are_read() -> None:
    attributes = everything(build([Part(extra=[a_int(f"a{n}", n) for n in range(2_000)])]))
    assert len(attributes.parts[0].attributes) == 2_008
    channels = everything(build([Part(channels=[Channel(f"l{n:05}.v.c{n}") for n in range(2_000)])]))
    assert len(channels.parts[0].channels or ()) == 2_000
    assert len(everything(build([Part(name=f"p{n}", channels=[Channel("R")]) for n in range(300)])).parts) == 300


def many_bad_channels(count: int) -> bytes:
    return build([Part(replace=[a_chlist([Channel("same", 7, 0, -1, 9, b"\1\1\1")] * count)])])


def many_views(count: int) -> bytes:
    views = a_stringvector("multiView", [f"v{n}" for n in range(2 * count)])
    return build([Part(channels=[Channel(f"a.w{n}.b") for n in range(count)], extra=[views])])


def many_cryptomattes_of_one_name(count: int) -> bytes:
    declared = [a_string(f"cryptomatte/{n}/name", "c") for n in range(3 * count)]
    channels = [Channel(f"c.{n}") for n in range(count)] + [Channel(f"c{n:02}.r") for n in range(count // 10)]
    return build([Part(channels=channels, extra=declared)])


@pytest.mark.slow
@pytest.mark.parametrize("make", [many_bad_channels, many_views, many_cryptomattes_of_one_name])
def test_work_grows_in_proportion(make: Callable[[int], bytes]) -> None:
    def steps(count: int) -> int:
        data = make(count)
        return steps_of(lambda: everything(data))

    assert steps(1_000) <= MOST * steps(500)


@pytest.mark.slow
def test_a_text_of_20_mb_is_read() -> None:
    header = everything(build([Part(extra=[a_string("cryptomatte/1/manifest", "x" * 20_000_000)])]))
    assert len(str(header.parts[0].by_name["cryptomatte/1/manifest"].value)) == 20_000_000


NO_LOOP = 10_000  # lines of Python; a loop over the entries would execute a million


@pytest.mark.slow
def test_no_line_is_carried_out_for_each_entry_of_a_chunk_table() -> None:
    header = build([Part(replace=[a_box2i("dataWindow", (0, 0, 0, (1 << 20) - 1))])])
    start = parse_header(header).end
    tables = header[:start] + b"".join(struct.pack("<Q", start + 8 * (1 << 20) + 10 * n) for n in range(1 << 20))
    assert steps_of(lambda: exercise(tables[:start] + bytes(8 << 20))) < NO_LOOP  # all zero, beyond the fuzzer's limits
    assert steps_of(lambda: part_layout(parse_header(tables).parts[0])) < NO_LOOP


def test_no_line_is_carried_out_for_each_byte_of_a_manifest() -> None:
    payload = struct.pack("<Ii", 0, 0) + struct.pack("<ii", 0, 1) + bytes(8 << 20)
    manifest = IdManifest(len(payload), zlib.compress(payload, 1))
    assert steps_of(lambda: decode_manifest(manifest)) < NO_LOOP
    assert len(decode_manifest(manifest)) == 1
    entries = IdManifest(len(payload), zlib.compress(struct.pack("<Ii", 0, 1 << 22) + payload[8:], 1))
    with pytest.raises(LimitExceeded):
        decode_manifest(entries)


LIES = [
    build([Part(attributes=[Attr("a", "string", b"x", size=0x7FFFFFFF)])]),
    build([Part(attributes=[Attr("a", "chlist", b"x", size=0x7FFFFFFF)])]),
    build([Part(replace=[attr("preview", "preview", b"\xff" * 8)])]),
    build([Part(extra=[attr("a", "stringvector", struct.pack("<i", 0x7FFFFFFF) + b"x")])]),
    build([Part(extra=[attr("a", "bytes", struct.pack("<I", 0xFFFFFFFF) + b"x")])]),
    build([Part(extra=[attr("a", "idmanifest", struct.pack("<Q", 1 << 63) + b"x")])]),
    build([Part(extra=[attr("p", "preview", struct.pack("<II", 1 << 31, 1 << 31))])]),
    build([Part(replace=[a_box2i("dataWindow", (-(1 << 30), -(1 << 30), (1 << 30) - 2, (1 << 30) - 2))])]),
    build([Part(name="a", replace=[a_string("type", "x"), a_int("chunkCount", 0x7FFFFFFF)]), Part(name="b")]),
    build([Part(name="a", replace=[a_string("type", "x"), a_int("chunkCount", -5)]), Part(name="b")]),
    build([Part(kind="tiledimage", replace=[attr("tiles", "tiledesc", b"\1\0\0\0\1\0\0\0\2")])]),
]


@pytest.mark.parametrize("number", range(len(LIES)))
def test_wrong_sizes_allocate_nothing(number: int) -> None:
    tracemalloc.start()
    try:
        exercise(LIES[number])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20


@pytest.mark.parametrize("size", [1 << 20, 1 << 40, (1 << 63) - 1])
def test_a_wrong_file_size_causes_requests_but_no_allocation(size: int) -> None:
    start = LIES[0][:-1]
    tracemalloc.start()
    try:
        with contextlib.suppress(FormatError):
            file = FileBytes()
            file.buffer, file.size = start, size
            answer_requests(read_header(file), lambda ranges: Answer([b""] * len(ranges), size))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
