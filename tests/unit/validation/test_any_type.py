"""Every standard attribute with every type: neither rules nor rows fail."""

from __future__ import annotations

import pytest

from exr_inspector.catalog.rows.groups import to_tables
from exr_inspector.exr.header.attributes import FIXED, KNOWN_TYPES
from exr_inspector.exr.header.standard import STANDARD
from tests.support.exrbytes import Attr, Channel, Part, a_chlist, build
from tests.unit.validation.judging import inspect, judge

# A valid value of each type without a fixed size; fixed ones are filled with ones, so that two of them are equal.
VALUES = {
    "bytes": b"\1\0\0\0hdata",
    "chlist": a_chlist([Channel("R")]).value,
    "floatvector": b"\0\0\x80?",
    "idmanifest": bytes(8) + b"x",
    "preview": b"\1\0\0\0\1\0\0\0rgba",
    "string": b"text",
    "stringvector": b"\2\0\0\0ab",
    "unknown": b"anything",
}
TYPES = sorted(KNOWN_TYPES | {"unknown"})


def value_of(type_name: str) -> bytes:
    return bytes([1]) * FIXED[type_name][0].size if type_name in FIXED else VALUES[type_name]


def every(type_name: str) -> list[Attr]:
    return [Attr(name, type_name, value_of(type_name)) for name in STANDARD]


def check(part: Part) -> None:
    data = build([part])
    judge(data)  # asserts that no rule fails
    assert to_tables([inspect(data)], ["id"])["files"].num_rows == 1


@pytest.mark.slow
@pytest.mark.parametrize("type_name", TYPES)
def test_all_attributes_may_be_of_any_type(type_name: str) -> None:
    check(Part(attributes=every(type_name)))
    check(Part(attributes=[attribute for attribute in every(type_name) if attribute.name != "channels"]))


@pytest.mark.heavy
@pytest.mark.parametrize("type_name", TYPES)
def test_one_attribute_may_be_of_any_type(type_name: str) -> None:
    for attribute in every(type_name):
        check(Part(without=[attribute.name], extra=[attribute]))
