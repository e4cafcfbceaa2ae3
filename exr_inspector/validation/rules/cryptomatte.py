"""CRY: Cryptomatte declarations and layers. Rules on manifests and pixels have modules of their own."""

from __future__ import annotations

from functools import partial

from exr_inspector.exr.cryptomatte import manifests
from exr_inspector.exr.cryptomatte.mattes import DEFINED_HASH, RANK_COMPONENTS, ChannelPlace, Matte
from exr_inspector.exr.header.values import PixelType
from exr_inspector.model import Severity
from exr_inspector.validation.facts import colourspaces as spaces
from exr_inspector.validation.facts import traits as t
from exr_inspector.validation.facts.facts import FileFacts
from exr_inspector.validation.facts.roles import Role
from exr_inspector.validation.rule import NOTHING, Found, Remedy, Results, file_rule, listed
from exr_inspector.validation.rules.compression import LOSSLESS, RENDER_LOSSLESS, codec_name

_SPEC = "Cryptomatte specification 1.2.0"
_UTILITIES = "Cryptomatte reference utilities"
_CONVERSION = "uint32_to_float32"
matte_rule = partial(file_rule, when=t.CRYPTOMATTE)


@matte_rule(
    "CRY-KEYS",
    Severity.ERROR,
    "Every Cryptomatte declares its name, hash and conversion",
    why="Without them a reader cannot find the layers or decode the ids.",
    source=_SPEC,
    fix="Copy the three cryptomatte/ attributes from the original render. Converting tools often drop them. "
    "KEY is the Cryptomatte's key.",
    command="exrstdattr -string cryptomatte/KEY/hash MurmurHash3_32 -string cryptomatte/KEY/conversion "
    "uint32_to_float32 IN.exr OUT.exr",
    remedy=Remedy.EDIT,
)
def keys(file: FileFacts, _: object) -> Results:
    found = []
    for matte in file.mattes:
        declared = matte.declared
        fields = {"name": declared.name, "hash": declared.hash, "conversion": declared.conversion}
        for field in (field for field, value in fields.items() if not value):
            expected = f"cryptomatte/{declared.key}/{field}"
            found.append(Found(f"Cryptomatte {declared.key} has no {field}", "absent", expected, part=matte.part))
    return found


@matte_rule(
    "CRY-UNDECLARED",
    Severity.WARNING,
    "Layers that look like Cryptomatte are declared by cryptomatte/ attributes",
    why="Software finds no mattes without these attributes; a conversion or merge dropped them.",
    source=_SPEC,
    fix="Copy the cryptomatte/ attributes from the original render, or write the file with a node that keeps metadata.",
)
def undeclared(file: FileFacts, _: object) -> Results:
    """Report layers that no declaration in any part covers, although they are named like ranks, or hold ids.

    Names such as `VRayCryptomatte00` and `crypto_object01` are sufficient. Other layers that are numbered from 00 are
    recognised by their values, if pixels were read.
    """
    odd = {layer for matte in file.mattes for layer in (*matte.near, *matte.miscounted)}
    layers: dict[str, tuple[int, str]] = {}
    for part in file.parts:
        for channel, name in zip(part.named, part.names.channels, strict=True):
            if channel.role is Role.CRYPTOMATTE and name.cryptomatte is None and channel.layer not in odd:
                layers.setdefault(channel.layer, (part.index, channel.name))
    for layer, places in file.unnamed_ranks.items():
        if layer not in odd:
            layers.setdefault(layer, places[0])
    if not layers:
        return NOTHING
    index, first = next(iter(layers.values()))
    names = listed(sorted(layers))
    is_one = len(layers) == 1
    like = "looks like a Cryptomatte rank" if is_one else "look like Cryptomatte ranks"
    without = listed(sorted({matte.declared.name for matte in file.mattes if matte.declared.name and not matte.ranks}))
    why = f"the channels of {without}, under another name?" if without else "the metadata is lost"
    message = f"{names} {like}, but no cryptomatte/ attribute declares {'it' if is_one else 'them'}: {why}"
    return [Found(message, "no declaration", "cryptomatte/KEY/name, hash and conversion", first, index)]


