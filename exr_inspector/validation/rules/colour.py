"""COL: colour tags by themselves, compared with the channels and with the policy; pixels are not used.

The rules that correspond to checks of OpenEXR 3.5 (COL-C-...) are in `colour_flags`.
"""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import AfterValidator, Field

from exr_inspector.exr.header.values import Chromaticities
from exr_inspector.model import Severity
from exr_inspector.validation.facts import colourspaces as spaces
from exr_inspector.validation.facts import traits as t
from exr_inspector.validation.facts.facts import FileFacts, PartFacts
from exr_inspector.validation.facts.roles import DATA_ROLES, Role
from exr_inspector.validation.parameters import RuleParameters
from exr_inspector.validation.rule import NOTHING, Found, Remedy, Results, file_rule, part_rule
from exr_inspector.validation.rules.channels import names_of

_CIF = "ASWF Color Interop recommendation 04"


def chromaticities(part: PartFacts) -> Chromaticities | None:
    """The part's chromaticities; None if they are absent or malformed."""
    value = part.part.value("chromaticities", "chromaticities")
    return value if isinstance(value, Chromaticities) else None


def short(values: Chromaticities) -> str:
    """Format eight coordinates for a message."""
    return " ".join(f"{value:.4g}" for value in values)


def _space(name: str) -> str:
    """The id of a colour space that a policy names otherwise, such as ACEScg; other names as they are."""
    return name if name in spaces.PUBLISHED else spaces.id_of_name(name) or name


class ColourParameters(RuleParameters):
    """Parameters of the rules on colour tags."""

    colour_space: Annotated[str, Field(min_length=1), AfterValidator(_space)] | None = Field(
        None,
        description="Color interop id of the show, such as lin_ap1_scene, or a common name such as ACEScg (COL-SHOW-SPACE).",
    )


@part_rule(
    "COL-ID-SYNTAX",
    Severity.WARNING,
    "colorInteropID follows the syntax of color interop ids",
    why="Software that looks up the id does not find it.",
    source="ASWF Color Interop recommendation 03, Annex B",
    fix="Write a published id, such as lin_ap1_scene, or namespace:id in lower case.",
    command="exrstdattr -string colorInteropID lin_ap1_scene IN.exr OUT.exr",
    remedy=Remedy.EDIT,
    when=t.COLOUR,
)
def id_syntax(part: PartFacts, _: object) -> Results:
    """Check the grammar: one to three tokens of allowed characters, separated by colons."""
    identifier = part.part.text("colorInteropID")
    if not identifier or spaces.is_well_formed(identifier):
        return NOTHING
    expected = _suggested(identifier, "lower case tokens split by at most two colons")
    message = f"colorInteropID {identifier!r} does not follow the grammar; expected {expected}"
    return [Found(message, identifier[:80], expected)]


def _suggested(identifier: str, otherwise: str) -> str:
    """The published id of the same space as a name of software or a misspelled id, or else the form that an id must have."""
    return spaces.id_of_name(identifier) or spaces.meant_id(identifier) or otherwise


@part_rule(
    "COL-ID-UNREGISTERED",
    Severity.WARNING,
    "A colorInteropID without a namespace is on the published list",
    why="Other software does not know a private id, and cannot ask whose it is.",
    source="ASWF Color Interop recommendation 03, Annex B",
    yields_to=("COL-ID-SYNTAX",),
    fix="Write a published id, or put the owner's namespace before it: studio:name.",
    command="exrstdattr -string colorInteropID lin_ap1_scene IN.exr OUT.exr",
    remedy=Remedy.EDIT,
    when=t.COLOUR,
)
def id_unregistered(part: PartFacts, _: object) -> Results:
    identifier = part.part.text("colorInteropID")
    if not identifier or ":" in identifier or identifier in spaces.PUBLISHED:
        return NOTHING
    expected = _suggested(identifier, "a published id, or namespace:id")
    message = f"colorInteropID {identifier!r} is not published and has no namespace; expected {expected}"
    return [Found(message, identifier[:80], expected)]


