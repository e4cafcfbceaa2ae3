"""COL-C: the checks of OpenEXR 3.5's `exr_check_color_metadata`, which are warnings there and here.

They report tags that contradict each other; the rules in `colour` check each tag by itself.
"""

from __future__ import annotations

from exr_inspector.exr.header.values import Chromaticities
from exr_inspector.model import Severity
from exr_inspector.validation.facts import colourspaces as spaces
from exr_inspector.validation.facts import traits as t
from exr_inspector.validation.facts.facts import FileFacts, PartFacts
from exr_inspector.validation.rule import NOTHING, Found, Remedy, Results, Rule, file_rule, part_rule
from exr_inspector.validation.rules.aces import flag_text
from exr_inspector.validation.rules.colour import chromaticities, short

_FLAGS = "OpenEXRCore 3.5 color_metadata.c"
_CIF = "ASWF Color Interop recommendation 04"


@part_rule(
    "COL-C-EMPTY-ID",
    Severity.WARNING,
    "colorInteropID is not empty",
    why="An empty id names no colour space.",
    source=_FLAGS,
    fix="Write the id of the colour space (`unknown` if nobody knows it), or remove the attribute.",
    command="exrstdattr -string colorInteropID lin_ap1_scene IN.exr OUT.exr",
    remedy=Remedy.EDIT,
    when=t.COLOUR,
)
def empty_id(part: PartFacts, _: object) -> Results:
    if part.part.text("colorInteropID") == "":
        return [Found("colorInteropID is empty", "empty", "an id, or no attribute")]
    return NOTHING


@part_rule(
    "COL-C-CHROMA-DIFFER",
    Severity.WARNING,
    "colorInteropID, or another name of the colour space, and chromaticities describe the same space",
    why="Readers use one of the two, and which one differs.",
    source=f"{_FLAGS}; {_CIF}",
    fix="Find out which one is right, and remove the other one.",
    command="oiiotool IN.exr -a --eraseattrib chromaticities -o OUT.exr",
    remedy=Remedy.EDIT,
    when=t.COLOUR,
)
def chroma_differ(part: PartFacts, _: object) -> Results:
    """Compare the published primaries of the id, or of the space that oiio:ColorSpace or the like names, to 0.001.

    The id and another name are compared, too, but for scene against display.
    """
    identifier, values = part.part.text("colorInteropID"), chromaticities(part)
    tag = spaces.other_tag(part.part)
    named = spaces.id_of_name(tag[1]) if tag else None
    if identifier is None:
        identifier = named
    elif tag and named and identifier in spaces.PUBLISHED and _encoding(named) != _encoding(identifier):
        message = f"colorInteropID is {identifier}, but {tag[0]} says {tag[1]!r}"
        return [Found(message, tag[1], identifier)]
    wanted = spaces.PRIMARIES.get(identifier or "")
    if values is None or wanted is None or spaces.are_close(values, wanted):
        return NOTHING
    source = f"{identifier}, as {tag[0]} says" if tag and identifier == named else identifier
    message = f"chromaticities {spaces.with_gamut(values)} are not those of {source}"
    return [Found(message, short(values), short(Chromaticities(*wanted)))]


def _encoding(identifier: str) -> str:
    """Transfer function and primaries of an id, without the image state."""
    return identifier.removesuffix("_scene").removesuffix("_display")


def _absent_from_data(code: str, name: str, does: str) -> Rule:
    @part_rule(
        code,
        Severity.WARNING,
        f"Parts tagged as data have no {name}",
        why=f"Data is not colour; a reader that believes {name} {does} it.",
        source=_FLAGS,
        fix=f"Remove {name} from the part.",
        command=f"oiiotool IN.exr -a --eraseattrib {name} -o OUT.exr",
        remedy=Remedy.EDIT,
        when=t.COLOUR,
    )
    def absent(part: PartFacts, _: object) -> Results:
        if part.part.text("colorInteropID") != spaces.DATA or name not in part.part.by_name:
            return NOTHING
        return [Found(f"colorInteropID is data, but the part has {name}", name, "absent")]

    return absent


DATA_CHROMA = _absent_from_data("COL-C-DATA-CHROMA", "chromaticities", "converts")
DATA_WHITE = _absent_from_data("COL-C-DATA-WHITE", "whiteLuminance", "scales")
DATA_NEUTRAL = _absent_from_data("COL-C-DATA-NEUTRAL", "adoptedNeutral", "converts")


