"""Sequence rules on headers: comparisons of frame summaries. Pure.

The time for ten thousand frames is well under a second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from exr_inspector.model import Severity
from exr_inspector.validation.facts.provenance import products_of
from exr_inspector.validation.facts.roles import Role, role_of
from exr_inspector.validation.facts.sequences import SequenceFacts, once_per_sequence, sibling_name
from exr_inspector.validation.frames import FrameSummary
from exr_inspector.validation.rule import Found, Remedy, Results, counted, listed, sequence_rule
from exr_inspector.validation.rules.sequences.comparison import (
    area,
    drift,
    is_within,
    named,
    of_frames,
    usual_value,
    window_size,
)

_ENTRIES_SHOWN = 4
_LEAST_PADDING = 3  # digits of a frame number that are recognised in the names of parts
_TYPICAL = 8  # fewer frames do not tell which data window is the usual one
_RARE = 4  # less than one frame in 4 has a region as its data window
_FEW = 10  # at most one frame in 10 has channels that the others need not have
_EYES = ({"left", "right"}, {"l", "r"})
_REGION = 0.9  # largest share of the area that a region has


def _window(values: tuple[int, ...]) -> str:
    if len(values) == 2:
        return f"{values[0]}x{values[1]}"
    return f"({values[0]}, {values[1]})-({values[2]}, {values[3]})"


@sequence_rule(
    "SEQ-RES",
    Severity.ERROR,
    "All frames have the same display window and pixel aspect ratio",
    why="The image jumps in size or position.",
    source="Netflix VFX requirements; OpenEXR technical introduction (Display Window and Data Window)",
    fix="Render the frames that the message names at the resolution of the others.",
    remedy=Remedy.RENDER,
    limits="Data windows that change have severity info; few frames with only a region of the others, or with overscan that "
    "is shifted, warning. Another size than that of other views and AOVs of the image is a warning; another data window than "
    "theirs, and another size of a matte than that of the plate with the same name, are info.",
)
def resolution(sequence: SequenceFacts, _: object) -> Results:
    """Check display windows and pixel aspect ratios; data windows may follow the image."""
    found = drift(sequence, "the display window", lambda f: f.display_window, _window)
    found += drift(sequence, "the pixel aspect ratio", lambda f: f.pixel_aspect, lambda ratio: f"{ratio:g}")
    return found or [*_data_windows(sequence), *_unlike_siblings(sequence)]


def _unlike_siblings(sequence: SequenceFacts) -> list[Found]:
    """Report another size than that of the image; info for a matte, whose plate may have been cut or distorted.

    At the same size, another data window is info.
    """
    siblings, windows = sequence.siblings, {frame.data_window for frame in sequence.frames if frame.data_window}
    if siblings.sizes is None:
        if siblings.windows is None or len(windows) != 1:
            return []
        other, window = siblings.windows
        mine, name, theirs = _window(windows.pop()), sibling_name(sequence.name, other), _window(window)
        message = f"The data window is {mine}; that of {name}, another view or AOV of the image, is {theirs}"
        return [
            Found(f"{message}: to be merged, one must be cropped or extended", mine, theirs, severity=Severity.INFO)
        ]
    other, (width, height), is_sure = siblings.sizes
    sizes = {_window(window_size(frame.display_window)) for frame in sequence.frames if frame.display_window}
    mine, name = " or ".join(sorted(sizes)), sibling_name(sequence.name, other)
    what = "another view or AOV of the image" if is_sure else "probably the plate of this matte"
    message = f"The display window is {mine}; that of {name}, {what}, is {width}x{height}"
    return [Found(message, mine, f"{width}x{height}", severity=Severity.WARNING if is_sure else Severity.INFO)]


def _data_windows(sequence: SequenceFacts) -> list[Found]:
    """Report data windows that change; a warning if few frames share one that is clearly smaller than that of all others.

    Such a window is the region of a render that was left on. A window that follows the image differs from frame to frame, or
    is another one from some frame on.
    """
    known = [(frame, frame.data_window) for frame in sequence.frames if frame.data_window]
    windows = Counter(window for _, window in known)
    if len(windows) < 2:
        return []
    (usual, _), (other, _), *more = windows.most_common()
    odd = [index for index, (_, window) in enumerate(known) if window == other]
    is_rare = len(known) >= _TYPICAL and _RARE * len(odd) < len(known)
    is_run_at_end = odd[-1] - odd[0] < len(odd) and (odd[0] == 0 or odd[-1] == len(known) - 1)
    if not more:
        what = f"the data window is {_window(other)}, in the other frames {_window(usual)}"
        is_region, is_shifted = _is_region(other, usual), _is_shifted(sequence, other, usual)
        if is_region:
            is_image = all(known[index][0].display_window == other for index in odd)
            what += ": the overscan was lost?" if is_image else ": only a region was rendered?"
        elif is_shifted:
            what += ": the overscan was shifted?"
        is_wrong = (is_region or is_shifted) and is_rare and not is_run_at_end
        severity = Severity.WARNING if is_wrong else Severity.INFO
        numbers = [known[index][0].frame for index in odd]
        return of_frames(numbers, what, _window(usual), _window(other), severity)
    message = f"The data window changes over the sequence: {len(windows)} different ones"
    return [Found(message, str(len(windows)), "1", severity=Severity.INFO)]


def _is_region(window: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    """Whether a data window lies in another one, is clearly smaller, and is not the single pixel of an empty image."""
    if len(window) != len(whole) or not 1 < area(window) < _REGION * area(whole):
        return False
    if len(window) == 2:
        return all(mine <= other for mine, other in zip(window, whole, strict=True))
    return is_within(window, whole)


def _is_shifted(sequence: SequenceFacts, window: tuple[int, ...], usual: tuple[int, ...]) -> bool:
    """Whether a data window that holds the display window, and so does not follow the image, is elsewhere, at the same size."""
    images = {frame.display_window for frame in sequence.frames if frame.display_window}
    is_overscan = all(is_within(image, usual) and area(usual) > area(image) for image in images)
    return len(usual) == 4 and is_overscan and window_size(window) == window_size(usual)


@sequence_rule(
    "SEQ-REGIONS",
    Severity.WARNING,
    "Regions of an image are assembled into one file",
    why="The farm rendered tiles of each frame, and the job that puts them together did not run: the image is missing.",
    source="Deadline manual (Draft Tile Assembler)",
    fix="Run the job that assembles the tiles, or paste the files of each frame into one image.",
    limits="It takes sequences of one folder with the same frames, whose names differ in numbers alone and whose data windows "
    "fill their display window without overlap. Regions beside the assembled image have severity info. Tiles whose display "
    "window is the tile are not recognised.",
)
def unassembled_regions(sequence: SequenceFacts, _: object) -> Results:
    siblings = sequence.siblings
    if not siblings.regions:
        return []
    names = [sibling_name(sequence.name, other) for other in siblings.regions]
    numbers = sorted({frame.frame for frame in sequence.frames})
    what = f"a region of an image, of which {_some(names)} {'have the others' if len(names) > 1 else 'has the other'}"
    if siblings.is_assembled:
        what += "; the assembled image lies beside them"
    severity = Severity.INFO if siblings.is_assembled else None
    return of_frames(numbers, what, "the assembled image", f"{len(names) + 1} regions", severity)


def _some(names: Sequence[str]) -> str:
    return listed(names, _ENTRIES_SHOWN)


def without_part(channels: Iterable[str]) -> Counter[str]:
    """Channels as `<name> <TYPE>`, without their part."""
    return Counter(value.partition(":")[2] or value for value in channels)


def _of_other_types(usual: Iterable[str], value: Iterable[str]) -> list[tuple[str, str, str]]:
    """Name, type and usual type of the channels that have another type than usual, in whichever part they are."""
    most, mine = without_part(usual), without_part(value)
    types = {name: kind for name, _, kind in (each.rpartition(" ") for each in (most - mine).elements())}
    new = (each.rpartition(" ") for each in sorted((mine - most).elements()))
    return [(name, kind, types[name]) for name, _, kind in new if name in types]


def other_channels(usual: Iterable[str], value: Iterable[str]) -> tuple[str, str, str]:
    """Describe how channels differ from the usual ones, with found and expected channels; empty if only their parts differ."""
    most, mine = without_part(usual), without_part(value)
    lacking, new = sorted((most - mine).elements()), sorted((mine - most).elements())
    retyped: dict[tuple[str, str], list[str]] = {}
    for name, kind, before in _of_other_types(usual, value):
        retyped.setdefault((kind, before), []).append(name)
    same = {name for names in retyped.values() for name in names}
    words = [f"{_some(names)} {kind} instead of {before}" for (kind, before), names in retyped.items()]
    for word, names in (("without", lacking), ("with additional", new)):
        if others := [each for each in names if each.rpartition(" ")[0] not in same]:
            words.append(f"{word} {_some(others)}")
    parts, most_parts = (len({each.partition(":")[0] for each in channels}) for channels in (value, usual))
    if words and parts != most_parts:
        words.append(f"in {counted(parts, 'part')} instead of {most_parts}")
    return ", ".join(words), _some(new), _some(lacking)


@sequence_rule(
    "SEQ-CHANNELS",
    Severity.ERROR,
    "All frames have the same channels with the same pixel types",
    why="An AOV that is missing in some frames breaks the composite there.",
    source="Natron#1152; ProEXR#7 (readers take the channels of one frame for all); OpenImageIO#1271 (parts in another order)",
    fix="Render the frames that the message names with the AOVs of the others. Where only parts differ, combine them again in "
    "the order of the others (exrmultipart).",
    remedy=Remedy.RENDER,
    limits="Channels that a single frame, or at most a tenth of all, has in addition are taken for those that are wrong. "
    "SEQ-TYPES reports colour that is FLOAT where others have HALF.",
)
def sequence_channels(sequence: SequenceFacts, _: object) -> Results:
    """Report channels that are missing, additional, or of another type than in most frames.

    If several frames, and more than a tenth, have these channels and more, the others lack them. Equal channels in other parts
    are a warning: readers find them by name, but tools that address parts by number do not.
    """
    usual, others = by_channels(sequence)
    found = []
    for value, numbers in others.items():
        if not _is_converted(usual, value):
            words, new, lacking = other_channels(usual, value)
            severity = None if words else Severity.WARNING
            message = f"{named(numbers)}: {words or 'the same channels in other parts than in most frames'}"
            found.append(Found(message, new, lacking, frames=numbers, severity=severity))
    return found


@sequence_rule(
    "SEQ-TYPES",
    Severity.ERROR,
    "All frames store colour with the same pixel type",
    why="The frames were written with other settings. Readers that take the type of one frame for all fail, and files of FLOAT "
    "are up to twice as large.",
    source="Natron#1152 (readers take the channels of one frame for all); OpenEXR technical introduction (HALF)",
    fix="Convert the frames that the message names; the command writes HALF. Their pixels are right, and need no new render.",
    command="oiiotool IN.exr -a -d half -o OUT.exr",
    remedy=Remedy.CONVERSION,
    limits="Colour and alpha that are FLOAT where most frames, or half of them, have HALF. SEQ-CHANNELS reports all "
    "other types, such as HALF where most have FLOAT: these values are lost.",
)
def sequence_types(sequence: SequenceFacts, _: object) -> Results:
    usual, others = by_channels(sequence)
    return [
        Found(f"{named(numbers)}: {words}", new, lacking, frames=numbers)
        for value, numbers in others.items()
        if _is_converted(usual, value)
        for words, new, lacking in [other_channels(usual, value)]
    ]


@once_per_sequence
def by_channels(sequence: SequenceFacts) -> tuple[tuple[str, ...], dict[tuple[str, ...], list[int]]]:
    """The channels that frames should have, and the numbers of the frames that have others, by these."""
    by_value: dict[tuple[str, ...], list[int]] = {}
    for frame in sequence.frames:
        if frame.channels is not None:
            by_value.setdefault(frame.channels, []).append(frame.frame)
    if len(by_value) < 2 or _differ_in_frame_number(sequence):
        return (), {}
    usual = usual_value(sequence, by_value)
    known = sum(map(len, by_value.values()))
    fuller = [
        value
        for value, numbers in by_value.items()
        if len(numbers) > max(1, known // _FEW) and not without_part(usual) - without_part(value)
    ]
    usual = max([usual, *fuller], key=len)
    as_many = [value for value in by_value if len(by_value[value]) == len(by_value[usual])]
    usual = next((value for value in as_many if _is_converted(value, usual)), usual)
    return usual, {value: numbers for value, numbers in by_value.items() if value != usual}


def _is_converted(usual: tuple[str, ...], value: tuple[str, ...]) -> bool:
    """Whether a conversion gives the usual channels: colour and alpha are FLOAT instead of HALF, and nothing else differs."""
    other = _of_other_types(usual, value)
    is_same = len(usual) == len(value) and len(other) == sum((without_part(value) - without_part(usual)).values())
    return bool(other) and is_same and all(map(_is_colour_of_other_type, *zip(*other, strict=True)))


def _is_colour_of_other_type(name: str, kind: str, before: str) -> bool:
    layer, _, component = name.rpartition(".")
    return (kind, before) == ("FLOAT", "HALF") and role_of(layer, component) in {Role.COLOUR, Role.ALPHA}


def _differ_in_frame_number(sequence: SequenceFacts) -> bool:
    """Whether the channels of all frames are equal but for the frame's number: parts can be named after their files."""
    texts = {
        "\n".join(frame.channels).replace(f"{frame.frame:0{frame.padding}}", "#")
        for frame in sequence.frames
        if frame.channels is not None and frame.padding >= _LEAST_PADDING
    }
    return len(texts) == 1


