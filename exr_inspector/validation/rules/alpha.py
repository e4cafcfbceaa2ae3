"""PIX: alpha that is outside of its range or empty, and colour that is not multiplied by it."""

from __future__ import annotations

from exr_inspector.model import ChannelStats, Severity
from exr_inspector.validation.facts import traits as t
from exr_inspector.validation.facts.channel_facts import NamedChannel
from exr_inspector.validation.facts.facts import PartFacts
from exr_inspector.validation.facts.roles import RGB, Role, is_added_light
from exr_inspector.validation.rule import Found, Results, counted, pixel_rule
from exr_inspector.validation.rules.channels import names_of

_ALPHA_TOLERANCE = 1e-3
# Share of the pixels with colour but no alpha: sparks and reflections are few.
_UNPREMULTIPLIED_SHARE = 0.05
_INVERTED_SHARE = 0.8  # the rest are soft edges
# Premultiplied colour at an alpha below 1/8 is about 1/16 of that at 1; a rim light makes it a few times brighter.
_STRAIGHT_COLOUR = 0.5
_STRAIGHT_EDGES = 0.75, 1.5  # where alpha hides colour: fire and reflections are darker at low alpha, or far brighter
_AS_BRIGHT = 0.85, 1.2  # of soft elements: glows and fire are brighter where alpha is low, or darker
_MOSTLY_OPAQUE = 0.5  # the mean alpha, without which most pixels are as dark as those of low alpha
_LEAST_BLACK = 0.2  # of the pixels
_HOLE = 0.99  # rounding and filters do not take alpha as far below 1
_LOWEST_PERCENT = 0.1  # of the percentiles
_COLOURFUL = 1.1  # alpha above it is no overshoot of a filter
_QUARTILES = (25.0, 50.0, 75.0)
_UPPER_PERCENT = 95.0  # coverage is 1 in at least as many as the others
_OPAQUE_FROM = 1.0  # percent; above it, alpha of an opaque image is 1


@pixel_rule(
    "PIX-ALPHA-RANGE",
    Severity.WARNING,
    "Alpha is between 0 and 1",
    why="Edges glow or turn dark in composites; deep compositing requires the range.",
    source="Interpreting Deep Pixels; OpenEXR technical introduction (alpha)",
    fix="Look for additive merges and for filters with overshoot, and clamp alpha.",
    command="oiiotool IN.exr -a --clamp:clampalpha=1 -o OUT.exr",
)
def alpha_range(part: PartFacts, _: object) -> Results:
    severity = Severity.ERROR if part.traits & t.DEEP else None
    found = []
    for channel, stats in part.with_stats(part.without_ranks(part.of_role(Role.ALPHA))):
        if stats.minimum is None or stats.maximum is None:
            continue
        if stats.minimum < -_ALPHA_TOLERANCE or stats.maximum > 1 + _ALPHA_TOLERANCE:
            span = f"{stats.minimum:g} to {stats.maximum:g}"
            message = f"{channel.name} is {part.at_least}{span}{part.in_chunks}; expected 0 to 1"
            found.append(Found(message, span, "0 to 1", channel.name, severity=severity))
    return found


@pixel_rule(
    "PIX-ALPHA-EXCHANGED",
    Severity.WARNING,
    "A holds coverage, and R, G and B hold colour",
    why="A writer passed the channels in another order than their names have, such as R, G, B, A for A, B, G, R.",
    source="OpenToonz#4747, material-maker#372 (channels in another order)",
    fix="Look at each channel, and write the file again with the channels that belong to the names.",
    yields_to=("PIX-ALPHA-EMPTY",),
    limits="Layers in which one of R, G and B is 0 or 1 in most pixels, and 1 in many, the others are not, and A is "
    "below 1 everywhere, or above 1.1. Nothing is reported for light that is only added, by the name of the file.",
)
def exchanged_alpha(part: PartFacts, _: object) -> Results:
    found = []
    for channel, stats in part.with_stats(part.without_ranks(part.of_role(Role.ALPHA))):
        is_colour = stats.maximum is not None and (stats.maximum < 1 or stats.maximum > _COLOURFUL)
        if is_colour and stats.has_many_values and (swapped := _coverage_in_colour(part, channel)):
            span = f"{stats.minimum:g} to {stats.maximum:g}"
            message = (
                f"{channel.name} is {part.at_least}{span}{part.in_chunks}, and {swapped} is 0 or 1 in most pixels, as "
            )
            message += f"coverage is: {channel.name} and the colours are exchanged"
            found.append(Found(message, f"coverage in {swapped}", f"coverage in {channel.name}", channel.name))
    return found


