"""PIX: alpha that is outside of its range or empty, and colour that is not multiplied by it."""

from __future__ import annotations

from exr_inspector.model import Severity
from exr_inspector.validation.facts import traits as t
from exr_inspector.validation.facts.facts import PartFacts
from exr_inspector.validation.facts.roles import Role
from exr_inspector.validation.parameters import RuleParameters
from exr_inspector.validation.rule import Found, Results, counted, pixel_rule
from exr_inspector.validation.rules.channels import names_of

_ALPHA_TOLERANCE = 1e-3
# Share of the pixels with colour but no alpha: sparks and reflections are few.
_UNPREMULTIPLIED_SHARE = 0.05
_OPAQUE_FROM = 1.0  # percent; above it, alpha of an opaque image is 1


@pixel_rule(
    "PIX-ALPHA-RANGE",
    Severity.WARNING,
    "Alpha is between 0 and 1",
    why="Edges glow or turn dark in composites; deep compositing requires the range.",
    source="Interpreting Deep Pixels; OpenEXR technical introduction (alpha)",
    fix="Look for additive merges and for filters with overshoot, and clamp alpha.",
    command="oiiotool IN.exr --clamp:clampalpha=1 -o OUT.exr",
)
def alpha_range(part: PartFacts, _parameters: RuleParameters) -> Results:
    """Check minimum and maximum of alpha; an error in deep parts."""
    severity = Severity.ERROR if part.traits & t.DEEP else None
    found = []
    for channel, stats in part.with_stats(part.without_ranks(part.of_role(Role.ALPHA))):
        if stats.minimum is None or stats.maximum is None:
            continue
        if stats.minimum < -_ALPHA_TOLERANCE or stats.maximum > 1 + _ALPHA_TOLERANCE:
            span = f"{stats.minimum:g} to {stats.maximum:g}"
            message = f"{channel.name} is {span}; expected 0 to 1"
            found.append(Found(message, span, "0 to 1", channel.name, severity=severity))
    return found


@pixel_rule(
    "PIX-ALPHA-EMPTY",
    Severity.WARNING,
    "Alpha is not zero everywhere where there is an image",
    why="The image disappears when it is composited over another one.",
    source="OpenEXR technical introduction (alpha)",
    fix="Write alpha in the renderer, or remove the channel.",
)
def alpha_empty(part: PartFacts, _parameters: RuleParameters) -> Results:
    """Report layers whose A is all zero while their colour is not."""
    return [
        Found(f"{name} is zero everywhere, but the image is not", "0", "coverage", name) for name in empty_alphas(part)
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
    "PIX-UNPREMULT",
    Severity.WARNING,
    "Colour is multiplied by alpha",
    why="Compositing software takes colour as premultiplied: edges get bright or dark lines, and what alpha hides is added.",
    source="OpenEXR technical introduction (alpha); tev#87 (straight alpha)",
    fix="Multiply the colour by alpha. No action is needed for light that is only added, such as fire and reflections.",
    command="oiiotool IN.exr --premult -o OUT.exr",
    profiles={"default": "info", "comp": "warning", "texture": "off"},
    limits="Layers with R, G, B and A without loss, of which all pixels were read: colour where alpha is zero.",
    yields_to=("PIX-ALPHA-EMPTY",),
)
def unpremultiplied(part: PartFacts, _parameters: RuleParameters) -> Results:
    """Report layers in which many pixels have colour but no alpha, and opaque images in which some do.

    Their number is at least the number of zeros of alpha minus that of the colour channel with the fewest zeros; NaN is
    counted as zero. Colour with fewer samples than alpha (luminance/chroma, subsampled channels) is not judged.
    """
    found = []
    for triple in part.rgb_layers:
        members = part.by_layer[triple[0].layer, triple[0].view]
        every = [*triple, members["A"]] if "A" in members else []
        stats = [part.stats.get(channel.name) for channel in every if not channel.is_lossy]
        *colours, alpha = stats if len(stats) == 4 else [None]
        if alpha is None or not alpha.exact or part.traits & t.DEEP or alpha.zero_count == alpha.samples:
            continue
        without = [each.zero_count + each.nan_count for each in colours if each and each.samples == alpha.samples]
        least = alpha.zero_count - min(without, default=alpha.samples)
        if least > _UNPREMULTIPLIED_SHARE * alpha.samples:
            share = f"{least / alpha.samples:.0%}"
            message = f"{names_of(triple)}: {share} of the pixels or more have colour where {every[3].name} is zero"
            found.append(Found(message, share, "colour times alpha", triple[0].name))
        elif least > 0 and dict(alpha.percentiles).get(_OPAQUE_FROM) == 1:
            pixels = counted(least, "pixel")
            message = f"{every[3].name} is zero in {pixels} or more that have colour, and 1 in nearly all others"
            found.append(Found(message, str(least), "1", every[3].name))
    return found
