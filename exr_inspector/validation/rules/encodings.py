"""PIX: colour whose values show that they are not scene-linear: display-referred, cut off, logarithmic, or integer codes."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence

import numpy as np

from exr_inspector.exr.names import is_beauty
from exr_inspector.model import ChannelStats, Severity
from exr_inspector.validation.facts import traits as t
from exr_inspector.validation.facts.channel_facts import NamedChannel
from exr_inspector.validation.facts.colourspaces import is_encoded_name
from exr_inspector.validation.facts.facts import PartFacts
from exr_inspector.validation.facts.roles import Role, is_matte
from exr_inspector.validation.rule import NOTHING, Found, Results, listed, pixel_rule
from exr_inspector.validation.rules.channels import depths, names_of
from exr_inspector.validation.rules.colour import tagged_space

_LOG_BLACK = 0.05
_MOST_BLACK = 0.2
_PLATE_BLACK = 0.4  # of log encodings of a bright scene; a renderer's fog may be as bright, but no camera wrote that
OF_CAMERAS = frozenset(
    {"cameraMake", "cameraModel", "cameraSerialNumber", "reelName", "lensMake", "lensModel", "isoSpeed"}
)
_MOST_CODE = 65535
_BRIGHT = 1000.0
_LOWER_PART = 25.0  # percent
_WHOLE_FROM = 1024  # HALF has no fractions from here on
_LEAST_CODE = 127
_PLATEAU_VALUES = 512  # fewest values; of fewer, one can be a hundredth of all by chance
_HALF_MAX = 65504
_PLATEAU = 99.0  # percent; highlights were cut off if the values above are equal
_CODES = 256  # of 8 bits
_NUMBERS_FOR_ONE = 16  # that HALF has, for each value that an image of 8 bits has
_PIXELS_FOR_ONE = 256
_MEAN_OF_DISPLAYS = 0.4  # middle grey is 0.18 in scene-linear values, and 0.46 in sRGB
_SLOPE_SHARE = 0.1  # of the values near the maximum, those below it: fewer are the edges of a flat light


@pixel_rule(
    "PIX-CLIPPED-1",
    Severity.WARNING,
    "Scene-linear colour has values above 1",
    why="A maximum of exactly 1 in every channel suggests an image that was made for a display, or clamped.",
    source="OpenEXR technical introduction (Scene-Referred Images)",
    fix="Write scene-linear values, without view transform and without clamping.",
    profiles={"default": "info", "strict": "warning", "texture": "off"},
)
def clipped_colour(part: PartFacts, _: object) -> Results:
    """Report layers whose R, G and B all have a maximum of exactly 1; of files with a main image, that image alone.

    AOVs such as occlusion and albedo end at 1, as do mattes, by the name of the file or layer, and mipmapped textures.
    """
    if is_matte(part.file.inspection.key) or "wrapmodes" in part.part.by_name:
        return NOTHING
    found = []
    for triple in _images(part):
        every = part.stats_of(triple)
        if is_matte(triple[0].layer) or len(every) < len(triple):
            continue
        if all(s.exact and s.maximum == 1 and not s.is_constant for s in every):
            names, means = listed(channel.name for channel in triple), [s.mean or 0 for s in every]
            message = f"{names} have a maximum of exactly 1, which {_share_of_maximum(every)} of their values are"
            if min(means) > _MEAN_OF_DISPLAYS:
                message += f", and means of {min(means):.2g} to {max(means):.2g}, as images for displays have"
            message += "; expected values above 1"
            found.append(Found(message, "1", "values beyond 1", triple[0].name))
    return found


def _images(part: PartFacts) -> Sequence[tuple[NamedChannel, ...]]:
    """R, G and B of the main images; of all layers in a file that has none."""
    return part.main_images if part.file.has_main_image else part.rgb_layers


def _share_of_maximum(every: Sequence[ChannelStats]) -> str:
    """The share of values that are their channel's maximum as text, such as `3.1 %` or `less than 0.1 %`."""
    least, most = (sum(shares) / len(every) for shares in zip(*map(_bounds_of_maximum, every), strict=True))
    if least == most:
        return f"{least:.2g} %"
    return f"{least:.2g} to {most:.2g} %" if least else f"less than {most:.2g} %"


