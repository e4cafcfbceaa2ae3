"""Messages of the query engine: written ones are read back, and other bytes are refused, never misread."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vastdb_local.protobuf import bytes_field, number_field, read_fields
from vastdb_local.refusals import Refusal


@given(st.dictionaries(st.integers(1, 500), st.integers(0, 2**64 - 1) | st.binary(max_size=300), max_size=6))
def test_fields_come_back(fields):
    raw = b"".join(
        number_field(number, value) if isinstance(value, int) else bytes_field(number, value)
        for number, value in fields.items()
    )
    assert read_fields(raw).values == fields


@given(st.binary(max_size=40))
def test_any_bytes_are_fields_or_refused(raw):
    with contextlib.suppress(Refusal):
        assert all(number >= 0 for number in read_fields(raw).values)


@pytest.mark.parametrize("raw", [b"\x80" * 20, b"\x0a\x05abc", b"\x0d\x00\x00\x00\x00", b"\x08"], ids=repr)
def test_what_is_cut_or_of_another_kind_is_refused(raw):
    with pytest.raises(Refusal):
        read_fields(raw)


def test_a_field_of_another_kind_is_refused():
    message = read_fields(number_field(1, 5) + bytes_field(2, b"\xff"))
    for read in (message.bytes, message.text, message.message):
        with pytest.raises(Refusal):
            read(1)
    with pytest.raises(Refusal):
        message.number(2)
    with pytest.raises(Refusal):
        message.text(2)
