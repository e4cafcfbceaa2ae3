"""CMP: whether the compression suits the channels. `exr.names.lossy_channels` determines the channels that it alters."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from exr_inspector.exr.header.values import (
    LINES_PER_CHUNK,
    LONG_NAMES,
    MULTI_PART,
    NON_IMAGE,
    Compression,
    PixelType,
    code_name,
)
from exr_inspector.exr.problems import ProblemKind
from exr_inspector.model import Severity
from exr_inspector.validation.facts import traits as t
from exr_inspector.validation.facts.channel_facts import ChannelFacts, NamedChannel
from exr_inspector.validation.facts.facts import FileFacts, PartFacts
from exr_inspector.validation.facts.roles import DATA_ROLES, Role
from exr_inspector.validation.parameters import Codecs, RuleParameters
from exr_inspector.validation.rule import NOTHING, Found, Remedy, Results, channel_rule, file_rule, part_rule, reported
from exr_inspector.validation.rules.channels import is_third_axis, names_of

_B44 = frozenset({Compression.B44, Compression.B44A})
DWA = frozenset({Compression.DWAA, Compression.DWAB})
# Roles whose values PXR24's 24 bits destroy; depth and motion vectors tolerate them by design.
_EXACT_ROLES = frozenset({Role.ID, Role.CRYPTOMATTE, Role.POSITION})
_LOSSLESS = frozenset(
    {
        Compression.NONE,
        Compression.RLE,
        Compression.ZIPS,
        Compression.ZIP,
        Compression.PIZ,
        Compression.HTJ2K256,
        Compression.HTJ2K32,
        Compression.ZSTD,
    }
)
_SINCE = {
    Compression.DWAA: (2, 2),
    Compression.DWAB: (2, 2),
    Compression.HTJ2K256: (3, 4),
    Compression.HTJ2K32: (3, 4),
    Compression.LJ2K: (3, 5),
    Compression.ZSTD: (3, 5),
}
_MANY_CHANNELS = 16
_WIDESPREAD = (3, 3)
LOSSLESS = "a compression that keeps them exact"
RENDER_LOSSLESS = "render them again with a lossless compression such as ZIP"
_FLAGS = (
    (LONG_NAMES, (1, 7), "Long names need"),
    (NON_IMAGE, (2, 0), "Deep data needs"),
    (MULTI_PART, (2, 0), "Several parts need"),
)


def codec_name(code: int | None) -> str:
    """The compression's name, for a message; `absent` if the header has none."""
    return "absent" if code is None else code_name(Compression, code)


def _altered_data(part: ChannelFacts) -> list[NamedChannel]:
    """The data channels that the codec alters. Channels of declared Cryptomattes are left to CRY-LOSSLESS."""
    declared = part.matte_channels
    altered = [c for c in part.named if c.is_lossy and c.role in DATA_ROLES and c.name not in declared]
    return [c for c in altered if c.role is not Role.DEPTH or not is_third_axis(part, c)]


def _altered(part: ChannelFacts, hit: list[NamedChannel], why: str) -> Results:
    if not hit:
        return NOTHING
    codec = codec_name(part.compression)
    message = f"{codec} alters {names_of(hit)}{why}; {RENDER_LOSSLESS}"
    return [Found(message, codec, LOSSLESS, hit[0].name)]


class CompressionParameters(RuleParameters):
    """Parameters of the rules on compression."""

    codecs: Codecs | None = Field(None, description="Allowed compressions (CMP-SHOW-CODEC).")
    receiver_openexr: Annotated[str, Field(pattern=r"^\d+\.\d+$")] | None = Field(
        None, description="OpenEXR version of the receiver (CMP-NEW-CODEC, STR-RECEIVER)."
    )


@channel_rule(
    "CMP-B44-DATA",
    Severity.ERROR,
    "No data channel is HALF in a part compressed with B44 or B44A",
    why="B44 compresses every HALF channel in blocks of 4x4 pixels with loss, whatever its name.",
    source="OpenEXR technical introduction (Data Compression)",
    fix="Render the data layers into a file or part with ZIP. Converting this file does not restore the values.",
    when=t.LOSSY,
)
def b44_data(part: ChannelFacts, _: object) -> Results:
    if part.compression not in _B44:
        return NOTHING
    return _altered(part, _altered_data(part), ": it cuts every HALF channel into 4x4 blocks")