@matte_rule(
    "CRY-KEY-FORM",
    Severity.INFO,
    "A Cryptomatte's key is the first seven hexadecimal digits of its name's hash",
    why="Keys by another scheme can differ from frame to frame, or be the same for two names.",
    source=f"{_SPEC}; {_UTILITIES}; Cryptomatte#65 (any key); gaffer#6304 (RenderMan's keys)",
    fix="No action is needed if each name has one key in all frames. Otherwise correct the exporter: the key is the "
    "MurmurHash3_32 of the name, in hexadecimal, cut to seven digits.",
    limits="RenderMan's keys, the last seven digits, are accepted.",
)
def key_form(file: FileFacts, _: object) -> Results:
    found = []
    for matte in file.mattes:
        name, key = matte.declared.name, matte.declared.key
        digits = f"{manifests.cryptomatte_id(name):08x}" if name else ""
        if name and key not in {(expected := digits[:7]), digits[1:]}:
            message = f"The key of Cryptomatte {name[:80]!r} is {key[:20]}; the specification recommends {expected}"
            found.append(Found(message, key, expected, part=matte.part))
    return found


def _of_only_value(file: FileFacts, field: str, expected: str) -> Results:
    """Report declarations in which a field differs from the only value that the specification defines."""
    return [
        Found(f"{matte.label} has {field} {value!r}; expected {expected}", value, expected, part=matte.part)
        for matte in file.mattes
        if (value := getattr(matte.declared, field)) and value != expected
    ]


@matte_rule(
    "CRY-HASH",
    Severity.ERROR,
    "The hash of a Cryptomatte is MurmurHash3_32",
    why="The specification defines no other hash; software computes other ids for the names.",
    source=_SPEC,
    fix="Make the ids with MurmurHash3_32, and declare it.",
)
def hash_name(file: FileFacts, _: object) -> Results:
    return _of_only_value(file, "hash", DEFINED_HASH)


@matte_rule(
    "CRY-CONVERSION",
    Severity.ERROR,
    "The conversion of a Cryptomatte is uint32_to_float32",
    why="The specification defines no other conversion.",
    source=_SPEC,
    fix="Convert the ids with uint32_to_float32, and declare it.",
)
def conversion(file: FileFacts, _: object) -> Results:
    return _of_only_value(file, "conversion", _CONVERSION)


@matte_rule(
    "CRY-NAME-TWICE",
    Severity.WARNING,
    "No two Cryptomattes have the same name",
    why="They share the channels. Software reads the manifest of one of them, and does not find the objects of the other.",
    source=f"{_SPEC}; Cryptomatte#54 (tiles of one image merged)",
    fix="Unite the manifests in one, under the key that the name gives, and remove the attributes of the other key.",
    command="oiiotool IN.exr -a --eraseattrib cryptomatte/KEY/.* -o OUT.exr",
    remedy=Remedy.EDIT,
)
def name_twice(file: FileFacts, _: object) -> Results:
    by_name: dict[str, list[Matte]] = {}
    for matte in file.mattes:
        if matte.declared.name:
            by_name.setdefault(matte.declared.name, []).append(matte)
    found = []
    for name, several in by_name.items():
        if len(several) > 1:
            keys = listed(matte.declared.key[:20] for matte in several)
            same = len({matte.declared.manifest for matte in several}) == 1
            manifests = "the same manifest" if same else "different manifests"
            message = f"Cryptomatte {name[:80]!r} is declared by {len(several)} keys with {manifests}: {keys}"
            found.append(Found(message, keys, "one key", part=several[0].part))
    return found


def label_of_view(matte: Matte, view: str | None) -> str:
    """The label of a Cryptomatte for a message, with the view if the file has views."""
    return matte.label if view is None else f"{matte.label} of view {view!r}"


def _layer_faults(name: str, ranks: dict[str, dict[str, ChannelPlace]]) -> list[str]:
    """The defects of a Cryptomatte's layers in one view."""
    faults = []
    expected = [f"{name}{index:02}" for index in range(len(ranks))]
    if list(ranks) != expected:
        faults.append(f"layers are {listed(ranks)}, expected {listed(expected)}")
    for layer, members in ranks.items():
        lower = {component.lower() for component in members}
        if not any(lower.issuperset(components) for components in RANK_COMPONENTS):
            faults.append(f"layer {layer} has {listed(sorted(members))}, expected r, g, b, a")
    return faults