def _coverage_in_colour(part: PartFacts, alpha: NamedChannel) -> str:
    """The name of the one of R, G and B in the layer of alpha whose values are those of coverage.

    Empty if none is, or if the two others are no colour: mattes are 0 to 1, too.
    """
    members = part.by_layer.get((alpha.layer, alpha.view), {})
    known = [*part.with_stats(members[name] for name in RGB if name in members)]
    hits = [channel.name for channel, stats in known if _is_coverage(stats)]
    colours = [stats for _, stats in known if stats.has_many_values and stats.maximum != 1]
    is_light = is_added_light(part.file.inspection.key)
    return hits[0] if len(hits) == 1 and len(colours) == len(RGB) - 1 and not is_light else ""


def _is_coverage(stats: ChannelStats) -> bool:
    known = dict(stats.percentiles)
    quartiles = {known.get(percent) for percent in _QUARTILES}
    return stats.minimum in {0, 1} and stats.maximum == 1 == known.get(_UPPER_PERCENT) and quartiles <= {0, 1}


@pixel_rule(
    "PIX-ALPHA-EMPTY",
    Severity.WARNING,
    "Alpha is not zero everywhere where there is an image",
    why="The image disappears when it is composited over another one.",
    source="OpenEXR technical introduction (alpha)",
    fix="Write alpha in the renderer, or remove the channel. No action is needed for light that is only added, such as fire.",
    limits="Info if the name of the file says that it is such light: fire, flares, glows.",
)
def alpha_empty(part: PartFacts, _: object) -> Results:
    severity = Severity.INFO if is_added_light(part.file.inspection.key) else None
    return [
        Found(f"{name} is zero everywhere, but the image is not", "0", "coverage", name, severity=severity)
        for name in empty_alphas(part)
    ]


def empty_alphas(part: PartFacts) -> list[str]:
    """The alpha channels that are zero everywhere while the colour of their layer is not."""
    found = []
    for members in part.by_layer.values():
        coverage = (
            part.stats.get(members["A"].name) if part.without_ranks(members.values()) and "A" in members else None
        )
        if coverage is None or not coverage.exact or not coverage.samples or coverage.zero_count < coverage.samples:
            continue
        colours = [part.stats.get(members[c].name) for c in "RGB" if c in members and members[c].role is Role.COLOUR]
        if any(stats and stats.zero_count < stats.samples for stats in colours):
            found.append(members["A"].name)
    return found


@pixel_rule(
    "PIX-ALPHA-SOLID",
    Severity.INFO,
    "Alpha is not 1 where there is no image",
    why="Alpha tells nothing: the black background hides what the image is composited over.",
    source="OpenEXR technical introduction (alpha); kubric#61 (black background, full alpha)",
    fix="Render with a transparent background, or take the matte from another source. Nothing if black is meant to cover.",
    profiles={"texture": "off"},
    yields_to=("SEQ-ALPHA",),
    limits="Layers of which all pixels were read, with A of 1 everywhere, and R, G and B of 0 in a fifth of the pixels. A "
    "letterbox can have as many.",
)
def alpha_solid(part: PartFacts, _: object) -> Results:
    found = []
    for colour, name, colours, alpha in _layers_with_alpha(part):
        black = min(each.zero_count for each in colours) / alpha.samples
        if alpha.minimum == alpha.maximum == 1 and _LEAST_BLACK <= black < 1:
            message = f"{name} is 1 in every pixel, though {colour} are exactly 0 in {black:.0%}: no matte?"
            found.append(Found(message, "1", "0 where nothing is", name))
    return found


