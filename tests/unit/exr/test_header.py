"""The header parser: values, order, duplicates, damage, limits, and any way of feeding it."""

import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exr_inspector.errors import (
    DamagedHeader,
    EmptyFile,
    FormatError,
    LimitExceeded,
    NotAnExr,
    TruncatedHeader,
    UnsupportedVersion,
)
from exr_inspector.exr.header.attributes import encode
from exr_inspector.exr.header.parser import Header, HeaderParser, NeedMore, make_part, parse_header
from exr_inspector.exr.header.values import Box2i
from exr_inspector.exr.limits import Limits
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


def parse(data: bytes, **kwargs: object) -> Header:
    header = parse_header(data, len(data), **kwargs)  # type: ignore[arg-type]
    assert isinstance(header, Header)
    return header


def test_everything_stands_as_in_the_file() -> None:
    built = lay_out(RICH)
    header = parse(built.data)
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
    part = parse(build(RICH)).parts[0]
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
@given(st.lists(st.integers(0, 1200), max_size=12), st.booleans())
def test_any_split_gives_the_same_header(cuts: list[int], size_known: bool) -> None:
    data = build(RICH)
    parser = HeaderParser(len(data) if size_known else None)
    answer: Header | NeedMore = NeedMore(0)
    for cut in [*sorted(cuts), len(data)]:
        answer = parser.feed(data[:cut])
        if isinstance(answer, Header):
            break
        assert answer.until > min(cut, len(data))
        assert not size_known or answer.until <= len(data)
    assert answer == parse(data)


def test_byte_by_byte_and_as_far_as_it_asks() -> None:
    data = build(RICH)
    parser = HeaderParser()
    for cut in range(len(data) + 1):
        answer = parser.feed(data[:cut])
        if isinstance(answer, Header):
            break
    assert answer == parse(data)
    assert cut == parse(data).end
    asking, cut, steps = HeaderParser(len(data)), 0, 0
    while isinstance(answer := asking.feed(data[:cut]), NeedMore):
        assert answer.until > cut
        cut, steps = answer.until, steps + 1
    assert answer == parse(data)
    assert steps < 60


def test_work_is_linear_however_the_bytes_come() -> None:
    """A header of 10,000 attributes fed in steps of 1 KiB costs little more than fed at once."""
    data = build([Part(extra=[a_int(f"a{n}", n) for n in range(10_000)])])
    start = time.process_time()
    whole = parse(data)
    at_once = time.process_time() - start
    parser = HeaderParser(len(data))
    start = time.process_time()
    for cut in range(0, len(data) + 1024, 1024):
        answer = parser.feed(data[:cut])
        if isinstance(answer, Header):
            break
    assert answer == whole
    assert time.process_time() - start < 10 * at_once + 0.5


@pytest.mark.parametrize("cut", range(0, len(build([Part(extra=[a_string("owner", "x" * 40)])])), 1))
def test_every_truncation_is_told_with_what_could_be_read(cut: int) -> None:
    whole = build([Part(extra=[a_string("owner", "x" * 40)])])
    data = whole[:cut]
    if cut >= parse(whole).end:
        assert parse(data) == parse(whole)
        return
    with pytest.raises((TruncatedHeader, EmptyFile)) as caught:
        parse_header(data, cut)
    partial = caught.value.partial
    if cut >= 8:
        assert isinstance(partial, Header)
        assert partial.is_partial
        read = [attribute for part in partial.parts for attribute in part.attributes]
        assert read == list(parse(whole).parts[0].attributes[: len(read)])
        assert partial.end <= cut


def test_while_the_size_is_unknown_nothing_is_truncated() -> None:
    whole = build([Part()])
    for cut in range(parse(whole).end):
        assert isinstance(parse_header(whole[:cut]), NeedMore)


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
        parse_header(data, len(data))
    assert type(caught.value) is error
    assert caught.value.offset == offset
    assert caught.value.expected


