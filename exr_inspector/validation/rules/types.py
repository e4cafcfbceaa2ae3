"""TYP: pixel types that do not suit the values of a channel."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from exr_inspector.exr.header.values import PixelType
from exr_inspector.model import Severity
from exr_inspector.validation.facts import traits as t
from exr_inspector.validation.facts.channel_facts import ChannelFacts, NamedChannel
from exr_inspector.validation.facts.roles import Role
from exr_inspector.validation.parameters import RuleParameters
from exr_inspector.validation.rule import NOTHING, Found, Remedy, Results, channel_rule
from exr_inspector.validation.rules.channels import depths, is_of_rgb, names_of

# Layers of Blender's object and material indices, before and since version 5.
_OF_BLENDER = frozenset({"indexob", "indexma", "object index", "material index"})


def _of_type(channels: list[NamedChannel], pixel_type: PixelType, why: str, expected: str) -> Results:
    """Create one finding for all `channels` of `pixel_type`, with the name of the first one."""
    hit = [channel for channel in channels if channel.channel.pixel_type == pixel_type]
    if not hit:
        return NOTHING
    verb = "is" if len(hit) == 1 else "are"
    message = f"{names_of(hit)} {verb} {pixel_type.name}; {why}"
    return [Found(message, pixel_type.name, expected, hit[0].name)]


class TypeParameters(RuleParameters):
    """Parameters of the rules on pixel types."""

    beauty_pixel_type: Literal["HALF", "FLOAT"] | None = Field(
        None, description="Pixel type that the base layer's colour should have (TYP-COLOR-FLOAT)."
    )


@channel_rule(
    "TYP-DEPTH-HALF",
    Severity.WARNING,
    "Depth channels are not HALF",
    why="HALF has 11 bits of precision and ends at 65504: distant surfaces get equal depths.",
    source="OpenEXR technical introduction (The HALF Data Type)",
    profiles={"default": "info", "comp": "warning", "strict": "warning", "archive": "warning"},
    fix="Set the depth output to 32 bits in the renderer, and render again.",
    when=t.DATA,
)
def depth_half(part: ChannelFacts, _: object) -> Results:
    channels = depths(part)
    if part.traits & t.DEEP:
        channels = [channel for channel in channels if channel.name not in {"Z", "ZBack"}]
    return _of_type(channels, PixelType.HALF, "depth needs FLOAT", "FLOAT")


@channel_rule(
    "TYP-ID-HALF",
    Severity.ERROR,
    "Id channels are not HALF",
    why="HALF holds only the whole numbers up to 2048 exactly; larger ids change.",
    source="OpenEXR technical introduction (The HALF Data Type); OpenEXR deep ids specification",
    fix="Set the id output to 32 bits (UINT, or FLOAT for Cryptomatte) and render again.",
    when=t.DATA,
)
def id_half(part: ChannelFacts, _: object) -> Results:
    numbers: list[NamedChannel] = []
    colours: list[NamedChannel] = []
    for channel in part.of_role(Role.ID):
        (colours if is_of_rgb(part, channel) else numbers).append(channel)
    found = _of_type(numbers, PixelType.HALF, "ids need UINT", "UINT")
    pictures = _of_type(colours, PixelType.HALF, "as ids they are destroyed", "UINT, or another name")
    return [*found, *(each._replace(severity=Severity.INFO) for each in pictures)]


@channel_rule(
    "TYP-ID-FLOAT",
    Severity.WARNING,
    "Id channels that hold integers are UINT",
    why="FLOAT holds only the whole numbers up to 16777216 exactly.",
    source="OpenEXR technical introduction (pixel types); OpenEXR deep ids specification",
    profiles={"default": "info", "strict": "warning"},
    fix="Write the ids as UINT if the renderer can. FLOAT is safe for ids up to 16777216.",
    limits="Not the object and material indices of Blender, which writes them as FLOAT alone; they are below 32768.",
    when=t.DATA,
)
def id_float(part: ChannelFacts, _: object) -> Results:
    channels = [c for c in part.of_role(Role.ID) if c.layer.rpartition(".")[2].lower() not in _OF_BLENDER]
    return _of_type(channels, PixelType.FLOAT, "ids are documented as UINT", "UINT")


@channel_rule(
    "TYP-POSITION-HALF",
    Severity.WARNING,
    "Position and texture coordinate channels are not HALF",
    why="The coarse steps of HALF are visible in relighting and in lens distortion maps.",
    source="OpenEXR technical introduction (The HALF Data Type)",
    fix="Set the output to 32 bits in the renderer, and render again.",
    when=t.DATA,
)
def position_half(part: ChannelFacts, _: object) -> Results:
    return _of_type(
        part.of_role(Role.POSITION), PixelType.HALF, "positions and texture coordinates need FLOAT", "FLOAT"
    )


@channel_rule(
    "TYP-COLOR-FLOAT",
    Severity.WARNING,
    "Colour of the base layer has the pixel type that the show's policy asks for",
    why="FLOAT doubles the size of the file, and many deliveries ask for HALF.",
    source="the show's policy (beauty_pixel_type)",
    yields_to=("DEL-NFX-FORMAT", "DEL-NFX-NAM", "DEL-FOX-EXR"),
    fix="Write the colour with the show's pixel type. The command converts R, G, B and A only; depth and ids keep their type.",
    command="oiiotool IN.exr -a -d R=half -d G=half -d B=half -d A=half -o OUT.exr",
    remedy=Remedy.CONVERSION,
    profiles={"comp": "info"},
    needs=("beauty_pixel_type",),
)
def colour_type(part: ChannelFacts, parameters: TypeParameters) -> Results:
    wanted = PixelType[parameters.beauty_pixel_type] if parameters.beauty_pixel_type else None
    if not part.traits & (t.FLOAT if wanted is PixelType.HALF else t.HALF):
        return NOTHING
    other = [c for c in part.channels if c.name in {"R", "G", "B"} and c.pixel_type != wanted and c.pixel_type]
    if not other or wanted is None:
        return NOTHING
    kind = other[0].type_name
    return [Found(f"The base layer's colour is {kind}; the show has {wanted.name}", kind, wanted.name, other[0].name)]


def _kind_of(channel: NamedChannel) -> str:
    """The pixel type, and the sampling of a subsampled channel."""
    x, y = channel.channel.x_sampling, channel.channel.y_sampling
    return channel.channel.type_name + (f" sampled {x}, {y}" if (x, y) != (1, 1) else "")


@channel_rule(
    "TYP-MIXED-RGB",
    Severity.WARNING,
    "R, G and B of a layer have the same pixel type and sampling, and A their pixel type",
    why="Codecs and applications that handle colour as a unit need three equal channels; DWA compresses "
    "others as data. Some applications do not open a layer whose alpha has another type.",
    source="OpenEXRCore 3.5 internal_ht_common.cpp (make_channel_map); exrs#153",
    fix="Write R, G, B and A with the same pixel type, and with sampling 1, 1.",
    command="oiiotool IN.exr -a -d R=half -d G=half -d B=half -d A=half -o OUT.exr",
    remedy=Remedy.CONVERSION,
    when=t.SUBSAMPLED | t.FLOAT | t.UINT,
)
def mixed_rgb(part: ChannelFacts, _: object) -> Results:
    found = []
    for triple in part.rgb_layers:
        kinds = {(c.channel.pixel_type, c.channel.x_sampling, c.channel.y_sampling) for c in triple}
        if len(kinds) > 1:
            types = ", ".join(f"{c.component} {_kind_of(c)}" for c in triple)
            message = f"{names_of(triple)} differ in type or sampling ({types})"
            found.append(Found(message, types, "equal types and samplings", triple[0].name))
            continue
        colour = triple[0]
        alpha = part.by_layer[colour.layer, colour.view].get("A")
        if alpha is not None and alpha.channel.pixel_type != colour.channel.pixel_type:
            message = f"{alpha.name} is {alpha.channel.type_name}, {names_of(triple)} are {colour.channel.type_name}"
            found_type, expected = alpha.channel.type_name, colour.channel.type_name
            found.append(Found(message, found_type, expected, alpha.name, severity=Severity.INFO))
    return found


@channel_rule(
    "TYP-RGB-UINT",
    Severity.WARNING,
    "Colour channels are not UINT",
    why="Colour needs fractions, and UINT holds whole numbers; many readers refuse it or show white.",
    source="OpenEXR technical introduction (pixel types)",
    fix="Write colour as HALF or FLOAT.",
    command="oiiotool IN.exr -a -d R=half -d G=half -d B=half -o OUT.exr",
    remedy=Remedy.CONVERSION,
    when=t.UINT,
)
def rgb_uint(part: ChannelFacts, _: object) -> Results:
    return _of_type(part.of_role(Role.COLOUR), PixelType.UINT, "colour is HALF or FLOAT", "HALF or FLOAT")