@matte_rule(
    "CRY-LAYERS",
    Severity.ERROR,
    "A Cryptomatte has the layers NAME00, NAME01, ... without gaps, each with r, g, b, a",
    why="Each layer holds two pairs of id and coverage; objects in missing layers are lost.",
    source=f"{_SPEC}; {_UTILITIES}",
    fix="Render all layers, or copy the missing ones from the original render.",
)
def layers(file: FileFacts, _: object) -> Results:
    """Report layers that are missing, not consecutive, or lack components.

    A declaration without any channel is info: software copies declarations from one file into others (Blender into every image
    of a scene, compositors into their output). It is a warning if other channels hold values that look like its ids.
    """
    found = []
    for matte in file.mattes:
        name = matte.declared.name
        if not name:
            continue
        first = f"{name}00"
        for view, ranks in matte.ranks.items():
            which = label_of_view(matte, view)
            found += [Found(f"{which}: {fault}", part=matte.part) for fault in _layer_faults(name, ranks)]
        if matte.ranks:
            continue
        if matte.miscounted:
            odd = listed(matte.miscounted)
            found.append(
                Found(f"{matte.label} has layers called {odd}, but none called {first}", odd, first, part=matte.part)
            )
        elif not matte.near:
            message, severity = f"{matte.label} is declared, but the file has none of its channels", Severity.INFO
            if ids := sorted(name for _, name in file.misnamed_ids):
                message += f"; {listed(ids)} {'holds' if len(ids) == 1 else 'hold'} values that look like its ids"
                severity = Severity.WARNING
            found.append(Found(message, "absent", first, part=matte.part, severity=severity))
    return found


@matte_rule(
    "CRY-PART",
    Severity.INFO,
    "A part with channels of a Cryptomatte declares it",
    why="Software that reads one part, as Fusion does, finds no mattes without the attributes in that part.",
    source=f"Cryptomatte#137 (no metadata in the part that holds the mattes); {_SPEC}",
    fix="Write the cryptomatte/ attributes into the header of the part that holds the channels; the command copies one.",
    command="exrstdattr -part 1 -string cryptomatte/KEY/name NAME IN.exr OUT.exr",
    remedy=Remedy.EDIT,
)
def declared_apart(file: FileFacts, _: object) -> Results:
    found = []
    for matte in file.mattes:
        start, holders = f"cryptomatte/{matte.declared.key}/", sorted({part for part, _ in matte.places()})
        names = (name for part in holders for name in file.parts[part].part.by_name)
        if holders and not any(name.startswith(start) for name in names):
            where = f"part{'s' * (len(holders) > 1)} {listed(map(str, holders))}"
            message = f"{matte.label} is declared in part {matte.part} alone, and has its channels in {where}"
            found.append(Found(message, f"part {matte.part}", where, part=matte.part))
    return found


@matte_rule(
    "CRY-ONE-LAYER",
    Severity.INFO,
    "A Cryptomatte has more than one layer",
    why="One layer holds two objects for a pixel: where more meet, as in hair, glass and motion blur, mattes get hard edges.",
    source=f"Cryptomatte#64; {_SPEC}",
    fix="Raise the Cryptomatte depth in the renderer; six (three layers) is usual.",
)
def one_layer(file: FileFacts, _: object) -> Results:
    what = "has one layer, which holds two objects for a pixel; expected 2 or more layers"
    return [
        Found(f"{matte.label} {what}", "1 layer", "2 or more", part=matte.part)
        for matte in file.mattes
        if matte.ranks and all(list(ranks) == [f"{matte.declared.name}00"] for ranks in matte.ranks.values())
    ]


@matte_rule(
    "CRY-LAYER-EXACT",
    Severity.WARNING,
    "Layer names start with exactly the Cryptomatte's name",
    why="Software builds the names of the channels from it, upper and lower case included.",
    source=_UTILITIES,
    fix="Rename the layers, or write the name attribute as the layers spell it. KEY is the Cryptomatte's key.",
    command="exrstdattr -string cryptomatte/KEY/name NAME IN.exr OUT.exr",
    remedy=Remedy.EDIT,
)
def layer_exact(file: FileFacts, _: object) -> Results:
    found = []
    for matte in file.mattes:
        if matte.near and not matte.ranks:
            layers, expected = listed(matte.near), f"{matte.declared.name}00"
            message = f"{matte.label} has layers called {layers}; expected {expected}"
            found.append(Found(message, layers, expected, part=matte.part))
    return found


