"""SEQ: sequence rules on layers that are black, or lack tiles, in single frames. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

from exr_inspector.model import Severity
from exr_inspector.validation.facts.roles import DATA_ROLES, Role, is_matte, role_of
from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.frames import FramePixels
from exr_inspector.validation.rule import NOTHING, Found, Remedy, Results, listed, sequence_rule
from exr_inspector.validation.rules.sequences.comparison import SequenceParameters, of_frames
from exr_inspector.validation.rules.sequences.images import (
    NEIGHBOURS,
    Seen,
    edges_of,
    is_cut,
    names_of_views,
    runs_of,
    shot_frames,
)

_FEWEST = 5  # fewest frames of a sequence that is checked
_COVERED = 0.05  # share of the image by which the alpha of another image differs
_FEW = 5  # at most one frame in 5
_ONE_COUNT = 1.25  # largest ratio of the numbers of samples of deep frames that are alike
_FLASHES = 3  # a light that goes off for a moment three times or more is meant to
_HELD = 0.5  # least content of a layer beside frames that lost it, as a share of the usual one
_CLEAR_LIGHT = 3  # least ratio of the light of a layer to the changes of the main image from frame to frame
_SAME_LIGHT = 0.2  # twice the largest change of the luminance where data are lost
_LEAST_LOST = 256  # pixels: the smallest tiles of renderers are 16 x 16
_TILE_PIXELS = 64  # tiles of 8 x 8 pixels, of which the larger ones consist
_CLEAR = 8  # least ratio of what a frame lacks to the differences of the frames around it


@sequence_rule(
    "SEQ-LAYER-BLACK",
    Severity.WARNING,
    "No layer is black in some frames while it is not in the frames around them",
    why="The layer was not rendered or not written in these frames, although their main image was.",
    source="OpenImageIO oiiotool --stats",
    fix="Compare the layer with the frames before and after, and render the frames again if it is lost.",
    remedy=Remedy.RENDER,
    yields_to=("SEQ-BLACK",),
    limits="An error if all of these layers are views. Two lit frames on each side. More than two frames in a row, and those "
    "at an end, only of light that the main image keeps and of data other than motion, in layers that hold something in most "
    "frames; also single ones at an end if others amid the sequence are alike. Info if the main image loses as much light, "
    "more than twice or for more than two frames. Not Cryptomatte. Of deep images, also frames with less than half of the "
    "samples of steady frames around them.",
)
def black_layers(sequence: SequenceFacts, _: object) -> Results:
    seen = shot_frames(sequence)
    images = [pixels for _, pixels in seen]
    by_frames: dict[tuple[bool, tuple[int, ...]], list[str]] = {}
    for name in sorted({name for pixels in images for name in pixels.lit_pixels.keys() - pixels.lit_layers if name}):
        for is_off, odd in zip((False, True), _lost_and_off(images, name), strict=True):
            if odd:
                by_frames.setdefault((is_off, tuple(seen[index][0].frame for index in odd)), []).append(name)
    void = {frame.frame for frame, pixels in seen if pixels.is_void}
    views = names_of_views(seen)
    found = []
    for (is_off, frames), layers in by_frames.items():
        shown = [f"the view {name}" if name in views else name for name in layers]
        what = "no samples" if void.issuperset(frames) else f"{listed(shown)}: zero in every pixel"
        what += ", and the main image loses as much: is the light off?" if is_off else ", in the frames around not"
        severity = Severity.INFO if is_off else Severity.ERROR if views.issuperset(layers) else None
        found += of_frames(frames, what, "an image", severity=severity)
    return found + _lost_samples(seen)


def _lost_samples(seen: Seen) -> list[Found]:
    """Frames of a deep image, amid steady ones, with less than half of their samples."""
    counts = [pixels.samples for frame, pixels in seen if "deep" in (frame.storage or "")]
    if len(counts) < len(seen) or not counts:
        return []
    usual = float(np.median(counts))
    odd = []
    for run in runs_of(at for at, count in enumerate(counts) if 0 < 2 * count < usual):
        around = [*counts[max(0, run[0] - NEIGHBOURS) : run[0]], *counts[run[-1] + 1 :][:NEIGHBOURS]]
        is_steady = len(around) == 2 * NEIGHBOURS and max(around) <= _ONE_COUNT * min(around)
        if is_steady and 2 * max(counts[at] for at in run) < min(around):
            odd += run
    what = "less than half of the samples of the frames around: was a volume or an object not loaded?"
    return of_frames([seen[at][0].frame for at in odd], what, "as many samples as around", "fewer samples")


def _lost_and_off(images: Sequence[FramePixels], name: str) -> tuple[list[int], list[int]]:
    """The positions at which a layer is lost, and those at which its light is off."""
    lit = [pixels.lit_pixels.get(name) for pixels in images]
    lost: list[list[int]] = []
    off: list[list[int]] = []
    unknown: list[list[int]] = []
    for run in runs_of(at for at, count in enumerate(lit) if count == 0):
        around = [*lit[max(0, run[0] - NEIGHBOURS) : run[0]], *lit[run[-1] + 1 :][:NEIGHBOURS]]
        if len(around) >= NEIGHBOURS and all(around):
            is_kept = _keeps_light(images, name, run)
            is_few = len(run) <= NEIGHBOURS and len(around) == 2 * NEIGHBOURS
            (off if is_kept is False else lost if is_kept or is_few else unknown).append(run)
    few = [run for run in off if len(run) <= NEIGHBOURS]
    if len(few) < _FLASHES:
        lost += few
        off = [run for run in off if run not in few]
    if len(lost) > 1:
        most = max(map(len, lost))
        lost += [run for run in unknown if len(run) <= most and {run[0], run[-1]} & {0, len(lit) - 1}]
    return sorted(chain(*lost)), [*chain(*off)]


def _keeps_light(images: Sequence[FramePixels], name: str, run: Sequence[int]) -> bool | None:
    """Whether the main image stays as it is where a layer turns to zero, or loses its light; None if neither is clear."""
    lit = [pixels.lit_pixels.get(name, 0) for pixels in images]
    lights = [pixels.lights.get(name, 0.0) for pixels in images]
    levels = [pixels.luminance or 0.0 for pixels in images]
    is_data = role_of(name, "X") in DATA_ROLES - {Role.MOTION}
    if 2 * sum(map(bool, lit)) <= len(lit) or is_matte(name) or not (is_data or any(lights)):
        return None
    held = lit if is_data else lights
    least = _HELD * float(np.median([value for value in held if value]))
    noise = _CLEAR_LIGHT * float(np.median(np.abs(np.diff(levels))))
    edges = edges_of(run, len(images))
    answers: set[bool | None] = set()
    for inside, outside in edges:
        fall = levels[outside] - levels[inside]
        covered = abs((images[outside].coverage or 0.0) - (images[inside].coverage or 0.0))
        light = _SAME_LIGHT * levels[outside] if is_data else lights[outside]
        if held[outside] < least or images[inside].is_flat or (light <= noise and not is_data):
            return None
        if fall >= light / 2:
            answers.add(None if is_data else False)
        else:
            is_other = covered >= _COVERED or is_cut(images, *sorted((inside, outside)))
            answers.add(None if is_other or -fall >= light / 2 else True)
    return answers.pop() if len(answers) == 1 else None


@sequence_rule(
    "SEQ-LAYER-HOLE",
    Severity.WARNING,
    "No frame lacks whole tiles of a layer that the frames around it have",
    why="A bucket or tile of this layer was not rendered, not denoised or not written.",
    source="RadeonProRenderBlenderAddon#46 (black tiles); OpenImageIO oiiotool --stats",
    fix="Compare the layer with the frames before and after, and render the frame again if a part is lost.",
    yields_to=("SEQ-BUCKET", "SEQ-BLACK", "SEQ-LAYER-BLACK"),
    limits="Known by the numbers of zeros alone: at most one frame in five has at least 256 more, as many as whole tiles of "
    "8 x 8 pixels have, and the others have equal numbers. Where these differ, frames with clearly more than the two on each "
    "side have severity info. Not in sequences of fewer than five frames.",
)
def holes_in_layers(sequence: SequenceFacts, _: object) -> Results:
    """Report frames in which fewer pixels of a layer hold something than in others, or in the frames on each side.

    The content of a main image moves, and SEQ-BUCKET compares it by place; here it must have as many zeros in all others.
    """
    seen = _of_one_window(shot_frames(sequence))
    by_loss: dict[tuple[int, int, bool], list[str]] = {}
    for name in sorted({name for _, pixels in seen for name in pixels.lit_layers}):
        known = [(frame.frame, pixels.lit_pixels[name]) for frame, pixels in seen if name in pixels.lit_pixels]
        counts = np.array([count for _, count in known])
        lost = np.where(counts > 0, np.median(counts).astype(np.int64) - counts, 0)
        is_steady = bool(((lost == 0) | ((lost >= _LEAST_LOST) & (lost % _TILE_PIXELS == 0))).all())
        if not is_steady:
            lost = np.array([_lost(counts, index) for index in range(len(counts) if name else 0)])
        odd = np.flatnonzero(lost).tolist()
        if len(counts) >= _FEWEST and _FEW * len(odd) <= len(counts):
            for index in odd:
                by_loss.setdefault((known[index][0], int(lost[index]), is_steady), []).append(name or "the main image")
    found = []
    for (number, pixels_lost, is_steady), names in sorted(by_loss.items()):
        what = f"{listed(names)}: zero in {pixels_lost} pixels more than in the frames around"
        what += ", as many as whole tiles have" if is_steady else ""
        severity = None if is_steady else Severity.INFO
        found += of_frames([number], what, "as many as in the frames around", f"{pixels_lost} more", severity)
    return found


def _of_one_window(seen: Seen) -> Seen:
    """The frames with the data window that most have: others have fewer pixels of everything."""
    windows = Counter(frame.data_window for frame, _ in seen)
    usual = max(windows, key=windows.__getitem__, default=None)
    return [(frame, pixels) for frame, pixels in seen if frame.data_window == usual]


def _lost(counts: npt.NDArray[np.int64], index: int) -> int:
    """How many pixels fewer than the frames around a frame has that is not empty; 0 if these differ, or if it has as many."""
    before, after = counts[max(0, index - NEIGHBOURS) : index], counts[index + 1 : index + 1 + NEIGHBOURS]
    if not before.size or not after.size:
        return 0  # motion that begins or ends looks the same
    around = np.concatenate([before, after])
    lost = int(around.min(initial=counts.max()) - counts[index])
    is_clear = counts[index] > 0 and lost >= _LEAST_LOST and _CLEAR * np.ptp(around) <= lost
    return lost if is_clear else 0


@sequence_rule(
    "SEQ-LAYER",
    Severity.WARNING,
    "No layer differs in some frames from the frames beside them while the main image does not",
    why="A pass was rendered or written again from another frame, scene, camera or colour transform than the image.",
    source="OpenImageIO idiff",
    fix="Compare the layer with the frames beside these and with the main image, and render the frames again.",
    yields_to=(
        "SEQ-BUCKET",
        "SEQ-DUP",
        "SEQ-FLASH",
        "SEQ-HUE",
        "SEQ-LAYER-BLACK",
        "SEQ-LAYER-HOLE",
        "SEQ-NOISE",
        "SEQ-TONE",
    ),
    limits="Layers of light, depth, normals and positions, at most 16, and files of such data alone, in sequences of which "
    "`check` or `report` reads all pixels, mostly of eight frames or more; not mattes. At most half of the frames, in which "
    "the main image has less than a seventh of the change, also in parts of its light, and no such finding: light that a comp "
    "does not use looks the same. Info for parts of data and of surfaces such as albedo, for light that flashes more than "
    "twice, and for copies behind which the layer does not jump. What is smaller than a few of 16 x 16 areas is not found, "
    "nor a layer that is late throughout.",
)
def other_layers(sequence: SequenceFacts, parameters: SequenceParameters) -> Results:
    """Compare each layer as SEQ-AREA, SEQ-DUP, SEQ-FLASH, SEQ-HUE, SEQ-MIRROR, SEQ-NOISE and SEQ-TONE do the main image."""
    if not any(frame.layers for frame in sequence.frames):
        return NOTHING
    from exr_inspector.validation.small_images.odd_layers import odd_layers  # noqa: PLC0415 - not in the function's folder

    return odd_layers(sequence, parameters)
