"""PIX: values of data that are not what their channel holds: ids, depth, motion and normals."""

from __future__ import annotations

import re
from collections.abc import Sequence

from exr_inspector.exr.names import is_beauty
from exr_inspector.model import ChannelStats, Severity
from exr_inspector.validation.facts import traits as t
from exr_inspector.validation.facts.channel_facts import NamedChannel
from exr_inspector.validation.facts.facts import FileFacts, PartFacts
from exr_inspector.validation.facts.roles import DATA_ROLES, RGB, Role, also_names_images, layer_of_file, role_of
from exr_inspector.validation.rule import NOTHING, Found, Results, Stage, counted, file_rule, listed, pixel_rule
from exr_inspector.validation.rules.channels import depths, is_of_rgb, names_of
from exr_inspector.validation.rules.data_in_colour import are_coded_directions, mean_square

_HASHES = 2.0**23  # FLOAT has no fractions from there on
_LEAST_SHOWN = 0.001  # of shares, with one digit
_NORMAL_LIMIT = 1.01
_CUT_SHARE = 0.05
_CUT_DIFFERENCE = 0.002
_CUT_LENGTH = 0.95  # mean of the squares of lengths; edges that were filtered are shorter than 1 as well
_LOWEST_PERCENT = 1.0
_NEAR_ZERO = 0.02  # of the lowest percent of absolute values
_UNIT_TOLERANCE = 0.02  # edges that were filtered are shorter
_NEARLY_ONE = 0.95
_UNIT_DIFFERENCE = 0.002
_UPRIGHT = 0.8  # the mean of blue in a normal map of a surface
_FLAT = 0.03
_NORMAL_MAP = re.compile(r"(?<![a-z])(?:normals?|nrml?|nor|norm)(?:_?map)?(?![a-z])", re.IGNORECASE)
_FAR = 8  # times what nearly all values reach; a ground up to the horizon reaches twice as far
_BACKGROUND = 1e8  # what renderers write where nothing is: 1e8 to 3.4e38
_SCENE = 1e4  # times the nearest depth: surfaces are not as far
_LEAST_MIXED = 1e-3  # of the background: a filter seldom takes less of it
_FEWEST_MIXED = 16
_UPPER_PERCENT = 99.0
_MIDDLE_PERCENT = 50.0
_STEP = 0.004  # from 0.5 to 127 / 255 and 128 / 255, and of percentiles
_NO_DEPTH = frozenset({-1.0, -2.0})  # AliceVision's marks of pixels without a depth; NVISII's is -3.4e38
_UNKNOWN_FLOW = 1e10  # in Middlebury's files
_NEGATIVE_SHARE = 0.05  # of a channel; noise and colours outside of the gamut are few
_COPIED_ROLES = DATA_ROLES - {Role.CRYPTOMATTE}
_Values = tuple[float | None, ...]
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_LIGHTS = {
    **dict.fromkeys(("diff", "diffuse"), "diffuse"),
    **dict.fromkeys(("spec", "specular", "gloss", "glossy", "reflection", "reflect", "coat", "sheen"), "specular"),
    **dict.fromkeys(("emit", "emission"), "emission"),
    **dict.fromkeys(("sss", "subsurface"), "subsurface"),
    **dict.fromkeys(("trans", "transmission", "refraction"), "transmission"),
}  # not volumes, whose light is also emission
_NO_LIGHT = frozenset({"col", "color", "colour", "albedo", "filter", "raw"})