@pixel_rule(
    "PIX-UNPREMULT",
    Severity.WARNING,
    "Colour is multiplied by alpha",
    why="Compositing software takes colour as premultiplied: edges get bright or dark lines, and what alpha hides is added.",
    source="OpenEXR technical introduction (alpha); tev#87 (straight alpha)",
    fix="Multiply the colour by alpha, with the command. No action is needed for light that is only added, such as fire and "
    "reflections.",
    command="oiiotool IN.exr -a --premult -o OUT.exr",
    profiles={"default": "info", "comp": "warning", "texture": "off"},
    limits="Layers with R, G, B and A without loss, of which all pixels were read: colour where alpha is zero.",
    yields_to=("PIX-ALPHA-EMPTY",),
)
def unpremultiplied(part: PartFacts, _: object) -> Results:
    """Report layers in which many pixels have colour but no alpha.

    Colour with fewer samples than alpha (luminance/chroma, subsampled channels) is not checked. Of rows without the number of
    pixels with colour but no alpha, the least number is taken that the zeros of the channels allow.
    """
    found = []
    for colour, name, colours, alpha in _layers_with_alpha(part):
        if _is_straight(colours, alpha):
            share = f"{_hidden(colours, alpha) / alpha.samples:.0%}"
            or_more = " or more" if alpha.uncovered_count is None else ""
            message = f"{colour}: {share}{or_more} of the pixels have colour where {name} is zero"
            if _STRAIGHT_EDGES[0] < (ratio := _straight_ratio(alpha)) < _STRAIGHT_EDGES[1]:
                message += f", and where it is below 1/8, the mean colour is {ratio:.2g} times that of the rest: "
                message += "straight alpha?"
            found.append(Found(message, share, "colour times alpha", name))
    return found


@pixel_rule(
    "PIX-ALPHA-INVERTED",
    Severity.WARNING,
    "Alpha is above zero where the image is, and zero where it is black",
    why="The image disappears when it is composited over another one, and its background covers that one.",
    source="OpenEXR technical introduction (alpha); ComfyUI-HQ-Image-Save#20 (inverted alpha)",
    fix="Replace alpha by 1 - alpha, in Nuke with the node Invert on this channel, and multiply the colour by it.",
    profiles={"texture": "off"},
    limits="Layers with R, G, B and A without loss, of which all pixels were read. Soft edges are up to a fifth of each side. "
    "Info unless most of the image's edge is black: a holdout before a visible sky looks the same. Rows do not tell.",
)
def inverted(part: PartFacts, _: object) -> Results:
    is_background = False
    if part.pixels and part.pixels.zeros:
        from exr_inspector.validation.small_images import cells  # noqa: PLC0415 - not in the function's folder

        is_background = cells.are_edges_black(part.pixels.zeros)
    what = "as if inverted" if is_background else "as of a holdout, or inverted"
    return [
        Found(
            f"{name} is zero where {colour} hold the image, and above zero where they are black, {what}",
            "inverted",
            "1 where the image is",
            name,
            severity=None if is_background else Severity.INFO,
        )
        for colour, name, _, _ in _layers_with_alpha(part, is_inverted=True)
    ]


@pixel_rule(
    "PIX-LOW-ALPHA",
    Severity.INFO,
    "Colour at low alpha is darker than elsewhere",
    why="Soft edges that are as bright as the rest suggest colour that is not multiplied by alpha, and get bright lines.",
    source="OpenEXR technical introduction (alpha); tev#87 (straight alpha)",
    fix="Multiply the colour by alpha. No action is needed for reflections on glass and rim light on hair.",
    command="oiiotool IN.exr -a --premult -o OUT.exr",
    profiles={"texture": "off"},
    limits="Layers with R, G, B and A without loss, of which all pixels were read, and none that PIX-UNPREMULT reports.",
)
def low_alpha(part: PartFacts, _: object) -> Results:
    """Report layers in which pixels of an alpha below 1/8 are on average nearly as bright as those of the rest."""
    found = []
    for colour, name, colours, alpha in _layers_with_alpha(part):
        ratio = _straight_ratio(alpha)
        if ratio and not _is_straight(colours, alpha):
            message = (
                f"{colour}: where {name} is below 1/8, the mean colour is {ratio:.2g} times that of the rest: "
                "it may not be multiplied by alpha"
            )
            found.append(Found(message, f"{ratio:.2g}", "colour times alpha", name))
    return found


