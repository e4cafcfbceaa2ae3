"""The summary of an inspected file, which sequence rules compare; the function validates sequences by rows instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from heapq import nsmallest

from exr_inspector.exr.cryptomatte.manifests import ManifestError, parse_manifest
from exr_inspector.exr.header.parser import PartHeader
from exr_inspector.exr.header.values import Chromaticities, Compression, LevelMode, Rational, TimeCode, code_name
from exr_inspector.model import ColourLines, Inspection, Severity, Status, ZeroGrid
from exr_inspector.validation.facts import timecodes
from exr_inspector.validation.facts.colourspaces import other_tag, with_gamut
from exr_inspector.validation.frame_pixels import frame_pixels, layers_of_parts, view_pixels
from exr_inspector.validation.frames import (
    OBJECTS,
    TEXT_CHARACTERS,
    FramePixels,
    FrameSummary,
    FrameView,
    channel_text,
    compared_aspect,
    compared_values,
    embedded_frame,
    joined_hashes,
)
from exr_inspector.validation.layer_frames import image_hash, layer_frames


def _storage(parts: Iterable[PartHeader]) -> str:
    words = []
    for part in parts:
        tiles = part.tiles if part.is_tiled else None
        size = f" {tiles.x_size}x{tiles.y_size} mode {tiles.mode}" if tiles else ""
        words.append(f"{part.part_type}{size}")
    return ", ".join(words)


def _colour(part: PartHeader) -> str:
    words = [part.text("colorInteropID") or ""]
    values = part.value("chromaticities", "chromaticities")
    if isinstance(values, Chromaticities):
        words.append(with_gamut(values))
    if part.integer("acesImageContainerFlag") == 1:
        words.append("ACES container")
    if not any(words) and (other := other_tag(part)):
        words = [other[1]]
    return ", ".join(filter(None, words)) or "untagged"


def _cryptomattes(inspection: Inspection) -> tuple[str, ...]:
    """Key and number of layers of each Cryptomatte, sorted: the order of attributes and parts has no meaning."""
    mattes = [matte for names in inspection.names for matte in names.cryptomattes]
    return tuple(sorted(f"{matte.key}: {len(matte.rank_layers)} layers" for matte in mattes))


def _objects(inspection: Inspection) -> dict[str, tuple[tuple[str, str], ...]]:
    """Ids and names of some objects of each Cryptomatte by the order of ids, which are hashes; whole manifests are large.

    Without names, only Cryptomattes whose pixels hold ids.
    """
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    with_ids = {each.key for each in (inspection.pixels.mattes if inspection.pixels else ()) if each.id_count}
    for matte in (matte for names in inspection.names for matte in names.cryptomattes):
        try:
            manifest = parse_manifest(matte.manifest or ("" if matte.manifest_file else "{}"))
        except ManifestError:
            continue
        name = matte.name or matte.key
        if manifest or (matte.key in with_ids and name not in found):
            found[name] = tuple(
                nsmallest(OBJECTS, ((value, each[:TEXT_CHARACTERS]) for each, value in manifest.items()))
            )
    return found


def _pixel_hash(inspection: Inspection) -> str | None:
    report = inspection.pixels
    if report is None or not report.parts:
        return None
    return joined_hashes([part.pixel_hash for part in report.parts])


def _pixels(inspection: Inspection) -> FramePixels | None:
    report = inspection.pixels
    if report is None:
        return None
    zeros = next((part.zeros for part in report.parts if part.zeros is not None), None)
    lines = next((part.lines for part in report.parts if part.lines is not None), None)
    header = inspection.header
    parts = layers_of_parts((part.index, part.name, part.view) for part in header.parts) if header is not None else {}
    return frame_pixels(report.channels, zeros, lines, path=inspection.key, parts=parts)


def _other_views(inspection: Inspection) -> dict[str, FrameView]:
    report, header = inspection.pixels, inspection.header
    if report is None or header is None:
        return {}
    part_views = {part.index: part.view for part in header.parts}
    maps: dict[str, tuple[ZeroGrid | None, ColourLines | None]] = {}
    hashes: dict[str, list[str | None]] = {}
    for part in report.parts:
        maps |= part.views
        if view := part_views[part.part]:
            hashes.setdefault(view, []).append(part.pixel_hash)
            if part.lines is not None:
                maps.setdefault(view, (part.zeros, part.lines))
    views = {view for names in inspection.names for view in names.views}
    found = view_pixels(report.channels, part_views, views, maps, path=inspection.key)
    return {
        view: FrameView(pixels, joined_hashes(hashes.get(view, ())) if len(part_views) > 1 else image_hash(pixels))
        for view, pixels in found.items()
    }


def _is_texture(part: PartHeader) -> bool:
    return part.is_tiled and part.tiles is not None and part.tiles.mode & 15 != LevelMode.ONE_LEVEL


def frame_of_inspection(inspection: Inspection) -> FrameSummary | None:
    """Summarise an inspected file; None for a file that is not a frame."""
    name, version, header = inspection.name, inspection.version, inspection.header
    if name.sequence is None or name.frame is None:
        return None
    base = FrameSummary(
        path=inspection.path,
        sequence=name.sequence,
        frame=name.frame,
        padding=name.padding,
        size_bytes=version.size_bytes if version else None,
        mtime=version.mtime if version else None,
        status=inspection.status.value,
        has_error=inspection.status is Status.FAILED or inspection.worst_severity is Severity.ERROR,
        error_codes=inspection.error_codes,
        is_unread=bool(inspection.unread),
    )
    if header is None or not header.parts or header.is_partial:
        return base
    first = header.parts[0]
    rate = first.value("framesPerSecond", "rational")
    code = first.value("timeCode", "timecode")
    compressions = [part.compression for part in header.parts]
    return replace(
        base,
        display_window=first.display_window,
        pixel_aspect=compared_aspect(first.pixel_aspect_ratio),
        data_window=first.data_window,
        channels=tuple(
            channel_text(part.index, channel.name, names.part_layer, channel.type_name)
            for part, names in zip(header.parts, inspection.names, strict=True)
            for channel in sorted(part.channels or ())
        ),
        compression=", ".join(code_name(Compression, c) for c in compressions if c is not None),
        storage=_storage(header.parts),
        colour="; ".join(_colour(part) for part in header.parts),
        views=", ".join(dict.fromkeys(view for names in inspection.names for view in names.views)),
        software=inspection.provenance.product,
        host=inspection.provenance.render_host,
        frame_rate=rate.value if isinstance(rate, Rational) else None,
        timecode_rate=first.integer("timecodeRate"),
        time_code=timecodes.clock_of(code) if isinstance(code, TimeCode) else None,
        embedded_frame=embedded_frame(first),
        cryptomattes=_cryptomattes(inspection),
        objects=_objects(inspection),
        pixel_hash=_pixel_hash(inspection),
        pixels=_pixels(inspection),
        other_views=_other_views(inspection),
        layers=layer_frames(inspection),
        is_complete=inspection.is_complete,
        **compared_values(first.attributes),
        is_texture=any(map(_is_texture, header.parts)),
    )