@pixel_rule(
    "PIX-ID-FRACTION",
    Severity.WARNING,
    "Ids are whole numbers",
    why="Ids that were filtered or anti-aliased are those of other objects at the edges, or of none.",
    source="OpenEXR deep ids specification; Cryptomatte specification 1.2.0 (ids are not filtered)",
    fix="Render the ids without anti-aliasing or with the filter closest, and do not resize them. Cryptomatte has soft edges.",
)
def id_fraction(part: PartFacts, _: object) -> Results:
    """Report id channels in which most values but zero are whole numbers, and some are not.

    Ids from 0 to 1 are no numbers, and larger ones than FLOAT has fractions for may be the bits of hashes.
    """
    found = []
    for channel, stats in part.with_stats(part.of_role(Role.ID)):
        share, most = stats.fractional_share, stats.maximum
        if is_of_rgb(part, channel) or not share or most is None or not 1 < most < _HASHES:
            continue
        if 2 * share < 1 - stats.zero_count / max(1, stats.samples):
            shown = f"{share:.1%}" if share >= _LEAST_SHOWN else f"less than {_LEAST_SHOWN:.1%}"
            message = f"{channel.name}: {shown} of the values are not whole numbers; the ids were filtered"
            found.append(Found(message, shown, "whole numbers", channel.name))
    return found


@pixel_rule(
    "PIX-DEPTH-SIGN",
    Severity.WARNING,
    "Depth has values above zero and none below",
    why="Depth is the distance from the camera; a depth of zero everywhere holds no information.",
    source="Interpreting Deep Pixels; OpenEXR technical introduction (channel names)",
    fix="Check the depth output of the renderer: positive distances from the camera.",
)
def depth_sign(part: PartFacts, _: object) -> Results:
    found = []
    for channel, stats in part.with_stats(depths(part)):
        if channel.component == "ZBack" or (part.traits & t.DEEP and channel.name == "Z"):
            continue
        if stats.minimum is not None and stats.minimum < 0:
            least = f"{stats.minimum:g}"
            message = f"{channel.name} goes down to {part.at_least}{least}{part.in_chunks}"
            is_mark = stats.minimum in _NO_DEPTH or stats.minimum <= -_BACKGROUND
            message += ", which often marks pixels without a depth" if is_mark else ""
            severity = Severity.INFO if is_mark else None
            found.append(Found(message, least, "0 or more", channel.name, severity=severity))
        elif stats.exact and stats.samples and stats.zero_count == stats.samples and not _is_empty(part.file):
            found.append(Found(f"{channel.name} is zero everywhere", "0", "depth", channel.name))
    return found


def _is_empty(file: FileFacts) -> bool:
    """Whether the file has colour, which is zero everywhere: where nothing is, nothing has a depth."""
    colour = [stats for part in file.parts for _, stats in part.with_stats(part.colour)]
    return bool(colour) and all(stats.zero_count == stats.samples for stats in colour)


@pixel_rule(
    "PIX-DEPTH-OUTLIERS",
    Severity.INFO,
    "No few values of depth are far beyond all others, zero, or mixed with the background",
    why="Defocus, fog and point clouds take them for surfaces: they show as spots, or as a line around objects.",
    source="Interpreting Deep Pixels; spear#317 (single wrong values in depth images)",
    fix="Look at these pixels. Render depth without filtering (the filter closest), or replace them by their neighbours. "
    "Nothing if they show a gap into the distance.",
    limits="Less than a thousandth of the pixels, of which all were read: zero, or eight times what all others reach. Values "
    "mixed with a background of 1e8 or more are a warning: pixels that were filtered. Not deep samples.",
)
def depth_outliers(part: PartFacts, _: object) -> Results:
    found = []
    for channel, stats in part.with_stats(() if part.traits & t.DEEP else depths(part)):
        percentiles, most = [value for _, value in stats.percentiles], stats.maximum or 0
        if not stats.exact or not percentiles or percentiles[0] <= 0:
            continue
        if stats.zero_count:
            where = counted(stats.zero_count, "pixel")
            message = f"{channel.name} is 0 in {where}, and above {percentiles[0]:.3g} in nearly all others"
            found.append(Found(message, "0", "depth", channel.name))
        if mixed := _mixed_with_background(stats):
            share = f"{mixed / stats.samples:.2g}"
            message = (
                f"{channel.name} is between surfaces, at {percentiles[0]:.3g} and more, and a background of {most:.4g} "
            )
            message += f"in {counted(mixed, 'pixel')}: it was filtered, and is wrong at edges"
            found.append(Found(message, share, "depth of one surface", channel.name, severity=Severity.WARNING))
        if most > _FAR * percentiles[-1]:
            message = (
                f"{channel.name} reaches {most:.4g} in few pixels, all others {percentiles[-1]:.4g}: errors, or a gap?"
            )
            found.append(Found(message, f"{most:.4g}", f"about {percentiles[-1]:.4g}", channel.name))
    return found


