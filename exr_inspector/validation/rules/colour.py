"""COL: colour tags by themselves, against the channels and against the show; never against pixels.

The rules that OpenEXR 3.5 has of its own (COL-C-...) are in `colour_flags`.
"""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field

from exr_inspector.exr.header.values import Chromaticities
from exr_inspector.model import Severity
from exr_inspector.validation.facts import colourspaces as spaces
from exr_inspector.validation.facts import traits as t
from exr_inspector.validation.facts.facts import FileFacts, PartFacts
from exr_inspector.validation.facts.roles import DATA_ROLES, Role
from exr_inspector.validation.parameters import RuleParameters
from exr_inspector.validation.rule import NOTHING, Found, Results, file_rule, part_rule
from exr_inspector.validation.rules.channels import names_of

_CIF = "ASWF Color Interop recommendation 04"


def chromaticities(part: PartFacts) -> Chromaticities | None:
    """The part's chromaticities, None where there are none or they are malformed."""
    value = part.part.value("chromaticities", "chromaticities")
    return value if isinstance(value, Chromaticities) else None


def short(values: Chromaticities) -> str:
    """Eight coordinates, for a message."""
    return " ".join(f"{value:.4g}" for value in values)


class ColourParameters(RuleParameters):
    """Parameters of the rules about colour tags."""

    colour_space: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="Color interop id of the show, such as lin_ap1_scene (COL-SHOW-SPACE)."
    )


@part_rule(
    "COL-ID-SYNTAX",
    Severity.WARNING,
    "colorInteropID follows the grammar of color interop ids",
    why="Software that looks the id up does not find it.",
    source="ASWF Color Interop recommendation 03, Annex B",
    fix="Write a published id, or namespace:id in lower case.",
    command="oiiotool IN.exr --attrib colorInteropID lin_ap1_scene -o OUT.exr",
    when=t.COLOUR,
)
def id_syntax(part: PartFacts, _parameters: ColourParameters) -> Results:
    """One to three tokens of allowed characters, split by colons."""
    identifier = part.part.text("colorInteropID")
    if not identifier or spaces.is_well_formed(identifier):
        return NOTHING
    expected = "lower case tokens split by at most two colons"
    return [Found(f"colorInteropID {identifier!r} does not follow the grammar", identifier[:80], expected)]


@part_rule(
    "COL-ID-UNREGISTERED",
    Severity.WARNING,
    "A colorInteropID without a namespace is a published one",
    why="A private id without a namespace is unknown to other software.",
    source="ASWF Color Interop recommendation 03",
    fix="Write a published id, or put a namespace before it.",
    command="oiiotool IN.exr --attrib colorInteropID lin_ap1_scene -o OUT.exr",
    when=t.COLOUR,
)
def id_unregistered(part: PartFacts, _parameters: ColourParameters) -> Results:
    """Ids without a colon that are not in the published lists."""
    identifier = part.part.text("colorInteropID")
    if not identifier or ":" in identifier or identifier in spaces.PUBLISHED:
        return NOTHING
    expected = "a published id, or namespace:id"
    return [Found(f"colorInteropID {identifier!r} is not published and has no namespace", identifier[:80], expected)]


@part_rule(
    "COL-ID-NONLINEAR",
    Severity.WARNING,
    "colorInteropID names a scene-linear space",
    why="EXR holds scene-linear values; encoded ones are composited and converted wrongly.",
    source="OpenEXR technical introduction",
    fix="Convert the image to a scene-linear space.",
    command="oiiotool IN.exr --colorconvert FROM lin_ap1_scene -o OUT.exr",
    profiles={"texture": "info"},
    when=t.COLOUR,
)
def id_non_linear(part: PartFacts, _parameters: ColourParameters) -> Results:
    """Ids of encoded or display-referred spaces."""
    identifier = part.part.text("colorInteropID")
    if not identifier or not spaces.is_non_linear(identifier):
        return NOTHING
    return [Found(f"colorInteropID {identifier} is no scene-linear space", identifier[:80], "lin_..._scene")]


@part_rule(
    "COL-ID-AND-CHROMA",
    Severity.INFO,
    "Either colorInteropID or chromaticities is set",
    why="The recommendation is to say it once, except in ACES containers.",
    source=_CIF,
    fix="Keep colorInteropID and remove chromaticities.",
    command="oiiotool IN.exr --eraseattrib chromaticities -o OUT.exr",
    profiles={"aces-container": "off"},
    when=t.COLOUR,
)
def id_and_chroma(part: PartFacts, _parameters: ColourParameters) -> Results:
    """Both tags without the ACES flag."""
    if part.part.text("colorInteropID") and chromaticities(part) and "acesImageContainerFlag" not in part.part.by_name:
        return [Found("colorInteropID and chromaticities are both set", "both", "one of them")]
    return NOTHING


