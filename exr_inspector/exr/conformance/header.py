"""Checks a parsed header against the format: forbidden and missing attributes and invalid values.

A problem is `fatal` if it prevents OpenEXR 3.5 in its default, lenient mode from opening the file, or makes it misread the rest
of the header. Nothing is repaired. `header.parser` raises errors that end parsing; `chunks` checks chunk tables and leaders.

Source: OpenEXRCore 3.5.3 `parse_header.c`, `validation.c`, `attributes.c`, `channel_list.c`, and the library's behaviour with
files written for this purpose.
"""

from __future__ import annotations

from collections.abc import Sequence

from exr_inspector.exr.chunks.layout import Layout
from exr_inspector.exr.conformance.attributes import check_attributes, has_wrong_size
from exr_inspector.exr.conformance.part import check_part, check_presence
from exr_inspector.exr.conformance.problems import PartProblems
from exr_inspector.exr.header.as_json import short_text
from exr_inspector.exr.header.attributes import encode
from exr_inspector.exr.header.parser import Header, PartHeader
from exr_inspector.exr.header.values import LONG_NAMES, MULTI_PART, NON_IMAGE, TILED
from exr_inspector.exr.limits import Checkpoint, no_checkpoint
from exr_inspector.exr.problems import Problem, ProblemKind, ProblemList

_BIG_HEADER_BYTES = 1 << 20
_MANY_ATTRIBUTES = 2_000
# The values that the library substitutes for missing or unusable attributes before it compares parts.
_DEFAULTS = {"displayWindow": bytes(8) + b"\x3f\0\0\0" * 2, "pixelAspectRatio": b"\0\0\x80\x3f"}
_SHARED = (("displayWindow", "box2i"), ("pixelAspectRatio", "float"))
# The library checks `timecode`; the standard attribute is called timeCode, so this check does not apply to ordinary files.
_SHARED_IF_PRESENT = (("chromaticities", "chromaticities"), ("timecode", "timecode"))


def check_header(
    header: Header, layouts: Sequence[Layout | None] = (), checkpoint: Checkpoint = no_checkpoint
) -> tuple[Problem, ...]:
    """All structural problems of a complete or partial header.

    Args:
        header: The header.
        layouts: The layout of each part; None or no entry for a part without one.
        checkpoint: Called regularly; an exception that it raises ends the checks.

    Returns:
        Problems of the file, then those of each part; at most MAX_PROBLEMS_PER_KIND of a kind and a count of the rest.
    """
    problems = ProblemList()
    _check_file(header, problems)
    long_name = None
    for index, part in enumerate(header.parts):
        checkpoint()
        report = PartProblems(part, problems)
        long_name = check_attributes(report, checkpoint) or long_name
        check_part(report, layouts[index] if index < len(layouts) else None)
        if _is_complete(header, part):
            check_presence(report)
    if bool(long_name) != bool(header.version_word & LONG_NAMES) and (long_name or not header.is_partial):
        _report_long_names(long_name, problems)
    if len(header.parts) > 1:
        _check_part_names(header.parts, problems)
        for part in header.parts[1:]:
            _check_shared(PartProblems(part, problems), header.parts[0], is_complete=_is_complete(header, part))
    return problems.all()


def _is_complete(header: Header, part: PartHeader) -> bool:
    """Whether what a part's header lacks is known to be missing.

    It is not in the last part of a partial header, nor if a value has a wrong size: attributes may be in the bytes that were
    read as this value, or behind the end that was found after it.
    """
    if header.is_partial and part.index == len(header.parts) - 1:
        return False
    return not any(has_wrong_size(each) for each in part.attributes if each.problem)