@file_rule(
    "COL-C-ID-NOT-SHARED",
    Severity.WARNING,
    "Every part has the colorInteropID of part 0, or `data`",
    why="Readers that know one colour space for a file use that of part 0.",
    source=f"{_FLAGS}; {_CIF}",
    fix="Convert all colour parts into one colour space, and tag data parts `data`. The command tags part 1.",
    command="exrstdattr -part 1 -string colorInteropID data IN.exr OUT.exr",
    remedy=Remedy.EDIT,
    when=t.COLOUR,
)
def id_not_shared(file: FileFacts, _: object) -> Results:
    first = file.header.parts[0].text("colorInteropID")
    found = []
    for part in file.header.parts[1:]:
        identifier = part.text("colorInteropID")
        if identifier is not None and identifier not in {spaces.DATA, first}:
            other = "not at all" if first is None else repr(first)
            message = f"Part {part.index} is tagged {identifier!r}, part 0 {other}"
            found.append(Found(message, identifier, "absent" if first is None else first, part=part.index))
    return found


@part_rule(
    "COL-C-ACES-NOT-ONE",
    Severity.WARNING,
    "acesImageContainerFlag is the int 1",
    why="SMPTE ST 2065-4 defines no other value.",
    source=_FLAGS,
    yields_to=("ACE-FLAG", "STR-REQ-TYPE"),
    fix="Write the flag as an int with the value 1 if the file is an ACES container; otherwise remove it.",
    command="exrstdattr -int acesImageContainerFlag 1 IN.exr OUT.exr",
    remedy=Remedy.EDIT,
    when=t.ACES,
)
def aces_not_one(part: PartFacts, _: object) -> Results:
    attribute = part.part.by_name.get("acesImageContainerFlag")
    if attribute is None or part.part.integer("acesImageContainerFlag") == 1:
        return NOTHING
    found = flag_text(attribute)
    return [Found(f"acesImageContainerFlag is {found}; expected int 1", found, "int 1", offset=attribute.offset)]


@part_rule(
    "COL-C-ACES-ID",
    Severity.WARNING,
    "The colorInteropID of an ACES container is lin_ap0_scene, or absent",
    why="The flag of the container says that the colour space is ACES2065-1.",
    source=_FLAGS,
    yields_to=("ACE-ID",),
    fix="If the pixels are ACES2065-1, correct the id; otherwise remove the flag, or convert the pixels.",
    command="exrstdattr -string colorInteropID lin_ap0_scene IN.exr OUT.exr",
    remedy=Remedy.EDIT,
    when=t.ACES,
)
def aces_id(part: PartFacts, _: object) -> Results:
    identifier = part.part.text("colorInteropID")
    if "acesImageContainerFlag" not in part.part.by_name or identifier in {None, spaces.ACES}:
        return NOTHING
    message = f"The ACES container flag is set, but colorInteropID is {identifier}; expected {spaces.ACES}"
    return [Found(message, str(identifier), spaces.ACES)]


@part_rule(
    "COL-C-ACES-NO-CHROMA",
    Severity.WARNING,
    "An ACES container has chromaticities",
    why="SMPTE ST 2065-4 requires them.",
    source=_FLAGS,
    yields_to=("ACE-CHROMA", "STR-REQ-TYPE"),
    fix="If the pixels are ACES2065-1, write the chromaticities of AP0.",
    command="exrstdattr -chromaticities 0.7347 0.2653 0 1 0.0001 -0.077 0.32168 0.33767 IN.exr OUT.exr",
    remedy=Remedy.EDIT,
    when=t.ACES,
)
def aces_no_chroma(part: PartFacts, _: object) -> Results:
    if "acesImageContainerFlag" not in part.part.by_name or chromaticities(part) is not None:
        return NOTHING
    wrong = part.part.by_name.get("chromaticities")
    found = wrong.type_name if wrong else "absent"
    message = "The ACES container flag is set, but there are no chromaticities; expected those of AP0"
    return [Found(message, found, "AP0")]


@part_rule(
    "COL-C-ACES-CHROMA",
    Severity.WARNING,
    "An ACES container has the chromaticities of AP0",
    why="The flag of the container says that the colour space is ACES2065-1.",
    source=_FLAGS,
    yields_to=("ACE-CHROMA",),
    fix="Convert the pixels to ACES2065-1, or remove the flag. The command converts; it expects no compression, PIZ or B44A.",
    command="exr2aces IN.exr OUT.exr",
    remedy=Remedy.CONVERSION,
    when=t.ACES,
)
def aces_chroma(part: PartFacts, _: object) -> Results:
    values = chromaticities(part)
    if "acesImageContainerFlag" not in part.part.by_name or values is None:
        return NOTHING
    if spaces.are_close(values, spaces.PRIMARIES[spaces.ACES]):
        return NOTHING
    message = f"The ACES container flag is set, but chromaticities are {short(values)}; expected those of AP0"
    return [Found(message, short(values), "AP0")]
