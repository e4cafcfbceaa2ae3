"""CHN: names of channels and layers. `exr.conformance` finds duplicates and samplings that the format forbids."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydantic import Field

from exr_inspector.exr.header.text import invalid_byte
from exr_inspector.exr.header.values import PixelType
from exr_inspector.exr.names import is_beauty
from exr_inspector.model import Severity
from exr_inspector.validation.facts import traits as t
from exr_inspector.validation.facts.channel_facts import ChannelFacts, NamedChannel
from exr_inspector.validation.facts.facts import FileFacts, PartFacts
from exr_inspector.validation.facts.roles import DATA_ROLES, RGB, Role, role_of
from exr_inspector.validation.parameters import Names, RuleParameters
from exr_inspector.validation.rule import NOTHING, Found, Remedy, Results, channel_rule, file_rule, listed

# Layers in which software writes the main image.
_MAIN_LAYERS = frozenset({"rgba", "rgb", "ci", "c", "beauty", "combined", "color", "colour", "main", "finalimage"})
_COLOURS = {"R": "red", "G": "green", "B": "blue"}
_LONG_NAMES = {"red": "R", "green": "G", "blue": "B", "alpha": "A", "r": "R", "g": "G", "b": "B", "a": "A"}


def _layer(layer: str) -> str:
    return f"Layer {layer!r}" if layer else "The base layer"


class ChannelParameters(RuleParameters):
    """Parameters of the rules on channels and layers."""

    expected_layers: Names | None = Field(
        None, description="Required layers; '' is the base layer. Other layers are reported as info (CHN-EXPECTED)."
    )
    expected_channels: Names | None = Field(None, description="Full names of required channels (CHN-EXPECTED).")
    alpha_expected: bool = Field(False, description="Whether the base layer must have A (CHN-ALPHA-MISSING).")


@channel_rule(
    "CHN-RGB-INCOMPLETE",
    Severity.WARNING,
    "A layer that has R, G or B has all three",
    why="A wrong channel mask of the writing node dropped colour components.",
    source="OpenEXR technical introduction (channel names)",
    fix="Correct the channel mask of the node that writes the file, and write R, G and B.",
    profiles={"comp": "error"},
    when=t.UNUSUAL,
)
def rgb_incomplete(part: ChannelFacts, _: object) -> Results:
    """Report layers with one or two of R, G, B. Cryptomattes, and AOVs with a single component R, are not colour.

    A base layer with a single channel is left to CHN-ONE-COLOUR.
    """
    found = []
    for (layer, _), members in part.by_layer.items():
        present = [component for component in "RGB" if component in members]
        if len(present) in (0, 3) or members[present[0]].role is not Role.COLOUR:
            continue
        if len(members) == 1:
            continue
        lacking = ", ".join(component for component in "RGB" if component not in present)
        message = f"{_layer(layer)} has {', '.join(present)} but not {lacking}"
        found.append(Found(message, "".join(present), "RGB", members[present[0]].name))
    return found


@channel_rule(
    "CHN-ONE-COLOUR",
    Severity.INFO,
    "The channel of an image of one channel is called Y",
    why="Software shows a mask, height or texture whose only channel is called R in red.",
    source="OpenEXR technical introduction (Luminance/Chroma Images); OpenImageIO#3204 (textures of one channel R)",
    fix="Write the channel as Y, or as R, G and B of equal values.",
    command="oiiotool IN.exr --ch Y=R -o OUT.exr",
    remedy=Remedy.CONVERSION,
    when=t.UNUSUAL,
)
def one_colour(part: ChannelFacts, _: object) -> Results:
    """Report base layers whose only channel is R, G or B. AOVs with a single component are common."""
    found = []
    for (layer, _), members in part.by_layer.items():
        component, channel = next(iter(members.items()))
        if not layer and len(members) == 1 and component in _COLOURS and channel.role is Role.COLOUR:
            message = (
                f"{channel.name} is the only channel of the base layer: software shows it in {_COLOURS[component]}; "
            )
            found.append(Found(f"{message}expected Y", channel.name, "Y", channel.name))
    return found


@file_rule(
    "CHN-NO-BASE-RGB",
    Severity.INFO,
    "Part 0 has R, G, B or Y in its base layer",
    why="Viewers that do not know layers show nothing.",
    source="OpenEXR technical introduction (channel names); OpenEXR multi-view document; arnold-usd#2115; tev#168",
    profiles={"strict": "warning"},
    fix="Write the main image as R, G, B of part 0. With the command, list the other channels, too: it drops "
    "those that are not named.",
    command="oiiotool IN.exr --ch R=LAYER.R,G=LAYER.G,B=LAYER.B,OTHER,CHANNELS -o OUT.exr",
    remedy=Remedy.CONVERSION,
    when=t.UNUSUAL | t.MULTI_PART,
)
def no_base_rgb(file: FileFacts, _: object) -> Results:
    """Check the base layer of the first part; a deep part may have depth alone.

    A first part whose name makes its R, G, B data, before a part with colour, is an info finding: layers are in any order.
    A layer called RGBA, and names that begin with a dot, are a warning: the writer meant the base layer.
    """
    part = file.parts[0]
    if not part.channels or part.traits & t.DEEP:
        return NOTHING
    if part.channel_facts.has_base_colour:
        return _image_in_later_part(file)
    meant: dict[str, set[str]] = {}
    for channel in part.of_role(Role.COLOUR):
        meant.setdefault(channel.layer, set()).add(_LONG_NAMES.get(channel.component.lower(), ""))
    if layers := [layer for layer, components in meant.items() if layer and components.issuperset("RGB")]:
        found = listed(sorted(layers, key=lambda layer: (layer.rpartition(".")[2].lower() not in _MAIN_LAYERS, layer)))
        has = f"layers with colour: {found}"
    else:
        found = listed(channel.name for channel in part.channels)
        has = f"it has {found}"
    is_meant = not {"RGB", "RGBA"}.isdisjoint(layer.upper() for layer in layers)
    is_meant |= all(channel.name.startswith(".") for channel in part.channels)
    has += ", meant as the base layer? Most software shows an empty image" if is_meant else ""
    severity = Severity.WARNING if is_meant else None
    message = f"Part 0 has no R, G, B or Y in its base layer; {has}"
    return [Found(message, found, "R, G, B or Y", part=0, severity=severity)]


def _image_in_later_part(file: FileFacts) -> Results:
    first = file.parts[0]
    later = [] if first.of_role(Role.COLOUR) else [part for part in file.parts if part.of_role(Role.COLOUR)]
    if not later:
        return NOTHING
    image = next((part for part in later if is_beauty(part.names.part_layer)), later[0])
    message = (
        f"Part 0 is called {first.part.name!r} and holds data; colour is in part {image.index}, {image.part.name!r}"
    )
    return [Found(message, str(first.part.name), "the main image in part 0", part=0, severity=Severity.INFO)]


@channel_rule(
    "CHN-CASE",
    Severity.WARNING,
    "Colour channels of the base layer are called R, G, B, A",
    why="Readers look for exactly these names: they do not show red or r as colour, and DWA compresses such channels as data.",
    source="OpenEXR technical introduction (channel names); OpenEXRCore 3.5 internal_dwa_classifier.h",
    fix="Rename the channels. The command takes the new names of all channels, in the order in which "
    "`oiiotool --info -v` lists them.",
    command="oiiotool IN.exr --chnames R,G,B,A -o OUT.exr",
    remedy=Remedy.CONVERSION,
    when=t.UNUSUAL,
)
def case(part: ChannelFacts, _: object) -> Results:
    """Report lower-case or spelt-out names in the base layer; Cryptomattes and renderers use them on purpose in layers.

    An alpha without colour (RenderMan's `Ci.r`, `Ci.g`, `Ci.b`, `a`) belongs to a colour that is in a layer, and is accepted.
    """
    meant = {
        channel.name: _LONG_NAMES[channel.component.lower()]
        for channel in part.named
        if not channel.layer and channel.view is None and channel.component.lower() in _LONG_NAMES
        if channel.component not in {"R", "G", "B", "A"}
    }
    if not meant or (set(meant.values()) == {"A"} and not part.has_base_colour):
        return NOTHING
    names = listed([repr(name) for name in meant])
    message = f"{names} {'is' if len(meant) == 1 else 'are'} not recognised as {listed(meant.values())}"
    return [Found(message, listed(meant), listed(meant.values()), next(iter(meant)))]


@channel_rule(
    "CHN-LAYER-TWINS",
    Severity.WARNING,
    "No two layers differ in upper and lower case alone",
    why="People and scripts take the one for the other, and tools that ignore case show one of them only.",
    source="OpenEXR technical introduction (channel names)",
    fix="Find out which layer is meant, and leave the other one out.",
)
def layer_twins(part: ChannelFacts, _: object) -> Results:
    spellings: dict[str, dict[str, str]] = {}
    for channel in part.named:
        spellings.setdefault(channel.layer.lower(), {}).setdefault(channel.layer, channel.name)
    return [
        Found(f"Layers {listed(twins)} differ in case alone", listed(twins), "one layer", next(iter(twins.values())))
        for twins in spellings.values()
        if len(twins) > 1
    ]


@channel_rule(
    "CHN-ALPHA-MISSING",
    Severity.WARNING,
    "The base layer has the alpha channel A",
    why="The image cannot be composited over another one without its coverage.",
    source="the show's policy (alpha_expected)",
    fix="Switch alpha on in the renderer's output settings.",
    needs=("alpha_expected",),
)
def alpha_missing(part: ChannelFacts, _: object) -> Results:
    names = {channel.name for channel in part.channels}
    if {"R", "G", "B"} <= names and "A" not in names:
        return [Found("The base layer has R, G, B but no A", "RGB", "RGBA")]
    return NOTHING


_MARKS = frozenset("()[]{}<>|*?\"'`\\;,=!&^%$")
# Published names of spectral images: Stokes components or transmission at a wavelength, or from one to another: `S0.550,0nm`.
_SPECTRAL = re.compile(r"(?:.+\.)?(?:S[0-3]|T)(?:\.\d*,?\d*(?:[Ee][+-]?\d+)?[A-Za-z]{0,2}(?:m|Hz)){1,2}", re.ASCII)


_NUMBER = "a layer that is a number"
_UNDOTTED = re.compile(r"(.*[a-z0-9_])[RGB]")


def _odd_name(name: str, every: set[str]) -> str:
    """The reason why a channel name is unusual among those of its part; empty if it is not."""
    if name.startswith(".") or name.endswith(".") or ".." in name:
        return "an empty component"
    if " " in name:
        return "a space"
    if not name.isascii() or not name.isprintable() or invalid_byte(name) is not None:
        return "characters other than printable ASCII"
    marks = sorted(_MARKS.intersection(name))
    if marks and not _SPECTRAL.fullmatch(name):
        return f"characters that expressions use: {' '.join(marks)}"
    if any(component.isdecimal() for component in name.split(".")[:-1]):
        return _NUMBER
    undotted = _UNDOTTED.fullmatch(name)
    is_undotted = undotted and every.issuperset(undotted[1] + component for component in RGB)
    return "no dot before R, G or B, so that they are no layer" if is_undotted else ""


@channel_rule(
    "CHN-CHARS",
    Severity.INFO,
    "Channel names are printable ASCII without spaces, brackets or operators, with single dots between "
    "components and before R, G, B; no layer name is a number",
    why="Software that splits names at dots, or uses them in expressions, fails on other characters.",
    source="OpenEXR technical introduction (channel names); OpenEXR layout for spectral images; "
    "blender_with_vray_additions#195; Sammie-Roto-2#60; tev#68",
    limits="Wavelengths in the names of spectral images (`S0.550,0nm`, `T.380,0nm.500,0nm`) are accepted with their commas. "
    "Layers that are numbers, which Nuke does not accept, are a warning.",
    fix="Rename the layers in the software that makes them: letters, digits and underscores.",
    command="oiiotool IN.exr --chnames NEW,NAMES -o OUT.exr",
    remedy=Remedy.CONVERSION,
    profiles={"strict": "error", "comp": "warning"},
    when=t.UNUSUAL,
)
def characters(part: ChannelFacts, _: object) -> Results:
    """Check full names. Names are reported together by reason, because a renderer that writes spaces does so in all names."""
    by_oddity: dict[str, list[str]] = {}
    every = {channel.name for channel in part.channels}
    for channel in part.channels:
        if odd := _odd_name(channel.name, every):
            by_oddity.setdefault(odd, []).append(channel.name)
    found = []
    for odd, names in by_oddity.items():
        shown = (repr(name).replace("\\\\", "\\") for name in names)  # `gr\xfcn` as in the tables
        message = f"{_count(names)} {odd}: {listed(shown)}"
        severity = Severity.WARNING if odd == _NUMBER else None
        found.append(Found(message, names[0], "letters, digits and underscores", names[0], severity=severity))
    return found


def _count(names: list[str]) -> str:
    return "One channel name has" if len(names) == 1 else f"{len(names)} channel names have"


_MADE_UP = re.compile(r"(?:channel|ch)\d+")


@channel_rule(
    "CHN-MADE-UP",
    Severity.INFO,
    "No channel has a placeholder name such as channel3",
    why="OpenImageIO makes up channel3 for a channel that has no name, or the name of another one, and Mitsuba ch3. "
    "Readers that count channels take it for alpha or colour.",
    source="OpenUSD#3238; Mitsuba#178",
    fix="Give the channel a name, or remove it; it is often a copy of another one.",
    command="oiiotool IN.exr --chnames NEW,NAMES -o OUT.exr",
    remedy=Remedy.CONVERSION,
    when=t.UNUSUAL,
)
def made_up(part: ChannelFacts, _: object) -> Results:
    hit = [channel for channel in part.named if not channel.layer and _MADE_UP.fullmatch(channel.component)]
    if not hit:
        return NOTHING
    return [Found(f"{names_of(hit)}: a placeholder name", hit[0].name, "a name", hit[0].name)]


_NEVER_UINT = frozenset({"Z", "ZBack", "A", "AR", "AG", "AB"})


@channel_rule(
    "CHN-RESERVED",
    Severity.WARNING,
    "Z, ZBack, A, AR, AG and AB are not stored as UINT",
    why="Readers take Z and ZBack for depth and the others for coverage, which are fractions; UINT holds whole numbers only.",
    source="OpenEXR technical introduction (channel names); Interpreting Deep Pixels",
    fix="Store ids under another name, such as id or objectid, and depth as FLOAT.",
    when=t.UINT,
)
def reserved_names(part: ChannelFacts, _: object) -> Results:
    names = [channel.name for channel in part.channels if channel.pixel_type == PixelType.UINT]
    why = "depth and coverage are HALF or FLOAT"
    return [
        Found(f"Channel {name} is UINT; {why}", "UINT", "HALF or FLOAT", name) for name in names if name in _NEVER_UINT
    ]


@channel_rule(
    "CHN-RESERVED-CLASH",
    Severity.WARNING,
    "A layer has either A or one coverage channel for each colour (RA, GA, BA), not both",
    why="Readers cannot know which coverage applies to a colour.",
    source="OpenEXR technical introduction (RA, GA, BA); Interpreting Deep Pixels (AR, AG, AB)",
    fix="Write A, or one coverage channel for each colour.",
    profiles={"default": "info", "strict": "warning"},
    when=t.UNUSUAL,
)
def reserved_clash(part: ChannelFacts, _: object) -> Results:
    found = []
    for (layer, _), members in part.by_layer.items():
        single = [component for component in ("RA", "GA", "BA") if component in members]
        if single and "A" in members:
            message = f"{_layer(layer)} has A together with {', '.join(single)}"
            found.append(Found(message, ", ".join(single), "A alone", members[single[0]].name))
    return found


@file_rule(
    "CHN-EXPECTED",
    Severity.ERROR,
    "The file has the layers and channels that the show's policy expects",
    why="The next department cannot work without a missing AOV, and a client may refuse the delivery.",
    source="the show's policy (expected_layers, expected_channels)",
    fix="Add the AOV to the renderer's outputs, and render the frames again.",
    needs=("expected_layers", "expected_channels"),
)
def expected(file: FileFacts, parameters: ChannelParameters) -> Results:
    found: list[Found] = []
    if parameters.expected_channels is not None:
        present = {channel.name for part in file.parts for channel in part.channels}
        present |= {
            f"{channel.layer}.{channel.component}" for part in file.parts for channel in part.named if channel.layer
        }
        found += [
            Found(f"Channel {name!r} is missing", "absent", name, name)
            for name in parameters.expected_channels
            if name not in present
        ]
    if parameters.expected_layers is not None:
        in_header = {layer.name for part in file.parts for layer in part.names.layers}
        in_header |= {part.names.part_layer for part in file.parts if part.names.part_layer}
        effective = {channel.layer for part in file.parts for channel in part.named}
        # A layer that only the name of the file gives, as in normals.1001.exr, is also the base layer.
        of_base = {name for name in effective if is_beauty(name) or name not in in_header}
        found += [
            Found(f"{_layer(name)} is missing", "absent", name or "base layer")
            for name in parameters.expected_layers
            if name not in in_header | effective
        ]
        found += [
            Found(f"{_layer(name)} is not among expected_layers", name, "absent", severity=Severity.INFO)
            for name in sorted(effective - (of_base if "" in parameters.expected_layers else set()))
            if name not in parameters.expected_layers
        ]
    return found


@file_rule(
    "CHN-PART-DUP",
    Severity.WARNING,
    "No two parts of the same view have a channel of the same name",
    why="Readers that merge all parts keep only one of the two.",
    source="OpenEXR multi-view document",
    fix="Put the layer into the channel names or into the part names. Parts that are layers should be named after them.",
    when=t.MULTI_PART,
)
def part_duplicates(file: FileFacts, _: object) -> Results:
    """Report full names that several parts of one view have. Parts that are separate layers are distinguished by part name."""
    owner: dict[tuple[str, str | None, str], int] = {}
    repeated: dict[tuple[int, int], list[str]] = {}
    for part in file.parts:
        for channel in part.named:
            first = owner.setdefault((part.names.part_layer, channel.view, channel.name), part.index)
            is_named_alike = part.part.name is not None and part.part.name == file.parts[first].part.name
            if first != part.index and not is_named_alike:  # STR-PART-NAME reports that
                repeated.setdefault((first, part.index), []).append(channel.name)
    return [
        Found(f"Part {second} repeats channels of part {first}: {listed(names)}", listed(names), part=second)
        for (first, second), names in repeated.items()
    ]


@channel_rule(
    "CHN-LAYER-CHANNEL",
    Severity.INFO,
    "No channel has the name of a layer",
    why="Software that groups channels by layer cannot tell the two apart; OpenEXR's Python module refuses such a file.",
    source="openexr#2529",
    fix="Rename the channel.",
    command="oiiotool IN.exr --chnames NEW,NAMES -o OUT.exr",
    remedy=Remedy.CONVERSION,
)
def layer_channel(part: ChannelFacts, _: object) -> Results:
    layers = {channel.name.rpartition(".")[0] for channel in part.channels}
    hit = [channel.name for channel in part.channels if channel.name in layers]
    return (
        [Found(f"{listed(hit)}: a channel has the name of a layer", listed(hit), "other names", hit[0])] if hit else []
    )


@file_rule(
    "CHN-PART-NAME",
    Severity.INFO,
    "The name of a single part that holds the main image is not that of another layer",
    why="Readers that take the name of a part for its layer load the image as depth, for instance.",
    source="gaffer#6524",
    fix="Remove the attribute name, or write rgba. Nuke writes what the metadata exr/name of its input says.",
)
def part_name(file: FileFacts, _: object) -> Results:
    part = file.parts[0]
    name = part.part.name
    if not name or file.is_multi_part or not {"R", "G", "B"} <= {channel.name for channel in part.channels}:
        return NOTHING
    layers = {channel.layer.partition(".")[0] for channel in part.named if "." in channel.name}
    if is_beauty(name) or (role_of(name, "R") not in DATA_ROLES and name not in layers):
        return NOTHING
    message = f"The part is called {name!r}, but has R, G, B without a layer, which is the main image"
    return [Found(message, name, "no name, or rgba", part=0)]


@channel_rule(
    "CHN-LUMA-CHROMA",
    Severity.WARNING,
    "Colour is stored as R, G, B, and chroma (RY, BY) never without luminance (Y)",
    why="Chroma is subsampled, which loses colour detail, and many applications cannot read it.",
    source="OpenEXR technical introduction",
    fix="Write R, G and B.",
    profiles={"comp": "error"},
    when=t.UNUSUAL,
)
def luma_chroma(part: ChannelFacts, _: object) -> Results:
    found = []
    for (layer, _), members in part.by_layer.items():
        chroma = [component for component in ("RY", "BY") if component in members]
        if not chroma:
            continue
        if "Y" not in members:
            message = f"{_layer(layer)} has {', '.join(chroma)} without Y"
            found.append(Found(message, ", ".join(chroma), "Y, RY, BY", severity=Severity.ERROR))
        else:
            message = f"{_layer(layer)} is stored as luminance and chroma, which many programs cannot show"
            found.append(Found(message, "Y, RY, BY", "R, G, B"))
    return found


@channel_rule(
    "CHN-SUBSAMPLED",
    Severity.WARNING,
    "Every channel has a sample at every pixel",
    why="Many applications do not read subsampled channels, or place them wrongly.",
    source="OpenEXR technical introduction (Luminance/Chroma Images)",
    fix="Write every channel with sampling 1, 1.",
    profiles={"default": "info", "strict": "warning", "comp": "error"},
    when=t.SUBSAMPLED,
)
def subsampled(part: ChannelFacts, _: object) -> Results:
    """Report samplings other than 1, 1, except for chroma beside luminance, which CHN-LUMA-CHROMA reports."""
    chroma = {
        members[c].name for members in part.by_layer.values() if "Y" in members for c in ("RY", "BY") if c in members
    }
    found = []
    for channel in part.channels:
        sampling = f"{channel.x_sampling}, {channel.y_sampling}"
        if sampling != "1, 1" and channel.name not in chroma:
            found.append(Found(f"Channel {channel.name} is sampled {sampling}", sampling, "1, 1", channel.name))
    return found


def names_of(channels: Iterable[NamedChannel]) -> str:
    """List the full names of channels for a message."""
    return listed(channel.name for channel in channels)


def is_of_rgb(part: ChannelFacts | PartFacts, channel: NamedChannel) -> bool:
    """Whether a channel is R, G or B of a layer that has all three, as pictures of data do."""
    return channel.component in RGB and part.by_layer[channel.layer, channel.view].keys() >= set(RGB)


def is_third_axis(part: ChannelFacts | PartFacts, channel: NamedChannel) -> bool:
    """Whether a channel is the Z of X, Y, Z in one layer: a component of a vector or of CIE XYZ, not depth."""
    return channel.component == "Z" and part.by_layer[channel.layer, channel.view].keys() >= {"X", "Y"}


def depths(part: ChannelFacts | PartFacts) -> list[NamedChannel]:
    """The channels that hold depth."""
    return [channel for channel in part.of_role(Role.DEPTH) if not is_third_axis(part, channel)]