def test_duplicates_are_kept_and_the_library_s_choice_counts() -> None:
    part = parse(
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
    part = parse(build(RICH)).parts[1]
    assert make_part(1, part.version_word, part.attributes) == part


def test_types_come_from_flags_or_from_the_attribute() -> None:
    single = parse(build([Part(kind="tiledimage", extra=[a_string("type", "scanlineimage")])])).parts[0]
    assert (single.part_type, single.declared_type) == ("tiledimage", "scanlineimage")
    assert single.is_tiled
    deep = parse(build([Part(kind="deeptile")])).parts[0]
    assert deep.is_deep
    assert deep.is_tiled
    nameless = parse(build([Part(name="a"), Part(without=("type", "name"))])).parts[1]
    assert (nameless.part_type, nameless.name, nameless.is_tiled) == (None, None, False)


def test_names_that_are_no_utf8_are_shown_escaped() -> None:
    part = parse(build([Part(channels=[Channel("a"), Channel("b\udce9")])])).parts[0]  # a byte 0xE9
    assert [channel.name for channel in part.channels or ()] == ["a", "b\\xe9"]
    odd = build([Part(extra=[attr("PLACE", "int", bytes(4))])]).replace(b"PLACE", b"PL\xe9CE")
    assert "PL\\xe9CE" in parse(odd).parts[0].by_name


def test_channel_lists_with_a_bad_end_are_read() -> None:
    value = a_chlist([Channel("A"), Channel("B")]).value
    for bent in (value[:-1], value + b"xyz"):
        part = parse(build([Part(replace=[attr("channels", "chlist", bent)])])).parts[0]
        assert [channel.name for channel in part.channels or ()] == ["A", "B"]
        assert part.by_name["channels"].value == bent
    for bent in (value[:-2], b"", b"A", b"A\0\1"):
        part = parse(build([Part(replace=[attr("channels", "chlist", bent)])])).parts[0]
        assert part.channels == (() if bent == b"" else None)


def test_an_empty_channel_name_ends_the_list() -> None:
    channels = [Channel("A"), Channel(""), Channel("B")]
    part = parse(build([Part(replace=[a_chlist(channels)])])).parts[0]
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
    part = parse(build([Part(replace=[a_chlist(channels)])])).parts[0]
    read = [(c.name, c.pixel_type, c.x_sampling, c.y_sampling, c.p_linear) for c in part.channels or ()]
    assert read == [(c.name, c.pixel_type, c.x_sampling, c.y_sampling, c.p_linear) for c in channels]


@given(st.permutations(range(8)), st.sets(st.integers(0, 7)), st.data())
def test_required_attributes_in_any_order(order: list[int], doubled: set[int], data: st.DataObject) -> None:
    """Runs that are read at once give what reading one by one gives."""
    originals = Part().header_attributes(multi_part=False, any_deep=False)
    attributes = []
    for place, index in enumerate(order):
        attributes.append(originals[index])
        if place in doubled:
            attributes.append(a_float(f"between{place}", data.draw(st.floats(width=32, allow_nan=False))))
    part = parse(build([Part(attributes=attributes)])).parts[0]
    assert [(a.name, a.type_name, encode(a.type_name, a.value)) for a in part.attributes] == [
        (a.name, a.type, a.value) for a in attributes
    ]


@pytest.mark.parametrize(
    ("limits", "data", "limit"),
    [
        (Limits(header_bytes=100), build([Part()]), "EXR_MAX_HEADER_BYTES"),
        (Limits(attributes=7), build([Part()]), "EXR_MAX_ATTRIBUTES"),
        (Limits(attributes=19), build([Part(name="a"), Part(name="b")]), "EXR_MAX_ATTRIBUTES"),
        (Limits(parts=1), build([Part(name="a"), Part(name="b")]), "EXR_MAX_PARTS"),
        (Limits(string_bytes=99), build([Part(extra=[a_string("a", "x" * 100)])]), "EXR_MAX_STRING_BYTES"),
    ],
)
def test_limits(limits: Limits, data: bytes, limit: str) -> None:
    for size in (len(data), None):
        with pytest.raises(LimitExceeded) as caught:
            parse_header(data, size, limits)
        assert caught.value.limit == limit
        assert isinstance(caught.value.partial, Header)


def test_the_limit_of_names() -> None:
    data = build([Part(extra=[a_int("n" * 40, 1)])])
    assert parse(data, limits=Limits(name_bytes=40)) == parse(data)
    with pytest.raises(LimitExceeded) as caught:
        parse_header(data, len(data), Limits(name_bytes=39))
    assert caught.value.limit == "EXR_MAX_NAME_BYTES"
    with pytest.raises(DamagedHeader):
        parse(build([Part(extra=[a_int("n" * 256, 1)])]))


def test_limits_just_kept() -> None:
    data = build([Part()])
    end = parse(data).end
    assert parse(data, limits=Limits(header_bytes=end, attributes=8, parts=1)) == parse(data)
    two = build([Part(name="a"), Part(name="b")])
    count = sum(len(part.attributes) for part in parse(two).parts)
    assert parse(two, limits=Limits(parts=2, attributes=count)) == parse(two)


def test_a_header_that_pretends_to_be_large_is_refused_before_it_is_read() -> None:
    window = Part(attributes=[a_box2i("dataWindow", (0, 0, 1, 1))])
    start = build([window])[: parse(build([window])).end - 1] + b"x\0string\0"
    lying = start + struct.pack("<i", 0x7FFFFFFF)
    with pytest.raises(LimitExceeded) as caught:
        parse_header(lying, 1 << 40)
    assert caught.value.limit == "EXR_MAX_STRING_BYTES"
    with pytest.raises(TruncatedHeader):
        parse_header(lying, 10_000, Limits(string_bytes=1 << 31))
    with pytest.raises(LimitExceeded) as caught:
        parse_header(lying, 1 << 40, Limits(string_bytes=1 << 31))
    assert caught.value.limit == "EXR_MAX_HEADER_BYTES"
    assert parse_header(start + struct.pack("<i", 1 << 20), 1 << 40) == NeedMore(len(lying) + (1 << 20))
