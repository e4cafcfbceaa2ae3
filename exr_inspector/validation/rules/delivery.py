"""DEL: requirements of published delivery specifications on EXR files. They are off unless a profile turns them on.

Specifications change: the titles state what was published when the rules were written, and parameters hold the numbers.
"""

from __future__ import annotations

import math
import re

from pydantic import Field

from exr_inspector.exr.header.values import Compression, PixelType, TimeCode
from exr_inspector.model import Severity
from exr_inspector.validation.facts import colourspaces as spaces
from exr_inspector.validation.facts import timecodes
from exr_inspector.validation.facts.facts import FileFacts, PartFacts
from exr_inspector.validation.parameters import Digits, Size
from exr_inspector.validation.rule import NOTHING, Found, Remedy, Results, counted, file_rule, listed, part_rule
from exr_inspector.validation.rules.colour import tagged_space
from exr_inspector.validation.rules.compression import codec_name
from exr_inspector.validation.rules.times import TimeParameters, frame_rate

_VFX = "Netflix VFX requirements"
_NAM = "Netflix non-graded archival master specifications"
_NAMING = "Netflix VFX plate naming"
_FOX = "Fox final archive specification"
_ACCEPTED = frozenset({Compression.NONE, Compression.ZIPS, Compression.ZIP, Compression.PIZ})
_COLOUR = frozenset({"R", "G", "B", "A"})
_OTHER_CHARACTERS = re.compile(r"[^A-Za-z0-9._-]")
_VERSION = re.compile(r"(?<![a-z0-9])v[0-9]+(?![a-z0-9])", re.IGNORECASE)


def _format(part: PartFacts) -> list[Found]:
    """Report colour that is not HALF, and compressions other than NONE, ZIP (of one or 16 lines) and PIZ."""
    found = []
    hit = [c for c in part.channels if c.name in _COLOUR and c.pixel_type != PixelType.HALF]
    if hit:
        names = listed(f"{c.name} {c.type_name}" for c in hit)
        found.append(Found(f"Colour is {names}; expected HALF", hit[0].type_name, "HALF", hit[0].name))
    if part.compression not in _ACCEPTED:
        codec, expected = codec_name(part.compression), "NONE, ZIP or PIZ"
        found.append(Found(f"The compression is {codec}; expected {expected}", codec, expected))
    return found


def _linear(part: PartFacts) -> list[Found]:
    """Report a tag that names no scene-linear space. Camera-native linear spaces and untagged images are accepted."""
    space = tagged_space(part)
    if space is None or not (spaces.is_non_linear(space) or spaces.is_encoded_name(space)):
        return []
    return [Found(f"The colour space is tagged {space}; expected a scene-linear space", space, "a scene-linear space")]


def _resolution(part: PartFacts, parameters: DeliveryParameters) -> list[Found]:
    """Report a display window that is too small. Its width is counted in square pixels, as the specifications require."""
    wanted, display = parameters.minimum_resolution, part.part.display_window
    if wanted is None or display is None or part.index:  # all parts have the display window of the first one
        return []
    ratio = part.part.pixel_aspect_ratio
    aspect = ratio if ratio is not None and math.isfinite(ratio) and ratio > 0 else 1.0  # WIN-PAR-RANGE reports others
    width = display.width * aspect
    found = f"{display.width}x{display.height}"
    if aspect != 1:
        found += f" with a pixel aspect ratio of {aspect:g}, {width:.0f} square pixels wide"
    lacking = []
    if width < wanted[0]:
        lacking.append(f"at least {wanted[0]} {'square ' * (aspect != 1)}pixels wide")
    if display.height < wanted[1]:
        lacking.append(f"at least {wanted[1]} pixels high")
    if not lacking:
        return []
    expected = " and ".join(lacking)
    return [Found(f"The display window is {found}; expected {expected}", found, expected)]


class DeliveryParameters(TimeParameters):
    """Parameters of the rules on delivery specifications."""

    frame_digits: Digits = Field((4, 10), description="Fewest and most digits of frame numbers (DEL-NFX-NAMES).")
    version_in_name: bool = Field(
        False, description="Whether file names must have a version, as in v001 (DEL-NFX-NAMES)."
    )
    minimum_resolution: Size | None = Field(
        None, description="Least width and height of the display window (DEL-NFX-WIDTH, DEL-NFX-NAM, DEL-FOX-EXR)."
    )


@part_rule(
    "DEL-NFX-FORMAT",
    Severity.ERROR,
    "Netflix VFX pulls and finals have HALF colour, and no compression, ZIP or PIZ",
    why="Netflix refuses other files.",
    source=_VFX,
    fix="Write R, G, B and A as HALF, with ZIP or PIZ.",
    command="oiiotool IN.exr -a -d R=half -d G=half -d B=half -d A=half --compression zip -o OUT.exr",
    remedy=Remedy.CONVERSION,
    profiles={"netflix-vfx": "error"},
)
def netflix_format(part: PartFacts, _: object) -> Results:
    return _format(part)


