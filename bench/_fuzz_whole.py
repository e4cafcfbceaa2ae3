"""The `--whole` mode of the fuzzer: inspect and validate mutated files, write their rows, and read these back.

For any bytes, the rows of the inspection must fit the tables, and its JSON document must restore the bytes of the header.
"""

from __future__ import annotations

import io
import json
import math
from datetime import datetime, timezone

from rich.console import Console

from exr_inspector.catalog.rows.groups import to_tables
from exr_inspector.catalog.rows.plain import file_rows
from exr_inspector.catalog.rows.read_back import inspection_from_rows
from exr_inspector.cli.output.inspection import show
from exr_inspector.exr.header.attributes import encode
from exr_inspector.exr.header.parser import Header
from exr_inspector.exr.header.text import encode_name
from exr_inspector.exr.header.values import Attribute
from exr_inspector.exr.limits import Limits
from exr_inspector.inspector import Inspector, InspectorConfig, LeaderMode
from exr_inspector.model import Inspection
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import PROFILES, builtin_policy
from exr_inspector.validation.engine import RULE_FAILED

_MOMENT = datetime(2026, 1, 1, tzinfo=timezone.utc)
_OPENER = SourceOpener(load_settings({}, secrets_dir=None, need=()))
_POLICIES = [builtin_policy(name) for name in PROFILES]


class BrokenContract(Exception):
    """Two results contradict each other."""


def inspect_whole(data: bytes, limits: Limits) -> None:
    """Inspect a file, and make everything from the inspection. The bytes choose all options, so that a run can be repeated.

    Raises:
        BrokenContract: A rule failed, or the header read back from the rows differs from the file's.
    """
    choice = sum(data[:400]) + len(data)
    config = InspectorConfig(
        initial_read_bytes=(64, 1_024, 65_536)[choice % 3],
        leaders=list(LeaderMode)[choice // 3 % 3],
        rebuild=choice % 2 == 0,
        limits=limits,
    )
    inspection = Inspector(config, now=lambda: _MOMENT).inspect(
        _OPENER.open_bytes(data), _POLICIES[choice % len(_POLICIES)]
    )
    if any(finding.code == RULE_FAILED for finding in inspection.findings):
        raise BrokenContract(str([finding for finding in inspection.findings if finding.code == RULE_FAILED]))
    document = json.loads(json.dumps(file_rows(inspection, "i"), allow_nan=False, ensure_ascii=False))
    to_tables([inspection], ["i"])
    back = inspection_from_rows(document, limits)
    if inspection.header is not None:
        check_header_bytes(data, inspection.header, back)
    if choice % 8 == 0:
        show("fuzz.exr", inspection, Console(file=io.StringIO(), width=80), all_attributes=True)


def check_header_bytes(data: bytes, header: Header, back: Inspection) -> None:
    """Raise BrokenContract if the header bytes made from stored rows differ from those of the file."""
    if back.header is None or [len(p.attributes) for p in back.header.parts] != [
        len(p.attributes) for p in header.parts
    ]:
        raise BrokenContract("attributes were lost on the way through the rows")
    made = header_bytes(back.header, data)
    if made != data[: len(made)]:
        raise BrokenContract(f"the rows give other header bytes: {first_difference(made, data)}")


def header_bytes(header: Header, original: bytes) -> bytes:
    """The bytes of a header read from rows; values with a NaN come from `original`, since rows do not keep its payload."""
    out = bytearray(original[:4] + header.version_word.to_bytes(4, "little"))
    for number, part in enumerate(header.parts):
        for attribute in part.attributes:
            out += encode_name(attribute.name) + b"\0" + encode_name(attribute.type_name) + b"\0"
            out += attribute.size.to_bytes(4, "little", signed=True)
            if has_nan(attribute):
                out += original[len(out) : len(out) + attribute.size]
            else:
                out += encode(attribute.type_name, attribute.value)
        if not header.is_partial or number < len(header.parts) - 1:
            out += b"\0"
    if header.is_multi_part and not header.is_partial:
        out += b"\0"
    return bytes(out)


def has_nan(attribute: Attribute) -> bool:
    """Whether the value is a NaN or contains one."""
    values = attribute.value if isinstance(attribute.value, tuple) else (attribute.value,)
    return any(isinstance(value, float) and math.isnan(value) for value in values)


def first_difference(one: bytes, two: bytes) -> str:
    """The first difference of two byte strings: its position and both contents."""
    at = next((n for n, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    return f"at {at}: {one[at : at + 24]!r} for {two[at : at + 24]!r}"