@matte_rule(
    "CRY-FLOAT32",
    Severity.ERROR,
    "All channels of a Cryptomatte are FLOAT",
    why="Ids need all 32 bits; HALF changes every one of them.",
    source=f"{_SPEC}; OpenEXR deep ids specification",
    fix="Set the Cryptomatte output to 32 bits in the renderer, and render again. Converting this file does "
    "not restore the ids.",
)
def float32(file: FileFacts, _: object) -> Results:
    types = {(part.index, channel.name): channel for part in file.parts for channel in part.channels}
    found = []
    for matte in file.mattes:
        hit = [types[place] for place in matte.places() if types[place].pixel_type != PixelType.FLOAT]
        if hit:
            names = listed(dict.fromkeys(channel.name for channel in hit))
            kinds = " and ".join(dict.fromkeys(channel.type_name for channel in hit))
            message = f"{matte.label}: {names} {'is' if len(hit) == 1 else 'are'} {kinds}; expected FLOAT"
            found.append(Found(message, kinds, "FLOAT", hit[0].name, matte.part))
    return found


@file_rule(
    "CRY-LOSSLESS",
    Severity.ERROR,
    "The compression does not alter Cryptomatte channels",
    why="An id with a single changed bit is another id.",
    source="OpenEXRCore 3.5 internal_dwa_classifier.h; Blender T96933",
    fix="Render the Cryptomatte into a file or part with ZIP, or with r, g, b, a in lower case where DWA is "
    "wanted. Converting this file does not restore the ids.",
    when=t.LOSSY,
)
def lossless(file: FileFacts, _: object) -> Results:
    altered = {(part.index, channel.name) for part in file.parts for channel in part.named if channel.is_lossy}
    found = []
    for matte in file.mattes:
        hit = [place for place in matte.places() if place in altered]
        if hit:
            names = listed(dict.fromkeys(name for _, name in hit))
            codec = codec_name(file.parts[hit[0][0]].compression)
            message = f"{matte.label}: {codec} alters {names}; {RENDER_LOSSLESS}"
            found.append(Found(message, codec, LOSSLESS, hit[0][1], hit[0][0]))
    return found


@matte_rule(
    "CRY-PREVIEW",
    Severity.INFO,
    "A Cryptomatte has no preview channels",
    why="The specification deprecates them; software may take them for a render.",
    source=_SPEC,
    fix="Switch the preview channels off in the renderer.",
)
def preview(file: FileFacts, _: object) -> Results:
    by_part: dict[int, list[str]] = {}
    for matte in file.mattes:
        by_part.setdefault(matte.part, []).extend(matte.declared.preview_channels)
    return [
        Found(f"Cryptomattes have preview channels: {listed(names)}", listed(names), part=part)
        for part, names in by_part.items()
        if names
    ]


@matte_rule(
    "CRY-COLORTAG",
    Severity.WARNING,
    "Parts that hold Cryptomatte have no colour tag, or `data`",
    why="Software that converts colours by the tag changes the ids.",
    source="ASWF Color Interop recommendation 04; OpenEXR deep ids specification",
    fix="Write the Cryptomatte into a part of its own and tag it `data`. The command tags part 1.",
    command="exrstdattr -part 1 -string colorInteropID data IN.exr OUT.exr",
    remedy=Remedy.EDIT,
    limits="With severity info: parts that hold colour, too, and chromaticities alone, which are equal in all parts.",
)
def colour_tag(file: FileFacts, _: object) -> Results:
    held: dict[int, list[str]] = {}
    for matte in file.mattes:
        for index in sorted({place[0] for place in matte.places()}):
            held.setdefault(index, []).append(repr((matte.declared.name or "")[:80]))
    found = []
    for index, names in held.items():
        part = file.parts[index]
        identifier = part.part.text("colorInteropID")
        tagged = identifier or ("chromaticities" if "chromaticities" in part.part.by_name else None)
        if tagged and identifier != spaces.DATA:
            has_colour = bool(part.traits & t.COLOURED)
            wanted = "a part of its own" if has_colour else "no tag, or data"
            holds = f"{'colour and ' * has_colour}Cryptomatte {listed(names)}"
            message = f"A part tagged {tagged} holds {holds}; expected {wanted}"
            severity = None if identifier and not has_colour else Severity.INFO
            found.append(Found(message, tagged, "data", part=index, severity=severity))
    return found