# Most files have this one: made once.
_UNTAGGED = (
    Found(
        "No colour space metadata; expected colorInteropID or chromaticities",
        "no tag",
        "colorInteropID or chromaticities",
    ),
)


def other_tag(part: PartFacts) -> tuple[str, str] | None:
    """Attribute and colour space of a part that only some software's own attribute tells, None where there is none."""
    for name in spaces.OTHER_TAGS:
        if name in part.part.by_name and (space := part.part.text(name)):
            return name, space[:80]
    return None


@part_rule(
    "COL-TAG-OTHER",
    Severity.INFO,
    "The colour space is tagged by a standard attribute, and scene-linear",
    why="Other attributes (oiio:ColorSpace) are known to the software that wrote them; EXR holds scene-linear values.",
    source=f"{_CIF}; OpenImageIO",
    fix="Write colorInteropID; convert images that were made for a display.",
    command="oiiotool IN.exr --attrib colorInteropID lin_ap1_scene -o OUT.exr",
    when=t.COLOUR,
)
def tag_other(part: PartFacts, _parameters: ColourParameters) -> Results:
    """A tag that is not by a standard attribute; a warning where it speaks of a display or an encoding."""
    tag = None if part.traits & t.TAGGED else other_tag(part)
    if tag is None:
        return NOTHING
    name, space = tag
    if spaces.is_encoded_name(space):
        message = f"Tagged {space} by {name}: display-referred or encoded; expected a scene-linear space"
        return [Found(message, space, "a scene-linear space", severity=Severity.WARNING)]
    expected = spaces.id_of_name(space) or "colorInteropID"
    message = f"Tagged {space}, but by {name} alone; expected colorInteropID"
    return [Found(f"{message} {expected}" if expected != "colorInteropID" else message, space, expected)]


@file_rule(
    "COL-UNTAGGED",
    Severity.WARNING,
    "The colour space is tagged",
    why="Receivers guess: the old advice says Rec.709, the new one says not to guess.",
    source=f"OpenEXR technical introduction; {_CIF}",
    yields_to=("COL-SHOW-SPACE",),
    fix="Tag the colour space where the file is written.",
    command="oiiotool IN.exr --attrib colorInteropID lin_ap1_scene -o OUT.exr",
    profiles={
        "default": "info",
        "strict": "warning",
        "archive": "warning",
        "texture": "warning",
        "aces-container": "off",
    },
    when=t.UNTAGGED,
)
def untagged(file: FileFacts, _parameters: ColourParameters) -> Results:
    """No tag in any part, in a file that holds colour; a tag of another kind is COL-TAG-OTHER's."""
    if file.traits & t.TAGGED or not file.traits & t.COLOURED:
        return NOTHING
    if file.traits & t.COLOUR and any(other_tag(part) for part in file.parts):
        return NOTHING
    return _UNTAGGED


@part_rule(
    "COL-CHROMA-SANE",
    Severity.ERROR,
    "Chromaticities span a triangle with the white point inside",
    why="Colour conversion divides by zero or turns colours inside out.",
    source="OpenEXR standard attributes (chromaticities); OpenEXR ImfChromaticities.h (RGBtoXYZ)",
    fix="Write the primaries and white point of the colour space.",
    when=t.COLOUR,
)
def chroma_sane(part: PartFacts, _parameters: ColourParameters) -> Results:
    """Finite values, y other than zero, a triangle with an area, the white inside it."""
    values = chromaticities(part)
    if values is None:
        return NOTHING
    if wrong := _insane(values):
        return [Found(f"chromaticities {short(values)}: {wrong}", short(values), "primaries around a white point")]
    return NOTHING


def _insane(values: Chromaticities) -> str:
    """What is wrong with chromaticities; empty for sound ones."""
    if not all(math.isfinite(value) for value in values):
        return "not all are finite"
    red, green, blue, white = values[0:2], values[2:4], values[4:6], values[6:8]
    if not white[1] or not any(values):
        return "the white point's y is zero"

    def side(a: tuple[float, ...], b: tuple[float, ...], c: tuple[float, ...]) -> float:
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    if side(red, green, blue) == 0:
        return "the primaries lie on one line"
    sides = [side(red, green, white), side(green, blue, white), side(blue, red, white)]
    if min(sides) <= 0 <= max(sides):
        return "the white point lies outside the primaries"
    return ""


