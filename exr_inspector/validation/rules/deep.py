"""DEEP and IDM: deep parts and id manifests.

Whether the id of each pixel is in the manifest is not checked.
"""

from __future__ import annotations

import re

from pydantic import Field

from exr_inspector.errors import FormatError, LimitExceeded
from exr_inspector.exr.header.idmanifest import decode_manifest
from exr_inspector.exr.header.values import DeepImageState, IdManifest, PixelType
from exr_inspector.model import Severity
from exr_inspector.settings import limit_text
from exr_inspector.validation.facts import traits as t
from exr_inspector.validation.facts.channel_facts import ChannelFacts
from exr_inspector.validation.facts.facts import PartFacts
from exr_inspector.validation.parameters import Pixels, RuleParameters
from exr_inspector.validation.rule import NOTHING, Found, Results, channel_rule, counted, listed, part_rule, pixel_rule

_INTERPRETING = "Interpreting Deep Pixels"
_IDS = "OpenEXR deep ids specification"
_ALPHAS = frozenset({"A", "AR", "AG", "AB"})
_SORTED = frozenset({DeepImageState.SORTED, DeepImageState.TIDY})
_SEPARATE = frozenset({DeepImageState.NON_OVERLAPPING, DeepImageState.TIDY})
_ID_NAME = re.compile(r"(?:id|objectid|materialid|particleid|instanceid)[01]?", re.IGNORECASE)


class DeepParameters(RuleParameters):
    """Parameters of the rules on deep data."""

    max_deep_samples: Pixels = Field(1000, description="Most samples in one deep pixel (DEEP-MAXSAMPLES).")


@channel_rule(
    "DEEP-Z",
    Severity.ERROR,
    "The base layer of a deep part has the channel Z",
    why="Samples cannot be ordered without their depth.",
    source=_INTERPRETING,
    fix="Write the depth of each sample as Z.",
    when=t.DEEP,
)
def z(part: ChannelFacts, _: object) -> Results:
    if not part.channels or any(channel.name == "Z" for channel in part.channels):
        return NOTHING
    return [Found("The base layer of a deep part has no Z", listed(channel.name for channel in part.channels), "Z")]


@channel_rule(
    "DEEP-ALPHA",
    Severity.WARNING,
    "Every layer of a deep part with colour or auxiliary channels has alpha, of its own or of an enclosing layer",
    why="Samples cannot be composited without their coverage.",
    source=_INTERPRETING,
    fix="Write A beside the colours.",
    when=t.DEEP,
)
def alpha(part: ChannelFacts, _: object) -> Results:
    """Report channels other than alpha and depth (Z and ZBack by full name) without A, or AR, AG, AB for R, G, B."""
    names = {channel.name for channel in part.channels}
    lacking = []
    for name in names - {"Z", "ZBack"}:
        layer, _, base = name.rpartition(".")
        if base in _ALPHAS:
            continue
        wanted = ("A", f"A{base}") if base in {"R", "G", "B"} else ("A",)
        if not any(f"{prefix}{component}" in names for prefix in _enclosing(layer) for component in wanted):
            lacking.append(name)
    if not lacking:
        return NOTHING
    lacking.sort()
    return [Found(f"{listed(lacking)}: no alpha in the layer or an enclosing one", "absent", "A", lacking[0])]


def _enclosing(layer: str) -> list[str]:
    """The name prefixes of a layer and of all layers that enclose it, the base layer last."""
    words = layer.split(".") if layer else []
    return [".".join([*words[:count], ""]) for count in range(len(words), -1, -1)]


@channel_rule(
    "DEEP-Z-TYPE",
    Severity.WARNING,
    "Z and ZBack of deep parts are FLOAT",
    why="HALF has 11 bits of precision: samples of different depth get equal depths.",
    source="OpenEXR technical introduction (The HALF Data Type); Interpreting Deep Pixels",
    fix="Set the deep output's depth to 32 bits in the renderer, and render again.",
    when=t.DEEP,
)
def z_type(part: ChannelFacts, _: object) -> Results:
    return [
        Found(f"{channel.name} is {channel.type_name}", channel.type_name, "FLOAT", channel.name)
        for channel in part.channels
        if channel.name in {"Z", "ZBack"} and channel.pixel_type != PixelType.FLOAT
    ]


