"""PIX: images and channels without content: black, of one value, grey in three channels, or black at the edges.

From statistics.
"""

from __future__ import annotations

import re

from exr_inspector.exr.names import is_beauty
from exr_inspector.model import ChannelStats, Severity
from exr_inspector.validation.facts.facts import FileFacts, PartFacts
from exr_inspector.validation.facts.roles import RGB, Role, is_layer_of_folder, is_matte
from exr_inspector.validation.rule import NOTHING, Found, Results, Stage, counted, file_rule, listed, pixel_rule
from exr_inspector.validation.rules.alpha import empty_alphas
from exr_inspector.validation.rules.channels import names_of
from exr_inspector.validation.rules.data_in_colour import have_equal_values, holds_data

_NEARLY_BLACK = 2.0**-14  # the smallest normal HALF, more than eleven stops below middle grey
_HARDLY_SEEN = 2.0**-10  # more than seven stops below it
_DARK = 2.0**-4  # a stop and a half below it
_THIRD = frozenset({"b", "z", "blue"})
_DIFFUSE = re.compile(r"diff(?!er)", re.IGNORECASE)  # `DiffDir`, `diffuse_direct`, but no difference
_FEWEST_LAYERS = 3
_OPAQUE = 0.9  # the least mean of alpha in the pixels of surfaces, some of which are edges
_LEVEL_SAMPLES = 64  # the last levels have few pixels, and some writers leave them empty


@file_rule(
    "PIX-BLACK",
    Severity.WARNING,
    "The image is not black",
    why="The render failed, or nothing was connected to the output.",
    source="OpenImageIO oiiotool (--printstats: Constant)",
    fix="Check the render log for missing lights, licences or cameras, and render the frame again.",
    limits="Also a main image whose greatest colour value is below 2^-14 (0.000061, the smallest normal HALF): nearly black; "
    "below 2^-10 (0.00098) it is info, as are images whose greatest value is below 2^-4 (0.0625), which are dark.",
    stage=Stage.PIXELS,
    profiles={"texture": "info"},
    yields_to=("SEQ-BLACK",),
)
def black(file: FileFacts, _: object) -> Results:
    """Report views whose colour is zero in all parts, or whose main image is while other layers are not, and empty levels.

    Only parts are checked of which the whole level was read. A single AOV may be empty.
    """
    views: dict[str | None, int] = {}
    seen: set[str | None] = set()
    for part in file.parts:
        view, pixels = part.part.view, part.pixels
        if view in seen or not (part.of_role(Role.COLOUR) or _is_data_by_folder(part)):
            continue
        if pixels is None or not pixels.is_black or pixels.chunks_read < pixels.chunks_total:
            seen.add(view)
        else:
            views.setdefault(view, part.index)
    is_shadow = is_matte(file.inspection.key)
    severity = Severity.INFO if is_shadow and any(map(_has_alpha, file.parts)) else None
    found = [
        Found("The image is black: every colour value is zero", "0", "an image", part=p, severity=severity)
        for view, p in views.items()
        if view not in seen
    ]
    for part in file.parts:
        if (black := _black_beauty(part)) and (lit := _lit_layers(file, part.part.view)):
            verb = "is" if len(lit) == 1 else "are"
            message = f"The main image is black: {listed(black)} are zero everywhere, while {listed(lit)} {verb} not"
            found.append(Found(message, "0", "an image", black[0], part=part.index))
        if (most := _nearly_black(part)) is not None:
            how = "nearly black" if most < _HARDLY_SEEN else "dark"
            message = f"The image is {how}: no colour value is above {most:g}"
            severity = None if most < _NEARLY_BLACK else Severity.INFO
            found.append(Found(message, f"{most:g}", "an image", part=part.index, severity=severity))
        if levels := _black_levels(part):
            message = f"{counted(len(levels), 'level')} above the first {'is' if len(levels) == 1 else 'are'} zero"
            message += f" everywhere, from level {levels[0][0]},{levels[0][1]} on, although the image is not"
            found.append(Found(message, "0", "the image at a lower resolution", part=part.index))
    return found


