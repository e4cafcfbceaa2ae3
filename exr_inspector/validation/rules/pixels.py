"""PIX: pixel values, from statistics. Of positions, they contain those of the first NaN and Inf and of large maxima.

Rules whose result a sample can falsify (the image is black, no value exceeds 1) require exact statistics.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from pydantic import Field

from exr_inspector.exr.header.values import PixelType
from exr_inspector.model import ChannelStats, Severity, StatsMode
from exr_inspector.validation.facts.channel_facts import NamedChannel
from exr_inspector.validation.facts.facts import FileFacts, PartFacts
from exr_inspector.validation.facts.roles import RGB, Role, is_displacement
from exr_inspector.validation.parameters import NotPositive, Positive, RuleParameters, Share
from exr_inspector.validation.rule import NOTHING, Found, Results, Stage, counted, file_rule, listed, pixel_rule
from exr_inspector.validation.rules.channels import names_of
from exr_inspector.validation.rules.compression import DWA, codec_name
from exr_inspector.validation.rules.data_in_colour import (
    are_coordinates,
    are_directions,
    are_vectors,
    have_equal_values,
)
from exr_inspector.validation.rules.encodings import OF_CAMERAS

_HALF_MAX = 65504.0
_FIREFLY_FACTOR = 100
_UPPER_PERCENT = 99.9  # without a few hot pixels
_GAMUT = 0.15  # of the brightest: a colour of 1 0 0, 0 1 0 or 0 0 1 in a camera's gamut goes as far below zero in another one
_FEWEST_PICKS = 10
_STARS = re.compile(
    r"(?<![a-z])(?:stars|star_?(?:field|map)s?|galax(?:y|ies)|milky_?way|nebulae?)(?![a-z])", re.IGNORECASE
)
_POINTS_BLACK = 0.98  # share of zeros in an image of points: few objects are so small
# Marks of points without a value in heights and other measures: ArcGIS and GDAL; -9999 as HALF is -10000.
_NO_VALUE = frozenset({-9999.0, -10000.0, -32767.0, -32768.0, -99999.0, -(2.0**128 - 2.0**104)})
# Statistics of a channel, the number of its bad values, and the position of the first one if known.
_Hit = tuple[ChannelStats, int, "tuple[int, int] | None"]


def _holds(part: PartFacts, hit: Sequence[_Hit], amount: Callable[[int], str]) -> Results:
    """Create the finding that channels hold a number of values, with the first position; for a sample, with the chunks read."""
    if not hit:
        return NOTHING
    names = [stats.channel for stats, _, _ in hit]
    count = sum(many for _, many, _ in hit)
    places = [(y, x, stats.channel) for stats, _, pixel in hit if pixel for x, y in [pixel]]
    message = f"{listed(names)} {'holds' if len(hit) == 1 else 'hold'} "
    message += f"{part.at_least}{amount(count)}{part.in_chunks}"
    if not part.in_chunks and count == sum(stats.samples for stats, _, _ in hit):
        message += ", every value"
    if places:
        y, x, channel = min(places)
        message += f", first at ({x}, {y})" + (f" in {channel}" if len(hit) > 1 else "")
    return [Found(message, str(count), "0", names[0])]


def _in_levels(
    part: PartFacts, found: Callable[[Iterable[ChannelStats]], list[_Hit]], amount: Callable[[int], str]
) -> Results:
    """As `_holds` for the first level, or for the lowest level above it that has such values: filters spread them upwards."""
    checked = _checked(part)
    if hit := found(checked):
        return _holds(part, hit, amount)
    names = {stats.channel for stats in checked}
    for (x, y), every in part.upper_stats.items():
        if hit := found(stats for stats in every if stats.channel in names):
            return [each._replace(message=f"Level {x},{y}: {each.message}") for each in _holds(part, hit, amount)]
    return NOTHING


def _checked(part: PartFacts) -> list[ChannelStats]:
    """Statistics of the channels to check.

    Cryptomatte ids, and ranks altered by HALF or the codec, are left to CRY.
    """
    ids = {
        name
        for matte in part.file.mattes
        for pairs in matte.pairs()
        for (index, name), _ in pairs
        if index == part.index
    }
    ruined = {
        channel.name
        for channel in part.of_role(Role.CRYPTOMATTE)
        if channel.is_lossy or channel.channel.pixel_type != PixelType.FLOAT
    }
    return [stats for name, stats in part.stats.items() if name not in ruined and name not in ids]


class PixelParameters(RuleParameters):
    """Parameters of the rules on pixel values."""

    firefly_limit: Positive = Field(1000.0, description="Colour values above are fireflies (PIX-FIREFLY).")
    single_pixels: bool = Field(
        True,
        description="Whether single pixels that are much brighter than those beside them are reported (PIX-FIREFLY).",
    )
    negative_tolerance: NotPositive = Field(
        -1e-4, description="Colour values down to this are rounding and not reported (PIX-NEGATIVE)."
    )
    negative_warning: NotPositive = Field(
        -0.025,
        description="Colour values below are a warning, others below negative_tolerance a hint: the blacks of cameras' log "
        "curves are no lower than this in linear light (V-Log: -0.0223) (PIX-NEGATIVE).",
    )
    negative_limit: NotPositive | None = Field(
        None, description="Colour values below are an error, even within negative_tolerance (PIX-NEGATIVE)."
    )
    infinite_depth: bool = Field(False, description="Whether +Inf is the background of depth channels (PIX-INF).")
    half_max_share: Share = Field(
        0.0, description="Share of values at 65504 and above that is still accepted (PIX-HALF-MAX)."
    )


@pixel_rule(
    "PIX-NAN",
    Severity.ERROR,
    "No pixel value is NaN",
    why="One NaN spreads over the image when it is filtered or blurred.",
    source="OpenEXR technical introduction (The HALF Data Type); OpenImageIO oiiotool (--fixnan); DAVANet#17 (disparity)",
    fix="Find the shader or node that produces NaN, and render the frames again. For a delivery, replace each by the mean of "
    "its neighbours. Where a sensor marks points without a value by NaN, as in disparity, mask them before filtering.",
    command="oiiotool IN.exr -a --fixnan box3 -o OUT.exr",
)
def nan(part: PartFacts, _: object) -> Results:
    """Report NaN in all channels, in the first level or else in those above it."""

    def found(every: Iterable[ChannelStats]) -> list[_Hit]:
        return [(stats, stats.nan_count, stats.first_nan) for stats in every if stats.nan_count]

    return _in_levels(part, found, lambda count: f"{count:,} NaN")


@pixel_rule(
    "PIX-INF",
    Severity.ERROR,
    "No pixel value is infinite",
    why="Filters turn it into NaN; sums and averages become infinite.",
    source="OpenEXR technical introduction (The HALF Data Type); OpenImageIO oiiotool (--fixnan)",
    fix="Find the shader or node that produces infinities, and render the frames again. For a delivery, "
    "replace each by the mean of its neighbours. Values above 65504, such as those of the sun, are infinite in HALF: write "
    "FLOAT. DWAA and DWAB can turn values near 65504 into infinities (openexr#2606): clamp to 50000 before writing.",
    command="oiiotool IN.exr -a --fixnan box3 -o OUT.exr",
)
def infinite(part: PartFacts, parameters: PixelParameters) -> Results:
    """Report infinities; with `infinite_depth`, +Inf in depth channels is the background and accepted."""
    depth = {channel.name for channel in part.of_role(Role.DEPTH)} if parameters.infinite_depth else set()

    def found(every: Iterable[ChannelStats]) -> list[_Hit]:
        # The first infinity of depth may be a background.
        hits = [(s, s.negative_inf_count, None) if s.channel in depth else (s, s.inf_count, s.first_inf) for s in every]
        return [hit for hit in hits if hit[1]]

    results = _in_levels(part, found, lambda count: f"{count:,} infinite value{'s' * (count != 1)}")
    return [each._replace(message=each.message + _through_half(part)) for each in results]


def _through_half(part: PartFacts) -> str:
    """What DWA does to large values of a FLOAT channel with infinities; empty if there is none."""
    if part.compression not in DWA:
        return ""
    names = {c.name for c in part.named if c.is_lossy and c.channel.pixel_type == PixelType.FLOAT}
    if not any(s.inf_count for s in _checked(part) if s.channel in names):
        return ""
    return f"; {codec_name(part.compression)} stores FLOAT colour as HALF, in which values above 65504 are infinite or damaged"


@file_rule(
    "PIX-UNREAD",
    Severity.WARNING,
    "A sample reads pixels of every part",
    why="Nothing is known of the pixels of other parts: NaN, black or constant images in them go unnoticed.",
    source="OpenEXR technical introduction (Data Compression: 256 lines a chunk)",
    fix="Read all pixels (--stats full); or raise EXR_STATS_REQUESTS to the number of parts, and EXR_STATS_CHUNK_BYTES above "
    "the size of one chunk.",
    stage=Stage.PIXELS,
)
def unread(file: FileFacts, _: object) -> Results:
    """Report the parts with chunks of which a sample read none: requests or bytes were used up. A warning if it read none."""
    report = file.inspection.pixels
    if report is None or report.mode is not StatsMode.SAMPLED:
        return NOTHING
    damaged = {fault.part for fault in report.faults}
    # Parts of which no chunk is present are reported by CHK rules.
    known = [
        (part, part.pixels)
        for part in file.parts
        if part.pixels is not None and part.pixels.chunks_total and part.index not in damaged
        if part.completeness is None or part.completeness.present
    ]
    missed = [part for part, pixels in known if not pixels.chunks_read]
    if not missed:
        return NOTHING
    read_parts = sum(1 for _, pixels in known if pixels.chunks_read)
    if not read_parts:
        total = sum(pixels.chunks_total for _, pixels in known)
        return [Found(f"No pixel was read: 0 of {total} chunks fit the sample's budget", "0 chunks", "1 or more")]
    read = f"{read_parts} of {len(file.parts)} parts"
    names = listed(part.part.name or f"part {part.index}" for part in missed)
    message = f"{read} {'was' if read_parts == 1 else 'were'} read before the sample's budget ended; "
    message += f"not read: {names}; --stats full reads all"
    return [Found(message, read, "all parts", severity=Severity.INFO)]


@pixel_rule(
    "PIX-HALF-MAX",
    Severity.WARNING,
    "Colour and alpha stay below 65504",
    why="65504 is the largest HALF: larger values were cut off, or become infinite in a later step.",
    source="OpenEXR technical introduction (The HALF Data Type)",
    fix="Clamp highlights before writing, or write FLOAT. The command clamps R, G and B, which it expects to "
    "be the first three channels.",
    command="oiiotool IN.exr --clamp:max=60000,60000,60000 -o OUT.exr",
    limits="Larger values in FLOAT are info, since only HALF cannot hold them; a maximum of exactly 65504 was HALF before.",
)
def half_max(part: PartFacts, parameters: PixelParameters) -> Results:
    """Compare the share of colour and alpha values at or beyond 65504 with `half_max_share`, but for marks of no value."""
    hit = [
        (stats, stats.half_max_count, None)
        for channel, stats in part.with_stats(
            part.without_ranks([*part.of_role(Role.COLOUR), *part.of_role(Role.ALPHA)])
        )
        if stats.half_max_count > parameters.half_max_share * stats.samples
        if not (stats.minimum in _NO_VALUE and (stats.maximum or 0) < _HALF_MAX)
    ]
    below = all(stats.maximum is not None and stats.maximum < _HALF_MAX for stats, _, _ in hit)
    found = _holds(
        part,
        hit,
        lambda count: f"{count:,} value{'s' * (count != 1)} of {'-65504 and less' if below else '65504 and more'}",
    )
    if hit and all(stats.magnitude > _HALF_MAX for stats, _, _ in hit):  # which FLOAT alone can hold
        beyond = "which are infinite once they are converted to HALF"
        found = [each._replace(message=f"{each.message}, {beyond}", severity=Severity.INFO) for each in found]
    share = parameters.half_max_share
    return [each._replace(expected=f"at most {share:.3g} of the values") for each in found] if share else found


@pixel_rule(
    "PIX-FIREFLY",
    Severity.WARNING,
    "Colour has no single values far above firefly_limit",
    why="Single very bright pixels flicker in motion, and blurs and glows spread them.",
    source="Blender manual (Reducing Noise, fireflies); hdrmerge#75 (stuck pixels)",
    fix="Clamp samples in the renderer, mask hot pixels of a camera, or raise the parameter firefly_limit. The command "
    "clamps R, G and B, which it expects to be the first three channels.",
    command="oiiotool IN.exr --clamp:max=1000,1000,1000 -o OUT.exr",
    limits="At most one pixel in a thousand, or in a hundred of a small image: statistics do not tell more from lights. Below "
    "firefly_limit, in the first part, when files are read and not by their stored rows; pixels at the edges of the "
    "image, of tiles and of the blocks of rows that are read at once have unknown neighbours and are not counted.",
)
def firefly(part: PartFacts, parameters: PixelParameters) -> Results:
    """Compare the maximum of the colour channels with `firefly_limit`. Bright areas and environment maps are not reported.

    Without the attribute envmap, an image of the shape of a latitude-longitude map has an info finding, as have images of stars
    by name, and those that are black but for few points. If no value is above the limit, single pixels far above all others are
    an info finding, but for such images.
    """
    limit = parameters.firefly_limit
    hit = [
        (channel, stats.maximum)
        for channel, stats in part.with_stats(part.colour)
        if stats.maximum is not None and stats.maximum > limit and _stands_out(stats)
    ]
    if "envmap" in part.part.by_name:
        return NOTHING
    if not hit:
        return _singles(part) if parameters.single_pixels else NOTHING
    channel, most = max(hit, key=lambda each: each[1])
    message = f"{names_of(each for each, _ in hit)}: values up to {part.at_least}{most:g}{part.in_chunks}"
    if pixel := part.stats[channel.name].maximum_at:
        message += f" at ({pixel[0]}, {pixel[1]})" + (f" in {channel.name}" if len(hit) > 1 else "")
    message += f", far above nearly all others; {_bright(part.stats[channel.name], limit)}expected at most {limit:g}"
    severity = None
    if _looks_like_panorama(part):
        message += ". If the image is an environment map, this is a light: write the attribute envmap"
        severity = Severity.INFO
    elif _shows_points(part):
        message += ". If the image shows stars or sparks, these are lights"
        severity = Severity.INFO
    return [Found(message, f"{most:g}", f"at most {limit:g}", channel.name, severity=severity)]


def _singles(part: PartFacts) -> Results:
    singles = part.pixels.singles if part.pixels else None
    if singles is None or _shows_points(part) or _looks_like_panorama(part):
        return NOTHING
    are_several = singles.pixels > 1
    message = f"{listed(singles.channels)}: {counted(singles.pixels, 'single pixel')} up to {singles.maximum:g}, "
    message += f"more than 8 times as bright as those beside {'them' if are_several else 'it'}, "
    message += f"{'first ' * are_several}at ({singles.first[0]}, {singles.first[1]})"
    return [Found(message, f"{singles.maximum:g}", "", singles.channels[0], severity=Severity.INFO)]


def _bright(stats: ChannelStats, limit: float) -> str:
    """How many values of a channel are in bins of the histogram that begin at the limit or above it; empty if unknown.

    Of large images, the histogram counts one value in several: from a few of them, the number is not known.
    """
    histogram = stats.histogram
    bins = zip(histogram.edges[:-1], histogram.counts, strict=True) if histogram else ()
    above = [(edge, count) for edge, count in bins if edge >= limit]
    if histogram is None or not above:
        return ""
    count, factor = sum(count for _, count in above), stats.finite_count / sum(histogram.counts)
    if factor > 1 and count < _FEWEST_PICKS:
        return ""
    number = f"about {float(f'{count * factor:.2g}'):,.0f}" if factor > 1 else f"{count:,}"
    return f"{number} value{'s' * (number != '1')} of {above[0][0]:g} or more; "


def _looks_like_panorama(part: PartFacts) -> bool:
    """Whether the image is as latitude-longitude maps are: twice as wide as high, not cropped, opaque."""
    window = part.part.display_window
    if window is None or window != part.part.data_window:
        return False
    if any(stats.minimum != 1 for stats in part.stats_of(part.of_role(Role.ALPHA))):
        return False
    x_min, y_min, x_max, y_max = window
    return x_max - x_min + 1 == 2 * (y_max - y_min + 1)


def _shows_points(part: PartFacts) -> bool:
    """Whether the image shows stars by its name, or the colour of all layers is black but for few pixels."""
    return bool(_STARS.search(part.file.inspection.key.rpartition("/")[2])) or all(
        s.exact and s.zero_count >= _POINTS_BLACK * s.samples for s in part.stats_of(part.colour)
    )


def _stands_out(stats: ChannelStats) -> bool:
    """Whether the maximum is rare: far above the highest percentile of the statistics. A sun in a sky has many pixels."""
    below = [value for percent, value in stats.percentiles if (100 - percent) * stats.samples >= 100]
    return not below or (stats.maximum or 0) > _FIREFLY_FACTOR * max(below[-1], 1)


@pixel_rule(
    "PIX-NEGATIVE",
    Severity.WARNING,
    "Colour values are not negative",
    why="They lie outside the gamut; multiplication, gamma and keying give wrong results with them.",
    source="ASWF Color Interop recommendation 01; openexr#1278 (where negative values come from)",
    fix="Convert into a larger gamut, look for a sharpening filter, or clamp. The command clamps R, G and B, "
    "which it expects to be the first three channels.",
    command="oiiotool IN.exr --clamp:min=0,0,0 -o OUT.exr",
    profiles={"texture": "info"},
)
def negative(part: PartFacts, parameters: PixelParameters) -> Results:
    """Check the minimum of each layer's colour; the severity depends on it. Chroma (RY, BY) is signed and not checked.

    A layer of one colour channel, or of equal ones, may hold heights or another measure, as may a file named for displacement,
    and one with as many negative values as vectors have is no colour: these are info findings. So are values that saturated
    colours may have in a file with attributes of a camera. Coordinates are not checked.
    """
    by_layer: dict[tuple[str, str | None], list[tuple[float, NamedChannel, ChannelStats]]] = {}
    limit = parameters.negative_limit
    accepted = parameters.negative_tolerance if limit is None else max(parameters.negative_tolerance, limit)
    base = [part.stats[name] for name in RGB if name in part.stats]
    of_coordinates = len(base) == len(RGB) and are_coordinates(base)
    for channel, stats in part.with_stats(part.colour):
        least = stats.minimum
        if least is None or least >= accepted or channel.component in {"RY", "BY"} or of_coordinates:
            continue
        by_layer.setdefault((channel.layer, channel.view), []).append((least, channel, stats))
    return [_negative(part, hit, parameters, _not_colour(part, layer, hit)) for layer, hit in by_layer.items()]


def _not_colour(
    part: PartFacts, layer: tuple[str, str | None], hit: list[tuple[float, NamedChannel, ChannelStats]]
) -> str:
    """What the negative values of a layer suggest instead of a fault; empty if nothing."""
    if is_displacement(part.file.inspection.key):
        return ", as displacement may be, by the file's name"
    members = part.by_layer[layer]
    least = min(value for value, _, _ in hit)
    if _is_grey(part, members.values()) and (least > -_HALF_MAX or least in _NO_VALUE):
        return ", which often marks points without a value" if least in _NO_VALUE else ", as heights may be"
    colour = part.stats_of(members[name] for name in RGB if name in members)
    if are_directions(colour):
        return "; R, G, B together have the length 1: normals, not colour"
    if are_vectors(colour):
        return ", as far as above it or nearly: vectors, positions or a difference, not colour"
    is_plate = not OF_CAMERAS.isdisjoint(part.part.by_name)
    most = max((dict(stats.percentiles).get(_UPPER_PERCENT, 0.0) for stats in colour), default=0)
    return ", as noise and saturated lights in plates of cameras are" if is_plate and least > -_GAMUT * most else ""


def _is_grey(part: PartFacts, channels: Iterable[NamedChannel]) -> bool:
    """Whether a layer has one colour channel, or several with the same values."""
    return have_equal_values(part.stats_of(channel for channel in channels if channel.role is Role.COLOUR))


def _negative(
    part: PartFacts, hit: list[tuple[float, NamedChannel, ChannelStats]], parameters: PixelParameters, why: str
) -> Found:
    """The finding of one layer; `why` is the reason for which its values need not be colour, if there is one."""
    least, channel, _ = min(hit, key=lambda each: each[0])
    count, samples = (sum(getattr(stats, name) for _, _, stats in hit) for name in ("negative_count", "samples"))
    if parameters.negative_limit is not None and least < parameters.negative_limit:
        severity = Severity.ERROR
    else:
        severity = Severity.WARNING if least < parameters.negative_warning and not why else Severity.INFO
    names = names_of(each for _, each, _ in hit)
    message = f"{names}: {part.at_least}{count:,} of {samples:,} values{part.in_chunks} are below zero, down to "
    message += f"{part.at_least}{least:g}{why}"
    return Found(message, f"{least:g}", "0 or more", channel.name, severity=severity)
