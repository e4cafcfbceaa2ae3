"""DEL: what published delivery specifications ask of EXR files. Off unless a profile switches them on.

Specifications change; the titles say what was published when this was written, and the parameters say the numbers.
"""

from __future__ import annotations

import re

from pydantic import Field

from exr_inspector.exr.header.values import Compression, PixelType
from exr_inspector.model import Severity
from exr_inspector.validation.facts import colourspaces as spaces
from exr_inspector.validation.facts.facts import FileFacts, PartFacts
from exr_inspector.validation.parameters import Size
from exr_inspector.validation.rule import NOTHING, Found, Results, file_rule, part_rule
from exr_inspector.validation.rules.channels import listed
from exr_inspector.validation.rules.colour import ColourParameters, tagged_space
from exr_inspector.validation.rules.compression import codec_name

_VFX = "Netflix VFX requirements"
_NAM = "Netflix non-graded archival master specifications"
_NAMING = "Netflix VFX plate naming"
_FOX = "Fox final archive specification"
_ACCEPTED = frozenset({Compression.NONE, Compression.ZIPS, Compression.ZIP, Compression.PIZ})
_COLOUR = frozenset({"R", "G", "B", "A"})
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_PADDING = 4


def _format(part: PartFacts, allowed: frozenset[Compression], expected: str) -> list[Found]:
    """Colour that is not HALF, and compressions that are not allowed."""
    found = []
    hit = [c for c in part.channels if c.name in _COLOUR and c.pixel_type != PixelType.HALF]
    if hit:
        names = listed(f"{c.name} {c.type_name}" for c in hit)
        found.append(Found(f"Colour is not HALF: {names}", names, "HALF", hit[0].name))
    if part.compression not in allowed:
        codec = codec_name(part.compression)
        found.append(Found(f"The compression is {codec}", codec, expected))
    return found


def _linear(part: PartFacts, *, only: str | None = None) -> list[Found]:
    """A tag that names no scene-linear space, or another than `only`."""
    space = tagged_space(part)
    if space is None or space == spaces.DATA:
        return []
    if spaces.is_non_linear(space) or (only is not None and space != only):
        return [Found(f"The colour space is tagged {space}", space, only or "a scene-linear space")]
    return []


def _resolution(part: PartFacts, parameters: DeliveryParameters) -> list[Found]:
    wanted, display = parameters.minimum_resolution, part.part.display_window
    if wanted is None or display is None or (display.width >= wanted[0] and display.height >= wanted[1]):
        return []
    found, expected = f"{display.width}x{display.height}", f"{wanted[0]}x{wanted[1]}"
    return [Found(f"The display window is {found}; at least {expected} is asked for", found, expected)]


class DeliveryParameters(ColourParameters):
    """Parameters of the rules about delivery specifications."""

    minimum_resolution: Size | None = Field(
        None, description="Least width and height of the display window (DEL-NFX-WIDTH, DEL-NFX-NAM, DEL-FOX-EXR)."
    )


@part_rule(
    "DEL-NFX-FORMAT",
    Severity.ERROR,
    "VFX pulls and finals are HALF, uncompressed or compressed by ZIP or PIZ",
    why="Other files are refused.",
    source=_VFX,
    fix="Write HALF with ZIP or PIZ.",
    command="oiiotool IN.exr -d half --compression zip -o OUT.exr",
    profiles={"netflix-vfx": "error"},
    version=2,
)
def netflix_format(part: PartFacts, _parameters: DeliveryParameters) -> Results:
    """Pixel type of the base layer's colour, and compression."""
    return _format(part, _ACCEPTED, "NONE, ZIP or PIZ")


@part_rule(
    "DEL-NFX-LINEAR",
    Severity.ERROR,
    "VFX pulls and finals are linear",
    why="Log EXR is refused.",
    source=_VFX,
    fix="Convert the image to the scene-linear working space.",
    command="oiiotool IN.exr --colorconvert FROM TO -o OUT.exr",
    profiles={"netflix-vfx": "error"},
    limits="colour tags; pixels that look logarithmic are told by PIX-LOGLIKE",
)
def netflix_linear(part: PartFacts, _parameters: DeliveryParameters) -> Results:
    """What the colour tags say; untagged files and pixels are for other rules."""
    return _linear(part)


@part_rule(
    "DEL-NFX-WIDTH",
    Severity.ERROR,
    "The image has the least resolution that is asked for",
    why="Smaller images are refused, enlarged ones, too.",
    source=_VFX,
    fix="Deliver at the resolution that was agreed; do not enlarge.",
    profiles={"netflix-vfx": "error"},
    needs=("minimum_resolution",),
)
def netflix_width(part: PartFacts, parameters: DeliveryParameters) -> Results:
    """The display window against `minimum_resolution`."""
    return _resolution(part, parameters)


@part_rule(
    "DEL-NFX-NAM",
    Severity.ERROR,
    "Archival masters are HALF, NONE, ZIP or PIZ, linear and of full resolution",
    why="Other files are refused for the archive.",
    source=_NAM,
    fix="Write HALF with NONE, ZIP or PIZ, linear, at the resolution of the master.",
    command="oiiotool IN.exr -d half --compression zip -o OUT.exr",
    profiles={"netflix-nam": "error"},
)
def netflix_archival(part: PartFacts, parameters: DeliveryParameters) -> Results:
    """Pixel type, compression, tags (`colour_space` where it is set) and resolution."""
    found = _format(part, _ACCEPTED, "NONE, ZIP or PIZ")
    return found + _linear(part, only=parameters.colour_space) + _resolution(part, parameters)


@file_rule(
    "DEL-NFX-NAMES",
    Severity.WARNING,
    "File names have letters, digits, dots, underscores and hyphens, and four digits for the frame",
    why="Other names break transfer and ingest.",
    source=_NAMING,
    fix="Rename the files.",
    profiles={"netflix-vfx": "warning", "netflix-nam": "warning"},
    limits="characters and padding of each name; versions and repeated names need the whole delivery",
)
def netflix_names(file: FileFacts, _parameters: DeliveryParameters) -> Results:
    """The file name's characters and its frame padding."""
    name = file.inspection.name
    found = []
    if not _NAME.fullmatch(name.file_name):
        found.append(
            Found(f"The file name {name.file_name!r} has other characters", name.file_name, "a-z A-Z 0-9 . _ -")
        )
    if name.frame is not None and name.padding != _PADDING:
        found.append(Found(f"The frame number has {name.padding} digits", str(name.padding), str(_PADDING)))
    return found


@part_rule(
    "DEL-FOX-EXR",
    Severity.ERROR,
    "Archive EXR is HALF, NONE, ZIP or PIZ, linear and of full resolution",
    why="Other files are refused for the archive.",
    source=_FOX,
    fix="Write HALF with NONE, ZIP or PIZ, linear, at the resolution of the master.",
    command="oiiotool IN.exr -d half --compression zip -o OUT.exr",
)
def fox_archive(part: PartFacts, parameters: DeliveryParameters) -> Results:
    """Pixel type, compression, tags and resolution."""
    if not part.channels:
        return NOTHING
    return _format(part, _ACCEPTED, "NONE, ZIP or PIZ") + _linear(part) + _resolution(part, parameters)
