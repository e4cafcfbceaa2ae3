"""The header parser: values, order, duplicates, damage, limits, and input in pieces of any size."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exr_inspector.errors import (
    DamagedHeader,
    DeadlineExceeded,
    EmptyFile,
    FormatError,
    LimitExceeded,
    NotAnExr,
    TruncatedHeader,
    UnsupportedVersion,
)
from exr_inspector.exr.file_bytes import Answer, FileBytes, Ranges, answer_requests, run_in_memory
from exr_inspector.exr.header.attributes import encode
from exr_inspector.exr.header.parser import Header, make_part, parse_header, read_header
from exr_inspector.exr.header.values import Box2i
from exr_inspector.exr.limits import DEFAULT_LIMITS, Limits
from tests.support.exrbytes import (
    Attr,
    Channel,
    Part,
    Tiles,
    a_box2i,
    a_chlist,
    a_compression,
    a_float,
    a_int,
    a_preview,
    a_rational,
    a_string,
    a_stringvector,
    a_timecode,
    attr,
    build,
    lay_out,
)
from tests.support.growth import MOST, steps_of

RICH = [
    Part(
        name="one",
        channels=[Channel("R"), Channel("left.Z", 2), Channel("\u00e9t\u00e9")],
        extra=[
            a_string("owner", "me \u00e9"),
            a_string("empty", ""),
            a_stringvector("views", ["left", "", "right"]),
            a_timecode("timeCode", 0x01020304, 7),
            a_rational("framesPerSecond", 24000, 1001),
            a_preview("preview", 3, 2),
            attr("odd", "mystery", b"\0\1\2"),
            attr("short", "m44f", b"\0\1\2"),
            a_int("owner2", -5),
        ],
    ),
    Part(name="two", kind="tiledimage", tiles=Tiles(8, 4)),
]


class Feeder:
    """Gives a header's reader the first `have` bytes of a file and counts its requests.

    It reads `ahead` bytes more than it has to with its first request, and twice as many with each further one.
    """

    def __init__(
        self, data: bytes, have: int, size: int | None = None, limits: Limits = DEFAULT_LIMITS, *, ahead: int = 0
    ) -> None:
        self.data = data
        self.size = len(data) if size is None else size
        self.file = FileBytes(ahead)
        self.file.buffer, self.file.size = data[:have], self.size
        self.limits = limits
        self.asked: list[tuple[int, int]] = []

    def read(self) -> Header:
        def answer(ranges: Ranges) -> Answer:
            ((start, end),) = ranges
            assert start == len(self.file.buffer)
            assert start < end <= self.size
            self.asked.append((start, end))
            return Answer([self.data[start:end]], self.size)

        return answer_requests(read_header(self.file, self.limits), answer)


def test_everything_stands_as_in_the_file() -> None:
    built = lay_out(RICH)
    header = parse_header(built.data)
    assert (header.version_word, header.end, header.is_multi_part, header.is_partial) == (
        built.version_word,
        built.headers_end,
        True,
        False,
    )
    for part, places, made in zip(header.parts, built.parts, RICH, strict=True):
        written = made.header_attributes(multi_part=True, any_deep=False)
        assert [(a.name, a.type_name) for a in part.attributes] == [(a.name, a.type) for a in written]
        for attribute, span, original in zip(part.attributes, places.records, written, strict=True):
            assert (attribute.offset, attribute.size) == (span.body, span.end - span.body)
            raw = built.data[span.body : span.end]
            assert raw == original.value
            assert encode(attribute.type_name, attribute.value) == raw


def test_values_are_typed_and_the_rest_are_bytes_with_a_reason() -> None:
    part = parse_header(build(RICH)).parts[0]
    assert part.data_window == Box2i(0, 0, 3, 2)
    assert part.by_name["views"].value == ("left", "", "right")
    assert part.by_name["owner"].value == "me \u00e9"
    odd, short = part.by_name["odd"], part.by_name["short"]
    assert (odd.value, odd.problem) == (b"\0\1\2", "")
    assert short.value == b"\0\1\2"
    assert "64" in short.problem
    assert part.value("short", "m44f") is None
    assert part.value("owner", "int") is None
    assert [channel.name for channel in part.channels or ()] == ["R", "left.Z", "\u00e9t\u00e9"]


@settings(deadline=None)
@given(st.integers(0, 1200), st.integers(1, 400))
def test_any_split_gives_the_same_header(have: int, step: int) -> None:
    data = build(RICH)
    assert Feeder(data, have, ahead=step).read() == parse_header(data)


def test_it_asks_as_far_as_it_needs_and_no_further() -> None:
    data = build(RICH)
    asking = Feeder(data, 0)
    assert asking.read() == parse_header(data)
    assert asking.asked[-1][1] <= parse_header(data).end + 256  # a name may be that long
    assert len(asking.asked) < 60
    ahead = Feeder(data, 0, ahead=64)
    assert ahead.read() == parse_header(data)
    assert len(ahead.asked) < 8


def test_a_source_that_ends_early_is_a_file_that_ends_there() -> None:
    data = build(RICH)
    file = FileBytes()
    file.buffer, file.size = data[:100], len(data)
    with pytest.raises(TruncatedHeader):
        answer_requests(read_header(file), lambda ranges: Answer([b""] * len(ranges), len(data)))


def test_work_is_linear_however_the_bytes_come() -> None:
    def steps(count: int) -> int:
        data = build([Part(extra=[a_int(f"a{n}", n) for n in range(count)])])
        assert Feeder(data, 0, ahead=1).read() == parse_header(data)
        return steps_of(Feeder(data, 0, ahead=1).read)

    assert steps(400) <= MOST * steps(200)


def test_every_truncation_is_reported_with_what_could_be_read() -> None:
    data = build([Part(extra=[a_string("owner", "x" * 40)])])
    whole = parse_header(data)
    for cut in range(len(data)):
        if cut >= whole.end:
            assert parse_header(data[:cut]) == whole, cut
            continue
        with pytest.raises((TruncatedHeader, EmptyFile)) as caught:
            parse_header(data[:cut])
        partial = caught.value.partial
        if cut >= 8:
            assert isinstance(partial, Header)
            assert partial.is_partial
            read = [attribute for part in partial.parts for attribute in part.attributes]
            assert read == list(whole.parts[0].attributes[: len(read)]), cut
            assert partial.end <= cut


def test_what_the_file_still_has_is_asked_for_and_not_called_truncated() -> None:
    whole = build([Part()])
    for have in range(parse_header(whole).end):
        assert Feeder(whole, have).read() == parse_header(whole)


@pytest.mark.parametrize(
    ("data", "error", "offset"),
    [
        (b"", EmptyFile, None),
        (b"\x89PNG\r\n\x1a\n", NotAnExr, 0),
        (b"\x76\x2f\x31\x02\2\0\0\0", NotAnExr, 0),
        (b"\x76\x2f", TruncatedHeader, 0),
        (b"\x76\x2f\x31\x01\3\0\0\0", UnsupportedVersion, 4),
        (b"\x76\x2f\x31\x01\2\1\0\0", UnsupportedVersion, 4),
        (b"\x76\x2f\x31\x01\2\x20\0\0", UnsupportedVersion, 4),
        (build([Part()], version_word=0x80000002), UnsupportedVersion, 4),
        (b"\x76\x2f\x31\x01\2\x10\0\0\0\0", DamagedHeader, 8),
        (build([Part(attributes=[Attr("a" * 256, "int", b"\0\0\0\0")])]), DamagedHeader, 8),
        (build([Part(attributes=[Attr("a", "i" * 256, b"\0\0\0\0")])]), DamagedHeader, 10),
        (build([Part(attributes=[Attr("a", "int", b"", size=-1)])]), DamagedHeader, 14),
        (build([Part(attributes=[Attr("a", "int", b"", size=1 << 20)])]), TruncatedHeader, 18),
    ],
)
def test_what_ends_the_reading_says_where(data: bytes, error: type[FormatError], offset: int | None) -> None:
    with pytest.raises(error) as caught:
        parse_header(data)
    assert type(caught.value) is error
    assert caught.value.offset == offset
    assert caught.value.expected


def test_duplicates_are_kept_and_the_library_s_choice_counts() -> None:
    part = parse_header(
        build(
            [
                Part(
                    name="first",
                    extra=[
                        a_string("name", "second"),
                        a_compression(3),
                        a_int("dataWindow", 9),
                        a_int("x", 1),
                        a_int("x", 2),
                    ],
                ),
                Part(name="b"),
            ]
        )
    ).parts[0]
    assert part.name == "first"
    assert part.compression == 3
    assert part.data_window == Box2i(0, 0, 3, 2)
    assert part.integer("x") == 2
    assert [a.name for a in part.attributes].count("x") == 2


def test_a_part_can_be_made_of_stored_attributes() -> None:
    part = parse_header(build(RICH)).parts[1]
    assert make_part(1, part.version_word, part.attributes) == part


def test_types_come_from_flags_or_from_the_attribute() -> None:
    single = parse_header(build([Part(kind="tiledimage", extra=[a_string("type", "scanlineimage")])])).parts[0]
    assert (single.part_type, single.declared_type) == ("tiledimage", "scanlineimage")
    assert single.is_tiled
    deep = parse_header(build([Part(kind="deeptile")])).parts[0]
    assert deep.is_deep
    assert deep.is_tiled
    nameless = parse_header(build([Part(name="a"), Part(without=("type", "name"))])).parts[1]
    assert (nameless.part_type, nameless.name, nameless.is_tiled) == (None, None, False)


def test_names_that_are_no_utf8_are_shown_escaped() -> None:
    part = parse_header(build([Part(channels=[Channel("a"), Channel("b\udce9")])])).parts[0]  # a byte 0xE9
    assert [channel.name for channel in part.channels or ()] == ["a", "b\\xe9"]
    odd = build([Part(extra=[attr("PLACE", "int", bytes(4))])]).replace(b"PLACE", b"PL\xe9CE")
    assert "PL\\xe9CE" in parse_header(odd).parts[0].by_name


def test_channel_lists_with_a_bad_end_are_read() -> None:
    value = a_chlist([Channel("A"), Channel("B")]).value
    for bent in (value[:-1], value + b"xyz"):
        part = parse_header(build([Part(replace=[attr("channels", "chlist", bent)])])).parts[0]
        assert [channel.name for channel in part.channels or ()] == ["A", "B"]
        assert part.by_name["channels"].value == bent
    for bent in (value[:-2], b"", b"A", b"A\0\1"):
        part = parse_header(build([Part(replace=[attr("channels", "chlist", bent)])])).parts[0]
        assert part.channels == (() if bent == b"" else None)


def test_an_empty_channel_name_ends_the_list() -> None:
    channels = [Channel("A"), Channel(""), Channel("B")]
    part = parse_header(build([Part(replace=[a_chlist(channels)])])).parts[0]
    assert [channel.name for channel in part.channels or ()] == ["A"]
    assert part.by_name["channels"].problem


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["R", "G", "B", "A", "Z", "left.R", "\u00e9", "x" * 40]),
            st.integers(-1, 3),
            st.integers(0, 2),
            st.integers(0, 2),
            st.integers(0, 3),
        ),
        max_size=8,
    )
)
def test_every_channel_list_reads_as_written(entries: list[tuple[str, int, int, int, int]]) -> None:
    channels = [Channel(name, kind, x, y, linear) for name, kind, x, y, linear in entries]
    part = parse_header(build([Part(replace=[a_chlist(channels)])])).parts[0]
    read = [(c.name, c.pixel_type, c.x_sampling, c.y_sampling, c.p_linear) for c in part.channels or ()]
    assert read == [(c.name, c.pixel_type, c.x_sampling, c.y_sampling, c.p_linear) for c in channels]


@given(st.permutations(range(8)), st.sets(st.integers(0, 7)), st.data())
def test_required_attributes_in_any_order(order: list[int], doubled: set[int], data: st.DataObject) -> None:
    """Runs of values that are read at once equal values that are read one by one."""
    originals = Part().header_attributes(multi_part=False, any_deep=False)
    attributes = []
    for place, index in enumerate(order):
        attributes.append(originals[index])
        if place in doubled:
            attributes.append(a_float(f"between{place}", data.draw(st.floats(width=32, allow_nan=False))))
    part = parse_header(build([Part(attributes=attributes)])).parts[0]
    assert [(a.name, a.type_name, encode(a.type_name, a.value)) for a in part.attributes] == [
        (a.name, a.type, a.value) for a in attributes
    ]


@pytest.mark.parametrize(
    ("limits", "data", "limit"),
    [
        (Limits(header_bytes=100), build([Part()]), "header_bytes"),
        (Limits(attributes=7), build([Part()]), "attributes"),
        (Limits(attributes=19), build([Part(name="a"), Part(name="b")]), "attributes"),
        (Limits(parts=1), build([Part(name="a"), Part(name="b")]), "parts"),
        (Limits(string_bytes=99), build([Part(extra=[a_string("a", "x" * 100)])]), "string_bytes"),
    ],
)
def test_each_limit_of_the_header_is_enforced(limits: Limits, data: bytes, limit: str) -> None:
    for have in (len(data), 8):
        with pytest.raises(LimitExceeded) as caught:
            Feeder(data, have, limits=limits).read()
        assert caught.value.limit == limit
        assert isinstance(caught.value.partial, Header)


def test_a_channel_list_beyond_the_limit_takes_no_memory() -> None:
    data = build([Part(replace=[a_chlist([Channel(f"c{n}") for n in range(2_000)])])])
    with pytest.raises(LimitExceeded) as caught:
        parse_header(data, Limits(channels=100))
    assert caught.value.limit == "channels"


def test_a_checkpoint_is_called_and_ends_the_reading() -> None:
    def stop() -> None:
        raise DeadlineExceeded("no time left")

    data = build([Part(extra=[a_int(f"a{n}", n) for n in range(5_000)])])
    file = FileBytes()
    file.buffer, file.size = data, len(data)
    with pytest.raises(DeadlineExceeded):
        run_in_memory(read_header(file, checkpoint=stop), data)


def test_the_limit_of_names() -> None:
    data = build([Part(extra=[a_int("n" * 40, 1)])])
    assert parse_header(data, limits=Limits(name_bytes=40)) == parse_header(data)
    with pytest.raises(LimitExceeded) as caught:
        parse_header(data, Limits(name_bytes=39))
    assert caught.value.limit == "name_bytes"
    with pytest.raises(DamagedHeader):
        parse_header(build([Part(extra=[a_int("n" * 256, 1)])]))


def test_limits_just_kept() -> None:
    data = build([Part()])
    end = parse_header(data).end
    assert parse_header(data, limits=Limits(header_bytes=end, attributes=8, parts=1)) == parse_header(data)
    two = build([Part(name="a"), Part(name="b")])
    count = sum(len(part.attributes) for part in parse_header(two).parts)
    assert parse_header(two, limits=Limits(parts=2, attributes=count)) == parse_header(two)


def test_a_header_that_declares_a_large_size_is_refused_before_it_is_read() -> None:
    window = Part(attributes=[a_box2i("dataWindow", (0, 0, 1, 1))])
    start = build([window])[: parse_header(build([window])).end - 1] + b"x\0string\0"
    lying = start + struct.pack("<i", 0x7FFFFFFF)
    for size, limits, error in (
        (1 << 40, DEFAULT_LIMITS, LimitExceeded),
        (10_000, Limits(string_bytes=1 << 31), TruncatedHeader),
        (1 << 40, Limits(string_bytes=1 << 31), LimitExceeded),
    ):
        feeder = Feeder(lying, len(lying), size, limits)
        with pytest.raises(error) as caught:
            feeder.read()
        assert feeder.asked == []
        if isinstance(caught.value, LimitExceeded):
            assert caught.value.limit == ("string_bytes" if limits == DEFAULT_LIMITS else "header_bytes")


def test_it_asks_for_a_large_value_at_once() -> None:
    data = build([Part(extra=[a_string("comments", "x" * (1 << 20))])])
    feeder = Feeder(data, 400, ahead=256)
    assert feeder.read() == parse_header(data)
    assert len(feeder.asked) == 1


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", " (a Git LFS pointer)"),
        (b"<!DOCTYPE html>", " (HTML or XML)"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", " (a JPEG file)"),
        (bytes(16), " (zeros, as in an unfinished copy)"),
        (b'{"error": {"code": 403}}', " (JSON)"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", " (a WebP file)"),
        (b"RIFF\x24\0\0\0ABCD", " (a RIFF file)"),
        (b"\0\0\0\x14ftypqt  ", " (an MP4, QuickTime, HEIF or AVIF file)"),
        (b"RIFF", " (a RIFF file)"),
        (b"what is this", ""),
    ],
)
def test_files_of_other_kinds_are_called_by_their_kind(start: bytes, what: str) -> None:
    with pytest.raises(NotAnExr) as caught:
        parse_header(start)
    assert caught.value.found == start[:4].hex(" ") + what