@part_rule(
    "COL-ID-NONLINEAR",
    Severity.WARNING,
    "colorInteropID names a scene-linear colour space",
    why="Software expects scene-linear values in EXR; others are composited and converted wrongly.",
    source="OpenEXR technical introduction (Scene-Referred Images)",
    fix="Convert the image to a scene-linear space; the command needs the show's OpenColorIO configuration ($OCIO).",
    command="oiiotool IN.exr --colorconvert FROM lin_ap1_scene -o OUT.exr",
    remedy=Remedy.CONVERSION,
    profiles={"texture": "info"},
    when=t.COLOUR,
)
def id_non_linear(part: PartFacts, _: object) -> Results:
    identifier = part.part.text("colorInteropID")
    if not identifier or not spaces.is_non_linear(identifier):
        return NOTHING
    message = f"colorInteropID {identifier} is not scene-linear; expected lin_..._scene"
    return [Found(message, identifier[:80], "lin_..._scene")]


@part_rule(
    "COL-ID-AND-CHROMA",
    Severity.INFO,
    "Only one of colorInteropID and chromaticities is set",
    why="Two descriptions of one colour space can contradict each other. ACES containers need both.",
    source=_CIF,
    fix="Keep colorInteropID and remove chromaticities.",
    command="oiiotool IN.exr -a --eraseattrib chromaticities -o OUT.exr",
    remedy=Remedy.EDIT,
    profiles={"aces-container": "off"},
    when=t.COLOUR,
)
def id_and_chroma(part: PartFacts, _: object) -> Results:
    if part.part.text("colorInteropID") and chromaticities(part) and "acesImageContainerFlag" not in part.part.by_name:
        return [Found("colorInteropID and chromaticities are both set", "both", "one of them")]
    return NOTHING


@part_rule(
    "COL-FILE-NAME",
    Severity.WARNING,
    "The colour space in the file's name is that of the tags",
    why="Software that goes by file names (OpenColorIO's file rules, Affinity Photo) converts from another space than readers "
    "of the tags.",
    source="OpenColorIO file rules",
    fix="Find out which one is right; rename the file, or write the right tag: SPACE is the space in the name.",
    command="exrstdattr -string colorInteropID SPACE IN.exr OUT.exr",
    remedy=Remedy.EDIT,
    when=t.COLOUR,
)
def space_in_name(part: PartFacts, _: object) -> Results:
    named = spaces.space_in_file_name(part.file.inspection.key.rpartition("/")[2])
    tagged = spaces.base_of(tagged_space(part) or "")
    if named is None or tagged == named or tagged not in spaces.PRIMARIES or not part.of_role(Role.COLOUR):
        return NOTHING
    return [Found(f"The file's name says {named}, the tags {tagged}", tagged, named)]


# Created once, because most files have this finding.
_TAGS = "colorInteropID or chromaticities"
_UNTAGGED = (Found(f"No colour space metadata; expected {_TAGS}", "no tag", _TAGS),)


@part_rule(
    "COL-TAG-OTHER",
    Severity.INFO,
    "The colour space is named by a standard attribute, and is scene-linear",
    why="Only the software that wrote it knows an attribute such as oiio:ColorSpace, and EXR is expected to be scene-linear.",
    source=f"{_CIF}; OpenImageIO",
    fix="Write colorInteropID. Convert images that were made for a display.",
    command="exrstdattr -string colorInteropID lin_ap1_scene IN.exr OUT.exr",
    remedy=Remedy.EDIT,
    when=t.COLOUR,
)
def tag_other(part: PartFacts, _: object) -> Results:
    tag = None if part.traits & t.TAGGED else spaces.other_tag(part.part)
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
    "The file names its colour space",
    why="Receivers have to guess: the OpenEXR documentation assumes Rec. 709 primaries, the Color Interop "
    "recommendation asks not to guess.",
    source=f"OpenEXR technical introduction; {_CIF}",
    yields_to=("COL-SHOW-SPACE",),
    fix="Write colorInteropID in the software that writes the file.",
    command="exrstdattr -string colorInteropID lin_ap1_scene IN.exr OUT.exr",
    remedy=Remedy.EDIT,
    profiles={"default": "info", "strict": "warning", "archive": "warning", "aces-container": "off"},
    when=t.UNTAGGED,
)
def untagged(file: FileFacts, _: object) -> Results:
    """Report a file with colour and without any tag. Non-standard tags are left to COL-TAG-OTHER."""
    if file.traits & t.TAGGED or not file.traits & t.COLOURED:
        return NOTHING
    if file.traits & t.COLOUR and any(spaces.other_tag(part.part) for part in file.parts):
        return NOTHING
    return _UNTAGGED