@sequence_rule(
    "SEQ-COMPRESSION",
    Severity.WARNING,
    "All frames have the same compression and tiles",
    why="Frames with other settings were written by another software or version.",
    source="OpenEXR technical introduction (Data Compression)",
    fix="Write the frames that the message names again, with the compression of the others.",
    command="oiiotool IN.exr -a --compression zip -o OUT.exr",
    remedy=Remedy.CONVERSION,
    profiles={"archive": "error"},
)
def sequence_compression(sequence: SequenceFacts, _: object) -> Results:
    same = _with_usual_parts(sequence)
    return [
        *drift(same, "the compression", lambda f: f.compression),
        *drift(same, "dwaCompressionLevel", _dwa_level),
        *drift(same, "the storage", lambda f: f.storage),
    ]


def _with_usual_parts(sequence: SequenceFacts) -> SequenceFacts:
    """The sequence without frames that have more or fewer parts than most: SEQ-CHANNELS says what they lack or add."""
    counts = Counter(frame.storage.count(",") for frame in sequence.frames if frame.storage is not None)
    usual = max(counts, key=counts.__getitem__, default=0)
    frames = [frame for frame in sequence.frames if frame.storage is not None and frame.storage.count(",") == usual]
    return SequenceFacts(sequence.name, frames, sequence.required, sequence.siblings)