@part_rule(
    "DEL-NFX-LINEAR",
    Severity.ERROR,
    "Netflix VFX pulls and finals are scene-linear",
    why="Netflix refuses logarithmic EXR.",
    source=_VFX,
    fix="Convert the image to the scene-linear working space; the command needs the show's OpenColorIO configuration ($OCIO).",
    command="oiiotool IN.exr --colorconvert FROM TO -o OUT.exr",
    remedy=Remedy.CONVERSION,
    profiles={"netflix-vfx": "error"},
    limits="Colour tags; PIX-LOGLIKE reports pixels that look logarithmic.",
)
def netflix_linear(part: PartFacts, _: object) -> Results:
    return _linear(part)


@part_rule(
    "DEL-NFX-WIDTH",
    Severity.ERROR,
    "The display window has at least the resolution in minimum_resolution",
    why="Netflix refuses smaller images, and images that were enlarged.",
    source=_VFX,
    fix="Render or scan at the agreed resolution; do not enlarge the image.",
    profiles={"netflix-vfx": "error"},
    needs=("minimum_resolution",),
)
def netflix_width(part: PartFacts, parameters: DeliveryParameters) -> Results:
    return _resolution(part, parameters)


@part_rule(
    "DEL-NFX-NAM",
    Severity.ERROR,
    "Netflix archival masters have HALF colour, no compression, ZIP or PIZ, scene-linear values and at "
    "least minimum_resolution",
    why="Netflix refuses other files for the archive.",
    source=_NAM,
    fix="Write HALF without compression or with ZIP or PIZ, scene-linear, at the master's resolution.",
    command="oiiotool IN.exr -a -d R=half -d G=half -d B=half -d A=half --compression zip -o OUT.exr",
    profiles={"netflix-nam": "error"},
)
def netflix_archival(part: PartFacts, parameters: DeliveryParameters) -> Results:
    return _format(part) + _linear(part) + _resolution(part, parameters)


@file_rule(
    "DEL-NFX-NAMES",
    Severity.WARNING,
    "File names consist of letters, digits, dots, underscores and hyphens; their frame numbers have frame_digits digits, and "
    "they have a version if version_in_name is set",
    why="Transfer and ingest tools fail on other names.",
    source=_NAMING,
    fix="Rename the files; the message names the character or the number of digits.",
    remedy=Remedy.NAME,
    profiles={"netflix-vfx": "warning", "netflix-nam": "warning"},
    limits="Repeated names are not checked, nor whether versions rise.",
)
def netflix_names(file: FileFacts, parameters: DeliveryParameters) -> Results:
    name = file.inspection.name
    found = []
    if odd := sorted(set(_OTHER_CHARACTERS.findall(name.file_name))):
        message = f"The file name {name.file_name!r} has {listed(map(repr, odd))}"
        message += "; expected letters, digits, dots, underscores and hyphens"
        found.append(Found(message, name.file_name, "a-z A-Z 0-9 . _ -"))
    fewest, most = parameters.frame_digits
    if name.frame is not None and not fewest <= name.padding <= most:
        expected = str(fewest) if fewest == most else f"{fewest} to {most}"
        message = f"The frame number has {counted(name.padding, 'digit')}; expected {expected}"
        found.append(Found(message, str(name.padding), expected))
    if parameters.version_in_name and not _VERSION.search(name.file_name):
        found.append(
            Found(f"The file name {name.file_name!r} has no version such as v001", name.file_name, "a version")
        )
    return found


@file_rule(
    "DEL-NFX-TIMECODE",
    Severity.ERROR,
    "The frame number of a Netflix archival master is its time code, counted in frames",
    why="Masters are aligned with the timeline by frame number: 01:00:00:00 at 24 frames per second is frame 86400.",
    source=_NAM,
    fix="Rename the frames: the frame number is the time code times the frame rate.",
    remedy=Remedy.NAME,
    profiles={"netflix-nam": "error"},
    limits="Only files with timeCode, and a frame rate of their own or of the policy.",
)
def netflix_time_code(file: FileFacts, parameters: DeliveryParameters) -> Results:
    """Compare the number in the name with timeCode at framesPerSecond, timecodeRate or `frame_rate`."""
    header, frame = file.header.parts[0], file.inspection.name.frame
    value, rate = header.value("timeCode", "timecode"), frame_rate(file.parts[0]) or parameters.frame_rate
    if not isinstance(value, TimeCode) or frame is None or not rate or not 1 <= rate <= 30.5:
        return NOTHING
    clock = timecodes.clock_of(value)
    counted = timecodes.frame_count(clock, rate)
    if counted == frame:
        return NOTHING
    code = f"the time code {clock.text} at {rate:g} frames per second"
    return [Found(f"The frame number is {frame}, {code} is frame {counted}", str(frame), str(counted))]


@part_rule(
    "DEL-FOX-EXR",
    Severity.ERROR,
    "Fox archive files have HALF colour, no compression, ZIP or PIZ, scene-linear values and at least "
    "minimum_resolution",
    why="Fox refuses other files for the archive.",
    source=_FOX,
    fix="Write HALF without compression or with ZIP or PIZ, scene-linear, at the master's resolution.",
    command="oiiotool IN.exr -a -d R=half -d G=half -d B=half -d A=half --compression zip -o OUT.exr",
)
def fox_archive(part: PartFacts, parameters: DeliveryParameters) -> Results:
    if not part.channels:
        return NOTHING
    return _format(part) + _linear(part) + _resolution(part, parameters)
