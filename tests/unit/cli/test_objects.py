"""The objects of Cryptomattes on the terminal, and why there are none."""

from __future__ import annotations

import pytest
from rich.text import Text

from exr_inspector.cli.output.objects import objects_blocks
from tests.support.exrbytes import FLOAT, HALF
from tests.unit.validation.cases.made.metadata import NAME, matte, ranks
from tests.unit.validation.judging import PLAIN, inspect


@pytest.mark.parametrize(
    ("data", "stats", "why"),
    [
        (PLAIN, True, "the file declares no Cryptomatte"),
        (matte(channels=[]), True, "the file has none of its channels"),
        (matte(channels=ranks(f"{NAME}00", kind=HALF)), True, "its ids are HALF; they need FLOAT"),
        (matte(channels=ranks(f"{NAME}00", kind=FLOAT)), False, "its pixels could not be read"),
    ],
)
def test_why_a_cryptomatte_has_no_objects(data: bytes, *, stats: bool, why: str) -> None:
    (text,) = objects_blocks(inspect(data, stats=stats))
    assert isinstance(text, Text)
    assert text.plain.startswith("no objects")
    assert text.plain.endswith(f": {why}")
