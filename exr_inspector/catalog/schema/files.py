"""The columns of `files`: place and version, structure, summary of the first part's header, pixels, findings, provenance.

A column is null if the header lacks the attribute, or has it with another type; no default is filled in. Texts that repeat an
attribute end before padding of NULs, and are truncated to SUMMARY_CHARACTERS; the attribute's own row has the complete value.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import xxhash

from exr_inspector.catalog.schema.columns import (
    BOOL,
    INT,
    LONG,
    REAL,
    SCHEMA_VERSION,
    TEXT,
    TIME,
    Of,
    clipped,
    compression_name,
    finite,
    has_known_codec,
    nullable,
    object_version,
    required,
    worst_severity,
)
from exr_inspector.exr.header.as_json import compact_json, to_json_text
from exr_inspector.exr.header.attributes import encode, readable_text
from exr_inspector.exr.header.parser import Header, PartHeader
from exr_inspector.exr.header.timecode import read_timecode
from exr_inspector.exr.header.values import (
    LONG_NAMES,
    NON_IMAGE,
    Attribute,
    Chromaticities,
    PixelType,
    Rational,
    TimeCode,
    code_name,
)
from exr_inspector.model import ChannelStats, Inspection, PartPixels, PixelReport, Severity, StatsMode
from exr_inspector.validation.facts import colourspaces
from exr_inspector.validation.frames import embedded_frame

_BIT_DEPTHS = {PixelType.UINT: "32u", PixelType.HALF: "16f", PixelType.FLOAT: "32f"}
_INT64_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class FileRecord:
    """The record of a row of `files`.

    Attributes:
        inspection: The inspection.
        parts: Its parts; empty if the header could not be read.
        views: Views of all parts in order.
        codes: Pixel types of all channels, as in the file.
        severities: Number of findings by severity.
        child_rows: Number of its rows by child table.
        inspector_version: Version of exr-inspector that writes.
    """

    inspection: Inspection
    parts: tuple[PartHeader, ...]
    views: tuple[str, ...]
    codes: frozenset[int]
    severities: Mapping[Severity, int]
    child_rows: Mapping[str, int]
    inspector_version: str

    @classmethod
    def of(cls, inspection: Inspection, child_rows: Mapping[str, int], inspector_version: str) -> FileRecord:
        """The record of an inspection."""
        parts = inspection.header.parts if inspection.header else ()
        return cls(
            inspection=inspection,
            parts=parts,
            views=tuple(dict.fromkeys(chain.from_iterable(names.views for names in inspection.names))),
            codes=frozenset(channel.pixel_type for part in parts for channel in part.channels or ()),
            severities=Counter(finding.severity for finding in inspection.findings),
            child_rows=child_rows,
            inspector_version=inspector_version,
        )


def header(make: Callable[[Header], object]) -> Of:
    """A value of the header; null without one."""
    return lambda file: None if file.inspection.header is None else make(file.inspection.header)


def parts(make: Callable[[FileRecord], object]) -> Of:
    """A value of all parts; null without a part."""
    return lambda file: make(file) if file.parts else None


def any_part(has: Callable[[PartHeader], bool]) -> Of:
    """Whether a condition holds for any part; null if it holds for none, but the type of a part is unknown."""

    def make(file: FileRecord) -> bool | None:
        unknown = any(part.part_type is None for part in file.parts)
        return any(map(has, file.parts)) or (None if unknown else False)

    return parts(make)


def first(make: Callable[[PartHeader], object]) -> Of:
    """A value of the first part; null without one."""
    return lambda file: make(file.parts[0]) if file.parts else None


def text(*names: str) -> Of:
    """The first part's text attribute with the first of these names that exists and is not empty."""
    return first(lambda part: next(filter(None, (clipped(part.text(name)) for name in names)), None))


def text_any_case(*names: str) -> Of:
    """The first part's first text attribute with one of these names in any case."""

    def make(part: PartHeader) -> str | None:
        for attribute in part.attributes:
            if attribute.name.lower() in names and (value := clipped(readable_text(attribute))):
                return value
        return None

    return first(make)


def number(*names: str) -> Of:
    """The first part's float attribute with the first of these names that exists and is finite."""

    def make(part: PartHeader) -> float | None:
        for name in names:
            value = part.value(name, "float")
            if isinstance(value, float) and math.isfinite(value):
                return value
        return None

    return first(make)


def provenance(column: str, make: Callable[[Any], object] = clipped) -> Of:
    """A column of the provenance."""
    return lambda file: make(getattr(file.inspection.provenance, column))