def _mixed_with_background(stats: ChannelStats) -> int:
    """The number of values that can only be means of surfaces and of a very distant background; zero if few."""
    most, histogram = stats.maximum or 0, stats.histogram
    if most < _BACKGROUND or histogram is None or stats.percentiles[0][1] * _SCENE > most * _LEAST_MIXED:
        return 0
    bins = zip(histogram.edges[1:], histogram.edges[:-1], histogram.counts, strict=True)
    mixed = sum(count for end, edge, count in bins if edge >= most * _LEAST_MIXED and end < most)
    return mixed if mixed >= _FEWEST_MIXED and dict(stats.percentiles).get(_UPPER_PERCENT) == most else 0


@pixel_rule(
    "PIX-MOTION-CLAMPED",
    Severity.INFO,
    "Motion vectors are not cut off at 0, at 0 and 1, or at one length to both sides, and are 0 where nothing moves",
    why="Vectors of motion to the left, up, or beyond a pixel are lost; encoded ones have to be decoded first.",
    source="mandelbulber2#576 (the values that compositing expects); GameDevelopmentToolset#59 (negative values lost); "
    "natron-plugins#72 (0.5 for no motion)",
    fix="Write the vectors in FLOAT without clamping, or tell the compositor how they are encoded.",
)
def motion_clamped(part: PartFacts, _: object) -> Results:
    """Report layers of motion that are from exactly 0 to 1 or lost their negative components, and channels with limits.

    These have a thousandth of their values or more at each of two limits: 0 and 1, or one number and its negative. Vectors
    from 0 to 1 in which 0.5 is no motion are recognised by the median of two components or more.
    """
    layers: dict[str, list[tuple[NamedChannel, ChannelStats]]] = {}
    for channel, stats in part.with_stats([*part.of_role(Role.MOTION), *_by_file_name(part, Role.MOTION)]):
        layers.setdefault(channel.layer, []).append((channel, stats))
    found = []
    for hits in layers.values():
        used = [(channel, stats) for channel, stats in hits if not stats.is_constant]
        if used and all(stats.exact and (stats.minimum, stats.maximum) == (0, 1) for _, stats in used):
            names = names_of(channel for channel, _ in used)
            message = f"{names}: values are exactly 0 to 1; the vectors were clamped or encoded"
            found.append(Found(message, "0 to 1", "signed vectors", used[0][0].name))
            continue
        if _lack_negative([stats for _, stats in used]):
            found.append(_cut_off(used, "signed vectors"))
            continue
        every = [stats for _, stats in used]
        if len(every) > 1 and all(map(_is_around_half, every)) and any(map(_has_both_directions, every)):
            message = f"{names_of(channel for channel, _ in used)}: no motion is stored as 0.5; vector blur expects 0"
            message += ", and vectors in pixels"
            found.append(Found(message, "0.5", "0 for no motion", used[0][0].name))
            continue
        for channel, stats in used:
            if _has_limits(stats):
                span = f"{stats.minimum:g} and {stats.maximum:g}"
                message = f"{channel.name}: many values are exactly {span}; longer vectors were cut off"
                found.append(Found(message, span, "vectors of any length", channel.name))
    return found


def _is_around_half(stats: ChannelStats) -> bool:
    """Whether values from 0 to 1 have 0.5, also of 8 bits, as their middle, which most have: nothing moves there."""
    middle = dict(stats.percentiles).get(_MIDDLE_PERCENT, 0.0)
    return stats.exact and not stats.negative_count and (stats.maximum or 0) <= 1 and abs(middle - 0.5) < _STEP