def _check_file(header: Header, problems: ProblemList) -> None:
    word = header.version_word
    if word & (MULTI_PART | NON_IMAGE):
        _check_flags(header, problems)
    count = sum(len(part.attributes) for part in header.parts)
    if header.end > _BIG_HEADER_BYTES or count > _MANY_ATTRIBUTES:
        message = "the header is so large that reading metadata becomes slow"
        found = f"{header.end} bytes, {count} attributes"
        expected = f"at most {_BIG_HEADER_BYTES} bytes, {_MANY_ATTRIBUTES} attributes"
        problems.add(Problem(ProblemKind.LARGE_HEADER, message, found=found, expected=expected))


def _check_flags(header: Header, problems: ProblemList) -> None:
    word = header.version_word
    if word & TILED:
        message = "the single-part tiled flag is set together with the deep or multi-part flag"
        found, expected = f"0x{word:x}", "0x200 without 0x800 and 0x1000"
        problems.add(Problem(ProblemKind.CONTRADICTORY_FLAGS, message, None, 4, found, expected, fatal=True))
    if header.is_partial:
        return  # the unread parts may contain what is missing
    is_deep = any(part.is_deep for part in header.parts)
    if header.parts and is_deep != bool(word & NON_IMAGE):
        message = "the flag of deep data and the parts' types disagree"
        found = f"0x{word:x} with {'a' if is_deep else 'no'} deep part"
        problems.add(Problem(ProblemKind.DEEP_FLAG, message, None, 4, found, "0x800 exactly when a part is deep"))
    if word & MULTI_PART and len(header.parts) == 1:
        message = "the multi-part flag in a file of one part"
        problems.add(Problem(ProblemKind.MULTI_PART_FLAG, message, None, 4, f"0x{word:x}"))


def _report_long_names(long_name: str | None, problems: ProblemList) -> None:
    kind = ProblemKind.LONG_NAMES_FLAG
    if long_name:
        message = "a name is longer than 31 bytes, but the long names flag is not set"
        problems.add(Problem(kind, message, None, 4, long_name, "flag 0x400"))
    else:
        message = "the long names flag is set, but no name is longer than 31 bytes"
        problems.add(Problem(kind, message, None, 4, expected="no flag 0x400", mild=True))


def _check_part_names(parts: Sequence[PartHeader], problems: ProblemList) -> None:
    seen: dict[str, int] = {}
    for part in parts:
        name = part.name
        if name is not None and seen.setdefault(name, part.index) != part.index:
            message = f"part {seen[name]} has the same name"
            PartProblems(part, problems).add(ProblemKind.PART_NAME, message, "name", name, "a unique name")


def _bits(part: PartHeader, name: str, type_name: str) -> bytes:
    """The bytes of a shared attribute that the library compares: the default if it is missing or unusable."""
    value = part.value(name, type_name)
    return _DEFAULTS[name] if value is None else encode(type_name, value)


def _check_shared(report: PartProblems, first: PartHeader, *, is_complete: bool) -> None:
    """Compare the shared attributes of a part with those of the first part."""
    part = report.part
    differing = [
        name
        for name, type_name in _SHARED
        if (is_complete or name in part.by_name) and _bits(first, name, type_name) != _bits(part, name, type_name)
    ]
    for name, type_name in _SHARED_IF_PRESENT:
        if name in part.by_name:
            mine, shared = part.value(name, type_name), first.value(name, type_name)
            if mine is None or shared is None or encode(type_name, mine) != encode(type_name, shared):
                differing.append(name)
    for name in differing:
        attribute = part.by_name.get(name)
        message = f"{name} differs from that of the first part"
        if name not in first.by_name:
            message = f"the first part has no {name}, this part has it"
        found = short_text(attribute) if attribute else "nothing"
        report.add(ProblemKind.SHARED_ATTRIBUTES, message, attribute, found, "the same bytes in every part", fatal=True)
    here, there = part.by_name.get("timeCode"), first.by_name.get("timeCode")
    if here is not None and there is not None and here.value != there.value:
        message = "timeCode differs from that of the first part"
        report.add(ProblemKind.SHARED_TIME_CODE, message, here, short_text(here), short_text(there))
