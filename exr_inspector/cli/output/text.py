"""Formats values, attributes and histograms as one line of text, and sentences about pixels that were not read.

All texts of files pass through `report.words.plain`, so that none can control the terminal.
"""

from __future__ import annotations

from exr_inspector.delivery.check import not_checked
from exr_inspector.errors import FormatError
from exr_inspector.exr.header.as_json import value_text
from exr_inspector.exr.header.idmanifest import LIFETIMES, decode_manifest
from exr_inspector.exr.header.standard import STANDARD
from exr_inspector.exr.header.timecode import read_timecode
from exr_inspector.exr.header.values import Attribute, IdManifest, TimeCode
from exr_inspector.model import Histogram, StatsMode
from exr_inspector.report.words import MAX_VALUE_CHARACTERS, plain

REMEDY = "--stats full reads every pixel."
SPARK_WIDTH = 24
BARS = " ▁▂▃▄▅▆▇█"
ASCII_BARS = " .:-=+*#@"
GROUP_ORDER = ("colour", "camera", "production", "timecode", "structure", "cryptomatte", "provenance", "other")
_MAX_MANIFEST_CHARACTERS = 400
_PROVENANCE = ("software", "writer", "host", "tool", "version", "renderer", "creator", "nuke/", "exr/", "oiio")


def attribute_group(name: str) -> str:
    """The group that an attribute is shown in."""
    if name in STANDARD:
        return STANDARD[name].group
    if name.startswith("cryptomatte/"):
        return "cryptomatte"
    return "provenance" if any(word in name.lower() for word in _PROVENANCE) else "other"


def spark(histogram: Histogram | None, bars: str = BARS) -> str:
    """A histogram as at most SPARK_WIDTH characters; neighbouring bins are added if there are more."""
    if histogram is None or not histogram.counts:
        return ""
    counts, width = histogram.counts, min(SPARK_WIDTH, len(histogram.counts))
    merged = [sum(counts[len(counts) * i // width : len(counts) * (i + 1) // width]) for i in range(width)]
    top = max(merged) or 1
    return "".join(bars[0 if not count else max(1, round(8 * (count / top) ** 0.5))] for count in merged)


def attribute_text(attribute: Attribute) -> str:
    """An attribute's value in one line."""
    value = attribute.value
    if isinstance(value, TimeCode):
        return _timecode_text(value)
    if isinstance(value, IdManifest):
        return plain(_manifest_text(value), _MAX_MANIFEST_CHARACTERS)
    if attribute.type_name == "stringvector" and isinstance(value, tuple):
        return plain(", ".join(str(text) for text in value[:MAX_VALUE_CHARACTERS]))
    text = value_text(attribute)
    return f"{attribute.size:,} bytes" if text is None else plain(text)


def _timecode_text(value: TimeCode) -> str:
    """The digits and the flags."""
    read = read_timecode(value)
    flags = {"drop frame": read.drop_frame, "colour frame": read.colour_frame, "field or phase": read.field_phase}
    words = [word for word, is_set in flags.items() if is_set]
    words += [f"group flag {number}" for number, is_set in enumerate(read.group_flags) if is_set]
    if value.user_data:
        words.append(f"user data {value.user_data:08x}")
    return ", ".join([read.text, *words, *read.problems])


def _manifest_text(value: IdManifest) -> str:
    """The contents of an id manifest, by group."""
    try:
        groups = decode_manifest(value)
    except FormatError as error:
        return f"id manifest of {value.inflated_bytes:,} bytes that cannot be read: {error}"
    words = []
    for group in groups:
        lifetime = LIFETIMES[group.lifetime] if group.lifetime < len(LIFETIMES) else f"unknown({group.lifetime})"
        what = f"{len(group.entries):,} ids of {', '.join(group.components)} in {', '.join(group.channels)}"
        words.append(f"{what} ({group.hash_scheme}, {group.encoding_scheme}, {lifetime})")
    return f"id manifest of {value.inflated_bytes:,} bytes: {'; '.join(words) or 'no ids'}"


def unchecked_lines(stats: StatsMode, unread: int | None = None) -> list[str]:
    """Sentences about what was not checked because pixels were not read, with the option that reads them.

    Args:
        stats: Which pixels were read.
        unread: Number of files with pixels that were not read; None if unknown.
    """
    return [sentence if stats is StatsMode.FULL else f"{sentence} {REMEDY}" for sentence in not_checked(stats, unread)]
