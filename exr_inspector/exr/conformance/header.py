"""Structural conformance: what a parsed header has that the format forbids, or lacks that the format demands.

A problem is `fatal` when OpenEXR 3.5 in its ordinary, lenient mode cannot open the file because of it, or loses its place in
the header. Nothing is repaired. What stops the parser altogether is raised by `header.parser`; chunk tables and leaders are
checked in `chunks`.

Source: OpenEXRCore 3.5.3 `parse_header.c`, `validation.c`, `attributes.c`, `channel_list.c`, and the library's answers to
files made for the purpose.
"""

from __future__ import annotations

from collections.abc import Sequence

from exr_inspector.exr.chunks.layout import Layout
from exr_inspector.exr.conformance.attributes import check_attributes
from exr_inspector.exr.conformance.part import check_part, check_presence
from exr_inspector.exr.header.as_json import short_text
from exr_inspector.exr.header.attributes import encode
from exr_inspector.exr.header.parser import Header, PartHeader
from exr_inspector.exr.header.values import LONG_NAMES, MULTI_PART, NON_IMAGE, TILED
from exr_inspector.exr.limits import Checkpoint, no_checkpoint
from exr_inspector.exr.problems import Problem, ProblemKind, ProblemList

_BIG_HEADER_BYTES = 1 << 20
_MANY_ATTRIBUTES = 2_000
# What the library puts in place of a missing or unusable attribute, before it compares parts.
_DEFAULTS = {"displayWindow": bytes(8) + b"\x3f\0\0\0" * 2, "pixelAspectRatio": b"\0\0\x80\x3f"}
_SHARED = (("displayWindow", "box2i"), ("pixelAspectRatio", "float"))
# The library looks for `timecode`; the standard attribute is called timeCode, so ordinary files never meet this check.
_SHARED_IF_PRESENT = (("chromaticities", "chromaticities"), ("timecode", "timecode"))


def check_header(
    header: Header, layouts: Sequence[Layout | None] = (), checkpoint: Checkpoint = no_checkpoint
) -> tuple[Problem, ...]:
    """All structural problems of a header, also of a partial one.

    Args:
        header: The header.
        layouts: The layout of each part, None for a part that has none; parts without an entry are taken to have none.
        checkpoint: Called now and then; what it raises ends the checks.

    Returns:
        Problems in the order file, part by part; of one kind no more than MAX_PROBLEMS_PER_KIND and a count of the rest.
    """
    problems = ProblemList()
    _check_file(header, problems)
    long_name = None
    for index, part in enumerate(header.parts):
        checkpoint()
        long_name = check_attributes(part, problems, checkpoint) or long_name
        check_part(part, layouts[index] if index < len(layouts) else None, problems)
        if _is_whole(header, part):
            check_presence(part, problems)
    if bool(long_name) != bool(header.version_word & LONG_NAMES) and (long_name or not header.is_partial):
        _report_long_names(long_name, problems)
    if len(header.parts) > 1:
        _check_part_names(header.parts, problems)
        for part in header.parts[1:]:
            _check_shared(header.parts[0], part, problems, is_whole=_is_whole(header, part))
    return problems.all()


def _is_whole(header: Header, part: PartHeader) -> bool:
    """Whether all of a part's header was read: what the last part of a partial one lacks may have been there."""
    return not header.is_partial or part.index < len(header.parts) - 1


def _check_file(header: Header, problems: ProblemList) -> None:
    word = header.version_word
    if word & (MULTI_PART | NON_IMAGE):
        _check_flags(header, problems)
    count = sum(len(part.attributes) for part in header.parts)
    if header.end > _BIG_HEADER_BYTES or count > _MANY_ATTRIBUTES:
        problems.add(
            ProblemKind.LARGE_HEADER,
            "the header is so large that reading metadata becomes slow",
            found=f"{header.end} bytes, {count} attributes",
            expected=f"at most {_BIG_HEADER_BYTES} bytes, {_MANY_ATTRIBUTES} attributes",
        )


def _check_flags(header: Header, problems: ProblemList) -> None:
    word = header.version_word
    if word & TILED:
        problems.add(
            ProblemKind.CONTRADICTORY_FLAGS,
            "the flag of single tiled files stands beside that of deep or multi-part files",
            offset=4,
            found=f"0x{word:x}",
            expected="0x200 without 0x800 and 0x1000",
            fatal=True,
        )
    if header.is_partial:
        return  # what is not there may only not have been read
    is_deep = any(part.is_deep for part in header.parts)
    if header.parts and is_deep != bool(word & NON_IMAGE):
        problems.add(
            ProblemKind.DEEP_FLAG,
            "the flag of deep data and the parts' types disagree",
            offset=4,
            found=f"0x{word:x} with {'a' if is_deep else 'no'} deep part",
            expected="0x800 exactly when a part is deep",
        )
    if word & MULTI_PART and len(header.parts) == 1:
        problems.add(
            ProblemKind.MULTI_PART_FLAG, "the multi-part flag in a file of one part", offset=4, found=f"0x{word:x}"
        )


def _report_long_names(long_name: str | None, problems: ProblemList) -> None:
    if long_name:
        message = "a name is longer than 31 bytes, but the long names flag is not set"
        problems.add(ProblemKind.LONG_NAMES_FLAG, message, offset=4, found=long_name, expected="flag 0x400")
    else:
        message = "the long names flag is set, but no name is longer than 31 bytes"
        problems.add(ProblemKind.LONG_NAMES_FLAG, message, offset=4, expected="no flag 0x400", mild=True)


def _check_part_names(parts: Sequence[PartHeader], problems: ProblemList) -> None:
    seen: dict[str, int] = {}
    for part in parts:
        name = part.name
        if name is not None and seen.setdefault(name, part.index) != part.index:
            problems.add(
                ProblemKind.PART_NAME,
                f"the name is that of part {seen[name]}, too",
                part=part.index,
                offset=part.by_name["name"].offset,
                found=name,
                expected="a name of its own",
            )


def _bits(part: PartHeader, name: str, type_name: str) -> bytes:
    """The bytes of a shared attribute as the library compares them: its default where it is missing or unusable."""
    value = part.value(name, type_name)
    return _DEFAULTS[name] if value is None else encode(type_name, value)


def _differ(name: str, part: PartHeader, problems: ProblemList) -> None:
    attribute = part.by_name.get(name)
    problems.add(
        ProblemKind.SHARED_ATTRIBUTES,
        f"{name} differs from that of the first part",
        part=part.index,
        offset=None if attribute is None else attribute.offset,
        found="nothing" if attribute is None else short_text(attribute),
        expected="the same bytes in every part",
        fatal=True,
    )


def _check_shared(first: PartHeader, part: PartHeader, problems: ProblemList, *, is_whole: bool) -> None:
    for name, type_name in _SHARED:
        if (is_whole or name in part.by_name) and _bits(first, name, type_name) != _bits(part, name, type_name):
            _differ(name, part, problems)
    for name, type_name in _SHARED_IF_PRESENT:
        if name in part.by_name:
            mine, shared = part.value(name, type_name), first.value(name, type_name)
            if mine is None or shared is None or encode(type_name, mine) != encode(type_name, shared):
                _differ(name, part, problems)
    here, there = part.by_name.get("timeCode"), first.by_name.get("timeCode")
    if here is not None and there is not None and here.value != there.value:
        problems.add(
            ProblemKind.SHARED_TIME_CODE,
            "timeCode differs from that of the first part",
            part=part.index,
            offset=here.offset,
            found=short_text(here),
            expected=short_text(there),
        )