@part_rule(
    "COL-CHROMA-SANE",
    Severity.ERROR,
    "The primaries in chromaticities form a triangle that contains the white point, and adoptedNeutral is a colour",
    why="Colour conversion divides by zero or mirrors colours.",
    source="OpenEXR standard attributes (chromaticities); OpenEXR ImfChromaticities.h (RGBtoXYZ)",
    fix="Write the primaries and the white point of the colour space. The numbers of the command are those of Rec. 709.",
    command="exrstdattr -chromaticities 0.64 0.33 0.3 0.6 0.15 0.06 0.3127 0.329 IN.exr OUT.exr",
    remedy=Remedy.EDIT,
    when=t.COLOUR,
)
def chroma_sane(part: PartFacts, _: object) -> Results:
    """Require finite values, y other than zero, a triangle in the order R, G, B, and the white point inside it.

    An adoptedNeutral that is no colour is a warning.
    """
    values, neutral = chromaticities(part), part.part.value("adoptedNeutral", "v2f")
    found = []
    if values is not None and (wrong := _insane(values)):
        found.append(Found(f"chromaticities {short(values)}: {wrong}", short(values), "primaries around a white point"))
    x, y = map(float, neutral) if isinstance(neutral, tuple) else (0.0, 1.0)  # type: ignore[arg-type]  # v2f
    if not (x >= 0 and y > 0 and x + y <= 1):  # a NaN is reported, too
        message = f"adoptedNeutral is ({x:g}, {y:g}), which is no colour"
        found.append(Found(message, f"{x:g} {y:g}", "CIE x and y of a white point", severity=Severity.WARNING))
    return found


def _insane(values: Chromaticities) -> str:
    """The defect of chromaticities; empty if they are plausible."""
    if not all(math.isfinite(value) for value in values):
        return "not all are finite"
    red, green, blue, white = values[0:2], values[2:4], values[4:6], values[6:8]
    if not white[1]:
        return "the white point's y is zero"

    def side(a: tuple[float, ...], b: tuple[float, ...], c: tuple[float, ...]) -> float:
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    if side(red, green, blue) == 0:
        return "the primaries lie on one line"
    if side(red, green, blue) < 0:
        return "the primaries are not in the order red, green, blue"
    if min(side(red, green, white), side(green, blue, white), side(blue, red, white)) <= 0:
        return "the white point lies outside the primaries"
    return ""


@part_rule(
    "COL-CHROMA-UNKNOWN",
    Severity.INFO,
    "chromaticities are those of a published colour space",
    why="A typing error changes colours slightly; custom primaries are legal.",
    source=f"{_CIF}, Annex A; OpenColorIO built-in transforms",
    fix="Compare the numbers with those of the intended colour space; no action is needed for custom primaries.",
    yields_to=("ACE-CHROMA",),
    when=t.COLOUR,
)
def chroma_unknown(part: PartFacts, _: object) -> Results:
    values = chromaticities(part)
    if values is None or spaces.is_published(values):
        return NOTHING
    what = "not those of a published colour space"
    if alike := spaces.space_with_primaries(values):
        what = f"the primaries of {alike} with another white"
    elif not _insane(values) and (alike := spaces.space_adapted(values)):
        white = "D50, as ICC profiles have it" if spaces.are_close(values[6:8], spaces.D50) else "another white"
        what = f"the primaries of {alike} adapted to {white}; software that does not adapt colours back shows a tint"
    return [Found(f"chromaticities {short(values)} are {what}", short(values), "a published colour space")]


@part_rule(
    "COL-CIE-XYZ",
    Severity.INFO,
    "R, G and B are red, green and blue, not CIE XYZ",
    why="Viewers and compositors that ignore chromaticities show wrong colours.",
    source="OpenEXR technical introduction (CIE XYZ); openexr#686",
    fix="Convert to the RGB space of the show, unless the receiver asked for CIE XYZ.",
    limits="By chromaticities and colorInteropID alone.",
    when=t.COLOUR,
)
def cie_xyz(part: PartFacts, _: object) -> Results:
    values, identifier = chromaticities(part), part.part.text("colorInteropID") or ""
    by_id = "xyz" in spaces.base_of(identifier).lower()
    if not part.rgb_layers or not (by_id or (values is not None and spaces.are_close(values, spaces.CIE_XYZ))):
        return NOTHING
    what = identifier if by_id or values is None else f"chromaticities {short(values)}"
    return [Found(f"R, G, B hold CIE XYZ, by {what}", what, "an RGB space")]


