"""Names that are not UTF-8, or look like escapes: they stay distinct, are written back, and sort by their bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exr_inspector.exr.chunks.layout import part_layout
from exr_inspector.exr.conformance.header import check_header
from exr_inspector.exr.header.channel_lists import decode_channels, encode_channels
from exr_inspector.exr.header.parser import Header, parse_header
from exr_inspector.exr.header.text import decode_name, encode_name
from exr_inspector.exr.problems import Problem
from tests.support.exrbytes import LONG_NAMES, Channel, Part, a_chlist, a_string, build

# Bytes of names that are hard to distinguish when they are escaped.
odd_names = st.lists(st.sampled_from([b"\\", b"x", b"\xff", b"\xe9", b"5c", b"ff", b"a", "é".encode()]), max_size=8)


def parsed(part: Part, version_word: int | None = None) -> Header:
    return parse_header(build([part], version_word=version_word))


def problems_of(header: Header) -> list[Problem]:
    return list(check_header(header, [part_layout(part) for part in header.parts]))


@given(st.one_of(st.binary(max_size=20), odd_names.map(b"".join)))
def test_a_names_bytes_come_back(raw: bytes) -> None:
    text = decode_name(raw)
    assert encode_name(text) == raw
    text.encode()  # every store accepts it


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"diffuse.R", "diffuse.R"),
        ("é".encode(), "é"),
        (b"\xe9.R", r"\xe9.R"),
        (b"\\xe9.R", r"\x5cxe9.R"),
        (b"a\\b", r"a\b"),
        (b"\\x\xff", r"\x\xff"),
    ],
)
def test_how_a_name_is_written(raw: bytes, text: str) -> None:
    assert decode_name(raw) == text


def test_a_channel_list_with_such_names_comes_back_bit_for_bit() -> None:
    channels = a_chlist([Channel("\udce9.R"), Channel("\\xe9.R"), Channel("z")])
    assert encode_channels(decode_channels(channels.value)) == channels.value


def test_channels_are_in_the_order_of_their_bytes() -> None:
    header = parsed(Part(channels=[Channel("z.R"), Channel("\udce9.R")]))
    assert [channel.name for channel in header.parts[0].channels or ()] == ["z.R", r"\xe9.R"]
    assert [channel.name for channel in part_layout(header.parts[0]).channels] == ["z.R", r"\xe9.R"]
    (problem,) = problems_of(header)
    assert (problem.kind.name, problem.found) == ("NOT_UTF8", r"byte 0xe9 in \xe9.R")


def test_the_names_of_a_part_are_one_problem() -> None:
    channels = [Channel(f"gr\udcfcn.{component}") for component in "BGR"]
    (problem,) = problems_of(parsed(Part(channels=channels)))
    assert problem.found == r"byte 0xfc in gr\xfcn.B"
    assert problem.message.startswith("3 names of channels are not UTF-8; probably Latin-1")


def test_channels_that_only_look_sorted_are_reported() -> None:
    header = parsed(Part(replace=[a_chlist([Channel("\udce9.R"), Channel("z.R")])]))
    assert [channel.name for channel in part_layout(header.parts[0]).channels] == ["z.R", r"\xe9.R"]
    problems = {problem.kind.name: problem for problem in problems_of(header)}
    assert problems["CHANNEL_ORDER"].channel == r"\xe9.R"


def test_the_length_of_a_name_is_that_of_its_bytes() -> None:
    short = Part(channels=[Channel("\udcff" * 31)], extra=[a_string("\udcff" * 31, "v")])
    assert {problem.kind.name for problem in problems_of(parsed(short))} == {"NOT_UTF8"}
    longest = Part(channels=[Channel("\udcff" * 255)], extra=[a_string("\udcff" * 255, "v")])
    assert {problem.kind.name for problem in problems_of(parsed(longest, 2 | LONG_NAMES))} == {"NOT_UTF8"}


def test_a_name_that_only_looks_escaped_is_sound() -> None:
    header = parsed(Part(channels=[Channel("a\\xff")], extra=[a_string("\\x41", "v")]))
    assert problems_of(header) == []
    assert [attribute.name for attribute in header.parts[0].attributes][-1] == r"\x5cx41"
