"""ACE: SMPTE ST 2065-4 containers. The rules apply if a file claims to be one or the policy requires it.

The text of the standard was not available: the rules follow reference writers and readers of the container, so requirements of
the standard may be missing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pydantic import Field

from exr_inspector.exr.header.values import Attribute, Channel, Compression, LineOrder, PixelType, code_name
from exr_inspector.model import Severity
from exr_inspector.validation.facts import colourspaces as spaces
from exr_inspector.validation.facts import traits as t
from exr_inspector.validation.facts.facts import FileFacts, PartFacts
from exr_inspector.validation.parameters import RuleParameters
from exr_inspector.validation.rule import NOTHING, Found, Remedy, Results, file_rule, listed, part_rule
from exr_inspector.validation.rules.colour import chromaticities, short
from exr_inspector.validation.rules.compression import codec_name

_EXR2ACES = "OpenEXR exr2aces"
_OIIO = "OpenImageIO ACES container check"
_WRITER = "Academy's reference container writer"
_HEADER_LIMIT_BYTES = 1 << 20
_SETS = (
    frozenset({"B", "G", "R"}),
    frozenset({"A", "B", "G", "R"}),
    frozenset({"B", "G", "R", "left.B", "left.G", "left.R"}),
    frozenset({"A", "B", "G", "R", "left.A", "left.B", "left.G", "left.R"}),
)
_ALLOWED = frozenset().union(*_SETS)
_STRINGS = (
    "cameraFirmwareVersion", "cameraIdentifier", "cameraLabel", "cameraMake", "cameraModel", "cameraSerialNumber",
    "comments", "creator", "lensAttributes", "lensFirmwareVersion", "lensMake", "lensModel", "lensSerialNumber", "owner",
    "recorderFirmwareVersion", "recorderMake", "recorderModel", "recorderSerialNumber", "reelName",
    "storageMediaSerialNumber",
)  # fmt: skip


def _if_claimed(trait: int) -> Callable[[AcesParameters], int]:
    """The traits for which rules are called: files with one, or all files if the policy requires containers."""
    return lambda parameters: t.ALWAYS if parameters.aces_container else trait


_part_rule = partial(part_rule, when=_if_claimed(t.ACES_CONTAINER))
_file_rule = partial(file_rule, when=_if_claimed(t.ACES_CONTAINER))


class AcesParameters(RuleParameters):
    """Parameters of the rules on ACES containers."""

    aces_container: bool = Field(
        False, description="Check every file as an ACES container, not only files with acesImageContainerFlag."
    )


def flag_text(attribute: Attribute) -> str:
    """Describe a flag that is not 1: its type, or its value if it is an int."""
    return f"int {attribute.value!r}" if attribute.type_name == "int" else attribute.type_name


@part_rule(
    "ACE-FLAG",
    Severity.ERROR,
    "acesImageContainerFlag is the int 1",
    why="Readers recognise an ACES container by this flag.",
    source=f"{_EXR2ACES}; {_OIIO}; {_WRITER}",
    fix="Write the flag as an int with the value 1.",
    command="exrstdattr -int acesImageContainerFlag 1 IN.exr OUT.exr",
    remedy=Remedy.EDIT,
    when=_if_claimed(t.ACES),
)
def flag(part: PartFacts, _: object) -> Results:
    """Report a flag that is absent or not 1; another type than int is left to STR-REQ-TYPE."""
    attribute = part.part.by_name.get("acesImageContainerFlag")
    if attribute is not None and (attribute.type_name != "int" or attribute.value == 1):
        return NOTHING
    found = "absent" if attribute is None else flag_text(attribute)
    return [Found(f"acesImageContainerFlag is {found}; expected int 1", found, "int 1")]


@_file_rule(
    "ACE-VERSION",
    Severity.ERROR,
    "The file is a single flat scan line part (version field 2, or 0x402 with long names)",
    why="ACES containers are a subset of OpenEXR 1: no tiles, no deep data, no several parts.",
    source=_EXR2ACES,
    fix="Write a single flat scan line part. The command accepts no compression, PIZ or B44A, and R, G, B, A.",
    command="exr2aces IN.exr OUT.exr",
    remedy=Remedy.CONVERSION,
)
def aces_version(file: FileFacts, _: object) -> Results:
    word = file.header.version_word
    if word in {0x002, 0x402}:
        return NOTHING
    return [Found(f"The version word is 0x{word:x}; ACES containers have 0x2 or 0x402", f"0x{word:x}", "0x2 or 0x402")]


@_part_rule(
    "ACE-COMPRESSION",
    Severity.ERROR,
    "Pixels are not compressed",
    why="SMPTE ST 2065-4 forbids compression.",
    source=f"{_EXR2ACES}; {_OIIO}; {_WRITER}; ACEScentral",
    fix="Write the file without compression.",
    command="oiiotool IN.exr -a --compression none -o OUT.exr",
    remedy=Remedy.CONVERSION,
)
def aces_compression(part: PartFacts, _: object) -> Results:
    if part.compression == Compression.NONE:
        return NOTHING
    codec = codec_name(part.compression)
    return [Found(f"The compression is {codec}; ACES containers have none", codec, "NONE")]


@_part_rule(
    "ACE-LINEORDER",
    Severity.ERROR,
    "lineOrder is increasing",
    why="The Academy's reference writer writes no other order.",
    source=_WRITER,
    fix="Write the file again with lineOrder INCREASING_Y.",
    command="exr2aces IN.exr OUT.exr",
    remedy=Remedy.CONVERSION,
    limits="Only the attribute; CHK-LINEORDER and CHK-GAPS check the positions of chunks.",
)
def line_order(part: PartFacts, _: object) -> Results:
    order = part.part.line_order
    if order is None or order == LineOrder.INCREASING_Y:
        return NOTHING
    name = code_name(LineOrder, order)
    return [Found(f"lineOrder is {name}; ACES containers have INCREASING_Y", name, "INCREASING_Y")]


@_part_rule(
    "ACE-CHANNELS",
    Severity.ERROR,
    "Channels are R, G, B and optionally A, for stereo also those of the left eye",
    why="SMPTE ST 2065-4 allows no other channels.",
    source=f"{_EXR2ACES}; {_OIIO}; {_WRITER}",
    fix="Write R, G, B and A only, and other layers into another file. Leave A out of the command if the file has none.",
    command="oiiotool IN.exr --ch R,G,B,A -o OUT.exr",
    remedy=Remedy.CONVERSION,
)
def aces_channels(part: PartFacts, _: object) -> Results:
    names = frozenset(channel.name for channel in part.channels)
    if names in _SETS:
        return NOTHING
    found = listed(sorted(names))
    return [Found(f"The channels are {found}; ACES containers have R, G, B and perhaps A", found, "R, G, B[, A]")]


@_part_rule(
    "ACE-HALF",
    Severity.ERROR,
    "Every channel is HALF with sampling 1, 1",
    why="SMPTE ST 2065-4 allows no other pixel type or sampling.",
    source=f"{_OIIO}; ACEScentral",
    fix="Write every channel as HALF.",
    command="oiiotool IN.exr -a -d half -o OUT.exr",
    remedy=Remedy.CONVERSION,
)
def half(part: PartFacts, _: object) -> Results:
    hit = [
        channel
        for channel in part.channels
        if channel.name in _ALLOWED  # others are reported by ACE-CHANNELS
        and (channel.pixel_type != PixelType.HALF or (channel.x_sampling, channel.y_sampling) != (1, 1))
    ]
    if not hit:
        return NOTHING
    found = listed(map(_type_and_sampling, hit))
    return [Found(f"Not HALF at every pixel: {found}", found, "HALF", hit[0].name)]


def _type_and_sampling(channel: Channel) -> str:
    """The channel with its type, and with its sampling if it is subsampled."""
    x, y = channel.x_sampling, channel.y_sampling
    where = "" if (x, y) == (1, 1) else f" for each {x} x {y} pixels"
    return f"{channel.name} {channel.type_name}{where}"


@_part_rule(
    "ACE-CHROMA",
    Severity.ERROR,
    "chromaticities are those of AP0",
    why="SMPTE ST 2065-4 requires them.",
    source=f"{_EXR2ACES}; {_OIIO}; OpenEXRCore 3.5 color_metadata.c",
    yields_to=("STR-REQ-TYPE",),
    fix="Convert the pixels to ACES2065-1. The command accepts no compression, PIZ or B44A, and R, G, B, A.",
    command="exr2aces IN.exr OUT.exr",
    remedy=Remedy.CONVERSION,
)
def chroma(part: PartFacts, _: object) -> Results:
    """Report chromaticities that are absent or differ from AP0 by more than 0.001."""
    values = chromaticities(part)
    if values is not None and spaces.are_close(values, spaces.PRIMARIES[spaces.ACES]):
        return NOTHING
    attribute = part.part.by_name.get("chromaticities")
    found = short(values) if values is not None else attribute.type_name if attribute else "absent"
    return [Found(f"chromaticities are {found}; expected those of AP0", found, "AP0")]


@_part_rule(
    "ACE-ID",
    Severity.WARNING,
    "colorInteropID is lin_ap0_scene or absent",
    why="Another id contradicts the container's flag, which says ACES2065-1.",
    source=f"ASWF Color Interop recommendation 04; {_OIIO}",
    fix="If the pixels are ACES2065-1, write lin_ap0_scene or remove the id.",
    command="exrstdattr -string colorInteropID lin_ap0_scene IN.exr OUT.exr",
    remedy=Remedy.EDIT,
)
def identifier(part: PartFacts, _: object) -> Results:
    value = part.part.text("colorInteropID")
    if value in {None, spaces.ACES}:
        return NOTHING
    return [Found(f"colorInteropID is {value!r}, not {spaces.ACES}", str(value), spaces.ACES)]


@_file_rule(
    "ACE-HEADER-SIZE",
    Severity.ERROR,
    "The header is no larger than 1 MiB",
    why="The Academy's reference writer refuses larger headers.",
    source=_WRITER,
    fix="Remove large attributes, such as manifests and previews.",
    command="oiiotool IN.exr -a --eraseattrib NAME -o OUT.exr",
    remedy=Remedy.EDIT,
)
def header_size(file: FileFacts, _: object) -> Results:
    """Check the number of bytes between the version field and the chunk offset table."""
    size = file.header.end - 8
    if size <= _HEADER_LIMIT_BYTES:
        return NOTHING
    expected = f"at most {_HEADER_LIMIT_BYTES}"
    return [Found(f"The header has {size} bytes; ACES containers have {expected}", str(size), expected)]


@_part_rule(
    "ACE-STRINGS",
    Severity.ERROR,
    "Attributes for camera, lens, recorder and production are not empty strings",
    why="The standard asks for a text in each of them that is present.",
    source=_OIIO,
    fix="Write the text, or remove the attribute.",
    command='exrstdattr -string NAME "VALUE" IN.exr OUT.exr',
    remedy=Remedy.EDIT,
)
def strings(part: PartFacts, _: object) -> Results:
    empty = [name for name in _STRINGS if part.part.text(name) == ""]
    if not empty:
        return NOTHING
    verb = "is" if len(empty) == 1 else "are"
    return [Found(f"{listed(empty)} {verb} empty; expected text, or no attribute", "empty", "text, or no attribute")]


@_part_rule(
    "ACE-STEREO",
    Severity.WARNING,
    "In stereo containers, R, G, B without a prefix are the right eye",
    why="SMPTE ST 2065-4 names the channels of the left eye left.R, left.G, left.B.",
    source=f"{_WRITER} (inferred)",
    fix="Write multiView as right, left, with the right eye in R, G, B. The command writes such a file.",
    command="exrmultiview right RIGHT.exr left LEFT.exr OUT.exr",
    remedy=Remedy.CONVERSION,
)
def stereo(part: PartFacts, _: object) -> Results:
    views = part.part.value("multiView", "stringvector")
    if not any(channel.name.startswith("left.") for channel in part.channels):
        return NOTHING
    if isinstance(views, tuple) and views[:1] == ("right",):
        return NOTHING
    found = ", ".join(str(view) for view in views) if isinstance(views, tuple) else "absent"
    return [Found(f"multiView is {found}; the default view of a stereo container is right", found, "right, left")]