def _dwa_level(frame: FrameSummary) -> str | None:
    """The level of the first part, as text; None if another codec is used, or if it is unknown."""
    is_known = frame.attributes is not None and (frame.compression or "").startswith("DWA")
    return frame.attributes.get("dwaCompressionLevel", "45.0") if is_known and frame.attributes is not None else None


@sequence_rule(
    "SEQ-METADATA",
    Severity.WARNING,
    "All frames have the same colour tags, views and software, and all of them or none a rate and a time code",
    why="Frames of two versions were mixed.",
    source="ASWF Color Interop recommendation 04",
    fix="Find out which version is right, and render the other frames again. A missing rate or time code can be added.",
    profiles={"archive": "error"},
)
def metadata(sequence: SequenceFacts, _: object) -> Results:
    return [
        *drift(_with_usual_parts(sequence), "the colour tag", lambda f: f.colour),
        *_views(sequence),
        *_software(sequence),
        *drift(sequence, "framesPerSecond", lambda f: _presence(f, f.frame_rate)),
        *drift(sequence, "the time code", lambda f: _presence(f, f.time_code)),
    ]


def _software(sequence: SequenceFacts) -> list[Found]:
    """Frames that another product or version wrote, also if it is not the first one of a list."""
    found = drift(sequence, "the software", lambda f: f.software)
    products = {frame.frame: products_of(frame.attributes or {}) for frame in sequence.frames}
    named_frames = {number for each in found for number in each.frames}
    others: dict[tuple[int, ...], list[Found]] = {}
    for product in sorted({name for versions in products.values() for name in versions}):
        versions = {number: each.get(product) for number, each in products.items()}
        for each in drift(sequence, f"the version of {product}", partial(_version_in, versions)):
            if not named_frames.issuperset(each.frames):
                others.setdefault(tuple(each.frames), []).append(each)
    return found + [_joined(every) for every in others.values()]


