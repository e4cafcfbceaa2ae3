import io

import numpy as np
import OpenEXR
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exr_inspector.exr.header.parser import parse_header
from exr_inspector.exr.header.timecode import read_timecode
from exr_inspector.exr.header.values import TimeCode
from tests.support.exrbytes import tv60


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, 29))
def test_the_digits_of_a_time_code_are_read(hours: int, minutes: int, seconds: int, frame: int) -> None:
    reading = read_timecode(TimeCode(tv60(hours, minutes, seconds, frame), 0))
    assert reading.text == f"{hours:02}:{minutes:02}:{seconds:02}:{frame:02}"
    assert not reading.problems
    assert (reading.drop_frame, reading.colour_frame, reading.field_phase) == (False, False, False)


def test_drop_frame_has_a_semicolon_and_leaves_numbers_out() -> None:
    assert read_timecode(TimeCode(tv60(1, 2, 3, 4, drop=True), 0)).text == "01:02:03;04"
    assert not read_timecode(TimeCode(tv60(1, 10, 0, 0, drop=True), 0)).problems
    assert read_timecode(TimeCode(tv60(1, 11, 0, 1, drop=True), 0)).problems
    assert not read_timecode(TimeCode(tv60(1, 11, 0, 2, drop=True), 0)).problems
    assert not read_timecode(TimeCode(tv60(1, 11, 0, 1), 0)).problems


def test_each_flag_has_its_bit() -> None:
    bits = (6, 7, 15, 23, 30, 31)
    for bit in bits:
        reading = read_timecode(TimeCode(1 << bit, 0))
        flags = (reading.drop_frame, reading.colour_frame, reading.field_phase, *reading.group_flags)
        assert flags == tuple(bit == one for one in bits)
        assert reading.text.replace(";", ":") == "00:00:00:00"


@pytest.mark.parametrize(
    ("word", "count"),
    [(0x23_59_59_29, 0), (0x24_00_00_00, 1), (0x00_60_60_00, 2), (0x00_00_00_30, 1), (0x0A_0B_0C_0D, 4)],
)
def test_impossible_times_are_read_and_told(word: int, count: int) -> None:
    assert len(read_timecode(TimeCode(word, 0)).problems) == count


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_any_bits_are_read(word: int, user_data: int) -> None:
    assert len(read_timecode(TimeCode(word, user_data)).text) == 11


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, 29), st.integers(0, 63))
def test_we_read_what_the_library_stores(hours: int, minutes: int, seconds: int, frame: int, flags: int) -> None:
    chosen = [bool(flags >> bit & 1) for bit in range(6)]
    code = OpenEXR.TimeCode(hours, minutes, seconds, frame, *chosen, *range(8))
    stream = io.BytesIO()
    pixels = np.zeros((1, 1), np.float32)
    OpenEXR.File({"timeCode": code}, {"Y": pixels}).write(stream)
    header = parse_header(stream.getvalue())
    value = header.parts[0].value("timeCode", "timecode")
    assert isinstance(value, TimeCode)
    reading = read_timecode(value)
    assert (reading.hours, reading.minutes, reading.seconds, reading.frame) == (hours, minutes, seconds, frame)
    assert [reading.drop_frame, reading.colour_frame, reading.field_phase, *reading.group_flags] == chosen
    assert value.user_data == 0x7654_3210, "eight groups of 4 bits, the first one lowest"