def _has_both_directions(stats: ChannelStats) -> bool:
    """Whether values are on both sides of 0.5. After a pan by half a pixel, 0.5 is the vector of most pixels."""
    return (stats.minimum or 0) < 0.5 - _STEP and (stats.maximum or 0) > 0.5 + _STEP


def _has_limits(stats: ChannelStats) -> bool:
    """Whether many values are the least and the greatest one, which are 0 and 1, or opposite numbers."""
    least, most = stats.minimum or 0, stats.maximum or 0
    percentiles = [value for _, value in stats.percentiles]
    is_even = (least, most) == (0, 1) or -least == most > 0
    return (
        is_even and stats.has_many_values and bool(percentiles) and (percentiles[0], percentiles[-1]) == (least, most)
    )


@pixel_rule(
    "PIX-MOTION-UNKNOWN",
    Severity.INFO,
    "Motion vectors are below 65504",
    why="No motion is so long: the values mark unknown motion, or are wrong. Vector blur and warps spread them.",
    source="Middlebury flow code flowIO.h (UNKNOWN_FLOW); VOLDOR#6",
    fix="Mask these pixels, or replace their vectors by 0. If they are no marks, render the vectors again.",
)
def motion_unknown(part: PartFacts, _: object) -> Results:
    found = []
    for members in part.by_layer.values():
        hits = [
            (channel, stats)
            for channel, stats in part.with_stats(members.values())
            if channel.role is Role.MOTION and stats.half_max_count
        ]
        if hits:
            count = sum(stats.half_max_count for _, stats in hits)
            least, most = min(stats.minimum or 0 for _, stats in hits), max(stats.maximum or 0 for _, stats in hits)
            extreme = most if most >= -least else least
            names = names_of(channel for channel, _ in hits)
            what = "which marks an unknown flow" if abs(extreme) == _UNKNOWN_FLOW else "no motion in an image"
            message = f"{names}: {part.at_least}{counted(count, 'value')} of 65504 and more{part.in_chunks}, up to "
            message += f"{part.at_least}{extreme:g}, {what}"
            found.append(Found(message, f"{extreme:g}", "vectors in pixels", hits[0][0].name))
    return found


@pixel_rule(
    "PIX-NORMAL-LENGTH",
    Severity.WARNING,
    "Components of normals are between -1 and 1, and not cut off or converted as colour",
    why="Longer normals were filtered, compressed with loss, or are no normals.",
    source="OpenImageIO oiiotool (--printstats); OpenEXRCore 3.5 internal_dwa_classifier.h",
    fix="Write normals without filters, and with a lossless compression.",
    limits="Each component by itself; the length of a normal needs the three components of one pixel. Cut and absolute "
    "normals and converted normal maps are recognised by the statistics of all pixels: cut ones of surfaces in all directions "
    "are not, and absolute ones beside a background of zero only if each component reaches 1. Texels of 0, 0, 0 in a normal "
    "map, less than 5 %, are info, as are normals stored from 0 to 1, which are recognised beside a background of zero, or of "
    "(0.5, 0.5, 0.5) by the mean of alpha.",
)
def normal_length(part: PartFacts, _: object) -> Results:
    """Report components outside -1 to 1, which prove a length above 1, normals that were cut or lost signs, and faulty maps.

    Normals that the codec altered are left to CMP.
    """
    layers: dict[tuple[str, str | None], list[tuple[NamedChannel, ChannelStats]]] = {}
    for channel, stats in part.with_stats([*part.of_role(Role.NORMAL), *_by_file_name(part, Role.NORMAL)]):
        if not channel.is_lossy and stats.minimum is not None and stats.maximum is not None:
            layers.setdefault((channel.layer, channel.view), []).append((channel, stats))
    found = []
    hit = [
        (channel, stats.minimum or 0, stats.maximum or 0)
        for each in layers.values()
        for channel, stats in each
        if (stats.minimum or 0) < -_NORMAL_LIMIT or (stats.maximum or 0) > _NORMAL_LIMIT
    ]
    if hit:
        span = f"{min(least for _, least, _ in hit):g} to {max(most for _, _, most in hit):g}"
        names = names_of(channel for channel, _, _ in hit)
        message = f"{names}: values are {part.at_least}{span}{part.in_chunks}; expected -1 to 1"
        found.append(Found(message, span, "-1 to 1", hit[0][0].name))
    for each in layers.values():
        if _are_cut([stats for _, stats in each]):
            found.append(_cut_off(each, "-1 to 1"))
        elif _are_absolute([stats for _, stats in each]):
            message = f"{names_of(channel for channel, _ in each)}: no value is below zero, and the length is 1; "
            message += "the signs of the components are lost"
            found.append(Found(message, "0 or more", "-1 to 1", each[0][0].name))
        elif _are_coded(part, each):
            message = f"{names_of(channel for channel, _ in each)}: directions n are stored as (n + 1) / 2, from 0 to 1"
            message += "; composites expect n, which is 2 v - 1"
            found.append(Found(message, "0 to 1", "-1 to 1", each[0][0].name, severity=Severity.INFO))
    return [*found, *_faulty_maps(part)]


