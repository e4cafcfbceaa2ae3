"""Headers made to cost much: each is read or refused in bounded time and memory."""

import contextlib
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from bench.fuzz import exercise
from exr_inspector.errors import FormatError, LimitExceeded
from exr_inspector.exr.chunks.layout import part_layout
from exr_inspector.exr.conformance.header import check_header
from exr_inspector.exr.file_bytes import Answer, FileBytes, run
from exr_inspector.exr.header.idmanifest import decode_manifest
from exr_inspector.exr.header.parser import Header, parse_header, read_header
from exr_inspector.exr.header.values import IdManifest
from exr_inspector.exr.names import file_names
from tests.support.exrbytes import Attr, Channel, Part, a_box2i, a_chlist, a_int, a_string, a_stringvector, attr, build


def parsed(data: bytes) -> Header:
    return parse_header(data)


def everything(data: bytes) -> Header:
    header = parsed(data)
    layouts = [part_layout(part) for part in header.parts]
    check_header(header, layouts)
    file_names(header)
    return header


def many_attributes() -> Header:
    header = everything(build([Part(extra=[a_string(f"attribute{n}", "x") for n in range(100_000)])]))
    assert len(header.parts[0].attributes) == 100_008
    return header


def many_repeats() -> Header:
    return everything(build([Part(extra=[attr("same", "odd", b"x")] * 20_000)]))


def many_channels() -> Header:
    header = everything(build([Part(channels=[Channel(f"layer{n:05}.view.c{n}") for n in range(30_000)])]))
    assert len(header.parts[0].channels or ()) == 30_000
    return header


def many_bad_channels() -> Header:
    channels = [Channel("same", 7, 0, -1, 9, b"\1\1\1")] * 30_000
    data = build([Part(replace=[a_chlist(channels)])])
    header = parsed(data)
    check_header(header)
    file_names(header)
    return header


def many_parts() -> Header:
    small = [Channel("R")]
    header = everything(build([Part(name=f"part{n}", channels=small) for n in range(1_000)]))
    assert len(header.parts) == 1_000
    return header


def many_views() -> Header:
    views = a_stringvector("multiView", [f"v{n}" for n in range(50_000)])
    return everything(build([Part(channels=[Channel(f"a.w{n}.b") for n in range(20_000)], extra=[views])]))


def many_cryptomattes() -> Header:
    declared = [a_string(f"cryptomatte/{n}/name", "c") for n in range(30_000)]
    channels = [Channel(f"c.{n}") for n in range(10_000)] + [Channel(f"c{n:02}.r") for n in range(100)]
    return everything(build([Part(channels=channels, extra=declared)]))


def long_text() -> Header:
    header = everything(build([Part(extra=[a_string("cryptomatte/1/manifest", "x" * 60_000_000)])]))
    assert len(str(header.parts[0].by_name["cryptomatte/1/manifest"].value)) == 60_000_000
    return header


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "seconds"),
    [
        (many_attributes, 6),
        (many_repeats, 6),
        (many_channels, 6),
        (many_bad_channels, 6),
        (many_parts, 6),
        (many_views, 6),
        (many_cryptomattes, 6),
        (long_text, 6),
    ],
)
def test_large_headers_are_read_in_bounded_time(make: Callable[[], Header], seconds: float) -> None:
    started = time.process_time()
    make()
    assert time.process_time() - started < seconds


def test_a_chunk_table_at_the_limit() -> None:
    header = build([Part(replace=[a_box2i("dataWindow", (0, 0, 0, (1 << 20) - 1))])])
    start = parsed(header).end
    tables = header[:start] + b"".join(struct.pack("<Q", start + 8 * (1 << 20) + 10 * n) for n in range(1 << 20))
    started = time.process_time()
    exercise(tables[:start] + bytes(8 << 20))  # all zero, beyond the fuzzer's own limits
    part_layout(parsed(tables).parts[0])
    assert time.process_time() - started < 5


@pytest.mark.slow
def test_a_manifest_of_60_mb() -> None:
    payload = struct.pack("<Ii", 0, 0) + struct.pack("<ii", 0, 1) + bytes(60 << 20)
    manifest = IdManifest(len(payload), zlib.compress(payload, 1))
    started = time.process_time()
    assert len(decode_manifest(manifest)) == 1
    entries = IdManifest(len(payload), zlib.compress(struct.pack("<Ii", 0, 1 << 25) + payload[8:], 1))
    with pytest.raises(LimitExceeded):
        decode_manifest(entries)
    assert time.process_time() - started < 10


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
def test_sizes_that_lie_allocate_nothing(number: int) -> None:
    tracemalloc.start()
    try:
        exercise(LIES[number])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20


@pytest.mark.parametrize("size", [1 << 20, 1 << 40, (1 << 63) - 1])
def test_a_file_size_that_lies_makes_us_ask_not_allocate(size: int) -> None:
    start = LIES[0][:-1]
    tracemalloc.start()
    try:
        with contextlib.suppress(FormatError):
            file = FileBytes()
            file.buffer, file.size = start, size
            run(read_header(file), lambda ranges: Answer([b""] * len(ranges), size))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