def _bounds_of_maximum(stats: ChannelStats) -> tuple[float, float]:
    """The share of values that are the maximum, in percent, at least and at most.

    It is the last bin of the histogram if the maximum is the lower edge of this bin, as 1 is for HALF.
    """
    histogram = stats.histogram
    if histogram is not None and histogram.edges[-2] == stats.maximum:
        share = 100 * histogram.counts[-1] / sum(histogram.counts)
        return share, share
    equal = [100 - percent for percent, value in stats.percentiles if value == stats.maximum]
    below = [100 - percent for percent, value in stats.percentiles if value != stats.maximum]
    return max(equal, default=0.0), min(below, default=100.0)


@pixel_rule(
    "PIX-CLIPPED",
    Severity.INFO,
    "Highlights are not cut off",
    why="A clamped sun or lamp of an environment map lights too little. Channels that a camera or raw converter cut off at "
    "different values give highlights a tint, often magenta.",
    source="hdrmerge#196 (magenta highlights); godot#58164 (clamped environment map)",
    fix="Write the values without clamping; merge more exposures; or reconstruct highlights before white balance. Nothing if "
    "the plateau is a light or a background of one colour.",
    limits="R, G and B of the main image, if in two channels one value in a hundred or more is the maximum, of at least 1 and "
    "below 65504, and others come near it.",
)
def clipped_highlights(part: PartFacts, _: object) -> Results:
    """Report main images in which many values of two or three channels are their maximum, and others are little below it.

    A maximum of 1 in all channels is left to PIX-CLIPPED-1, and 65504 to PIX-HALF-MAX. Deep samples are not checked.
    """
    found = []
    for triple in () if part.traits & t.DEEP else part.main_images:
        hits = [(channel, stats) for channel, stats in part.with_stats(triple) if _has_plateau(stats)]
        tops = [stats.maximum or 0 for _, stats in hits]
        if len(hits) < 2 or max(tops) <= 1:
            continue
        values = listed(f"{top:g}" for top in dict.fromkeys(tops))
        share = min(100 - min(percent for percent, value in s.percentiles if value == s.maximum) for _, s in hits)
        message = (
            f"{names_of(channel for channel, _ in hits)}: {share:g} % of the values or more are exactly {values}; "
        )
        message += "highlights that were cut off" + (", with a tint" if len(set(tops)) > 1 else "")
        message += ", or a light of one colour?"
        found.append(Found(message, values, "several values", hits[0][0].name))
    return found


def _has_plateau(stats: ChannelStats) -> bool:
    """Whether many values are equal to the maximum, and others between half of it and the maximum.

    Few others are the edges of a light or of another surface of one colour.
    """
    most, histogram = stats.maximum, stats.histogram
    if most is None or not 1 <= most < _HALF_MAX or histogram is None or (stats.distinct_count or 0) < _PLATEAU_VALUES:
        return False
    bins = [*zip(histogram.edges[:-1], histogram.counts, strict=True)]
    slope = sum(count for edge, count in bins[:-1] if edge >= most / 2)
    return dict(stats.percentiles).get(_PLATEAU) == most and slope >= _SLOPE_SHARE * bins[-1][1]


@pixel_rule(
    "PIX-LOGLIKE",
    Severity.INFO,
    "Colour values do not look logarithmic",
    why="EXR is expected to hold linear values: logarithmic images composite wrongly, and clients refuse them.",
    source="Netflix VFX requirements; OpenEXR technical introduction (Scene-Referred Images)",
    fix="Convert the image from its log encoding to a scene-linear space; the command needs the show's "
    "OpenColorIO configuration ($OCIO).",
    command="oiiotool IN.exr --colorconvert FROM TO -o OUT.exr",
    profiles={"strict": "warning", "texture": "off", "netflix-vfx": "warning", "netflix-nam": "warning"},
    limits="Values from 0.05 to 1 with a mean of 0.25 to 0.65, and blacks up to 0.2; up to 0.4 in files with attributes of a "
    "camera and without a colour tag, which say nothing against a log encoding. Linear images of haze can look the same; a "
    "warning in files with attributes of a camera and a tag of a linear space. Not AOVs beside a main image, not renders with "
    "Cryptomattes, and not mipmapped textures: reflectance has no blacks.",
)
def log_like(part: PartFacts, _: object) -> Results:
    """Report R, G, B that start well above 0, end below 1 and have the mean in between; linear blacks are lower.

    Deep parts and layers of three equal channels, such as heights, are no plates.
    """
    if "wrapmodes" in part.part.by_name or part.file.mattes:
        return NOTHING
    found = []
    space = tagged_space(part)
    is_of_camera = not OF_CAMERAS.isdisjoint(part.part.by_name)
    is_plate = is_of_camera and (space is None or is_encoded_name(space))
    most_black, what = (_PLATE_BLACK, "of a camera without a tag of a linear space ") if is_plate else (_MOST_BLACK, "")
    for triple in () if part.traits & t.DEEP else _images(part):
        stats = [s for s in part.stats_of(triple) if s.exact and not s.is_constant]
        if len(stats) < len(triple) or len({(s.minimum, s.maximum, s.mean, s.stddev) for s in stats}) == 1:
            continue
        if all(_is_log_like(each, most_black) for each in stats):
            spans = listed(f"{s.minimum:.3g} to {s.maximum:.3g}" for s in stats)
            message = (
                f"{names_of(triple)} {what}are {spans}, as log encodings (LogC, S-Log) are; expected blacks near 0"
            )
            is_contradicted = is_of_camera and not is_plate
            message += f", as in the linear space {space} of the tags" if is_contradicted else ""
            severity = Severity.WARNING if is_contradicted else None
            found.append(Found(message, spans, "blacks near 0", triple[0].name, severity=severity))
    return found