def pixels(make: Callable[[PixelReport], object]) -> Of:
    """A value of the pixels; null if none were read."""

    def of(file: FileRecord) -> object:
        report = file.inspection.pixels
        return None if report is None or report.mode is StatsMode.OFF else make(report)

    return of


def _stopped(file: FileRecord) -> str | None:
    """Why reading the header, pixels or a manifest ended early."""
    return clipped(file.inspection.any_stop) or None


def findings(severity: Severity) -> Of:
    """Number of findings of a severity."""
    return lambda file: file.severities[severity]


def _frame_number(file: FileRecord) -> int | None:
    frame = file.inspection.name.frame
    return frame if frame is not None and abs(frame) <= _INT64_MAX else None


def _header_hash(header: Header) -> str:
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
        return to_json_text(attribute).encode()  # names that are not UTF-8 were written with escapes
    return encode(attribute.type_name, attribute.value)


def _has_lossy_channels(file: FileRecord) -> bool | None:
    if any(channel.is_lossy for names in file.inspection.names for channel in names.channels):
        return True
    return False if file.parts and all(map(has_known_codec, file.parts)) else None


def _pixel_types(file: FileRecord) -> str | None:
    return ",".join(sorted(code_name(PixelType, code) for code in file.codes)) or None


def _bit_depth(file: FileRecord) -> str | None:
    depths = {_BIT_DEPTHS.get(PixelType(code)) if code in _BIT_DEPTHS else None for code in file.codes}
    return (depths.pop() if len(depths) == 1 else "mixed") if depths else None


def _is_anamorphic(part: PartHeader) -> bool | None:
    aspect = finite(part.pixel_aspect_ratio)
    return None if aspect is None else aspect != 1.0


def _is_aces(part: PartHeader) -> bool | None:
    flag = part.integer("acesImageContainerFlag")
    return None if flag is None else flag == 1


def _color_space(part: PartHeader) -> str | None:
    if value := clipped(part.text("colorInteropID")):
        return value
    if other := colourspaces.other_tag(part):
        return clipped(other[1])
    if _is_aces(part):
        return colourspaces.ACES
    values = part.value("chromaticities", "chromaticities")
    return colourspaces.space_of(values) if isinstance(values, Chromaticities) else None


def _chromaticities(part: PartHeader) -> str | None:
    attribute = part.by_name.get("chromaticities")
    known = attribute and part.value("chromaticities", "chromaticities") is not None
    return to_json_text(attribute) if attribute and known else None


def _timecode(part: PartHeader) -> str | None:
    value = part.value("timeCode", "timecode")
    return read_timecode(value).text if isinstance(value, TimeCode) else None


def _fps(part: PartHeader) -> float | None:
    value = part.value("framesPerSecond", "rational")
    return finite(value.value) if isinstance(value, Rational) else None


def _sum_read(report: PixelReport, count: Callable[[ChannelStats], int]) -> int | None:
    """The sum of a count over all channels; null if no value was read."""
    read = [channel for channel in report.channels if channel.samples]
    return sum(map(count, read)) if read else None


def _of_all_parts(report: PixelReport, is_true: Callable[[PartPixels], bool | None]) -> bool | None:
    """Whether a condition holds for all parts for which it is known; null if for none, or if a sample leaves it open."""
    known = [value for part in report.parts if (value := is_true(part)) is not None]
    if not all(known):
        return False
    is_whole = all(part.chunks_read == part.chunks_total for part in report.parts)
    return True if known and is_whole else None