def _by_file_name(part: PartFacts, role: Role) -> list[NamedChannel]:
    """R, G and B of a file whose name gives them a role; empty otherwise."""
    layer = layer_of_file(part.file.inspection.key, [channel.name for channel in part.channels])
    return [channel for channel in part.colour if channel.name in RGB] if role_of(layer, "X") is role else []


def _are_coded(part: PartFacts, every: Sequence[tuple[NamedChannel, ChannelStats]]) -> bool:
    """Whether normals are stored as positive numbers, but for normal maps of surfaces in R, G, B, of which this is the form."""
    is_map = every[-1][0].component in RGB and max(stats.mean or 0 for _, stats in every) >= _UPRIGHT
    alpha = part.stats.get("A")
    covered = alpha.mean if alpha and alpha.exact and alpha.minimum == 0 and (alpha.maximum or 0) <= 1 else None
    known = [stats for _, stats in every if stats.exact]
    return not is_map and len(known) == len(every) and are_coded_directions(known, covered)


def _cut_off(every: Sequence[tuple[NamedChannel, ChannelStats]], expected: str) -> Found:
    share = f"{max(stats.zero_count / stats.samples for _, stats in every):.0%}"
    message = f"{names_of(channel for channel, _ in every)}: no value is below zero, and up to {share} are zero; "
    return Found(message + "negative components were cut off", "0 or more", expected, every[0][0].name)


def _are_cut(every: Sequence[ChannelStats]) -> bool:
    """Whether normals have zeros in place of negative components, which makes them shorter than 1."""
    squares = sum(map(mean_square, every))  # of lengths, averaged over all pixels
    return (
        len(every) == 3
        and _lack_negative(every)
        and squares < _CUT_LENGTH * (1 - min(stats.zero_count / stats.samples for stats in every))
    )


def _lack_negative(every: Sequence[ChannelStats]) -> bool:
    """Whether vectors have zeros in place of negative components, in two channels or more.

    Encoded ones have as many zeros in each component, the background.
    """
    zeros = [stats.zero_count / max(1, stats.samples) for stats in every]
    curved = [stats for stats in every if stats.has_many_values and stats.zero_count]
    return (
        len(curved) >= 2
        and all(stats.exact and stats.minimum == 0 for stats in every)
        and sorted(zeros)[-2] >= _CUT_SHARE
        and max(zeros) - min(zeros) > _CUT_DIFFERENCE
    )


