"""The row of `files`: what a listing shows of a file, taken from the first part's header or from all parts. Pure.

Nothing is filled in: a column is None where the header does not say it, or says it in another type. Texts that repeat an
attribute are cut at SUMMARY_CHARACTERS; the attribute's own row has the whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import chain

import xxhash

from exr_inspector.catalog.schema import SUMMARY_CHARACTERS
from exr_inspector.exr.header.as_json import to_json_text
from exr_inspector.exr.header.attributes import encode
from exr_inspector.exr.header.parser import Header, PartHeader
from exr_inspector.exr.header.timecode import read_timecode
from exr_inspector.exr.header.values import (
    LINES_PER_CHUNK,
    LONG_NAMES,
    NON_IMAGE,
    Attribute,
    Compression,
    PixelType,
    Rational,
    TimeCode,
    code_name,
)
from exr_inspector.model import Inspection, Severity

Row = dict[str, object]

_BIT_DEPTHS = {PixelType.UINT: "32u", PixelType.HALF: "16f", PixelType.FLOAT: "32f"}
_COLOUR_SPACES = ("colorInteropID", "oiio:ColorSpace", "colorSpace")
_FOCAL_LENGTHS = ("nominalFocalLength", "effectiveFocalLength", "pinholeFocalLength")
_INT64_MAX = 2**63 - 1


def clipped(text: str | None) -> str | None:
    """`text`, cut to what a summary column holds."""
    return None if text is None else text[:SUMMARY_CHARACTERS]


def finite(value: float | None) -> float | None:
    """`value` if it is a finite number: readers choke on NaN and infinities in columns and in JSON."""
    return value if value is not None and math.isfinite(value) else None


def _number(part: PartHeader, *names: str) -> float | None:
    for name in names:
        value = part.value(name, "float")
        if isinstance(value, float) and math.isfinite(value):
            return value
    return None


def _text(part: PartHeader, *names: str) -> str | None:
    for name in names:
        value = part.text(name)
        if value:
            return clipped(value)
    return None


def _text_any_case(part: PartHeader, *names: str) -> str | None:
    for attribute in part.attributes:
        if attribute.name.lower() in names and isinstance(attribute.value, str) and attribute.value:
            return clipped(attribute.value)
    return None


def _timecode(part: PartHeader) -> str | None:
    value = part.value("timeCode", "timecode")
    return read_timecode(value).text if isinstance(value, TimeCode) else None


def _fps(part: PartHeader) -> float | None:
    value = part.value("framesPerSecond", "rational")
    return finite(value.value) if isinstance(value, Rational) else None


def _attribute_json(part: PartHeader, name: str, type_name: str) -> str | None:
    attribute = part.by_name.get(name)
    return to_json_text(attribute) if attribute and part.value(name, type_name) is not None else None


def has_known_codec(part: PartHeader) -> bool:
    """Whether what the compression does to the channels is known."""
    return part.compression in LINES_PER_CHUNK


def header_hash(header: Header) -> str:
    """`xxh3_128:` and the hash of the version word and every attribute of every part, in order."""
    digest = xxhash.xxh3_128(header.version_word.to_bytes(4, "little"))
    for part in header.parts:
        digest.update(b"part")
        for attribute in part.attributes:
            digest.update(f"{attribute.name}\0{attribute.type_name}\0{attribute.size}\0".encode())
            digest.update(_raw(attribute))
    return f"xxh3_128:{digest.hexdigest()}"


def _raw(attribute: Attribute) -> bytes:
    if attribute.type_name == "chlist" and not isinstance(attribute.value, bytes):
        return to_json_text(attribute).encode()  # names that are no UTF-8 were written with escapes
    return encode(attribute.type_name, attribute.value)


def _views(inspection: Inspection) -> list[str]:
    return list(dict.fromkeys(chain.from_iterable(names.views for names in inspection.names)))


def _types(parts: Iterable[PartHeader]) -> tuple[str | None, str | None]:
    """(pixel types, bit depth) of all channels."""
    codes = {channel.pixel_type for part in parts for channel in part.channels or ()}
    if not codes:
        return None, None
    names = ",".join(sorted(code_name(PixelType, code) for code in codes))
    depths = {_BIT_DEPTHS.get(PixelType(code)) if code in _BIT_DEPTHS else None for code in codes}
    depth = depths.pop() if len(depths) == 1 else "mixed"
    return names, depth


def _structure(inspection: Inspection, header: Header) -> Row:
    parts = header.parts
    types, depth = _types(parts)
    views = _views(inspection)
    row: Row = {
        "exr_version": header.version_word & 0xFF,
        "version_word": header.version_word,
        "is_multipart": header.is_multi_part,
        "has_long_names": bool(header.version_word & LONG_NAMES),
        "has_non_image": bool(header.version_word & NON_IMAGE),
        "multipart_count": len(parts),
        "is_complete": inspection.is_complete,
        "header_bytes": header.end,
        "header_is_partial": header.is_partial,
        "header_hash": header_hash(header),
    }
    if not parts:
        return row
    # What holds where nothing is found: no, or unknown if some part does not say.
    no_type = None if any(part.part_type is None for part in parts) else False
    no_codec = False if all(map(has_known_codec, parts)) else None
    is_lossy = any(channel.is_lossy for names in inspection.names for channel in names.channels)
    return row | {
        "is_deep": any(part.is_deep for part in parts) or no_type,
        "is_tiled": any(part.is_tiled for part in parts) or no_type,
        "has_lossy_channels": is_lossy or no_codec,
        "channel_count": sum(len(part.channels or ()) for part in parts),
        "layer_count": sum(len(names.layers) for names in inspection.names),
        "pixel_types": types,
        "bit_depth": depth,
        "views": clipped(",".join(views)) or None,
        "is_stereo": len(views) > 1,
        "has_cryptomatte": any(names.cryptomattes for names in inspection.names),
    }


def _first_part(part: PartHeader) -> Row:
    data, display, aspect = part.data_window, part.display_window, finite(part.pixel_aspect_ratio)
    aces = part.integer("acesImageContainerFlag")
    return {
        "width": data.width if data else None,
        "height": data.height if data else None,
        "display_width": display.width if display else None,
        "display_height": display.height if display else None,
        "pixel_aspect_ratio": aspect,
        "is_anamorphic": None if aspect is None else aspect != 1.0,
        "part_type": clipped(part.part_type),
        "compression": None if part.compression is None else code_name(Compression, part.compression),
        "is_aces": None if aces is None else aces == 1,
        "chromaticities": _attribute_json(part, "chromaticities", "chromaticities"),
        "timecode": _timecode(part),
        "fps": _fps(part),
    }


def _described(part: PartHeader) -> Row:
    return {
        "software": _text_any_case(part, "software"),
        "color_space": _text(part, *_COLOUR_SPACES),
        "color_interop_id": _text(part, "colorInteropID"),
        "white_luminance": _number(part, "whiteLuminance"),
        "camera_make": _text(part, "cameraMake"),
        "camera_model": _text(part, "cameraModel"),
        "lens_make": _text(part, "lensMake"),
        "lens_model": _text(part, "lensModel"),
        "iso_speed": _number(part, "isoSpeed"),
        "exposure_time": _number(part, "expTime"),
        "shutter_angle": _number(part, "shutterAngle"),
        "t_stop": _number(part, "tStop"),
        "aperture": _number(part, "aperture"),
        "focal_length": _number(part, *_FOCAL_LENGTHS),
        "capture_date": _text(part, "capDate"),
        "utc_offset": _number(part, "utcOffset"),
        "owner": _text(part, "owner"),
        "comments": _text(part, "comments"),
        "creator": _text_any_case(part, "creator", "author", "artist"),
        "reel_name": _text(part, "reelName"),
    }


def _pixels(inspection: Inspection) -> Row:
    report = inspection.pixels
    row: Row = {"stats_mode": inspection.stats_mode.value}
    if report is None:
        return row
    blacks = [part.is_black for part in report.parts if part.is_black is not None]
    constants = [part.is_constant for part in report.parts if part.is_constant is not None]
    return row | {
        "stats_stopped": clipped(report.stopped) or None,
        "nan_count": sum(channel.nan_count for channel in report.channels) if report.channels else None,
        "inf_count": sum(channel.inf_count for channel in report.channels) if report.channels else None,
        "is_black": all(blacks) if blacks else None,
        "is_constant": all(constants) if constants else None,
        "pixel_fault_count": len(report.faults),
        "hash": report.file_hash,
    }


def _judged(inspection: Inspection) -> Row:
    worst = inspection.worst_severity
    counts = dict.fromkeys(Severity, 0)
    for finding in inspection.findings:
        counts[finding.severity] += 1
    return {
        "policy": inspection.policy or None,
        "worst_severity": worst.label if worst else None,
        "error_count": counts[Severity.ERROR],
        "warning_count": counts[Severity.WARNING],
        "info_count": counts[Severity.INFO],
    }


def _place(inspection: Inspection) -> Row:
    version, name, event = inspection.version, inspection.name, inspection.event
    frame = name.frame if name.frame is not None and abs(name.frame) <= _INT64_MAX else None
    return {
        "path": inspection.path,
        "bucket": inspection.bucket,
        "key": inspection.key,
        "directory": name.directory,
        "file_name": name.file_name,
        "etag": version.etag if version else None,
        "size_bytes": version.size_bytes if version else None,
        "mtime": version.mtime if version else None,
        "sequence": name.sequence,
        "frame_number": frame,
        "frame_padding": name.padding,
        "status": inspection.status.value,
        "error_code": inspection.error_code,
        "error_message": clipped(inspection.error_message),
        "inspected_at": inspection.inspected_at,
        "event_id": clipped(event.event_id),
        "sequencer": clipped(event.sequencer),
        "event_time": event.time,
    }


def files_row(inspection: Inspection) -> Row:
    """The columns of `files` that follow from the inspection; keys, row counts and versions are `rows`' to add."""
    row = _place(inspection) | _pixels(inspection) | _judged(inspection)
    header = inspection.header
    if header is not None:
        row |= _structure(inspection, header)
        if header.parts:
            row |= _first_part(header.parts[0]) | _described(header.parts[0])
    return row
