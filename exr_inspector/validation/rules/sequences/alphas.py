"""SEQ-ALPHA: alpha that is 1 everywhere in some frames alone, and mattes that are inverted in some. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, takewhile

import numpy as np

from exr_inspector.model import Severity
from exr_inspector.validation.facts.roles import is_matte
from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.frames import FramePixels
from exr_inspector.validation.rule import Found, Results, listed, sequence_rule
from exr_inspector.validation.rules.sequences.comparison import frame_area, of_frames
from exr_inspector.validation.rules.sequences.images import (
    NEIGHBOURS,
    Seen,
    between_changes,
    edges_of,
    is_cut,
    runs_of,
    shot_frames,
)
from exr_inspector.validation.rules.sequences.small_images import lost_shares

_LEAST_ADDED = 0.05  # least share of the image that alpha covers in addition where it is 1 everywhere
_ADDED_TO_MOTION = 3  # least ratio of that to what it covers in addition from frame to frame
_MOTION = 3  # frames on the side of the matte
_PINHOLES = 0.001  # of the pixels
_HOLE = 0.99  # rounding and filters do not take alpha as far below 1
_INVERTED = 0.25  # largest change of a matte that was inverted, after it is turned back, as a share of that before


@sequence_rule(
    "SEQ-ALPHA",
    Severity.WARNING,
    "Alpha is a matte in all frames, or 1 everywhere in all of them, and no matte is inverted in some of them",
    why="The background was rendered into some frames of an element, or is missing in some frames of an image, be it in single "
    "pixels; or mattes were inverted.",
    source="OpenEXR technical introduction (alpha); OpenImageIO oiiotool --stats",
    fix="Compare the alpha of a frame that the message names with that of the frame beside it, and render the frames again.",
    limits="At most half of the frames, and not those at an end if the image differs there, too. An object that grows until it "
    "fills the image, or begins by filling it, is not reported, nor are deep images, mattes by their name, and data windows "
    "that shrink to what they hold. Holes are fewer than a thousandth of the pixels, in one or two frames in a row. Lost "
    "buckets are reported as SEQ-BUCKET alone. Not known to be inverted: mattes that cover half of the image, and those that "
    "are so from a frame to the last one.",
    of_views=True,
)
def alphas(sequence: SequenceFacts, _: object) -> Results:
    return [*_solid_alphas(sequence), *_pinholes(sequence), *_inverted_mattes(sequence)]


def _pinholes(sequence: SequenceFacts) -> list[Found]:
    """Frames, one or two in a row, whose alpha is below 1 in very few pixels, between frames with an alpha of 1."""
    seen = [(frame.frame, pixels) for frame, pixels in _with_alpha(sequence)]
    odd: list[int] = []
    for run in runs_of(at for at, (_, pixels) in enumerate(seen) if not pixels.is_solid):
        is_between = run[0] > 0 and run[-1] + 1 < len(seen)
        if is_between and len(run) <= NEIGHBOURS and all(_has_pinholes(seen[at][1]) for at in run):
            odd += [seen[at][0] for at in run]
    lost = lost_shares(sequence, odd)
    what = f"alpha is below 1 in fewer than {_PINHOLES:.1%} of the pixels, beside it 1 everywhere: holes"
    return of_frames([number for number in odd if number not in lost], what, "alpha that is 1 everywhere")


def _has_pinholes(pixels: FramePixels) -> bool:
    least, _, mean, _ = pixels.mattes.get("A", (1.0, 1.0, 0.0, 0.0))
    return least < _HOLE and mean > 1 - _PINHOLES


def _inverted_mattes(sequence: SequenceFacts) -> list[Found]:
    """Frames in which a matte, but not the image, changes at once to 1 minus its value, and back."""
    by_frames: dict[tuple[int, ...], list[str]] = {}
    seen = shot_frames(sequence)
    for name in sorted({name for _, pixels in seen for name in pixels.mattes}):
        known = [(frame.frame, pixels) for frame, pixels in seen if name in pixels.mattes]
        values = np.array([pixels.mattes[name] for _, pixels in known])
        turned = np.array([1, 1, 1, 0]) + np.array([-1, -1, -1, 1]) * values[:, [1, 0, 2, 3]]
        steps, to_turned = (np.abs(each[1:] - values[:-1]).max(axis=1) for each in (values, turned))
        inverted = (
            to_turned < np.minimum(_INVERTED * steps, max(_LEAST_ADDED, _MOTION * float(np.median(steps))))
            if len(steps)
            else steps
        )
        images = [pixels for _, pixels in known]
        changes = [bool(each) and not _is_other_image(images, at) for at, each in enumerate(inverted)]
        if sum(changes) > 1:
            by_frames.setdefault(tuple(known[at][0] for at in between_changes(changes)), []).append(name)
    found = []
    for frames, names in by_frames.items():
        what = f"{listed(names)}: inverted (1 minus its value), compared with the frames beside"
        found += of_frames(frames, what, "one matte in all frames")
    return found


def _is_other_image(images: Sequence[FramePixels], at: int) -> bool:
    """Whether a cut is behind a frame, and the image does not change to 1 minus its value there."""
    one, other = (images[index].small for index in (at, at + 1))
    if one.size and one.size == other.size and np.abs(1 - one - other).sum() < np.abs(one - other).sum():
        return False
    return is_cut(images, at, at + 1)


def _with_alpha(sequence: SequenceFacts) -> Seen:
    """The frames with colour and alpha; none of a matte, and no deep images."""
    return [
        (frame, pixels)
        for frame, pixels in ([] if is_matte(sequence.name) else shot_frames(sequence))
        if pixels.is_solid is not None and pixels.luminance is not None and "deep" not in (frame.storage or "")
    ]


def _solid_alphas(sequence: SequenceFacts) -> list[Found]:
    """Frames whose alpha is 1 everywhere, unlike beside them, or is not, unlike beside them, if it changes at once."""
    seen = _with_alpha(sequence)
    is_solid = 2 * sum(bool(pixels.is_solid) for _, pixels in seen) <= len(seen)
    images = [pixels for _, pixels in seen]
    odd: list[int] = []
    for run in runs_of(at for at, pixels in enumerate(images) if pixels.is_solid is is_solid):
        if _is_other_alpha(seen, images, run[0], run[-1]):
            odd += [seen[at][0].frame for at in run]
    lost = lost_shares(sequence, odd)
    odd = [number for number in odd if number not in lost]
    other = "is a matte" if is_solid else "is 1 everywhere"
    what = f"alpha {'is 1 everywhere' if is_solid else 'is a matte'}, in the frames beside it {other}"
    return of_frames(odd, what, f"alpha that {other}")


def _is_other_alpha(seen: Seen, images: Sequence[FramePixels], first: int, last: int) -> bool:
    """Whether alpha changes at once at the ends of a run of frames, and the image does not, or is the same on both sides."""
    edges = edges_of((first, last), len(seen))
    if not edges or not all(_fills_at_once(seen, *edge) for edge in edges):
        return False
    is_one_image = not any(is_cut(images, min(edge), max(edge)) for edge in edges)
    return is_one_image or (len(edges) > 1 and not is_cut(images, first - 1, last + 1))


def _fills_at_once(seen: Seen, inside: int, outside: int) -> bool:
    """Whether alpha covers far more of the one of two frames in which it is 1 than of the other, and of those beyond that."""
    solid, matte = (inside, outside) if seen[inside][1].is_solid else (outside, inside)
    full = frame_area(seen[solid][0])
    if any(pixels.is_flat for _, pixels in (seen[solid], seen[matte])) or frame_area(seen[matte][0]) > full:
        return False
    side = seen[matte : matte + _MOTION + 1] if matte > solid else seen[max(0, matte - _MOTION) : matte + 1][::-1]
    beyond = takewhile(lambda each: not each[1].is_solid, side)
    covered = [(pixels.coverage or 0.0) * frame_area(frame) / full for frame, pixels in beyond]
    motion = max((abs(after - before) for before, after in pairwise(covered)), default=0.0)
    return 1 - covered[0] >= max(_LEAST_ADDED, _ADDED_TO_MOTION * motion)