@part_rule(
    "DEEP-TILES",
    Severity.INFO,
    "Deep parts are stored in scan lines",
    why="Nuke finds no deep data in deep tiles.",
    source="openexr#1080",
    fix="Write the deep part as deepscanline: in the renderer's output settings, choose scan lines.",
    when=t.DEEP,
)
def deep_tiles(part: PartFacts, _: object) -> Results:
    if not part.part.is_tiled:
        return NOTHING
    return [
        Found(
            "The deep part is stored in tiles, which Nuke does not read as deep",
            part.part.part_type or "tiles",
            "deepscanline",
        )
    ]


@channel_rule(
    "DEEP-ID",
    Severity.WARNING,
    "Ids of deep parts are UINT, and ids of 64 bits are a pair of channels whose names end in 0 and 1",
    why="Other pixel types change large ids, and software does not recognise other names.",
    source=_IDS,
    fix="Write ids as UINT, and split ids of 64 bits into two channels, such as id0 and id1.",
    when=t.DEEP,
)
def identifiers(part: ChannelFacts, _: object) -> Results:
    components = {(c.layer, c.view, c.component.lower()): c for c in part.named if _ID_NAME.fullmatch(c.component)}
    found = [
        Found(f"{c.name} is {c.channel.type_name}", c.channel.type_name, "UINT", c.name)
        for c in components.values()
        if c.channel.pixel_type != PixelType.UINT
    ]
    for (layer, view, component), channel in components.items():
        other = component[:-1] + {"0": "1", "1": "0"}.get(component[-1], "")
        if component[-1] in "01" and (layer, view, other) not in components:
            message = f"{channel.name} is half of a 64-bit id; its other half {other} is missing"
            found.append(Found(message, "absent", other, channel.name))
    return found


@pixel_rule(
    "DEEP-ZBACK",
    Severity.WARNING,
    "Z and ZBack are finite and not negative, and ZBack is not in front of Z",
    why="They are distances from the camera; others break the sorting of samples. Readers take a sample whose ZBack is in "
    "front of its Z for a point at Z: a volume has no thickness.",
    source=_INTERPRETING,
    fix="Check the camera's clipping planes, and the node that made the samples.",
    when=t.DEEP,
)
def z_values(part: PartFacts, _: object) -> Results:
    """Check minimum and infinities of Z and ZBack, and their order; a ZBack of 0 marks points, which is info."""
    found = []
    for name in ("Z", "ZBack"):
        stats = part.stats.get(name)
        if stats is None:
            continue
        if stats.minimum is not None and stats.minimum < 0:
            least = f"{stats.minimum:g}"
            message = f"{name} goes down to {part.at_least}{least}{part.in_chunks}; expected 0 or more"
            found.append(Found(message, least, "0 or more", name))
        if stats.inf_count:  # PIX-NAN reports NaN; PIX-INF accepts infinities of depth
            message = f"{name} holds {part.at_least}{counted(stats.inf_count, 'infinite value')}{part.in_chunks}"
            found.append(Found(message, str(stats.inf_count), "0", name))
    deep, back = part.pixels.deep if part.pixels else None, part.stats.get("ZBack")
    if deep is not None and back is not None and deep.inverted_samples:
        share = f"{deep.inverted_samples} of {counted(deep.total_samples, 'sample')}"
        severity = Severity.INFO if deep.inverted_samples <= back.zero_count else None
        message = f"ZBack is in front of Z in {part.at_least}{share}{part.in_chunks}"
        message += f", first at {deep.first_inverted}" if deep.first_inverted else ""
        found.append(Found(message, share, "behind Z", "ZBack", severity=severity))
    return found