# fmt: off
FILES_COLUMNS = (
    required("file_id", TEXT, "XXH3-128 of the path, 32 hexadecimal digits; never changes with the content",
             of=lambda o: o.file_id),
    required("path", TEXT, "`<bucket>/<key>`, decoded once, case kept", of=lambda f: f.inspection.path),
    required("bucket", TEXT, "Bucket", of=lambda f: f.inspection.bucket),
    required("key", TEXT, "Key within the bucket", of=lambda f: f.inspection.key),
    required("directory", TEXT, "Folder with the bucket, no trailing slash", of=lambda f: f.inspection.name.directory),
    required("file_name", TEXT, "Last component of the key", of=lambda f: f.inspection.name.file_name),
    required("content_key", TEXT, "XXH3-128 of path, etag, size and mtime: changes with every version",
             of=lambda o: o.content_key),
    required("inspection_id", TEXT, "The inspection that wrote this row and its child rows"),
    nullable("etag", TEXT, "ETag without quotes; null where the store gives none or the object could not be read",
             of=object_version(lambda v: v.etag)),
    nullable("size_bytes", LONG, "Size of the object; null where it could not be read", "bytes",
             of=object_version(lambda v: v.size_bytes)),
    nullable("mtime", TIME, "Last modification; null where the object could not be read", "UTC",
             of=object_version(lambda v: v.mtime)),
    nullable("sequence", TEXT, "Sequence with its folder, frame digits as `#`; null for a file that is no frame",
             of=lambda f: f.inspection.name.sequence),
    nullable("frame_number", LONG, "Frame number by the name", of=_frame_number),
    required("frame_padding", INT, "Digits of the frame number as written; 0 without one", "digits",
             of=lambda f: f.inspection.name.padding),
    required("status", TEXT, "`inspected`, or `failed` when the header cannot be read as OpenEXR",
             of=lambda f: f.inspection.status.value),
    nullable("error_code", TEXT, "Stable code of the error", of=lambda f: f.inspection.error_code),
    nullable("error_message", TEXT, "Message of the error", of=lambda f: clipped(f.inspection.error_message)),
    nullable("exr_version", INT, "OpenEXR version of the file (2)", of=header(lambda h: h.version_word & 0xFF)),
    nullable("version_word", LONG, "Bytes 4 to 7: version and flags", of=header(lambda h: h.version_word)),
    nullable("is_multipart", BOOL, "Multi-part flag", of=header(lambda h: h.is_multi_part)),
    nullable("has_long_names", BOOL, "Flag for names above 31 bytes",
             of=header(lambda h: bool(h.version_word & LONG_NAMES))),
    nullable("has_non_image", BOOL, "Flag for deep (non-image) parts",
             of=header(lambda h: bool(h.version_word & NON_IMAGE))),
    nullable("multipart_count", INT, "Parts whose header could be read", "parts", of=header(lambda h: len(h.parts))),
    nullable("is_deep", BOOL, "Whether any part is deep; null where a header does not say",
             of=any_part(lambda p: p.is_deep)),
    nullable("is_tiled", BOOL, "Whether any part is tiled; null where a header does not say",
             of=any_part(lambda p: p.is_tiled)),
    nullable("is_complete", BOOL, "Whether no chunk of any part is missing; null where that is not known",
             of=lambda f: f.inspection.is_complete if f.inspection.header else None),
    nullable("header_bytes", LONG, "End of the last header; for a damaged header, the end of the part that was read", "bytes",
             of=header(lambda h: h.end)),
    nullable("header_is_partial", BOOL, "Whether the header is damaged and only the part before the damage was read",
             of=header(lambda h: h.is_partial)),
    nullable("header_hash", TEXT, "`xxh3_128:` and the hash of all attributes, equal for equal headers",
             of=header(_header_hash)),
    nullable("hash", TEXT, "Hash of the file's bytes, with the algorithm's name; null unless EXR_HASH or `--hash` is set",
             of=pixels(lambda r: r.file_hash)),
    nullable("width", LONG, "Width of the first part's data window", "pixels",
             of=first(lambda p: p.data_window and p.data_window.width)),
    nullable("height", LONG, "Height of the first part's data window", "pixels",
             of=first(lambda p: p.data_window and p.data_window.height)),
    nullable("display_width", LONG, "Width of the first part's display window", "pixels",
             of=first(lambda p: p.display_window and p.display_window.width)),
    nullable("display_height", LONG, "Height of the first part's display window", "pixels",
             of=first(lambda p: p.display_window and p.display_window.height)),
    nullable("pixel_aspect_ratio", REAL, "Of the first part", "width / height",
             of=first(lambda p: finite(p.pixel_aspect_ratio))),
    nullable("is_anamorphic", BOOL, "Whether the first part's pixel aspect ratio is not 1", of=first(_is_anamorphic)),
    nullable("part_type", TEXT, "Type of the first part: scanlineimage, tiledimage, deepscanline, deeptile",
             of=first(lambda p: clipped(p.part_type))),
    nullable("compression", TEXT, "Compression of the first part: NONE, RLE, ZIPS, ZIP, PIZ, PXR24, B44, ...",
             of=first(compression_name)),
    nullable("has_lossy_channels", BOOL,
             "Whether the compression may alter any channel of any part; null where a compression is unknown",
             of=_has_lossy_channels),
    nullable("channel_count", INT, "Channels of all parts", "channels",
             of=parts(lambda f: sum(len(part.channels or ()) for part in f.parts))),
    nullable("layer_count", INT, "Layers of all parts, counted once for each view", "layers",
             of=parts(lambda f: sum(len(names.layers) for names in f.inspection.names))),
    nullable("pixel_types", TEXT, "Pixel types of all parts, sorted, separated by commas: `FLOAT,HALF`", of=_pixel_types),
    nullable("bit_depth", TEXT, "`16f`, `32f` or `32u` when all channels agree, otherwise `mixed`", of=_bit_depth),
    nullable("views", TEXT, "Views of all parts in order, separated by commas; null if the file names none",
             of=parts(lambda f: clipped(",".join(f.views)) or None)),
    nullable("is_stereo", BOOL, "Whether the file holds two views or more, by `multiView` or by parts' `view`",
             of=parts(lambda f: len(f.views) > 1)),
    nullable("has_cryptomatte", BOOL, "Whether any part declares a Cryptomatte",
             of=parts(lambda f: any(names.cryptomattes for names in f.inspection.names))),
    nullable("software", TEXT, "Product and version that wrote the file: `Nuke 15.1v3`, `Blender 5.0.1`; see provenance",
             of=provenance("product")),
    nullable("software_version", TEXT, "Version of the software", of=provenance("software_version")),
    nullable("renderer", TEXT, "Renderer of the image, also if other software wrote the file since: `Arnold 7.2.4.1`",
             of=provenance("renderer")),
    nullable("host_application", TEXT, "Application in which the renderer ran: `Maya 2024.2`",
             of=provenance("host_application")),
    nullable("render_seconds", REAL, "Time of rendering", "seconds", of=provenance("render_seconds", finite)),
    nullable("peak_memory_mb", REAL, "Peak memory of the renderer", "MiB", of=provenance("peak_memory_mb", finite)),
    nullable("render_host", TEXT, "Computer that rendered", of=provenance("render_host")),
    nullable("render_user", TEXT, "User who rendered", of=provenance("render_user")),
    nullable("frame_range", TEXT, "Frames of the job as written: `1001-1100`", of=provenance("frame_range")),
    nullable("provenance", TEXT, "JSON object: the attribute of each known column from `software` to `frame_range`",
             of=provenance("sources", lambda names: compact_json(dict(names)) if names else None)),
    nullable("color_space", TEXT, "Attribute colorInteropID, or that of a product, such as oiio:ColorSpace; otherwise"
             " the id of an ACES container, or of the published space that chromaticities describe: `lin_ap1_scene`",
             of=first(_color_space)),
    nullable("color_interop_id", TEXT, "Attribute colorInteropID", of=text("colorInteropID")),
    nullable("chromaticities", TEXT, "Attribute chromaticities as JSON text", of=first(_chromaticities)),
    nullable("white_luminance", REAL, "Attribute whiteLuminance", "cd/m2", of=number("whiteLuminance")),
    nullable("is_aces", BOOL, "Whether acesImageContainerFlag is 1; null without the attribute", of=first(_is_aces)),
    nullable("camera_make", TEXT, "Attribute cameraMake", of=text("cameraMake")),
    nullable("camera_model", TEXT, "Attribute cameraModel", of=text("cameraModel")),
    nullable("lens_make", TEXT, "Attribute lensMake", of=text("lensMake")),
    nullable("lens_model", TEXT, "Attribute lensModel", of=text("lensModel")),
    nullable("iso_speed", REAL, "Attribute isoSpeed", of=number("isoSpeed")),
    nullable("exposure_time", REAL, "Attribute expTime", "seconds", of=number("expTime")),
    nullable("shutter_angle", REAL, "Attribute shutterAngle", "degrees", of=number("shutterAngle")),
    nullable("t_stop", REAL, "Attribute tStop", of=number("tStop")),
    nullable("aperture", REAL, "Attribute aperture", "f-number", of=number("aperture")),
    nullable("focal_length", REAL, "nominalFocalLength, or effectiveFocalLength, or pinholeFocalLength", "mm",
             of=number("nominalFocalLength", "effectiveFocalLength", "pinholeFocalLength")),
    nullable("capture_date", TEXT, "Attribute capDate as written", of=text("capDate")),
    nullable("utc_offset", REAL, "Attribute utcOffset", "seconds", of=number("utcOffset")),
    nullable("owner", TEXT, "Attribute owner", of=text("owner")),
    nullable("comments", TEXT, "Attribute comments", of=text("comments")),
    nullable("creator", TEXT, "First text attribute named creator, author or artist, any case",
             of=text_any_case("creator", "author", "artist")),
    nullable("reel_name", TEXT, "Attribute reelName", of=text("reelName")),
    nullable("timecode", TEXT, "Attribute timeCode as HH:MM:SS:FF, `;` before FF for drop frame", of=first(_timecode)),
    nullable("fps", REAL, "Attribute framesPerSecond", "frames/s", of=first(_fps)),
    nullable("timecode_rate", INT, "Attribute timecodeRate: frames per second that the time code counts, also 24 for 23.976",
             "frames/s", of=first(lambda p: p.integer("timecodeRate"))),
    nullable("embedded_frame", LONG, "Frame number that an attribute gives, such as `Frame` or `nuke/input/frame`",
             of=first(embedded_frame)),
    required("stats_mode", TEXT, "Pixels that were read: none (`off`), a sample (`sampled`) or all (`full`)",
             of=lambda f: f.inspection.stats_mode.value),
    nullable("stats_stopped", TEXT, "Why reading header, pixels or a manifest ended early, such as a limit, or which sidecar"
             " manifests were missing; else null",
             of=_stopped),
    nullable("nan_count", LONG, "NaNs in all samples that were read; null where none was read", "samples",
             of=pixels(lambda r: _sum_read(r, lambda c: c.nan_count))),
    nullable("inf_count", LONG, "Infinities in all samples that were read; null where none was read", "samples",
             of=pixels(lambda r: _sum_read(r, lambda c: c.inf_count))),
    nullable("is_black", BOOL, "Whether every part with colour channels is black; null if a sample cannot prove it",
             of=pixels(lambda r: _of_all_parts(r, lambda part: part.is_black))),
    nullable("is_constant", BOOL, "Whether every part is constant; null if a sample cannot prove it",
             of=pixels(lambda r: _of_all_parts(r, lambda part: part.is_constant))),
    nullable("decoder", TEXT, "Library that decoded pixels, or that crashed: `OpenEXR 3.5.3`; null if it was not used",
             of=lambda f: f.inspection.decoder),
    nullable("pixel_fault_count", LONG, "Chunks that failed to decode", "chunks",
             of=pixels(lambda r: len(r.faults))),
    nullable("policy", TEXT, "Name and version of the policy", of=lambda f: f.inspection.policy or None),
    nullable("worst_severity", TEXT, "`info`, `warning` or `error`; null without findings",
             of=lambda f: worst_severity(f.inspection)),
    required("error_count", INT, "Findings of severity error", "findings", of=findings(Severity.ERROR)),
    nullable("error_codes", TEXT, "Rules of these findings, sorted, separated by commas; null without one",
             of=lambda f: clipped(",".join(f.inspection.error_codes)) or None),
    required("warning_count", INT, "Findings of severity warning", "findings", of=findings(Severity.WARNING)),
    required("info_count", INT, "Findings of severity info", "findings", of=findings(Severity.INFO)),
    required("part_rows", INT, "Rows in `parts`; `db repair` counts them", "rows",
             of=lambda f: f.child_rows["parts"]),
    required("channel_rows", INT, "Rows in `channels`", "rows", of=lambda f: f.child_rows["channels"]),
    required("attribute_rows", INT, "Rows in `attributes`", "rows", of=lambda f: f.child_rows["attributes"]),
    required("stats_rows", INT, "Rows in `stats`", "rows", of=lambda f: f.child_rows["stats"]),
    required("validation_rows", INT, "Rows in `validation`", "rows", of=lambda f: f.child_rows["validation"]),
    nullable("cryptomatte_object_rows", INT, "Rows in `cryptomatte_objects`; null is none", "rows",
             of=lambda f: f.child_rows["cryptomatte_objects"]),
    nullable("thumbnail_rows", INT, "Rows in `thumbnails`; null is none", "rows", of=lambda f: f.child_rows["thumbnails"]),
    required("inspector_version", TEXT, "Version of exr-inspector that wrote the row", of=lambda f: f.inspector_version),
    required("schema_version", INT, "Schema version of the row", of=lambda _: SCHEMA_VERSION),
    required("inspected_at", TIME, "When the file was read", "UTC", of=lambda f: f.inspection.inspected_at),
    nullable("event_id", TEXT, "Id of the event that caused it", of=lambda f: clipped(f.inspection.event.event_id)),
    nullable("sequencer", TEXT, "The store's sequencer, hexadecimal; orders the events of one object",
             of=lambda f: clipped(f.inspection.event.sequencer)),
    nullable("event_time", TIME, "Time of the event", "UTC", of=lambda f: f.inspection.event.time),
)
# fmt: on