@part_rule(
    "COL-CHROMA-UNKNOWN",
    Severity.INFO,
    "Chromaticities are those of a known space",
    why="Custom primaries, or a typing error.",
    source=f"{_CIF}, Annex A",
    fix="Check the numbers; use those of a published space if it is meant.",
    when=t.COLOUR,
)
def chroma_unknown(part: PartFacts, _parameters: ColourParameters) -> Results:
    """Chromaticities that match no published space, and not CIE XYZ, within 0.001."""
    values = chromaticities(part)
    if values is None or spaces.space_of(values) or spaces.are_close(values, spaces.CIE_XYZ):
        return NOTHING
    return [Found(f"chromaticities {short(values)} are of no known space", short(values), "a known space")]


@part_rule(
    "COL-DATA-IN-RGB",
    Severity.WARNING,
    "Data under R, G, B is in a part tagged `data`",
    why="Colour management converts whatever is called R, G, B.",
    source=_CIF,
    fix="Move data layers into a part tagged `data`, or call their components X, Y, Z.",
    command="oiiotool IN.exr --attrib colorInteropID data -o OUT.exr",
    when=t.DATA,
    version=2,
)
def data_in_rgb(part: PartFacts, _parameters: ColourParameters) -> Results:
    """Normals, positions, ids called R, G, B in a part that is tagged as colour.

    Reported as info where nothing is tagged, and where the part holds colour, too, which needs the tag.
    """
    identifier = part.part.text("colorInteropID")
    if identifier == spaces.DATA:
        return NOTHING
    hit = [c for c in part.named if c.role in DATA_ROLES and c.component in {"R", "G", "B"}]
    hit = [c for c in hit if c.role is not Role.CRYPTOMATTE]
    if not hit:
        return NOTHING
    if part.traits & t.COLOUR:
        severity = Severity.INFO if part.traits & t.COLOURED else None
        message = f"{names_of(hit)} hold data in a part tagged as colour"
    else:
        message, severity = f"{names_of(hit)} hold data in a part that is not tagged as data", Severity.INFO
    return [Found(message, identifier or "no id", "data", hit[0].name, severity=severity)]


@part_rule(
    "COL-SHOW-SPACE",
    Severity.ERROR,
    "The colour space is the show's",
    why="Images of two spaces do not match in the cut.",
    source="the show's policy (colour_space)",
    fix="Convert the image to the show's colour space, or correct its tag.",
    command="oiiotool IN.exr --colorconvert FROM TO -o OUT.exr",
    needs=("colour_space",),
)
def show_space(part: PartFacts, parameters: ColourParameters) -> Results:
    """Id, ACES flag or chromaticities against `colour_space`; parts tagged as data are left alone."""
    wanted = parameters.colour_space
    found = tagged_space(part)
    if wanted is None or found in {wanted, spaces.DATA} or not part.of_role(Role.COLOUR):
        return NOTHING
    return [Found(f"The colour space is {found or 'not tagged'}; the show has {wanted}", found or "no tag", wanted)]


def tagged_space(part: PartFacts) -> str | None:
    """What the tags say, in order: ACES flag, id, chromaticities, attributes of some software."""
    if part.part.integer("acesImageContainerFlag") == 1:
        return spaces.ACES
    if identifier := part.part.text("colorInteropID"):
        return identifier
    values = chromaticities(part)
    if values is None:
        other = other_tag(part)
        return (spaces.id_of_name(other[1]) or other[1]) if other else None
    return spaces.space_of(values) or f"chromaticities {short(values)}"


@part_rule(
    "COL-WHITELUM",
    Severity.WARNING,
    "whiteLuminance is above zero and finite",
    why="It is the luminance of white in nits.",
    source="OpenEXR standard attributes",
    fix="Write the luminance of white in nits, or leave it out.",
    command="oiiotool IN.exr --eraseattrib whiteLuminance -o OUT.exr",
    when=t.COLOUR,
)
def white_luminance(part: PartFacts, _parameters: ColourParameters) -> Results:
    """Zero, negative and non-finite values."""
    value = part.part.value("whiteLuminance", "float")
    if not isinstance(value, float) or (math.isfinite(value) and value > 0):
        return NOTHING
    return [Found(f"whiteLuminance is {value}", str(value), "above 0")]
