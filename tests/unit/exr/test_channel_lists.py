"""Channel lists: one pass over any bytes, the usual lists told by their bytes, and nothing hidden by telling them so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exr_inspector.exr.chunks.layout import part_layout
from exr_inspector.exr.conformance.header import check_header
from exr_inspector.exr.header.channel_lists import (
    _USUAL_LISTS,
    decode_channels,
    encode_channels,
    is_plain,
    readable_channels,
)
from exr_inspector.exr.header.malformed import Malformed
from exr_inspector.exr.header.parser import Header, make_part, parse_header
from exr_inspector.exr.header.values import Channel
from tests.support import exrbytes

names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)
int32 = st.integers(-(2**31), 2**31 - 1)
channels = st.builds(Channel, names, int32, st.integers(0, 255), st.binary(min_size=3, max_size=3), int32, int32)


@given(st.lists(channels, max_size=8))
def test_any_list_comes_back(some: list[Channel]) -> None:
    assert decode_channels(encode_channels(tuple(some))) == tuple(some)


@given(st.lists(channels, max_size=4), st.binary(min_size=1, max_size=40))
def test_a_list_with_anything_behind_it_is_malformed(some: list[Channel], tail: bytes) -> None:
    raw = encode_channels(tuple(some)) + tail
    with pytest.raises(Malformed, match=f"{len(tail)} bytes after the terminator of {len(some)} channels"):
        decode_channels(raw)
    assert readable_channels(raw) == tuple(some)


@given(st.lists(channels, min_size=1, max_size=4), st.data())
def test_a_list_cut_short_is_malformed(some: list[Channel], data: st.DataObject) -> None:
    raw = encode_channels(tuple(some))
    cut = raw[: data.draw(st.integers(0, len(raw) - 1))]
    with pytest.raises(Malformed):
        decode_channels(cut)


def test_names_that_are_no_text_are_kept() -> None:
    fields = encode_channels((Channel("", 1, 0, bytes(3), 1, 1),))[:-1]
    (channel,) = decode_channels(b"\xff.R" + fields + b"\0")
    assert channel.name == "\\xff.R"


def test_bytes_that_are_no_channels_are_passed_over_once() -> None:
    # A pattern that tried every start would take hours for these: the test would run into its time limit.
    for raw in (b"a" * (4 << 20), b"a\0b" * (1 << 20)):
        with pytest.raises(Malformed):
            decode_channels(raw)


def test_usual_lists_are_handed_out_as_the_same_objects() -> None:
    raw = exrbytes.a_chlist([exrbytes.Channel(name) for name in "BGR"]).value
    assert decode_channels(raw) is decode_channels(bytes(bytearray(raw)))
    assert is_plain(decode_channels(raw))
    assert not is_plain((*decode_channels(raw),))


@pytest.mark.parametrize("kind", ["scanlineimage", "tiledimage", "deepscanline", "deeptile"])
def test_nothing_is_wrong_with_a_plain_list_in_any_kind_of_part(kind: exrbytes.Kind) -> None:
    for raw, usual in _USUAL_LISTS.items():
        header = parse_header(
            exrbytes.build([exrbytes.Part(kind=kind, replace=[exrbytes.attr("channels", "chlist", raw)])])
        )
        assert isinstance(header, Header)
        (part,) = header.parts
        assert part.channels is usual
        # An equal list that is another object is looked at in full.
        looked_at = [a._replace(value=(*usual,)) if a.name == "channels" else a for a in part.attributes]
        whole = make_part(0, header.version_word, tuple(looked_at))
        layouts = (part_layout(part),)
        short, long = check_header(header, layouts), check_header(header._replace(parts=(whole,)), layouts)
        assert short == long
        if is_plain(usual):
            assert part_layout(part).channels == tuple(sorted(usual))
            assert not [problem for problem in long if problem.channel or "channel" in problem.message]