@channel_rule(
    "CMP-PXR24-FLOAT",
    Severity.WARNING,
    "No data channel is FLOAT in a part compressed with PXR24",
    why="PXR24 keeps 24 of 32 bits: enough for most depth, but it changes ids and positions.",
    source="OpenEXR technical introduction (Data Compression)",
    fix="Render the data layers into a file or part with ZIP. Converting this file does not restore the values.",
    when=t.LOSSY,
)
def pxr24_float(part: ChannelFacts, _: object) -> Results:
    if part.compression != Compression.PXR24:
        return NOTHING
    hit = _altered_data(part)
    exact = [channel for channel in hit if channel.role in _EXACT_ROLES]
    found = []
    if exact:
        message = f"PXR24 cuts {names_of(exact)} to 24 bits; {RENDER_LOSSLESS}"
        found.append(Found(message, "PXR24", LOSSLESS, exact[0].name, severity=Severity.ERROR))
    if rest := [channel for channel in hit if channel.role not in _EXACT_ROLES]:
        message = f"PXR24 cuts {names_of(rest)} to 24 bits; {RENDER_LOSSLESS}"
        found.append(Found(message, "PXR24", LOSSLESS, rest[0].name))
    return found


@channel_rule(
    "CMP-DWA-NAMES",
    Severity.ERROR,
    "In a part compressed with DWA, the last component of a data channel's name is not R, G, B, Y, RY or BY",
    why="DWA decides by this component what it compresses as colour, with loss: N.Y and id.R are altered.",
    source="OpenEXRCore 3.5 internal_dwa_classifier.h; Blender T96933",
    fix="Render the data layers into a file or part with ZIP, or give their components other names, such as "
    "x, y, z. Converting this file does not restore the values.",
    when=t.LOSSY,
)
def dwa_names(part: ChannelFacts, _: object) -> Results:
    if part.compression not in DWA:
        return NOTHING
    return _altered(part, _altered_data(part), ": the last component of the name says colour")


@channel_rule(
    "CMP-DWA-LOSSLESS",
    Severity.INFO,
    "In a part compressed with DWA, colour channels are called R, G, B, Y, RY or BY",
    why="DWA compresses only these, in upper case, as colour. It keeps all others exact, which takes more space.",
    source="OpenEXRCore 3.5 internal_dwa_classifier.h; openexr#2223",
    fix="No action is needed if the size does not matter. Else write the layer with the components R, G and B.",
)
def dwa_lossless(part: ChannelFacts, _: object) -> Results:
    if part.compression not in DWA:
        return NOTHING
    exact = [c for c in part.of_role(Role.COLOUR) if not c.is_lossy and c.channel.pixel_type != PixelType.UINT]
    if not exact:
        return NOTHING
    codec, verb = codec_name(part.compression), "is" if len(exact) == 1 else "are"
    message = f"{names_of(exact)} {verb} stored without loss: {codec} compresses as colour only R, G, B, Y, RY and BY"
    return [Found(message, ", ".join(dict.fromkeys(c.component for c in exact)), "R, G, B", exact[0].name)]


@channel_rule(
    "CMP-LJ2K-TRIPLET",
    Severity.ERROR,
    "In a part compressed with LJ2K, the first red, green, blue triplet is colour",
    why="LJ2K alters the first triplet it finds, in upper or lower case. In a part with Cryptomatte that can be the ids.",
    source="OpenEXRCore 3.5 internal_ht_common.cpp (make_channel_map)",
    fix="Render the data layers into a file or part with ZIP, or name their components x, y, z. Converting "
    "this file does not restore the values.",
    when=t.LOSSY,
)
def lj2k_triplet(part: ChannelFacts, _: object) -> Results:
    if part.compression != Compression.LJ2K:
        return NOTHING
    return _altered(part, _altered_data(part), ": they are the first red, green, blue triplet")


@channel_rule(
    "CMP-LOSSY-MASTER",
    Severity.ERROR,
    "Plates, masters and archives are compressed without loss, or not at all",
    why="Every later step works with the loss.",
    source="Netflix VFX requirements; Netflix non-graded archival master specifications; Fox final archive specification",
    yields_to=("DEL-NFX-FORMAT", "DEL-NFX-NAM", "DEL-FOX-EXR"),
    fix="Write the file again from its source with ZIP or PIZ. Converting this file does not restore the values.",
    profiles={"default": "off", "netflix-vfx": "error", "netflix-nam": "error", "archive": "error"},
)
def lossy_master(part: ChannelFacts, _: object) -> Results:
    if part.compression is None or part.compression in _LOSSLESS:
        return NOTHING
    codec = codec_name(part.compression)
    return [Found(f"The compression is {codec}; expected a lossless one, or none", codec, "lossless")]


@channel_rule(
    "CMP-NEW-CODEC",
    Severity.WARNING,
    "The receiver's OpenEXR version can read the compression",
    why="DWAA and DWAB need OpenEXR 2.2, HTJ2K 3.4, LJ2K and ZSTD 3.5. Older software cannot open the part.",
    source="OpenEXR release notes 2.2, 3.4 and 3.5",
    fix="Write the file with ZIP or PIZ, or raise the parameter receiver_openexr if the receiver has a newer version.",
    command="oiiotool IN.exr -a --compression zip -o OUT.exr",
    remedy=Remedy.CONVERSION,
    profiles={"archive": "error"},
    when=lambda parameters: t.ALWAYS if parameters.receiver_openexr else t.NEW_CODEC,
)
def new_codec(part: ChannelFacts, parameters: CompressionParameters) -> Results:
    """Check codecs against `receiver_openexr`; without this parameter, report those that few receivers support."""
    code = part.compression
    if code is None or code not in _SINCE:
        return NOTHING
    since = _SINCE[Compression(code)]
    if since <= (_receiver(parameters) or _WIDESPREAD):
        return NOTHING
    codec, needed = codec_name(part.compression), f"OpenEXR {since[0]}.{since[1]}"
    receiver = parameters.receiver_openexr or "unknown"
    return [Found(f"{codec} needs {needed}; the receiver's version is {receiver}", codec, needed)]


