"""Channel lists: any bytes are read in one pass, and every list is read back as written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exr_inspector.exr.header.channel_lists import decode_channels, encode_channels, readable_channels
from exr_inspector.exr.header.values import Channel, Malformed

# A backslash may begin an escaped byte, which another name stands for (`header/text.py`).
names = st.text(st.characters(codec="utf-8", exclude_characters="\0\\"), min_size=1, max_size=40)
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
    # A regular expression that tries every start would take half an hour, so the test would exceed its time limit.
    for raw in (b"a" * (1 << 20), b"a\0b" * (1 << 18)):
        with pytest.raises(Malformed):
            decode_channels(raw)