@pixel_rule(
    "DEEP-STATE",
    Severity.WARNING,
    "Samples of pixels are sorted, or do not overlap, where deepImageState declares it",
    why="Compositing software does not sort the samples of such a part again, and takes hidden samples for visible ones.",
    source="Interpreting Deep Pixels; OpenEXR standard attributes (deepImageState)",
    fix="Sort and split the samples in the software that writes the file, or declare deepImageState MESSY.",
    limits="Each sample and the one before it: the order by Z, and overlaps of samples with ZBack.",
    when=t.DEEP,
)
def state(part: PartFacts, _: object) -> Results:
    deep, declared = part.pixels.deep if part.pixels else None, part.part.value("deepImageState", "deepImageState")
    found = []
    for states, count, what in (
        (_SORTED, deep.unsorted_samples if deep else 0, "nearer than the one before"),
        (_SEPARATE, deep.overlapping_samples if deep else 0, "overlapping the one before"),
    ):
        if count and isinstance(declared, int) and declared in states:
            message = f"deepImageState is {DeepImageState(declared).name}, but "
            message += f"{part.at_least}{counted(count, 'sample')}{part.in_chunks} "
            message += f"{'is' if count == 1 else 'are'} {what} in the same pixel"
            found.append(Found(message, str(count), "0", "Z"))
    return found


@pixel_rule(
    "DEEP-MAXSAMPLES",
    Severity.WARNING,
    "No pixel has more samples than max_deep_samples",
    why="Memory and time of deep compositing grow with the number of samples.",
    source="Interpreting Deep Pixels (memory of samples)",
    fix="Raise the tolerance of deep compression in the renderer, or the parameter max_deep_samples.",
    when=t.DEEP,
)
def max_samples(part: PartFacts, parameters: DeepParameters) -> Results:
    deep = part.pixels.deep if part.pixels else None
    if deep is None or deep.max_samples <= parameters.max_deep_samples:
        return NOTHING
    expected = f"at most {parameters.max_deep_samples}"
    message = f"A pixel has {part.at_least}{deep.max_samples} samples{part.in_chunks}; expected {expected}"
    return [Found(message, str(deep.max_samples), expected)]


@pixel_rule(
    "DEEP-EMPTY",
    Severity.WARNING,
    "A deep part has samples, and not all of them are transparent",
    why="The render failed, or wrote nothing to the deep output.",
    source="Interpreting Deep Pixels",
    fix="Check what the deep output contains, and render the frame again.",
    when=t.DEEP,
    yields_to=("SEQ-BLACK",),
)
def empty(part: PartFacts, _: object) -> Results:
    deep = part.pixels.deep if part.pixels else None
    if deep is None or part.pixels is None or part.pixels.chunks_read < part.pixels.chunks_total:
        return NOTHING
    if deep.pixels and not deep.total_samples:
        return [Found("No pixel has a sample", "0 samples", "samples")]
    coverage = part.stats.get("A")
    if coverage and coverage.samples and coverage.zero_count == coverage.samples:
        return [Found("Every sample is transparent", "A is 0", "A above 0", "A")]
    return NOTHING


@part_rule(
    "IDM-PARSE",
    Severity.WARNING,
    "The id manifest can be read, and every channel that it names exists",
    why="Readers fail on the manifest, or find no ids for its names.",
    source="OpenEXR ImfIDManifest.cpp",
    fix="Write the manifest again with the OpenEXR library, with the names of channels that exist.",
    limits="The manifest and its channels; the ids in the pixels are not compared with it.",
    when=t.ID_MANIFEST,
)
def id_manifest(part: PartFacts, _: object) -> Results:
    """Decode the id manifest, once for parts with equal ones, and compare its channels with those of all parts."""
    value, bounds = part.part.value("idManifest", "idmanifest"), part.file.bounds
    if not isinstance(value, IdManifest) or part.index not in part.file.manifest_parts:
        return NOTHING
    try:
        groups = decode_manifest(value, bounds.limits, bounds.reserve)
    except LimitExceeded as error:  # a limit of this installation, not a defect of the file
        bounds.on_limit(error)
        text = f"The id manifest was not read: {limit_text(error)}"[:300]
        return [Found(text, error.found, error.expected, severity=Severity.INFO)]
    except FormatError as error:
        return [Found(f"The id manifest cannot be read: {error}"[:300], error.found, error.expected)]
    present = {channel.name for each in part.file.parts for channel in each.channels}
    lacking = sorted({name for group in groups for name in group.channels} - present)
    if not lacking:
        return NOTHING
    names = listed(lacking)
    return [Found(f"The id manifest names channels that do not exist: {names}"[:300], "absent", names[:100])]