def _has_alpha(part: PartFacts) -> bool:
    """Whether alpha has several values, as in a pass of shadows or mattes."""
    return any(not stats.is_constant for stats in part.stats_of(part.of_role(Role.ALPHA)))


def _nearly_black(part: PartFacts) -> float | None:
    """The greatest value of the main image if it is above zero, but far below middle grey; else None."""
    every = [stats for channel, stats in part.with_stats(part.colour) if is_beauty(channel.layer)]
    if not every or not all(s.exact and s.minimum is not None and s.minimum >= 0 and not s.inf_count for s in every):
        return None
    most = max(stats.maximum or 0 for stats in every)
    return most if 0 < most < _DARK else None


def _black_levels(part: PartFacts) -> list[tuple[int, int]]:
    """The levels above the first that are zero in all channels, if most of the first level's values are not."""
    first = part.stats.values()
    if 2 * sum(stats.zero_count for stats in first) > sum(stats.samples for stats in first):
        return []
    return [
        level
        for level, every in part.upper_stats.items()
        if all(stats.exact and stats.samples >= _LEVEL_SAMPLES and stats.zero_count == stats.samples for stats in every)
    ]


def _is_data_by_folder(part: PartFacts) -> bool:
    """Whether only the file's folder says that the channels are data."""
    if part.file.is_multi_part or part.names.part_layer:
        return False
    return is_layer_of_folder(part.file.inspection.key, [channel.name for channel in part.channels])


def _black_beauty(part: PartFacts) -> list[str]:
    """The names of the main image's R, G and B if all their pixels were read and are zero; empty otherwise."""
    names = [channel.name for channel in part.colour if is_beauty(channel.layer) and channel.component in RGB]
    stats = [part.stats.get(name) for name in names]
    is_black = all(each and each.exact and each.samples > 1 and each.zero_count == each.samples for each in stats)
    return names if len(names) == len(RGB) and is_black else []


def _lit_layers(file: FileFacts, view: str | None) -> list[str]:
    """The layers of a view whose colour is not zero everywhere."""
    return sorted(
        {
            channel.layer
            for part in file.parts
            if part.part.view == view
            for channel, stats in part.with_stats(part.colour)
            if stats.zero_count < stats.samples
        }
    )


@pixel_rule(
    "PIX-CONSTANT",
    Severity.WARNING,
    "No channel has the same value everywhere",
    why="The AOV was not rendered.",
    source="OpenImageIO oiiotool (--printstats: Constant)",
    fix="Check that the AOV is connected, and render it again. Remove it if it is not needed.",
    profiles={"texture": "info"},
    yields_to=("SEQ-BLACK", "SEQ-CONSTANT", "SEQ-LAYER-BLACK"),
)
def constant(part: PartFacts, _: object) -> Results:
    """Report channels with a single value: base layer colour as a warning; AOVs, alpha and mattes, which may be empty, as info.

    Normals of zero beside a layer of others are a warning as well: a scene without surfaces has no normals in either. So are
    all layers of colour if the main image has surfaces, by its alpha, and one of three or more layers holds diffuse light.
    Accepted are alpha of 1, as in plates, empty Cryptomatte ranks, the third component of motion in the image and of
    coordinates, and images of one pixel. Black views and empty alpha have rules of their own.
    """
    hits: dict[Severity | None, list[tuple[str, float]]] = {}
    of_base = Severity.INFO if is_matte(part.file.inspection.key) else None
    is_black = part.pixels is not None and part.pixels.is_black
    black_beauty = _black_beauty(part)
    empty = empty_alphas(part)
    lost = _empty_normals(part) | _unlit_layers(part)
    for channel, stats in part.with_stats(part.without_ranks(part.named)):
        if not (stats.exact and stats.samples > 1 and stats.is_constant) or channel.role is Role.CRYPTOMATTE:
            continue
        if channel.role is Role.ALPHA and (stats.minimum == 1 or channel.name in empty):
            continue
        if channel.role is Role.MOTION and channel.component.lower() in _THIRD and stats.minimum == 0:
            continue
        is_base = channel.role is Role.COLOUR and is_beauty(channel.layer)
        if (is_base and (is_black or holds_data(part))) or channel.name in black_beauty:
            continue
        severity = of_base if is_base else None if channel.name in lost else Severity.INFO
        hits.setdefault(severity, []).append((channel.name, stats.minimum or 0))
    found = []
    for severity, each in hits.items():
        names = listed(f"{name} = {value:g}" for name, value in each)
        message = f"The same value everywhere: {names}"
        found.append(Found(message, names, "several values", each[0][0], severity=severity))
    return found