@pixel_rule(
    "PIX-ALPHA-HOLES",
    Severity.INFO,
    "The alpha of an opaque image has no holes",
    why="What lies behind shines through single pixels, such as those between two polygons, or where samples failed.",
    source="OpenEXR technical introduction (alpha)",
    fix="Look at the pixels. Close the geometry, or fill alpha with 1 if the image is meant to be opaque.",
    profiles={"texture": "off"},
    limits="Less than a thousandth of the pixels, and a hundredth of those with colour, where alpha is 1 in all others.",
    yields_to=("SEQ-ALPHA",),
)
def alpha_holes(part: PartFacts, _: object) -> Results:
    found = []
    for _, name, colours, alpha in _layers_with_alpha(part):
        least, hidden = alpha.minimum or 0, _hidden(colours, alpha)
        lowest = dict(alpha.percentiles).get(_OPAQUE_FROM if hidden else _LOWEST_PERCENT, 0)
        if lowest == 1 and 0 <= least < _HOLE:
            where = f"0 in {counted(alpha.zero_count, 'pixel')}" if least == 0 else f"down to {least:g} in few pixels"
            where += f" ({hidden:,} with colour)" if hidden else ""
            found.append(Found(f"{name} is {where}, and 1 in nearly all others: holes?", f"{least:g}", "1", name))
    return found


def _layers_with_alpha(
    part: PartFacts, *, is_inverted: bool = False
) -> list[tuple[str, str, list[ChannelStats], ChannelStats]]:
    """Names and statistics of colour and alpha of each layer without loss that was read completely, and not all transparent.

    These are the layers whose alpha is inverted, or all others.
    """
    found = []
    for triple in part.rgb_layers:
        members = part.by_layer[triple[0].layer, triple[0].view]
        every = [*triple, members["A"]] if "A" in members and not part.traits & t.DEEP else []
        *colours, alpha = [part.stats.get(each.name) for each in every if not each.is_lossy] or [None]
        known = [each for each in colours if each and alpha and each.samples == alpha.samples]
        is_known = alpha and alpha.exact and len(known) == 3 and alpha.zero_count < alpha.samples
        if alpha and is_known and _is_inverted(known, alpha) is is_inverted:
            found.append((names_of(triple), every[3].name, known, alpha))
    return found


def _hidden(colours: list[ChannelStats], alpha: ChannelStats) -> int:
    """Number of pixels with colour where alpha is zero, or the least that the zeros allow; NaN is no colour."""
    if alpha.uncovered_count is None:
        return max(0, alpha.zero_count - min(each.zero_count + each.nan_count for each in colours))
    return max(0, alpha.uncovered_count - sum(each.nan_count for each in colours))


def _is_inverted(colours: list[ChannelStats], alpha: ChannelStats) -> bool:
    hidden, covered = _hidden(colours, alpha), alpha.samples - alpha.zero_count
    covered_black = min(each.zero_count for each in colours) - (alpha.zero_count - hidden)
    least = _UNPREMULTIPLIED_SHARE * alpha.samples
    is_hidden = hidden > max(least, _INVERTED_SHARE * alpha.zero_count)
    return is_hidden and covered > least and covered_black > _INVERTED_SHARE * covered


def _straight_ratio(alpha: ChannelStats) -> float:
    """The mean colour at an alpha below 1/8, divided by that of the rest, if that is nearly as bright; 0 if it is darker.

    Of soft elements, which are not opaque on average, it must be as bright.
    """
    ratio, sum_of_alpha = alpha.low_alpha_colour or 0, (alpha.mean or 0) * alpha.finite_count
    is_opaque = sum_of_alpha > _MOSTLY_OPAQUE * (alpha.samples - alpha.zero_count)
    is_soft = (alpha.maximum or 0) > _MOSTLY_OPAQUE and _AS_BRIGHT[0] < ratio < _AS_BRIGHT[1]
    return ratio if (ratio > _STRAIGHT_COLOUR if is_opaque else is_soft) else 0


def _is_straight(colours: list[ChannelStats], alpha: ChannelStats) -> bool:
    return _hidden(colours, alpha) > _UNPREMULTIPLIED_SHARE * alpha.samples