@part_rule(
    "COL-DATA-IN-RGB",
    Severity.WARNING,
    "Data in channels called R, G, B is in a part tagged `data`",
    why="Colour management converts channels with these names.",
    source=_CIF,
    fix="Move the data layers into a part of their own and tag it `data`, or name their components x, y, z. "
    "The command tags part 1.",
    command="exrstdattr -part 1 -string colorInteropID data IN.exr OUT.exr",
    remedy=Remedy.EDIT,
    when=t.DATA,
)
def data_in_rgb(part: PartFacts, _: object) -> Results:
    """Report normals, positions and ids named R, G, B in a part that is tagged as colour.

    The severity is info if no part is tagged, if the part holds colour as well, which needs the tag, and if only the file's
    name says that the channels are data.
    """
    identifier = part.part.text("colorInteropID")
    if identifier == spaces.DATA:
        return NOTHING
    hit = [c for c in part.named if c.role in DATA_ROLES and c.component in {"R", "G", "B"}]
    hit = [c for c in hit if c.role is not Role.CRYPTOMATTE]
    if not hit:
        return NOTHING
    hold = "holds" if len(hit) == 1 else "hold"
    by_file = not part.names.part_layer and hit[0].layer and hit[0].name == hit[0].component
    data = f"{hold} data ({hit[0].layer}, by the file's name)" if by_file else f"{hold} data"
    if part.traits & t.COLOUR:
        severity = Severity.INFO if part.traits & t.COLOURED or by_file else None
        message = f"{names_of(hit)} {data}, but the part is tagged as colour; expected a part of their own, tagged data"
    else:
        message, severity = f"{names_of(hit)} {data} in a part that is not tagged as data", Severity.INFO
    return [Found(message, identifier or "no id", "data", hit[0].name, severity=severity)]


@part_rule(
    "COL-SHOW-SPACE",
    Severity.ERROR,
    "The file names the show's colour space",
    why="Images of two colour spaces do not match in the cut.",
    source="the show's policy (colour_space)",
    fix="Write the tag if the pixels are right: SPACE is the expected space. Otherwise convert the image with the show's "
    "OpenColorIO configuration ($OCIO): `oiiotool IN.exr --colorconvert FROM TO -o OUT.exr`.",
    command="exrstdattr -string colorInteropID SPACE IN.exr OUT.exr",
    remedy=Remedy.EDIT,
    needs=("colour_space",),
)
def show_space(part: PartFacts, parameters: ColourParameters) -> Results:
    wanted = parameters.colour_space
    found = tagged_space(part)
    if wanted is None or found in {wanted, spaces.DATA} or not part.of_role(Role.COLOUR):
        return NOTHING
    return [Found(f"The colour space is {found or 'not tagged'}; the show has {wanted}", found or "no tag", wanted)]


def tagged_space(part: PartFacts) -> str | None:
    """The colour space that the tags name, in the order ACES flag, id, chromaticities, product-specific attributes."""
    if part.part.integer("acesImageContainerFlag") == 1:
        return spaces.ACES
    if identifier := part.part.text("colorInteropID"):
        return identifier
    values = chromaticities(part)
    if values is None:
        other = spaces.other_tag(part.part)
        return (spaces.id_of_name(other[1]) or other[1]) if other else None
    return spaces.space_of(values) or f"chromaticities {short(values)}"


@part_rule(
    "COL-WHITELUM",
    Severity.WARNING,
    "whiteLuminance is a finite number above zero",
    why="It is the luminance of white in candela per square metre; software divides by it.",
    source="OpenEXR standard attributes",
    fix="Write the luminance, or remove the attribute.",
    command="oiiotool IN.exr -a --eraseattrib whiteLuminance -o OUT.exr",
    remedy=Remedy.EDIT,
    when=t.COLOUR,
)
def white_luminance(part: PartFacts, _: object) -> Results:
    value = part.part.value("whiteLuminance", "float")
    if not isinstance(value, float) or (math.isfinite(value) and value > 0):
        return NOTHING
    return [Found(f"whiteLuminance is {value}; expected a finite number above 0", str(value), "above 0")]