def _empty_normals(part: PartFacts) -> set[str]:
    """The channels of layers whose normals are all zero, if another layer has normals."""
    normals = [
        part.with_stats(channel for channel in members.values() if channel.role is Role.NORMAL)
        for members in part.by_layer.values()
    ]
    layers = [layer for layer in normals if layer]
    empty = [layer for layer in layers if all(stats.minimum == 0 == stats.maximum for _, stats in layer)]
    return {channel.name for layer in empty for channel, _ in layer} if len(empty) < len(layers) else set()


def _unlit_layers(part: PartFacts) -> set[str]:
    """The channels of a part's layers of colour if all of three or more are zero, although the main image shows surfaces.

    One of them holds diffuse light, which nearly all surfaces reflect; another one may hold the light that they emit. Where
    surfaces are, alpha is nearly 1: in fire and smoke, which have no diffuse light, it is not.
    """
    colour = part.with_stats(part.colour)
    layers = [(channel, stats) for channel, stats in colour if not is_beauty(channel.layer)]
    names = {channel.layer for channel, _ in layers}
    if len(names) < _FEWEST_LAYERS or not any(map(_DIFFUSE.search, names)):
        return set()
    alpha = part.stats_of(channel for channel in part.of_role(Role.ALPHA) if is_beauty(channel.layer))
    is_lit = any(stats.maximum for channel, stats in colour if is_beauty(channel.layer))
    are_dark = all(stats.exact and stats.zero_count == stats.samples for _, stats in layers)
    shows = is_lit and are_dark and bool(alpha) and all(map(_is_opaque, alpha))
    return {channel.name for channel, _ in layers} if shows else set()


def _is_opaque(alpha: ChannelStats) -> bool:
    """Whether an alpha channel is nearly 1 in most pixels where it is not zero."""
    covered = alpha.samples - alpha.zero_count
    return covered > 0 and alpha.mean is not None and alpha.mean * alpha.samples > _OPAQUE * covered


@pixel_rule(
    "PIX-GREY",
    Severity.INFO,
    "R, G and B of the main image differ",
    why="Three equal channels take three times the space of one, and programs convert them as colour.",
    source="HDRView#4 (depth in three equal channels)",
    fix="Write one channel, called Y for a grey image, Z for depth. Nothing for black and white films.",
    command="oiiotool IN.exr --ch Y=R -o OUT.exr",
    profiles={"texture": "off"},
    limits="By equal statistics of all pixels; images named for mattes, shadows or occlusion are left out.",
)
def grey(part: PartFacts, _: object) -> Results:
    if is_matte(part.file.inspection.key):
        return NOTHING
    for triple in part.main_images:
        every = part.stats_of(triple)
        is_known = len(every) == len(triple) and all(stats.exact and stats.has_many_values for stats in every)
        if is_known and have_equal_values(every):
            return [Found(f"{names_of(triple)} hold the same values", "equal", "different values", triple[0].name)]
    return NOTHING