@part_rule(
    "CMP-ONE-LINE",
    Severity.INFO,
    "Parts of many channels have one line in a chunk",
    why="Nuke reads images line by line, and for each it decodes a chunk with all channels of its part: of more lines, "
    "most are decoded in vain or kept.",
    source="Foundry Q100380 (Nuke reads images as scan lines); mandelbulber2#730 (ZIPS instead of ZIP); AliceVision#1110 (ZIPS "
    "instead of PIZ)",
    fix="Write the file with ZIPS, which needs about 5 % more space than ZIP, or the layers into parts of their own.",
    command="oiiotool IN.exr -a --compression zips -o OUT.exr",
    remedy=Remedy.CONVERSION,
    profiles={"default": "off", "comp": "info"},
    limits="Flat scan line parts of more than 16 channels.",
)
def single_lines(part: PartFacts, _: object) -> Results:
    lines = LINES_PER_CHUNK.get(part.compression, 1) if part.compression is not None else 1
    if lines == 1 or len(part.channels) <= _MANY_CHANNELS or part.traits & (t.DEEP | t.TILED):
        return NOTHING
    codec, count = codec_name(part.compression), len(part.channels)
    message = f"{codec} compresses {lines} lines of {count} channels together; "
    message += "Nuke, which reads line by line, is faster with ZIPS"
    return [Found(message, codec, "ZIPS")]


def _receiver(parameters: CompressionParameters) -> tuple[int, int] | None:
    if parameters.receiver_openexr is None:
        return None
    major, _, minor = parameters.receiver_openexr.partition(".")
    return int(major), int(minor)


@file_rule(
    "STR-RECEIVER",
    Severity.WARNING,
    "The receiver's OpenEXR version can read the file's layout",
    why="Names longer than 31 bytes need OpenEXR 1.7; deep data and several parts need 2.0. Older software "
    "cannot open the file.",
    source="OpenEXR ImfHeader.cpp (long names); OpenEXR file layout document (version field)",
    fix="Write one file for each flat part, with names of at most 31 bytes, or raise the parameter "
    "receiver_openexr if the receiver has a newer version.",
    command="exrmultipart -separate -i IN.exr -o OUT",
    needs=("receiver_openexr",),
)
def layout(file: FileFacts, parameters: CompressionParameters) -> Results:
    receiver = _receiver(parameters)
    found = []
    for flag, since, what in _FLAGS:
        if receiver is not None and receiver < since and file.header.version_word & flag:
            needed = f"OpenEXR {since[0]}.{since[1]}"
            message = f"{what} {needed}; the receiver's version is {parameters.receiver_openexr}"
            found.append(Found(message, parameters.receiver_openexr or "", needed))
    return found


@channel_rule(
    "CMP-SHOW-CODEC",
    Severity.WARNING,
    "The compression is one that the show's policy allows",
    why="Playback speed and fast access to single lines depend on it.",
    source="the show's policy (codecs)",
    yields_to=("CMP-LOSSY-MASTER", "DEL-NFX-FORMAT", "DEL-NFX-NAM", "DEL-FOX-EXR", "ACE-COMPRESSION"),
    fix="Write the file with one of the show's compressions.",
    command="oiiotool IN.exr -a --compression zip -o OUT.exr",
    remedy=Remedy.CONVERSION,
    needs=("codecs",),
)
def show_codec(part: ChannelFacts, parameters: CompressionParameters) -> Results:
    codec = codec_name(part.compression)
    if parameters.codecs is None or codec in parameters.codecs:
        return NOTHING
    expected = ", ".join(parameters.codecs)
    return [Found(f"The compression is {codec}; the show has {expected}", codec, expected)]


REPORTED = (
    reported(
        "CMP-DEEP-CODEC",
        Severity.ERROR,
        "Deep parts are compressed with NONE, RLE, ZIPS or ZSTD",
        why="The OpenEXR library refuses every other compression of deep parts.",
        source="OpenEXRCore 3.5 validation.c",
        problem=ProblemKind.DEEP_COMPRESSION,
        fix="Write the deep part with ZIPS.",
        command="oiiotool IN.exr -a --compression zips -o OUT.exr",
        remedy=Remedy.CONVERSION,
    ),
)
