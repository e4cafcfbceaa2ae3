"""Draft a policy from a good delivery: the properties that all of its files share become requirements.

Pure: inspections in, YAML text out. A person who knows the show must remove the requirements that are coincidences.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import yaml

from exr_inspector.errors import PolicyError
from exr_inspector.exr.header.attributes import KNOWN_TYPES
from exr_inspector.exr.header.parser import PartHeader
from exr_inspector.exr.header.standard import REQUIRED
from exr_inspector.exr.header.values import Compression, PixelType, code_name
from exr_inspector.model import Inspection
from exr_inspector.texts import visible
from exr_inspector.validation.facts.colourspaces import PUBLISHED
from exr_inspector.validation.frames import scalar
from exr_inspector.validation.inspected_frames import frame_of_inspection
from exr_inspector.validation.rule import counted, listed

_MAX_ATTRIBUTES = 40
_OF_ALIKE = ("show_resolution", "expected_layers", "file_name")  # parameters that sequences of one kind have in common
_DIGITS = re.compile(r"\d+", re.ASCII)
# Attributes that differ from frame to frame, or that other rules check.
_LEFT_OUT = frozenset(REQUIRED) | {
    "type", "name", "view", "version", "chunkCount", "multiView", "capDate", "timeCode", "imageCounter", "keyCode",
    "framesPerSecond", "chromaticities", "colorInteropID", "originalDataWindow", "tiles",
}  # fmt: skip


def _common(values: Iterable[Any]) -> Any:
    """The value that all have in common; None if they differ or one is None."""
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else None


def _layers(inspection: Inspection) -> tuple[str, ...]:
    names = (name.layer or part.part_layer for part in inspection.names for name in part.channels)
    return tuple(dict.fromkeys(names))


def _attributes(firsts: Sequence[PartHeader]) -> list[dict[str, Any]]:
    """The attributes that all first parts have with the same type, with their value if it is the same in all."""
    shared = set.intersection(*({each.name for each in part.attributes} for part in firsts)) - _LEFT_OUT
    found = []
    for name in sorted(name for name in shared if not name.startswith("cryptomatte/")):
        attributes = [part.by_name[name] for part in firsts]
        type_name = _common(each.type_name for each in attributes)
        # SHOW-ATTRIBUTE refuses an empty text, so a file of a good delivery that has one needs no such attribute.
        if type_name is None or any(isinstance(each.value, str) and not each.value.strip() for each in attributes):
            continue
        demand: dict[str, Any] = {"name": name} | ({"type": type_name} if type_name in KNOWN_TYPES else {})
        value = _common(scalar(each.value) for each in attributes) if len(firsts) > 1 else None
        if isinstance(value, (int, float)) or (isinstance(value, str) and 0 < len(value) <= 80 and value.isprintable()):
            demand["value"] = value
        found.append(demand)
    return found[:_MAX_ATTRIBUTES]


def _file_name(inspections: Sequence[Inspection]) -> str | None:
    """A regular expression of the file names, in which each number may be any of the same length; None if names differ more."""
    shapes = (_DIGITS.sub(lambda match: "\0" * len(match[0]), each.name.file_name) for each in inspections)
    shape = _common(shapes)
    if shape is None:
        return None
    return re.sub(
        "\0+", lambda match: rf"\d{{{len(match[0])}}}", "".join(c if c == "\0" else re.escape(c) for c in shape)
    )


def _frame_range(inspections: Sequence[Inspection]) -> list[int] | None:
    frames = sorted(each.name.frame for each in inspections if each.name.frame is not None)
    is_one = _common(each.name.sequence for each in inspections) is not None
    return [frames[0], frames[-1]] if is_one and len(frames) > 1 and len(frames) == len(inspections) else None


def _size(part: PartHeader) -> tuple[int, int] | None:
    return (part.display_window.width, part.display_window.height) if part.display_window else None


def _beauty_type(part: PartHeader) -> str | None:
    code = _common(channel.pixel_type for channel in part.channels or () if channel.name in {"R", "G", "B"})
    return PixelType(code).name if code in {PixelType.HALF, PixelType.FLOAT} else None


def _colour_space(part: PartHeader) -> str | None:
    space = part.text("colorInteropID")
    return space if space in PUBLISHED else None


def draft_policy(
    inspections: Iterable[Inspection], *, name: str, frame_range: bool = True, doubts: Iterable[str] = ()
) -> str:
    """Draft a policy, as YAML.

    Args:
        inspections: Good files; those that could not be read as OpenEXR are left out.
        name: Name of the policy.
        frame_range: Whether the frames of a single sequence become the required frame range.
        doubts: Reasons why the delivery may not be good; they become comments at the top of the draft.

    Raises:
        PolicyError: No file could be read.
    """
    good = [
        each for each in inspections if each.header is not None and each.header.parts and not each.header.is_partial
    ]
    if not good:
        raise PolicyError("no OpenEXR file to draft a policy from")
    parts = [[*each.header.parts] for each in good if each.header]
    firsts = [one[0] for one in parts]

    def of_first(read: Callable[[PartHeader], Any]) -> Any:
        return _common(map(read, firsts))

    codecs = sorted({part.compression for one in parts for part in one if part.compression is not None})
    frames = [frame for each in good if (frame := frame_of_inspection(each)) is not None]
    parameters = {
        "show_resolution": of_first(_size),
        "pixel_aspect_ratio": of_first(lambda part: part.pixel_aspect_ratio),
        "expected_layers": _common(map(_layers, good)),
        "beauty_pixel_type": of_first(_beauty_type),
        "codecs": [code_name(Compression, code) for code in codecs],
        "colour_space": of_first(_colour_space),
        "frame_rate": _common(frame.frame_rate for frame in frames) if len(frames) == len(good) else None,
        "frame_range": _frame_range(good) if frame_range else None,
        "file_name": _file_name(good),
        "attributes": _attributes(firsts),
    }
    varied = [key for key in _OF_ALIKE if not parameters[key]] if len(good) > 1 else []
    if varied:
        doubts = [*doubts, f"the files differ in {listed(varied)}: draft each kind of sequence by itself (see `paths`)"]
    document = {
        "name": name,
        "version": "1",
        "description": f"Drafted from {counted(len(good), 'file')} by `policy init`.",
        "extends": "default",
        "parameters": {
            key: list(value) if isinstance(value, tuple) else value for key, value in parameters.items() if value
        },
    }
    head = "# Properties that all files of a good delivery share. Remove those that are coincidences, then raise the version.\n"
    head += "".join(f"# Not certain: {visible(doubt)}\n" for doubt in doubts)
    return head + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