def _is_log_like(stats: ChannelStats, most_black: float) -> bool:
    if stats.minimum is None or stats.maximum is None or stats.mean is None:
        return False
    return _LOG_BLACK <= stats.minimum <= most_black and stats.maximum <= 1 and 0.25 <= stats.mean <= 0.65


@pixel_rule(
    "PIX-CODE-VALUES",
    Severity.WARNING,
    "Colour is not stored as code values of 8 to 16 bits",
    why="Scene-linear software takes the values 0 to 255, or to 65535, for exposures: the image is white.",
    source="OpenEXR technical introduction (Scene-Referred Images)",
    fix="Divide the values by the largest code, and convert them to linear before writing. The command divides 8-bit codes.",
    command="oiiotool IN.exr --mulc 0.00392156863 -o OUT.exr",
    limits="R, G and B of the main image whose maxima are at least 128 and at most 65535. From 1024 on, HALF has whole numbers "
    "only: larger values count only if HALF does not have them all. Counts of photons are reported as well.",
)
def code_values(part: PartFacts, _: object) -> Results:
    """Report R, G, B of the main image with many whole numbers from 0 to at most 65535 and nearly no other values.

    AOVs hold counts of samples, labels are few or equal in all three, and coordinates have all numbers of a row or column.
    From 1024 on, HALF has whole numbers only: values that may all be HALF numbers count only if many of them are smaller.
    """
    found = []
    for triple in part.main_images:
        stats = part.stats_of(triple)
        is_code = len(stats) == len(triple) and all(map(_are_codes, stats)) and any(map(_are_no_halves, stats))
        if is_code and len({each.mean for each in stats}) > 1 and not _are_coordinates(part, stats):
            most = max(each.maximum or 0 for each in stats)
            message = (
                f"{names_of(triple)}: nearly all values are whole numbers up to {most:g}; expected scene-linear values"
            )
            found.append(Found(message, f"0 to {most:g}", "values around 0.18", triple[0].name))
    return found


@pixel_rule(
    "PIX-BRIGHT",
    Severity.INFO,
    "Half of the values of the main image are at most 1000",
    why="Scene-linear software takes 0.18 for middle grey: the image is white.",
    source="OpenEXR technical introduction (Scene-Referred Images)",
    fix="If these are code values of 16 bits, divide by 65535 and convert to linear; if candelas per square metre, divide by "
    "the luminance of white.",
    yields_to=("PIX-CODE-VALUES",),
)
def bright(part: PartFacts, _: object) -> Results:
    found = []
    for triple in part.main_images:
        medians = [dict(stats.percentiles).get(50.0, 0.0) for stats in part.stats_of(triple)]
        if len(medians) == len(triple) and _BRIGHT < min(medians) <= _MOST_CODE:
            message = (
                f"{names_of(triple)}: half of the values are above {min(medians):g}: code values of 16 bits, or cd/m2?"
            )
            found.append(Found(message, f"{min(medians):g}", "values around 0.18", triple[0].name))
    return found


def _are_bytes(stats: ChannelStats) -> bool:
    """Whether many different values are 8-bit codes divided by 255; those of large images are known from a selection."""
    least, most = stats.minimum, stats.maximum
    is_in_range = least is not None and most is not None and least >= 0 and most <= 1
    return is_in_range and stats.eight_bit_share == 1 and stats.has_many_values