def _version_in(versions: Mapping[int, str | None], frame: FrameSummary) -> str | None:
    return versions[frame.frame]


def _joined(every: Sequence[Found]) -> Found:
    """One finding for several on the same frames."""
    first, *more = every
    ends = [each.message.partition(": ")[2] for each in more]
    return first._replace(message="; ".join([first.message, *ends]))


def _views(sequence: SequenceFacts) -> list[Found]:
    """Frames with other views than most; the message says it if they are those of the other eye."""
    found = []
    for each in drift(sequence, "the list of views", lambda f: f.views):
        if {each.found.lower(), each.expected.lower()} in _EYES:
            what = f"the view is {each.found}, in the other frames {each.expected}: left and right are exchanged"
            found += of_frames(each.frames, what, each.expected, each.found)
        else:
            found.append(each)
    return found


def _presence(frame: FrameSummary, value: object) -> str | None:
    """Whether a frame has an attribute; None if its header is unknown."""
    return None if frame.channels is None else "missing" if value is None else "there"


@sequence_rule(
    "CRY-SEQ",
    Severity.WARNING,
    "All frames have the same Cryptomattes with the same number of layers",
    why="A matte that is missing in some frames makes the composite jump.",
    source="Cryptomatte specification 1.2.0",
    fix="Render the frames that the message names with the settings of the others.",
    limits="Keys, numbers of layers, and names of up to 16 objects, if there are at most four manifests: an object that has "
    "another namespace or path, or a number more, was renamed. With more manifests, names are reported if most are in one "
    "frame alone, in most frames; as info if they differ by numbers, as those of sparks do. Objects may enter and leave. "
    "Ids without names are reported if "
    "all pixels were read. Stored rows have no names.",
)
def cryptomattes(sequence: SequenceFacts, _: object) -> Results:
    mattes = drift(
        sequence, "the list of Cryptomattes", lambda f: f.cryptomattes, lambda value: ", ".join(value) or "none"
    )
    if not any(frame.objects for frame in sequence.frames):
        return mattes
    from exr_inspector.validation.rules.sequences.renamed import lost_manifests, renamed_objects  # noqa: PLC0415 - not in the function's folder

    return [*mattes, *lost_manifests(sequence), *renamed_objects(sequence)]