def _are_absolute(every: Sequence[ChannelStats]) -> bool:
    """Whether normals of length 1 have no negative components, and two of them go down to zero in all steps.

    Encoded normals have other lengths, and those of faces in three directions few values, most of them zero. Beside a
    background of zeros, all three must have many values, up to nearly 1, as those of round objects have.
    """
    if len(every) < len(RGB) or not all(stats.exact and not stats.negative_count for stats in every):
        return False
    near_zero = [
        stats
        for stats in every
        if dict(stats.percentiles).get(_LOWEST_PERCENT, 1.0) < _NEAR_ZERO
        and stats.has_many_values
        and stats.zero_count < _CUT_SHARE * stats.samples
    ]
    squares, covered = sum(map(mean_square, every)), 1 - min(stats.zero_count / stats.samples for stats in every)
    is_round = all(stats.has_many_values and (stats.maximum or 0) > _NEARLY_ONE for stats in every)
    is_whole = len(near_zero) >= 2 and abs(squares - 1) < _UNIT_DIFFERENCE
    return is_whole or (is_round and abs(squares - covered) < _UNIT_TOLERANCE * covered)


def _faulty_maps(part: PartFacts) -> Results:
    """Report normal maps, by the name of the layer or file, to which a transfer curve of sRGB was applied, or taken away.

    Texels of 0, 0, 0 in maps that have few of them are info.
    """
    is_map = _NORMAL_MAP.search(part.file.inspection.key.rpartition("/")[2]) is not None
    found = []
    for members in part.by_layer.values():
        every = [members[component] for component in RGB if component in members]
        if len(every) < len(RGB) or not (is_map or every[0].role is Role.NORMAL):
            continue
        means = [part.stats[channel.name].mean or 0 for channel in every if channel.name in part.stats]
        if (
            len(means) < len(RGB)
            or means[2] < _UPRIGHT
            or any(part.stats[channel.name].negative_count for channel in every)
        ):
            continue
        zeros = {(part.stats[channel.name].zero_count, part.stats[channel.name].minimum) for channel in every}
        count, least = zeros.pop()
        if not zeros and least == 0 and count < _CUT_SHARE * part.stats[every[0].name].samples:
            message = f"{names_of(every)}: {counted(count, 'texel')} are 0, 0, 0, which is no normal: a bake that failed there?"
            found.append(Found(message, "0, 0, 0", "0.5, 0.5, 1", every[0].name, severity=Severity.INFO))
        for middle, what in ((0.214, "from sRGB to linear"), (0.735, "from linear to sRGB")):
            if all(abs(mean - middle) < _FLAT for mean in means[:2]):
                shown = ", ".join(f"{mean:.2g}" for mean in means)
                message = (
                    f"{names_of(every)}: the means are {shown}, of a normal map 0.5, 0.5, 1: it was converted {what}"
                )
                found.append(Found(message, shown, "0.5, 0.5, 1", every[0].name))
    return found


@file_rule(
    "PIX-DATA-COPY",
    Severity.WARNING,
    "No layer of data holds the values of the main image",
    why="The pass was not rendered, or is connected to the wrong output: depth, normals or vectors are lost.",
    source="3D_Blender#2 (depth and normals look exactly like the image)",
    fix="Connect the pass to its own output, and render or write the frames again.",
    limits="Layers of depth, normals, positions, motion and ids, by their names; main images whose R, G, B differ, and are not "
    "data by the file's name, negative values or lengths of 1. Info for names such as flow, which images also have.",
    stage=Stage.PIXELS,
)
def data_copy(file: FileFacts, _: object) -> Results:
    """Report layers of data of which every channel that is not constant has the statistics of a channel of the main image.

    Statistics of all pixels are compared: equal means, deviations, extremes and counts of many different values. Tools that
    write data as R, G, B to view it often add its own layer: such files are named for the data, or show no picture.
    """
    if layer_of_file(file.inspection.key, "RG"):  # the words for any channels, and those for pairs
        return NOTHING
    colours: dict[str | None, dict[_Values, str]] = {}
    for part in file.parts:
        for triple in part.main_images:
            if _is_picture(part.stats_of(triple)):
                for channel, stats in part.with_stats(triple):
                    colours.setdefault(channel.view, {}).setdefault(_values(stats), channel.name)
    found = []
    for part in file.parts:
        for (_, view), members in part.by_layer.items():
            main = colours.get(view, {})
            hits = [
                (channel, main.get(_values(stats) or ()))
                for channel, stats in part.with_stats(members.values())
                if channel.role in _COPIED_ROLES and not (stats.exact and stats.is_constant)
            ]
            copied = [name for _, name in hits if name]
            if hits and len(copied) == len(hits):
                names = names_of(channel for channel, _ in hits)
                verb = "holds" if len(hits) == 1 else "hold"
                message = f"{names} {verb} the same values as {listed(dict.fromkeys(copied))} of the main image"
                first = hits[0][0]
                severity = Severity.INFO if members.keys() >= set(RGB) and also_names_images(first.layer) else None
                expected = first.role.name.lower()
                found.append(Found(message, "the main image", expected, first.name, part=part.index, severity=severity))
    return found