def _are_codes(stats: ChannelStats) -> bool:
    least, most = stats.minimum, stats.maximum
    if stats.fractional_share != 0 or least is None or most is None:
        return False
    return least >= 0 and _LEAST_CODE < most <= _MOST_CODE and stats.has_many_values


def _are_coordinates(part: PartFacts, every: Iterable[ChannelStats]) -> bool:
    """Whether the values of each channel are as many as the pixels of a row or column, and spread evenly."""
    x_min, y_min, x_max, y_max = part.part.data_window or (0, 0, 0, 0)
    return all(
        stats.maximum - stats.minimum in {x_max - x_min, y_max - y_min}
        and math.isclose(stats.mean, (stats.minimum + stats.maximum) / 2, rel_tol=1e-6)
        for stats in every
        if stats.minimum is not None and stats.maximum is not None and stats.mean is not None
    )


def _are_no_halves(stats: ChannelStats) -> bool:
    """Whether many values are so small that HALF would have fractions, or HALF does not have all values.

    It does not if it lacks an extreme, or has fewer numbers from the one to the other than there are different values.
    """
    if dict(stats.percentiles).get(_LOWER_PART, math.inf) < _WHOLE_FROM:
        return True
    least, most = _bits_as_half(stats.minimum or 0), _bits_as_half(stats.maximum or 0)
    return least is None or most is None or (stats.distinct_count or 0) > most - least + 1


def _bits_as_half(value: float) -> int | None:
    """The bits of a number as HALF, which count the numbers from zero to it; None if HALF does not have it."""
    try:
        stored = struct.pack("<e", value)
    except OverflowError:
        return None
    return int.from_bytes(stored, "little") if struct.unpack("<e", stored)[0] == value else None


@pixel_rule(
    "PIX-STEPS",
    Severity.INFO,
    "The values of colour and depth are not 8-bit codes",
    why="Gradients have visible steps, and displacement by heights or depth has terraces. Colour is as in a display's image.",
    source="OpenEXR technical introduction (Scene-Referred Images)",
    fix="Export the image again with 16 or 32 bits where it was made; converting the file does not bring values back.",
    limits="Depth in such codes is a warning. Checked are the values of which percentiles are made, of large images a "
    "selection. Codes that a curve converted to linear values are recognised in the main image, by their number of 64 to 256 "
    "where HALF has 16 times as many numbers; not if a matrix mixed the channels.",
)
def steps(part: PartFacts, _: object) -> Results:
    layers: dict[tuple[str, str | None, Role], list[tuple[NamedChannel, ChannelStats]]] = {}
    for channel, stats in part.with_stats(part.without_ranks([*part.colour, *depths(part)])):
        if not stats.is_constant:
            layers.setdefault((channel.layer, channel.view, channel.role), []).append((channel, stats))
    found = []
    for hits in layers.values():
        names, first = names_of(channel for channel, _ in hits), hits[0][0]
        if all(_are_bytes(stats) for _, stats in hits):
            is_depth = first.role is Role.DEPTH
            message = f"{names}: nearly all values are multiples of 1/255, as in an image of 8 bits"
            message += (
                "; the depth between them is lost" if is_depth else ", which is usually encoded for displays (sRGB)"
            )
            severity = Severity.WARNING if is_depth else None
            found.append(Found(message, "n / 255", "more values", first.name, severity=severity))
        elif first.role is Role.COLOUR and is_beauty(first.layer) and all(_are_few(stats) for _, stats in hits):
            most = max(stats.distinct_count or 0 for _, stats in hits)
            message = f"{names}: each channel has {most} different values or fewer, as an image of 8 bits has"
            found.append(Found(message, f"{most} values", "more values", first.name))
    return found


def _are_few(stats: ChannelStats) -> bool:
    """Whether many values, but as few as 8 bits have, lie in a range in which HALF has far more numbers."""
    count, least, most = stats.distinct_count or 0, stats.minimum or 0, stats.maximum or 0
    lit = stats.samples - stats.zero_count
    if not stats.has_many_values or count > _CODES or count * _PIXELS_FOR_ONE > lit or least < 0:
        return False
    halves = np.minimum((least, most), _HALF_MAX).astype(np.float16).view(np.uint16)  # count the numbers from zero
    return int(halves[1]) - int(halves[0]) >= _NUMBERS_FOR_ONE * count
