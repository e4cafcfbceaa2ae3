"""SEQ: sequence rules on small images and black cells of frames, which only commands that read all pixels know. Pure.

Validations by rows keep their findings (`sync.sequences.NOT_IN_ROWS`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

from exr_inspector.model import Seam, Severity
from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.rule import NOTHING, Found, Remedy, Results, sequence_rule
from exr_inspector.validation.rules.sequences.comparison import of_frames
from exr_inspector.validation.rules.sequences.images import difference, runs_of, shot_frames

_CADENCE = 5  # frames of video that hold four of film
_FEW_SEAMS = 2  # frames with a seam at one place that may be something in the image
_MOVES = 0.02  # least difference of frames with a seam at one place that is none of the image
_ONE_FACTOR = 1.02  # largest ratio of the factors of a seam in the frames that have it
_COMBED = 3  # frames that are in a cadence by no chance


@sequence_rule(
    "SEQ-BUCKET",
    Severity.ERROR,
    "No frame has a black area with straight edges that the frames around it do not have",
    why="Buckets or tiles of the render are missing.",
    limits="Areas with straight edges, beside an image that goes on: buckets of 48 pixels and more; of 32 on a grid of 32, and "
    "of 16 on a grid of 16 or of 24 and more if hardly anything else is zero, counted from the data window's corner. Content "
    "that moves as much hides them, as do larger ones in the frames beside; those at the edge of an element can be missed. "
    "If three or more consecutive frames lack the same, only quarters or halves of the image are reported, with severity "
    "warning, if the other quarters, the frame before and the one behind have nothing black there; not in all frames, and not "
    "in sequences of two frames.",
    source="OpenEXR technical introduction (Tiles)",
    fix="Render the frame again.",
    remedy=Remedy.RENDER,
    of_views=True,
)
def bucket(sequence: SequenceFacts, _: object) -> Results:
    """Report regions of cells of 8 x 8 pixels whose colour is exactly zero; x and y count from the data window's corner.

    The two frames on each side are compared; for the first and the last frame, both frames on the other side.
    """
    if not sequence.has_small_images:
        return NOTHING
    from exr_inspector.validation.small_images.buckets import black_areas  # noqa: PLC0415 - not in the function's folder

    return black_areas(sequence)


@sequence_rule(
    "SEQ-AREA",
    Severity.INFO,
    "No frame differs, in a part of the image or as a whole, from the frames beside it while these agree there",
    why="An object, a light or a texture is missing in the frame, something was added, such as a watermark, or the frame is "
    "one of another shot.",
    source="openfx#202 (a watermark on some frames)",
    fix="Compare the frame with those beside it, and render it again unless a flash or a short event is meant.",
    yields_to=(
        "SEQ-BUCKET",
        "SEQ-CONSTANT",
        "SEQ-DUP",
        "SEQ-FLASH",
        "SEQ-HUE",
        "SEQ-MIRROR",
        "SEQ-NOISE",
        "SEQ-TONE",
        "SEQ-VIEWS",
    ),
    limits="Single frames, or runs of up to six, at most one in four (of whole images one in five), in sequences of eight "
    "frames or more whose other frames change steadily: with fast motion or flicker, nothing is reported. In three or "
    "more of 16 x 16 areas (four in runs), and at most half, a fifth of the light changes where the frames beside "
    "agree; a warning if two runs or more have the same areas all over the image, as a watermark, if alpha covers "
    "less in them, or if a twelfth of all are strongly brighter or darker all over the image, also as if it was "
    "scaled or shifted; or they agree better than the frame with each by 0.7 % of the root of the light, and by 60 % "
    "of what neighbours differ; or two neighbours are exchanged, without which the motion is steady; or three frames "
    "or more, at equal distances from the first one on, have stronger edges than all others near them by 3 %. Four "
    "areas or more in the two rows at the top or the bottom that change at once, and back at once, are a text. A "
    "whole image of another shape, in up to four frames, is a warning, and info at the beginning, where it may be a "
    "slate: no rule compares that with the shot. Frames of which `check` or `report` reads all pixels.",
    of_views=True,
)
def odd_areas(sequence: SequenceFacts, _: object) -> Results:
    """Compare small images of three frames each, and report the few frames that are odd if no other frame is nearly so."""
    what = "another image than in the shot: a slate, or an effect that begins or ends?"
    found = of_frames(sorted(sequence.slates), what, "the image of the frames beside", "another image")
    if sequence.has_small_images:
        from exr_inspector.validation.small_images import areas  # noqa: PLC0415 - not in the function's folder

        found += areas.areas_that_differ(sequence)
    return found


@sequence_rule(
    "SEQ-TONE",
    Severity.WARNING,
    "No frames have another exposure or tone curve than the frames before and behind them, which agree",
    why="A machine rendered or converted them with another exposure, gamma or colour transform.",
    source="deadline-cloud-for-cinema-4d#540 (other colours from a farm)",
    fix="Compare a frame that the message names with the one before, and render or convert the frames again.",
    yields_to=("SEQ-MIRROR",),
    limits="Blocks of three frames and more, at most half of the sequence, whose areas from dark to bright have the order of "
    "those in the frames beside them: another light changes the order. A light that is switched in the whole image can look "
    "the same: steps of less than 1.4 have severity info, as have those of light that goes on and off many times or that makes "
    "one channel brighter and another one darker. So have one "
    "or two frames with nearly the light of those beside them, unless there are three of one tone, not at equal distances. "
    "From a single change on to the end, only light that is raised to a power, as by a gamma, is reported. "
    "Frames of which `check` or `report` reads all pixels.",
    of_views=True,
)
def tones(sequence: SequenceFacts, _: object) -> Results:
    if not sequence.has_small_images:
        return NOTHING
    from exr_inspector.validation.small_images.tones import other_tones  # noqa: PLC0415 - not in the function's folder

    return other_tones(sequence)


@sequence_rule(
    "SEQ-SEAM",
    Severity.INFO,
    "No frame has a straight line across it beyond which the tone differs",
    why="The image was put together from tiles of renders that differ, or overlap.",
    source="BlendFarm#31, BlendFarm#111 (a frame divided among computers)",
    fix="Render the frames on one computer, or with one version, device and colour configuration on all.",
    limits="Lines from edge to edge, or from an edge to the middle, in frames of which `check` or `report` reads all pixels, "
    "with a step of 3 % or more in one channel (6 % to the middle), where the texture goes on; not the edges of objects, and "
    "not lines in black. Veils, wipes, the corners of rooms and the edges of shadows can look the same. A warning if at least "
    "three frames, at most half of all and not all in a row, have it at one place with one factor while the image moves.",
    of_views=True,
)
def seams(sequence: SequenceFacts, _: object) -> Results:
    seen = shot_frames(sequence)
    images = {frame.frame: pixels for frame, pixels in seen}
    frames: defaultdict[tuple[bool, int], dict[int, Seam]] = defaultdict(dict)
    for frame, pixels in seen:
        for seam in pixels.lines.seams if pixels.lines else ():
            frames[seam.is_vertical, seam.at][frame.frame] = seam
    found = []
    for (is_vertical, at), every in sorted(frames.items()):
        first = next(iter(every.values()))
        line = "column" if is_vertical else "row"
        what = f"from {line} {at} on, {first.channel} is {first.factor:.3g} times what it is before, while the texture goes on"
        moves = [difference(images[one], images[other]) for one, other in pairwise(every)]
        factors = [seam.factor for seam in every.values()]
        is_steady = max(factors) <= _ONE_FACTOR * min(factors)  # unlike that of fire
        # A thing in the scene, such as the edge of a pane, comes once.
        are_scattered = len(runs_of(at for at, (frame, _) in enumerate(seen) if frame.frame in every)) > 1
        is_some = _FEW_SEAMS < len(every) <= len(seen) / 2
        is_fixed = is_steady and is_some and are_scattered and min(moves) >= _MOVES
        severity = Severity.WARNING if is_fixed else None
        what += ": put together from renders that differ?"
        found += of_frames([*every], what, "one tone", f"{line} {at}", severity)
    return found


@sequence_rule(
    "SEQ-FIELDS",
    Severity.INFO,
    "No frame holds two images in alternate rows",
    why="Moving edges look like combs: the fields of interlaced video, of two times, were woven into one frame.",
    source="Netflix Conversion Error - Combing",
    fix="Convert the source with its field order: remove the pulldown if it was film, else deinterlace it.",
    limits="Frames of which `check` or `report` reads all pixels, where most columns alternate from row to row and rows do not "
    "from column to column: the whole image moves. A warning if these frames are one or two of each five, as of 3:2 pulldown; "
    "else fine stripes all over the image look the same.",
    of_views=True,
)
def fields(sequence: SequenceFacts, _: object) -> Results:
    """Look for frames whose rows alternate, and for the cadence of 3:2 pulldown, also beside missing frames."""
    seen = [(frame.frame, bool(pixels.lines and pixels.lines.row_steps)) for frame, pixels in shot_frames(sequence)]
    combed = [number for number, is_combed in seen if is_combed]
    step = min((after - before for (before, _), (after, _) in pairwise(seen) if after > before), default=1)
    places = {number // step % _CADENCE for number in combed}
    is_share = 2 * len(combed) <= len(seen) <= 2 * _CADENCE * len(combed)
    is_cadence = is_share and len(combed) >= _COMBED and any(places <= {at, (at + 1) % _CADENCE} for at in places)
    cause = ", as of 3:2 pulldown" if is_cadence else "?"
    what = f"rows alternate between two images: fields of interlaced video{cause}"
    severity = Severity.WARNING if is_cadence else None
    return of_frames(combed, what, "rows of one image", "two images", severity)


@sequence_rule(
    "SEQ-MIRROR",
    Severity.WARNING,
    "No frame is upside down or mirrored beside the others",
    why="Some machines or writers exchange the first and the last row.",
    source="KinoMotion#16 (frames that are written upside down)",
    fix="Turn the frames that the message names, with --flip if they are upside down, --flop if they are mirrored, or "
    "--rotate180, and look for the writer that turns them.",
    command="oiiotool IN.exr -a --flip -o OUT.exr",
    remedy=Remedy.CONVERSION,
    limits="Frames of which `check` or `report` reads all pixels, between others or in at most half of the sequence; a single "
    "change is a cut. Info if parts of the image do not change, or if it is mirrored left to right more than once: lights and "
    "objects that move from one side to the other can look the same.",
    of_views=True,
)
def mirrored(sequence: SequenceFacts, _: object) -> Results:
    if not sequence.has_small_images:
        return NOTHING
    from exr_inspector.validation.small_images.turned import turned_frames  # noqa: PLC0415 - not in the function's folder

    return turned_frames(sequence)


@sequence_rule(
    "SEQ-VIEWS",
    Severity.WARNING,
    "The two views of stereo files keep their places in all frames",
    why="A viewer sees these frames with the eyes exchanged, which inverts their depth.",
    source="OpenEXR multi-view document; MovieLabs QC vocabulary (swapped eyes)",
    fix="Look for the machine or the version that wrote these frames, and write them again, or exchange their views.",
    limits="Files with two views, of which `check` or `report` reads all pixels, in at most half of the sequence, and only if "
    "the image moves less from frame to frame than the views are apart. Views in files of their own are not compared.",
)
def exchanged(sequence: SequenceFacts, _: object) -> Results:
    if not sequence.has_small_images:
        return NOTHING
    from exr_inspector.validation.small_images import exchanged_views  # noqa: PLC0415 - not in the function's folder

    return exchanged_views.exchanged_views(sequence)


def lost_shares(sequence: SequenceFacts, numbers: Collection[int]) -> Mapping[int, float]:
    """The share of the image that lost buckets take, of those of the given frames that lost some, by their number."""
    if not sequence.has_small_images:
        return {}
    from exr_inspector.validation.small_images import buckets  # noqa: PLC0415 - not in the function's folder

    return buckets.shares_of_buckets(sequence, numbers)


def display_tones(sequence: SequenceFacts, numbers: Collection[int]) -> Mapping[int, bool]:
    """Which of the given frames, of other light, have another tone curve, and whether it is that of a display."""
    if not sequence.has_small_images:
        return {}
    from exr_inspector.validation.small_images import tones  # noqa: PLC0415 - not in the function's folder

    return tones.tone_curves(sequence, numbers)


def frames_of_other_shots(sequence: SequenceFacts) -> Collection[int]:
    """The numbers of single frames, and of short runs, that show another shot than the frames around them."""
    if not sequence.has_small_images:
        return ()
    from exr_inspector.validation.small_images import areas  # noqa: PLC0415 - not in the function's folder

    return {number for each in areas.other_shots(sequence) for number in each.frames}


def near_copies(sequence: SequenceFacts) -> Sequence[Found]:
    """Findings on frames that show the image of others with other noise."""
    if not sequence.has_small_images:
        return ()
    from exr_inspector.validation.small_images.repeats import repeated_images  # noqa: PLC0415 - not in the function's folder

    return repeated_images(sequence)


def measured_noise(sequence: SequenceFacts) -> list[Found]:
    """Findings on frames with far more noise, and on noise of one pattern in all of them."""
    if not sequence.has_small_images:
        return []
    from exr_inspector.validation.small_images import noise  # noqa: PLC0415 - not in the function's folder

    return [*noise.noisier_frames(sequence), *noise.fixed_pattern(sequence)]


def mixed_frames(sequence: SequenceFacts) -> list[Found]:
    """Findings on frames that are mixed from others."""
    if not sequence.has_small_images:
        return []
    from exr_inspector.validation.small_images import noise  # noqa: PLC0415 - not in the function's folder

    return noise.blended_frames(sequence)


def flicker(sequence: SequenceFacts) -> list[Found]:
    """Findings on light that goes up and down from frame to frame."""
    if not sequence.has_small_images:
        return []
    from exr_inspector.validation.small_images.flicker import flickering_frames  # noqa: PLC0415 - not in the function's folder

    return flickering_frames(sequence)