@file_rule(
    "PIX-LIGHT-COPY",
    Severity.INFO,
    "No two layers of different light hold the same values",
    why="A pass was not rendered, or is connected to the output of another one.",
    source="hdBlackbird#84 (the main image holds the direct diffuse light)",
    fix="Connect the pass to its own output, and render or write the frames again.",
    limits="Layers of diffuse, specular and emitted light, of scattering below surfaces and transmission, by their names"
    ", and the main image if it holds one of them although another one has light. Not of colours, filters and raw light.",
    stage=Stage.PIXELS,
)
def light_copy(file: FileFacts, _: object) -> Results:
    """Compare the statistics of all pixels of R, G and B, as PIX-DATA-COPY does: light of two kinds is never the same."""
    layers: dict[tuple[str | None, tuple[_Values, ...]], list[tuple[str, str, int]]] = {}
    for part in file.parts:
        for triple in part.rgb_layers:
            layer = triple[0].layer
            values = tuple(_values(stats) for _, stats in part.with_stats(triple))
            kind = "" if is_beauty(layer) else _light_of(layer)
            if kind is not None and len(values) == len(RGB) and all(values):
                layers.setdefault((triple[0].view, values), []).append((kind, layer or "the main image", part.index))
    lit = {(view, kind) for (view, _), some in layers.items() for kind, *_ in some if kind}
    found = []
    for (view, _), some in layers.items():
        kinds = {kind for kind, *_ in some}
        if len(kinds - {""}) > 1 or (
            "" in kinds and len(kinds) > 1 and not {each for at, each in lit if at == view} <= kinds
        ):
            names = listed(dict.fromkeys(name for _, name, _ in some))
            found.append(Found(f"{names} hold the same values", names, "light of their own", part=some[-1][2]))
    return found


def _light_of(layer: str) -> str | None:
    """The kind of light in a layer, by its name; None if it names several, or none."""
    words = [word.lower() for word in _WORD.findall(layer.rpartition(".")[2])]
    words = [word.removeprefix("in").removeprefix("direct") or word for word in words]  # RenderMan's `indirectdiffuse`
    kinds = {_LIGHTS[word] for word in words if word in _LIGHTS}
    return kinds.pop() if len(kinds) == 1 and _NO_LIGHT.isdisjoint(words) else None


def _is_picture(every: Sequence[ChannelStats]) -> bool:
    """Whether R, G and B may be light: they differ, few values are negative, and they are no directions stored as 0 to 1."""
    if len(every) < 3 or len({_values(stats) for stats in every} - {()}) < 3:
        return False
    if any(stats.negative_count > _NEGATIVE_SHARE * stats.samples for stats in every):
        return False
    return not are_coded_directions(every)


def _values(stats: ChannelStats) -> _Values:
    """What tells the values of a channel from those of another one; empty if only a sample was read, or if they are few."""
    if not stats.exact or stats.nan_count or not stats.has_many_values:
        return ()
    return stats.samples, stats.zero_count, stats.minimum, stats.maximum, stats.mean, stats.stddev
